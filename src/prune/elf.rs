//! What an ELF file asks of the loader: its interpreter, the libraries it needs, and where it wants them looked for.
//!
//! Only the headers, the dynamic section and the strings it names are read, so a mapped file of 100 MB costs a few
//! pages. Anything that is not a well-formed ELF file of this kind gives `None`: hostile input is no reason to stop.
//! What a file asks for is bounded by its own table of strings, however often it names the same one.

use goblin::container::{Container, Ctx};
use goblin::elf::dynamic::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, Dynamic};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_LOAD};
use goblin::elf::{Elf, ProgramHeader};
use serde::{Deserialize, Serialize};

/// Bytes of the longest text that is a name or a path; a loader has no use for more (limits.h, PATH_MAX).
const LONGEST_TEXT: usize = 4096;
/// How often all bytes of the table of strings may be asked for. Once is usual; names may end in one another.
const MOST_REPEATED: usize = 4;

/// What one file asks for; all strings as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ElfNeeds {
    /// `PT_INTERP`
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_RUNPATH`, or `DT_RPATH` where there is none, split at colons.
    pub search: Vec<String>,
    /// `DT_SONAME`
    pub soname: Option<String>,
}

/// Whether `bytes` begin as an ELF file does.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// Reads what `bytes` ask for; `None` where they are no ELF file or a broken one. A static one asks for nothing.
pub(crate) fn read(bytes: &[u8]) -> Option<ElfNeeds> {
    if !is_elf(bytes) {
        return None;
    }
    let header = Elf::parse_header(bytes).ok()?;
    let container = if header.e_ident.get(4) == Some(&2) { Container::Big } else { Container::Little };
    let context = Ctx::new(container, header.endianness().ok()?);
    let segments =
        ProgramHeader::parse(bytes, usize::try_from(header.e_phoff).ok()?, usize::from(header.e_phnum), context)
            .ok()?;

    let mut needs = ElfNeeds::default();
    for segment in segments.iter().filter(|segment| segment.p_type == PT_INTERP) {
        let start = usize::try_from(segment.p_offset).ok()?;
        let end = start.checked_add(usize::try_from(segment.p_filesz).ok()?)?;
        needs.interpreter = text_at(bytes.get(..end)?, start);
    }
    if !segments.iter().any(|segment| segment.p_type == PT_DYNAMIC) {
        return Some(needs);
    }
    let entries = Dynamic::parse(bytes, &segments, context).ok()??.dyns;
    let value = |tag: u64| entries.iter().find(|entry| entry.d_tag == tag).map(|entry| entry.d_val);
    let (Some(address), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { return Some(needs) };
    let table = file_offset(&segments, address)?;
    let end = table.checked_add(usize::try_from(size).ok()?)?;
    let strings = bytes.get(table..end)?;
    let string = |offset: u64| text_at(strings, usize::try_from(offset).ok()?);
    let mut asked = 0;
    let mut runpath = None;
    let mut rpath = None;
    for entry in &entries {
        match entry.d_tag {
            DT_NEEDED => {
                let name = string(entry.d_val).filter(|name| !name.is_empty());
                // One without an end was looked for as far as one may be long.
                asked += name.as_ref().map_or(LONGEST_TEXT, String::len);
                if asked > strings.len().saturating_mul(MOST_REPEATED).saturating_add(LONGEST_TEXT) {
                    return None;
                }
                needs.needed.extend(name);
            }
            DT_SONAME => needs.soname = string(entry.d_val),
            DT_RUNPATH => runpath = string(entry.d_val),
            DT_RPATH => rpath = string(entry.d_val),
            _ => {}
        }
    }
    if let Some(search) = runpath.or(rpath) {
        needs.search = search.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    }
    Some(needs)
}

/// Where in the file the bytes of a virtual address lie.
fn file_offset(segments: &[ProgramHeader], address: u64) -> Option<usize> {
    let segment = segments.iter().find(|segment| {
        segment.p_type == PT_LOAD
            && address >= segment.p_vaddr
            && address < segment.p_vaddr.saturating_add(segment.p_filesz)
    })?;
    usize::try_from((address - segment.p_vaddr).checked_add(segment.p_offset)?).ok()
}

/// The text that starts at `offset` and ends before a zero byte.
fn text_at(bytes: &[u8], offset: usize) -> Option<String> {
    let bytes = bytes.get(offset..)?;
    let bytes = bytes.get(..LONGEST_TEXT).unwrap_or(bytes);
    let end = memchr::memchr(0, bytes)?;
    std::str::from_utf8(bytes.get(..end)?).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_asks_for_what_its_linker_wrote() {
        let program = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        let needs = read(&program).unwrap();
        assert!(needs.interpreter.unwrap().starts_with('/'));
        assert!(needs.needed.iter().any(|name| name.starts_with("libc.")), "{:?}", needs.needed);
    }

    #[test]
    fn what_is_cut_or_foreign_asks_for_nothing() {
        let program = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        for length in [0, 3, 4, 16, 63, 64, 100, 512] {
            assert_eq!(read(&program[..length]), None, "{length} bytes");
        }
        assert_eq!(read(b"#!/bin/sh\n"), None);
    }

    /// A file with one segment over all of it, the interpreter `/i`, and a dynamic section of `entries` with the
    /// strings `strings`. What says where the strings lie is added.
    fn file(entries: &[(u64, u64)], strings: &[u8]) -> Vec<u8> {
        let (headers, interpreter) = (64 + 3 * 56, b"/i\0");
        let table = headers + interpreter.len() as u64;
        let dynamic = table + strings.len() as u64;
        let entries = [entries, &[(DT_STRTAB, table), (DT_STRSZ, strings.len() as u64), (0, 0)]].concat();
        let size = dynamic + 16 * entries.len() as u64;
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        bytes.extend([3, 0, 62, 0, 1, 0, 0, 0]);
        bytes.extend([0_u64, 64, 0].map(u64::to_le_bytes).concat());
        bytes.extend([0, 0, 0, 0, 64, 0, 56, 0, 3, 0, 64, 0, 0, 0, 0, 0]);
        let segments = [
            (PT_LOAD, 0, size),
            (PT_INTERP, headers, interpreter.len() as u64),
            (PT_DYNAMIC, dynamic, 16 * entries.len() as u64),
        ];
        for (kind, start, length) in segments {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(4_u32.to_le_bytes());
            bytes.extend([start, start, start, length, length, 8].map(u64::to_le_bytes).concat());
        }
        bytes.extend(interpreter);
        bytes.extend(strings);
        bytes.extend(entries.iter().flat_map(|(tag, value)| [*tag, *value].map(u64::to_le_bytes).concat()));
        bytes
    }

    #[test]
    fn what_a_file_asks_for_is_bounded_by_what_it_holds() {
        let strings = b"\0liba.so\0$ORIGIN:/x::\0me.so\0";
        let whole = file(&[(DT_NEEDED, 1), (DT_RUNPATH, 9), (DT_SONAME, 22)], strings);
        let needs = ElfNeeds {
            interpreter: Some("/i".to_owned()),
            needed: vec!["liba.so".to_owned()],
            search: vec!["$ORIGIN".to_owned(), "/x".to_owned()],
            soname: Some("me.so".to_owned()),
        };
        assert_eq!(read(&whole), Some(needs));
        // The same one a hundred thousand times, one that is not there, and one that has no end.
        let long = [b"x".repeat(1 << 20), vec![0]].concat();
        assert_eq!(read(&file(&vec![(DT_NEEDED, 1); 100_000], strings)), None);
        assert_eq!(read(&file(&vec![(DT_NEEDED, 0); 100_000], strings)), None);
        assert_eq!(read(&file(&[(DT_NEEDED, u64::MAX), (DT_NEEDED, 0)], &long)).unwrap().needed, [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_survived(
            changes in proptest::collection::vec((0_usize..400, proptest::prelude::any::<u64>(), 1_usize..9), 1..6),
            end in 0_usize..400,
        ) {
            let mut bytes = file(&[(DT_NEEDED, 1), (DT_RPATH, 9)], b"\0liba.so\0/x\0");
            for (place, value, length) in changes {
                // Absurd numbers are mostly small, or all bits set.
                let value = [value, value % 512, u64::MAX, 0][place % 4].to_le_bytes();
                for (byte, new) in bytes.iter_mut().skip(place).zip(&value[..length]) {
                    *byte = *new;
                }
            }
            let _ = read(&bytes);
            bytes.truncate(end);
            let _ = read(&bytes);
        }
    }
}
