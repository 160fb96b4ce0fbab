//! Tokens into trees: the grammar of Go's `text/template`, with `else with` of newer versions.

use std::sync::Arc;

use crate::limits::TEMPLATE_NEST_MAX;
use crate::template::ast::{
    Branch, Command, List, Node, Operand, Pipe, Set, Source, Span, Term, Tree, is_empty,
};
use crate::template::lex::{Kind, Lexer, Token};
use crate::template::{TemplateError, functions, quote};

type Result<T> = std::result::Result<T, TemplateError>;

/// Parses a text that becomes the template `name`, and those that it defines, into `set`, where they override others.
pub(super) fn parse(file: &str, name: &str, text: &str, set: &mut Set) -> Result<()> {
    let source = Arc::new(Source::new(file, text)?);
    let mut parser = Parser {
        source: &source,
        lexer: Lexer::new(&source.text),
        pushed: Vec::new(),
        variables: vec!["$".into()],
        ranges: 0,
        nest: 0,
        end: 0,
        defined: Set::new(),
    };
    let mut list = List::new();
    loop {
        match parser.node()? {
            Item::Node(node) => list.push(node),
            Item::Nothing => {}
            Item::Eof => break,
            Item::End(at) => return Err(source.error(at, "unexpected end".to_owned())),
            Item::Else(at) => return Err(source.error(at, "unexpected else".to_owned())),
        }
    }
    parser.define(name, list, Span::default())?;
    let defined = parser.defined;
    for (name, tree) in defined {
        // An empty definition overrides nothing, as in Go.
        if !is_empty(&tree.list) || !set.contains_key(&name) {
            set.insert(name, tree);
        }
    }
    Ok(())
}

/// The parts of a list, and the token that ends it.
enum Item {
    Node(Node),
    /// A definition, which leaves no trace in its list.
    Nothing,
    End(Span),
    /// `else`, with the keyword that follows it still to come, if one does.
    Else(Span),
    Eof,
}

