//! Runs a tree over data: the statements.

use std::rc::Rc;
use std::sync::Arc;

use crate::limits::TEMPLATE_DEPTH_MAX;
use crate::template::TemplateError;
use crate::template::ast::{Branch, Escaper, List, Node, Pipe, Set, Source, Span, Tree};
use crate::template::budget::Budget;
use crate::template::html;
use crate::template::print;
use crate::template::value::{Int, Value};

/// The steps to print a value, its bytes aside.
const PRINT_STEPS: usize = 2;
/// The steps to call a function: to find it, to gather its arguments, and to make a value of its result.
pub(super) const CALL_STEPS: usize = 4;

/// How execution goes on after a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// One text that is being rendered.
pub(super) struct Exec<'a> {
    pub(super) set: &'a Set,
    pub(super) budget: &'a Budget,
    /// The value of `$` at the top, and the source of `now`.
    pub(super) root: Value,
    pub(super) source: &'a Source,
    pub(super) variables: Vec<(Arc<str>, Value)>,
    pub(super) depth: usize,
    out: String,
}

/// Renders `tree` with `root` as its data.
pub(super) fn run(
    set: &Set,
    tree: &Tree,
    root: &Value,
    budget: &Budget,
) -> Result<String, TemplateError> {
    let mut exec = Exec {
        set,
        budget,
        root: root.clone(),
        source: &tree.source,
        variables: vec![("$".into(), root.clone())],
        depth: 0,
        out: String::new(),
    };
    exec.list(root, &tree.list)?;
    Ok(exec.out)
}

impl<'a> Exec<'a> {
    pub(super) fn error<T>(&self, at: Span, text: impl Into<String>) -> Result<T, TemplateError> {
        Err(self.source.error(at, text.into()))
    }

    /// Says where a fault is.
    pub(super) fn at<T>(&self, at: Span, result: Result<T, String>) -> Result<T, TemplateError> {
        result.map_err(|text| self.source.error(at, text))
    }

