//! Python source to [`PythonFacts`], by an error-recovering parser: what cannot be parsed is marked, not guessed.

use std::borrow::Cow;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprContext, Identifier, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextSize};

use super::super::trace::{Names, bracket_depth};
use super::calls;
use super::facts::{Computed, Gate, Guard, Import, PythonFacts, PythonVersion, Text, Unit};
use super::words::{is_identifier, is_text_of_interest};

/// Larger sources are not parsed; nobody wrote them by hand, and they are named like all that is not followed.
const MAX_SOURCE: usize = 4 << 20;
/// Deeper nesting than this is no program.
const MAX_DEPTH: u32 = 1500;

/// Reads a Python source as `version` would run it.
pub(crate) fn parse(bytes: &[u8], version: PythonVersion) -> PythonFacts {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Nearly all of them are UTF-8, which is found out faster than what to put in the place of what is not.
    let source = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    let mut reader = Reader {
        version,
        lines: line_starts(&source),
        facts: PythonFacts::default(),
        mentions: Vec::new(),
        unit: 0,
        guard: None,
        in_class: false,
        depth: 0,
        attribute_parameter: None,
    };
    reader.open_unit(0, Gate::Always, 1);
    if source.len() > MAX_SOURCE || bracket_depth(&source) > MAX_DEPTH {
        reader.facts.broken = Some(1);
        return reader.finish();
    }
    let parsed = parse_unchecked(&source, ParseOptions::from(Mode::Module));
    reader.facts.broken = parsed.errors().first().map(|error| reader.line(error.location.start()));
    if let Some(module) = parsed.syntax().as_module() {
        reader.visit_body(&module.body);
    }
    reader.finish()
}

fn line_starts(source: &str) -> Vec<u32> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', source.as_bytes()).map(|at| at as u32 + 1)).collect()
}

/// A source being read.
pub(super) struct Reader<'a> {
    pub(super) version: PythonVersion,
    pub(super) lines: Vec<u32>,
    pub(super) facts: PythonFacts,
    /// The mentions of each unit, as they come.
    pub(super) mentions: Vec<Vec<&'a str>>,
    pub(super) unit: u32,
    pub(super) guard: Option<u32>,
    pub(super) in_class: bool,
    pub(super) depth: u32,
    /// In a module's `__getattr__`, the name of its parameter.
    pub(super) attribute_parameter: Option<Box<str>>,
}

impl<'a> Reader<'a> {
    fn finish(mut self) -> PythonFacts {
        for (unit, mentions) in self.facts.units.iter_mut().zip(self.mentions) {
            unit.mentions = mentions.into_iter().collect();
        }
        self.facts.defines.sort_unstable();
        self.facts.defines.dedup();
        self.facts
    }

    /// The line, from 1, on which `offset` lies.
    pub(super) fn line(&self, offset: TextSize) -> u32 {
        self.lines.partition_point(|start| *start <= offset.to_u32()) as u32
    }

