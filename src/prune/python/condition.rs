//! Conditions that are known before the program runs: the platform, the version, type checking, being the main module.

use ruff_python_ast::{BoolOp, CmpOp, Expr, Number, UnaryOp};

use super::facts::PythonVersion;

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    /// True where the module is run as `__main__`.
    Main,
    /// True where it is not.
    NotMain,
    Unknown,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Main => Self::NotMain,
            Self::NotMain => Self::Main,
            Self::Unknown => Self::Unknown,
        }
    }

    fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// What is known of `test` under this interpreter on Linux.
pub(super) fn truth(test: &Expr, version: PythonVersion) -> Truth {
    match test {
        Expr::BooleanLiteral(literal) => Truth::of(literal.value),
        Expr::NoneLiteral(_) => Truth::False,
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(value) => Truth::of(value.as_u64() != Some(0)),
            _ => Truth::Unknown,
        },
        Expr::Name(name) if name.id.as_str() == "TYPE_CHECKING" => Truth::False,
        Expr::Attribute(attribute) if attribute.attr.as_str() == "TYPE_CHECKING" => Truth::False,
        Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => truth(&unary.operand, version).not(),
        Expr::BoolOp(operation) => {
            let values = operation.values.iter().map(|value| truth(value, version));
            let (stops, neutral) = match operation.op {
                BoolOp::And => (Truth::False, Truth::True),
                BoolOp::Or => (Truth::True, Truth::False),
            };
            let mut all = neutral;
            for value in values {
                if value == stops {
                    return stops;
                }
                if value != neutral {
                    // `main and x` holds only in the main module; `main or x` says nothing.
                    let keeps = operation.op == BoolOp::And && (value == Truth::Main || all == Truth::Main);
                    all = if keeps {
                        Truth::Main
                    } else if all == neutral && operation.op == BoolOp::And {
                        value
                    } else {
                        Truth::Unknown
                    };
                }
            }
            all
        }
        Expr::Compare(compare) => {
            let ([operator], [right]) = (&*compare.ops, &*compare.comparators) else { return Truth::Unknown };
            comparison(&compare.left, *operator, right, version)
        }
        Expr::Call(call) => {
            // sys.platform.startswith("win")
            let Expr::Attribute(function) = &*call.func else { return Truth::Unknown };
            if function.attr.as_str() != "startswith" || !is_sys(&function.value, "platform") {
                return Truth::Unknown;
            }
            match call.arguments.args.first().map(strings) {
                Some(Some(prefixes)) => Truth::of(prefixes.iter().any(|prefix| "linux".starts_with(prefix))),
                _ => Truth::Unknown,
            }
        }
        _ => Truth::Unknown,
    }
}

fn comparison(left: &Expr, operator: CmpOp, right: &Expr, version: PythonVersion) -> Truth {
    if is_name(left, "__name__") || is_name(right, "__name__") {
        let other = if is_name(left, "__name__") { right } else { left };
        return match (operator, strings(other).as_deref()) {
            (CmpOp::Eq, Some(["__main__"])) => Truth::Main,
            (CmpOp::NotEq, Some(["__main__"])) => Truth::NotMain,
            _ => Truth::Unknown,
        };
    }
    for (is_it, value) in [
        (is_sys(left, "platform"), "linux"),
        (is_attribute(left, "os", "name"), "posix"),
        (is_call(left, "platform", "system"), "Linux"),
    ] {
        if is_it {
            let Some(values) = strings(right) else { return Truth::Unknown };
            return match operator {
                CmpOp::Eq | CmpOp::In => Truth::of(values.contains(&value)),
                CmpOp::NotEq | CmpOp::NotIn => Truth::of(!values.contains(&value)),
                _ => Truth::Unknown,
            };
        }
    }
    version_comparison(left, operator, right, version)
}

