//! The rules of selection, one by one, beside what apk itself answers: where apk 3.0 and 2.14 differ, why a package is
//! there, and what holds for every selection.

use std::collections::BTreeSet;

use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Reason, Selected, Source, World, resolve};
use proptest::prelude::*;

use super::brief::{resolve_brief, titles};
use super::draw::Lot;
use super::small::Case;

#[track_caller]
fn selects(packages: &str, world: &str, expected: &str) {
    let resolution = resolve_brief(&[("/main", packages)], world).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(titles(&resolution).join(" "), expected, "world {world}");
}

#[test]
fn a_package_may_conflict_with_what_it_provides() {
    selects("mta-x 1-r0 | p: mta | D: !mta", "mta-x", "mta-x-1-r0");
    resolve_brief(&[("/main", "mta-x 1-r0 | p: mta | D: !mta\nmta-y 1-r0 | p: mta")], "mta-x mta-y").unwrap_err();
}

#[test]
fn the_absence_of_a_name_may_be_a_condition() {
    let packages = "base 1-r0\nextra 1-r0 | i: base !minimal\nminimal 1-r0";
    selects(packages, "base", "base-1-r0 extra-1-r0");
    selects(packages, "base minimal", "base-1-r0 minimal-1-r0");
    selects("base 1-r0\nextra 1-r0 | i: base !unheard-of", "base", "base-1-r0 extra-1-r0");
}

#[test]
fn a_package_that_the_world_names_serves_what_else_it_provides() {
    let packages = "
        a-tool 1-r0 | D: sh
        busybox 1-r0 | p: sh
        dash 1-r0 | p: sh | k: 100
    ";
    selects(packages, "a-tool", "dash-1-r0 a-tool-1-r0");
    selects(packages, "a-tool busybox", "busybox-1-r0 a-tool-1-r0");
}

#[test]
fn conditions_hold_one_after_another() {
    let packages = "
        bash 1-r0 | D: readline
        readline 1-r0
        docs 1-r0
        bash-doc 1-r0 | i: bash=1-r0 docs
        readline-doc 1-r0 | i: docs readline=1-r0
        index-of-docs 1-r0 | i: bash-doc readline-doc
    ";
    let resolution = resolve_brief(&[("/main", packages)], "bash docs").unwrap();
    assert_eq!(resolution.packages.len(), 6);
    let reasons = |name: &str| resolution.get(name).unwrap().reasons.clone();
    assert!(matches!(reasons("bash").as_slice(), [Reason::Asked { wish }] if wish.to_string() == "bash"));
    assert!(matches!(
        reasons("readline").as_slice(),
        [Reason::Needed { by, dependency }] if by.as_str() == "bash" && dependency.to_string() == "readline"
    ));
    assert!(matches!(
        reasons("index-of-docs").as_slice(),
        [Reason::InstallIf { conditions }] if conditions.len() == 2
    ));
}

#[test]
fn a_cycle_of_dependencies_is_no_obstacle() {
    selects("a 1-r0 | D: b\nb 1-r0 | D: c\nc 1-r0 | D: a", "a", "c-1-r0 b-1-r0 a-1-r0");
}

#[test]
fn a_pinned_name_is_served_by_its_repository_even_where_that_is_older() {
    let main = "web 2-r0 | D: lib\nlib 2-r0";
    let old = "web 1-r0 | D: lib\nlib 1-r0";
    let resolved = |world| {
        let resolution = resolve_brief(&[("/main", main), ("@old /old", old)], world).unwrap();
        let sources: Vec<_> = resolution.packages.iter().map(|selected| selected.sources.clone()).collect();
        (titles(&resolution).join(" "), sources)
    };
    assert_eq!(resolved("web"), ("lib-2-r0 web-2-r0".to_owned(), vec![vec![0], vec![0]]));
    assert_eq!(resolved("web@old"), ("lib-2-r0 web-1-r0".to_owned(), vec![vec![0], vec![1]]));
}

#[test]
fn a_package_that_several_repositories_hold_is_one() {
    let packages = "web 1-r0";
    let resolution = resolve_brief(&[("/one", packages), ("@two /two", packages)], "web").unwrap();
    assert_eq!(resolution.packages[0].sources, [0, 1]);
}

/// The first repository that serves each selected package, by its place.
#[track_caller]
fn selects_from(repositories: &[(&str, &str)], world: &str, expected: &[(&str, usize)]) {
    let resolution = resolve_brief(repositories, world).unwrap_or_else(|error| panic!("{error}"));
    let served: Vec<_> =
        titles(&resolution).into_iter().zip(resolution.packages.iter().map(|selected| selected.sources[0])).collect();
    let served: Vec<_> = served.iter().map(|(title, source)| (title.as_str(), *source)).collect();
    assert_eq!(served, expected, "world {world}");
}

