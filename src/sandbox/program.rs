//! The last steps of the process that becomes the program: limits, identity, no way back, exec.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chdir, execve, setresgid, setresuid};

use super::channel::{Channel, Message};
use super::entry::set_groups;
use super::ids::Mapping;
use super::running::monotonic_nanoseconds;
use super::{Error, Sandbox, privileges};

/// Letters of a text of the image's that a message quotes.
const LONGEST_SHOWN: usize = 500;

/// Becomes the program; comes back only if that fails.
pub(super) fn become_program(sandbox: &Sandbox, mapping: &Mapping, channel: &Channel) -> Result<Infallible, Error> {
    let arguments = strings(&sandbox.command, "an argument")?;
    let environment = strings(&sandbox.environment, "an environment variable")?;

    // What the runtime and the supervisor changed of the signals is put back.
    // SAFETY: the default action is no handler of ours.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.map_err(|error| Error::setup("reset signals", error))?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(|error| Error::setup("reset signals", error))?;
    umask(Mode::from_bits_truncate(0o022));

    sandbox.limits.apply()?;
    let capabilities = sandbox.privileges.capabilities();
    privileges::bound(capabilities)?;
    become_account(sandbox, mapping)?;
    if sandbox.account.uid == 0 {
        privileges::keep(capabilities)?;
    } else {
        privileges::keep(0)?;
    }
    set_no_new_privs().map_err(|error| Error::setup("forbid new privileges", error))?;
    chdir(&sandbox.working_directory).map_err(|error| Error::WorkingDirectory {
        path: shown(&sandbox.working_directory.display().to_string()),
        error: error.into(),
    })?;
    execute(&arguments, &environment, channel)
}

fn become_account(sandbox: &Sandbox, mapping: &Mapping) -> Result<(), Error> {
    if !mapping.has_root() {
        // There is nobody else to be.
        return Ok(());
    }
    let account = &sandbox.account;
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    set_groups(&groups)
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .map_err(|error| Error::setup(format!("become {}:{}", account.uid, account.gid), error))
}

/// Executes the first argument, looked for in the PATH of `environment` as execvp(3) would.
fn execute(arguments: &[CString], environment: &[CString], channel: &Channel) -> Result<Infallible, Error> {
    let Some(command) = arguments.first().filter(|command| !command.is_empty()) else { return Err(Error::NoCommand) };
    let name = String::from_utf8_lossy(command.as_bytes()).into_owned();
    let path = environment
        .iter()
        .find_map(|variable| variable.as_bytes().strip_prefix(b"PATH="))
        .map(OsStr::from_bytes)
        .unwrap_or_default();
    let candidates: Vec<CString> = if command.as_bytes().contains(&b'/') {
        vec![command.clone()]
    } else {
        let files = std::env::split_paths(path).map(|folder| folder.join(&name));
        files.filter_map(|file| CString::new(file.as_os_str().as_bytes()).ok()).collect()
    };
    channel.send(&Message::Started { nanoseconds: monotonic_nanoseconds() });
    let mut failure = None;
    for candidate in &candidates {
        let Err(error) = execve(candidate, arguments, environment);
        let file = String::from_utf8_lossy(candidate.as_bytes()).into_owned();
        let missing = matches!(error, Errno::ENOENT | Errno::ENOTDIR);
        // A file that is there and "does not exist" names an interpreter that does not.
        if !missing || std::path::Path::new(&file).exists() {
            failure.get_or_insert(Error::CommandFailed { command: shown(&file), error: error.into() });
        }
    }
    let looked_in = if name.contains('/') { name.clone() } else { path.to_string_lossy().into_owned() };
    Err(failure.unwrap_or(Error::CommandNotFound { command: shown(&name), path: shown(&looked_in) }))
}

/// `text` as a message has it: an image may have a command of any length, and a message has an end.
fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn strings(texts: &[OsString], what: &str) -> Result<Vec<CString>, Error> {
    let convert = |text: &OsString| CString::new(text.as_bytes());
    texts
        .iter()
        .map(|text| {
            convert(text)
                .map_err(|_| Error::NulByte { what: format!("{what} (`{}`)", shown(&text.display().to_string())) })
        })
        .collect()
}
