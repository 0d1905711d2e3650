//! Docker or podman on this machine, into which an image is streamed: no archive is written on the way.
//!
//! Both have a `load` that reads an archive from standard input and names what it took. What they get is byte for byte the
//! archive that would be written. An engine that gives up in the middle is told by what it says, not by the broken pipe.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Error, ImageSet};
use crate::progress::{Progress, Task};

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
        let mut child = Command::new(program)
            .args(arguments)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else { return Err(Error::Empty) };
        let task = progress.upload(&format!("the image to {}", self.name), set.archive_size()?);
        // What it says is read while it is fed, or both could wait for each other.
        let (fed, said, complained) = std::thread::scope(|scope| {
            let said = scope.spawn(|| text(output));
            let complained = scope.spawn(|| text(errors));
            // The pipe ends with the value, which tells the engine that this was all.
            let fed = set.stream_archive(Counted { pipe: input, task: &*task });
            (fed, said.join().unwrap_or_default(), complained.join().unwrap_or_default())
        });
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            let words = format!("{complained} {said}").split_whitespace().collect::<Vec<&str>>().join(" ");
            return Err(failed(if words.is_empty() { status.to_string() } else { words }));
        }
        // An engine that has seen the end of the archive need not wait for the padding after it.
        match fed {
            Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            fed => fed?,
        }
        let names = said.lines().filter_map(|line| line.strip_prefix("Loaded image")?.split_once(": "));
        Ok(Loaded { names: names.map(|(_, name)| name.trim().to_owned()).collect() })
    }
}

fn text(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // Half of what it said is better than nothing.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A pipe whose bytes are told as progress.
struct Counted<'task, Pipe> {
    pipe: Pipe,
    task: &'task dyn Task,
}

impl<Pipe: Write> Write for Counted<'_, Pipe> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.pipe.write(bytes)?;
        self.task.advance(written as u64);
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