    pub(super) fn open_unit(&mut self, parent: u32, gate: Gate, line: u32) -> u32 {
        let index = self.facts.units.len() as u32;
        self.facts.units.push(Unit {
            parent,
            gate,
            line,
            mentions: Names::default(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            imports: Vec::new(),
            texts: Vec::new(),
            computed: Vec::new(),
        });
        self.mentions.push(Vec::new());
        index
    }

    fn current(&mut self) -> &mut Unit {
        &mut self.facts.units[self.unit as usize]
    }

    fn mention(&mut self, name: &'a str) {
        self.mentions[self.unit as usize].push(name);
    }

    /// Reads `body` as a unit of its own.
    pub(super) fn in_unit(&mut self, gate: Gate, line: u32, body: &'a [Stmt]) {
        let unit = self.open_unit(self.unit, gate, line);
        let before = (self.unit, self.guard);
        self.unit = unit;
        self.visit_body(body);
        (self.unit, self.guard) = before;
    }

    /// The module binds `name`. What a function binds is taken away again where the function ends.
    pub(super) fn define(&mut self, name: &str) {
        if !self.in_class {
            self.facts.defines.push(name.into());
        }
    }

    fn import(&mut self, module: &str, level: u32, names: Vec<Box<str>>, offset: TextSize) {
        let (line, guard) = (self.line(offset), self.guard);
        self.current().imports.push(Import { module: module.into(), level, names, line, guard });
    }

    /// Notes what a string could name.
    fn text(&mut self, text: &'a str, offset: TextSize) {
        if text.len() > 200 {
            return;
        }
        if is_identifier(text) {
            self.mention(text);
            if text.ends_with('_') && text.len() > 3 {
                self.current().prefixes.push(text.into());
            }
        } else if let Some(at) = text.find(['%', '{']) {
            let head = text.get(..at).unwrap_or_default();
            if is_identifier(head) && head.len() > 2 {
                self.current().prefixes.push(head.into());
            }
            let tail = text.rsplit(['s', 'r', '}']).next().unwrap_or_default();
            if tail.starts_with('_') && tail.len() > 3 && is_identifier(tail) {
                self.current().suffixes.push(tail.into());
            }
        }
        if is_text_of_interest(text) {
            if let Some((_, last)) = text.rsplit_once(['.', ':'])
                && is_identifier(last)
            {
                self.mention(last);
            }
            let line = self.line(offset);
            self.current().texts.push(Text { text: text.into(), line });
        }
    }

    fn call(&mut self, expression: &Expr) {
        let Expr::Call(call) = expression else { return };
        match calls::read(call) {
            Some(calls::Call::Import { module, level }) => self.import(&module, level, Vec::new(), call.start()),
            Some(calls::Call::Computed { kind, prefix }) => {
                let line = self.line(call.start());
                self.current().computed.push(Computed { kind, prefix: prefix.into(), line });
            }
            Some(calls::Call::Search(paths)) => self.facts.search.extend(paths.into_iter().map(String::into_boxed_str)),
            None => {}
        }
    }
}

impl<'a> Visitor<'a> for Reader<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.depth += 1;
        if self.depth < MAX_DEPTH {
            match statement {
                Stmt::FunctionDef(function) => self.function(function),
                Stmt::ClassDef(class) => self.class(class),
                Stmt::If(condition) => self.condition(condition),
                Stmt::Try(attempt) => self.attempt(attempt),
                Stmt::With(with) if with.items.iter().any(|item| calls::suppresses_imports(&item.context_expr)) => {
                    let guard = self.facts.guards.len() as u32;
                    self.facts.guards.push(Guard { fails_otherwise: false });
                    let before = self.guard.replace(guard);
                    walk_stmt(self, statement);
                    self.guard = before;
                }
                Stmt::Import(import) => {
                    for alias in &import.names {
                        let name = alias.name.as_str();
                        self.import(name, 0, Vec::new(), alias.start());
                        let bound = alias
                            .asname
                            .as_ref()
                            .map_or_else(|| name.split('.').next().unwrap_or_default(), |bound| bound.as_str());
                        self.define(bound);
                    }
                }
                Stmt::ImportFrom(import) => {
                    let module = import.module.as_ref().map(Identifier::as_str).unwrap_or_default();
                    let names = import.names.iter().map(|alias| alias.name.as_str().into()).collect();
                    self.import(module, import.level, names, import.start());
                    for alias in &import.names {
                        if alias.asname.is_some() {
                            self.mention(alias.name.as_str());
                        }
                        self.define(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
                    }
                }
                Stmt::Assign(assign) if assign.targets.iter().any(is_all) => self.exports(&assign.value),
                Stmt::AugAssign(assign) if is_all(&assign.target) => self.exports(&assign.value),
                Stmt::AnnAssign(assign) if is_all(&assign.target) => {
                    if let Some(value) = &assign.value {
                        self.exports(value);
                    }
                }
                // What a statement of its own says, a docstring for one, is read by nobody.
                Stmt::Expr(expression) if expression.value.is_string_literal_expr() => {}
                _ => walk_stmt(self, statement),
            }
        } else {
            self.facts.broken = Some(self.line(statement.start()));
        }
        self.depth -= 1;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        self.depth += 1;
        if self.depth < MAX_DEPTH {
            match expression {
                Expr::Name(name) => match name.ctx {
                    ExprContext::Load => self.mention(name.id.as_str()),
                    _ => self.define(name.id.as_str()),
                },
                Expr::Attribute(attribute) => {
                    if attribute.ctx == ExprContext::Load {
                        self.mention(attribute.attr.as_str());
                    }
                    walk_expr(self, expression);
                }
                Expr::StringLiteral(literal) => self.text(literal.value.to_str(), literal.start()),
                Expr::FString(literal) => {
                    let (head, tail) = calls::ends_of_f_string(&literal.value);
                    if is_identifier(head) && head.len() > 2 {
                        self.current().prefixes.push(head.into());
                    }
                    if tail.starts_with('_') && tail.len() > 3 && is_identifier(tail) {
                        self.current().suffixes.push(tail.into());
                    }
                    walk_expr(self, expression);
                }
                Expr::BinOp(operation) => {
                    if let Expr::StringLiteral(left) = &*operation.left
                        && is_identifier(left.value.to_str())
                        && left.value.to_str().len() > 2
                    {
                        self.current().prefixes.push(left.value.to_str().into());
                    }
                    if let Expr::StringLiteral(right) = &*operation.right
                        && is_identifier(right.value.to_str())
                        && right.value.to_str().len() > 2
                    {
                        self.current().suffixes.push(right.value.to_str().into());
                    }
                    walk_expr(self, expression);
                }
                Expr::Call(_) => {
                    self.call(expression);
                    walk_expr(self, expression);
                }
                _ => walk_expr(self, expression),
            }
        } else {
            self.facts.broken = Some(self.line(expression.start()));
        }
        self.depth -= 1;
    }
}

