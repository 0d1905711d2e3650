//! The room as a whole, on small trees: packages are words, contents are texts.

use std::collections::BTreeMap;

use super::*;
use crate::apk::{Identity, PackageInfo};
use crate::digest::Sha1Digest;
use crate::rootfs::{Inode, InodeKind, Metadata, PackageId, Tree};

/// A root filesystem under construction. What is added belongs to the package or origin named last.
pub(super) struct Sample {
    rootfs: Rootfs,
    origin: Origin,
}

impl Default for Sample {
    fn default() -> Self {
        Self { rootfs: Rootfs::default(), origin: Origin::Generated }
    }
}

impl Sample {
    /// What follows belongs to a new package `name`, version 1-r0.
    pub(super) fn package(&mut self, name: &str, depends: &[&str], provides: &[&str]) -> &mut Self {
        self.origin = Origin::Package(PackageId(self.rootfs.packages.len() as u32));
        let info = PackageInfo {
            name: name.into(),
            version: "1-r0".into(),
            depends: depends.iter().map(|&word| word.into()).collect(),
            provides: provides.iter().map(|&word| word.into()).collect(),
            ..PackageInfo::default()
        };
        self.rootfs.packages.push(InstalledPackage::new(Identity::Sha1(Sha1Digest::of(name.as_bytes())), info));
        self
    }

    /// The package named last comes in by itself where all of these are.
    pub(super) fn install_if(&mut self, conditions: &[&str]) -> &mut Self {
        if let Some(package) = self.rootfs.packages.last_mut() {
            package.info.install_if = conditions.iter().map(|&word| word.into()).collect();
        }
        self
    }

    /// What follows has this origin.
    pub(super) fn origin(&mut self, origin: Origin) -> &mut Self {
        self.origin = origin;
        self
    }

    /// A file.
    pub(super) fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) -> &mut Self {
        self.put(path, InodeKind::File { content: content.into().into(), checksum: None })
    }

    /// An empty folder.
    pub(super) fn folder(&mut self, path: &str) -> &mut Self {
        let metadata = self.metadata(0o755);
        self.rootfs.tree.make_directories(path, &metadata).unwrap();
        self
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.put(path, InodeKind::Symlink(target.into()))
    }

    /// A second name for a file.
    pub(super) fn hard_link(&mut self, path: &str, target: &str) -> &mut Self {
        let id = self.rootfs.tree.lookup(target).unwrap();
        self.rootfs.tree.link(path, id).unwrap();
        self
    }

    /// The finished root filesystem.
    pub(super) fn build(&mut self) -> Rootfs {
        std::mem::take(&mut self.rootfs)
    }

    fn put(&mut self, path: &str, kind: InodeKind) -> &mut Self {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.folder(parent);
        }
        let metadata = self.metadata(0o644);
        self.rootfs.tree.insert(path, Inode { kind, metadata }).unwrap();
        self
    }

    fn metadata(&self, mode: u32) -> Metadata {
        Metadata { mode, uid: 0, gid: 0, mtime: 0, xattrs: BTreeMap::new(), origin: self.origin }
    }
}

fn standard(packages: &[&str]) -> Policy {
    Policy { packages: packages.iter().map(|&word| word.into()).collect(), workdir: "/app".into(), ..Policy::default() }
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.walk().map(|(path, _)| path).collect()
}

/// What went, as `path rule`.
fn gone(report: &Report) -> Vec<String> {
    report.pruned.iter().map(|pruned| format!("{} {}", pruned.path, pruned.rule)).collect()
}