/// `sys.version_info >= (3, 8)`, `sys.version_info[0] == 3`, `sys.version_info.major`, `sys.version_info[:2] < (3, 9)`.
fn version_comparison(left: &Expr, operator: CmpOp, right: &Expr, version: PythonVersion) -> Truth {
    let own = [u64::from(version.major), u64::from(version.minor)];
    let (mine, theirs): (Vec<u64>, Vec<u64>) = match left {
        Expr::Subscript(subscript) if is_sys(&subscript.value, "version_info") => match &*subscript.slice {
            Expr::Slice(slice) if slice.lower.is_none() && slice.upper.as_deref().and_then(integer) == Some(2) => {
                (own.to_vec(), integers(right))
            }
            index => match integer(index) {
                Some(0) => (vec![own[0]], integer(right).into_iter().collect()),
                Some(1) => (vec![own[1]], integer(right).into_iter().collect()),
                _ => return Truth::Unknown,
            },
        },
        Expr::Attribute(attribute) if is_sys(&attribute.value, "version_info") => match attribute.attr.as_str() {
            "major" => (vec![own[0]], integer(right).into_iter().collect()),
            "minor" => (vec![own[1]], integer(right).into_iter().collect()),
            _ => return Truth::Unknown,
        },
        _ if is_sys(left, "version_info") => {
            let theirs = integers(right);
            if theirs.len() > 2 && theirs.get(..2) == Some(&own) {
                // It hangs on the micro version, which is not known here.
                return Truth::Unknown;
            }
            // version_info is longer than (3, 8): with those two equal it is greater.
            let mut mine = own.to_vec();
            mine.push(u64::MAX);
            (mine, theirs)
        }
        _ => return Truth::Unknown,
    };
    if theirs.is_empty() {
        return Truth::Unknown;
    }
    match operator {
        CmpOp::Lt => Truth::of(mine < theirs),
        CmpOp::LtE => Truth::of(mine <= theirs),
        CmpOp::Gt => Truth::of(mine > theirs),
        CmpOp::GtE => Truth::of(mine >= theirs),
        CmpOp::Eq => Truth::of(mine == theirs),
        CmpOp::NotEq => Truth::of(mine != theirs),
        _ => Truth::Unknown,
    }
}

/// A string, or a tuple, list or set of them.
fn strings(expression: &Expr) -> Option<Vec<&str>> {
    let elements = match expression {
        Expr::StringLiteral(literal) => return Some(vec![literal.value.to_str()]),
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        Expr::Set(set) => &set.elts,
        _ => return None,
    };
    elements.iter().map(|element| element.as_string_literal_expr().map(|literal| literal.value.to_str())).collect()
}

fn integer(expression: &Expr) -> Option<u64> {
    match &expression.as_number_literal_expr()?.value {
        Number::Int(value) => value.as_u64(),
        _ => None,
    }
}

/// The numbers of a tuple; empty where something else is in it.
fn integers(expression: &Expr) -> Vec<u64> {
    let Expr::Tuple(tuple) = expression else { return Vec::new() };
    tuple.elts.iter().map(integer).collect::<Option<_>>().unwrap_or_default()
}

fn is_name(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Name(it) if it.id.as_str() == name)
}

fn is_attribute(expression: &Expr, value: &str, name: &str) -> bool {
    matches!(expression, Expr::Attribute(it) if it.attr.as_str() == name && is_name(&it.value, value))
}

/// `sys.NAME`, also as `_sys.NAME`.
fn is_sys(expression: &Expr, name: &str) -> bool {
    is_attribute(expression, "sys", name) || is_attribute(expression, "_sys", name)
}

fn is_call(expression: &Expr, value: &str, name: &str) -> bool {
    matches!(expression, Expr::Call(call) if is_attribute(&call.func, value, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_are_known() {
        for (test, expected) in [
            ("TYPE_CHECKING", Truth::False),
            ("typing.TYPE_CHECKING", Truth::False),
            ("not TYPE_CHECKING", Truth::True),
            ("0", Truth::False),
            ("1", Truth::True),
            ("__name__ == '__main__'", Truth::Main),
            ("'__main__' == __name__", Truth::Main),
            ("__name__ != '__main__'", Truth::NotMain),
            ("__name__ == '__main__' and x", Truth::Main),
            ("__name__ == '__main__' or x", Truth::Unknown),
            ("sys.platform == 'win32'", Truth::False),
            ("sys.platform != 'win32'", Truth::True),
            ("sys.platform in ('linux', 'darwin')", Truth::True),
            ("sys.platform.startswith('win')", Truth::False),
            ("sys.platform.startswith('linux')", Truth::True),
            ("os.name == 'nt'", Truth::False),
            ("platform.system() == 'Windows'", Truth::False),
            ("sys.platform == 'win32' and x", Truth::False),
            ("sys.platform == 'linux' and x", Truth::Unknown),
            ("sys.platform == 'win32' or x", Truth::Unknown),
            ("sys.version_info >= (3, 8)", Truth::True),
            ("sys.version_info >= (3, 11)", Truth::True),
            ("sys.version_info > (3, 11)", Truth::True),
            ("sys.version_info >= (3, 12)", Truth::False),
            ("sys.version_info < (3,)", Truth::False),
            ("sys.version_info >= (3, 11, 4)", Truth::Unknown),
            ("sys.version_info[0] == 2", Truth::False),
            ("sys.version_info[:2] == (3, 11)", Truth::True),
            ("sys.version_info.major >= 3", Truth::True),
            ("sys.version_info[1] < 9", Truth::False),
            ("x", Truth::Unknown),
        ] {
            let parsed = ruff_python_parser::parse_expression(test).unwrap();
            assert_eq!(truth(parsed.expr(), PythonVersion { major: 3, minor: 11 }), expected, "{test}");
        }
    }
}
