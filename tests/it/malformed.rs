//! Packages whose files are not what they seem: ELF files with absurd headers, bytecode that is cut off, first lines
//! that lead nowhere. Every profile builds them, and takes none of them for what it needs.

use apkbuild::image::StoredImage;
use apkbuild::rootfs::Tree;

use super::support::{BuiltRepository, Program, Repository};

/// The header of an ELF file for this many program and section headers, said to lie at `place`.
fn header(place: u64, size: u16, count: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    for word in [0, place, place] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 4]);
    for half in [64, size, count, size, count, count] {
        bytes.extend(half.to_le_bytes());
    }
    bytes
}

/// A program header.
fn segment(kind: u32, offset: u64, address: u64, length: u64) -> Vec<u8> {
    let words = [offset, address, address, length, length, 1];
    [kind.to_le_bytes().to_vec(), vec![4, 0, 0, 0], words.iter().flat_map(|word| word.to_le_bytes()).collect()].concat()
}

/// An ELF file over which one segment lies, with a dynamic section of `entries`, then `strings` from byte 232 on.
fn dynamic(entries: &[(u64, u64)], strings: &[u8]) -> Vec<u8> {
    let start = 64 + 3 * 56 + strings.len() as u64;
    let length = 16 * entries.len() as u64;
    let entries = entries.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat());
    [
        header(64, 56, 3),
        segment(1, 0, 0, start + length),
        segment(3, 232, 232, strings.len() as u64),
        segment(2, start, start, length),
        strings.to_vec(),
        entries.collect(),
    ]
    .concat()
}

const NEEDED: u64 = 1;
const STRTAB: u64 = 5;
const STRSZ: u64 = 10;
const RUNPATH: u64 = 29;

fn elf_files() -> Vec<(&'static str, Vec<u8>)> {
    let strings = b"\0libb.so\0liba.so\0$ORIGIN/$ORIGIN/$ORIGIN:.:..:/\0";
    let table = [(STRTAB, 232), (STRSZ, strings.len() as u64)];
    let needs = |offset: u64| dynamic(&[&[(NEEDED, offset), (RUNPATH, 17)], &table[..], &[(0, 0)]].concat(), strings);
    // A million names of a megabyte each, in a file of seventeen.
    let mut bomb = vec![(NEEDED, 0); 1_000_000];
    let long = [b"n".repeat(1 << 20), vec![0]].concat();
    bomb.extend([(STRTAB, 232), (STRSZ, long.len() as u64)]);
    let folders = [b"\0".to_vec(), b"/a:".repeat(300_000), vec![0]].concat();
    let paths = [(RUNPATH, 1), (NEEDED, 900_001), (STRTAB, 232), (STRSZ, folders.len() as u64)];
    vec![
        ("nothing", Vec::new()),
        ("magic", b"\x7fELF".to_vec()),
        ("ones", [b"\x7fELF".to_vec(), vec![0xff; 4096]].concat()),
        ("many-headers", header(64, 56, u16::MAX)),
        ("headers-past-the-end", header(u64::MAX, 56, 1)),
        ("headers-over-the-header", header(0, 1, u16::MAX)),
        ("no-size", header(64, 0, 7)),
        ("empty-interpreter", [header(64, 56, 1), segment(3, 10, 0, 0)].concat()),
        ("interpreter-past-the-end", [header(64, 56, 1), segment(3, u64::MAX, 0, u64::MAX)].concat()),
        ("empty-dynamic", [header(64, 56, 1), segment(2, 64, 64, 0)].concat()),
        ("large-dynamic", [header(64, 56, 1), segment(2, 64, 64, u64::MAX)].concat()),
        ("strings-past-the-end", dynamic(&[(NEEDED, 0), (STRTAB, u64::MAX), (STRSZ, u64::MAX), (0, 0)], strings)),
        ("name-past-the-end", needs(u64::MAX)),
        ("no-end", dynamic(&[(NEEDED, 1), (NEEDED, 9), table[0], table[1]], strings)),
        ("bomb", dynamic(&bomb, &long)),
        ("paths", dynamic(&paths, &folders)),
        // These two need each other.
        ("liba.so", needs(1)),
        ("libb.so", needs(9)),
    ]
}

/// Python's library in a package, and what stands beside its sources.
const LIBRARY: &str = "usr/lib/python3.12";

