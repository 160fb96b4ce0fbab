//! Contextual escaping, as Go's `html/template` does it: each value is escaped for where it stands.
//!
//! Before a text is rendered its tree is walked with the context of each place, text transforms the context, and each
//! action gets the escapers of its place. A template that is called in several contexts becomes several trees. A text whose
//! branches end in different contexts, or a place where no value is safe, is refused.
//!
//! Refused here and not by Go: values in a script with HTML comments in it.

mod context;
mod escapers;
mod transition;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::limits::TEMPLATE_DEPTH_MAX;
use crate::template::TemplateError;
use crate::template::ast::{
    Branch, Command, Escaper, List, Node, Pipe, Set, Source, Span, Term, Tree,
};
use crate::template::budget::Budget;

use context::{Context, Delim, State, UrlPart};
pub(super) use escapers::escape_value;

/// The trees of `name` and of all that it calls, escaped, under the name that is answered.
pub(super) fn escape(set: &Set, name: &str, budget: &Budget) -> Result<Set, TemplateError> {
    let mut walker = Walker { set, budget, state: Walk::default(), depth: 0 };
    let Some(tree) = set.get(name) else { return Ok(Set::new()) };
    let (end, _) = walker.template(&tree.source, Span::default(), name, Context::default())?;
    if end.state != State::Text {
        let text = format!("ends inside of a tag or another element: {:?}", end.state);
        return Err(tree.source.error(Span::default(), text));
    }
    Ok(walker.state.made)
}

/// The findings of a walk so far.
#[derive(Clone, Default)]
struct Walk {
    /// Where a template that begins in a context ends.
    ends: BTreeMap<Arc<str>, Context>,
    made: Set,
    /// The templates that were called.
    called: BTreeSet<Arc<str>>,
    /// Contexts in which the ranges around this place are left early.
    ranges: Vec<Vec<Context>>,
}

struct Walker<'a> {
    set: &'a Set,
    budget: &'a Budget,
    state: Walk,
    depth: usize,
}

impl Walker<'_> {
    fn list(
        &mut self,
        source: &Source,
        mut c: Context,
        list: &[Node],
    ) -> Result<(Context, List), TemplateError> {
        let mut out = List::with_capacity(list.len());
        for node in list {
            let at = span(node);
            self.budget.take_steps(1).map_err(|why| source.error(at, why))?;
            let (next, node) = self.node(source, c, node)?;
            c = next;
            out.push(node);
            if c.state == State::Dead {
                break;
            }
        }
        Ok((c, out))
    }

    fn node(
        &mut self,
        source: &Source,
        c: Context,
        node: &Node,
    ) -> Result<(Context, Node), TemplateError> {
        Ok(match node {
            Node::Text(at, written) => {
                self.budget.take_bytes(written.len()).map_err(|why| source.error(*at, why))?;
                let (c, written) = text(c, written).map_err(|why| source.error(*at, why))?;
                (c, Node::Text(*at, written.into()))
            }
            Node::Action(pipe, _) => action(source, c, pipe)?,
            Node::If(branch) => {
                let (c, branch) = self.branch(source, c, branch, "if")?;
                (c, Node::If(branch))
            }
            Node::With(branch) => {
                let (c, branch) = self.branch(source, c, branch, "with")?;
                (c, Node::With(branch))
            }
            Node::Range(branch) => {
                let (c, branch) = self.branch(source, c, branch, "range")?;
                (c, Node::Range(branch))
            }
            Node::Template { at, name, pipe } => {
                let (c, name) = self.template(source, *at, name, c)?;
                (c, Node::Template { at: *at, name, pipe: pipe.clone() })
            }
            Node::Break(_) | Node::Continue(_) => {
                if let Some(ends) = self.state.ranges.last_mut() {
                    ends.push(c);
                }
                (Context::DEAD, node.clone())
            }
        })
    }

    fn branch(
        &mut self,
        source: &Source,
        c: Context,
        branch: &Branch,
        word: &str,
    ) -> Result<(Context, Branch), TemplateError> {
        let join = |a: Context, b: Context| {
            let text = || {
                format!(
                    "branches of {word} end in different contexts: {}, {}",
                    a.place(),
                    b.place()
                )
            };
            a.join(b).ok_or_else(|| source.error(branch.at, text()))
        };
        let body = |walker: &mut Self, c| {
            walker.state.ranges.push(Vec::new());
            let (mut end, body) = walker.list(source, c, &branch.body)?;
            for early in walker.state.ranges.pop().unwrap_or_default() {
                end = join(end, early)?;
            }
            Ok::<_, TemplateError>((end, body))
        };
        let (mut end, body) = if word == "range" {
            let (end, list) = body(self, c)?;
            // A second round must end as the first one did.
            let (again, _) = body(self, end)?;
            (join(end, again)?, list)
        } else {
            self.list(source, c, &branch.body)?
        };
        let (other, otherwise) = if let Some(list) = &branch.otherwise {
            let (other, list) = self.list(source, c, list)?;
            (other, Some(list))
        } else {
            (c, None)
        };
        end = join(end, other)?;
        Ok((end, Branch { at: branch.at, pipe: branch.pipe.clone(), body, otherwise }))
    }

    /// Where a template ends that is called here, and the name of its escaped tree.
    fn template(
        &mut self,
        source: &Source,
        at: Span,
        name: &str,
        c: Context,
    ) -> Result<(Context, Arc<str>), TemplateError> {
        let key: Arc<str> = if c == Context::default() {
            name.into()
        } else {
            format!("{name}$html{}", c.key()).into()
        };
        self.state.called.insert(Arc::clone(&key));
        if let Some(end) = self.state.ends.get(&key) {
            return Ok((*end, key));
        }
        let set = self.set;
        let Some(tree) = set.get(name) else {
            return Err(source.error(at, format!("no such template {name:?}")));
        };
        if self.depth == TEMPLATE_DEPTH_MAX {
            return Err(source.error(at, format!("called deeper than {TEMPLATE_DEPTH_MAX}")));
        }
        self.depth += 1;
        // If it calls itself, where it ends is a guess at first, and right if it comes true.
        let mut guess = c;
        for _ in 0..2 {
            let before = self.state.clone();
            self.state.ends.insert(Arc::clone(&key), guess);
            self.state.called.remove(&key);
            self.state.ranges.clear();
            let (end, list) = self.list(&tree.source, c, &tree.list)?;
            if end == guess || !self.state.called.contains(&key) {
                let made = Tree { source: Arc::clone(&tree.source), list };
                self.state.made.insert(Arc::clone(&key), Arc::new(made));
                self.state.ends.insert(Arc::clone(&key), end);
                self.state.called.extend(before.called);
                self.state.ranges = before.ranges;
                self.depth -= 1;
                return Ok((end, key));
            }
            self.state = before;
            guess = end;
        }
        Err(source.error(at, format!("cannot tell in which context {name:?} ends")))
    }
}

