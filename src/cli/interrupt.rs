//! An interrupt, a hang-up or a request to end: whatever runs inside a sandbox ends, and an engine that is being fed;
//! what is half-written goes, and the exit code is 130.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use crate::image::Engine;
use crate::{sandbox, unfinished};

/// Whether such a signal has come.
static CAME: AtomicBool = AtomicBool::new(false);

/// From now on, such a signal ends the program tidily.
pub(super) fn guard() -> Result<(), Error> {
    ctrlc::set_handler(|| {
        CAME.store(true, Ordering::SeqCst);
        sandbox::end_all();
        Engine::end_all();
        unfinished::remove_all();
        let _ = std::io::stderr().lock().write_all(b"\nerror: interrupted\n");
        std::process::exit(130);
    })
    .map_err(|error| Error::from_room(&error))
}

/// Comes back unless such a signal has come, which ends the program from elsewhere: what failed because of it is no
/// news.
pub(super) fn give_way() {
    while CAME.load(Ordering::SeqCst) {
        std::thread::park();
    }
}
