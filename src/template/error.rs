//! An error of a template, and its place.

use std::fmt;
use std::sync::Arc;

/// A fault of a template. Changes nothing. `Display` names file, line, column and expression as far as they are known:
/// `a.tmpl:3:12: .Labels.Nope.X: can't evaluate field X in type string`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The file, or the name of what was rendered.
    pub file: Arc<str>,
    /// Counted from 1; 0 if it is not known.
    pub line: usize,
    /// In bytes, counted from 1; 0 if it is not known.
    pub column: usize,
    /// The expression that failed, or empty.
    pub expression: String,
    /// Which rule was broken.
    pub text: String,
}

impl TemplateError {
    /// The same without a word of the template, which is a secret.
    #[must_use]
    pub fn of_a_secret(self) -> Self {
        let text = "it is a secret, so no more is told".to_owned();
        Self { expression: String::new(), text, ..self }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": ")?;
        if !self.expression.is_empty() {
            write!(f, "{}: ", self.expression)?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for TemplateError {}
