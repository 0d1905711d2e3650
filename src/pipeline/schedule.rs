//! When each stage is built: as soon as those that it copies from are there, beside whatever else is under way.
//!
//! Stages mostly wait, for a download or a compiler, so each has a thread of its own and none of those that compute.
//! After a failure nothing new is begun; what is under way comes to its end, and is kept for the next time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope, available_parallelism};

use super::error::Error;
use crate::recipe::Stage;
use crate::rootfs::Tree;

/// The finished stages by name.
pub(super) type Stages = BTreeMap<String, Arc<Tree>>;

/// How many are built at once on a machine with fewer processors.
const AT_ONCE: usize = 4;

/// Builds every one of `stages` by `build`, which is given those that the stage copies from. Of several failures the
/// one of the earliest stage is told.
pub(super) fn build_each(
    stages: &[Stage],
    build: impl Fn(&Stage, &Stages) -> Result<Tree, Error> + Sync,
) -> Result<Stages, Error> {
    let course = Course {
        waiting: stages.iter().collect(),
        under_way: 0,
        at_once: available_parallelism().map_or(AT_ONCE, |processors| processors.get().max(AT_ONCE)),
        finished: Stages::new(),
        failed: BTreeMap::new(),
    };
    let course = Mutex::new(course);
    std::thread::scope(|scope| begin(scope, &course, &build));
    let mut course = course.into_inner().unwrap_or_else(PoisonError::into_inner);
    match stages.iter().find_map(|stage| course.failed.remove(stage.name.as_str())) {
        Some(error) => Err(error),
        None => Ok(course.finished),
    }
}

/// How far the stages are.
struct Course<'recipe> {
    waiting: Vec<&'recipe Stage>,
    under_way: usize,
    at_once: usize,
    finished: Stages,
    failed: BTreeMap<&'recipe str, Error>,
}

impl<'recipe> Course<'recipe> {
    /// A stage that can be built now, from then on under way, with those that it copies from.
    fn next(&mut self) -> Option<(&'recipe Stage, Stages)> {
        if !self.failed.is_empty() || self.under_way == self.at_once {
            return None;
        }
        // The recipe room has refused circles, so something is always ready or under way.
        let is_ready = |stage: &&Stage| stage.needs().all(|name| self.finished.contains_key(name));
        let place = self.waiting.iter().position(is_ready)?;
        let stage = self.waiting.remove(place);
        let needed = stage.needs().filter_map(|name| self.finished.get_key_value(name));
        let needed = needed.map(|(name, tree)| (name.clone(), Arc::clone(tree))).collect();
        self.under_way += 1;
        Some((stage, needed))
    }

    fn end(&mut self, stage: &'recipe Stage, outcome: Result<Tree, Error>) {
        self.under_way -= 1;
        match outcome {
            Ok(tree) => _ = self.finished.insert(stage.name.clone(), Arc::new(tree)),
            Err(error) => _ = self.failed.insert(&stage.name, error),
        }
    }
}

/// Begins what can be built now; each that ends begins what waited for it.
fn begin<'scope, 'recipe: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    course: &'scope Mutex<Course<'recipe>>,
    build: &'scope (impl Fn(&Stage, &Stages) -> Result<Tree, Error> + Sync),
) {
    loop {
        let next = lock(course).next();
        let Some((stage, needed)) = next else { return };
        let thread = Builder::new().name(format!("stage {}", stage.name));
        let work = move || {
            let outcome = build(stage, &needed);
            lock(course).end(stage, outcome);
            begin(scope, course, build);
        };
        if let Err(error) = thread.spawn_scoped(scope, work) {
            lock(course).end(stage, Err(error.into()));
        }
    }
}

fn lock<'course, 'recipe>(course: &'course Mutex<Course<'recipe>>) -> MutexGuard<'course, Course<'recipe>> {
    course.lock().unwrap_or_else(PoisonError::into_inner)
}