impl Reader<'_> {
    /// The strings of `__all__`. They make nothing callable: a name in them is public, not used.
    fn exports(&mut self, value: &Expr) {
        self.define("__all__");
        calls::collect_strings(value, &mut self.facts.exports);
    }
}

fn is_all(target: &Expr) -> bool {
    matches!(target, Expr::Name(name) if name.id.as_str() == "__all__")
}

#[cfg(test)]
mod tests {
    use super::super::facts::ComputedKind;
    use super::*;

    const VERSION: PythonVersion = PythonVersion { major: 3, minor: 12 };

    /// Every import, as `gate: module names guard`.
    fn imports(source: &str) -> Vec<String> {
        let facts = parse(source.as_bytes(), VERSION);
        let mut lines = Vec::new();
        for unit in &facts.units {
            for import in &unit.imports {
                let dots = ".".repeat(import.level as usize);
                let guard = if import.guard.is_some() { " optional" } else { "" };
                let names = import.names.join(",");
                lines.push(format!("{:?}: {dots}{} [{names}]{guard} {}", unit.gate, import.module, import.line));
            }
        }
        lines
    }

    #[test]
    fn imports_and_when_they_run() {
        for (source, expected) in [
            ("import a, b.c as d", vec!["Always: a [] 1", "Always: b.c [] 1"]),
            ("\nfrom .x import y, z", vec!["Always: .x [y,z] 2"]),
            ("from .. import *", vec!["Always: .. [*] 1"]),
            ("from __future__ import annotations", vec!["Always: __future__ [annotations] 1"]),
            ("def f():\n  import a", vec!["Named(\"f\"): a [] 2"]),
            ("def __init__(self):\n  import a", vec!["Always: a [] 2"]),
            ("@app.route('/')\ndef f():\n  import a", vec!["Always: a [] 3"]),
            ("@functools.lru_cache(1)\ndef f():\n  import a", vec!["Named(\"f\"): a [] 3"]),
            ("class A:\n  import a\n  def m(self):\n    import b", vec!["Always: a [] 2", "Named(\"m\"): b [] 4"]),
            ("try:\n  import a\nexcept ImportError:\n  import b", vec!["Always: a [] optional 2", "Failed(0): b [] 4"]),
            ("try:\n  import a\nexcept KeyError:\n  import b", vec!["Always: a [] 2", "Always: b [] 4"]),
            (
                "try:\n  import a\nexcept (AttributeError, ModuleNotFoundError): pass\nelse:\n  import c",
                vec!["Always: a [] optional 2", "Succeeded(0): c [] 5"],
            ),
            ("try:\n  def f():\n    import a\nexcept ImportError: pass", vec!["Named(\"f\"): a [] 3"]),
            ("with suppress(ImportError):\n  import a", vec!["Always: a [] optional 2"]),
            ("if TYPE_CHECKING:\n  import a\nelse:\n  import b", vec!["Always: b [] 4"]),
            ("if sys.platform == 'win32':\n  import a\nelif x:\n  import b", vec!["Always: b [] 4"]),
            ("if sys.version_info >= (3, 9):\n  import a\nelse:\n  import b", vec!["Always: a [] 2"]),
            ("if __name__ == '__main__':\n  import a\nelse:\n  import b", vec!["Main: a [] 2", "Always: b [] 4"]),
            ("if __name__ != '__main__':\n  import a\nelse:\n  import b", vec!["Always: a [] 2", "Main: b [] 4"]),
            ("importlib.import_module('a.b')", vec!["Always: a.b [] 1"]),
            ("import_module('.b', __package__)", vec!["Always: .b [] 1"]),
            ("import_module('.b', 'a')", vec!["Always: a.b [] 1"]),
            ("__import__('a')", vec!["Always: a [] 1"]),
            ("def __getattr__(name):\n  if name == 'X':\n    from .x import X", vec!["Named(\"X\"): .x [X] 3"]),
            ("lambda: __import__('a')", vec!["Always: a [] 1"]),
        ] {
            let mut found = imports(source);
            found.sort_by_key(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap());
            assert_eq!(found, expected, "{source}");
        }
    }

