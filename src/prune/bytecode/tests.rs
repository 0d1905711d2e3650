//! Which sources bytecode takes the place of, and what is known of it afterwards, on small trees.

use std::collections::BTreeMap;

use super::super::tests::Sample;
use super::super::{Bytecode, Policy, prune};
use super::*;
use crate::rootfs::{Owner, PackageId, Record, RecordKind};

const LIBRARY: &str = "usr/lib/python3.10";

/// A file of 3.10's bytecode as CPython lays it out, of a source of that time and size.
fn pyc(mtime: u32, size: u32) -> Vec<u8> {
    let mut bytes = b"o\r\r\n\0\0\0\0".to_vec();
    bytes.extend(mtime.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.push(b'c');
    bytes.extend([0; 24]);
    bytes.extend(b"s\x02\0\0\0S\0)\0)\0)\0)\0)\0z\x05wrongz\x01m\x01\0\0\0s\0\0\0\0");
    bytes
}

fn sample() -> Rootfs {
    let mut sample = Sample::default();
    sample.package("python3", &[], &[]).file("usr/bin/python3.10", "interpreter");
    sample.file(&format!("{LIBRARY}/os.py"), "import abc\n").file(&format!("{LIBRARY}/abc.py"), "pass\n");
    sample.file(&format!("{LIBRARY}/kept.py"), "pass\n");
    sample.package("python3-pyc", &["python3"], &[]).install_if(&["python3"]);
    sample.file(&format!("{LIBRARY}/__pycache__/os.cpython-310.pyc"), pyc(0, 11));
    sample.file(&format!("{LIBRARY}/__pycache__/os.cpython-310.opt-1.pyc"), "not this one");
    sample.file(&format!("{LIBRARY}/__pycache__/abc.cpython-310.pyc"), pyc(7, 5));
    sample.origin(Origin::Copied).file("app/app.py", "import os\n");
    sample.origin(Origin::Stage).file("deps/tool.py", "").file("deps/web/__init__.py", "");
    sample.file("deps/web-1.dist-info/METADATA", "").file("built/other.py", "");
    sample.build()
}

fn policy() -> Policy {
    Policy {
        bytecode: Bytecode::Compiled,
        packages: vec!["python3".into()],
        keep: vec![format!("{LIBRARY}/kept.py")],
        command: vec!["python3".into(), "/deps/tool.py".into()],
        ..Policy::default()
    }
}

#[test]
fn only_what_is_imported_is_compiled() {
    let mut rootfs = sample();
    let shipped = Shipped::of(&rootfs.tree);
    let report = prune(&mut rootfs, &policy()).unwrap();
    let compilation = Compilation::of(&rootfs, &report).unwrap();
    let paths: Vec<&str> = compilation.sources.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(paths, ["deps/web/__init__.py", "usr/lib/python3.10/abc.py", "usr/lib/python3.10/os.py"]);
    // A package's bytecode counts only where it is of just this source.
    let found: Vec<bool> =
        compilation.sources.iter().map(|source| compilation.shipped(source, &shipped).is_some()).collect();
    assert_eq!(found, [false, false, true]);
    let keys: BTreeSet<String> = compilation.sources.iter().map(|it| compilation.key(it, None).to_string()).collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn bytecode_is_the_packages_own_in_every_record() {
    let mut rootfs = sample();
    let source = format!("{LIBRARY}/os.py");
    rootfs.packages[0].records.push(Record {
        path: source.clone(),
        owner: Owner { uid: 0, gid: 0, mode: 0o755, xattrs: BTreeMap::new() },
        kind: RecordKind::File { checksum: crate::digest::Sha1Digest::of(b"import abc\n") },
    });
    let shipped = Shipped::of(&rootfs.tree);
    let mut report = prune(&mut rootfs, &policy()).unwrap();
    let compilation = Compilation::of(&rootfs, &report).unwrap();
    let os = compilation.sources.iter().find(|it| it.path == source).unwrap();
    let brought = compilation.shipped(os, &shipped).unwrap();
    assert_ne!(compilation.key(os, Some(&brought)), compilation.key(os, None), "each way is kept by itself");
    let Compiled::Bytes(bytes, checksum) = compilation.finish(os, brought.magic, brought.code).unwrap() else {
        panic!("no bytecode");
    };
    assert_eq!(checksum, crate::digest::Sha1Digest::of(&bytes));
    assert_eq!(bytes[..8], *b"o\r\r\n\x01\0\0\0");
    assert_eq!(bytes[8..16], pyc::source_hash(*b"o\r\r\n", 10, b"import abc\n").to_le_bytes());
    let name = format!("/{source}");
    assert!(bytes.windows(name.len()).any(|window| window == name.as_bytes()), "the code knows its file");
    let made = [
        (source.clone(), Compiled::Bytes(bytes.clone(), checksum)),
        (format!("{LIBRARY}/abc.py"), Compiled::Refused("SyntaxError: no".into())),
    ];
    let before = report.bytes_after;
    replace(&mut rootfs, &mut report, BTreeMap::from(made));
    assert!(rootfs.tree.get(&source).is_none() && rootfs.tree.get(&format!("{LIBRARY}/abc.py")).is_some());
    let placed = rootfs.tree.get(&format!("{LIBRARY}/os.pyc")).unwrap();
    assert_eq!(placed.metadata.origin, Origin::Package(PackageId(0)));
    let record = &rootfs.packages[0].records[0];
    assert_eq!(record.path, format!("{LIBRARY}/os.pyc"));
    assert_eq!((record.owner.mode, record.kind), (0o644, RecordKind::File { checksum }));
    assert_eq!(report.bytes_after, before - 11 + bytes.len() as u64);
    assert_eq!(
        report.why(&source).unwrap(),
        [format!("{source} from python3-1-r0 was pruned by the rule `compiled`, 11 bytes")]
    );
    assert!(report.why(&format!("{LIBRARY}/os.pyc")).unwrap()[0].contains("stays"));
    assert_eq!(report.uncompiled.len(), 1);
    let gone: Vec<&str> = report.packages_gone().map(|package| package.name.as_str()).collect();
    assert_eq!(gone, ["python3-pyc"], "nothing of it is left");
}
