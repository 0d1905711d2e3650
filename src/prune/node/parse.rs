//! JavaScript and TypeScript to [`NodeFacts`], by an error-recovering parser.

use std::collections::BTreeMap;

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    Argument, BinaryExpression, BinaryOperator, CallExpression, ExportAllDeclaration, ExportFromDeclaration,
    Expression, ImportDeclaration, ImportExpression, ImportOrExportKind, NewExpression, StringLiteral, TemplateLiteral,
    TryStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::SourceType;

use super::super::trace::bracket_depth;
use super::facts::{Computed, Dialect, NodeFacts, Request, RequestKind};
use super::nesting::is_deeper;

/// Larger sources are not parsed; they are named like all that is not followed.
const MAX_SOURCE: usize = 16 << 20;
/// Deeper nesting than this is no program; ten times as much still fits into the stack.
const MAX_DEPTH: usize = 30_000;
/// Nor are this many brackets in each other, whatever strings and regular expressions they stand in.
const MAX_BRACKETS: u32 = 300_000;

/// Reads a source.
pub(crate) fn parse(bytes: &[u8], dialect: Dialect) -> NodeFacts {
    let source = String::from_utf8_lossy(bytes);
    let is_deep = || bracket_depth(&source) > MAX_BRACKETS || is_deeper(source.as_bytes(), MAX_DEPTH);
    if source.len() > MAX_SOURCE || is_deep() {
        return NodeFacts { broken: Some(1), ..NodeFacts::default() };
    }
    let kind = match dialect {
        Dialect::JavaScript => SourceType::unambiguous(),
        Dialect::Module => SourceType::mjs(),
        Dialect::CommonJs => SourceType::cjs(),
        Dialect::TypeScript => SourceType::ts(),
    };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &source, kind).parse();
    let mut reader = Reader {
        lines: std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at as u32 + 1)).collect(),
        facts: NodeFacts::default(),
        texts: BTreeMap::new(),
        guarded: 0,
    };
    if parsed.panicked {
        reader.facts.broken = Some(1);
    }
    reader.visit_program(&parsed.program);
    reader.facts.texts = reader.texts.into_iter().collect();
    reader.facts
}

struct Reader {
    lines: Vec<u32>,
    facts: NodeFacts,
    texts: BTreeMap<Box<str>, u32>,
    /// How many `try` blocks stand around.
    guarded: u32,
}

/// What is known of a path that is put together.
enum Known {
    /// All of it, relative to this file's folder where it begins with a dot.
    Whole(String),
    /// What it begins with.
    Prefix(String),
}

impl Reader {
    fn line(&self, offset: u32) -> u32 {
        self.lines.partition_point(|start| *start <= offset) as u32
    }

    fn request(&mut self, specifier: &str, kind: RequestKind, offset: u32, optional: bool) {
        let (line, optional) = (self.line(offset), optional || self.guarded > 0);
        self.facts.requests.push(Request { specifier: specifier.into(), kind, line, optional });
    }

    fn expression(&mut self, expression: &Expression<'_>, kind: RequestKind, offset: u32) {
        match known(expression) {
            Known::Whole(specifier) => {
                let is_file = !matches!(expression.get_inner_expression(), Expression::StringLiteral(_));
                let kind = if is_file && specifier.starts_with('.') { RequestKind::File } else { kind };
                self.request(&specifier, kind, offset, false);
            }
            Known::Prefix(prefix) => {
                let line = self.line(offset);
                self.facts.computed.push(Computed { prefix: prefix.into(), line });
            }
        }
    }

    fn text(&mut self, text: &str, offset: u32) {
        let fits = (2..=120).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._/-".contains(&byte));
        if fits && !self.texts.contains_key(text) {
            let line = self.line(offset);
            self.texts.insert(text.into(), line);
        }
    }
}

/// Puts a path together from constants, `__dirname` and `import.meta`, as far as it goes.
fn known(expression: &Expression<'_>) -> Known {
    match expression.get_inner_expression() {
        Expression::StringLiteral(literal) => Known::Whole(literal.value.to_string()),
        Expression::Identifier(name) if name.name == "__dirname" => Known::Whole(".".to_owned()),
        Expression::TemplateLiteral(template) => known_template(template),
        Expression::BinaryExpression(operation) if operation.operator == BinaryOperator::Addition => {
            match known(&operation.left) {
                Known::Whole(left) => match known(&operation.right) {
                    Known::Whole(right) => Known::Whole(left + &right),
                    Known::Prefix(right) => Known::Prefix(left + &right),
                },
                prefix @ Known::Prefix(_) => prefix,
            }
        }
        Expression::CallExpression(call) if matches!(called(call), Some("join" | "resolve")) => {
            let mut path = String::new();
            for argument in &call.arguments {
                let part = match argument.as_expression().map(known) {
                    Some(Known::Whole(part)) => part,
                    Some(Known::Prefix(part)) if !path.is_empty() => return Known::Prefix(format!("{path}/{part}")),
                    _ if path.is_empty() => return Known::Prefix(String::new()),
                    _ => return Known::Prefix(format!("{path}/")),
                };
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(&part);
            }
            Known::Whole(path)
        }
        _ => Known::Prefix(String::new()),
    }
}

