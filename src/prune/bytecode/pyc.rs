//! Files of bytecode (PEP 552): a magic number that names the interpreter, what says which source it is of, and code.

use super::marshal::{self, Foreign};

/// Bytes before the code.
const HEADER: usize = 16;

/// What a header says of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceMark {
    /// Its modification time and size, in 32 bits each.
    Time { mtime: u32, size: u32 },
    /// Its hash.
    Hash(u64),
}

/// The parts of a file: the magic number, the mark, the code.
pub(super) fn parts(bytes: &[u8]) -> Option<([u8; 4], SourceMark, &[u8])> {
    let header = bytes.get(..HEADER)?;
    let word = |at: usize| -> Option<u32> { Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?)) };
    let magic = header.get(..4)?.try_into().ok()?;
    if header.get(2..4)? != b"\r\n" {
        return None;
    }
    let mark = match word(4)? {
        0 => SourceMark::Time { mtime: word(8)?, size: word(12)? },
        1 | 3 => SourceMark::Hash(u64::from(word(8)?) | u64::from(word(12)?) << 32),
        _ => return None,
    };
    Some((magic, mark, bytes.get(HEADER..)?))
}

/// A file with the canonical form of `code`, which the interpreter 3.`minor` whose number is `magic` made of `source`.
/// It says that nobody need compare it with the source (`unchecked-hash`).
pub(super) fn unchecked(magic: [u8; 4], minor: u8, source: &[u8], code: &[u8], file: &str) -> Result<Vec<u8>, Foreign> {
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&source_hash(magic, minor, source).to_le_bytes());
    bytes.extend_from_slice(&marshal::canonical(code, minor, file)?);
    Ok(bytes)
}

/// `importlib.util.source_hash`: SipHash with the magic number as its key, 1-3 from Python 3.11 on and 2-4 before.
pub(super) fn source_hash(magic: [u8; 4], minor: u8, source: &[u8]) -> u64 {
    let rounds = if minor >= 11 { (1, 3) } else { (2, 4) };
    siphash(u64::from(u32::from_le_bytes(magic)), source, rounds)
}

/// SipHash under the key `key`, 0 (Aumasson and Bernstein, 2012).
fn siphash(key: u64, bytes: &[u8], (each, last): (u32, u32)) -> u64 {
    let mut state =
        [key ^ 0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, key ^ 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
    let mut chunks = bytes.chunks_exact(8);
    let mix = |state: &mut [u64; 4], word: u64| {
        state[3] ^= word;
        (0..each).for_each(|_| round(state));
        state[0] ^= word;
    };
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        mix(&mut state, u64::from_le_bytes(word));
    }
    let mut word = [0; 8];
    for (slot, byte) in word.iter_mut().zip(chunks.remainder()) {
        *slot = *byte;
    }
    word[7] = bytes.len() as u8;
    mix(&mut state, u64::from_le_bytes(word));
    state[2] ^= 0xff;
    (0..last).for_each(|_| round(&mut state));
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn round(state: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *state;
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_the_hash_that_python_gives_them() {
        // As importlib.util.source_hash of Python 3.11 gives them.
        let magic = *b"\xa7\r\r\n";
        let seven = b"x = 1\n".repeat(7);
        for (source, hash) in
            [(&b"import os\n"[..], "bf452971496c7b11"), (b"", "738d9cd5d5e87f73"), (&seven, "9c8a1cd65ebe6ae9")]
        {
            assert_eq!(hex::encode(source_hash(magic, 11, source).to_le_bytes()), hash);
        }
        // SipHash 2-4 of nothing under a key of zeros, from the reference implementation.
        assert_eq!(siphash(0, b"", (2, 4)), 0x1e92_4b9d_7377_00d7);
    }

    #[test]
    fn headers_are_read() {
        let file = |flags: u32| [&b"\xa7\r\r\n"[..], &flags.to_le_bytes(), &[1, 0, 0, 0, 2, 0, 0, 0], b"code"].concat();
        assert_eq!(parts(&file(0)).unwrap().1, SourceMark::Time { mtime: 1, size: 2 });
        assert_eq!(parts(&file(3)).unwrap().1, SourceMark::Hash(1 | 2 << 32));
        assert_eq!(parts(&file(1)).unwrap().2, b"code");
        assert_eq!(parts(&file(9)), None);
        assert_eq!(parts(b"short"), None);
        assert_eq!(parts(&b"x".repeat(20)), None);
    }
}