impl Context {
    /// A text that no other context has.
    fn key(self) -> String {
        let Self { state, delim, url, slash, attr, element } = self;
        let all = [state as u8, delim as u8, url as u8, slash as u8, attr as u8, element as u8];
        all.map(|it| it.to_string()).join(".")
    }

    /// The place in words.
    fn place(self) -> String {
        format!("{:?}", self.state)
    }
}

const fn span(node: &Node) -> Span {
    match node {
        Node::Text(at, _) | Node::Break(at) | Node::Continue(at) | Node::Template { at, .. } => *at,
        Node::Action(pipe, _) => pipe.at,
        Node::If(branch) | Node::With(branch) | Node::Range(branch) => branch.at,
    }
}

/// The context behind a text, and the text without its comments and with its stray `<` escaped.
fn text(mut c: Context, written: &str) -> Result<(Context, String), String> {
    let mut out = String::with_capacity(written.len());
    let mut rest = written;
    while !rest.is_empty() {
        let (next, read) = transition::after_text(c, rest)?;
        let piece = &rest[..read];
        let begins_comment =
            c.state != next.state && next.is_comment() && next.delim == Delim::None;
        let mark = match (begins_comment, next.state) {
            (false, _) => 0,
            (true, State::Comment) => 4,
            (true, _) => 2,
        };
        let kept = &piece[..piece.len() - mark];
        match c.state {
            State::Text | State::Rcdata => {
                // The last `<` begins what comes next.
                let tag =
                    if next.state == c.state || begins_comment { None } else { kept.rfind('<') };
                let (plain, tag) = kept.split_at(tag.unwrap_or(kept.len()));
                push_text(plain, &mut out);
                out.push_str(tag);
            }
            _ if c.is_comment() && c.delim == Delim::None => match c.state {
                State::JsBlockComment if next.state != c.state => {
                    let breaks = piece.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
                    out.push(if breaks { '\n' } else { ' ' });
                }
                State::CssBlockComment if next.state != c.state => out.push(' '),
                _ => {}
            },
            _ => out.push_str(kept),
        }
        if read == 0 && next == c {
            return Err("this HTML is not understood".to_owned());
        }
        (c, rest) = (next, &rest[read..]);
    }
    Ok((c, out))
}

/// Text in which a `<` begins no tag.
fn push_text(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let doctype = "<!DOCTYPE";
        let is_doctype =
            from.get(..doctype.len()).is_some_and(|start| start.eq_ignore_ascii_case(doctype));
        out.push_str(if is_doctype { "<" } else { "&lt;" });
        rest = &from[1..];
    }
    out.push_str(rest);
}

