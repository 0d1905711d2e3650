//! What an ELF file asks of the loader: its interpreter, the libraries it needs, and where it wants them looked for.
//!
//! Only the headers, the dynamic section and the strings it names are read, so a mapped file of 100 MB costs a few
//! pages. Anything that is not a well-formed ELF file of this kind gives `None`: hostile input is no reason to stop.

use goblin::container::{Container, Ctx};
use goblin::elf::dynamic::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, Dynamic};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_LOAD};
use goblin::elf::{Elf, ProgramHeader};
use serde::{Deserialize, Serialize};

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
    let mut runpath = None;
    let mut rpath = None;
    for entry in &entries {
        match entry.d_tag {
            DT_NEEDED => needs.needed.extend(string(entry.d_val)),
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
    let end = bytes.iter().position(|byte| *byte == 0)?;
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
}
