//! Statements that hold others: functions and classes, conditions that are known beforehand, and `try`.

use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{
    CmpOp, ElifElseClause, ExceptHandler, Expr, Stmt, StmtClassDef, StmtFunctionDef, StmtIf, StmtTry,
};
use ruff_text_size::{Ranged, TextSize};

use super::calls;
use super::condition::{Truth, truth};
use super::facts::{Gate, Guard};
use super::parse::Reader;

impl<'a> Reader<'a> {
    pub(super) fn function(&mut self, function: &'a StmtFunctionDef) {
        let name = function.name.as_str();
        self.define(name);
        let mut gate = Gate::Named(name.into());
        if name.starts_with("__") && name.ends_with("__") {
            gate = Gate::Always;
        }
        for decorator in &function.decorator_list {
            self.visit_expr(&decorator.expression);
            if !calls::is_inert_decorator(&decorator.expression) {
                // Whatever takes the function may call it: a route, a hook, a command.
                gate = Gate::Always;
            }
        }
        self.visit_parameters(&function.parameters);
        if let Some(returns) = &function.returns {
            self.visit_expr(returns);
        }
        let before = std::mem::replace(&mut self.in_class, false);
        let line = self.line(function.name.start());
        let guard = self.guard.take();
        // A function that always can run is a unit too, so that what it binds is not taken for the module's.
        let unit = self.open_unit(self.unit, gate, line);
        let outer = std::mem::replace(&mut self.unit, unit);
        let defined = self.facts.defines.len();
        let parameter = (name == "__getattr__" && !before && outer == 0)
            .then(|| function.parameters.args.first().map(|it| it.parameter.name.as_str().into()))
            .flatten();
        let parameter = std::mem::replace(&mut self.attribute_parameter, parameter);
        self.visit_body(&function.body);
        self.attribute_parameter = parameter;
        self.facts.defines.truncate(defined);
        self.unit = outer;
        self.guard = guard;
        self.in_class = before;
    }

    pub(super) fn class(&mut self, class: &'a StmtClassDef) {
        self.define(class.name.as_str());
        for decorator in &class.decorator_list {
            self.visit_expr(&decorator.expression);
        }
        if let Some(arguments) = &class.arguments {
            self.visit_arguments(arguments);
        }
        let before = std::mem::replace(&mut self.in_class, true);
        self.visit_body(&class.body);
        self.in_class = before;
    }

    pub(super) fn condition(&mut self, statement: &'a StmtIf) {
        let mut clauses: Vec<(Option<&'a Expr>, &'a [Stmt], TextSize)> =
            vec![(Some(&statement.test), &statement.body, statement.start())];
        for ElifElseClause { test, body, range, .. } in &statement.elif_else_clauses {
            clauses.push((test.as_ref(), body, range.start()));
        }
        let mut only_main = None;
        for (test, body, start) in clauses {
            if let Some(name) = test.and_then(|test| self.attribute_asked_for(test)) {
                self.in_unit(Gate::Named(name.into()), self.line(start), body);
                continue;
            }
            let value = test.map_or(Truth::True, |test| {
                self.visit_expr(test);
                truth(test, self.version)
            });
            let gate = match (value, only_main) {
                (Truth::False, _) => continue,
                (Truth::Main, _) | (_, Some(Truth::NotMain)) => Some(Gate::Main),
                _ => None,
            };
            match gate {
                Some(gate) => self.in_unit(gate, self.line(start), body),
                None => self.visit_body(body),
            }
            match value {
                // What follows is not run.
                Truth::True => return,
                Truth::NotMain => only_main = Some(Truth::NotMain),
                _ => {}
            }
        }
    }

    /// In a module's `__getattr__(name)`, the `X` of `if name == "X"`: what follows runs when somebody asks for it.
    fn attribute_asked_for(&self, test: &'a Expr) -> Option<&'a str> {
        let parameter = self.attribute_parameter.as_ref()?;
        let Expr::Compare(compare) = test else { return None };
        let (Expr::Name(left), [Expr::StringLiteral(right)], [CmpOp::Eq]) =
            (&*compare.left, &*compare.comparators, &*compare.ops)
        else {
            return None;
        };
        (left.id.as_str() == &**parameter).then(|| right.value.to_str())
    }

    pub(super) fn attempt(&mut self, statement: &'a StmtTry) {
        let mut catches = false;
        let mut only_imports = true;
        for ExceptHandler::ExceptHandler(handler) in &statement.handlers {
            let caught = calls::caught(handler.type_.as_deref());
            catches |= caught.import_error;
            only_imports &= caught.only_import_error;
        }
        if !catches {
            walk_stmt_try(self, statement);
            return;
        }
        let guard = self.facts.guards.len() as u32;
        let fails_otherwise = !only_imports || calls::raises(&statement.body);
        self.facts.guards.push(Guard { fails_otherwise });
        let before = self.guard.replace(guard);
        self.visit_body(&statement.body);
        self.guard = before;
        if !statement.orelse.is_empty() {
            self.in_unit(Gate::Succeeded(guard), self.line(statement.start()), &statement.orelse);
        }
        for ExceptHandler::ExceptHandler(handler) in &statement.handlers {
            if let Some(caught) = &handler.type_ {
                self.visit_expr(caught);
            }
            self.in_unit(Gate::Failed(guard), self.line(handler.start()), &handler.body);
        }
        self.visit_body(&statement.finalbody);
    }
}

/// A `try` that takes no import's failure.
fn walk_stmt_try<'a>(reader: &mut Reader<'a>, statement: &'a StmtTry) {
    reader.visit_body(&statement.body);
    for handler in &statement.handlers {
        reader.visit_except_handler(handler);
    }
    reader.visit_body(&statement.orelse);
    reader.visit_body(&statement.finalbody);
}
