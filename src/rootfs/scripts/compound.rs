//! Compound commands: groups, conditions, cases and loops (POSIX shell, section 2.9.4).

use brush_parser::ast::{self, CompoundCommand};

use super::flow::{Flow, Stop, unknown};
use super::shell::Shell;
use super::streams::Streams;

impl Shell<'_> {
    pub(super) fn run_compound(&mut self, compound: &CompoundCommand, streams: &mut Streams) -> Flow<()> {
        self.deeper(|shell| shell.run_this(compound, streams))
    }

    fn run_this(&mut self, compound: &CompoundCommand, streams: &mut Streams) -> Flow<()> {
        match compound {
            CompoundCommand::BraceGroup(group) => self.run_list(&group.list, streams),
            CompoundCommand::Subshell(subshell) => self.run_apart(|shell| shell.run_list(&subshell.list, streams)),
            CompoundCommand::IfClause(clause) => self.run_if(clause, streams),
            CompoundCommand::CaseClause(clause) => self.run_case(clause, streams),
            CompoundCommand::ForClause(clause) => {
                let values = match &clause.values {
                    Some(words) => self.expand_words(words)?,
                    None => self.state.arguments.clone(),
                };
                self.status = 0;
                self.unknown_status = None;
                for value in values {
                    self.assign(&clause.variable_name, value);
                    if self.run_body(&clause.body, streams)? {
                        break;
                    }
                }
                Ok(())
            }
            CompoundCommand::WhileClause(clause) => self.run_while(clause, true, streams),
            CompoundCommand::UntilClause(clause) => self.run_while(clause, false, streams),
            CompoundCommand::Arithmetic(_)
            | CompoundCommand::ArithmeticForClause(_)
            | CompoundCommand::Coprocess(_) => unknown("it is not POSIX shell"),
        }
    }

    fn run_if(&mut self, clause: &ast::IfClauseCommand, streams: &mut Streams) -> Flow<()> {
        if self.holds(&clause.condition, streams)? {
            return self.run_list(&clause.then, streams);
        }
        for branch in clause.elses.iter().flatten() {
            let taken = match &branch.condition {
                Some(condition) => self.holds(condition, streams)?,
                None => true,
            };
            if taken {
                return self.run_list(&branch.body, streams);
            }
        }
        self.status = 0;
        self.unknown_status = None;
        Ok(())
    }

    fn run_case(&mut self, clause: &ast::CaseClauseCommand, streams: &mut Streams) -> Flow<()> {
        let letters: Vec<char> = self.expand_text(&clause.value)?.chars().collect();
        self.status = 0;
        self.unknown_status = None;
        for case in &clause.cases {
            for pattern in &case.patterns {
                let mut compared = 0;
                let matches = self.expand_pattern(&pattern.value)?.matches_counted(&letters, &mut compared);
                self.spend_work(compared)?;
                if matches {
                    return match (&case.cmd, &case.post_action) {
                        (_, action) if !matches!(action, ast::CaseItemPostAction::ExitCase) => {
                            unknown("its case goes on with the next")
                        }
                        (Some(list), _) => self.run_list(list, streams),
                        (None, _) => Ok(()),
                    };
                }
            }
        }
        Ok(())
    }

    fn run_while(
        &mut self,
        ast::WhileOrUntilClauseCommand(condition, body, _): &ast::WhileOrUntilClauseCommand,
        wanted: bool,
        streams: &mut Streams,
    ) -> Flow<()> {
        let mut status = 0;
        while self.holds(condition, streams)? == wanted {
            let is_left = self.run_body(body, streams)?;
            status = self.status;
            if is_left {
                break;
            }
        }
        self.status = status;
        self.unknown_status = None;
        Ok(())
    }

    /// Runs a loop's body once; whether the loop ends with that.
    fn run_body(&mut self, body: &ast::DoGroupCommand, streams: &mut Streams) -> Flow<bool> {
        self.loops += 1;
        let result = self.run_list(&body.list, streams);
        self.loops -= 1;
        match result {
            Ok(()) | Err(Stop::Continue(1)) => Ok(false),
            Err(Stop::Break(1)) => Ok(true),
            Err(Stop::Break(levels)) => Err(Stop::Break(levels - 1)),
            Err(Stop::Continue(levels)) => Err(Stop::Continue(levels - 1)),
            Err(stop) => Err(stop),
        }
    }
}
