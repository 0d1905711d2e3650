//! Recipes: every text is one or is told what is wrong with it.
#![no_main]

use apkbuild::recipe::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Recipe::parse(text, "fuzz.toml") {
        assert!(!error.report(false).is_empty());
    }
});
