//! Packages' own install scripts and triggers, run for real: `scripts = "run"`.
//!
//! Before each script the tree is written to a folder, and what the script changed there is taken back into the tree.
//! Only folders and files that have changed are looked into, and what did not keeps its origin. A script runs as apk 3
//! runs it: as root, from `/`, with a PATH, the package's name and the script's in its environment, without network. One
//! that the kernel cannot start, because it has no `#!` line or the image no such interpreter, fails with 127.
//! Owners need a range of ids; where there is none, [`ScriptRunner::new`] says so before anything is done. Device nodes,
//! sockets and extended attributes that a script makes are left behind.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ids::Mapping;
use super::merge::{Stamps, take_back};
use super::{Account, Bind, Ending, Error, Ids, Output, OwnerTable, Owners, Privileges, Sandbox, Tail};
use crate::rootfs::folder::{Owners as FolderOwners, write_folder};
use crate::rootfs::{Error as RootfsError, HOST_NAME, InodeKind, RunScript, ScriptCall, ScriptOutcome, Tree};
use crate::unfinished::UnfinishedFolder;

/// What apk gives to scripts.
const PATH: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/// How long one script may take.
const LONGEST: Duration = Duration::from_mins(10);

/// Lines of a failing script's output that are kept.
const TAIL_LINES: usize = 15;

/// Runs scripts in a sandbox.
#[derive(Debug)]
pub struct ScriptRunner {
    folder: PathBuf,
    program: Option<PathBuf>,
}

impl ScriptRunner {
    /// A runner that works in folders of its own below `folder`. `program` is as [`Sandbox::program`].
    ///
    /// # Errors
    /// [`Error::NoRange`] where there is only one id to map.
    pub fn new(folder: &Path, program: Option<PathBuf>) -> Result<Self, Error> {
        Self::see_that_it_is_possible()?;
        Ok(Self { folder: folder.to_owned(), program })
    }

    /// Looks for the range of ids without which [`ScriptRunner::new`] fails.
    ///
    /// # Errors
    /// [`Error::NoRange`] where there is only one id to map.
    pub fn see_that_it_is_possible() -> Result<(), Error> {
        let mut sandbox = Sandbox::new("/", Vec::new());
        sandbox.ids = Ids::Range;
        sandbox.privileges = Privileges::Install;
        Mapping::choose(&sandbox).map(drop)
    }

    fn run_script(&self, tree: &mut Tree, call: &ScriptCall<'_>) -> Result<ScriptOutcome, Error> {
        let failed = |error| Error::file("run install scripts", error);
        fs_err::create_dir_all(&self.folder).map_err(failed)?;
        let work = UnfinishedFolder::beside(&self.folder.join("scripts")).map_err(failed)?;
        let root = work.path().join("root");
        let (readable, table) = readable(tree);
        write_folder(&readable, &root, FolderOwners::Caller)
            .map_err(|error| Error::Image { reason: error.to_string(), help: error.help() })?;
        let stamps = Stamps::of(&root).map_err(failed)?;

        let before = work.path().join("before.json");
        let after = work.path().join("after.json");
        let plan = |error: serde_json::Error| Error::Plan { reason: error.to_string() };
        fs_err::write(&before, serde_json::to_vec(&table).map_err(plan)?).map_err(failed)?;
        let script = work.path().join("script");
        fs_err::write(&script, call.text).map_err(failed)?;
        fs_err::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;

        // As apk calls it, from the root.
        let place = format!("lib/apk/exec/{}.{}", call.package_name, call.script.name());
        let mut words = vec![OsString::from(&place)];
        words.extend(call.arguments.iter().map(OsString::from));
        let mut sandbox = Sandbox::new(&root, words);
        sandbox.program.clone_from(&self.program);
        sandbox.environment = vec![
            PATH.into(),
            format!("APK_PACKAGE={}", call.name).into(),
            format!("APK_SCRIPT={}", call.script.name()).into(),
        ];
        sandbox.host_name = HOST_NAME.to_owned();
        sandbox.account = Account::default();
        sandbox.ids = Ids::Range;
        sandbox.read_only = false;
        sandbox.owners = Owners::Exchange { before, after: after.clone() };
        sandbox.privileges = Privileges::Install;
        sandbox.limits.time = Some(LONGEST);
        sandbox.binds = vec![Bind { source: script, target: Path::new("/").join(place), read_only: true }];

        let mut running = sandbox.spawn(Output::Merged)?;
        let tail = running.take_output().map(Tail::follow).transpose()?;
        let (status, reason) = match running.wait() {
            Ok(ending @ Ending::Exited(_)) => (ending.status(), None),
            Ok(ending @ Ending::Signalled(_)) => (ending.status(), Some(ending.to_string())),
            Ok(Ending::TimedOut) => {
                return Err(Error::ScriptTimedOut { script: call.script.name().to_owned(), limit: LONGEST });
            }
            // Without its interpreter a script fails, and the installation goes on; so does apk.
            Err(error @ (Error::CommandFailed { .. } | Error::CommandNotFound { .. })) => {
                (127, Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let printed = tail.map(|tail| tail.finish(TAIL_LINES)).filter(|_| status != 0);
        let output: Vec<String> = printed.into_iter().chain(reason).filter(|text| !text.is_empty()).collect();
        // A script that never began has changed nothing.
        if let Ok(text) = fs_err::read(&after)
            && !text.is_empty()
        {
            let table: OwnerTable = serde_json::from_slice(&text).map_err(plan)?;
            take_back(tree, &root, &stamps, &table, call)?;
        }
        Ok(ScriptOutcome { status, unrun: Vec::new(), output: output.join("\n") })
    }
}

impl RunScript for ScriptRunner {
    fn run(&mut self, tree: &mut Tree, call: &ScriptCall<'_>) -> Result<ScriptOutcome, RootfsError> {
        self.run_script(tree, call)
            .map_err(|source| RootfsError::Scripts { package: call.package_name.to_owned(), source: Box::new(source) })
    }
}

/// `tree` as its caller can write and look at it, and the owners and permissions that this took away.
fn readable(tree: &Tree) -> (Tree, OwnerTable) {
    let mut readable = tree.clone();
    let mut table = OwnerTable::new();
    for (path, id) in tree.walk() {
        let inode = tree.inode(id);
        let metadata = &inode.metadata;
        let needed = match inode.kind {
            InodeKind::Directory(_) => 0o700,
            InodeKind::File { .. } => 0o600,
            InodeKind::Symlink(_) => 0,
        };
        if metadata.uid != 0 || metadata.gid != 0 || metadata.mode & needed != needed {
            table.insert(path, (metadata.uid, metadata.gid, metadata.mode));
            readable.inode_mut(id).metadata.mode |= needed;
        }
    }
    (readable, table)
}
