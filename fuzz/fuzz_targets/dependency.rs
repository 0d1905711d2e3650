//! Dependencies in their three kinds: what is read prints as something that reads the same.
#![no_main]

use apkbuild::apk::{Dependency, Version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (text, version) = text.split_once('\n').unwrap_or((text, "1.0-r0"));
    for parse in [Dependency::parse, Dependency::parse_world] {
        let Ok(dependency) = parse(text) else { continue };
        let printed = dependency.to_string();
        assert_eq!(parse(&printed).as_ref(), Ok(&dependency), "{printed}");
        if let Ok(version) = Version::of_package(version) {
            let _ = dependency.constraint.is_met_by(&version);
        }
    }
});
