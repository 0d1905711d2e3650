//! Docker or podman on this machine, into which an image is streamed: no archive is written on the way.
//!
//! Both have a `load` that reads an archive from standard input and names what it took. What they get is byte for byte
//! the archive that would be written. An engine that gives up in the middle is told by what it says, not by the broken
//! pipe, and one that ends well without having read the image has not loaded it. None outlives an interrupt of this
//! program.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::archive::ImageSet;
use super::error::Error;
use crate::progress::{Progress, Task};

/// Bytes of what an engine says that are kept, the last of them.
const MOST_WORDS: usize = 4 << 10;

/// How long an engine has to end after an interrupt before it is made to.
const GRACE: Duration = Duration::from_secs(2);

/// Engines that are being fed now, which are not reaped before they are taken out; `None` once an interrupt has come.
static FED: Mutex<Option<BTreeSet<u32>>> = Mutex::new(Some(BTreeSet::new()));

/// A container engine, by the command that speaks to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    name: &'static str,
    command: Vec<OsString>,
}

/// What an engine took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Under which names, as the engine tells them.
    pub names: Vec<String>,
}

impl Engine {
    /// The engine `name` (`docker`, `podman`). `command` is the program with the first of its arguments, looked for in
    /// `path` (as `PATH` is) unless it is a path itself. [`Error::NoEngine`] where it is not there.
    pub fn find(name: &'static str, command: &[OsString], path: &OsStr) -> Result<Self, Error> {
        let program = command.first().map_or(OsStr::new(name), OsString::as_os_str);
        let missing = || Error::NoEngine { program: program.to_string_lossy().into_owned() };
        let is_there = if Path::new(program).components().count() > 1 {
            Path::new(program).is_file()
        } else {
            std::env::split_paths(path).any(|folder: PathBuf| folder.join(program).is_file())
        };
        if !is_there {
            return Err(missing());
        }
        let command = if command.is_empty() { vec![program.to_owned()] } else { command.to_vec() };
        Ok(Self { name, command })
    }

    /// `docker` or `podman`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Streams `set` into the engine.
    pub fn load(&self, set: &ImageSet, progress: &dyn Progress) -> Result<Loaded, Error> {
        let failed = |reason: String| Error::Engine { engine: self.name, reason };
        let (program, arguments) = self.command.split_first().ok_or(Error::Empty)?;
        let mut command = Command::new(program);
        command.args(arguments).arg("load").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = begin(&mut command)
            .map_err(|error| failed(format!("`{}` cannot be started: {error}", program.display())))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else { return Err(Error::Empty) };
        let size = set.archive_size()?;
        let task = progress.upload(&format!("the image to {}", self.name), size);
        let mut taken = 0;
        // What it says is read while it is fed, or both could wait for each other.
        let outcome: io::Result<_> = std::thread::scope(|scope| {
            let said = Builder::new().spawn_scoped(scope, || text(output))?;
            let complained = Builder::new().spawn_scoped(scope, || text(errors))?;
            // The pipe ends with the value, which tells the engine that this was all.
            let fed = set.stream_archive(Counted { pipe: input, task: &*task, taken: &mut taken });
            Ok((fed, said.join().unwrap_or_default(), complained.join().unwrap_or_default()))
        });
        let (fed, said, complained) = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let _ = end(&mut child);
                return Err(failed(format!("its output cannot be read: {error}")));
            }
        };
        let status = end(&mut child).map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            let words = format!("{complained} {said}").split_whitespace().collect::<Vec<&str>>().join(" ");
            return Err(failed(if words.is_empty() { status.to_string() } else { words }));
        }
        let names = said.lines().filter_map(|line| line.strip_prefix("Loaded image")?.split_once(": "));
        let loaded = Loaded { names: names.map(|(_, name)| name.trim().to_owned()).collect() };
        match fed {
            // An engine that has seen the end of the archive need not wait for the padding after it.
            Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                if loaded.names.is_empty() {
                    return Err(failed(format!(
                        "it ended without an error, but took at most {taken} of the archive's {size} bytes and names no image"
                    )));
                }
            }
            fed => fed?,
        }
        Ok(loaded)
    }

    /// Ends every engine that is being fed; no other can be started afterwards. For the moment of an interrupt.
    pub fn end_all() {
        let fed = FED.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let end = Instant::now() + GRACE;
            for child in &fed {
                let _ = kill(pid(*child), signal);
            }
            while fed.iter().any(|child| !has_ended(*child)) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Starts an engine that an interrupt will end.
fn begin(command: &mut Command) -> io::Result<Child> {
    let mut fed = FED.lock().unwrap_or_else(PoisonError::into_inner);
    let fed = fed.as_mut().ok_or_else(|| io::Error::new(io::ErrorKind::Interrupted, "interrupted"))?;
    let child = command.spawn()?;
    fed.insert(child.id());
    Ok(child)
}

/// Waits for its end. Its number is nobody else's before it is reaped, which happens when no interrupt can signal it
/// any more.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    while let Err(nix::errno::Errno::EINTR) =
        waitid(Id::Pid(pid(child.id())), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
    {}
    if let Some(fed) = FED.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        fed.remove(&child.id());
    }
    child.wait()
}

fn has_ended(child: u32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
    !matches!(waitid(Id::Pid(pid(child)), flags), Ok(WaitStatus::StillAlive))
}

fn pid(child: u32) -> Pid {
    Pid::from_raw(child.cast_signed())
}

/// The last of what is said there, read to its end.
fn text(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 13];
    loop {
        let read = match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Half of what it said is better than nothing.
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
        if bytes.len() > 2 * MOST_WORDS {
            bytes.drain(..bytes.len() - MOST_WORDS);
        }
    }
    String::from_utf8_lossy(bytes.get(bytes.len().saturating_sub(MOST_WORDS)..).unwrap_or_default()).into_owned()
}

/// A pipe whose bytes are told as progress.
struct Counted<'task, Pipe> {
    pipe: Pipe,
    task: &'task dyn Task,
    taken: &'task mut u64,
}

impl<Pipe: Write> Write for Counted<'_, Pipe> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.pipe.write(bytes)?;
        self.task.advance(written as u64);
        *self.taken += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_looked_for_as_a_shell_would() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker");
        fs_err::write(&program, "").unwrap();
        let path = folder.path().as_os_str();
        let found = Engine::find("docker", &[], path).unwrap();
        assert_eq!(found.command, ["docker"]);
        let command = [program.into_os_string(), "--context".into(), "x".into()];
        assert_eq!(Engine::find("docker", &command, OsStr::new("")).unwrap().command, command);
        for command in [vec![], vec!["/nowhere/podman".into()]] {
            assert!(matches!(Engine::find("podman", &command, path), Err(Error::NoEngine { .. })));
        }
    }
}
