//! Runs a tree over data: the expressions.

use std::sync::Arc;

use crate::template::TemplateError;
use crate::template::ast::{Command, Number, Operand, Pipe, Span, Term, share};
use crate::template::exec::{CALL_STEPS, Exec};
use crate::template::functions::{self, Function};
use crate::template::methods;
use crate::template::value::{Int, Type, Value};

impl Exec<'_> {
    /// The value of a pipeline; its variables are declared or set.
    pub(super) fn pipe(&mut self, dot: &Value, pipe: &Pipe) -> Result<Value, TemplateError> {
        let value = self.commands(dot, pipe)?;
        for name in &pipe.variables {
            if pipe.assign {
                self.assign(pipe.at, name, value.clone())?;
            } else {
                self.variables.push((Arc::clone(name), value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn assign(
        &mut self,
        at: Span,
        name: &str,
        value: Value,
    ) -> Result<(), TemplateError> {
        match self.variables.iter_mut().rev().find(|(known, _)| **known == *name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => self.error(at, format!("undefined variable {name}")),
        }
    }

    /// The value of a pipeline's commands.
    pub(super) fn commands(&mut self, dot: &Value, pipe: &Pipe) -> Result<Value, TemplateError> {
        let mut value = None;
        for command in &pipe.commands {
            self.at(command.at, self.budget.take_steps(1))?;
            value = Some(self.command(dot, command, value)?);
        }
        Ok(value.unwrap_or(Value::Nil))
    }

    /// A command with the value that is piped into it, which is its last argument.
    fn command(
        &mut self,
        dot: &Value,
        command: &Command,
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let (first, args) = (&command.first, &*command.args);
        match &first.term {
            Term::Field(fields) => self.fields(dot, dot.clone(), first.at, fields, args, last),
            Term::Chain(start, fields) => {
                let receiver = self.chain_start(dot, start)?;
                self.fields(dot, receiver, first.at, fields, args, last)
            }
            Term::Function(name) => self.function(dot, command.at, name, args, last),
            Term::Variable(name, fields) if !fields.is_empty() => {
                let receiver = self.variable(first.at, name)?;
                self.fields(dot, receiver, first.at, fields, args, last)
            }
            _ if !args.is_empty() || last.is_some() => {
                self.error(command.at, "can't give argument to non-function")
            }
            Term::Variable(name, _) => self.variable(first.at, name),
            Term::Pipe(pipe) => self.deeper(first.at, |exec| exec.pipe(dot, pipe)),
            Term::Dot => Ok(dot.clone()),
            Term::Bool(truth) => Ok(Value::Bool(*truth)),
            Term::Number(number) => self.number(first.at, *number),
            Term::Text(text) => Ok(Value::text(share(text))),
            Term::Nil => self.error(first.at, "nil is not a command"),
        }
    }

    fn variable(&self, at: Span, name: &str) -> Result<Value, TemplateError> {
        match self.variables.iter().rev().find(|(known, _)| **known == *name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(at, format!("undefined variable {name}")),
        }
    }

    /// A number where nothing says which type is wanted.
    fn number(&self, at: Span, number: Number) -> Result<Value, TemplateError> {
        match number {
            Number { float: Some(float), is_float: true, .. } => Ok(Value::Float(float)),
            Number { int: Some(int), .. } => Ok(Value::Int(Int::Plain, int)),
            _ => self.error(at, "overflows int"),
        }
    }

    fn chain_start(&mut self, dot: &Value, start: &Operand) -> Result<Value, TemplateError> {
        match &start.term {
            Term::Function(name) => self.function(dot, start.at, name, &[], None),
            Term::Pipe(pipe) => self.deeper(start.at, |exec| exec.pipe(dot, pipe)),
            _ => self.error(start.at, "this has no fields"),
        }
    }

    /// `.A.B.C` on a receiver; the last one may be a method with arguments.
    fn fields(
        &mut self,
        dot: &Value,
        receiver: Value,
        at: Span,
        fields: &[Arc<str>],
        args: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let Some((name, path)) = fields.split_last() else { return Ok(receiver) };
        let mut receiver = receiver;
        for name in path {
            receiver = self.field(dot, &receiver, at, name, &[], None)?;
        }
        self.field(dot, &receiver, at, name, args, last)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        at: Span,
        name: &str,
        args: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        self.at(at, self.budget.take_steps(1))?;
        if matches!(receiver, Value::Nil) {
            return Ok(Value::Nil);
        }
        if let Some(method) = methods::find(receiver, name) {
            let args = self.args(dot, at, name, method.params, false, args, last)?;
            if let (Value::Pairs(pairs), [Value::List(_, names)]) = (receiver, &*args) {
                // Each is compared with each.
                self.at(at, self.budget.take_steps(pairs.len() * names.len() / 16))?;
            }
            let result = (method.run)(receiver, &args);
            let value =
                self.at(at, result.map_err(|why| format!("error calling {name}: {why}")))?;
            self.at(at, self.budget.take_bytes(value.bytes()))?;
            return Ok(value);
        }
        if let (Value::Data(data), "Alerts" | "Late") = (receiver, name) {
            // Every alert is looked at.
            self.at(at, self.budget.take_steps(data.alerts.len() / 8))?;
        }
        let Some(value) = methods::field(receiver, name) else {
            let kind = receiver.type_name();
            let why = methods::why_not(receiver, name);
            return self.error(at, format!("can't evaluate field {name} in type {kind}{why}"));
        };
        if !args.is_empty() || last.is_some() {
            return self.error(at, format!("{name} is not a method but has arguments"));
        }
        // A text of a label is copied.
        self.at(at, self.budget.take_steps(value.bytes() / 64))?;
        Ok(value)
    }

    fn function(
        &mut self,
        dot: &Value,
        at: Span,
        name: &str,
        args: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let Some(function) = functions::find(name) else {
            return self.error(at, format!("function {name:?} not defined"));
        };
        if function.is_logic() {
            return self.logic(dot, at, function, args, last);
        }
        let Function { params, variadic, run, .. } = *function;
        let args = self.args(dot, at, name, params, variadic, args, last)?;
        let bytes: usize = args.iter().map(Value::bytes).sum();
        self.at(at, self.budget.take_steps(CALL_STEPS + args.len() + bytes / 256))?;
        let result = run(self, &args);
        let value = self.at(at, result.map_err(|why| format!("error calling {name}: {why}")))?;
        self.at(at, self.budget.take_bytes(value.bytes()))?;
        self.at(at, value.check_nesting(0, self.budget))?;
        Ok(value)
    }

    /// `and` and `or` evaluate no more arguments than they need.
    fn logic(
        &mut self,
        dot: &Value,
        at: Span,
        function: &Function,
        args: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let mut value = None;
        for arg in args {
            let next = self.arg(dot, arg, Type::Any)?;
            let stops = next.is_true() == (function.name == "or");
            value = Some(next);
            if stops {
                break;
            }
        }
        let stopped =
            value.as_ref().is_some_and(|value| value.is_true() == (function.name == "or"));
        match (if stopped { value } else { last.or(value) }, function.name) {
            (Some(value), _) => Ok(value),
            (None, name) => {
                self.error(at, format!("wrong number of args for {name}: want at least 1 got 0"))
            }
        }
    }

    /// Arguments, each as the parameter wants it.
    #[expect(clippy::too_many_arguments, reason = "a call is what it is")]
    fn args(
        &mut self,
        dot: &Value,
        at: Span,
        name: &str,
        params: &[Type],
        variadic: bool,
        args: &[Operand],
        last: Option<Value>,
    ) -> Result<Vec<Value>, TemplateError> {
        let count = args.len() + usize::from(last.is_some());
        // The last parameter of a variadic function stands for any number of them.
        let fixed = params.len() - usize::from(variadic);
        if count < fixed || (count > fixed && !variadic) {
            let least = if variadic { "at least " } else { "" };
            let text = format!("wrong number of args for {name}: want {least}{fixed} got {count}");
            return self.error(at, text);
        }
        let param = |i: usize| {
            let param = params.get(i).or(params.last());
            param.copied().unwrap_or(Type::Any)
        };
        let mut values = Vec::with_capacity(count);
        for (i, arg) in args.iter().enumerate() {
            values.push(self.arg(dot, arg, param(i))?);
        }
        if let Some(last) = last {
            values.push(self.at(at, param(args.len()).accept(last))?);
        }
        Ok(values)
    }

    fn arg(&mut self, dot: &Value, arg: &Operand, wanted: Type) -> Result<Value, TemplateError> {
        self.at(arg.at, self.budget.take_steps(1))?;
        let value = match &arg.term {
            Term::Nil => {
                let nil = wanted.nil();
                let why = || format!("cannot assign nil to {}", wanted.name());
                return self.at(arg.at, nil.ok_or_else(why));
            }
            Term::Bool(_) | Term::Number(_) | Term::Text(_) => {
                return self.literal(arg.at, &arg.term, wanted);
            }
            Term::Dot => dot.clone(),
            Term::Field(fields) => self.fields(dot, dot.clone(), arg.at, fields, &[], None)?,
            Term::Variable(name, fields) => {
                let receiver = self.variable(arg.at, name)?;
                self.fields(dot, receiver, arg.at, fields, &[], None)?
            }
            Term::Pipe(pipe) => self.deeper(arg.at, |exec| exec.pipe(dot, pipe))?,
            Term::Function(name) => self.function(dot, arg.at, name, &[], None)?,
            Term::Chain(start, fields) => {
                let receiver = self.chain_start(dot, start)?;
                self.fields(dot, receiver, arg.at, fields, &[], None)?
            }
        };
        self.at(arg.at, wanted.accept(value))
    }

    /// A literal takes the type that is wanted, as Go's constants do: `.Add 1e9` is a duration.
    fn literal(&self, at: Span, term: &Term, wanted: Type) -> Result<Value, TemplateError> {
        match (wanted, term) {
            (Type::Any, Term::Bool(truth)) => Ok(Value::Bool(*truth)),
            (Type::Any, Term::Number(number)) => self.number(at, *number),
            (Type::Any | Type::Text, Term::Text(text)) => Ok(Value::text(share(text))),
            (Type::Int(int), Term::Number(Number { int: Some(value), .. })) => {
                Ok(Value::Int(int, *value))
            }
            (Type::Int(_), _) => self.error(at, "expected integer"),
            (Type::Text, _) => self.error(at, "expected string"),
            _ => self.error(at, format!("can't be an argument of type {}", wanted.name())),
        }
    }
}