#[test]
fn of_equal_packages_the_earliest_repository_serves() {
    let (one, two) = ("web 1-r0 | T: one", "web 1-r0 | T: two");
    selects_from(&[("/one", one), ("/two", two)], "web", &[("web-1-r0", 0)]);
    selects_from(&[("/one", one), ("/two", "web 2-r0")], "web", &[("web-2-r0", 1)]);
    selects_from(&[("/one", "web 2-r0"), ("/two", one)], "web", &[("web-2-r0", 0)]);
}

#[test]
fn a_pin_reaches_what_the_pinned_package_needs_and_no_further() {
    let edge = "web 2-r0 | D: lib\nlib 2-r0\nother 2-r0";
    let main = "web 1-r0\nother 1-r0";
    let repositories = [("/main", main), ("@edge /edge", edge)];
    selects_from(&repositories, "web", &[("web-1-r0", 0)]);
    selects_from(&repositories, "other web@edge", &[("other-1-r0", 0), ("lib-2-r0", 1), ("web-2-r0", 1)]);
    selects_from(&repositories, "web@edge~2", &[("lib-2-r0", 1), ("web-2-r0", 1)]);
    selects_from(&repositories, "web@edge<2", &[("web-1-r0", 0)]);
    resolve_brief(&repositories, "lib").unwrap_err();
}

#[test]
fn a_priority_breaks_ties_and_a_higher_version_comes_first() {
    selects("a 1-r0 | p: v=1 | k: 9\nb 1-r0 | p: v=2", "v", "b-1-r0");
    selects("a 1-r0 | p: v=1\nb 1-r0 | p: v=1 | k: 9", "v", "b-1-r0");
    selects("a 1-r0 | p: v=1\nb 1-r0 | p: v=1", "v", "a-1-r0");
    selects("a 1-r0 | p: v | k: 1\nb 1-r0 | p: v | k: 2", "v", "b-1-r0");
}

#[test]
fn what_is_provided_without_a_version_coexists_and_meets_no_version() {
    let packages = "a 1-r0 | p: v\nb 1-r0 | p: v\nc 1-r0 | p: v=1\nneeds 1-r0 | D: v>0";
    selects(packages, "a b", "a-1-r0 b-1-r0");
    selects(packages, "needs", "c-1-r0 needs-1-r0");
    resolve_brief(&[("/main", packages)], "a c").unwrap_err();
    resolve_brief(&[("/main", packages)], "a needs").unwrap_err();
    resolve_brief(&[("/main", "a 1-r0 | p: v")], "v").unwrap_err();
}

#[test]
fn a_package_that_cannot_be_installed_makes_room_for_another() {
    for defect in ["X: future", "A: armv7", "D: other@edge", "p: v=", "i: !"] {
        selects(&format!("tool 1-r0\ntool 2-r0 | {defect}"), "tool", "tool-1-r0");
    }
    selects("tool 1-r0\ntool 2-r0 | z: ignored | A: noarch", "tool", "tool-2-r0");
}

#[test]
fn lists_that_are_repeated_add_up() {
    selects("a 1-r0\nb 1-r0 | p: v\nc 1-r0 | D: a | D: v | p: x | p: y=1", "b c y", "b-1-r0 a-1-r0 c-1-r0");
}

#[test]
fn conditions_that_hold_are_told_whichever_package_was_decided_first() {
    for (docs, world) in [("a-docs", "a-docs web"), ("z-docs", "web z-docs"), ("z-docs", "web needs-docs")] {
        let packages = format!("web 1-r0\nneeds-docs 1-r0 | D: {docs}\n{docs} 1-r0 | i: web");
        let resolution = resolve_brief(&[("/main", &packages)], world).unwrap();
        let reasons = &resolution.get(docs).unwrap().reasons;
        assert!(matches!(reasons.last(), Some(Reason::InstallIf { .. })), "{docs} in {world}: {reasons:?}");
        assert_eq!(reasons.len(), 2, "{docs} in {world}: {reasons:?}");
    }
}

