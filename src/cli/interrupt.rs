//! An interrupt, a hang-up or a request to end: what is half-written goes, and the exit code is 130.

use std::io::Write as _;

use super::Error;
use crate::unfinished;

/// From now on, such a signal ends the program tidily. Children of the sandbox end with it by themselves.
pub(super) fn guard() -> Result<(), Error> {
    ctrlc::set_handler(|| {
        unfinished::remove_all();
        let _ = std::io::stderr().lock().write_all(b"\nerror: interrupted\n");
        std::process::exit(130);
    })
    .map_err(|error| Error::from_room(&error))
}
