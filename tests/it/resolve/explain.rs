//! What the user is told where nothing can be selected, a snapshot for each kind, and each held against what apk itself
//! tells.

use std::collections::{BTreeMap, BTreeSet};

use apkbuild::repository::{ApkIndex, Repository};
use apkbuild::resolve::{Source, Unsatisfiable, World, resolve};

use super::brief::{index_text, resolve_brief};
use super::reference::{Reference, shared};

/// The message for `world`, with its help lines as they are printed.
fn explanation(repositories: &[(&str, &str)], world: &str) -> String {
    let error = resolve_brief(repositories, world).expect_err("there should be no selection");
    let help = error.help().unwrap_or_default();
    let help: String = help.lines().map(|line| format!("\nhelp: {line}")).collect();
    format!("error: {error}{help}")
}

const MAIN: &str = "
    musl 1.2.5-r0 | p: so:libc.musl-x86_64.so.1=1
    busybox 1.36.1-r29 | D: so:libc.musl-x86_64.so.1 | p: /bin/sh cmd:sh=1.36.1-r29
    bash 5.2.26-r0 | D: so:libc.musl-x86_64.so.1 /bin/sh
    python3 3.12.3-r1 | D: so:libc.musl-x86_64.so.1 | p: cmd:python3=3.12.3-r1
    py3-pip 24.0-r2 | D: python3~3.12 | p: cmd:pip3=24.0-r2
    nodejs 20.15.1-r0 | D: so:libc.musl-x86_64.so.1 ca-certificates
    ca-certificates 20240705-r0 | D: /bin/sh
";

/// A case: its name, its repositories, its world.
type Explained = (&'static str, &'static [(&'static str, &'static str)], &'static str);

macro_rules! explained {
    ($($name:ident: [$(($address:expr, $packages:expr)),*], $world:expr;)*) => {
        const CASES: &[Explained] = &[$((stringify!($name), &[$(($address, $packages)),*], $world)),*];
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), explanation(&[$(($address, $packages)),*], $world));
            }
        )*
    };
}

