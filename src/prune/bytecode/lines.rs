//! The table that leads from instructions to source lines (CPython, `Objects/locations.md`), from Python 3.11 on.

/// A column is left out.
const NO_COLUMNS: u8 = 13;
/// There is no line.
const NO_LINE: u8 = 15;
/// Most instructions that one entry speaks for.
const LONGEST: u32 = 8;

/// The same table without columns and ends of lines, neighbours of one line joined; `None` where it is none.
pub(super) fn without_columns(table: &[u8]) -> Option<Vec<u8>> {
    // For each run of instructions its length and its line, counted from the function's first.
    let mut runs: Vec<(u32, Option<i64>)> = Vec::new();
    let mut line = 0_i64;
    let mut bytes = table.iter().copied();
    while let Some(first) = bytes.next() {
        if first & 0x80 == 0 {
            return None;
        }
        let length = u32::from(first & 7) + 1;
        let place = match (first >> 3) & 15 {
            NO_LINE => None,
            code @ (14 | NO_COLUMNS) => {
                line += signed(&mut bytes)?;
                if code == 14 {
                    for _ in 0..3 {
                        unsigned(&mut bytes)?;
                    }
                }
                Some(line)
            }
            code @ 10..=12 => {
                line += i64::from(code - 10);
                bytes.next()?;
                bytes.next()?;
                Some(line)
            }
            _ => {
                bytes.next()?;
                Some(line)
            }
        };
        match runs.last_mut() {
            Some((before, at)) if *at == place => *before += length,
            _ => runs.push((length, place)),
        }
    }
    let mut out = Vec::new();
    let mut line = 0;
    for (mut length, place) in runs {
        while length > 0 {
            let part = length.min(LONGEST);
            length -= part;
            let head = 0x80 | (part - 1) as u8;
            match place {
                None => out.push(head | NO_LINE << 3),
                Some(at) => {
                    out.push(head | NO_COLUMNS << 3);
                    put_signed(&mut out, at - line);
                    line = at;
                }
            }
        }
    }
    Some(out)
}

/// Six bits a byte, the lowest first, bit 6 where more follow.
fn unsigned(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..48).step_by(6) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(value);
        }
    }
    None
}

/// The sign in the lowest bit.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = unsigned(bytes)?;
    let amount = i64::try_from(value >> 1).ok()?;
    Some(if value & 1 == 0 { amount } else { -amount })
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    let mut rest = (value.unsigned_abs() << 1) | u64::from(value < 0);
    while rest >= 64 {
        out.push((rest & 63) as u8 | 64);
        rest >>= 6;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_and_lines_stay() {
        for (table, expected) in [
            (&[][..], Some(&[][..])),
            // Short, one-line, long: all of the lines 0, 1, 3.
            (&[0x80, 0x11, 0xd8, 1, 2, 0xf0, 4, 0, 5, 6], Some(&[0xe8, 0, 0xe8, 2, 0xe8, 4])),
            // Neighbours are joined, eight at most.
            (&[0x84, 0x11, 0x85, 0x11], Some(&[0xef, 0, 0xea, 0])),
            (&[0xf9, 0xf8], Some(&[0xfa])),
            // Backwards, and far.
            (&[0xe8, 3, 0xe8, 0x42, 1], Some(&[0xe8, 3, 0xe8, 0x42, 1])),
            (&[0x10], None),
            (&[0x80], None),
            (&[0xe8, 0x40], None),
        ] {
            assert_eq!(without_columns(table).as_deref(), expected, "{table:x?}");
        }
    }
}
