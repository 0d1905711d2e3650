//! Versions: what is read prints as it was written, and three of any kind stand in an order.
#![no_main]

use std::cmp::Ordering;

use apkbuild::apk::Version;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let words = [next(), next(), next()];
    for word in words {
        if let Ok(version) = Version::parse(word) {
            assert_eq!(version.as_str(), word);
            assert!(version.begins_with(&version));
        }
    }
    let [Ok(one), Ok(two), Ok(three)] = words.map(Version::of_package) else { return };
    assert_eq!(one.cmp(&one), Ordering::Equal);
    assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
    if one <= two && two <= three {
        assert!(one <= three, "{one} <= {two} <= {three}");
    }
});
