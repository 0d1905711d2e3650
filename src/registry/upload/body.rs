//! The bytes of a blob, which lie in pieces, as requests carry them: a part of them, or all in one stream.

use std::convert::Infallible;
use std::io::{self, Cursor, Read};

use reqwest::blocking::Body;

use crate::image::Blob;

/// Bytes that lie in memory while a stream is sent.
const BUFFER: u64 = 1 << 20;

/// The bytes of `blob` from `start` to `end`.
pub(super) fn part(blob: &Blob, start: u64, end: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(end.min(blob.size).saturating_sub(start) as usize);
    let mut at = 0_u64;
    for piece in &blob.pieces {
        let length = piece.len() as u64;
        let from = start.saturating_sub(at).min(length) as usize;
        let to = end.saturating_sub(at).min(length) as usize;
        let Ok(()) = piece.slice(from..to).unwrap_or_default().for_each_piece(|piece| {
            bytes.extend_from_slice(piece);
            Ok::<(), Infallible>(())
        });
        at += length;
    }
    bytes
}

/// All of it, read as it is sent.
pub(super) fn whole(blob: &Blob) -> Body {
    Body::sized(BlobReader { blob: blob.clone(), at: 0, buffer: Cursor::default() }, blob.size)
}

/// A blob as something that is read from its beginning to its end.
struct BlobReader {
    blob: Blob,
    /// Where the bytes begin that come after those of the buffer.
    at: u64,
    buffer: Cursor<Vec<u8>>,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffer.position() == self.buffer.get_ref().len() as u64 {
            let end = self.at.saturating_add(BUFFER).min(self.blob.size);
            self.buffer = Cursor::new(part(&self.blob, self.at, end));
            self.at = end;
        }
        self.buffer.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_run_over_pieces() {
        let blob = Blob::new(["ab", "", "cdef", "g"].map(|text| text.as_bytes().to_vec().into()).to_vec());
        for (start, end, expected) in [(0, 7, "abcdefg"), (1, 3, "bc"), (2, 2, ""), (5, 7, "fg"), (6, 99, "g")] {
            assert_eq!(part(&blob, start, end), expected.as_bytes());
        }
    }

    #[test]
    fn a_stream_has_all_of_it() {
        let bytes: Vec<u8> = (0..3 * BUFFER + 7).map(|number| (number % 251) as u8).collect();
        let blob = Blob::new(bytes.chunks(1_000_003).map(|piece| piece.to_vec().into()).collect());
        let mut whole = Vec::new();
        BlobReader { blob, at: 0, buffer: Cursor::default() }.read_to_end(&mut whole).unwrap();
        assert!(whole == bytes);
    }
}
