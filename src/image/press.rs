//! Compression on all threads at once, in order, in bounded memory.
//!
//! The calling thread cuts the tar stream into pieces and hands them out; worker threads compress them; finished pieces
//! are written in the order in which they were cut. Pieces and compressors are used again and again, so that memory
//! does not grow with the image.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use rayon::{Scope, Yield};

use super::blob_cache::{BlobCache, SegmentWriter};
use super::compression::{Compression, PieceCompressor};
use super::error::Error;
use crate::digest::Sha256Digest;
use crate::mapping::MappedSlice;

/// Bytes that all pieces together may take.
const MEMORY: usize = 64 << 20;

/// Compresses segments, one after another as far as the caller can see.
pub(super) struct Press<'cache> {
    compression: Compression,
    cache: &'cache BlobCache,
    /// The piece that is being filled.
    filling: Option<Piece>,
    idle: Vec<Piece>,
    made: usize,
    most: usize,
    sender: Sender<Piece>,
    receiver: Receiver<Piece>,
    /// Pieces handed out so far, and written so far.
    sent: u64,
    written: u64,
    /// Those that came back before their turn.
    early: BTreeMap<u64, Piece>,
    writer: Option<SegmentWriter>,
    finished: BTreeMap<Sha256Digest, MappedSlice>,
}

struct Piece {
    compressor: PieceCompressor,
    input: Vec<u8>,
    output: Vec<u8>,
    result: io::Result<()>,
    number: u64,
    key: Sha256Digest,
    ends_segment: bool,
}

impl<'cache> Press<'cache> {
    pub(super) fn new(compression: Compression, cache: &'cache BlobCache) -> Self {
        let (sender, receiver) = channel();
        let most = (MEMORY / (2 * compression.piece())).min(rayon::current_num_threads() + 2);
        Self {
            compression,
            cache,
            filling: None,
            idle: Vec::new(),
            made: 0,
            most,
            sender,
            receiver,
            sent: 0,
            written: 0,
            early: BTreeMap::new(),
            writer: None,
            finished: BTreeMap::new(),
        }
    }

    /// Takes more of the segment that is kept under `key`.
    pub(super) fn take(&mut self, scope: &Scope<'_>, key: Sha256Digest, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let mut piece = match self.filling.take() {
                Some(piece) if piece.input.len() == self.compression.piece() => {
                    self.hand_out(scope, piece);
                    self.blank(key)?
                }
                Some(piece) => piece,
                None => self.blank(key)?,
            };
            let room = (self.compression.piece() - piece.input.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            piece.input.extend_from_slice(now);
            self.filling = Some(piece);
            bytes = later;
        }
        Ok(())
    }

    /// Ends the segment that was taken last.
    pub(super) fn end_segment(&mut self, scope: &Scope<'_>) {
        if let Some(mut piece) = self.filling.take() {
            piece.ends_segment = true;
            self.hand_out(scope, piece);
        }
    }

    /// Waits for all that is under way and gives the segments by their keys.
    pub(super) fn finish(mut self) -> Result<BTreeMap<Sha256Digest, MappedSlice>, Error> {
        while self.written < self.sent {
            self.wait()?;
        }
        Ok(self.finished)
    }

    fn hand_out(&mut self, scope: &Scope<'_>, mut piece: Piece) {
        piece.number = self.sent;
        self.sent += 1;
        let sender = self.sender.clone();
        scope.spawn(move |_| {
            let Piece { compressor, input, output, result, .. } = &mut piece;
            *result = compressor.compress(input, output);
            // Nobody waits any more where the caller gave up over an error.
            let _ = sender.send(piece);
        });
    }

    /// An empty piece for the segment `key`.
    fn blank(&mut self, key: Sha256Digest) -> Result<Piece, Error> {
        let mut piece = loop {
            if let Some(piece) = self.idle.pop() {
                break piece;
            }
            if self.made < self.most {
                self.made += 1;
                break Piece {
                    compressor: self.compression.compressor().map_err(Error::Write)?,
                    input: Vec::new(),
                    output: Vec::new(),
                    result: Ok(()),
                    number: 0,
                    key,
                    ends_segment: false,
                };
            }
            self.wait()?;
        };
        piece.input.clear();
        piece.key = key;
        piece.ends_segment = false;
        Ok(piece)
    }

    /// Waits for a piece and writes all whose turn has come.
    fn wait(&mut self) -> Result<(), Error> {
        let piece = loop {
            match self.receiver.try_recv() {
                Ok(piece) => break piece,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {}
            }
            // On a worker thread, waiting idly could be waiting for oneself.
            match rayon::yield_now() {
                Some(Yield::Executed) => {}
                Some(Yield::Idle) => std::thread::yield_now(),
                None => match self.receiver.recv() {
                    Ok(piece) => break piece,
                    Err(_) => return Ok(()),
                },
            }
        };
        self.early.insert(piece.number, piece);
        while let Some(mut piece) = self.early.remove(&self.written) {
            self.written += 1;
            std::mem::replace(&mut piece.result, Ok(())).map_err(Error::Write)?;
            let mut writer = match self.writer.take() {
                Some(writer) => writer,
                None => self.cache.write_segment(piece.key)?,
            };
            writer.write(&piece.output)?;
            if piece.ends_segment {
                self.finished.insert(piece.key, writer.finish()?);
            } else {
                self.writer = Some(writer);
            }
            self.idle.push(piece);
        }
        Ok(())
    }
}