struct Parser<'a> {
    source: &'a Arc<Source>,
    lexer: Lexer<'a>,
    /// Tokens that were looked at and given back, the next one last.
    pushed: Vec<Token>,
    variables: Vec<Arc<str>>,
    /// Ranges around what is parsed, in this definition.
    ranges: usize,
    nest: usize,
    /// Where the last token ended.
    end: usize,
    defined: Set,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token {
        let token = self.pushed.pop().unwrap_or_else(|| self.lexer.next());
        self.end = token.end;
        token
    }

    fn next_word(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek(&mut self) -> Kind {
        let token = self.next();
        let kind = token.kind.clone();
        self.end = token.start;
        self.pushed.push(token);
        kind
    }

    fn peek_word(&mut self) -> Token {
        let token = self.next_word();
        self.end = token.start;
        self.pushed.push(token.clone());
        token
    }

    fn text(&self, token: &Token) -> &'a str {
        let source: &'a Source = self.source;
        source.text.get(token.start..token.end).unwrap_or_default()
    }

    fn error(&self, token: &Token, text: String) -> TemplateError {
        self.source.error(Span::new(token.start, token.end), text)
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T> {
        let text = match &token.kind {
            Kind::Fault(text) => text.clone(),
            Kind::End => format!("unexpected end of the text in {context}"),
            _ => format!("unexpected {:?} in {context}", self.text(token)),
        };
        Err(self.error(token, text))
    }

    fn expect(&mut self, kind: &Kind, context: &str) -> Result<Token> {
        let token = self.next_word();
        if token.kind == *kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// The next node or what ends the list.
    fn node(&mut self) -> Result<Item> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => {
                let at = Span::new(token.start, token.end);
                Ok(Item::Node(Node::Text(at, self.text(&token).into())))
            }
            Kind::Open => {
                let first = self.next_word();
                if first.kind == Kind::Keyword && self.text(&first) != "nil" {
                    return self.keyword(&first);
                }
                self.pushed.push(first);
                Ok(Item::Node(Node::Action(self.pipe("command", &Kind::Close)?, Vec::new())))
            }
            Kind::End => Ok(Item::Eof),
            _ => self.unexpected(&token, "input"),
        }
    }

    fn keyword(&mut self, first: &Token) -> Result<Item> {
        let at = Span::new(first.start, first.end);
        let word = self.text(first);
        Ok(Item::Node(match word {
            "if" => Node::If(self.branch(first)?),
            "with" => Node::With(self.branch(first)?),
            "range" => Node::Range(self.branch(first)?),
            "template" => {
                let name = self.name("template clause")?;
                let close = self.next_word();
                let pipe = if close.kind == Kind::Close {
                    None
                } else {
                    self.pushed.push(close);
                    Some(self.pipe("template clause", &Kind::Close)?)
                };
                Node::Template { at, name, pipe }
            }
            "block" => {
                let name = self.name("block clause")?;
                let pipe = self.pipe("block clause", &Kind::Close)?;
                self.definition(&name, first)?;
                Node::Template { at, name, pipe: Some(pipe) }
            }
            "define" => {
                // Go takes definitions at the top alone.
                if self.nest > 0 {
                    return self.unexpected(first, "a block; define at the top");
                }
                let name = self.name("define clause")?;
                self.expect(&Kind::Close, "define clause")?;
                self.definition(&name, first)?;
                return Ok(Item::Nothing);
            }
            "break" | "continue" => {
                self.expect(&Kind::Close, word)?;
                if self.ranges == 0 {
                    return Err(self.error(first, format!("{word} outside range")));
                }
                if word == "break" { Node::Break(at) } else { Node::Continue(at) }
            }
            "end" => {
                self.expect(&Kind::Close, "end")?;
                return Ok(Item::End(at));
            }
            _ => {
                let next = self.peek_word();
                if !(next.kind == Kind::Keyword && ["if", "with"].contains(&self.text(&next))) {
                    self.expect(&Kind::Close, "else")?;
                }
                return Ok(Item::Else(at));
            }
        }))
    }

    fn name(&mut self, context: &str) -> Result<Arc<str>> {
        let token = self.next_word();
        if !matches!(token.kind, Kind::Quoted | Kind::Raw) {
            return self.unexpected(&token, context);
        }
        self.unquote(&token).map(Into::into)
    }

    fn unquote(&self, token: &Token) -> Result<String> {
        quote::unquote(self.text(token))
            .ok_or_else(|| self.error(token, "invalid escape in a quoted string".to_owned()))
    }

    /// Nodes up to `end` or `else`, and which of them it was.
    fn list(&mut self, opened: &Token) -> Result<(List, Item)> {
        self.nest += 1;
        if self.nest > TEMPLATE_NEST_MAX {
            return Err(self.error(opened, format!("nested deeper than {TEMPLATE_NEST_MAX}")));
        }
        let mut list = List::new();
        loop {
            match self.node()? {
                Item::Node(node) => list.push(node),
                Item::Nothing => {}
                Item::Eof => {
                    return Err(self.error(opened, "this is not closed by an end".to_owned()));
                }
                end => {
                    self.nest -= 1;
                    return Ok((list, end));
                }
            }
        }
    }

    /// A definition's body, which sees neither the variables nor the ranges around it.
    fn definition(&mut self, name: &str, opened: &Token) -> Result<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (list, end) = self.list(opened)?;
        (self.variables, self.ranges) = (variables, ranges);
        match end {
            Item::Else(at) => Err(self.source.error(at, "unexpected else".to_owned())),
            _ => self.define(name, list, Span::new(opened.start, opened.end)),
        }
    }

    fn define(&mut self, name: &str, list: List, at: Span) -> Result<()> {
        let before = self.defined.get(name).filter(|tree| !is_empty(&tree.list));
        if before.is_some() {
            if is_empty(&list) {
                return Ok(());
            }
            return Err(self.source.error(at, format!("template {name:?} is defined twice")));
        }
        let tree = Tree { source: Arc::clone(self.source), list };
        self.defined.insert(name.into(), Arc::new(tree));
        Ok(())
    }

    /// The rest of `if`, `with` or `range`, to its end.
    fn branch(&mut self, opened: &Token) -> Result<Branch> {
        let word = self.text(opened);
        let variables = self.variables.len();
        let pipe = self.pipe(word, &Kind::Close)?;
        let is_range = usize::from(word == "range");
        self.ranges += is_range;
        let (body, end) = self.list(opened)?;
        self.ranges -= is_range;
        let otherwise = match end {
            Item::Else(_) => Some(self.otherwise(opened)?),
            _ => None,
        };
        self.variables.truncate(variables);
        Ok(Branch { at: Span::new(opened.start, opened.end), pipe, body, otherwise })
    }

    fn otherwise(&mut self, opened: &Token) -> Result<List> {
        let next = self.next();
        let chained = match (self.text(opened), self.text(&next)) {
            _ if next.kind != Kind::Keyword => None,
            ("if", "if") | ("with", "with") => Some(next.clone()),
            (opened, word) => {
                return Err(self.error(&next, format!("else {word} does not continue {opened}")));
            }
        };
        let Some(keyword) = chained else {
            self.pushed.push(next);
            let (list, end) = self.list(opened)?;
            return match end {
                Item::Else(at) => Err(self.source.error(at, "a second else".to_owned())),
                _ => Ok(list),
            };
        };
        self.nest += 1;
        let branch = self.branch(&keyword)?;
        self.nest -= 1;
        let is_if = self.text(&keyword) == "if";
        Ok(vec![if is_if { Node::If(branch) } else { Node::With(branch) }])
    }

    /// Declarations and commands, to `end`.
    fn pipe(&mut self, context: &str, end: &Kind) -> Result<Pipe> {
        let start = self.peek_word();
        let (mut assign, mut variables) = (false, Vec::new());
        while self.peek_word().kind == Kind::Variable {
            let variable = self.next();
            let between = self.next();
            let next = if between.kind == Kind::Space { self.next() } else { between.clone() };
            let may_go_on = context == "range" && variables.is_empty();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    assign = next.kind == Kind::Assign;
                    variables.push(Arc::from(self.text(&variable)));
                    break;
                }
                Kind::Comma if may_go_on => {
                    variables.push(Arc::from(self.text(&variable)));
                    if self.peek_word().kind != Kind::Variable {
                        return Err(self.error(&next, "range can only initialize variables".into()));
                    }
                }
                Kind::Comma => {
                    return Err(self.error(&next, format!("too many declarations in {context}")));
                }
                _ if variables.is_empty() => {
                    if between.kind == Kind::Space {
                        self.pushed.push(next);
                    }
                    self.pushed.extend([between, variable]);
                    break;
                }
                _ => return self.unexpected(&next, context),
            }
        }
        self.variables.extend(variables.iter().cloned());
        let mut commands = Vec::new();
        loop {
            let token = self.next_word();
            if token.kind == *end {
                break;
            }
            if !self.starts_command(&token) {
                return self.unexpected(&token, context);
            }
            self.pushed.push(token);
            let command = self.command()?;
            let is_value = matches!(
                command.first.term,
                Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text(_)
            );
            if is_value && !commands.is_empty() {
                let text = "a value cannot stand behind a pipe: it takes no argument".to_owned();
                return Err(self.source.error(command.at, text));
            }
            commands.push(command);
        }
        let last = commands.last().map_or(start.start, |command| command.at.end as usize);
        let at = Span::new(start.start, last);
        if commands.is_empty() {
            return Err(self.error(&start, format!("missing value for {context}")));
        }
        Ok(Pipe { at, assign, variables, commands })
    }

    fn starts_command(&self, token: &Token) -> bool {
        matches!(
            token.kind,
            Kind::Rune
                | Kind::Dot
                | Kind::Field
                | Kind::Word
                | Kind::Number
                | Kind::Raw
                | Kind::Quoted
                | Kind::Variable
                | Kind::LeftParen
        ) || (token.kind == Kind::Keyword && self.text(token) == "nil")
    }

    fn command(&mut self) -> Result<Command> {
        let start = self.peek_word();
        let mut operands = Vec::new();
        let mut end = start.start;
        loop {
            self.peek_word();
            if let Some(operand) = self.operand()? {
                end = operand.at.end as usize;
                operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::Close | Kind::RightParen => {
                    self.pushed.push(token);
                    break;
                }
                // Nothing need follow, as in Go.
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        let at = Span::new(start.start, end);
        let mut operands = operands.into_iter();
        let Some(first) = operands.next() else {
            return Err(self.error(&start, "empty command".to_owned()));
        };
        Ok(Command { at, first, args: operands.collect() })
    }

    /// A term and the fields behind it.
    fn operand(&mut self) -> Result<Option<Operand>> {
        let Some(mut operand) = self.term()? else { return Ok(None) };
        let mut fields: Vec<Arc<str>> = Vec::new();
        while self.peek() == Kind::Field {
            let token = self.next();
            fields.push(self.text(&token)[1..].into());
            operand.at.end = Span::new(0, token.end).end;
        }
        if fields.is_empty() {
            return Ok(Some(operand));
        }
        let at = operand.at;
        let term = match operand.term {
            Term::Field(mut first) => {
                first.append(&mut fields);
                Term::Field(first)
            }
            Term::Variable(name, mut first) => {
                first.append(&mut fields);
                Term::Variable(name, first)
            }
            Term::Bool(_) | Term::Text(_) | Term::Number(_) | Term::Nil | Term::Dot => {
                return Err(self.source.error(at, "a literal has no fields".to_owned()));
            }
            Term::Function(_) | Term::Chain(..) | Term::Pipe(_) => {
                Term::Chain(Box::new(operand), fields)
            }
        };
        Ok(Some(Operand { at, term }))
    }

    fn term(&mut self) -> Result<Option<Operand>> {
        let token = self.next_word();
        let text = self.text(&token);
        let term = match token.kind {
            Kind::Word if text == "true" || text == "false" => Term::Bool(text == "true"),
            Kind::Word => match functions::find(text) {
                Some(function) => Term::Function(function.name),
                None => return Err(self.error(&token, format!("function {text:?} not defined"))),
            },
            Kind::Keyword if text == "nil" => Term::Nil,
            Kind::Dot => Term::Dot,
            Kind::Variable => {
                if !self.variables.iter().any(|name| **name == *text) {
                    return Err(self.error(&token, format!("undefined variable {text}")));
                }
                Term::Variable(text.into(), Vec::new())
            }
            Kind::Field => Term::Field(vec![text[1..].into()]),
            Kind::Number => match quote::number(text) {
                Ok(number) => Term::Number(number),
                Err(why) => return Err(self.error(&token, why)),
            },
            Kind::Rune => {
                let inside = self.unquote(&token)?;
                let mut chars = inside.chars();
                let (Some(c), None) = (chars.next(), chars.next()) else {
                    return Err(self.error(&token, "malformed character constant".to_owned()));
                };
                let int = i64::from(u32::from(c));
                let float = Some(f64::from(u32::from(c)));
                Term::Number(crate::template::ast::Number {
                    int: Some(int),
                    float,
                    is_float: false,
                })
            }
            Kind::LeftParen => Term::Pipe(Box::new(self.parenthesis(&token)?)),
            Kind::Quoted | Kind::Raw => Term::Text(self.unquote(&token)?.into()),
            _ => {
                self.pushed.push(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { at: Span::new(token.start, self.end), term }))
    }

    fn parenthesis(&mut self, opened: &Token) -> Result<Pipe> {
        self.nest += 1;
        if self.nest > TEMPLATE_NEST_MAX {
            return Err(self.error(opened, format!("nested deeper than {TEMPLATE_NEST_MAX}")));
        }
        let pipe = self.pipe("parenthesized pipeline", &Kind::RightParen);
        self.nest -= 1;
        pipe
    }
}
