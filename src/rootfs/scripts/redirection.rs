//! Redirections: to and from files of the tree, `/dev/null`, here-documents, and one stream to another.

use brush_parser::ast::{IoFileRedirectKind, IoFileRedirectTarget, IoRedirect};

use super::shell::{Flow, Shell, Streams, unknown};

/// Where what a command writes goes.
#[derive(Clone)]
enum Sink {
    /// Where the shell's own output goes.
    Output,
    /// Nowhere that anybody looks: `/dev/null`, or standard error.
    Nowhere,
    /// A file, by its real path.
    File(String),
}

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
        let (mut output, mut errors) = (Sink::Output, Sink::Nowhere);
        let mut input = None;
        for redirect in redirects {
            match redirect {
                IoRedirect::HereDocument(None | Some(0), document) => {
                    input = Some(self.here_document(document)?.into_bytes());
                }
                IoRedirect::File(number, kind, target) => match (kind, number) {
                    (IoFileRedirectKind::Read, None | Some(0)) => {
                        let IoFileRedirectTarget::Filename(word) = target else { return unknown("its input") };
                        let path = self.expand_text(word)?;
                        input = self.read_file(&path)?;
                        if input.is_none() {
                            self.status = 1;
                            return Ok(());
                        }
                    }
                    (IoFileRedirectKind::Write | IoFileRedirectKind::Clobber | IoFileRedirectKind::Append, _) => {
                        let IoFileRedirectTarget::Filename(word) = target else { return unknown("its output") };
                        let path = self.expand_text(word)?;
                        let append = matches!(kind, IoFileRedirectKind::Append);
                        let Some(sink) = self.open_sink(&path, append)? else {
                            self.status = 1;
                            return Ok(());
                        };
                        match number {
                            None | Some(1) => output = sink,
                            Some(2) => errors = sink,
                            Some(number) => return unknown(format!("it writes to stream {number}")),
                        }
                    }
                    (IoFileRedirectKind::DuplicateOutput, _) => {
                        let from = match target {
                            IoFileRedirectTarget::Fd(from) => *from,
                            IoFileRedirectTarget::Duplicate(word) => match self.expand_text(word)?.parse() {
                                Ok(from) => from,
                                Err(_) => return unknown("it closes a stream"),
                            },
                            _ => return unknown("its output"),
                        };
                        match (number.unwrap_or(1), from) {
                            (1, 2) => output = errors.clone(),
                            (2, 1) => errors = output.clone(),
                            (1, 1) | (2, 2) => {}
                            _ => return unknown("it uses a stream of its own"),
                        }
                    }
                    _ => return unknown("it reads and writes one stream"),
                },
                _ => return unknown("its redirection is not POSIX shell"),
            }
        }
        if let (Sink::File(path), false) =
            (&errors, matches!((&errors, &output), (Sink::File(a), Sink::File(b)) if a == b))
        {
            return unknown(format!("it keeps its messages in `/{path}`"));
        }
        let mut own =
            Streams { input: input.unwrap_or_else(|| std::mem::take(&mut streams.input)), output: Vec::new() };
        let result = step(self, &mut own);
        match output {
            Sink::Output => streams.output.extend_from_slice(&own.output),
            Sink::Nowhere => {}
            Sink::File(path) => self.append_to(&path, &own.output)?,
        }
        result
    }

    /// Opens `path` for writing; `None` where the shell would say that it cannot.
    fn open_sink(&mut self, path: &str, append: bool) -> Flow<Option<Sink>> {
        if matches!(path, "/dev/null" | "/dev/stderr") {
            return Ok(Some(Sink::Nowhere));
        }
        if path == "/dev/stdout" {
            return Ok(Some(Sink::Output));
        }
        let Some(real) = self.writable(path)? else { return Ok(None) };
        if !self.make_file(&real, !append) {
            return Ok(None);
        }
        Ok(Some(Sink::File(real)))
    }
}
