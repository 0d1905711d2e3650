//! `.PKGINFO`: what is read is written as something that reads the same.
#![no_main]

use apkbuild::apk::PackageInfo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(info) = PackageInfo::parse(text) {
        let printed = info.to_string();
        assert_eq!(PackageInfo::parse(&printed).as_ref(), Ok(&info), "{printed}");
    }
});
