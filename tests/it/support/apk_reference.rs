//! The reference for installing: the real apk 3 over a repository, and then both trees, file for file.
//!
//! What may differ, and nothing else: see [`without_what_may_differ`].

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use apkbuild::apk::SignedIndex;
use apkbuild::fetch::{Cache, FetchOptions, Fetcher, VerifiedApk, Wanted, keyring_of_folder};
use apkbuild::progress::Silent;
use apkbuild::repository::{ApkIndex, IndexRecord, Repository as ApkRepository};
use apkbuild::rootfs::dump::dump;
use apkbuild::rootfs::folder::{ReadOptions, read_folder};
use apkbuild::rootfs::{
    DatabaseOptions, Emulation, InodeKind, InstallOptions, Origin, Rootfs, RunScript, ScriptNote, Tree, write_database,
};
use apkbuild::sandbox::ScriptRunner;
use flate2::bufread::GzDecoder;

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

/// A release's root filesystem, of which its packages are rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 3.20.3: 14 packages.
    V3_20,
    /// 3.23.6: 58 packages and a kernel.
    V3_23,
}

/// Alpine's own packages of a release, rebuilt once for the whole run.
pub fn packages_of(shared: &Path, release: Release) -> &'static Path {
    static FOLDERS: [OnceLock<tempfile::TempDir>; 2] = [OnceLock::new(), OnceLock::new()];
    let (folder, name) = match release {
        Release::V3_20 => (&FOLDERS[0], "alpine-minirootfs-3.20.3-x86_64.tar.gz"),
        Release::V3_23 => (&FOLDERS[1], "alpine-rootfs-3.23.6-x86_64.tar.xz"),
    };
    let folder = folder.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(shared.join("tools/real-repository"));
        let status = command.arg(shared.join("alpine").join(name)).arg(folder.path()).status().unwrap();
        assert!(status.success());
        folder
    });
    folder.path()
}

/// Alpine's own packages of v3.20.
pub fn real_packages(shared: &Path) -> &'static Path {
    packages_of(shared, Release::V3_20)
}

/// `repository` with Alpine's own packages of v3.20 beside its own.
pub fn with_real_packages(shared: &Path, repository: Repository) -> BuiltRepository {
    with_packages(real_packages(shared), repository)
}

/// `repository` with the packages of the repository `others` beside its own.
pub fn with_packages(others: &Path, repository: Repository) -> BuiltRepository {
    let built = repository.build();
    for entry in fs_err::read_dir(others.join("x86_64")).unwrap() {
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
    /// When it began, in seconds since 1970; scripts wrote from then on.
    begun: u64,
    order: Vec<String>,
    said: String,
}

fn apk_install(shared: &Path, repository: &Path, keys: &Path, world: &[&str], scripts: Scripts) -> Reference {
    let folder = tempfile::tempdir().unwrap();
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut command = apk3(shared);
    command
        .args([Path::new("install"), repository, keys, &folder.path().join("root")])
        .arg("--logfile=no")
        .args((scripts == Scripts::Skipped).then_some("--no-scripts"))
        // An index that apk made itself is not signed.
        .args((!is_trusted(repository, keys)).then_some("--allow-untrusted"))
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
    Reference { folder, begun, order, said }
}

fn index_of(repository: &Path) -> Vec<u8> {
    fs_err::read(repository.join("x86_64/APKINDEX.tar.gz")).unwrap()
}

fn is_trusted(repository: &Path, keys: &Path) -> bool {
    SignedIndex::read(&index_of(repository)).unwrap().verify(&keyring_of_folder(keys).unwrap()).is_ok()
}

/// The names of the packages in a repository for x86_64, in the order of its index.
pub fn names_in(repository: &Path) -> Vec<String> {
    let index = ApkIndex::parse(SignedIndex::read(&index_of(repository)).unwrap().open().unwrap().text).unwrap();
    index.records().map(|record| record.name().to_owned()).collect()
}

/// Has apk 3 itself write the index over the packages in `folder`, without a signature.
pub fn index_by_apk(shared: &Path, folder: &Path) {
    let packages = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut packages: Vec<_> = packages.filter(|path| path.extension().is_some_and(|ext| ext == "apk")).collect();
    packages.sort();
    let output = apk3(shared)
        .args(["run", "index", "--rewrite-arch", "x86_64", "--allow-untrusted", "-o"])
        .arg(folder.join("APKINDEX.tar.gz"))
        .args(packages)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn apk3(shared: &Path) -> Command {
    let mut command = Command::new(shared.join("tools/apk3"));
    command.env("APK3_REFERENCE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("apk3-reference"));
    command
}

/// The packages of `order`, as the index of `repository` speaks of them.
fn fetch(repository: &Path, order: &[String]) -> Vec<VerifiedApk> {
    let index = ApkIndex::parse(SignedIndex::read(&index_of(repository)).unwrap().open().unwrap().text).unwrap();
    let place = ApkRepository::parse(repository.to_str().unwrap()).unwrap();
    let wanted: Vec<Wanted> = order
        .iter()
        .map(|package| {
            let is_it = |record: &IndexRecord<'_>| format!("{}-{}", record.name(), record.version()) == *package;
            let entry = index.records().find(is_it).unwrap().to_entry().unwrap();
            Wanted::from_index(&entry, &place, "x86_64")
        })
        .collect();
    let cache = tempfile::tempdir().unwrap();
    // What is mapped outlives the folder's names.
    Fetcher::new(FetchOptions::new(Cache::at(cache.path().to_owned()))).packages(&wanted, &Silent).unwrap()
}

fn install(repository: &Path, order: &[String], world: &[&str], scripts: Scripts) -> (Rootfs, Vec<ScriptNote>) {
    let packages = fetch(repository, order);
    let folder = tempfile::tempdir().unwrap();
    let (mut emulation, mut runner) = (Emulation::default(), None);
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
/// - the mode of `/proc`, which is 0555 wherever it is mounted and 0755 where apk made it;
/// - the backups that busybox makes of account files, `passwd-`, `group-` and `shadow-`;
/// - in the shadow file, the day on which a password was last changed.
///
/// The archive of scripts is `scripts.tar.gz` in one and `scripts.tar` in the other, which apk reads both: unpacked it is
/// the same. Device nodes, which apk makes in `/dev`, were left out when the folder was read.
fn without_what_may_differ(mut tree: Tree) -> Tree {
    for path in ["lib/apk/db/lock", "lib/apk/exec", "etc/passwd-", "etc/group-", "etc/shadow-"] {
        tree.remove(path);
    }
    if let Some(id) = tree.lookup("proc") {
        tree.inode_mut(id).metadata.mode = 0o555;
    }
    if let Some(path) = tree.resolve("lib/apk/db/scripts.tar.gz") {
        let mut scripts = Vec::new();
        GzDecoder::new(&tree.file(&path).unwrap()[..]).read_to_end(&mut scripts).unwrap();
        let id = tree.lookup(&path).unwrap();
        tree.inode_mut(id).kind = InodeKind::File { content: scripts.into(), checksum: None };
        tree.link(path.strip_suffix(".gz").unwrap(), id).unwrap();
        tree.remove(&path);
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
            let readable = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', "");
            let lines = differences(&readable(one), &readable(other));
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
            let time = theirs.get(&path).map(|inode| inode.metadata.mtime).unwrap();
            // A script that writes what is there already leaves the file as it was here.
            if time < i64::try_from(reference.begun).unwrap() {
                assert_eq!(inode.metadata.mtime, time, "{path}");
            }
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
