//! Calls and clauses that mean an import: `import_module`, `__import__`, `CDLL`, `sys.path.append`, `except
//! ImportError`.

use ruff_python_ast::{
    Expr, ExprCall, FStringPart, FStringValue, InterpolatedStringElement, Operator, Stmt, visitor::Visitor,
};

use super::facts::ComputedKind;

/// What a call means.
pub(super) enum Call {
    /// An import of a constant name.
    Import { module: String, level: u32 },
    /// Something with a name that is computed.
    Computed { kind: ComputedKind, prefix: String },
    /// Folders for `sys.path`, with `$FILE` for the file's own path.
    Search(Vec<String>),
}

/// Reads a call, if it is one that means something here.
pub(super) fn read(call: &ExprCall) -> Option<Call> {
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return None,
    };
    let first = call.arguments.args.first();
    match name {
        "import_module" | "__import__" | "run_module" => Some(import(first?, call)),
        "iter_modules" | "walk_packages" => Some(Call::Computed { kind: ComputedKind::List, prefix: String::new() }),
        "spec_from_file_location" | "run_path" | "SourceFileLoader" => {
            Some(Call::Computed { kind: ComputedKind::File, prefix: String::new() })
        }
        "CDLL" | "LoadLibrary" | "PyDLL" if !matches!(first?, Expr::StringLiteral(_) | Expr::NoneLiteral(_)) => {
            Some(Call::Computed { kind: ComputedKind::Library, prefix: String::new() })
        }
        "append" | "insert" | "extend" if is_sys_path(&call.func) => {
            let value = call.arguments.args.last()?;
            let values = match value {
                Expr::List(list) => list.elts.iter().collect(),
                Expr::Tuple(tuple) => tuple.elts.iter().collect(),
                value => vec![value],
            };
            let paths: Option<Vec<String>> = values.into_iter().map(path).collect();
            Some(paths.map_or(Call::Computed { kind: ComputedKind::SearchPath, prefix: String::new() }, Call::Search))
        }
        _ => None,
    }
}

fn import(name: &Expr, call: &ExprCall) -> Call {
    let Expr::StringLiteral(literal) = name else {
        return Call::Computed { kind: ComputedKind::Import, prefix: prefix(name).unwrap_or_default() };
    };
    let text = literal.value.to_str();
    let rest = text.trim_start_matches('.');
    let level = (text.len() - rest.len()) as u32;
    let package =
        call.arguments.args.get(1).or_else(|| {
            call.arguments.keywords.iter().find(|it| it.arg.as_deref() == Some("package")).map(|it| &it.value)
        });
    if level == 1
        && let Some(Expr::StringLiteral(package)) = package
    {
        return Call::Import { module: format!("{}.{rest}", package.value.to_str()), level: 0 };
    }
    Call::Import { module: rest.to_owned(), level }
}

