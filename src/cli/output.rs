//! Where results and messages go: results to standard output, messages to standard error.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::error::Error;
use super::options::GlobalOptions;
use super::printable::printable;
use super::terminal::Terminal;

/// What a verb needs besides its own arguments.
pub struct Context {
    /// Whether results are JSON.
    pub json: bool,
    /// 0 for quiet, 1 as usual, more with each `-v`.
    pub verbosity: u8,
    /// Whether results may be coloured.
    pub color: bool,
    color_messages: bool,
    terminal: Terminal,
    /// Whether the one JSON document of this call has been printed.
    is_told: AtomicBool,
}

impl Context {
    pub(super) fn new(options: &GlobalOptions) -> Self {
        let color_messages = options.color.on_standard_error();
        Self {
            json: options.json,
            verbosity: if options.quiet { 0 } else { 1 + options.verbose },
            color: options.color.on_standard_output() && !options.json,
            color_messages,
            terminal: Terminal::new(options.quiet, color_messages),
            is_told: AtomicBool::new(false),
        }
    }

    /// The listener that work reports its progress to.
    pub fn progress(&self) -> &Terminal {
        &self.terminal
    }

    /// Whether messages on standard error may be coloured.
    pub fn color_messages(&self) -> bool {
        self.color_messages
    }

    /// Prints a result: `text`, fit for a terminal, a line break added where it has none.
    pub fn print(&self, text: &str) -> Result<(), Error> {
        self.terminal.aside(|| print_raw(&printable(text, self.color)))
    }

    /// Prints a result to standard error, where standard output is taken by something else.
    pub fn print_aside(&self, text: &str) {
        self.terminal.line(text.trim_end());
    }

    /// Prints a result as the one JSON document of this call.
    pub fn print_json(&self, value: &impl Serialize) -> Result<(), Error> {
        self.is_told.store(true, Ordering::Relaxed);
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::from_room(&error))?;
        // JSON has escapes of its own.
        print_raw(&text)
    }

    /// Standard output for bytes that are no text, without the buffer that looks for line breaks.
    pub fn binary_output(&self) -> Result<fs_err::File, Error> {
        let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(fs_err::File::from_parts(descriptor.into(), "standard output"))
    }

    /// Takes bars off the screen, for what is printed next.
    pub fn progress_is_over(&self) {
        self.terminal.finish();
    }

    /// Says something that is not a result, unless `-q` was given.
    pub fn say(&self, text: &str) {
        if self.verbosity > 0 {
            self.terminal.line(text);
        }
    }

    /// Tells the user what went wrong and gives the exit code for it. Where the result has been printed as JSON, that says
    /// what failed, and no second document follows.
    pub(super) fn report(&self, error: &Error) -> ExitCode {
        if error.is_silent() {
            return error.exit_code();
        }
        self.terminal.finish();
        let (red, cyan, reset) = if self.color_messages { ("\x1b[1;31m", "\x1b[36m", "\x1b[0m") } else { ("", "", "") };
        let shown = |text| printable(text, self.color_messages);
        let mut text = format!("{red}error:{reset} {}\n", shown(error.message().trim_end()));
        for line in error.help().unwrap_or_default().lines() {
            text.push_str(&format!("{cyan}help:{reset} {}\n", shown(line)));
        }
        // Nobody is left to tell where standard error is closed.
        let _ = io::stderr().lock().write_all(text.as_bytes());
        if self.json && !self.is_told.load(Ordering::Relaxed) {
            let (kind, message, help) = (error.kind(), error.message(), error.help());
            let _ =
                self.print_json(&serde_json::json!({ "error": { "kind": kind, "message": message, "help": help } }));
        }
        error.exit_code()
    }
}

/// Prints `text` as it is, a line break added where it has none.
fn print_raw(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Prints what the reader of arguments says of a wrong call as one JSON document, as [`Context::report`] does for all
/// else.
pub(super) fn print_wrong_call(text: &str) -> io::Result<()> {
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let message = message.trim().trim_start_matches("error: ");
    let document = serde_json::json!({ "error": { "kind": "usage", "message": message, "help": rest.trim() } });
    writeln!(io::stdout().lock(), "{document:#}")
}
