//! An error, or a doubtful value, in a configuration: where, under which key, and what to do about it.

use std::fmt;

use crate::limits::CONFIG_PROBLEMS_MAX;

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, from 1; 0 if it has no place in the text.
    pub line: usize,
    /// The key as the file nests it, `route.routes[1].receiver`; empty for the text as a whole; of a value that the command
    /// line has, the flag: `--web.external-url`.
    pub path: String,
    /// The value, the rule and what to do.
    pub text: String,
}

impl Problem {
    /// With the name of the file that it is in before it; a flag is in none.
    pub fn in_file(&self, file: &impl fmt::Display) -> String {
        match self.line {
            0 if self.path.starts_with("--") => self.to_string(),
            0 => format!("{file}: {self}"),
            _ => format!("{file}:{self}"),
        }
    }
}

/// `12: route.receiver: undefined receiver "x"`: without the file's name.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => {}
            line => write!(f, "{line}: ")?,
        }
        match self.path.as_str() {
            "" => f.write_str(&self.text),
            path => write!(f, "{path}: {}", self.text),
        }
    }
}

/// Every error of a configuration, in the order of its lines. Nothing of it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    /// The file's name.
    pub file: String,
    /// The errors; never none, and [`CONFIG_PROBLEMS_MAX`] at most.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl Errors {
    /// The errors of `file`, sorted by line.
    pub fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        let more = problems.len().saturating_sub(CONFIG_PROBLEMS_MAX);
        problems.truncate(CONFIG_PROBLEMS_MAX);
        Self { file: file.to_owned(), problems, more }
    }
}

/// A line for each error: `configs/x.toml:12: route.receiver: undefined receiver "x"; defined: default`.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{}", problem.in_file(&self.file))?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more", self.file),
        }
    }
}

impl std::error::Error for Errors {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: usize, path: &str) -> Problem {
        Problem { line, path: path.to_owned(), text: "is odd".to_owned() }
    }

    #[test]
    fn errors_print_in_the_order_of_the_lines() {
        let errors = Errors::new("x.toml", vec![problem(3, "b"), problem(0, ""), problem(1, "a")]);
        assert_eq!(errors.to_string(), "x.toml: is odd\nx.toml:1: a: is odd\nx.toml:3: b: is odd");
    }

    #[test]
    fn a_flood_of_errors_is_cut_and_counted() {
        let errors = Errors::new("x", vec![problem(1, "a"); CONFIG_PROBLEMS_MAX + 2]);
        assert!(errors.to_string().ends_with("\nx: and 2 more"));
    }
}
