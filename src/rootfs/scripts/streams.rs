//! What a command reads and where its output goes: the standard streams and those of a script's own (`3>&1`).
//!
//! The messages that commands print are not made here. Where a failing command's message would be read again (by a
//! pipe, a substitution, a file), the text is not known, and the statement around it is left out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::tree::InodeId;
use super::flow::{Flow, give_up, unknown};

/// Bytes that a command may write.
const MOST_OUTPUT: usize = 16 << 20;

/// Gives the script up where a command has made `length` bytes of output, which is more than any should.
pub(super) fn see_that_output_ends(length: usize) -> Flow<()> {
    if length > MOST_OUTPUT { give_up("what it writes grows without end") } else { Ok(()) }
}

/// Text on its way to another command.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    /// Whether the message of a failing command is missing in it.
    pub(super) lacks_message: bool,
    /// Whether only its end is of interest.
    pub(super) keeps_end: bool,
}

/// Where one stream goes.
#[derive(Clone, Debug)]
pub(super) enum Sink {
    /// `/dev/null`, or closed.
    Nowhere,
    /// A pipe, a substitution, or the script's own output.
    Buffer(Rc<RefCell<Buffer>>),
    /// A file of the tree.
    File(InodeId),
}

impl Sink {
    /// A new buffer, and the sink that fills it.
    pub(super) fn buffer() -> Self {
        Self::Buffer(Rc::default())
    }

    /// A buffer of which the end is kept.
    pub(super) fn printed() -> Self {
        Self::Buffer(Rc::new(RefCell::new(Buffer { keeps_end: true, ..Buffer::default() })))
    }

    /// What went into the buffer; nothing where it goes elsewhere.
    pub(super) fn take(&self) -> Flow<Vec<u8>> {
        let Self::Buffer(buffer) = self else { return Ok(Vec::new()) };
        let buffer = std::mem::take(&mut *buffer.borrow_mut());
        if buffer.lacks_message { unknown("the message of a command is read") } else { Ok(buffer.bytes) }
    }

    /// The end of what the script printed.
    pub(super) fn end(&self) -> String {
        match self {
            Self::Buffer(buffer) => String::from_utf8_lossy(&buffer.borrow().bytes).into_owned(),
            Self::Nowhere | Self::File(_) => String::new(),
        }
    }
}

/// What is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    bytes: Rc<Vec<u8>>,
    position: usize,
    /// Whether it is shared with a command whose place in it is not followed here.
    is_shared: bool,
}

impl Input {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Rc::new(bytes), ..Self::default() }
    }

    /// The input of a substitution inside a command that has an input of its own.
    pub(super) fn shared() -> Self {
        Self { is_shared: true, ..Self::default() }
    }

    fn see_that_it_is_known(&self) -> Flow<()> {
        if self.is_shared { unknown("it reads the input of the command around it") } else { Ok(()) }
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Flow<Vec<u8>> {
        self.see_that_it_is_known()?;
        let rest = self.bytes.get(self.position..).unwrap_or_default().to_vec();
        self.position = self.bytes.len();
        Ok(rest)
    }

    /// The next line with its end, which the last may lack; `None` where nothing is left.
    pub(super) fn line(&mut self) -> Flow<Option<Vec<u8>>> {
        self.see_that_it_is_known()?;
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let line = rest.split_inclusive(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
        self.position += line.as_ref().map_or(0, Vec::len);
        Ok(line)
    }
}

/// The streams of one command.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    /// Standard input.
    pub(super) input: Input,
    /// Where each numbered stream goes; one that is missing goes nowhere.
    pub(super) sinks: BTreeMap<u32, Sink>,
}

impl Streams {
    /// Streams of which the two outputs go to `output` and `errors`.
    pub(super) fn new(input: Input, output: Sink, errors: Sink) -> Self {
        Self { input, sinks: BTreeMap::from([(1, output), (2, errors)]) }
    }

    /// Where the stream `number` goes.
    pub(super) fn sink(&self, number: u32) -> Sink {
        self.sinks.get(&number).cloned().unwrap_or(Sink::Nowhere)
    }
}
