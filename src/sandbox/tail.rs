//! The end of what a program printed, for the message when it failed.

use std::collections::VecDeque;
use std::io::Read;
use std::thread::{Builder, JoinHandle};

use super::Error;

/// What is kept of the output, in bytes.
const KEPT: usize = 64 << 10;

/// Follows a program's output in a thread of its own, so that the program never waits for us.
#[derive(Debug)]
pub struct Tail {
    thread: JoinHandle<VecDeque<u8>>,
}

impl Tail {
    /// Begins to follow.
    ///
    /// # Errors
    /// Where the system has no more threads.
    pub fn follow(mut output: impl Read + Send + 'static) -> Result<Self, Error> {
        let follow = move || {
            let mut kept = VecDeque::with_capacity(KEPT);
            let mut buffer = [0; 8 << 10];
            // A pipe that breaks ends like one that is closed.
            while let Ok(length) = output.read(&mut buffer) {
                if length == 0 {
                    break;
                }
                let too_many = (kept.len() + length).saturating_sub(KEPT);
                kept.drain(..too_many.min(kept.len()));
                kept.extend(buffer.iter().take(length));
            }
            kept
        };
        let thread = Builder::new().name("output".to_owned()).spawn(follow);
        Ok(Self { thread: thread.map_err(|error| Error::setup("begin a thread", error))? })
    }

    /// Waits until every process that could write is gone, and gives the last `lines` lines, without escape sequences
    /// and other control characters.
    pub fn finish(self, lines: usize) -> String {
        let bytes: Vec<u8> = self.thread.join().unwrap_or_default().into();
        last_lines(&String::from_utf8_lossy(&bytes), lines)
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<String> = text.lines().map(printable).collect();
    // A progress bar that moved on, and empty lines at the end, say nothing.
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    lines.get(end.saturating_sub(count)..end).unwrap_or_default().join("\n")
}

/// What is left on the screen of a line: after the last carriage return, without control sequences (ECMA-48).
fn printable(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or_default();
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\x1b' {
            if letters.next_if_eq(&'[').is_some() {
                while letters.next().is_some_and(|letter| !('@'..='~').contains(&letter)) {}
            }
        } else if letter == '\t' || !letter.is_control() {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_end_is_kept_and_readable() {
        let cases = [
            ("", ""),
            ("one\ntwo\nthree\n\n\n", "two\nthree"),
            ("\x1b[31mred\x1b[0m\n 10%\r 50%\r100% done\r\nbell\x07\n", "100% done\nbell"),
        ];
        for (text, expected) in cases {
            assert_eq!(last_lines(text, 2), expected);
        }
        let (reader, mut writer) = std::io::pipe().unwrap();
        let tail = Tail::follow(reader).unwrap();
        for number in 0..100_000 {
            writeln!(writer, "line {number}").unwrap();
        }
        drop(writer);
        assert_eq!(tail.finish(2), "line 99998\nline 99999");
    }
}
