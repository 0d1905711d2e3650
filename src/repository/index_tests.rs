//! Indexes as they are, as they may be, and as they must not be.

use proptest::prelude::*;

use super::*;

const PYTHON: &str = "\
C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=
P:python3
V:3.12.3-r1
A:x86_64
S:8400000
I:31000000
T:High-level scripting language
U:https://www.python.org/
L:PSF-2.0
o:python3
m:Somebody <somebody@example.org>
t:1700000000
c:0123456789abcdef
k:30
D:so:libc.musl-x86_64.so.1 so:libz.so.1
p:cmd:python3=3.12.3-r1 python=3.12
i:!minimal base
";

const IDENTITY: &str = "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=";

fn words(dependencies: &[Dependency]) -> Vec<String> {
    dependencies.iter().map(ToString::to_string).collect()
}

#[test]
fn every_field_is_read() {
    let index = ApkIndex::parse(format!("{PYTHON}\n{IDENTITY}\nP:small\nV:1")).unwrap();
    assert_eq!(index.len(), 2);
    let entry = index.get(0).unwrap().to_entry().unwrap();
    assert_eq!(entry.to_string(), "python3-3.12.3-r1");
    assert_eq!(entry.identity.to_string(), "Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=");
    assert_eq!((entry.size, entry.installed_size, entry.build_date), (8_400_000, 31_000_000, 1_700_000_000));
    assert_eq!((entry.arch.as_str(), entry.origin.as_str(), entry.license.as_str()), ("x86_64", "python3", "PSF-2.0"));
    assert_eq!(entry.description, "High-level scripting language");
    assert_eq!((entry.url.as_str(), entry.commit.as_str()), ("https://www.python.org/", "0123456789abcdef"));
    assert_eq!(entry.maintainer, "Somebody <somebody@example.org>");
    assert_eq!(entry.provider_priority, 30);
    assert_eq!(words(&entry.depends), ["so:libc.musl-x86_64.so.1", "so:libz.so.1"]);
    assert_eq!(words(&entry.provides), ["cmd:python3=3.12.3-r1", "python=3.12"]);
    assert_eq!(words(&entry.install_if), ["!minimal", "base"]);
    let small = index.get(1).unwrap().to_entry().unwrap();
    assert!(small.is_virtual() && small.arch.is_empty() && small.depends.is_empty());
    assert!(index.get(2).is_none());
}

#[test]
fn lists_add_up_and_other_fields_are_replaced() {
    let index =
        ApkIndex::parse(format!("{IDENTITY}\nP:a\nV:1\nD:b\nV:2\nD:c d\np:e\ni:f\np:g h\ni:i\n\n\n\n")).unwrap();
    let entry = index.get(0).unwrap().to_entry().unwrap();
    assert_eq!(entry.to_string(), "a-2");
    assert_eq!(words(&entry.depends), ["b", "c", "d"]);
    assert_eq!(words(&entry.provides), ["e", "g", "h"]);
    assert_eq!(words(&entry.install_if), ["f", "i"]);
}

#[test]
fn a_defect_concerns_one_package_only() {
    for (lines, message) in [
        ("X:future", "its index entry has an unknown field `X:`"),
        ("P:../../etc/passwd", "a package may not have such a name"),
        ("V:../1", "`../1` is no version: nothing sensible from `../1` on"),
        (
            "D:b c@edge",
            "`D:` of its index entry cannot be read: `c@edge` pins a repository, which only a recipe or the command \
             line may do",
        ),
        ("D:b=1.0x1", "`D:` of its index entry cannot be read: `1.0x1` is no version: nothing sensible from `1` on"),
        ("S:abc", "`S:` of its index entry should be a number of bytes, but is `abc`"),
        ("S:-1", "`S:` of its index entry should be a number of bytes, but is `-1`"),
        (
            "I:18446744073709551616",
            "`I:` of its index entry should be a number of bytes, but is `18446744073709551616`",
        ),
        ("k:abc", "`k:` of its index entry should be a number, but is `abc`"),
        ("t:now", "`t:` of its index entry should be seconds since 1970, but is `now`"),
        ("C:Q9", "`C:` of its index entry should be an identity like Q1…, but is `Q9`"),
        ("S", "line 4 of its index entry should be a letter, a colon and a value, but is `S`"),
        ("S:1\n<html>", "line 5 of its index entry should be a letter, a colon and a value, but is `<html>`"),
        ("é:x", "line 4 of its index entry should be a letter, a colon and a value, but is `é:x`"),
        // The first that is wrong is told.
        ("S:abc\nk:abc", "`S:` of its index entry should be a number of bytes, but is `abc`"),
    ] {
        let index = ApkIndex::parse(format!("{PYTHON}\n{IDENTITY}\nP:a\nV:1\n{lines}\n\n{PYTHON}")).unwrap();
        assert_eq!(index.get(1).unwrap().to_entry().unwrap_err().to_string(), message);
        for other in [0, 2] {
            index.get(other).unwrap().to_entry().unwrap();
        }
    }
    for line in ["z:future", "V:0.99f7-r1"] {
        let index = ApkIndex::parse(format!("{IDENTITY}\nP:a\nV:1\n{line}")).unwrap();
        index.get(0).unwrap().to_entry().unwrap();
    }
}