/// A 64-bit ELF library with this one `DT_NEEDED`, as small as the loader would take it.
pub(super) fn library(needed: &str) -> Vec<u8> {
    let strings = format!("\0{needed}\0");
    let (segments, dynamic, table) = (64_u64, 64 + 2 * 56, 64 + 2 * 56 + 4 * 16);
    let end = table + strings.len() as u64;
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for (value, width) in [(3, 2), (62, 2), (1, 4), (0, 8), (segments, 8), (0, 8), (0, 4), (64, 2), (56, 2), (2, 2)] {
        bytes.extend(&u64::to_le_bytes(value)[..width]);
    }
    bytes.extend([64, 0, 0, 0, 0, 0]);
    for (kind, offset, size) in [(1_u32, 0, end), (2, dynamic, 64)] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(4_u32.to_le_bytes());
        for value in [offset, offset, offset, size, size, 8] {
            bytes.extend(value.to_le_bytes());
        }
    }
    for (tag, value) in [(1_u64, 1), (5, table), (10, strings.len() as u64), (0, 0)] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(strings.as_bytes());
    bytes
}

#[test]
fn rules_take_what_they_name_and_folders_follow() {
    let mut sample = Sample::default();
    sample.folder("app").package("zlib", &[], &[]).file("usr/lib/libz.so.1", "z").link("usr/lib/libz.so", "libz.so.1");
    sample.file("usr/share/man/man3/zlib.3.gz", "manual").folder("var/empty").folder("usr/share/spool");
    sample
        .package("python3", &[], &[])
        .file("usr/lib/python3.12/os.py", "os")
        .file("usr/lib/python3.12/test/a.py", "t");
    sample.file("usr/lib/python3.12/__pycache__/os.cpython-312.pyc", "code");
    sample
        .file("usr/lib/python3.12/idlelib/idle.py", "i")
        .file("usr/bin/idle3.12", "#!")
        .link("usr/bin/idle3", "idle3.12");
    sample.origin(Origin::Copied).file("app/test/usr/share/man/a", "mine").file("app/node_modules/a/README.md", "mine");
    sample.origin(Origin::Stage).file("app/deps/node_modules/b/README.md", "theirs").file("app/deps/b.js", "1");
    let mut rootfs = sample.build();
    let report = prune(&mut rootfs, &standard(&["python3", "zlib"])).unwrap();
    assert_eq!(
        gone(&report),
        [
            "app/deps/node_modules empty-folder",
            "app/deps/node_modules/b empty-folder",
            "app/deps/node_modules/b/README.md node-markdown",
            "usr/bin/idle3 python-idle",
            "usr/bin/idle3.12 python-idle",
            "usr/lib/python3.12/__pycache__ empty-folder",
            "usr/lib/python3.12/__pycache__/os.cpython-312.pyc python-bytecode-cache",
            "usr/lib/python3.12/idlelib empty-folder",
            "usr/lib/python3.12/idlelib/idle.py python-idle",
            "usr/lib/python3.12/test empty-folder",
            "usr/lib/python3.12/test/a.py python-tests",
            "usr/share/man empty-folder",
            "usr/share/man/man3 empty-folder",
            "usr/share/man/man3/zlib.3.gz man-pages",
        ]
    );
    let left = paths(&rootfs.tree);
    assert!(gone(&report).iter().all(|line| !left.contains(&line.split(' ').next().unwrap().to_owned())));
    for path in ["var/empty", "usr/share/spool", "usr/share", "app/node_modules/a/README.md", "usr/lib/libz.so"] {
        assert!(left.contains(&path.to_owned()), "{path}");
    }
    assert_eq!(report.rules["man-pages"], RuleTotal { paths: 1, bytes: 6 });
    let bytes: u64 =
        rootfs.tree.walk().filter_map(|(path, _)| rootfs.tree.file(&path).map(|file| file.len() as u64)).sum();
    assert_eq!(report.bytes_after, bytes);
    assert_eq!(report.bytes_pruned(), report.pruned.iter().map(|pruned| pruned.bytes).sum::<u64>());
}

