//! The bytes of a blob, which lie in pieces, as requests carry them: a part of them, or all in one stream.

use std::io::{self, Read};

use reqwest::blocking::Body;

use crate::image::Blob;
use crate::mapping::MappedSlice;

/// The bytes of `blob` from `start` to `end`.
pub(super) fn part(blob: &Blob, start: u64, end: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0_u64;
    for piece in &blob.pieces {
        let length = piece.len() as u64;
        let from = start.saturating_sub(at).min(length) as usize;
        let to = end.saturating_sub(at).min(length) as usize;
        bytes.extend_from_slice(piece.get(from..to).unwrap_or_default());
        at += length;
    }
    bytes
}

/// All of it, read as it is sent.
pub(super) fn whole(blob: &Blob) -> Body {
    Body::sized(BlobReader { pieces: blob.pieces.clone(), place: 0, at: 0 }, blob.size)
}

/// A blob as something that is read from its beginning to its end.
struct BlobReader {
    pieces: Vec<MappedSlice>,
    /// The piece that is read now.
    place: usize,
    /// Bytes of that which are read already.
    at: usize,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.get(self.place) {
            let rest = piece.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                (self.place, self.at) = (self.place + 1, 0);
                continue;
            }
            let count = rest.len().min(buffer.len());
            buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.at += count;
            return Ok(count);
        }
        Ok(0)
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
        let mut whole = String::new();
        BlobReader { pieces: blob.pieces, place: 0, at: 0 }.read_to_string(&mut whole).unwrap();
        assert_eq!(whole, "abcdefg");
    }
}
