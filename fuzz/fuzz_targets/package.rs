//! Packages: everything before the data, and the data's tar.
#![no_main]

use apkbuild::apk::{Head, read_entries};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(head) = Head::read(&mut &*bytes) {
        assert!(head.length as usize <= bytes.len());
        let _ = head.data_digest();
    }
    let _ = read_entries(bytes);
});