#[test]
fn a_package_goes_with_the_last_file_that_needs_it() {
    let build = || {
        let mut sample = Sample::default();
        sample.package("musl", &[], &["so:libc.musl-x86_64.so.1=1"]).file("lib/ld-musl-x86_64.so.1", "ld");
        sample.package("sqlite-libs", &["so:libc.musl-x86_64.so.1"], &["so:libsqlite3.so.0=0.8"]);
        sample.file("usr/lib/libsqlite3.so.0", library("libc.musl-x86_64.so.1")).folder("var/lib/sqlite");
        sample.package("gdbm", &[], &["so:libgdbm.so.6=6"]).file("usr/lib/libgdbm.so.6", "opened by name");
        sample.package("python3", &["so:libc.musl-x86_64.so.1", "so:libsqlite3.so.0", "so:libgdbm.so.6"], &[]);
        sample.file("usr/lib/python3.12/lib-dynload/_sqlite3.so", library("libsqlite3.so.0"));
        sample.file("usr/bin/python3.12", library("libc.musl-x86_64.so.1"));
        sample.package("sqlite-extras", &[], &[]).install_if(&["sqlite-libs", "!foo"]).file("usr/lib/extra", "e");
        sample.build()
    };
    let mut policy = standard(&["python3"]);
    let mut rootfs = build();
    let report = prune(&mut rootfs, &policy).unwrap();
    assert_eq!(gone(&report), Vec::<String>::new(), "nothing is pruned, so all are needed");
    assert_eq!(
        report.why("/usr/lib/libsqlite3.so.0").unwrap()[2..],
        ["sqlite-libs is needed by python3, which depends on `so:libsqlite3.so.0`", "the recipe names `python3`"]
    );

    policy.remove = vec!["usr/lib/python3*/lib-dynload/_sqlite3*".into()];
    let mut rootfs = build();
    let report = prune(&mut rootfs, &policy).unwrap();
    assert_eq!(
        gone(&report),
        [
            "usr/lib/extra unneeded-package",
            "usr/lib/libsqlite3.so.0 unneeded-package",
            "usr/lib/python3.12/lib-dynload/_sqlite3.so remove:usr/lib/python3*/lib-dynload/_sqlite3*",
            "var/lib/sqlite empty-folder",
        ]
    );
    let names: Vec<&str> = report.packages_gone().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["sqlite-libs", "sqlite-extras"]);

    let mut rootfs = build();
    policy.remove = vec!["usr/lib/python3*/lib-dynload/_sqlite3*".into()];
    policy.keep = vec!["usr/lib/libsqlite3*".into()];
    let report = prune(&mut rootfs, &policy).unwrap();
    assert!(rootfs.tree.file("usr/lib/libsqlite3.so.0").is_some(), "{:?}", gone(&report));
    assert!(rootfs.tree.file("usr/lib/extra").is_some(), "its condition still holds");
}

#[test]
fn a_library_that_a_copied_file_needs_stays() {
    let mut sample = Sample::default();
    sample.package("libpq", &[], &["so:libpq.so.5=5"]).file("usr/lib/libpq.so.5", "pq");
    sample.package("tool", &["so:libpq.so.5"], &[]).file("usr/share/doc/tool", library("libpq.so.5"));
    sample.file("usr/bin/tool", "#!/bin/sh");
    sample.origin(Origin::Copied).file("app/native.so", library("libpq.so.5"));
    let mut rootfs = sample.build();
    let report = prune(&mut rootfs, &standard(&["tool"])).unwrap();
    assert!(rootfs.tree.file("usr/lib/libpq.so.5").is_some());
    assert_eq!(report.packages[0].reason, Some(PackageReason::File { path: "app/native.so".into() }));
}

#[test]
fn remove_reaches_copied_files_and_keep_wins() {
    let mut sample = Sample::default();
    sample.origin(Origin::Copied).file("app/a.log", "1").file("app/logs/b", "2").file("app/main.py", "3");
    sample.package("p", &[], &[]).file("usr/share/man/a", "m").file("usr/share/man/b", "m");
    let mut rootfs = sample.build();
    let policy = Policy {
        remove: vec!["app/*.log".into(), "app/logs".into(), "nothing/**".into()],
        keep: vec!["usr/share/man/a".into()],
        ..standard(&["p"])
    };
    let report = prune(&mut rootfs, &policy).unwrap();
    assert_eq!(
        gone(&report),
        [
            "app/a.log remove:app/*.log",
            "app/logs remove:app/logs",
            "app/logs/b remove:app/logs",
            "usr/share/man/b man-pages"
        ]
    );
    assert_eq!(report.unmatched, ["nothing/**"]);
    assert_eq!(report.why("usr/share/man/a").unwrap()[1], "`usr/share/man/a` in `prune.keep` names it");
    assert_eq!(report.why("/app/a.log").unwrap(), ["app/a.log was pruned by `app/*.log` in `prune.remove`, 1 bytes"]);
    assert_eq!(
        report.why("usr/share/man").unwrap(),
        ["usr/share/man is a folder: 1 files with 1 bytes stay, 1 paths with 1 bytes were pruned"]
    );
    assert_eq!(report.why("no/such"), None);
}