/// The escapers of an action, and where it leaves the context.
fn action(source: &Source, c: Context, pipe: &Pipe) -> Result<(Context, Node), TemplateError> {
    if !pipe.variables.is_empty() {
        return Ok((c, Node::Action(pipe.clone(), Vec::new())));
    }
    let mut c = c.nudge();
    let error = |text: String| source.error(pipe.at, text);
    let last = pipe.commands.len().saturating_sub(1);
    for (i, command) in pipe.commands.iter().enumerate() {
        let Some(name) = own_escaper(command) else { continue };
        let unquoted = c.state == State::Attr && c.delim == Delim::SpaceOrTagEnd && name == "html";
        if i < last || unquoted {
            return Err(error(format!(
                "{name:?} cannot be used here: what is printed is escaped anyway"
            )));
        }
    }
    let mut escapers = of_place(&mut c).map_err(error)?;
    match c.delim {
        Delim::None => {}
        Delim::SpaceOrTagEnd => escapers.push(Escaper::NoSpace),
        Delim::Double | Delim::Single => escapers.push(Escaper::Attr),
    }
    let mut pipe = pipe.clone();
    merge(&mut pipe, &mut escapers);
    let is_redundant = |before: Escaper, next: Escaper| match before {
        Escaper::Comment => matches!(next, Escaper::Attr | Escaper::NoSpace | Escaper::Html),
        Escaper::Css | Escaper::JsText | Escaper::JsRegexp => next == Escaper::Attr,
        Escaper::UrlEscape => next == Escaper::UrlNormalize,
        _ => false,
    };
    escapers.dedup_by(|next, before| is_redundant(*before, *next));
    Ok((c, Node::Action(pipe, escapers)))
}

/// The escapers of a value at this place.
fn of_place(c: &mut Context) -> Result<Vec<Escaper>, String> {
    Ok(match c.state {
        State::Url
        | State::CssDouble
        | State::CssSingle
        | State::CssDoubleUrl
        | State::CssSingleUrl
        | State::CssUrl => {
            let path = match c.state {
                State::CssDouble | State::CssSingle => Escaper::Css,
                _ => Escaper::UrlNormalize,
            };
            match c.url {
                UrlPart::None => vec![Escaper::UrlFilter, path],
                UrlPart::PreQuery => vec![path],
                UrlPart::QueryOrFragment => vec![Escaper::UrlEscape],
                UrlPart::Unknown => {
                    return Err("it is not known in which part of a URL this stands".to_owned());
                }
            }
        }
        State::Js => {
            c.slash = context::Slash::Division;
            vec![Escaper::JsValue]
        }
        State::JsDouble | State::JsSingle => vec![Escaper::JsText],
        State::JsTemplate => {
            return Err("a value in a script's template literal cannot be escaped".to_owned());
        }
        State::JsRegexp => vec![Escaper::JsRegexp],
        State::Css => vec![Escaper::CssValue],
        State::Text => vec![Escaper::Html],
        State::Rcdata => vec![Escaper::Rcdata],
        State::Attr | State::Dead | State::BeforeValue | State::AfterName => Vec::new(),
        State::Tag | State::AttrName => {
            c.state = State::AttrName;
            vec![Escaper::Name]
        }
        State::Srcset => vec![Escaper::Srcset],
        State::Comment
        | State::JsBlockComment
        | State::JsLineComment
        | State::CssBlockComment
        | State::CssLineComment => vec![Escaper::Comment],
    })
}

/// The name of the escaper that a command calls itself, if it does.
fn own_escaper(command: &Command) -> Option<&'static str> {
    match command.first.term {
        Term::Function(name @ ("html" | "urlquery")) => Some(name),
        _ => None,
    }
}

/// An escaper that the pipeline ends with takes the place of its like, so that nothing is escaped twice.
fn merge(pipe: &mut Pipe, escapers: &mut [Escaper]) {
    let count = pipe.commands.len();
    let Some(last) = pipe.commands.last_mut() else { return };
    let (own, alike): (_, &[Escaper]) = match own_escaper(last) {
        Some("html") => (Escaper::HtmlFunction, &[Escaper::Attr, Escaper::Html, Escaper::Rcdata]),
        Some(_) => (Escaper::QueryFunction, &[Escaper::UrlEscape, Escaper::UrlNormalize]),
        None => return,
    };
    if !escapers.iter().any(|escaper| alike.contains(escaper)) {
        return;
    }
    if count > 1 && last.args.is_empty() {
        pipe.commands.pop();
    } else if count == 1 && !last.args.is_empty() {
        last.first.term = Term::Function("print");
    } else {
        return;
    }
    for escaper in escapers.iter_mut().filter(|escaper| alike.contains(escaper)) {
        *escaper = own;
    }
}
