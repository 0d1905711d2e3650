//! A vendored folder in which something is damaged, missing or somebody else's: built from with the lock and without.

use std::path::Path;

use insta::assert_snapshot;

use super::{edge, locked, names, repository};
use crate::support::Program;

/// What is done to the folder.
type Damage = (&'static str, fn(&Path));

const APP: &str = "x86_64/app-1.0-r0.apk";
const INDEX: &str = "x86_64/APKINDEX.tar.gz";

fn change(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs_err::read(path).unwrap();
    change(&mut bytes);
    fs_err::write(path, bytes).unwrap();
}

const DAMAGES: [Damage; 10] = [
    ("a package with a changed byte", |folder| change(&folder.join(APP), |bytes| *bytes.last_mut().unwrap() ^= 1)),
    ("a package that is cut off", |folder| change(&folder.join(APP), |bytes| bytes.truncate(100))),
    ("an empty package", |folder| change(&folder.join(APP), Vec::clear)),
    ("a folder in place of a package", |folder| {
        fs_err::remove_file(folder.join(APP)).unwrap();
        fs_err::create_dir(folder.join(APP)).unwrap();
    }),
    ("another package under the name", |folder| {
        let other = fs_err::read(folder.join("x86_64/library-1.0-r0.apk")).unwrap();
        // Whatever signatures come to, it is longer.
        change(&folder.join(APP), |bytes| *bytes = [other.as_slice(), &[0; 500]].concat());
    }),
    ("an index that is no archive", |folder| fs_err::write(folder.join(INDEX), "nothing").unwrap()),
    ("an index that is cut off", |folder| change(&folder.join(INDEX), |bytes| bytes.truncate(bytes.len() - 9))),
    ("the index of another folder", |folder| {
        _ = fs_err::copy(super::repository().index_path(), folder.join(INDEX)).unwrap();
    }),
    ("no index", |folder| fs_err::remove_file(folder.join(INDEX)).unwrap()),
    ("no keys", |folder| fs_err::remove_dir_all(folder.join("keys")).unwrap()),
];

/// Builds from the folder alone, with an empty cache.
fn build(program: &Program) -> String {
    let words = ["recipe", "hello.toml", "-o", "hello.tar", "--keys-dir", "vendor/keys", "--offline", "-q"];
    let finished = program.run(words.iter().chain(&["-X", "vendor", "-X", "@edge vendor/tagged/edge"]));
    if program.cache().exists() {
        fs_err::remove_dir_all(program.cache()).unwrap();
    }
    if finished.code == Some(0) {
        for name in ["hello.tar", "hello.spdx.json"] {
            fs_err::remove_file(program.folder().join(name)).unwrap();
        }
        return "built\n".to_owned();
    }
    let said = finished.failure(1).to_owned();
    assert!(said.contains("\nhelp: "), "{said}");
    said
}

#[test]
fn damage_is_named_with_the_file_and_a_way_out() {
    let (repository, edge) = (repository(), edge());
    let (program, _) = locked(&repository, &edge);
    let (folder, good) = (program.folder().join("vendor"), program.folder().join("good"));
    fs_err::rename(&folder, &good).unwrap();
    let lock = program.folder().join("hello.lock");
    let text = fs_err::read_to_string(&lock).unwrap();
    let key = names(&good.join("keys")).remove(0);
    let mut told = String::new();
    for (what, damage) in DAMAGES {
        let copied = std::process::Command::new("cp").arg("-r").arg(&good).arg(&folder).status().unwrap();
        assert!(copied.success());
        damage(&folder);
        let before = names(&program.folder());
        let with_lock = build(&program);
        fs_err::remove_file(&lock).unwrap();
        let without_lock = build(&program);
        fs_err::write(&lock, &text).unwrap();
        assert_eq!(names(&program.folder()), before, "{what}: something is left");
        told += &format!("# {what}\nlocked: {with_lock}");
        told += &if with_lock == without_lock { String::new() } else { format!("not locked: {without_lock}") };
        fs_err::remove_dir_all(&folder).unwrap();
    }
    assert_snapshot!(told.replace(&key, "[KEY]"));
}
