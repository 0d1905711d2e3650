//! Indexes with one damaged entry: its package cannot be installed and the message says why; all others can.

use super::brief::index_text;
use super::reference::write_index;
use crate::support::Program;

#[test]
fn one_damaged_entry_concerns_one_package() {
    let good = index_text("b 1-r0 | D: c\nc 1-r0");
    let record = |lines: &[u8]| {
        [b"C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:a\nV:1-r0\nA:x86_64\nS:10\nI:10\n", lines, b"\n\n"].concat()
    };
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("Latin-1 text", record(b"T:caf\xe9"), "`T:` of its index entry is not in UTF-8"),
        (
            "a size that is no number",
            record(b"S:abc"),
            "`S:` of its index entry should be a number of bytes, but is `abc`",
        ),
        (
            "a size beyond 64 bits",
            record(b"S:18446744073709551616"),
            "`S:` of its index entry should be a number of bytes, but is `18446744073709551616`",
        ),
        ("a priority that is no number", record(b"k:abc"), "`k:` of its index entry should be a number, but is `abc`"),
        (
            "a line of one letter",
            record(b"x"),
            "line 7 of its index entry should be a letter, a colon and a value, but is `x`",
        ),
        ("no identity", b"P:a\nV:1-r0\nA:x86_64\nS:10\nI:10\n\n".to_vec(), "its index entry has no `C:`"),
        (
            "no version",
            b"C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:a\nS:10\nI:10\n\n".to_vec(),
            "its index entry has no `V:`",
        ),
    ];
    for (what, damaged, reason) in cases {
        let program = Program::new();
        let folder = program.folder().join("repository/x86_64");
        fs_err::create_dir_all(&folder).unwrap();
        write_index(&folder.join("APKINDEX.tar.gz"), [&damaged, good.as_bytes()].concat());
        let resolve = |name: &str| {
            program.run(["resolve", name, "-X", "repository", "--arch", "x86_64", "--allow-untrusted", "-q"])
        };
        let finished = resolve("b");
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(0), "c-1-r0\nb-1-r0\n"),
            "{what}: {}",
            finished.stderr
        );
        let finished = resolve("a");
        assert_ne!(finished.code, Some(0), "{what}");
        assert!(finished.stderr.contains(reason), "{what}: {}", finished.stderr);
    }
}
