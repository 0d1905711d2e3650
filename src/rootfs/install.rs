//! Installing packages in order, as `apk add` does into an empty root.
//!
//! For each package: its `.pre-install`, its files, its `.post-install`. When all are there, the triggers run with the
//! folders that matched. Who runs the scripts is the caller's choice: nobody, [`super::Emulation`], or a sandbox.
//! Not made here, because an image has no use for them: device nodes, apk's lock, its folder for scripts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::lost_account::LostAccount;
use super::package::InstalledPackage;
use super::placement::Placement;
use super::script_note::ScriptNote;
use super::tree::{Inode, InodeKind, Metadata, Origin, PackageId, Tree};
use super::{Rootfs, triggers};
use crate::fetch::{Script, VerifiedApk};

/// A script of a package that is to be run now.
#[derive(Clone, Copy, Debug)]
pub struct ScriptCall<'call> {
    /// The package.
    pub package: PackageId,
    /// Its name, `busybox`.
    pub name: &'call str,
    /// Its name and version, `busybox-1.36.1-r29`.
    pub package_name: &'call str,
    /// Which of its scripts.
    pub script: Script,
    /// The script.
    pub text: &'call [u8],
    /// `$1` and what follows: the version, or a trigger's folders.
    pub arguments: &'call [String],
    /// Modification time of whatever the script makes, in seconds since 1970.
    pub timestamp: i64,
}

/// What came of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptOutcome {
    /// Its exit status; apk marks a package in its database when this is not 0.
    pub status: u8,
    /// What was not done.
    pub unrun: Vec<Unrun>,
    /// Where it failed: the end of what it printed, or why it could not begin. Without a line end.
    pub output: String,
}

/// A part of a script that was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrun {
    /// Line in the script, from 1.
    pub line: usize,
    /// That line.
    pub text: String,
    /// Why: what was not understood.
    pub reason: String,
}

/// Something that runs install scripts against a tree.
pub trait RunScript {
    /// Runs one script, which changes `tree`. An error ends the build; a script that fails is an outcome.
    fn run(&mut self, tree: &mut Tree, call: &ScriptCall<'_>) -> Result<ScriptOutcome, Error>;
}

/// What installing gives.
#[derive(Debug)]
pub struct Installation {
    /// The files and the packages.
    pub rootfs: Rootfs,
    /// Scripts that failed, were not run in full or could not make their accounts.
    pub notes: Vec<ScriptNote>,
}

/// How to install.
pub struct InstallOptions<'run> {
    /// Who runs the packages' scripts; `None` runs none of them (`apk --no-scripts`).
    pub scripts: Option<&'run mut dyn RunScript>,
    /// Modification time of everything that no package brings, in seconds since 1970. See [`newest_build_date`].
    pub timestamp: i64,
}

/// The newest build date among `packages`, in seconds since 1970; 0 where there is none.
pub fn newest_build_date(packages: &[VerifiedApk]) -> i64 {
    packages.iter().map(|package| package.info().build_date).max().unwrap_or(0).max(0)
}

/// Folders that apk makes in an empty root before anything else; `lib/apk/db` follows with the database.
pub(super) const SKELETON: [(&str, u32); 2] = [("etc", 0o755), ("etc/apk", 0o755)];

/// Folders that apk makes before it runs a script, for what it mounts there.
const MOUNTED: [(&str, u32); 2] = [("dev", 0o755), ("proc", 0o555)];

impl Rootfs {
    /// Installs `packages`, in this order, into an empty root.
    pub fn install(packages: &[VerifiedApk], options: InstallOptions<'_>) -> Result<Installation, Error> {
        let InstallOptions { mut scripts, timestamp } = options;
        let mut tree = Tree::new();
        tree.inode_mut(Tree::ROOT).metadata.mtime = timestamp;
        make_folders(&mut tree, &SKELETON, timestamp)?;
        let mut rootfs = Rootfs { tree, packages: Vec::with_capacity(packages.len()) };
        let mut placement = Placement::default();
        let mut notes = Vec::new();
        // Whether there was a script to run.
        let mut run = |rootfs: &mut Rootfs, id: PackageId, script: Script, arguments: &[String]| {
            let Some(runner) = scripts.as_deref_mut() else { return Ok(false) };
            let Some(package) = rootfs.packages.get_mut(id.0 as usize) else { return Ok(false) };
            let Some(text) = package.scripts.get(&script) else { return Ok(false) };
            make_folders(&mut rootfs.tree, &MOUNTED, timestamp)?;
            let package_name = package.name_and_version();
            let name = package.info.name.as_str();
            let call =
                ScriptCall { package: id, name, package_name: &package_name, script, text, arguments, timestamp };
            let outcome = runner.run(&mut rootfs.tree, &call)?;
            package.broken_script |= outcome.status != 0;
            let lost_account = LostAccount::after(text, &rootfs.tree, id, packages);
            if outcome != ScriptOutcome::default() || lost_account.is_some() {
                notes.push(ScriptNote { package: package_name, script, outcome, lost_account });
            }
            Ok::<bool, Error>(true)
        };
        for (number, apk) in packages.iter().enumerate() {
            let id = PackageId(u32::try_from(number).map_err(|_| Error::TooManyPackages { count: packages.len() })?);
            rootfs.packages.push(InstalledPackage::of(apk));
            let version = [apk.info().version.clone()];
            if run(&mut rootfs, id, Script::PreInstall, &version)? {
                placement.forget_names();
            }
            placement.place(&mut rootfs, id, apk)?;
            if run(&mut rootfs, id, Script::PostInstall, &version)? {
                placement.forget_names();
            }
        }
        for (id, folders) in triggers::fired(&rootfs.packages) {
            run(&mut rootfs, id, Script::Trigger, &folders)?;
        }
        Ok(Installation { rootfs, notes })
    }
}

/// Makes those of `folders` of which nothing is there.
fn make_folders(tree: &mut Tree, folders: &[(&str, u32)], timestamp: i64) -> Result<(), Error> {
    for (path, mode) in folders {
        if tree.lookup(path).is_none() {
            let inode = Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata: generated(*mode, timestamp) };
            tree.insert(path, inode).map_err(|source| Error::Generated { path: (*path).to_owned(), source })?;
        }
    }
    Ok(())
}

/// Metadata of something that this program makes, owned by root.
pub(super) fn generated(mode: u32, timestamp: i64) -> Metadata {
    Metadata { mode, uid: 0, gid: 0, mtime: timestamp, xattrs: BTreeMap::new(), origin: Origin::Generated }
}