#[test]
fn what_is_missing_concerns_one_package_only() {
    for (lines, message) in [
        ("P:a\nV:1", "its index entry has no `C:`"),
        ("C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:a", "its index entry has no `V:`"),
    ] {
        let index = ApkIndex::parse(format!("{PYTHON}\n{lines}\n\n{PYTHON}")).unwrap();
        assert_eq!((index.len(), index.get(1).unwrap().name()), (3, "a"));
        assert_eq!(index.get(1).unwrap().to_entry().unwrap_err().to_string(), message);
        index.get(2).unwrap().to_entry().unwrap();
    }
    // Of what has no name nobody can ask for anything.
    let index = ApkIndex::parse(format!("{PYTHON}\n{IDENTITY}\nV:1\np:odd\n\n{PYTHON}")).unwrap();
    assert_eq!(index.len(), 2);
    assert_eq!(index.providers("odd").count(), 0);
}

#[test]
fn what_is_no_text_concerns_one_package_only() {
    let mut bytes = format!("{PYTHON}\n{IDENTITY}\nP:a\nV:1\nT:caf").into_bytes();
    bytes.extend(b"\xe9 cr\xe8me\n\n");
    bytes.extend(PYTHON.as_bytes());
    let index = ApkIndex::parse(bytes).unwrap();
    for index in [&index, &index.only(|_| true).unwrap()] {
        let defect = index.get(1).unwrap().to_entry().unwrap_err();
        assert_eq!(defect.to_string(), "`T:` of its index entry is not in UTF-8");
        for other in [0, 2] {
            index.get(other).unwrap().to_entry().unwrap();
        }
    }
}

#[test]
fn what_makes_no_sense_is_not_provided_and_is_no_condition() {
    let read = |lines: &str| {
        let index = ApkIndex::parse(format!("{IDENTITY}\nP:a\nV:1\n{lines}")).unwrap();
        let entry = index.get(0).unwrap().to_entry().unwrap();
        (words(&entry.provides), words(&entry.install_if))
    };
    assert_eq!(read("p:b c= d\np:e=v1:2").0, ["b", "e=v1:2"]);
    for odd in ["!", "c@edge", "c=", "c=1.0x1"] {
        assert!(read(&format!("i:b {odd} d")).1.is_empty(), "{odd}");
        assert_eq!(read(&format!("i:b {odd} d\ni:e f")).1, ["e", "f"]);
    }
}

#[test]
fn text_without_a_package_is_no_index() {
    for (text, message) in [
        ("P", "the index has no package in it; line 1 is `P`"),
        ("\n\n<html>", "the index has no package in it; line 3 is `<html>`"),
        ("V:1\n\n", "the index has no package in it; line 1 is `V:1`"),
    ] {
        assert_eq!(ApkIndex::parse(text).unwrap_err().to_string(), message);
    }
    assert!(ApkIndex::parse("").unwrap().is_empty() && ApkIndex::parse("\n\n").unwrap().is_empty());
}

#[test]
fn large_indexes_are_read_in_parts_as_in_one() {
    let mut text = String::new();
    for number in 0..20_000 {
        let line = if number % 1000 == 7 { "S:abc" } else { "S:1" };
        text.push_str(&format!("{IDENTITY}\nP:n{number}\nV:1\n{line}\np:v{number}\ni:w{number}\n\n"));
    }
    let index = ApkIndex::parse(text).unwrap();
    assert_eq!(index.len(), 20_000);
    for (number, record) in index.records().enumerate() {
        assert_eq!(record.to_entry().is_err(), number % 1000 == 7, "{number}");
    }
    let at = |found: Option<(usize, IndexRecord<'_>)>| found.map(|(position, _)| position);
    assert_eq!(at(index.providers("v19007").next()), Some(19_007));
    assert_eq!(at(index.conditional_on("w19007").next()), Some(19_007));
}

proptest! {
    #[test]
    fn no_text_is_too_odd(lines in proptest::collection::vec("[A-Za-zé]:?\\PC{0,12}|", 0..12)) {
        if let Ok(index) = ApkIndex::parse(lines.join("\n")) {
            for record in index.records() {
                let _ = record.to_entry();
            }
        }
    }
}
