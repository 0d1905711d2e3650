//! The solver: a world, a blank line, and the index that it is resolved from. What is selected meets every wish, and
//! where nothing is, the explanation says something.
#![no_main]

use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Source, World, resolve};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((world, index)) = text.split_once("\n\n") else { return };
    let Ok(world) = World::parse(world.split_ascii_whitespace()) else { return };
    let Ok(index) = ApkIndex::parse(index) else { return };
    let Ok(plain) = Repository::parse("/plain") else { return };
    let Ok(pinned) = Repository::parse("@pinned /pinned") else { return };
    let sources = [Source { repository: &plain, index: &index }, Source { repository: &pinned, index: &index }];
    for sources in [&sources[..1], &sources[1..], &sources[..]] {
        match resolve(&world, sources, "x86_64") {
            Ok(resolution) => {
                for selected in &resolution.packages {
                    assert!(!selected.reasons.is_empty() && !selected.sources.is_empty());
                }
            }
            Err(error) => assert!(!error.problems.is_empty(), "{error}"),
        }
    }
});
