//! What was found wrong in a recipe so far, so that one run reports all of it.

use std::cell::RefCell;
use std::ops::Range;

use super::error::Fault;
use super::problem::Problem;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    /// Notes `problem` at `span`.
    pub(super) fn note(&self, problem: Problem, span: Range<usize>) {
        self.0.borrow_mut().push(Fault { problem, span });
    }

    /// All of it in the order of the text.
    pub(super) fn into_sorted(self) -> Vec<Fault> {
        let mut faults = self.0.into_inner();
        faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
        faults
    }
}
