//! Install scripts under the emulation and under the real busybox of two releases of Alpine: what they print, how they
//! end, and what they leave.
//!
//! Each case of `tests/data/scripts/cases.txt` runs in both, one after another in one root, from a folder of its own, so
//! that a later one sees what an earlier one did to accounts and files. All must be understood in full.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use apkbuild::fetch::Script;
use apkbuild::rootfs::dump::dump;
use apkbuild::rootfs::folder::{ReadOptions, read_folder};
use apkbuild::rootfs::{Emulation, InodeKind, Origin, PackageId, RunScript, ScriptCall, Tree};

use crate::support::shared_as_root;

/// The cases by name: what stands between a line `### NAME` and the next.
fn cases() -> Vec<(String, String)> {
    let text =
        fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scripts/cases.txt")).unwrap();
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("### "), cases.last_mut()) {
            (Some(name), _) => cases.push((name.to_owned(), String::new())),
            (None, Some((_, script))) => writeln!(script, "{line}").unwrap(),
            (None, None) => {}
        }
    }
    cases
}

/// What runs a case: its output is a file, and so is its status.
fn wrapped(number: usize, script: &str) -> String {
    format!("#!/bin/sh\ncd /t/{number}\n(\n{script}\n) > out 2>/dev/null\necho $? > status\n")
}

fn unpack(archive: &Path, root: &Path) {
    fs_err::create_dir_all(root).unwrap();
    let status = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(root).status().unwrap();
    assert!(status.success(), "{}", archive.display());
    fs_err::create_dir_all(root.join("dev")).unwrap();
    let null = root.join("dev/null");
    if !null.exists() {
        let made = Command::new("mknod").arg(&null).args(["c", "1", "3"]).status().unwrap();
        assert!(made.success());
    }
}

fn read(root: &Path) -> Tree {
    let options = ReadOptions { owner: None, timestamp: None, skip_unfit: true, origin: Origin::Generated };
    let mut tree = read_folder(root, &options).unwrap();
    // The backups that busybox makes, and the day on which a password was changed.
    for path in ["etc/passwd-", "etc/group-", "etc/shadow-"] {
        tree.remove(path);
    }
    tree
}

/// Days in the shadow file are not those of the emulation.
fn without_days(tree: &mut Tree) {
    let Some(id) = tree.lookup("etc/shadow") else { return };
    let text = String::from_utf8_lossy(tree.file("etc/shadow").unwrap()).into_owned();
    let without_day = |line: &str| {
        let fields: Vec<&str> = line.split(':').enumerate().filter(|(number, _)| *number != 2).map(|it| it.1).collect();
        format!("{}\n", fields.join(":"))
    };
    let text: String = text.lines().map(without_day).collect();
    tree.inode_mut(id).kind = InodeKind::File { content: text.into_bytes().into(), checksum: None };
}

#[test]
fn scripts_do_what_they_do_under_the_real_busybox() {
    let Some(shared) = shared_as_root("busybox") else { return };
    let cases = cases();
    assert!(cases.len() >= 79, "{}", cases.len());
    for archive in ["alpine-minirootfs-3.20.3-x86_64.tar.gz", "alpine-rootfs-3.23.6-x86_64.tar.xz"] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        unpack(&shared.join("alpine").join(archive), &root);
        for (number, (_, script)) in cases.iter().enumerate() {
            fs_err::create_dir_all(root.join(format!("t/{number}"))).unwrap();
            fs_err::write(root.join(format!("t/{number}.sh")), wrapped(number, script)).unwrap();
        }
        let mut ours = read(&root);

        let driver = format!(
            "hostname localhost; i=0; while [ $i -lt {} ]; do cd /; sh /t/$i.sh one 'two words'; i=$((i+1)); done",
            cases.len()
        );
        let output = Command::new("unshare")
            .args(["--uts", "chroot"])
            .arg(&root)
            .args(["/bin/busybox", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "APK_PACKAGE=sample"])
            .args(["APK_SCRIPT=post-install", "/bin/busybox", "ash", "-c", &driver])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut theirs = read(&root);

        let mut problems: BTreeMap<usize, String> = BTreeMap::new();
        for (number, (_, script)) in cases.iter().enumerate() {
            let arguments = ["one".to_owned(), "two words".to_owned()];
            let text = wrapped(number, script);
            let call = ScriptCall {
                package: PackageId(0),
                name: "sample",
                package_name: "sample-1-r0",
                script: Script::PostInstall,
                text: text.as_bytes(),
                arguments: &arguments,
                timestamp: 1_750_000_000,
            };
            let outcome = Emulation::default().run(&mut ours, &call).unwrap();
            for unrun in outcome.unrun {
                writeln!(problems.entry(number).or_default(), "left out: {} ({})", unrun.text, unrun.reason).unwrap();
            }
        }
        without_days(&mut ours);
        without_days(&mut theirs);
        let mut rest = String::new();
        for (path, ours_only) in differences(&dump(&ours), &dump(&theirs)) {
            let text = |tree: &Tree| tree.file(&path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let told = format!("{ours_only}ours: {:?}\nreal: {:?}\n", text(&ours), text(&theirs));
            let number = path.strip_prefix("t/").and_then(|path| path.split('/').next()?.parse().ok());
            match number {
                Some(number) => problems.entry(number).or_default().push_str(&told),
                None => rest.push_str(&told),
            }
        }
        let mut told = String::new();
        for (number, problem) in problems {
            write!(told, "\n### {}\n{}{problem}", cases[number].0, cases[number].1).unwrap();
        }
        assert!(told.is_empty() && rest.is_empty(), "{archive}:{told}\n{rest}");
    }
}

/// The lines that only one of two dumps has, by path.
fn differences(ours: &str, theirs: &str) -> BTreeMap<String, String> {
    let path = |line: &str| line.split(' ').nth(4).unwrap_or_default().to_owned();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    for (here, there, who) in [(&ours, &theirs, "only here"), (&theirs, &ours, "only in real")] {
        let there: std::collections::BTreeSet<&str> = there.iter().copied().collect();
        for line in here.iter().filter(|line| !there.contains(**line)) {
            writeln!(found.entry(path(line)).or_default(), "{who}: {line}").unwrap();
        }
    }
    found
}
