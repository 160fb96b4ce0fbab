//! The tree of a template. Nodes keep where they stand in the source, so that a fault can name its expression.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::limits::TEMPLATE_BYTES_MAX;
use crate::template::TemplateError;

/// A range of bytes of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        let short = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: short(start), end: short(end) }
    }
}

/// A text, and the name of the file that it is from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: Arc<str>,
    pub(super) text: Box<str>,
}

impl Source {
    /// A text of so many bytes at most.
    pub(super) fn new(file: &str, text: &str) -> Result<Self, TemplateError> {
        let source = Self { file: file.into(), text: text.into() };
        if text.len() > TEMPLATE_BYTES_MAX {
            let rule = format!("longer than {TEMPLATE_BYTES_MAX} bytes, split it");
            return Err(source.error(Span::default(), rule));
        }
        Ok(source)
    }

    /// A fault of what stands at `span`.
    pub(super) fn error(&self, span: Span, text: String) -> TemplateError {
        let (start, end) = (span.start as usize, span.end as usize);
        let before = self.text.get(..start).unwrap_or(&self.text);
        let expression = self.text.get(start..end).unwrap_or_default();
        let mut expression: String = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((cut, _)) = expression.char_indices().nth(60) {
            expression.truncate(cut);
            expression.push_str("...");
        }
        TemplateError {
            file: Arc::clone(&self.file),
            line: before.matches('\n').count() + 1,
            column: before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1,
            expression,
            text,
        }
    }
}

/// One named template.
#[derive(Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) source: Arc<Source>,
    pub(super) list: List,
}

pub(super) type List = Vec<Node>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(Span, Arc<str>),
    /// A pipeline whose value is printed, through these escapers.
    Action(Pipe, Vec<Escaper>),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        at: Span,
        name: Arc<str>,
        pipe: Option<Pipe>,
    },
    Break(Span),
    Continue(Span),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Branch {
    pub(super) at: Span,
    pub(super) pipe: Pipe,
    pub(super) body: List,
    pub(super) otherwise: Option<List>,
}

/// `$x := a | b c`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipe {
    pub(super) at: Span,
    /// Whether variables that exist are set, not declared.
    pub(super) assign: bool,
    pub(super) variables: Vec<Arc<str>>,
    pub(super) commands: Vec<Command>,
}

/// A word and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Command {
    pub(super) at: Span,
    pub(super) first: Operand,
    pub(super) args: Vec<Operand>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operand {
    pub(super) at: Span,
    pub(super) term: Term,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    Text(Arc<str>),
    /// `.A.B`
    Field(Vec<Arc<str>>),
    /// `$x.A.B`
    Variable(Arc<str>, Vec<Arc<str>>),
    Function(&'static str),
    /// `(pipe).A.B` or `function.A.B`
    Chain(Box<Operand>, Vec<Arc<str>>),
    Pipe(Box<Pipe>),
}

/// A number's literal: each type that can represent it, as Go's ideal constants.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Number {
    pub(super) int: Option<i64>,
    pub(super) float: Option<f64>,
    /// Whether it reads as a float where nothing says what is wanted.
    pub(super) is_float: bool,
}

/// Whether there is nothing but white space.
pub(super) fn is_empty(list: &[Node]) -> bool {
    list.iter().all(|node| matches!(node, Node::Text(_, text) if text.trim().is_empty()))
}

/// The text of a literal, shared within one rendering.
pub(super) fn share(text: &Arc<str>) -> Rc<str> {
    Rc::from(&**text)
}

/// Templates by name.
pub(super) type Set = BTreeMap<Arc<str>, Arc<Tree>>;

/// One way to escape a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaper {
    /// Between tags.
    Html,
    /// In `<title>` and `<textarea>`.
    Rcdata,
    /// In an attribute's value in quotes.
    Attr,
    /// In an attribute's value without quotes.
    NoSpace,
    /// As a part of a tag's or an attribute's name.
    Name,
    /// In a comment: nothing.
    Comment,
    /// At the beginning of a URL: only of a scheme that is safe.
    UrlFilter,
    /// In the path of a URL.
    UrlNormalize,
    /// In the query of a URL.
    UrlEscape,
    Srcset,
    /// In a string of a style.
    Css,
    /// In a style.
    CssValue,
    /// In a script.
    JsValue,
    /// In a string of a script.
    JsText,
    /// In a regular expression of a script.
    JsRegexp,
    /// The function `html`, where a template calls it itself.
    HtmlFunction,
    /// The function `urlquery`, where a template calls it itself.
    QueryFunction,
}