    /// One level deeper, or an error: whatever recurses comes by here.
    pub(super) fn deeper<T>(
        &mut self,
        at: Span,
        inside: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        if self.depth == TEMPLATE_DEPTH_MAX {
            return self.error(at, format!("nested or called deeper than {TEMPLATE_DEPTH_MAX}"));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn list(&mut self, dot: &Value, list: &'a List) -> Result<Flow, TemplateError> {
        for node in list {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Value, node: &'a Node) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(at, text) => self.write(*at, text)?,
            Node::Action(pipe, escapers) => self.action(dot, pipe, escapers)?,
            Node::If(branch) | Node::With(branch) => {
                return self.deeper(branch.at, |exec| exec.choose(dot, branch, node));
            }
            Node::Range(branch) => {
                return self.deeper(branch.at, |exec| exec.range(dot, branch));
            }
            Node::Template { at, name, pipe } => {
                let dot = match pipe {
                    Some(pipe) => self.pipe(dot, pipe)?,
                    None => Value::Nil,
                };
                self.deeper(*at, |exec| exec.template(*at, name, &dot))?;
            }
            Node::Break(_) => return Ok(Flow::Break),
            Node::Continue(_) => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, at: Span, text: &str) -> Result<(), TemplateError> {
        self.at(at, self.budget.take_steps(1).and_then(|()| self.budget.take_bytes(text.len())))?;
        self.out.push_str(text);
        Ok(())
    }

    fn action(
        &mut self,
        dot: &Value,
        pipe: &'a Pipe,
        escapers: &[Escaper],
    ) -> Result<(), TemplateError> {
        let value = self.pipe(dot, pipe)?;
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        if escapers.is_empty() {
            let text = print::printed(&value);
            self.at(pipe.at, self.budget.take_steps(PRINT_STEPS))?;
            return self.write(pipe.at, &text);
        }
        let escaped = self.at(pipe.at, html::escape_value(&value, escapers, self.budget))?;
        self.write(pipe.at, &escaped)
    }

    fn choose(
        &mut self,
        dot: &Value,
        branch: &'a Branch,
        node: &Node,
    ) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let flow = if value.is_true() {
            let is_with = matches!(node, Node::With(_));
            self.list(if is_with { &value } else { dot }, &branch.body)
        } else {
            branch.otherwise.as_ref().map_or(Ok(Flow::Next), |list| self.list(dot, list))
        };
        self.variables.truncate(mark);
        flow
    }

    fn template(&mut self, at: Span, name: &str, dot: &Value) -> Result<Flow, TemplateError> {
        let set = self.set;
        let Some(tree) = set.get(name) else {
            return self.error(at, format!("template {name:?} not defined"));
        };
        let source = std::mem::replace(&mut self.source, &tree.source);
        let variables = vec![("$".into(), dot.clone())];
        let variables = std::mem::replace(&mut self.variables, variables);
        let flow = self.list(dot, &tree.list)?;
        (self.source, self.variables) = (source, variables);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'a Branch) -> Result<Flow, TemplateError> {
        let mark = self.variables.len();
        let pipe = &branch.pipe;
        let value = self.commands(dot, pipe)?;
        if !pipe.assign {
            let names = pipe.variables.iter();
            self.variables.extend(names.map(|name| (Arc::clone(name), value.clone())));
        }
        let items = self.items(pipe.at, &value)?;
        if items.is_empty() {
            let list = branch.otherwise.as_ref();
            let flow = list.map_or(Ok(Flow::Next), |list| self.list(dot, list));
            self.variables.truncate(mark);
            return flow;
        }
        let inside = self.variables.len();
        for (key, item) in items {
            match &*pipe.variables {
                [] => {}
                [one] => self.set_variable(pipe, one, inside - 1, item.clone())?,
                [index, one, ..] => {
                    self.set_variable(pipe, index, inside - 2, key)?;
                    self.set_variable(pipe, one, inside - 1, item.clone())?;
                }
            }
            let flow = self.list(&item, &branch.body)?;
            self.variables.truncate(inside);
            if flow == Flow::Break {
                break;
            }
        }
        self.variables.truncate(mark);
        Ok(Flow::Next)
    }

    fn set_variable(
        &mut self,
        pipe: &Pipe,
        name: &Arc<str>,
        place: usize,
        value: Value,
    ) -> Result<(), TemplateError> {
        if pipe.assign {
            return self.assign(pipe.at, name, value);
        }
        if let Some(variable) = self.variables.get_mut(place) {
            variable.1 = value;
        }
        Ok(())
    }

    /// The keys and values of a range.
    fn items(&self, at: Span, value: &Value) -> Result<Vec<(Value, Value)>, TemplateError> {
        let numbered = |items: &mut dyn Iterator<Item = Value>| {
            items.enumerate().map(|(i, item)| (Value::int(i), item)).collect()
        };
        let items: Vec<_> = match value {
            Value::Nil => Vec::new(),
            Value::List(_, list) => numbered(&mut list.iter().cloned()),
            Value::Pairs(pairs) => {
                pairs.iter().map(|(name, value)| (Value::text(name), Value::text(value))).collect()
            }
            Value::Dict(dict) => dict
                .iter()
                .map(|(name, value)| (Value::text(Rc::clone(name)), value.clone()))
                .collect(),
            Value::Int(Int::Plain | Int::Wide, count) => {
                let count = usize::try_from(*count).unwrap_or(0);
                self.at(at, self.budget.take_steps(count))?;
                numbered(&mut (0..count).map(Value::int))
            }
            other => {
                let (text, kind) = (print::printed(other), other.type_name());
                return self.error(at, format!("range can't iterate over {text} of type {kind}"));
            }
        };
        self.at(at, self.budget.take_steps(items.len()))?;
        Ok(items)
    }
}
