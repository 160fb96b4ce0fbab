//! The text format of metrics, version 0.0.4.

use std::fmt::Write as _;

/// Upper bounds of the buckets of an HTTP request's duration, in seconds.
pub const HTTP_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Durations, counted by size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Histogram {
    buckets: [u64; HTTP_BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    /// Counts a duration.
    pub fn observe(&mut self, seconds: f64) {
        for (bucket, bound) in self.buckets.iter_mut().zip(HTTP_BUCKETS) {
            *bucket += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum += seconds;
    }
}

/// Writes metrics a family at a time: [`MetricsText::family`], then its samples.
#[derive(Debug, Default)]
pub struct MetricsText {
    out: String,
    name: &'static str,
}

/// A label of a sample.
pub type Label<'a> = (&'a str, &'a str);

impl MetricsText {
    /// Begins a family: `kind` is `counter`, `gauge` or `histogram`.
    pub fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Self {
        self.name = name;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"))
    }

    /// Adds a sample to the family.
    pub fn sample(&mut self, labels: &[Label<'_>], value: impl Into<f64>) -> &mut Self {
        self.suffixed("", labels, value.into())
    }

    /// Adds a count to the family.
    pub fn count(&mut self, labels: &[Label<'_>], value: u64) -> &mut Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the format has floating point numbers alone"
        )]
        let value = value as f64;
        self.sample(labels, value)
    }

    /// Adds a histogram to the family: each bound with how many were not above it, how many there were, and their sum.
    pub fn histogram(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
    ) -> &mut Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the format has floating point numbers alone"
        )]
        let float = |count: u64| count as f64;
        let mut bucket = |bound: &str, count: u64| {
            let labels = [labels, &[("le", bound)]].concat();
            self.suffixed("_bucket", &labels, float(count));
        };
        for (bound, count) in buckets {
            bucket(&bound.to_string(), count);
        }
        bucket("+Inf", count);
        self.suffixed("_sum", labels, sum).suffixed("_count", labels, float(count))
    }

    /// Adds a [`Histogram`] to the family.
    pub fn durations(&mut self, labels: &[Label<'_>], durations: &Histogram) -> &mut Self {
        let buckets = HTTP_BUCKETS.into_iter().zip(durations.buckets);
        self.histogram(labels, buckets, durations.count, durations.sum)
    }

    /// The text so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn suffixed(&mut self, suffix: &str, labels: &[Label<'_>], value: f64) -> &mut Self {
        let name = self.name;
        self.line(format_args!("{name}{suffix}"));
        for (i, (name, value)) in labels.iter().enumerate() {
            let open = if i == 0 { '{' } else { ',' };
            self.line(format_args!("{open}{name}=\"{}\"", Escaped(value)));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        self.line(format_args!("{close} {value}\n"))
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) -> &mut Self {
        // A String takes every text.
        self.out.write_fmt(text).ok();
        self
    }
}

struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_samples_and_histograms_are_written() {
        let mut text = MetricsText::default();
        text.family("a_total", "counter", "What a is.").count(&[("x", "q\"\\\n"), ("y", "1")], 3);
        let mut durations = Histogram::default();
        durations.observe(0.004);
        durations.observe(7.0);
        text.family("b", "histogram", "What b is.").durations(&[], &durations);
        let text = String::from_utf8(text.into_bytes()).unwrap();
        assert!(text.starts_with(
            "# HELP a_total What a is.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\\n\",y=\"1\"} 3\n"
        ));
        assert!(text.contains("b_bucket{le=\"0.0025\"} 0\nb_bucket{le=\"0.005\"} 1\n"));
        assert!(text.ends_with("b_bucket{le=\"+Inf\"} 2\nb_sum 7.004\nb_count 2\n"));
    }
}
