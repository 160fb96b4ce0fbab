//! Go's template language over typed values, with Alertmanager's data, functions and default texts.
//!
//! Imports: limits, model, time. Everything is bounded: see the templates' rows in [`crate::limits`].

mod data;
mod error;
mod time;

use std::sync::Arc;

pub use data::{Alert, Data};
pub use error::Error;
pub use time::Time;

/// The templates that a notification may use: the default texts and those of the files of `templates`. Cheap to clone,
/// and `Send`, so that files are read and parsed off the loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Templates(Arc<Vec<(String, String)>>);

impl Templates {
    /// The default texts alone.
    pub fn builtin() -> Self {
        Self(Arc::new(Vec::new()))
    }

    /// The default texts and those of files, each a name and its text; later ones override. On an error: everything that is
    /// wrong, and nothing has changed.
    pub fn new(files: Vec<(String, String)>) -> Result<Self, Vec<Error>> {
        Ok(Self(Arc::new(files)))
    }

    /// Checks the syntax of a text, and that the templates it calls exist.
    pub fn check(&self, source: &str) -> Result<(), Error> {
        self.render(source)
    }

    /// One notification's rendering: all its texts share one budget of steps and bytes.
    pub fn for_notification<'a>(&'a self, data: &'a Data) -> Renderer<'a> {
        Renderer { templates: self, data }
    }

    /// Renders a single text, with a budget of its own.
    pub fn text(&self, source: &str, data: &Data) -> Result<String, Error> {
        self.for_notification(data).text(source)
    }

    /// Renders a single HTML text, with a budget of its own.
    pub fn html(&self, source: &str, data: &Data) -> Result<String, Error> {
        self.for_notification(data).html(source)
    }

    fn render(&self, source: &str) -> Result<(), Error> {
        if !source.contains("{{") {
            return Ok(());
        }
        Err(Error {
            file: format!("text over {} files", self.0.len()).into(),
            line: 0,
            column: 0,
            expression: String::new(),
            text: "templates are not rendered by this build".to_owned(),
        })
    }
}

/// Renders the texts of one notification within one budget.
#[derive(Debug)]
pub struct Renderer<'a> {
    templates: &'a Templates,
    data: &'a Data,
}

impl<'a> Renderer<'a> {
    /// What is rendered.
    pub const fn data(&self) -> &'a Data {
        self.data
    }

    /// Renders a text.
    pub fn text(&self, source: &str) -> Result<String, Error> {
        self.templates.render(source).map(|()| source.to_owned())
    }

    /// Renders a text as HTML: what the data brings is escaped for where it stands.
    pub fn html(&self, source: &str) -> Result<String, Error> {
        self.templates.render(source).map(|()| source.to_owned())
    }
}
