//! Installing packages in order, as `apk add` does into an empty root.
//!
//! For each package: its `.pre-install`, its files, its `.post-install`. When all are there, the triggers run with the
//! folders that matched. Who runs the scripts is the caller's choice: nobody, [`super::Emulation`], or a sandbox.
//! Not made here, because an image has no use for them: device nodes, apk's lock, its folder for scripts.

use super::error::Error;
use super::lost_account::LostAccount;
use super::package::InstalledPackage;
use super::placement::Placement;
use super::root_filesystem::Rootfs;
use super::run_script::{RunScript, ScriptCall, ScriptOutcome};
use super::script_note::ScriptNote;
use super::skeleton::{MOUNTED, SKELETON, make_folders};
use super::tree::{PackageId, Tree};
use super::triggers;
use crate::fetch::{Script, VerifiedApk};

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
