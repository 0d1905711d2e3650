//! What commands print, and where it goes.

use super::flow::{Flow, unknown};
use super::shell::Shell;
use super::streams::{Sink, Streams, see_that_output_ends};

/// Bytes of the script's own output that are kept: its end, for the message about a script that fails.
const MOST_PRINTED: usize = 16 << 10;

impl Shell<'_> {
    /// Writes `bytes` to standard output.
    pub(super) fn print(&mut self, streams: &Streams, bytes: impl AsRef<[u8]>) -> Flow<()> {
        let bytes = bytes.as_ref();
        match streams.sinks.get(&1) {
            None | Some(Sink::Nowhere) => Ok(()),
            Some(Sink::File(id)) => self.append_to(*id, bytes),
            Some(Sink::Buffer(buffer)) => {
                self.spend_bytes(bytes.len())?;
                let mut buffer = buffer.borrow_mut();
                buffer.bytes.extend_from_slice(bytes);
                let length = buffer.bytes.len();
                if !buffer.keeps_end {
                    see_that_output_ends(length)?;
                }
                if buffer.keeps_end && length > 2 * MOST_PRINTED {
                    buffer.bytes.drain(..length - MOST_PRINTED);
                }
                Ok(())
            }
        }
    }

    /// Writes `line` and a line end to standard output.
    pub(super) fn print_line(&mut self, streams: &Streams, line: &str) -> Flow<()> {
        self.print(streams, format!("{line}\n"))
    }

    /// A command has printed a message, which is not made here.
    pub(super) fn complain(streams: &Streams) -> Flow<()> {
        match streams.sinks.get(&2) {
            Some(Sink::Buffer(buffer)) => {
                buffer.borrow_mut().lacks_message = true;
                Ok(())
            }
            Some(Sink::File(_)) => unknown("the message of a command goes into a file"),
            None | Some(Sink::Nowhere) => Ok(()),
        }
    }
}
