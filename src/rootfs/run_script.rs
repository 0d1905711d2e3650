//! Running a package's install script: what is asked of the runner, and what comes of it.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::tree::{PackageId, Tree};
use crate::fetch::Script;

/// The host name that install scripts find.
pub const HOST_NAME: &str = "localhost";

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
