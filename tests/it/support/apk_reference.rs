//! The reference for installing: the real apk over a repository, and then both trees, file for file.
//!
//! What may differ, and nothing else: see [`without_what_may_differ`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use apkbuild::fetch::VerifiedApk;
use apkbuild::rootfs::dump::dump;
use apkbuild::rootfs::folder::{ReadOptions, read_folder};
use apkbuild::rootfs::{
    DatabaseOptions, Emulation, InodeKind, InstallOptions, Origin, Rootfs, RunScript, ScriptNote, Tree, write_database,
};
use apkbuild::sandbox::ScriptRunner;

use super::{BuiltRepository, Repository};
use crate::sandbox::{program, sandbox_is_possible};

/// What becomes of install scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// None is run; apk is told the same.
    Skipped,
    /// They are emulated here, and run by apk.
    Emulated,
    /// They are run on both sides.
    Run,
}

impl Scripts {
    /// Every way that this machine allows.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Skipped, Self::Emulated];
        if sandbox_is_possible() {
            all.push(Self::Run);
        }
        all
    }
}

/// Times in the trees; those of packages are older.
const TIMESTAMP: i64 = 1_750_000_000;

/// Alpine's own packages of a release's root filesystem, rebuilt once for the whole run.
pub fn real_packages(shared: &Path) -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let minirootfs = fs_err::read_dir(shared.join("alpine"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().contains("minirootfs"))
            .unwrap();
        let status =
            Command::new(shared.join("tools/real-repository")).arg(minirootfs).arg(folder.path()).status().unwrap();
        assert!(status.success());
        folder
    });
    folder.path()
}

/// `repository` with Alpine's own packages beside its own.
pub fn with_real_packages(shared: &Path, repository: Repository) -> BuiltRepository {
    let built = repository.build();
    for entry in fs_err::read_dir(real_packages(shared).join("x86_64")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "apk") {
            fs_err::copy(&path, built.path().join("x86_64").join(path.file_name().unwrap())).unwrap();
        }
    }
    built.index();
    built
}

/// What apk left, and what it installed in which order (`NAME-VERSION`).
struct Reference {
    folder: tempfile::TempDir,
    order: Vec<String>,
    said: String,
}

