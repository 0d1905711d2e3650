//! An image as something that can be started: a root on disk, and what its config says about the program.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::account::User;
use super::inside::read_below;
use super::{DEFAULT_PATH, Error, Ids, Sandbox};

/// What an image config says about its program (image-spec config.md).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// What stands before every command.
    pub entrypoint: Vec<String>,
    /// The command that is meant where none is given.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// Where it starts; empty for `/`.
    pub working_directory: String,
    /// `NAME|UID[:GROUP|GID]`; empty for root.
    pub user: String,
}

/// An image that can be started.
#[derive(Clone, Debug)]
pub struct Startable {
    /// The root filesystem on disk.
    pub root: PathBuf,
    /// The image's config.
    pub start: Start,
    /// Its user.
    pub user: User,
    /// Folders in it to which its user may write.
    pub writable: Vec<PathBuf>,
}

impl Startable {
    /// The root filesystem in the folder `root`, started as `start` says.
    pub fn of_folder(root: &Path, start: Start) -> Result<Self, Error> {
        let read = |path: &str| {
            read_below(root, Path::new(path))
                .map_err(|error| Error::Root { root: root.display().to_string(), error: error.into() })
        };
        let user = User::resolve(&start.user, &read("etc/passwd")?, &read("etc/group")?)?;
        Ok(Self { root: root.to_owned(), start, user, writable: Vec::new() })
    }

    /// The sandbox that runs it as an engine would: `command` in place of the image's own where it is not empty, after
    /// the entrypoint. Its root is read-only, but its user's own folders are writable for as long as it runs.
    pub fn sandbox(&self, command: &[OsString]) -> Result<Sandbox, Error> {
        let strings = |texts: &[String]| texts.iter().map(OsString::from).collect::<Vec<_>>();
        let mut words = strings(&self.start.entrypoint);
        words.extend(if command.is_empty() { strings(&self.start.cmd) } else { command.to_vec() });
        if words.is_empty() {
            return Err(Error::NoCommand);
        }
        let mut sandbox = Sandbox::new(&self.root, words);
        sandbox.account = self.user.account.clone();
        sandbox.ids = Ids::Own;
        sandbox.scratch.clone_from(&self.writable);
        sandbox.environment =
            vec![OsString::from(format!("PATH={DEFAULT_PATH}")), OsString::from(format!("HOME={}", self.user.home))];
        sandbox.set_environment(strings(&self.start.environment));
        if !self.start.working_directory.is_empty() {
            sandbox.working_directory = Path::new("/").join(&self.start.working_directory);
        }
        Ok(sandbox)
    }
}

impl Sandbox {
    /// Sets variables, `NAME=value` each, in place of those that have the same name.
    pub fn set_environment(&mut self, variables: impl IntoIterator<Item = OsString>) {
        fn name(variable: &OsStr) -> Vec<u8> {
            variable.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default().to_vec()
        }
        for variable in variables {
            // A name alone is not passed on from the host: what runs inside depends on the call, not on the caller.
            let bytes = variable.into_vec();
            if !bytes.contains(&b'=') {
                continue;
            }
            let variable = OsString::from_vec(bytes);
            let wanted = name(&variable);
            match self.environment.iter_mut().find(|present| name(present) == wanted) {
                Some(present) => *present = variable,
                None => self.environment.push(variable),
            }
        }
    }
}
