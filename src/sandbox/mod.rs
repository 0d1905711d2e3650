//! Programs of an image run apart from the host: namespaces, mounts, limits, no engine, no root.
//!
//! A user namespace must be entered before any thread exists, so the program starts itself again: [`Sandbox::spawn`]
//! and [`Sandbox::replace_process`] hand a plan to a new copy of it, whose `main` calls [`entry_point`] before anything
//! else. That copy, single-threaded, is three processes in a row:
//!
//! ```text
//! supervisor (outside)  makes the namespaces, maps ids, passes signals on, keeps the time limit
//! └ init (pid 1 inside) mounts, pivots into the root, reaps whatever is orphaned
//!   └ the program       no capabilities, no new privileges, limits; then exec
//! ```
//!
//! Each dies with the one above it, and everything inside dies with pid 1, so no part of the tree outlives an interrupt
//! ([`end_all`] waits for that). Where files have owners of their own, pid 1 still gives them back to the caller. What
//! is refused: mount points that lead out of the root by a symbolic link, and running with a single user id what needs
//! a range of them.

#![expect(unsafe_code, reason = "namespaces, forks and descriptors handed over cannot be had without")]

mod account;
mod advice;
mod answer;
mod channel;
pub mod check;
mod entry;
mod error;
mod host_network;
mod http;
mod ids;
mod init;
mod inside;
mod merge;
mod mounts;
mod network;
mod privileges;
mod program;
mod refusal;
mod running;
mod scratch;
mod scripts;
mod settle;
mod stage;
mod startable;
mod tail;
mod unpacked;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::platform::DEFAULT_PATH;
use serde::{Deserialize, Serialize};

pub use account::{UnknownUser, User};
pub use answer::Question;
pub use entry::entry_point;
pub use error::{Error, KernelError};
pub use http::Answer;
pub use inside::read_below;
pub use refusal::Cause;
pub use running::{Output, Running, end_all, monotonic_nanoseconds};
pub use scripts::ScriptRunner;
pub use stage::StageCommands;
pub use startable::{Start, Startable};
pub use tail::Tail;

/// What to run, in which root filesystem, as whom, and what of the host it may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The folder that becomes `/`.
    pub root: PathBuf,
    /// The image that the folder is of, as the caller named it: what is wrong with that one is told by this name.
    pub image: Option<PathBuf>,
    /// The program and its arguments. A name without a slash is looked for in the PATH of [`Sandbox::environment`].
    pub command: Vec<OsString>,
    /// All of its environment, `NAME=value`; nothing of the host's is inherited.
    pub environment: Vec<OsString>,
    /// Where it starts, inside; made where it is missing from a writable root.
    pub working_directory: PathBuf,
    /// Its user, group and supplementary groups, inside.
    pub account: Account,
    /// How user ids inside stand to those outside.
    pub ids: Ids,
    /// Whether it sees the host's network.
    pub network: Network,
    /// The host name inside.
    pub host_name: String,
    /// Whether the root is mounted read-only. With one mapped id every file seems to be the program's own, so an
    /// application could otherwise rewrite itself.
    pub read_only: bool,
    /// What becomes of the owners of files in a writable root.
    pub owners: Owners,
    /// Folders inside that stay writable under a read-only root: each gets a tmpfs with a copy of what the root has
    /// there, which is gone when the sandbox ends.
    pub scratch: Vec<PathBuf>,
    /// Files and folders of the host that are seen inside.
    pub binds: Vec<Bind>,
    /// What capabilities the program has inside.
    pub privileges: Privileges,
    /// Bounds on what it uses.
    pub limits: Limits,
    /// The executable that holds [`entry_point`]; `None` means the one that is running. Tests of the library are not
    /// it.
    pub program: Option<PathBuf>,
}

/// Who the program is, by numbers inside the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Further groups; they are left out where only one id is mapped.
    pub groups: Vec<u32>,
}