    #[test]
    fn names_that_are_mentioned() {
        let facts = parse(
            b"\"\"\"doc\"\"\"\nfrom m import a as b\nc.d(e=f)\nc.stored = 1\ngetattr(x, 'do_' + y)\ngetattr(x, f'on_{y}_done')\n\
              __all__ = ['public']\nhandlers = {'GET': 'fetch'}\nload('pkg.mod:attr')\n",
            VERSION,
        );
        let unit = &facts.units[0];
        let mentions: Vec<&str> = unit.mentions.iter().collect();
        assert_eq!(mentions, ["GET", "a", "attr", "c", "d", "do_", "f", "fetch", "getattr", "load", "x", "y"]);
        assert!(unit.prefixes.iter().any(|it| &**it == "do_") && unit.prefixes.iter().any(|it| &**it == "on_"));
        assert!(unit.suffixes.iter().any(|it| &**it == "_done"));
        assert_eq!(facts.exports, ["public".into()]);
        assert!(unit.texts.iter().any(|it| &*it.text == "pkg.mod:attr"));
        assert_eq!(facts.defines, ["__all__".into(), "b".into(), "handlers".into()]);
    }

    #[test]
    fn what_cannot_be_followed_is_noted() {
        for (source, kind, prefix) in [
            ("import_module(name)", ComputedKind::Import, ""),
            ("import_module('a.b.' + name)", ComputedKind::Import, "a.b."),
            ("__import__('a.%s' % name)", ComputedKind::Import, "a."),
            ("import_module(f'.{name}', __name__)", ComputedKind::Import, "."),
            ("import_module('a.{}'.format(name))", ComputedKind::Import, "a."),
            ("pkgutil.iter_modules(path)", ComputedKind::List, ""),
            ("ctypes.CDLL(path)", ComputedKind::Library, ""),
            ("sys.path.insert(0, folder)", ComputedKind::SearchPath, ""),
        ] {
            let facts = parse(source.as_bytes(), VERSION);
            let computed = &facts.units[0].computed[0];
            assert_eq!((computed.kind, &*computed.prefix, computed.line), (kind, prefix, 1), "{source}");
        }
        let facts = parse(b"sys.path.append(os.path.join(os.path.dirname(__file__), 'lib'))", VERSION);
        assert_eq!(facts.search, ["$FILE/../lib".into()]);
    }

    #[test]
    fn hostile_sources_are_marked() {
        assert_eq!(parse(&b"(".repeat(5000), VERSION).broken, Some(1));
        assert!(parse(b"def f(:\n  import a", VERSION).broken.is_some());
        assert!(parse(b"\xff\xfe\x00", VERSION).broken.is_some());
        let chain = [b"x = ".to_vec(), b"-".repeat(50_000), b"1".to_vec()].concat();
        super::super::super::trace::parallel(|| parse(&chain, VERSION));
    }
}
