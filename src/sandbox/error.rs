//! What can go wrong with a sandbox, as values that can also cross from the sandboxed process to the one that asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::advice;
use super::refusal::Cause;

/// A number that the kernel gave as the reason, shown in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelError(pub i32);

impl From<nix::errno::Errno> for KernelError {
    fn from(error: nix::errno::Errno) -> Self {
        Self(error as i32)
    }
}

impl From<std::io::Error> for KernelError {
    fn from(error: std::io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(nix::libc::EIO))
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = nix::errno::Errno::from_raw(self.0);
        write!(formatter, "{} ({error:?})", error.desc().to_lowercase())
    }
}

/// Why something could not be run in a sandbox. How the program itself ended is no error but an [`super::Ending`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Error {
    /// The kernel, or a filter before it, forbids the namespaces.
    #[error("this system forbids the sandbox: {cause}")]
    Refused {
        /// Which setting forbids it.
        cause: Cause,
    },
    /// User ids could not be mapped into the sandbox.
    #[error("failed to map user ids into the sandbox: {reason}")]
    Mapping {
        /// What the kernel or newuidmap said.
        reason: String,
    },
    /// More than one user id is needed, and there is no range of them.
    #[error("{purpose} needs a range of user ids, and {reason}")]
    NoRange {
        /// What needs them.
        purpose: String,
        /// Why there is none.
        reason: String,
    },
    /// Something could not be mounted inside.
    #[error("failed to mount {what} on `{target}` in the sandbox: {error}")]
    Mount {
        /// What was to be mounted.
        what: String,
        /// Where, as seen inside.
        target: String,
        /// The kernel's reason.
        error: KernelError,
    },
    /// Something else could not be set up.
    #[error("failed to {what} for the sandbox: {error}")]
    Setup {
        /// What was tried.
        what: String,
        /// The kernel's reason.
        error: KernelError,
    },
    /// The config's user is not in the image.
    #[error(transparent)]
    UnknownUser(#[from] super::UnknownUser),
    /// A file in which accounts are looked up is no such file.
    #[error("`/{path}` in the image has more than {most} bytes, which no file of accounts has")]
    Accounts {
        /// `etc/passwd` or `etc/group`.
        path: String,
        /// How many bytes are read of such a file.
        most: u64,
    },
    /// Something stands in the image where a folder or a file of the sandbox's own is to be mounted.
    #[error("`{path}` in the image is in the way of what is mounted there: {found}")]
    MountPoint {
        /// As seen inside.
        path: String,
        /// What it is, or why it cannot be looked at.
        found: String,
    },
    /// What is wrong with one image.
    #[error("`{image}`: {error}")]
    OfImage {
        /// The image, as the caller named it.
        image: String,
        /// What is wrong with it.
        error: Box<Self>,
    },
    /// A file could not be read or written on the way.
    #[error("failed to {what} for the sandbox: {reason}")]
    File {
        /// What was tried.
        what: String,
        /// The path and the kernel's reason.
        reason: String,
    },
    /// The image cannot be read or unpacked.
    #[error("{reason}")]
    Image {
        /// What was wrong with it.
        reason: String,
        /// The way out.
        help: Option<String>,
    },
    /// The config beside a root filesystem is none.
    #[error("`{path}` is no image config: {reason}", path = path.display())]
    Config {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such root filesystem.
    #[error("`{root}` is not a folder that can be opened: {error}")]
    Root {
        /// The folder outside.
        root: String,
        /// The kernel's reason.
        error: KernelError,
    },
    /// The working directory cannot be entered.
    #[error("cannot enter the working directory `{path}` inside the image: {error}")]
    WorkingDirectory {
        /// As seen inside.
        path: String,
        /// The kernel's reason.
        error: KernelError,
    },
    /// No command was given, and the image names none.
    #[error("there is no command to run")]
    NoCommand,
    /// The command is not there.
    #[error("`{command}` is not in the image (looked in {path})")]
    CommandNotFound {
        /// As it was given.
        command: String,
        /// The PATH, or the path itself.
        path: String,
    },
    /// The command is there and cannot be executed.
    #[error("cannot execute `{command}`: {error}")]
    CommandFailed {
        /// The path inside.
        command: String,
        /// The kernel's reason.
        error: KernelError,
    },
    /// A text holds a NUL byte, which no argument, variable or path can.
    #[error("{what} holds a NUL byte")]
    NulByte {
        /// Which text.
        what: String,
    },
    /// A command of a build stage failed.
    #[error("stage `{stage}`: `{command}` failed: {ending}{}", quoted(output))]
    StageFailed {
        /// The stage.
        stage: String,
        /// The command.
        command: String,
        /// How it ended.
        ending: super::Ending,
        /// What it saw of the network.
        network: super::Network,
        /// The last lines of its output.
        output: String,
    },
    /// A program that was asked something did not answer.
    #[error("`{command}` failed: {ending}{}", quoted(output))]
    NoAnswer {
        /// The program.
        command: String,
        /// How it ended.
        ending: super::Ending,
        /// The last lines of its messages.
        output: String,
    },
    /// An install script did not come to an end.
    #[error("its {script} script did not end within {} s", limit.as_secs())]
    ScriptTimedOut {
        /// Which of its scripts.
        script: String,
        /// The time that it had.
        limit: std::time::Duration,
    },
    /// The process that holds the sandbox ended without a word.
    #[error("the sandbox ended without saying how ({status})")]
    Vanished {
        /// Its exit status.
        status: String,
    },
    /// The program itself could not be started again as the sandbox's first process.
    #[error("failed to start the sandbox process: {error}")]
    Start {
        /// The kernel's reason.
        error: KernelError,
    },
    /// The program is being interrupted, and begins nothing new.
    #[error("interrupted")]
    Interrupted,
    /// The two halves did not understand each other.
    #[error("the sandbox process was given something it does not understand: {reason}")]
    Plan {
        /// What was wrong.
        reason: String,
    },
}

/// Output as part of a message: on lines of its own, marked.
fn quoted(output: &str) -> String {
    if output.is_empty() {
        return ", and printed nothing".to_owned();
    }
    output.lines().fold(", after printing".to_owned(), |text, line| format!("{text}\n  | {line}"))
}

impl Error {
    /// The same as something that is wrong with `image`, where it is that and not this machine.
    pub(super) fn of_image(self, image: &std::path::Path) -> Self {
        match self {
            Self::UnknownUser(_)
            | Self::Accounts { .. }
            | Self::MountPoint { .. }
            | Self::WorkingDirectory { .. }
            | Self::NoCommand
            | Self::CommandNotFound { .. }
            | Self::CommandFailed { .. }
            | Self::NulByte { .. } => Self::OfImage { image: image.display().to_string(), error: Box::new(self) },
            error => error,
        }
    }

    /// A setup step failed.
    pub(super) fn setup(what: impl Into<String>, error: impl Into<KernelError>) -> Self {
        Self::Setup { what: what.into(), error: error.into() }
    }

    /// A file could not be read or written; the error names it.
    #[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
    pub(super) fn file(what: impl Into<String>, error: std::io::Error) -> Self {
        Self::File { what: what.into(), reason: error.to_string() }
    }

    /// The way out, if there is one.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Refused { cause } => cause.help(),
            Self::Image { help, .. } => help.clone(),
            Self::OfImage { error, .. } => error.help(),
            Self::UnknownUser(_) => Some(
                "`apkbuild run --user` names another: one that the image's `/etc/passwd` has, or a number, which needs no entry"
                    .to_owned(),
            ),
            Self::Config { .. } => Some("make it a file with the config of an OCI image, or take it away".to_owned()),
            Self::Accounts { path, .. } => Some(format!("build the image again, with an `/{path}` that lists its accounts")),
            Self::MountPoint { .. } => Some("build the image again, without it or with what belongs there".to_owned()),
            Self::WorkingDirectory { .. } => Some(
                "`apkbuild run --workdir` names another; an image of a recipe starts in the `workdir` of its [config]"
                    .to_owned(),
            ),
            Self::NulByte { .. } => Some("neither the image's config nor the call can have one there: take it out".to_owned()),
            Self::NoRange { .. } => Some(
                "run it as root, or give this user a range in /etc/subuid and /etc/subgid and install newuidmap (package uidmap or shadow-uidmap)"
                    .to_owned(),
            ),
            Self::Mapping { .. } => {
                Some("see that /etc/subuid and /etc/subgid give this user ranges that nobody else has".to_owned())
            }
            Self::Mount { what, .. } if what == "proc" => Some(
                "a container that masks parts of /proc keeps new ones from being mounted: start it with --security-opt unmask=ALL (podman) or systempaths=unconfined (docker)"
                    .to_owned(),
            ),
            Self::StageFailed { stage, ending, network, output, .. } => {
                Some(advice::for_stage(stage, *ending, *network, output))
            }
            Self::NoCommand => Some("give one after the image: `apkbuild run IMAGE COMMAND`".to_owned()),
            Self::CommandNotFound { command, .. } if command.ends_with("sh") => {
                Some("the image has no shell; add `busybox` to its packages if it needs one".to_owned())
            }
            Self::CommandNotFound { command, .. } => Some(if command.contains('/') {
                "`apkbuild inspect IMAGE --files` lists what is in it; a relative path starts from the image's working directory"
                    .to_owned()
            } else {
                format!(
                    "`apkbuild inspect IMAGE --files` lists what is in it; add the package that has `{command}` to the recipe's \
                     `packages`, and where pruning took it, its path to `keep`"
                )
            }),
            Self::CommandFailed { error, .. } if error.0 == nix::libc::ENOEXEC => {
                Some(
                    "it is neither a program for this machine's processor architecture nor a script whose first line is `#!` and an interpreter"
                        .to_owned(),
                )
            }
            Self::CommandFailed { error, .. } if error.0 == nix::libc::EACCES => Some(
                "only a file that the image's user may execute is a command: give it the mode 755, or its interpreter as the command"
                    .to_owned(),
            ),
            Self::CommandFailed { error, .. } if error.0 == nix::libc::E2BIG => Some(
                "the kernel takes arguments and variables of 128 KiB each, and of a quarter of the stack's limit together (execve(2)): shorten them"
                    .to_owned(),
            ),
            Self::CommandFailed { error, .. } if error.0 == nix::libc::ENOENT => Some(
                "the file is there, so the interpreter that it names is missing: look at its first line or its ELF interpreter"
                    .to_owned(),
            ),
            Self::CommandFailed { .. } => {
                Some("name another command after the image: `apkbuild run IMAGE COMMAND`".to_owned())
            }
            _ => None,
        }
    }
}
