//! What the system gives no more of, as errors: threads, memory, and bytes in a file.
//!
//! Left alone, each of these ends the program by a signal, without a word or with a dump: a write over the limit of a
//! file's size by SIGXFSZ, a thread that a library cannot start by a panic, memory by an abort.

use std::process::exit;

use rayon::ThreadPoolBuilder;

use super::error::Error;
use crate::{allocator, unfinished};

/// What such a panic says, of the standard library, of rayon and of tokio.
const OF_THREADS: [&str; 4] = [
    "failed to spawn thread",
    "OS can't spawn worker thread",
    "The global thread pool has not been initialized",
    "event loop thread panicked",
];

/// What the standard library's own panics say of calls of the system that it takes to be without failure.
const OF_SYSTEM: [&str; 3] =
    ["unexpected error during closedir", "failed to generate random data", "failed to allocate an alternative stack"];

/// From now on, what is scarce is an error. To be called once, before any other thread is started.
///
/// # Errors
/// Where not even one thread can be started.
pub(super) fn guard() -> Result<(), Error> {
    // A write over the limit fails with EFBIG then. Programs that are started do not inherit it.
    let mut size_limit = nix::sys::signal::SigSet::empty();
    size_limit.add(nix::sys::signal::Signal::SIGXFSZ);
    size_limit.thread_block().map_err(|errno| Error::from_room(&errno))?;
    allocator::before_the_end(unfinished::try_remove_all);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if OF_THREADS.iter().any(|of_threads| text.contains(of_threads)) {
            unfinished::try_remove_all();
            eprintln!("error: {NO_THREADS}\nhelp: {MORE_THREADS}");
            exit(1);
        }
        if OF_SYSTEM.iter().any(|of_system| text.contains(of_system)) {
            unfinished::try_remove_all();
            eprintln!("error: the system failed: {}", text.lines().next().unwrap_or_default());
            exit(1);
        }
        usual(panic);
    }));
    start_threads()
}

const NO_THREADS: &str = "the system starts no more threads";
const MORE_THREADS: &str =
    "allow more processes (`ulimit -u`, the limit of the container) and address space (`ulimit -v`)";

/// Starts the threads that compute: as many as there are processors, or fewer where the system allows fewer.
fn start_threads() -> Result<(), Error> {
    let mut threads = 0;
    loop {
        let Err(error) = ThreadPoolBuilder::new().num_threads(threads).build_global() else { return Ok(()) };
        if threads == 1 {
            return Err(Error::failed(format!("{NO_THREADS}: {error}")).with_help(MORE_THREADS.to_owned()));
        }
        threads = if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads } / 2;
        threads = threads.max(1);
    }
}
