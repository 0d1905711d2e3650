//! The cache under hardship: builds at once, builds that are killed, and files that are damaged.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::support::{BuiltRepository, Program, Repository};

/// A way to damage a file, with its name.
type Damage = (&'static str, fn(&mut Vec<u8>));

const DAMAGES: [Damage; 5] = [
    ("another first byte", |bytes| flip(bytes, |_| 0)),
    ("another byte inside", |bytes| flip(bytes, |length| length / 2)),
    ("another last byte", |bytes| flip(bytes, |length| length.saturating_sub(1))),
    ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
    ("nothing in it", Vec::clear),
];

fn flip(bytes: &mut [u8], at: fn(usize) -> usize) {
    if let Some(byte) = bytes.get_mut(at(bytes.len())) {
        *byte ^= 0x20;
    }
}

/// Packages large enough that a build takes a while.
fn repository() -> BuiltRepository {
    let mut repository = Repository::new();
    for (number, name) in ["one", "two", "three", "four"].into_iter().enumerate() {
        let line = format!("{name} says {number}\n");
        repository = repository.package(name, "1-r0").file(&format!("usr/lib/{name}"), line.repeat(100_000));
    }
    repository.build()
}

fn program() -> Program {
    let program = Program::new();
    program.write("app.txt", "application\n");
    program.write(
        "hello.toml",
        "name = \"hello\"\n[alpine]\npackages = [\"one\", \"two\", \"three\", \"four\"]\n\
         [[copy]]\nsource = \"app.txt\"\ntarget = \"/app/\"\n[config]\ncmd = [\"one\"]\n",
    );
    program
}

fn start(program: &Program, repository: &BuiltRepository, output: &str) -> Child {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64", "-o", output];
    program.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Builds, and gives the archive.
fn build(program: &Program, repository: &BuiltRepository) -> Vec<u8> {
    assert!(start(program, repository, "hello.tar").wait().unwrap().success());
    fs_err::read(program.folder().join("hello.tar")).unwrap()
}

/// Every file of the cache but its tag, in the order of their paths.
fn cached(program: &Program) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(program.cache()).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file() && entry.file_name() != "CACHEDIR.TAG");
    files.map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn builds_at_once_fill_one_cache() {
    let (program, repository) = (program(), repository());
    let outputs: Vec<String> = (0..4).map(|number| format!("{number}.tar")).collect();
    let children: Vec<Child> = outputs.iter().map(|output| start(&program, &repository, output)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let built: Vec<Vec<u8>> =
        outputs.iter().map(|output| fs_err::read(program.folder().join(output)).unwrap()).collect();
    assert!(built.windows(2).all(|pair| pair[0] == pair[1]), "each has the same bytes");
    assert_eq!(build(&program, &repository), built[0]);
}

#[test]
fn a_build_may_be_killed_at_any_moment() {
    let (other, repository) = (program(), repository());
    let whole = build(&other, &repository);
    let program = program();
    let output = program.folder().join("hello.tar");
    for moment in 0..25 {
        let mut child = start(&program, &repository, "hello.tar");
        std::thread::sleep(Duration::from_millis(moment * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        if output.exists() {
            assert_eq!(fs_err::read(&output).unwrap(), whole, "whole or not there, after {} ms", moment * 7);
            fs_err::remove_file(&output).unwrap();
        }
        if moment % 5 == 4 {
            // Some moments come before the first build is through, and some after it.
            let _ = fs_err::remove_dir_all(program.cache());
        }
    }
    assert_eq!(build(&program, &repository), whole, "what was left in the cache hurts nobody");
}

#[test]
fn a_file_of_the_cache_may_be_damaged_in_any_way() {
    let (program, repository) = (program(), repository());
    let whole = build(&program, &repository);
    for file in cached(&program) {
        let shown = file.strip_prefix(program.cache()).unwrap().display().to_string();
        for (what, damage) in DAMAGES {
            // Another build may have taken it away, having found it damaged.
            let Ok(mut bytes) = fs_err::read(&file) else { continue };
            damage(&mut bytes);
            fs_err::write(&file, bytes).unwrap();
            // Without the record, all else is read too.
            let _ = fs_err::remove_dir_all(program.cache().join("builds"));
            assert_eq!(build(&program, &repository), whole, "{shown}: {what}");
        }
    }
}
