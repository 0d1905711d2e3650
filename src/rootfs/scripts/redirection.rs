//! Redirections: to and from files of the tree, `/dev/null`, here-documents, and one stream to another.
//!
//! `&> FILE` is a redirection too, as in Alpine's shell, and `>& FILE` the same.

use brush_parser::ast::{IoFileRedirectKind as Kind, IoFileRedirectTarget as Target, IoRedirect, Word};

use super::flow::{Flow, unknown};
use super::here_documents::MARK;
use super::shell::Shell;
use super::streams::{Input, Sink, Streams};

impl Shell<'_> {
    /// Runs `step` with `redirects` in force.
    pub(super) fn redirected(
        &mut self,
        redirects: &[IoRedirect],
        streams: &mut Streams,
        step: impl FnOnce(&mut Self, &mut Streams) -> Flow<()>,
    ) -> Flow<()> {
        if redirects.is_empty() {
            return step(self, streams);
        }
        let mut own = streams.clone();
        let mut input = None;
        for redirect in redirects {
            let is_open = match redirect {
                IoRedirect::File(None | Some(0), Kind::Read, Target::Filename(word))
                    if word.value.starts_with(MARK) =>
                {
                    input = Some(Input::new(self.here_document(&word.value)?.into_bytes()));
                    true
                }
                IoRedirect::File(None | Some(0), Kind::Read, Target::Filename(word)) => {
                    let path = self.expand_text(word)?;
                    input = self.read_file(&path)?.map(Input::new);
                    input.is_some()
                }
                IoRedirect::File(
                    number,
                    kind @ (Kind::Write | Kind::Clobber | Kind::Append),
                    Target::Filename(word),
                ) => {
                    let append = matches!(kind, Kind::Append);
                    let sink = self.open(word, append, &own)?;
                    let number = u32::try_from(number.unwrap_or(1)).unwrap_or(u32::MAX);
                    sink.map(|sink| own.sinks.insert(number, sink)).is_some()
                }
                IoRedirect::OutputAndError(word, false) => self.open_both(word, &mut own)?,
                IoRedirect::File(number, Kind::DuplicateOutput, target) => {
                    let number = u32::try_from(number.unwrap_or(1)).unwrap_or(u32::MAX);
                    let from = match target {
                        Target::Fd(from) => from.to_string(),
                        Target::Duplicate(word) => self.expand_text(word)?,
                        _ => return unknown("its output"),
                    };
                    match (from.parse::<u32>(), target) {
                        (Ok(0), _) => return unknown("it writes where it reads"),
                        (Ok(from), _) if from == number => true,
                        (Ok(from), _) => {
                            // What is not open cannot be duplicated.
                            let sink = own.sinks.get(&from).cloned();
                            sink.map(|sink| own.sinks.insert(number, sink)).is_some()
                        }
                        (Err(_), _) if from == "-" => {
                            own.sinks.insert(number, Sink::Nowhere);
                            true
                        }
                        (Err(_), Target::Duplicate(word)) if number == 1 => self.open_both(word, &mut own)?,
                        _ => return unknown("its output"),
                    }
                }
                IoRedirect::File(_, Kind::Read | Kind::ReadAndWrite | Kind::DuplicateInput, _) => {
                    return unknown("it reads from a stream of its own");
                }
                _ => return unknown("its redirection is not POSIX shell"),
            };
            if !is_open {
                self.status = 1;
                return Self::complain(&own);
            }
        }
        let has_input = input.is_some();
        if let Some(input) = input {
            own.input = input;
            self.feeding += 1;
        }
        let errors = std::mem::replace(&mut self.errors, own.sink(2));
        let result = step(self, &mut own);
        self.errors = errors;
        if has_input {
            self.feeding -= 1;
        } else {
            // What the command left of the input, the next one reads.
            streams.input = own.input;
        }
        result
    }

    /// `&> FILE`: both outputs into one file; `false` where it cannot be opened.
    fn open_both(&mut self, word: &Word, streams: &mut Streams) -> Flow<bool> {
        let sink = self.open(word, false, streams)?;
        if let Some(sink) = &sink {
            streams.sinks.insert(1, sink.clone());
            streams.sinks.insert(2, sink.clone());
        }
        Ok(sink.is_some())
    }

    /// Opens a file for writing; `None` where the shell would say that it cannot.
    fn open(&mut self, word: &Word, append: bool, streams: &Streams) -> Flow<Option<Sink>> {
        let path = self.expand_text(word)?;
        match path.as_str() {
            "/dev/null" => return Ok(Some(Sink::Nowhere)),
            "/dev/stdout" => return Ok(Some(streams.sink(1))),
            "/dev/stderr" => return Ok(Some(streams.sink(2))),
            _ => {}
        }
        let Some(real) = self.writable(&path)? else { return Ok(None) };
        if !self.make_file(&real, !append) {
            return Ok(None);
        }
        Ok(self.tree.lookup(&real).map(Sink::File))
    }
}
