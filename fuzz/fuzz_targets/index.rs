//! Indexes: the text of an APKINDEX, and the signed archive around it.
#![no_main]

use apkbuild::apk::{Keyring, SignedIndex};
use apkbuild::repository::ApkIndex;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(archive) = SignedIndex::read(bytes) {
        assert!(archive.verify(&Keyring::alpine()).is_err(), "nobody but Alpine can sign for it");
        let _ = archive.open();
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(index) = ApkIndex::parse(text) else { return };
    assert_eq!(index.records().len(), index.len());
    for record in index.records() {
        let _ = (record.name(), record.version(), record.arch(), record.identity());
        if let Ok(entry) = record.to_entry() {
            assert_eq!(entry.name.as_str(), record.name());
            assert_eq!(entry.depends.len(), record.depends().count());
        }
    }
});
