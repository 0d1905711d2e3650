//! Several builds in one call, as many at a time as there are cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::{Built, Error, Order, Workshop, build};
use crate::progress::Progress;

/// Builds every one of `orders`, each in its workshop, and hands what was built to `finished`, in their order.
///
/// The first is built alone: what it fetches and compresses, the others mostly need as well. These threads are not
/// rayon's, where a build that waits for a part of itself could begin another whole build on top of it.
///
/// # Errors
/// The first one, in their order; what is not begun then is left.
pub fn build_all<E: From<Error>>(
    orders: &[(Order<'_>, &Workshop)],
    progress: &dyn Progress,
    mut finished: impl FnMut(usize, Built) -> Result<(), E>,
) -> Result<(), E> {
    let Some(((order, workshop), others)) = orders.split_first() else { return Ok(()) };
    finished(0, build(order, workshop, progress)?)?;
    let threads = thread::available_parallelism().map_or(1, Into::into).min(others.len());
    let next = &AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((order, workshop)) = others.get(place) else { return };
                    // Nobody waits any more where another one failed.
                    if sender.send((place, build(order, workshop, progress))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut turn = 0;
        for (place, outcome) in receiver {
            early.insert(place, outcome);
            while let Some(outcome) = early.remove(&turn) {
                turn += 1;
                finished(turn, outcome?)?;
            }
        }
        Ok(())
    })
}
