//! The functions of templates: Go's own and Alertmanager's, to 0.35.

mod alertmanager;
mod builtin;
mod compare;

use crate::template::exec::Exec;
use crate::template::value::{Type, Value};

/// A function: its name, what it takes, whether the last parameter stands for any number of them, and what it does.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) params: &'static [Type],
    pub(super) variadic: bool,
    pub(super) run: fn(&mut Exec<'_>, &[Value]) -> Result<Value, String>,
}

impl Function {
    /// Whether it decides itself which of its arguments are evaluated.
    pub(super) fn is_logic(&self) -> bool {
        matches!(self.name, "and" | "or")
    }
}

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    builtin::ALL.iter().chain(alertmanager::ALL).find(|function| function.name == name)
}

/// A function with a fixed number of parameters.
const fn fixed(
    name: &'static str,
    params: &'static [Type],
    run: fn(&mut Exec<'_>, &[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, params, variadic: false, run }
}

/// A function whose last parameter stands for any number of them.
const fn variadic(
    name: &'static str,
    params: &'static [Type],
    run: fn(&mut Exec<'_>, &[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, params, variadic: true, run }
}

/// The text at a place of the arguments; the parameters say that it is one.
fn text(args: &[Value], i: usize) -> &str {
    match args.get(i) {
        Some(Value::Text(_, text)) => text,
        _ => "",
    }
}