#[test]
fn every_operator_is_understood_in_any_order_of_its_letters() {
    let packages = "lib 1.2-r0\nlib 1.2.1-r0\nlib 1.3-r0";
    for (wish, expected) in [
        ("lib", "lib-1.3-r0"),
        ("lib=1.2-r0", "lib-1.2-r0"),
        ("lib<1.3", "lib-1.2.1-r0"),
        ("lib<=1.2-r0", "lib-1.2-r0"),
        ("lib=<1.2-r0", "lib-1.2-r0"),
        ("lib>1.2-r0", "lib-1.3-r0"),
        ("lib=>1.3-r0", "lib-1.3-r0"),
        ("lib~1.2", "lib-1.2.1-r0"),
        ("lib~=1.2", "lib-1.2.1-r0"),
        ("lib<~1.2", "lib-1.2.1-r0"),
        ("lib>~1.2", "lib-1.3-r0"),
        ("lib<>=0", "lib-1.3-r0"),
    ] {
        selects(packages, wish, expected);
        let by_dependency = format!("{packages}\nneeds 1-r0 | D: {wish}");
        selects(&by_dependency, "needs", &format!("{expected} needs-1-r0"));
    }
    for wish in ["lib=1.2", "lib~1.2.2", "lib>1.3-r0", "lib<1.2"] {
        resolve_brief(&[("/main", packages)], wish).unwrap_err();
    }
    selects(&format!("{packages}\nrival 1-r0 | D: !lib>1.2.1-r0"), "lib rival", "lib-1.2.1-r0 rival-1-r0");
}

#[test]
fn nothing_is_selected_for_an_empty_world() {
    selects("web 1-r0", "", "");
}

#[test]
fn a_chain_of_dependencies_may_be_long() {
    let length = 20_000;
    let chain: String = (0..length).map(|number| format!("n{number} 1-r0 | D: n{}\n", number + 1)).collect();
    let resolution = resolve_brief(&[("/main", &format!("{chain}n{length} 1-r0"))], "n0").unwrap();
    assert_eq!(resolution.packages.len(), length + 1);
    assert_eq!(resolution.packages[0].entry.name.as_str(), format!("n{length}"));
}

/// Resolves a drawn case.
fn resolve_case(index: &str, world: &[String]) -> Option<apkbuild::resolve::Resolution> {
    let index = ApkIndex::parse(index).unwrap();
    let repository = Repository::parse("/small").unwrap();
    let world = World::parse(world).unwrap();
    resolve(&world, &[Source { repository: &repository, index: &index }], "x86_64").ok()
}

/// The packages of a case's selection whose conditions hold.
fn with_conditions(case: &Case) -> Option<BTreeSet<String>> {
    let is_met = |selected: &Selected| selected.reasons.iter().any(|reason| matches!(reason, Reason::InstallIf { .. }));
    let packages = resolve_case(&case.index, &case.world)?.packages;
    Some(packages.iter().filter(|selected| is_met(selected)).map(|selected| selected.entry.to_string()).collect())
}

proptest! {
    #[test]
    fn every_dependency_of_a_selection_is_met(seed in any::<u64>()) {
        let case = Case::draw(&mut Lot(seed));
        let Some(resolution) = resolve_case(&case.index, &case.world) else { return Ok(()) };
        let entries: Vec<_> = resolution.packages.iter().map(|selected| &selected.entry).collect();
        let world = World::parse(&case.world).unwrap();
        let wishes = world.iter().map(|wish| (None, wish.clone()));
        let depends = entries.iter().flat_map(|entry| entry.depends.iter().map(|need| (Some(&entry.name), need.clone())));
        for (asker, need) in wishes.chain(depends) {
            let is_met = entries.iter().filter(|entry| !need.conflict || asker != Some(&entry.name)).any(|entry| {
                (entry.name == need.name && need.constraint.is_met_by(&entry.version))
                    || entry.provides.iter().any(|provided| provided.name == need.name && match &provided.constraint {
                        apkbuild::apk::Constraint::Version(_, version) => need.constraint.is_met_by(version),
                        _ => need.constraint == apkbuild::apk::Constraint::Any,
                    })
            });
            prop_assert!(is_met != need.conflict, "{need} of {asker:?} in {:?}", titles(&resolution));
        }
        for selected in &resolution.packages {
            prop_assert!(!selected.reasons.is_empty());
        }
    }

    /// In a few cases the order of the index decides what apk selects, see the differential test of it; of a selection,
    /// never whose conditions hold.
    #[test]
    fn whose_conditions_hold_depends_on_the_selection_alone(seed in any::<u64>()) {
        let mut lot = Lot(seed);
        let case = Case::draw_decided(&mut lot);
        let other = case.shuffled(&mut lot);
        let names = |case: &Case| case.answer().map(|titles| titles.into_iter().collect::<BTreeSet<_>>());
        if names(&case) == names(&other) {
            prop_assert_eq!(with_conditions(&case), with_conditions(&other));
        }
    }
}