/// How user ids inside stand to those outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// Root of the host keeps every id as it is; anybody else is [`Account::uid`] inside and nobody besides.
    Own,
    /// As `Own`, but an ordinary user that has a range in /etc/subuid is root inside, with the range from 1 on.
    RangeIfPossible,
    /// Root's ids or a range; without either it is an error.
    Range,
}

/// What becomes of the owners of files in a writable root. Only who is inside can set them, and only who is outside
/// knows what they should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owners {
    /// Nothing; the root is left as the program leaves it, with what the mounts needed in it.
    AsTheyAre,
    /// When every process inside is gone, all files are given to root inside, who is the caller outside wherever ids
    /// are not those of the host's root, and can be read by that user. Mount points that were made are taken away.
    Settle,
    /// As `Settle`, but first the files get the owners that the file `before` lists, and at the end the file `after`
    /// lists those that they have, each an [`OwnerTable`] in JSON.
    Exchange {
        /// The table that holds at the start, on the host; what is not in it is root's.
        before: PathBuf,
        /// Where to write the table that holds at the end, on the host.
        after: PathBuf,
    },
}

/// Owner, group and permission bits of paths, relative to the root.
pub type OwnerTable = std::collections::BTreeMap<String, (u32, u32, u32)>;

/// Whether the sandbox sees the host's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The host's, with its resolv.conf and hosts.
    Host,
    /// A loopback of its own, and [`OUTSIDE_ADDRESS`] as a second address, which reaches servers that listen on all
    /// addresses but not those that listen on the loopback address alone. Just so a published port would.
    None,
}

/// The address under which a server in a sandbox without network is reached as if from outside (RFC 5737, TEST-NET-1).
pub const OUTSIDE_ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 0, 2, 1);

/// A file or folder of the host that is seen inside, never with devices or set-id bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// On the host.
    pub source: PathBuf,
    /// Inside; made where it is missing, which a read-only folder under it refuses.
    pub target: PathBuf,
    /// Whether it cannot be written to from inside.
    pub read_only: bool,
}

/// What capabilities the program has inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Privileges {
    /// None at all.
    None,
    /// Those that an installation needs, over the sandbox's own ids only: chown, other users' files, setuid, kill.
    Install,
}

/// Bounds on what the program uses. `None` leaves the caller's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time from the start; afterwards everything inside is killed.
    pub time: Option<Duration>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// Processes and threads of the user.
    pub processes: Option<u64>,
    /// Bytes of address space of each process.
    pub address_space: Option<u64>,
    /// Bytes of the largest file that may be written.
    pub file_size: Option<u64>,
}

/// How a sandboxed program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Signalled(i32),
    /// It ran into [`Limits::time`].
    TimedOut,
}

impl Ending {
    /// Whether it ended with status 0.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The status as a shell gives it: 128 and the signal's number, 124 after the time limit as timeout(1) has it.
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signalled(signal) => u8::try_from(signal).unwrap_or(0).saturating_add(128),
            Self::TimedOut => 124,
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(formatter, "exit status {status}"),
            Self::Signalled(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(formatter, "killed by {name}"),
                Err(_) => write!(formatter, "killed by signal {signal}"),
            },
            Self::TimedOut => write!(formatter, "its time was up"),
        }
    }
}

impl Sandbox {
    /// `command` in `root`, with the least that is possible: no network, read-only, no privileges, user and group 0 of
    /// the sandbox alone, an empty environment but for PATH, and modest limits.
    pub fn new(root: impl Into<PathBuf>, command: Vec<OsString>) -> Self {
        Self {
            root: root.into(),
            image: None,
            command,
            environment: vec![OsString::from(format!("PATH={DEFAULT_PATH}"))],
            working_directory: PathBuf::from("/"),
            account: Account::default(),
            ids: Ids::Own,
            network: Network::None,
            host_name: "apkbuild".to_owned(),
            read_only: true,
            owners: Owners::AsTheyAre,
            scratch: Vec::new(),
            binds: Vec::new(),
            privileges: Privileges::None,
            limits: Limits::default(),
            program: None,
        }
    }
}