fn apk_install(shared: &Path, repository: &Path, keys: &Path, world: &[&str], scripts: Scripts) -> Reference {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(shared.join("tools/apk"));
    command
        .env("APK_REFERENCE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("apk-reference"))
        .args([Path::new("install"), repository, keys, &folder.path().join("root")])
        .args((scripts == Scripts::Skipped).then_some("--no-scripts"))
        .args(world);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let installed = |line: &str| {
        let (_, rest) = line.split_once(") Installing ")?;
        let (name, version) = rest.trim_end_matches(')').split_once(" (")?;
        Some(format!("{name}-{version}"))
    };
    let order: Vec<String> = said.lines().filter_map(installed).collect();
    assert!(!order.is_empty(), "apk installed nothing: {said}");
    Reference { folder, order, said }
}

fn install(repository: &Path, order: &[String], world: &[&str], scripts: Scripts) -> (Rootfs, Vec<ScriptNote>) {
    let packages: Vec<VerifiedApk> = order
        .iter()
        .map(|package| {
            let path: PathBuf = repository.join("x86_64").join(format!("{package}.apk"));
            VerifiedApk::verify(&fs_err::read(path).unwrap(), None).unwrap()
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let (mut emulation, mut runner) = (Emulation, None);
    let scripts: Option<&mut dyn RunScript> = match scripts {
        Scripts::Skipped => None,
        Scripts::Emulated => Some(&mut emulation),
        Scripts::Run => Some(runner.insert(ScriptRunner::new(folder.path(), Some(program())).unwrap())),
    };
    let options = InstallOptions { scripts, timestamp: TIMESTAMP };
    let mut installation = Rootfs::install(&packages, options).unwrap();
    let options = DatabaseOptions {
        world: world.iter().map(|word| (*word).to_owned()).collect(),
        arch: "x86_64".to_owned(),
        timestamp: TIMESTAMP,
        ..DatabaseOptions::default()
    };
    write_database(&mut installation.rootfs, &options).unwrap();
    (installation.rootfs, installation.notes)
}

/// Leaves out, on either side:
/// - apk's lock and its folder for running scripts;
/// - the backups that busybox makes of account files, `passwd-`, `group-` and `shadow-`;
/// - in the shadow file, the day on which a password was last changed.
///
/// Device nodes, which apk makes in `/dev`, were left out when the folder was read.
fn without_what_may_differ(mut tree: Tree) -> Tree {
    for path in ["lib/apk/db/lock", "lib/apk/exec", "etc/passwd-", "etc/group-", "etc/shadow-"] {
        tree.remove(path);
    }
    if let Some(id) = tree.lookup("etc/shadow") {
        let text = String::from_utf8_lossy(tree.file("etc/shadow").unwrap()).into_owned();
        let without_day = |line: &str| match line.split_once(":!:") {
            Some((name, rest)) => {
                format!("{name}:!:{}\n", rest.trim_start_matches(|letter: char| letter.is_ascii_digit()))
            }
            None => format!("{line}\n"),
        };
        let text: String = text.lines().map(without_day).collect();
        tree.inode_mut(id).kind = InodeKind::File { content: text.into_bytes().into(), checksum: None };
    }
    tree
}

/// The lines that only one of two texts has.
fn differences(ours: &str, reference: &str) -> String {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    for line in ours.lines() {
        *counts.entry(line).or_default() += 1;
    }
    for line in reference.lines() {
        *counts.entry(line).or_default() -= 1;
    }
    let mut text = String::new();
    for (line, count) in counts {
        match count {
            0 => {}
            1.. => text += &format!("only here:   {line}\n"),
            _ => text += &format!("only in apk: {line}\n"),
        }
    }
    text
}

/// The lines that differ of files that both trees have.
fn lines_that_differ(ours: &Tree, theirs: &Tree) -> String {
    let mut text = String::new();
    for (path, _) in ours.walk() {
        if let (Some(one), Some(other)) = (ours.file(&path), theirs.file(&path))
            && one[..] != other[..]
        {
            let lines = differences(&String::from_utf8_lossy(one), &String::from_utf8_lossy(other));
            text += &format!("{path}:\n{lines}");
        }
    }
    text
}

/// Installs `world` both ways and fails with what differs. `expected` are differences of the dumps that are known.
pub fn hold_against_apk(
    shared: &Path,
    repository: &Path,
    keys: &Path,
    world: &[&str],
    scripts: Scripts,
    expected: &str,
) -> (Rootfs, Vec<ScriptNote>) {
    let reference = apk_install(shared, repository, keys, world, scripts);
    let (rootfs, notes) = install(repository, &reference.order, world, scripts);
    let options = ReadOptions { owner: None, timestamp: None, skip_unfit: true, origin: Origin::Generated };
    let theirs = without_what_may_differ(read_folder(&reference.folder.path().join("root"), &options).unwrap());
    let ours = without_what_may_differ(rootfs.tree.clone());
    for path in ["installed", "triggers", "scripts.tar"].map(|name| format!("lib/apk/db/{name}")) {
        let text = |tree: &Tree| tree.file(&path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (ours, theirs) = (text(&ours).unwrap(), text(&theirs).unwrap_or_default());
        assert!(ours == theirs, "{world:?}: {path} differs:\n{}\n{}", differences(&ours, &theirs), reference.said);
    }
    let found = differences(&dump(&ours), &dump(&theirs));
    assert!(
        found == expected,
        "{world:?}, scripts {scripts:?}: the trees differ:\n{found}{}apk said:\n{}",
        lines_that_differ(&ours, &theirs),
        reference.said
    );
    for (path, id) in ours.walk() {
        // Of links and folders apk sets no time, and what a script rewrote has the script's.
        let inode = ours.inode(id);
        let is_brought = matches!(inode.metadata.origin, Origin::Package(_)) && inode.metadata.mtime != TIMESTAMP;
        if is_brought && !expected.contains(&path) && matches!(inode.kind, InodeKind::File { .. }) {
            assert_eq!(Some(inode.metadata.mtime), theirs.get(&path).map(|inode| inode.metadata.mtime), "{path}");
        }
    }
    (rootfs, notes)
}

/// Holds a built repository against apk with scripts skipped, emulated and run. Gives what the emulation noted.
pub fn hold_built(shared: &Path, repository: &BuiltRepository, world: &[&str], expected: &str) -> Vec<ScriptNote> {
    let hold = |scripts| hold_against_apk(shared, repository.path(), repository.keys_dir(), world, scripts, expected).1;
    hold(Scripts::Skipped);
    let notes = hold(Scripts::Emulated);
    if Scripts::all().contains(&Scripts::Run) {
        let run = hold(Scripts::Run);
        let statuses = |notes: &[ScriptNote]| -> Vec<_> {
            let failed = notes.iter().filter(|note| note.outcome.status != 0);
            failed.map(|note| (note.package.clone(), note.script, note.outcome.status)).collect()
        };
        assert_eq!(statuses(&notes), statuses(&run));
    }
    notes
}
