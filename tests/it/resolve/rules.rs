//! The rules of selection, one by one, each held against apk itself where it can be run; why a package is there; and
//! what holds for every selection.

use std::collections::BTreeSet;

use apkbuild::apk::{Constraint, Operator};
use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Reason, Selected, Source, World, resolve};
use proptest::prelude::*;

use super::brief::{index_text, resolve_brief, titles};
use super::draw::Lot;
use super::reference::{Reference, shared};
use super::small::Case;

#[track_caller]
fn selects(packages: &str, world: &str, expected: &str) {
    let resolution = resolve_brief(&[("/main", packages)], world).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(titles(&resolution).join(" "), expected, "world {world}");
}

/// Packages, a world, and what it selects; `-` where it selects nothing.
const RULES: &[(&str, &str, &str)] = &[
    // A package may conflict with what it provides.
    ("mta-x 1-r0 | p: mta | D: !mta", "mta-x", "mta-x-1-r0"),
    ("mta-x 1-r0 | p: mta | D: !mta\nmta-y 1-r0 | p: mta", "mta-x mta-y", "-"),
    // The absence of a name may be a condition, also that of a name that nobody has.
    ("base 1-r0\nextra 1-r0 | i: base !minimal\nminimal 1-r0", "base", "base-1-r0 extra-1-r0"),
    ("base 1-r0\nextra 1-r0 | i: base !minimal\nminimal 1-r0", "base minimal", "base-1-r0 minimal-1-r0"),
    ("base 1-r0\nextra 1-r0 | i: base !unheard-of", "base", "base-1-r0 extra-1-r0"),
    ("base 1-r0\nextra 1-r0 | i: base !v\nx 1-r0 | p: v | i: base", "base", "base-1-r0 x-1-r0"),
    // A package that the world names serves what else it provides.
    ("a-tool 1-r0 | D: sh\nbusybox 1-r0 | p: sh\ndash 1-r0 | p: sh | k: 100", "a-tool", "dash-1-r0 a-tool-1-r0"),
    (
        "a-tool 1-r0 | D: sh\nbusybox 1-r0 | p: sh\ndash 1-r0 | p: sh | k: 100",
        "a-tool busybox",
        "busybox-1-r0 a-tool-1-r0",
    ),
    // What comes for another reason serves what is provided without a version, in any order and however far away.
    ("jdk 1.0 | D: so:lib=0\njre 1.0 | p: java so:lib=0", "jdk java", "jre-1.0 jdk-1.0"),
    ("zdk 1.0 | D: so:lib=0\nzre 1.0 | p: java so:lib=0", "zdk java", "zre-1.0 zdk-1.0"),
    ("jre 1.0 | p: so:lib=0 java\njdk 1.0 | D: so:lib=0", "java jdk", "jre-1.0 jdk-1.0"),
    ("a 1.0 | D: b\nb 1.0 | D: c\nc 1.0 | p: java", "a java", "c-1.0 b-1.0 a-1.0"),
    ("a 1.0 | D: so:b=0\nb 1.0 | D: so:c=0 | p: so:b=0\nc 1.0 | p: java so:c=0", "a java", "c-1.0 b-1.0 a-1.0"),
    ("jdk 1.0 | D: java so:lib=0\njre 1.0 | p: java so:lib=0", "jdk", "jre-1.0 jdk-1.0"),
    ("jdk 1.0 | D: so:lib=0\njre 1.0 | p: java so:lib=0\nother 1.0 | p: java", "jdk java", "jre-1.0 jdk-1.0"),
    ("jdk 1.0 | D: so:lib=0\njre 1.0 | p: java so:lib=0\nother 1.0 | p: java so:lib=0", "jdk java", "jre-1.0 jdk-1.0"),
    ("jdk 1.0 | D: lib\njre 1.0 | p: java lib", "jdk java", "-"),
    // With a priority another one is taken at once.
    (
        "jdk 1.0 | D: so:lib=0\njre 1.0 | p: java so:lib=0\nother 1.0 | p: java | k: 5",
        "jdk java",
        "other-1.0 jre-1.0 jdk-1.0",
    ),
    (
        "jdk 1.0 | D: so:lib=0\njre 1.0 | p: java so:lib=0 | k: 1\nother 1.0 | p: java | k: 5",
        "jdk java",
        "other-1.0 jre-1.0 jdk-1.0",
    ),
    // No version is less than any version.
    ("a 1-r0 | p: v\nneeds 1-r0 | D: v<2", "a needs", "a-1-r0 needs-1-r0"),
    ("a 1-r0 | p: v\nneeds 1-r0 | D: v<~2", "a needs", "a-1-r0 needs-1-r0"),
    ("a 1-r0 | p: v\nneeds 1-r0 | D: !v>2", "a needs", "a-1-r0 needs-1-r0"),
    ("a 1-r0 | p: v\nneeds 1-r0 | D: !v<2", "a needs", "-"),
    ("a 1-r0 | p: v\nneeds 1-r0 | D: v~2", "a needs", "-"),
    ("a 1-r0 | p: v | k: 9\nb 1-r0 | p: v=1\nneeds 1-r0 | D: v", "needs", "b-1-r0 needs-1-r0"),
    // What the world asks for is decided first, and a name of packages before one that is only provided.
    ("n1 1-r0 | p: v2=0\nn1 3-r0\nn2 2-r0 | p: v2=0\nn4 2-r0 | D: n1", "n4 v2", "n1-1-r0 n4-2-r0"),
    ("n1 1-r0 | p: v2=0\nn1 3-r0\nn2 2-r0 | p: v2=0", "n1 v2", "n1-3-r0 n2-2-r0"),
    ("w 1-r0 | D: a b\na 1-r0\na 2-r0 | D: !b=2-r0\nb 1-r0\nb 2-r0 | D: !a=2-r0", "w", "b-1-r0 a-2-r0 w-1-r0"),
    ("w 1-r0 | D: b a\na 1-r0\na 2-r0 | D: !b=2-r0\nb 1-r0\nb 2-r0 | D: !a=2-r0", "w", "a-1-r0 b-2-r0 w-1-r0"),
    ("w 1-r0 | D: b\nx 1-r0\nx 2-r0 | D: !b=2-r0\nb 1-r0\nb 2-r0 | D: !x=2-r0", "w x", "b-1-r0 w-1-r0 x-2-r0"),
    // A choice stands, although another one might have had a selection.
    ("n0 1-r0\nn0 3-r0 | D: n1<0\nn1 2-r0", "n0 n1", "-"),
    // A package that cannot be installed makes room for another; what makes no sense elsewhere is only left out.
    ("tool 1-r0\ntool 2-r0 | X: future", "tool", "tool-1-r0"),
    ("tool 1-r0\ntool 2-r0 | A: armv7", "tool", "tool-1-r0"),
    ("tool 1-r0\ntool 2-r0 | D: other@edge", "tool", "tool-1-r0"),
    ("tool 1-r0\ntool 2-r0 | D: other=1.0x1\nother 1-r0", "tool", "tool-1-r0"),
    ("tool 1-r0\ntool 2-r0 | p: v=", "tool", "tool-2-r0"),
    ("tool 1-r0\ntool 2-r0 | i: !", "tool", "tool-2-r0"),
    ("tool 1-r0\ntool 2-r0 | z: ignored | A: noarch", "tool", "tool-2-r0"),
    ("a 1-r0 | p: w=1 v= x=1", "x", "-"),
    ("a 1-r0 | p: w=1 v=b x=1", "x", "a-1-r0"),
    // What is asked of an identity holds of whatever provides the name, and against it nothing stands.
    ("a 1-r0 | D: b><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nb 1-r0", "a", "-"),
    ("a 1-r0 | D: !b><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nb 1-r0", "a b", "-"),
    // A package that stands for its own name twice.
    ("a 1-r0 | p: a=2-r0", "a", "-"),
    ("a 1-r0 | p: v=1 v=2", "a", "-"),
];