fn known_template(template: &TemplateLiteral<'_>) -> Known {
    let mut text = String::new();
    for (index, quasi) in template.quasis.iter().enumerate() {
        text.push_str(quasi.value.cooked.as_ref().map_or("", |cooked| cooked.as_str()));
        match template.expressions.get(index).map(known) {
            Some(Known::Whole(part)) => text.push_str(&part),
            Some(Known::Prefix(part)) => return Known::Prefix(text + &part),
            None => {}
        }
    }
    Known::Whole(text)
}

/// The last name of what is called: `resolve` in `path.resolve()`.
fn called<'a>(call: &'a CallExpression<'_>) -> Option<&'a str> {
    match call.callee.get_inner_expression() {
        Expression::Identifier(name) => Some(name.name.as_str()),
        Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
        _ => None,
    }
}

/// The name before the dot of what is called: `require` in `require.resolve()`.
fn called_on<'a>(call: &'a CallExpression<'_>) -> Option<&'a str> {
    match call.callee.get_inner_expression() {
        Expression::StaticMemberExpression(member) => match member.object.get_inner_expression() {
            Expression::Identifier(name) => Some(name.name.as_str()),
            _ => None,
        },
        _ => None,
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_import_declaration(&mut self, declaration: &ImportDeclaration<'a>) {
        if declaration.import_kind != ImportOrExportKind::Type {
            self.request(&declaration.source.value, RequestKind::Import, declaration.span.start, false);
        }
    }

    fn visit_export_from_declaration(&mut self, declaration: &ExportFromDeclaration<'a>) {
        if declaration.export_kind != ImportOrExportKind::Type {
            self.request(&declaration.source.value, RequestKind::Import, declaration.span.start, false);
        }
    }

    fn visit_export_all_declaration(&mut self, declaration: &ExportAllDeclaration<'a>) {
        if declaration.export_kind != ImportOrExportKind::Type {
            self.request(&declaration.source.value, RequestKind::Import, declaration.span.start, false);
        }
    }

    fn visit_import_expression(&mut self, expression: &ImportExpression<'a>) {
        self.expression(&expression.source, RequestKind::Import, expression.span.start);
        walk::walk_import_expression(self, expression);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        let first = call.arguments.first().and_then(Argument::as_expression);
        match (called_on(call), called(call), first) {
            (None, Some("require" | "__require" | "nodeRequire"), Some(first))
            | (Some("require" | "module"), Some("resolve" | "require"), Some(first)) => {
                self.expression(first, RequestKind::Require, call.span.start);
            }
            (_, Some("join" | "resolve" | "fork" | "register"), Some(_)) => {
                if let Expression::CallExpression(_) = call.callee.get_inner_expression() {
                } else if let Some(path) = joined_here(call) {
                    self.request(&path, RequestKind::File, call.span.start, true);
                }
            }
            _ => {}
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_new_expression(&mut self, expression: &NewExpression<'a>) {
        let first = expression.arguments.first().and_then(Argument::as_expression);
        if let (Expression::Identifier(name), Some(first)) = (expression.callee.get_inner_expression(), first)
            && matches!(name.name.as_str(), "URL" | "Worker" | "SharedWorker")
            && let Known::Whole(path) = known(first)
            && path.starts_with('.')
        {
            self.request(&path, RequestKind::File, expression.span.start, true);
        }
        walk::walk_new_expression(self, expression);
    }

    fn visit_try_statement(&mut self, statement: &TryStatement<'a>) {
        let catches = statement.handler.is_some();
        self.guarded += u32::from(catches);
        self.visit_block_statement(&statement.block);
        self.guarded -= u32::from(catches);
        if let Some(handler) = &statement.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &statement.finalizer {
            self.visit_block_statement(finalizer);
        }
    }

    fn visit_binary_expression(&mut self, expression: &BinaryExpression<'a>) {
        if expression.operator == BinaryOperator::Addition
            && matches!(expression.left.get_inner_expression(), Expression::Identifier(name) if name.name == "__dirname")
            && let Known::Whole(right) = known(&expression.right)
        {
            self.request(&format!(".{right}"), RequestKind::File, expression.span.start, true);
        }
        walk::walk_binary_expression(self, expression);
    }

    fn visit_string_literal(&mut self, literal: &StringLiteral<'a>) {
        self.text(&literal.value, literal.span.start);
    }
}

/// The path that `join(__dirname, …)` makes of constants.
fn joined_here(call: &CallExpression<'_>) -> Option<String> {
    let first = call.arguments.first()?.as_expression()?;
    if !matches!(first.get_inner_expression(), Expression::Identifier(name) if name.name == "__dirname") {
        return None;
    }
    let mut path = ".".to_owned();
    for argument in call.arguments.iter().skip(1) {
        match known(argument.as_expression()?) {
            Known::Whole(part) => {
                path.push('/');
                path.push_str(&part);
            }
            Known::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(source: &str, dialect: Dialect) -> Vec<String> {
        let facts = parse(source.as_bytes(), dialect);
        let requests = facts.requests.iter().map(|it| {
            format!("{:?} {} {}{}", it.kind, it.specifier, it.line, if it.optional { " optional" } else { "" })
        });
        requests.chain(facts.computed.iter().map(|it| format!("computed {} {}", it.prefix, it.line))).collect()
    }

    #[test]
    fn requests() {
        for (source, expected) in [
            ("const a = require('a')", vec!["Require a 1"]),
            ("\nimport a, {b} from './a.js'", vec!["Import ./a.js 2"]),
            ("export * from 'x'; export {y} from 'y'", vec!["Import x 1", "Import y 1"]),
            ("export const z = 1", vec![]),
            ("await import('lazy')", vec!["Import lazy 1"]),
            ("try { require('fast') } catch { }", vec!["Require fast 1 optional"]),
            ("try { require('a') } finally { }", vec!["Require a 1"]),
            ("require.resolve('a/b')", vec!["Require a/b 1"]),
            ("require('./locale/' + name)", vec!["computed ./locale/ 1"]),
            ("require(`./${name}`)", vec!["computed ./ 1"]),
            ("require(name)", vec!["computed  1"]),
            ("require(path.join(__dirname, 'lib', name))", vec!["computed ./lib/ 1"]),
            ("require(path.join(__dirname, 'lib', 'a'))", vec!["File ./lib/a 1", "File ./lib/a 1 optional"]),
            ("new Worker(join(__dirname, 'w.js'))", vec!["File ./w.js 1 optional", "File ./w.js 1 optional"]),
            ("new URL('./data.bin', import.meta.url)", vec!["File ./data.bin 1 optional"]),
            ("fs.readFile(__dirname + '/x.html')", vec!["File ./x.html 1 optional"]),
            ("[1, 2].join(',')", vec![]),
        ] {
            assert_eq!(asks(source, Dialect::JavaScript), expected, "{source}");
        }
        assert_eq!(
            asks("import type { A } from 'a'; import { B } from 'b'; const c: A = 1", Dialect::TypeScript),
            ["Import b 1"]
        );
    }

    #[test]
    fn nothing_panics() {
        for source in ["", "}{", "require(", "import", "\u{feff}require('x')", "#!/usr/bin/env node\nrequire('y')"] {
            parse(source.as_bytes(), Dialect::JavaScript);
        }
        // What is parsed at all fits into the stack, and what would not is not parsed.
        let parts = ["[", "(//)\n", "(')',", "a=>", "1?2:", "a=", "!", ".a", "()", "+1", "if(1)", "`${", "new ", "a:"];
        // A `/` that seems to begin a regular expression, or not to, in what stands before.
        let heads = ["a++/", "if(1)/'/;", "{}/'/;x=", "(a)/'/'+", "a.in/'/1;'/"];
        let after_slash = heads.iter().flat_map(|head| ["(", "(')',", "!", "a=>", "+1"].map(|part| (*head, part)));
        for (head, part) in parts.map(|part| ("x=", part)).into_iter().chain(after_slash) {
            for count in [10_000, 1_000_000] {
                let source = format!("{head}{}/1", part.repeat(count));
                let facts = crate::prune::trace::parallel(|| parse(source.as_bytes(), Dialect::JavaScript));
                assert!(count < MAX_DEPTH || facts.broken == Some(1), "{head}{part}");
            }
        }
        assert_eq!(asks("#!/usr/bin/env node\nrequire('y')", Dialect::JavaScript), ["Require y 2"]);
    }
}
