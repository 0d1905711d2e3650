//! A program of an image that is asked something: it changes nothing, and what it prints is the answer.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, Output, Sandbox, Tail};

/// Lines of a failing program's messages that are shown.
const TAIL_LINES: usize = 10;
/// How long it may take.
const LIMIT: Duration = Duration::from_mins(10);

/// A program of an image that is to answer by what it prints.
#[derive(Clone, Debug)]
pub struct Question<'question> {
    /// The root filesystem, unpacked. It is only read.
    pub root: &'question Path,
    /// The program and its arguments.
    pub command: &'question [OsString],
    /// As [`Sandbox::program`].
    pub program: Option<PathBuf>,
}

impl Question<'_> {
    /// Runs the program, without network or privileges, and gives what it printed.
    pub fn ask(&self) -> Result<Vec<u8>, Error> {
        let mut sandbox = Sandbox::new(self.root, self.command.to_vec());
        sandbox.program.clone_from(&self.program);
        sandbox.limits.time = Some(LIMIT);
        let mut running = sandbox.spawn(Output::Piped)?;
        let (answer, messages) = running.take_pipes();
        let messages = messages.map(Tail::follow).transpose()?;
        let mut bytes = Vec::new();
        if let Some(mut answer) = answer {
            answer.read_to_end(&mut bytes).map_err(|error| Error::file("read the answer of a program", error))?;
        }
        let ending = running.wait()?;
        if !ending.is_success() {
            return Err(Error::NoAnswer {
                command: self.command.first().map(|word| word.display().to_string()).unwrap_or_default(),
                ending,
                output: messages.map(|tail| tail.finish(TAIL_LINES)).unwrap_or_default(),
            });
        }
        Ok(bytes)
    }
}