#[test]
fn rules_are_followed() {
    for (packages, world, expected) in RULES {
        let selected = resolve_brief(&[("/main", packages)], world).map(|resolution| titles(&resolution).join(" "));
        assert_eq!(selected.as_deref().unwrap_or("-"), *expected, "world {world} of\n{packages}");
    }
}

#[test]
fn rules_are_those_of_apk_itself() {
    let reference = match shared().and_then(|shared| Reference::new(&shared)) {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    for (packages, world, expected) in RULES {
        let world: Vec<_> = world.split(' ').map(str::to_owned).collect();
        let answer = reference.answer_from(&[("/main", &index_text(packages))], &world);
        let answer = answer.map_or("-".to_owned(), |packages| packages.join(" "));
        assert_eq!(answer, *expected, "world {world:?} of\n{packages}");
    }
}

/// The first of the same identity is the package, whatever the others are called.
#[test]
fn of_packages_with_one_identity_the_first_counts() {
    let packages = index_text("jdk 1-r0 | p: java\njre 2-r0 | p: java-jre=2\ntool 1-r0 | D: java-jre");
    let records: Vec<_> = packages.split_inclusive("\n\n").collect();
    let identity = |record: &str| record.lines().next().unwrap().to_owned();
    let same = records[1].replace(&identity(records[1]), &identity(records[0]));
    let answer = |first: &str, second: &str, world: &str| {
        let index = ApkIndex::parse(format!("{first}{second}{}", records[2])).unwrap();
        let repository = Repository::parse("/main").unwrap();
        let world = World::parse(world.split(' ')).unwrap();
        let resolution = resolve(&world, &[Source { repository: &repository, index: &index }], "x86_64");
        let ours = resolution.map(|resolution| titles(&resolution).join(" ")).map_err(|error| error.to_string());
        let reference = shared().and_then(|shared| Reference::new(&shared));
        match reference {
            Ok(reference) => {
                let text = format!("{first}{second}{}", records[2]);
                let words: Vec<_> = world.iter().map(ToString::to_string).collect();
                let theirs = reference.answer_from(&[("/main", &text)], &words).map(|packages| packages.join(" "));
                assert_eq!(ours.clone().ok(), theirs);
            }
            Err(reason) => println!("not held against apk: {reason}"),
        }
        ours
    };
    assert_eq!(answer(records[0], &same, "jdk"), Ok("jdk-1-r0".to_owned()));
    assert_eq!(answer(&same, records[0], "jre"), Ok("jre-2-r0".to_owned()));
    assert_eq!(answer(&same, records[0], "tool"), Ok("jre-2-r0 tool-1-r0".to_owned()));
    for (first, second, world, missing) in [
        (records[0], same.as_str(), "jre", "jre"),
        (&same, records[0], "jdk jre", "jdk"),
        (records[0], &same, "tool", "java-jre"),
    ] {
        let error = answer(first, second, world).unwrap_err();
        assert!(error.contains(&format!("{missing} (no such package)")), "{error}");
        assert!(!error.contains("provided by"), "{error}");
    }
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
                        Constraint::Version(_, version) => need.constraint.is_met_by(version),
                        // No version is less than any version.
                        _ => match &need.constraint {
                            Constraint::Any => true,
                            Constraint::Version(operator, _) => matches!(
                                operator,
                                Operator::Less | Operator::LessOrEqual | Operator::LessOrPrefix | Operator::Any
                            ),
                            Constraint::Identity(_) => false,
                        },
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
