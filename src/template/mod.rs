//! Go's template language over typed values, with Alertmanager's data, functions and default texts.
//!
//! ```text
//! lex -> parse -> ast -> exec (statements), eval (expressions) -> print
//!                  html: escapes a tree for where its values stand      functions, methods: what expressions call
//! ```
//!
//! Everything is bounded, see the templates in [`crate::limits`]: the length of a text and how deep it nests when it is
//! parsed, and one budget of steps and bytes for all that is rendered for one notification.

mod ast;
mod budget;
mod data;
mod error;
mod escape;
mod eval;
mod exec;
mod fields;
mod functions;
mod html;
mod json;
mod lex;
mod methods;
mod parse;
mod pattern;
mod print;
mod quote;
mod sample;
mod time;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use data::{AlertData, Data};
pub use error::TemplateError;
pub use time::Time;

use crate::limits::TEMPLATE_TEXTS_MAX;
use crate::model::Labels;

use ast::Set;
use budget::Budget;
use value::Value;

/// The name in errors of a text that is rendered.
const TEXT_NAME: &str = "template";

/// The templates that a notification may use: the default texts and those of the files of `templates`. Cheap to clone,
/// and `Send`, so that files can be read and parsed off the loop.
#[derive(Clone)]
pub struct Templates(Arc<Inner>);

struct Inner {
    set: Set,
    /// The texts that were rendered, parsed with all that they can call; those of HTML escaped. A config's texts are the
    /// same for each notification.
    texts: Mutex<BTreeMap<(String, bool), Arc<Set>>>,
}

impl Templates {
    /// The default texts alone.
    pub fn builtin() -> Self {
        static BUILTIN: OnceLock<Templates> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::of(defaults())).clone()
    }

    /// The default texts and those of files, each a name and its text; later ones override. On an error: everything that is
    /// wrong, and nothing has changed.
    pub fn new(files: &[(String, String)]) -> Result<Self, Vec<TemplateError>> {
        let mut set = Self::builtin().0.set.clone();
        let mut errors = Vec::new();
        for (file, text) in files {
            let name = file.rsplit('/').next().unwrap_or(file);
            errors.extend(parse::parse(file, name, text, &mut set).err());
        }
        if errors.is_empty() { Ok(Self::of(set)) } else { Err(errors) }
    }

    fn of(set: Set) -> Self {
        Self(Arc::new(Inner { set, texts: Mutex::default() }))
    }

    /// Checks the syntax of a text.
    pub fn check(&self, source: &str) -> Result<(), TemplateError> {
        parse::parse(TEXT_NAME, TEXT_NAME, source, &mut Set::new())
    }

    /// One notification's rendering: all its texts share one budget of steps and bytes.
    pub fn for_notification<'a>(&'a self, data: &'a Data) -> Renderer<'a> {
        Renderer { templates: self, data, root: Rc::new(data.clone()), budget: Budget::new() }
    }

    /// A route's labels with their values rendered, which are templates that see the group and each other. One that fails or
    /// needs itself is missing; its name and its error are returned.
    pub fn route_labels(
        &self,
        labels: &Labels,
        data: &Data,
    ) -> (Labels, Vec<(String, TemplateError)>) {
        if labels.iter().all(|(_, text)| !text.contains("{{")) {
            return (labels.clone(), Vec::new());
        }
        let mut data = Data {
            reason: "unknown".into(),
            route_labels: Labels::empty(),
            unrendered: labels.clone(),
            ..data.clone()
        };
        let mut budget = Budget::new();
        // Those that need others can be rendered when they are.
        loop {
            let (mut failed, before) = (Vec::new(), data.unrendered.len());
            for (name, text) in data.unrendered.clone().iter() {
                let root = Rc::new(data.clone());
                let renderer = Renderer { templates: self, data: &data, root, budget };
                let rendered = renderer.text(text);
                budget = renderer.budget;
                match rendered {
                    Ok(text) => {
                        let known = data.route_labels.iter();
                        data.route_labels = known.chain([(name, &*text)]).collect();
                        data.unrendered = data.unrendered.filter(|it| it != name);
                    }
                    Err(error) => failed.push((name.to_owned(), error)),
                }
            }
            if failed.is_empty() || failed.len() == before {
                return (data.route_labels, failed);
            }
        }
    }

    /// Renders a single text, with a budget of its own.
    pub fn text(&self, source: &str, data: &Data) -> Result<String, TemplateError> {
        self.for_notification(data).text(source)
    }

    /// Renders a single HTML text, with a budget of its own.
    pub fn html(&self, source: &str, data: &Data) -> Result<String, TemplateError> {
        self.for_notification(data).html(source)
    }
}

/// How many templates there are: their trees would fill pages.
impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Templates({})", self.0.set.len())
    }
}

impl PartialEq for Templates {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.set == other.0.set
    }
}

fn defaults() -> Set {
    let mut set = Set::new();
    // A test shows that they are right.
    parse::parse("the default texts", "default.tmpl", include_str!("default.tmpl"), &mut set).ok();
    set
}

/// Renders the texts of one notification within one budget.
#[derive(Debug)]
pub struct Renderer<'a> {
    templates: &'a Templates,
    data: &'a Data,
    root: Rc<Data>,
    budget: Budget,
}

impl<'a> Renderer<'a> {
    /// The text that is rendered.
    pub const fn data(&self) -> &'a Data {
        self.data
    }

    /// Renders a text.
    pub fn text(&self, source: &str) -> Result<String, TemplateError> {
        self.render(source, false)
    }

    /// Renders a text as HTML: what the data brings is escaped for where it stands.
    pub fn html(&self, source: &str) -> Result<String, TemplateError> {
        self.render(source, true)
    }

    fn render(&self, source: &str, html: bool) -> Result<String, TemplateError> {
        // Most texts are plain.
        if !html && !source.contains("{{") {
            return Ok(source.to_owned());
        }
        let set = self.parsed(source, html)?;
        let Some(tree) = set.get("").cloned() else { return Ok(String::new()) };
        exec::run(&set, &tree, &Value::Data(Rc::clone(&self.root)), &self.budget)
    }

    /// The text and all that it can call, which is parsed once.
    fn parsed(&self, source: &str, html: bool) -> Result<Arc<Set>, TemplateError> {
        let inner = &self.templates.0;
        let lock = || inner.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.to_owned(), html);
        if let Some(set) = lock().get(&key) {
            return Ok(Arc::clone(set));
        }
        let mut set = inner.set.clone();
        set.remove("");
        parse::parse(TEXT_NAME, "", source, &mut set)?;
        if html {
            set = html::escape(&set, "", &self.budget)?;
        }
        let set = Arc::new(set);
        let mut texts = lock();
        if texts.len() >= TEMPLATE_TEXTS_MAX {
            texts.clear();
        }
        texts.insert(key, Arc::clone(&set));
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wall;

    #[test]
    fn so_many_texts_are_kept_parsed_and_what_was_forgotten_is_parsed_again() {
        let templates = Templates::builtin();
        let data = Data::sample(false, Wall::from_secs(0));
        for round in 0..2 {
            for number in 0..TEMPLATE_TEXTS_MAX + 10 {
                let text = format!("{{{{ {number} }}}}");
                assert_eq!(templates.text(&text, &data).unwrap(), number.to_string(), "{round}");
            }
            let kept = templates.0.texts.lock().unwrap().len();
            assert!((1..=TEMPLATE_TEXTS_MAX).contains(&kept), "{kept} are kept");
        }
    }
}
