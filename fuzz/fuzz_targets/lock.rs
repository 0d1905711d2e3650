//! Locks: what is read can be written, and is the same when it is read again.
#![no_main]

use apkbuild::lock::Lockfile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Lockfile::parse(text) {
        Ok(lock) => assert_eq!(Lockfile::parse(&lock.to_string()), Ok(lock)),
        Err(error) => assert!(error.help().is_some()),
    }
});