#[test]
fn a_package_named_for_its_documentation_keeps_it() {
    let mut sample = Sample::default();
    sample.package("zlib-doc", &[], &[]).file("usr/share/man/man3/zlib.3", "z");
    sample.package("other", &[], &[]).file("usr/share/man/man1/other.1", "o").file("usr/bin/other", "o");
    let mut rootfs = sample.build();
    let report = prune(&mut rootfs, &standard(&["zlib-doc", "other"])).unwrap();
    assert_eq!(gone(&report), ["usr/share/man/man1 empty-folder", "usr/share/man/man1/other.1 man-pages"]);
}

#[test]
fn bytes_of_hard_links_go_with_the_last_name() {
    let mut sample = Sample::default();
    sample.package("p", &[], &[]).file("usr/share/man/a", "1234").hard_link("usr/share/man/b", "usr/share/man/a");
    sample.file("usr/bin/x", "12").hard_link("usr/share/man/x", "usr/bin/x");
    let mut rootfs = sample.build();
    let report = prune(&mut rootfs, &standard(&["p"])).unwrap();
    assert_eq!((report.bytes_before, report.bytes_after), (6, 2));
}

#[test]
fn packages_without_files_go_with_what_they_bring() {
    let mut sample = Sample::default();
    sample.package("python3", &[], &[]).file("usr/bin/python3", "p");
    sample.package("bytecode", &["python3"], &[]).file("usr/lib/python3.12/__pycache__/os.cpython-312.pyc", "code");
    sample.package("wish", &[], &[]);
    sample.package("python3-pyc", &["bytecode", "wish"], &[]).install_if(&["python3"]);
    sample.package("named", &[], &[]);
    let mut rootfs = sample.build();
    let report = prune(&mut rootfs, &standard(&["python3", "named"])).unwrap();
    let gone: Vec<&str> = report.packages_gone().map(|package| package.name.as_str()).collect();
    assert_eq!(gone, ["bytecode", "wish", "python3-pyc"]);
    let pruned: Vec<bool> = rootfs.packages.iter().map(|package| package.is_pruned).collect();
    assert_eq!(pruned, [false, true, true, true, false]);
}

#[test]
fn the_profile_none_takes_only_what_remove_names() {
    let mut sample = Sample::default();
    sample.package("p", &[], &[]).file("usr/share/man/a", "1").file("usr/share/examples/b", "2");
    let mut rootfs = sample.build();
    let mut policy = standard(&[]);
    policy.profile = Profile::None;
    policy.remove = vec!["usr/share/examples/**".into()];
    let report = prune(&mut rootfs, &policy).unwrap();
    assert_eq!(gone(&report), ["usr/share/examples empty-folder", "usr/share/examples/b remove:usr/share/examples/**"]);
    policy.drop = vec!["ssl".into()];
    let error = prune(&mut rootfs, &policy).unwrap_err();
    assert!(error.to_string().contains("`ssl`") && error.help().unwrap().contains("traced"));
}

#[test]
fn a_report_survives_json() {
    let mut sample = Sample::default();
    sample.package("p", &[], &[]).file("usr/share/man/a", "1").file("usr/bin/b", "2");
    let mut rootfs = sample.build();
    let report = prune(&mut rootfs, &standard(&["p"])).unwrap();
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}