explained! {
    a_misspelt_name: [("/main", MAIN)], "pyhton3";
    a_name_without_its_number: [("/main", MAIN)], "busybox python";
    a_name_that_is_like_no_other: [("/main", MAIN)], "postgresql16";
    the_name_of_a_command: [("/main", MAIN)], "pip3";
    no_repository_at_all: [], "python3";
    a_provided_name_with_one_provider: [("/main", MAIN)], "nodejs";
    a_provided_name_with_several_providers: [("/main", "
        nullmailer 2.2-r5 | p: mta
        postfix 3.9.0-r1 | p: mta
        mailx 8.1-r3 | D: mta
    ")], "mailx";
    a_version_that_is_not_there: [("/main", MAIN)], "python3=3.11.9-r0";
    a_version_without_its_revision: [("/main", MAIN)], "python3=3.12.3";
    a_wish_against_what_is_needed: [("/main", MAIN)], "py3-pip !python3";
    a_dependency_on_another_version: [("/main", "
        python3 3.12.3-r1
        py3-old 1.0-r0 | D: python3~3.11
    ")], "py3-old";
    several_versions_and_none_fits: [("/main", "
        python3 3.11.9-r0
        python3 3.12.3-r1
        py3-new 1.0-r0 | D: python3>=3.13
    ")], "py3-new";
    packages_that_exclude_each_other: [("/main", "
        busybox-extras 1-r0 | D: !inetutils
        inetutils 2-r0
    ")], "busybox-extras inetutils";
    packages_that_provide_the_same: [("/main", "
        openssl 3.3-r0 | p: cmd:openssl=3.3-r0
        libressl 3.9-r0 | p: cmd:openssl=3.9-r0
    ")], "openssl libressl";
    a_package_that_another_brings_beside_one_like_it: [("/main", "
        busybox-binsh 1-r0 | p: cmd:sh=1-r0 /bin/sh
        dash-binsh 2-r0 | p: cmd:sh=2-r0 /bin/sh
        mkinitfs 3-r0 | D: busybox-binsh
        abuild 4-r0 | D: /bin/sh mkinitfs
    ")], "abuild dash-binsh";
    a_version_that_is_not_there_of_one_that_another_excludes: [("/main", "
        busybox-binsh 1-r0 | p: cmd:sh=1-r0
        dash-binsh 2-r0 | p: cmd:sh=2-r0
        mkinitfs 3-r0 | D: busybox-binsh
    ")], "mkinitfs dash-binsh~9";
    a_package_that_provides_a_name_twice: [("/main", "odd 1-r0 | p: v=1 v=2")], "odd";
    a_library_that_is_nowhere: [("/main", "
        libfoo 1-r0 | p: so:libfoo.so.2=2.0
        tool 1-r0 | D: so:libfoo.so.1
    ")], "tool";
    a_repository_that_is_missing: [("/main", "tool 1-r0 | D: zzuf-completely-else")], "tool";
    a_name_that_only_a_pinned_repository_has: [("/main", MAIN), ("@edge /edge", "nginx 1.27-r0")], "nginx";
    a_dependency_that_only_a_pinned_repository_has:
        [("/main", "site 1-r0 | D: nginx"), ("@edge /edge", "nginx 1.27-r0")], "site";
    a_tag_that_no_repository_has: [("/main", MAIN)], "python3@edge";
    a_package_for_another_machine: [("/main", "tool 1-r0 | A: armv7")], "tool";
    a_package_with_a_field_of_the_future: [("/main", "tool 1-r0 | X: y")], "tool";
    a_package_that_pins_its_dependency: [("/main", "tool 1-r0 | D: nginx@edge")], "tool";
    a_package_of_another_identity: [("/main", "tool 1-r0")], "tool><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=";
    a_package_whose_index_entry_is_damaged: [("/main", "tool 1-r0 | S: abc")], "tool";
    a_choice_that_is_not_taken_back: [("/main", "
        kernel 1-r0
        module 1-r0 | D: kernel=1-r0
        module 2-r0 | D: kernel=2-r0
    ")], "module";
}

#[test]
fn a_package_that_counts_as_another() {
    let packages = index_text("jdk 1.0\njre 1.0 | p: java");
    let identity = packages.lines().next().unwrap().to_owned();
    let records: Vec<_> = packages.split_inclusive("\n\n").collect();
    let second = records[1].replace(records[1].lines().next().unwrap(), &identity);
    let index = ApkIndex::parse(format!("{}{second}", records[0])).unwrap();
    let repository = Repository::parse("/main").unwrap();
    let world = World::parse(["jdk", "java"]).unwrap();
    let error = resolve(&world, &[Source { repository: &repository, index: &index }], "x86_64").unwrap_err();
    insta::assert_snapshot!(
        "a_package_that_counts_as_another",
        format!("error: {error}\nhelp: {}", error.help().unwrap())
    );
}

/// What is told of each package or name, by kind: `breaks`, `satisfies`, `required by`…
pub type Told = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A wish of the world as apk 2 writes it and as both read it: apk 3 puts the tag behind the version.
fn with_tag_first(value: &str) -> String {
    let wish = value.strip_prefix("world[").and_then(|wish| wish.strip_suffix(']'));
    let parts = wish.and_then(|wish| wish.rsplit_once('@'));
    let Some((name, version, tag)) = parts.and_then(|(wish, tag)| {
        let (name, version) = wish.split_at_checked(wish.find(['<', '>', '=', '~'])?)?;
        Some((name, version, tag))
    }) else {
        return value.to_owned();
    };
    format!("world[{name}@{tag}{version}]")
}

/// Reads apk's message: two blanks before a subject, four before a kind, more where a line goes on. Of what cannot be
/// installed at all apk says why as further kinds, which is in our first line, and calls the wishes that it would be for
/// `satisfies`.
pub fn told_by_apk(message: &str) -> Told {
    let mut told = Told::new();
    let (mut subject, mut kind) = (String::new(), String::new());
    for line in message.lines().filter(|line| line.starts_with("  ")) {
        let text = line.trim_start();
        let mut values = text;
        match line.len() - text.len() {
            2 => {
                subject = text.trim_end_matches(':').split(" (").next().unwrap().to_owned();
                told.entry(subject.clone()).or_default();
                continue;
            }
            4 => {
                let (label, rest) = text.split_once(':').unwrap();
                (kind, values) = (label.to_owned(), rest);
            }
            _ => {}
        }
        if kind != "note" {
            let values = values.split_whitespace().map(with_tag_first);
            told.get_mut(&subject).unwrap().entry(kind.clone()).or_default().extend(values);
        }
    }
    for facts in told.values_mut() {
        if facts.remove("error").is_some_and(|reason| reason.contains("uninstallable")) {
            facts.remove("arch");
            let wishes = facts.remove("satisfies").unwrap_or_default();
            facts.insert("required by".to_owned(), wishes);
        }
    }
    told
}

/// What is told by us, likewise.
pub fn told_by_us(error: &Unsatisfiable) -> Told {
    let mut told = Told::new();
    for problem in &error.problems {
        let facts = told.entry(problem.subject.clone()).or_default();
        for fact in &problem.facts {
            facts.entry(fact.kind.as_str().to_owned()).or_default().extend(fact.values.iter().cloned());
        }
    }
    told
}

#[test]
fn what_is_told_is_what_apk_tells() {
    let reference = match shared().and_then(|shared| Reference::new(&shared)) {
        Ok(reference) => reference,
        Err(reason) => return println!("skipped: {reason}"),
    };
    // apk refuses an unknown tag before it selects, and takes a size that is no number for none.
    let differ = ["a_tag_that_no_repository_has", "a_package_whose_index_entry_is_damaged"];
    for (name, repositories, world) in CASES.iter().filter(|(name, ..)| !differ.contains(name)) {
        let indexes: Vec<_> = repositories.iter().map(|(address, brief)| (*address, index_text(brief))).collect();
        let indexes: Vec<_> = indexes.iter().map(|(address, text)| (*address, text.as_str())).collect();
        let words: Vec<_> = world.split(' ').map(str::to_owned).collect();
        let message = reference.explanation_from(&indexes, &words);
        let error = resolve_brief(repositories, world).unwrap_err();
        assert_eq!(told_by_us(&error), told_by_apk(&message), "{name}:\n{message}\n{error}");
    }
}
