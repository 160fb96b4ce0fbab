//! Templates against the table of what Debian's `amtool template render` makes of them, and against whatever comes.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its tables fails")]

use std::fs;
use std::path::Path;

use bellwether::limits::{TEMPLATE_DEPTH_MAX, TEMPLATE_NEST_MAX};
use bellwether::model::Labels;
use bellwether::template::{Data, Templates};
use bellwether::time::Wall;
use proptest::prelude::*;
use serde_json::Value;

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/template");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn data() -> Data {
    Data::from_json(&file("data.json"), Wall::from_secs(1_764_324_000)).unwrap()
}

fn table(name: &str) -> Vec<Value> {
    serde_json::from_str(&file(name)).unwrap()
}

fn render(
    kind: &str,
    text: &str,
    data: &Data,
) -> Result<String, bellwether::template::TemplateError> {
    let templates = Templates::builtin();
    if kind == "html" { templates.html(text, data) } else { templates.text(text, data) }
}

/// Rows have a `type`, a `text`, and what the oracle makes of it, if it does not refuse it. A row that `differs` says why,
/// and has `ours` if we make anything of it.
fn compare(table: &[Value], oracle: &str) {
    let data = data();
    let mut wrong = Vec::new();
    for row in table {
        let of = |name: &str| row.get(name).and_then(Value::as_str);
        let (kind, text) = (of("type").unwrap(), of("text").unwrap());
        let expected = if of("differs").is_some() { of("ours") } else { of(oracle) };
        let rendered = render(kind, text, &data);
        if rendered.as_deref().ok() != expected {
            wrong.push(format!("{kind}: {text}\n  expected {expected:?}\n  got {rendered:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_render_as_amtools() {
    let table = table("golden.json");
    assert!(table.len() >= 250);
    compare(&table, "amtool");
}

/// newer.go makes the table.
#[test]
fn functions_newer_than_amtools_do_as_gos() {
    let table = table("newer.json");
    assert!(table.len() >= 300);
    compare(&table, "go");
}

/// Renders as text and as HTML; whatever comes of it, it comes.
fn survive(text: &str, data: &Data) {
    for kind in ["text", "html"] {
        if let Err(error) = render(kind, text, data) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Texts that each take all the steps there are in another way.
const COSTLY: [(&str, &str); 21] = [
    ("calls", "{{ range 60000 }}{{ print 1 2 }}{{ end }}"),
    ("arguments", "{{ range 60000 }}{{ print 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 }}{{ end }}"),
    ("widths", r#"{{ range 60000 }}{{ printf "%900d" 1 | len }}{{ end }}"#),
    (
        "quotes",
        r#"{{ range 60000 }}{{ printf "%q %x %+v" $.ExternalURL $.ExternalURL $ | len }}{{ end }}"#,
    ),
    ("replaces", r#"{{ range 60000 }}{{ reReplaceAll "(a|b|c)*x?" "y" "abcabcabcabc" }}{{ end }}"#),
    (
        "patterns",
        r#"{{ range $i, $x := 60000 }}{{ match (printf "(a{99}){9}%d" $i) "a" }}{{ end }}"#,
    ),
    ("json", "{{ range 60000 }}{{ toJson $ | len }}{{ end }}"),
    ("methods", "{{ range 60000 }}{{ $.CommonLabels.SortedPairs | len }}{{ end }}"),
    (
        "dates",
        r#"{{ range 60000 }}{{ date "Mon Jan 2 15:04:05 MST 2006" (tz "Europe/Berlin" now) | len }}{{ end }}"#,
    ),
    ("lists", "{{ $l := list 1 }}{{ range 60000 }}{{ $l = append $l 1 }}{{ end }}"),
    (
        "texts",
        r#"{{ $t := "x" }}{{ range 60000 }}{{ $t = print $t $t | title | toUpper }}{{ end }}"#,
    ),
    (
        "comparisons",
        "{{ range 60000 }}{{ if and (eq . 1 2 3) (lt . 1) }}{{ else }}{{ end }}{{ end }}",
    ),
    ("fields", "{{ range .Alerts }}{{ $.Status }}{{ end }}"),
    ("alerts", "{{ range .Alerts }}{{ len $.Alerts }}{{ end }}"),
    ("firing", "{{ range .Alerts }}{{ len $.Alerts.Firing }}{{ end }}"),
    ("late", "{{ range .Alerts }}{{ $.Late }}{{ end }}"),
    (
        "equal texts",
        r#"{{ $t := printf "%100000s" "x" }}{{ range 60000 }}{{ if eq $t $t }}{{ end }}{{ end }}"#,
    ),
    ("long labels", "{{ range 60000 }}{{ if $.CommonLabels.long }}{{ end }}{{ end }}"),
    ("removed", "{{ range 60000 }}{{ len ($.CommonLabels.Remove $.CommonLabels.Names) }}{{ end }}"),
    ("slack", r#"{{ template "slack.default.title" . }}{{ template "slack.default.text" . }}"#),
    ("mail", r#"{{ template "email.default.html" . }}"#),
];

/// Data with as many alerts as one notification may have.
fn large() -> Data {
    let data = data();
    let alerts = data.alerts.iter().cycle().take(20_000).cloned();
    let names: Vec<String> = (0..1_000).map(|n| format!("n{n}")).collect();
    let long = "x".repeat(40_000);
    let labels = names.iter().map(|name| (&**name, "x")).chain([("long", &*long)]);
    Data { alerts: alerts.collect(), common_labels: labels.collect(), ..data }
}

/// Run with `cargo test --release --test templates -- --ignored --nocapture`: prints the longest of each kind.
#[test]
#[ignore = "measures a release build"]
#[expect(clippy::disallowed_methods, reason = "a measurement, run by hand")]
fn no_template_takes_longer_than_50_ms() {
    let (small, large, mut longest) = (data(), large(), 0.0);
    for (name, text) in COSTLY {
        for (kind, data) in [("text", &small), ("html", &small), ("text", &large), ("html", &large)]
        {
            let begun = std::time::Instant::now();
            let end = render(kind, text, data);
            let ms = begun.elapsed().as_secs_f64() * 1000.0;
            let why = end.err().map_or("rendered".to_owned(), |error| error.to_string());
            println!(
                "{name} {kind}, {} alerts: {ms:.1} ms: {}",
                data.alerts.len(),
                why.chars().take(90).collect::<String>()
            );
            longest = f64::max(longest, ms);
        }
    }
    assert!(longest < 50.0, "{longest} ms");
}

#[test]
fn a_text_is_parsed_once_and_renders_the_same_each_time() {
    let (data, templates) = (data(), Templates::builtin());
    let text = "{{ define \"x\" }}<{{ . }}>{{ end }}{{ template \"x\" .Status }}";
    for _ in 0..3 {
        assert_eq!(templates.text(text, &data).unwrap(), "<firing>");
        assert_eq!(templates.html(text, &data).unwrap(), templates.html(text, &data).unwrap());
    }
    // A definition of one text is not there for another.
    assert!(templates.text("{{ template \"x\" . }}", &data).is_err());
}

#[test]
fn labels_of_a_route_see_the_group_and_each_other() {
    let (data, templates) = (data(), Templates::builtin());
    let labels: Labels = [
        ("top", r#"{{ routeLabels "a" }}-{{ routeLabels "b" }}"#),
        ("a", r#"{{ routeLabels "leaf" }}"#),
        ("b", r#"{{ routeLabels "leaf" }}"#),
        ("leaf", "{{ .GroupLabels.site }}"),
        ("plain", "x {}"),
        ("why", "{{ .NotificationReason }}"),
        ("not_again", "{{ `{{ .Status }}` }}"),
        ("nobody", r#"[{{ routeLabels "nope" }}]"#),
        ("self", r#"{{ routeLabels "self" }}"#),
        ("one", r#"{{ routeLabels "two" }}"#),
        ("two", r#"{{ routeLabels "one" }}"#),
        ("wrong", "{{ .Nope }}"),
    ]
    .into_iter()
    .collect();
    let (rendered, failed) = templates.route_labels(&labels, &data);
    let expected: Labels = [
        ("top", "b-b"),
        ("a", "b"),
        ("b", "b"),
        ("leaf", "b"),
        ("plain", "x {}"),
        ("why", "unknown"),
        ("not_again", "{{ .Status }}"),
        ("nobody", "[]"),
    ]
    .into_iter()
    .collect();
    assert_eq!(rendered, expected);
    let failed: Vec<_> = failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, ["one", "self", "two", "wrong"]);
    let data = Data { route_labels: rendered, ..data };
    let used = templates.text(r#"{{ routeLabels "not_again" }}"#, &data).unwrap();
    assert_eq!(used, "{{ .Status }}", "a value is not rendered twice");
}

#[test]
fn templates_nest_so_deep_and_no_deeper() {
    let data = data();
    let blocks = |n: usize| format!("{}x{}", "{{ if 1 }}".repeat(n), "{{ end }}".repeat(n));
    let parentheses = |n: usize| format!("{{{{ {}`x`{} }}}}", "(".repeat(n), ")".repeat(n));
    let lists = |n: usize| {
        let more = "{{ $l = list $l }}".repeat(n - 1);
        format!("{{{{ $l := list }}}}{more}{{{{ $l | len }}}}{{{{ printf \"%v\" $l | len }}}}")
    };
    // A call and the block around it are two.
    let calls = |n: usize| {
        let define = |i: usize| {
            format!("{{{{ define \"t{i}\" }}}}{{{{ template \"t{}\" }}}}{{{{ end }}}}", i + 1)
        };
        let chain: String = (1..n).map(define).collect();
        format!("{chain}{{{{ define \"t{n}\" }}}}x{{{{ end }}}}{{{{ template \"t1\" }}}}")
    };
    let deepest = |make: &dyn Fn(usize) -> String, kind| {
        (1..=2 * TEMPLATE_DEPTH_MAX).take_while(|n| render(kind, &make(*n), &data).is_ok()).count()
    };
    for kind in ["text", "html"] {
        for make in [&blocks as &dyn Fn(usize) -> String, &parentheses, &lists] {
            let deepest = deepest(make, kind);
            assert!(deepest.abs_diff(TEMPLATE_NEST_MAX) <= 1, "{kind}: {deepest}");
        }
        let deepest = deepest(&calls, kind);
        assert!(deepest.abs_diff(TEMPLATE_DEPTH_MAX) <= 1, "{kind}: {deepest}");
    }
}

#[test]
fn endless_nesting_and_recursion_are_refused() {
    let data = data();
    let deep = 5000;
    let nested = |open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}", open.repeat(deep), close.repeat(deep))
    };
    let link = |i: usize| {
        let next = i + 1;
        format!("{{{{ define \"t{i}\" }}}}{{{{ template \"t{next}\" }}}}{{{{ end }}}}")
    };
    let chain = (0..500).map(link).collect::<Vec<_>>().concat();
    for text in [
        format!("{{{{ {} }}}}", nested("(", "1", ")")),
        format!("{{{{ {} }}}}", "(".repeat(deep)),
        nested("{{ if true }}", "x", "{{ end }}"),
        nested("{{ range .Alerts }}", "x", "{{ end }}"),
        nested("{{ block \"b\" . }}", "x", "{{ end }}"),
        format!("{{{{ if 0 }}}}{}{{{{ end }}}}", "{{ else if 0 }}x".repeat(deep)),
        "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}".to_owned(),
        "{{ define \"a\" }}{{ template \"b\" }}{{ end }}{{ define \"b\" }}x{{ template \"a\" }}{{ end }}{{ template \"a\" }}"
            .to_owned(),
        format!("{chain}{{{{ define \"t500\" }}}}x{{{{ end }}}}{{{{ template \"t0\" }}}}"),
        "{{ range 1000000000 }}{{ end }}".to_owned(),
        "{{ $x := \"0123456789\" }}{{ range 1000000 }}{{ $x = print $x $x }}{{ end }}".to_owned(),
        "{{ $x := list 1 }}{{ range 1000000 }}{{ $x = list $x $x }}{{ end }}{{ $x }}".to_owned(),
        "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}".to_owned(),
        "{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ printf \"%v\" $x }}".to_owned(),
        "{{ $x := list 1 }}{{ range 20000 }}{{ $x = list $x }}{{ end }}".to_owned(),
        "{{ range 10000 }}{{ printf \"%999999d\" 1 }}{{ end }}".to_owned(),
        format!("{{{{ printf \"{}\" 1 }}}}", "%999999d".repeat(1000)),
        "{{ range 100000 }}{{ reReplaceAll \"(a*)*b\" \"x\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }}{{ end }}"
            .to_owned(),
    ] {
        for kind in ["text", "html"] {
            let rendered = render(kind, &text, &data);
            let shown: String = text.chars().take(60).collect();
            assert!(rendered.is_err(), "{kind}: {shown}: {} bytes", rendered.unwrap().len());
        }
    }
}

#[test]
fn all_texts_of_a_notification_share_one_budget() {
    let (templates, data) = (Templates::builtin(), data());
    let renderer = templates.for_notification(&data);
    let text = "{{ range 10000 }}x{{ end }}";
    let rendered = (0..1000).take_while(|_| renderer.text(text).is_ok()).count();
    assert!((1..100).contains(&rendered), "{rendered}");
    assert!(templates.text(text, &data).is_ok(), "each notification has its own");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_renders_or_is_refused(text in "\\PC{0,80}", action in "[ -~]{0,40}") {
        let data = data();
        survive(&text, &data);
        survive(&format!("{{{{{action}}}}}"), &data);
        survive(&format!("<{text}{{{{ .Status }}}}{action}>"), &data);
    }

    #[test]
    fn a_text_that_was_changed_somewhere_renders_or_is_refused(
        row in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..6), 1..4),
    ) {
        let (data, table) = (data(), table("golden.json"));
        let text = |index: &prop::sample::Index| {
            table[index.index(table.len())]["text"].as_str().unwrap().chars().collect::<Vec<_>>()
        };
        let (mut chars, others) = (text(&row), text(&other));
        for (at, bytes) in &cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + bytes).min(chars.len());
            let from = at.min(others.len());
            let piece = others[from..(from + bytes).min(others.len())].to_vec();
            chars.splice(at..end, piece);
        }
        survive(&chars.into_iter().collect::<String>(), &data);
    }
}
