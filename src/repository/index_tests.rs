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
    for (line, message) in [
        ("X:future", "its index entry has an unknown field `X:`"),
        ("P:../../etc/passwd", "its name is none that a package may have"),
        ("V:../1", "`../1` is no version: nothing sensible from `../1` on"),
        (
            "D:b c@edge",
            "`D:` of its index entry cannot be read: `c@edge` pins a repository, which only a recipe or the command \
             line may do",
        ),
        ("p:b=", "`p:` of its index entry cannot be read: `b=` ends where its version should be"),
        ("i:!", "`i:` of its index entry cannot be read: a package name is empty in `!`"),
    ] {
        let index = ApkIndex::parse(format!("{IDENTITY}\nP:a\nV:1\n{line}\n\n{PYTHON}")).unwrap();
        assert_eq!(index.get(0).unwrap().to_entry().unwrap_err().to_string(), message);
        index.get(1).unwrap().to_entry().unwrap();
    }
    for line in ["z:future", "V:0.99f7-r1"] {
        let index = ApkIndex::parse(format!("{IDENTITY}\nP:a\nV:1\n{line}")).unwrap();
        index.get(0).unwrap().to_entry().unwrap();
    }
}

#[test]
fn a_damaged_index_is_refused_as_a_whole() {
    for (text, message) in [
        ("P", "line 1 of the index should be a letter, a colon and a value, but is `P`"),
        ("<html>", "line 1 of the index should be a letter, a colon and a value, but is `<html>`"),
        ("é:x", "line 1 of the index should be a letter, a colon and a value, but is `é:x`"),
        ("C:Q9", "line 1 of the index: `C:` should be an identity like Q1…, but is `Q9`"),
        ("P:a\nS:-1", "line 2 of the index: `S:` should be a number of bytes, but is `-1`"),
        ("P:a\nV:1\n", "the package that begins on line 1 of the index has no `C:`"),
        ("\n\nV:1\n\n", "the package that begins on line 3 of the index has no `P:`"),
        ("P:a", "the package that begins on line 1 of the index has no `V:`"),
    ] {
        assert_eq!(ApkIndex::parse(text).unwrap_err().to_string(), message);
    }
    assert!(ApkIndex::parse("").unwrap().is_empty());
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