fn repository() -> BuiltRepository {
    let mut repository = Repository::new().package("odd", "1-r0").program(
        "usr/bin/start",
        dynamic(&[(NEEDED, 9), (STRTAB, 232), (STRSZ, 60), (0, 0)], b"/l\0......liba.so\0".repeat(4).as_slice()),
    );
    for (name, bytes) in elf_files() {
        repository = repository.program(&format!("usr/lib/{name}"), bytes);
    }
    let lines = [
        ("no-name", "#!\n".to_owned()),
        ("spaces", "#!     \n".to_owned()),
        ("itself", "#!/usr/bin/itself\n".to_owned()),
        ("endless", format!("#!{}", "x".repeat(100_000))),
        ("env", "#!/usr/bin/env -S\n".to_owned()),
        ("nul", "#!/bin/\0sh\n".to_owned()),
        ("out", "#!../../../../bin/sh python node\n".to_owned()),
        ("folder", "#!/usr/lib\n".to_owned()),
    ];
    for (name, line) in lines {
        repository = repository.program(&format!("usr/bin/{name}"), line);
    }
    repository = repository
        .package("python3", "3.12.1-r0")
        .program("usr/bin/python3.12", "no program")
        .symlink("usr/bin/python3", "python3.12");
    let code = |bytes: &[u8]| [b"\xcb\r\r\n\0\0\0\0\0\0\0\0\0\0\0\0", bytes].concat();
    let compiled = [
        ("empty", Vec::new()),
        ("short", b"\xcb\r\r".to_vec()),
        ("head", code(b"")),
        ("cut", code(b"c\0\0\0\0")),
        ("long", code(b"s\xff\xff\xff\x7f")),
        ("negative", code(b"(\xff\xff\xff\xff")),
        ("deep", code(&b"(\x01\0\0\0".repeat(200_000))),
        ("around", code(b"\xdb\x01\0\0\0r\0\0\0\0")),
        ("many", code(b"(\xff\xff\xff\x7fNNNN")),
    ];
    for (name, bytes) in compiled {
        repository = repository
            .file(&format!("{LIBRARY}/{name}.py"), "pass\n")
            .file(&format!("{LIBRARY}/__pycache__/{name}.cpython-312.pyc"), bytes);
    }
    repository.build()
}

/// A build of `packages` with `command` and `prune`, done.
fn build(repository: &BuiltRepository, command: &str, prune: &str) -> (Program, Tree) {
    let program = Program::new();
    let recipe = format!(
        "name = \"hello\"\n[alpine]\npackages = [\"odd\", \"python3\"]\n[config]\ncmd = {command}\n[prune]\n{prune}\n"
    );
    program.write("hello.toml", recipe);
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"];
    let finished = program.run(words);
    assert_eq!(finished.code, Some(0), "{command} {prune}: {}", finished.stderr);
    let tree = StoredImage::open_all(&program.folder().join("hello.tar")).unwrap()[0].tree().unwrap();
    (program, tree)
}

#[test]
fn files_with_absurd_headers_are_packed_as_they_are() {
    let repository = repository();
    let kept: Vec<String> = elf_files().iter().map(|(name, _)| format!("\"/usr/lib/{name}\"")).collect();
    let kept = format!("keep = [{}]", kept.join(", "));
    for profile in ["none", "standard", "traced"] {
        for bytecode in ["", "bytecode = \"compiled\""] {
            let (_, tree) = build(&repository, "[\"start\"]", &format!("profile = \"{profile}\"\n{bytecode}\n{kept}"));
            for (name, bytes) in elf_files() {
                let found = tree.file(&format!("usr/lib/{name}"));
                assert!(found.is_some_and(|found| **found == *bytes), "{profile}: {name}");
            }
        }
    }
}

#[test]
fn a_trace_comes_to_an_end_wherever_it_begins() {
    let repository = repository();
    for command in ["itself", "endless", "env", "nul", "out", "folder", "spaces", "no-name"] {
        let (_, tree) = build(&repository, &format!("[\"{command}\"]"), "profile = \"traced\"");
        assert!(tree.get(&format!("usr/bin/{command}")).is_some(), "{command}");
    }
    build(&repository, "[\"python3\", \"-m\", \"cut\"]", "profile = \"traced\"");
    // What needs itself in a circle is told once.
    let (program, _) = build(&repository, "[\"/usr/lib/liba.so\"]", "profile = \"traced\"");
    let why = program.run(["inspect", "hello.tar", "--why", "usr/lib/libb.so"]);
    assert!(why.success().contains("libb.so is needed as `libb.so` by usr/lib/liba.so"), "{}", why.stdout);
}
