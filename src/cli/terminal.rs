//! Progress as a person sees it: bars on a terminal, a few plain lines elsewhere, only warnings under `-q`.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::bytes::human;
use super::printable::printable;
use crate::address::without_secrets;
use crate::progress::{Progress, Task};

/// Standard error as a listener to work.
pub struct Terminal {
    bars: MultiProgress,
    stage: ProgressBar,
    mode: Mode,
    color: bool,
    /// The stage that was told last: one that goes on is not told again.
    told: Mutex<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Quiet,
}

impl Terminal {
    pub(super) fn new(quiet: bool, color: bool) -> Self {
        let mode = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        let target = if mode == Mode::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let stage = bars.add(ProgressBar::new_spinner());
        Self { bars, stage, mode, color, told: Mutex::default() }
    }

    /// Prints a whole line above whatever bars there are.
    pub(super) fn line(&self, text: &str) {
        let text = without_secrets(text);
        self.aside(|| _ = writeln!(std::io::stderr().lock(), "{}", printable(&text, self.color)));
    }

    /// Does something while no bars are on the screen.
    pub(super) fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bars.suspend(act)
    }

    /// Takes the bars off the screen.
    pub(super) fn finish(&self) {
        self.stage.finish_and_clear();
        let _ = self.bars.clear();
    }
}

impl Progress for Terminal {
    fn stage(&self, name: &str) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if *told != name {
                    self.line(name);
                    name.clone_into(&mut told);
                }
            }
            Mode::Bars => {
                if self.stage.is_finished() {
                    self.stage.reset();
                }
                self.stage.set_message(printable(name, false).into_owned());
                self.stage.enable_steady_tick(Duration::from_millis(120));
            }
        }
    }

    fn download(&self, name: &str, total: Option<u64>) -> Box<dyn Task> {
        self.transfer("downloading", name, total)
    }

    fn upload(&self, name: &str, total: u64) -> Box<dyn Task> {
        self.transfer("sending", name, Some(total))
    }

    fn warning(&self, text: &str) {
        let (yellow, reset) = if self.color { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
        self.line(&format!("{yellow}warning:{reset} {text}"));
    }
}

impl Terminal {
    /// Bytes that move: a bar on a terminal, a line elsewhere.
    fn transfer(&self, verb: &str, name: &str, total: Option<u64>) -> Box<dyn Task> {
        if self.mode != Mode::Bars {
            if self.mode == Mode::Lines {
                let size = total.map(|bytes| format!(" ({})", human(bytes))).unwrap_or_default();
                self.line(&format!("  {verb} {name}{size}"));
            }
            return Box::new(Bar(ProgressBar::hidden()));
        }
        let bar = self.bars.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        let template = if total.is_some() {
            "  {msg:32!} {bar:28.cyan/dim} {decimal_bytes:>10} {decimal_bytes_per_sec:>12}"
        } else {
            "  {msg:32!} {spinner} {decimal_bytes:>10}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(printable(name, false).into_owned());
        Box::new(Bar(bar))
    }
}

struct Bar(ProgressBar);

impl Task for Bar {
    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