/// What a computed string begins with.
fn prefix(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        Expr::FString(literal) => Some(ends_of_f_string(&literal.value).0.to_owned()),
        Expr::BinOp(operation) => match operation.op {
            Operator::Add => prefix(&operation.left),
            Operator::Mod => {
                let head = prefix(&operation.left)?;
                head.split('%').next().map(str::to_owned)
            }
            _ => None,
        },
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(function) if matches!(function.attr.as_str(), "format" | "join") => {
                let head = prefix(&function.value)?;
                (function.attr.as_str() == "format").then(|| head.split('{').next().unwrap_or_default().to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The constant text before the first and after the last value of an f-string.
pub(super) fn ends_of_f_string(value: &FStringValue) -> (&str, &str) {
    let mut parts: Vec<Option<&str>> = Vec::new();
    for part in value {
        match part {
            FStringPart::Literal(literal) => parts.push(Some(&literal.value)),
            FStringPart::FString(string) => parts.extend(string.elements.iter().map(|element| match element {
                InterpolatedStringElement::Literal(literal) => Some(&*literal.value),
                InterpolatedStringElement::Interpolation(_) => None,
            })),
        }
    }
    (parts.first().copied().flatten().unwrap_or_default(), parts.last().copied().flatten().unwrap_or_default())
}

fn is_sys_path(function: &Expr) -> bool {
    let Expr::Attribute(method) = function else { return false };
    matches!(&*method.value, Expr::Attribute(path) if path.attr.as_str() == "path"
        && matches!(&*path.value, Expr::Name(name) if name.id.as_str() == "sys"))
}

/// A path that is put together from constants and `__file__`, as text with `..`, relative to nothing.
fn path(expression: &Expr) -> Option<String> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        Expr::Name(name) if name.id.as_str() == "__file__" => Some("$FILE".to_owned()),
        Expr::Attribute(attribute) if attribute.attr.as_str() == "parent" => {
            Some(format!("{}/..", path(&attribute.value)?))
        }
        Expr::BinOp(operation) if operation.op == Operator::Div => {
            Some(format!("{}/{}", path(&operation.left)?, path(&operation.right)?))
        }
        Expr::Call(call) => {
            let name = match &*call.func {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(attribute) => match attribute.attr.as_str() {
                    "resolve" | "absolute" => return path(&attribute.value),
                    name => name,
                },
                _ => return None,
            };
            let first = call.arguments.args.first()?;
            match name {
                "Path" | "abspath" | "realpath" | "str" | "normpath" | "fspath" => path(first),
                "dirname" => Some(format!("{}/..", path(first)?)),
                "join" => {
                    let parts: Option<Vec<String>> = call.arguments.args.iter().map(path).collect();
                    Some(parts?.join("/"))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// What an `except` clause takes.
#[derive(Clone, Copy)]
pub(super) struct Caught {
    pub import_error: bool,
    pub only_import_error: bool,
}

/// What the types of an `except` clause take; none is a bare `except:`.
pub(super) fn caught(types: Option<&Expr>) -> Caught {
    let names: Vec<&str> = match types {
        None => vec!["BaseException"],
        Some(Expr::Tuple(tuple)) => tuple.elts.iter().map(last_name).collect(),
        Some(other) => vec![last_name(other)],
    };
    let is_import = |name: &&str| matches!(*name, "ImportError" | "ModuleNotFoundError");
    Caught {
        import_error: names.iter().any(|name| is_import(name) || matches!(*name, "Exception" | "BaseException")),
        only_import_error: names.iter().all(is_import),
    }
}

fn last_name(expression: &Expr) -> &str {
    match expression {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => "",
    }
}

/// `contextlib.suppress(ImportError)`.
pub(super) fn suppresses_imports(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else { return false };
    last_name(&call.func) == "suppress"
        && call.arguments.args.iter().any(|argument| caught(Some(argument)).import_error)
}

/// Whether a `raise` stands in `body`, functions and classes left out.
pub(super) fn raises(body: &[Stmt]) -> bool {
    struct Raises(bool);
    impl<'a> Visitor<'a> for Raises {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::Raise(_) => self.0 = true,
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                _ => ruff_python_ast::visitor::walk_stmt(self, statement),
            }
        }

        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    let mut raises = Raises(false);
    raises.visit_body(body);
    raises.0
}

/// Decorators that only wrap: what they wrap is called by its name.
pub(super) fn is_inert_decorator(expression: &Expr) -> bool {
    let name = match expression {
        Expr::Call(call) => last_name(&call.func),
        other => last_name(other),
    };
    matches!(
        name,
        "staticmethod"
            | "classmethod"
            | "property"
            | "setter"
            | "getter"
            | "deleter"
            | "abstractmethod"
            | "cached_property"
            | "contextmanager"
            | "asynccontextmanager"
            | "lru_cache"
            | "cache"
            | "wraps"
            | "coroutine"
            | "overload"
            | "final"
            | "override"
            | "deprecated"
            | "_tp_cache"
            | "recursive_repr"
            | "total_ordering"
            | "no_type_check"
    )
}

/// All strings of lists, tuples and their sums.
pub(super) fn collect_strings(expression: &Expr, into: &mut Vec<Box<str>>) {
    match expression {
        Expr::StringLiteral(literal) => into.push(literal.value.to_str().into()),
        Expr::List(list) => list.elts.iter().for_each(|element| collect_strings(element, into)),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| collect_strings(element, into)),
        Expr::BinOp(operation) => {
            collect_strings(&operation.left, into);
            collect_strings(&operation.right, into);
        }
        _ => {}
    }
}
