//! Several builds in one call, as many at a time as keep the cores busy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::build::{Built, build};
use super::error::Error;
use super::order::Order;
use super::session::Session;
use crate::progress::{Progress, Task};

/// Builds every one of `orders`, each in its session, and hands what was built to `finished`, in their order.
///
/// The first is built alone: what it fetches and compresses, the others mostly need as well. These threads are not
/// rayon's, where a build that waits for a part of itself could begin another whole build on top of it.
///
/// # Errors
/// The first one, in their order; what is not begun then is left.
pub fn build_all<E: From<Error>>(
    orders: &[(Order<'_>, &Session)],
    progress: &dyn Progress,
    mut finished: impl FnMut(&Order<'_>, Built) -> Result<(), E>,
) -> Result<(), E> {
    let Some(((order, session), others)) = orders.split_first() else { return Ok(()) };
    if others.is_empty() {
        return finished(order, build(order, session, progress)?);
    }
    finished(order, build(order, session, &Named { name: &order.recipe.name, progress })?)?;
    // One more than there are cores: each waits for the disk at its end.
    let threads = thread::available_parallelism().map_or(2, |cores| cores.get() + 1).min(others.len());
    let next = AtomicUsize::new(0);
    let first_failed = AtomicUsize::new(usize::MAX);
    let (sender, receiver) = mpsc::channel();
    let work = |sender: mpsc::Sender<_>| {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some((order, session)) = others.get(place) else { return };
            if place > first_failed.load(Ordering::Relaxed) {
                return;
            }
            let outcome = build(order, session, &Named { name: &order.recipe.name, progress });
            if outcome.is_err() {
                first_failed.fetch_min(place, Ordering::Relaxed);
            }
            // Nobody waits any more where what was built could not be handed on.
            if sender.send((place, outcome)).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for number in 0..threads {
            let (work, sender) = (&work, sender.clone());
            let spawned = thread::Builder::new().spawn_scoped(scope, move || work(sender));
            // One thread is needed; more only make it faster.
            if number == 0 {
                spawned.map_err(|error| E::from(error.into()))?;
            }
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut turn = 0;
        for (place, outcome) in receiver {
            early.insert(place, outcome);
            while let (Some(outcome), Some((order, _))) = (early.remove(&turn), others.get(turn)) {
                turn += 1;
                finished(order, outcome?)?;
            }
        }
        Ok(())
    })
}

/// A listener that is told which recipe's build does what.
struct Named<'call> {
    name: &'call str,
    progress: &'call dyn Progress,
}

impl Progress for Named<'_> {
    fn stage(&self, name: &str) {
        self.progress.stage(&format!("{}: {name}", self.name));
    }

    fn download(&self, name: &str, total: Option<u64>) -> Box<dyn Task> {
        self.progress.download(name, total)
    }

    fn upload(&self, name: &str, total: u64) -> Box<dyn Task> {
        self.progress.upload(name, total)
    }

    fn warning(&self, text: &str) {
        self.progress.warning(&format!("{}: {text}", self.name));
    }
}
