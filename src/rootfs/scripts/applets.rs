//! Which applets a busybox has and where their links belong, read from the program itself.
//!
//! Alpine lists them in `/etc/busybox-paths.d` since v3.18. Before that only the program knows, and tells it by
//! `busybox --list-full`. Its names stand in it one after another, each with a zero byte behind it, sorted; somewhere
//! before them stands a table of half bytes, low half first, that gives each its folder (busybox's `applet_names` and
//! `applet_install_loc`). How far before differs by version and machine, so the table is looked for: it is the place
//! where every half byte is a folder and the applets that everybody knows lie where they do. Refused is a program in
//! which no such place is found, or more than one.

use goblin::container::{Container, Ctx};
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::{Elf, ProgramHeader};

/// The folders, as the table numbers them.
const FOLDERS: [&str; 5] = ["/", "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"];

/// Where applets lie in every busybox, those of busybox-extras among them.
const KNOWN: [(&str, u8); 15] = [
    ("awk", 3),
    ("cat", 1),
    ("chroot", 4),
    ("crond", 4),
    ("env", 3),
    ("ftpget", 3),
    ("httpd", 4),
    ("init", 2),
    ("inetd", 4),
    ("ls", 1),
    ("mdev", 2),
    ("sh", 1),
    ("telnet", 3),
    ("telnetd", 4),
    ("tftp", 3),
];

/// How many of [`KNOWN`] there must be for a place to be believed.
const LEAST_KNOWN: usize = 4;
/// Bytes of the longest name.
const LONGEST_NAME: usize = 32;
/// How many bytes before the names the table is looked for.
const FARTHEST: usize = 256 << 10;
/// How many runs of sorted names are tried.
const MOST_RUNS: usize = 64;

/// The absolute paths of the links of `program`, in its order; the error says why they are not known.
pub(super) fn applet_paths(program: &[u8]) -> Result<Vec<String>, &'static str> {
    let segments = segments(program).ok_or("it is no ELF file")?;
    let mut found: Option<Vec<String>> = None;
    let runs = segments.into_iter().flat_map(|segment| runs(segment).map(move |run| (segment, run)));
    for (segment, run) in runs.take(MOST_RUNS) {
        let Some(paths) = run.paths(segment)? else { continue };
        if found.as_ref().is_some_and(|before| *before != paths) {
            return Err("it has two tables of applets");
        }
        found = Some(paths);
    }
    found.ok_or("it has no table of applets that is understood")
}

/// The parts of an ELF file that are loaded.
fn segments(program: &[u8]) -> Option<Vec<&[u8]>> {
    let header = Elf::parse_header(program).ok()?;
    let container = if header.e_ident.get(4) == Some(&2) { Container::Big } else { Container::Little };
    let context = Ctx::new(container, header.endianness().ok()?);
    let count = usize::from(header.e_phnum);
    let segments = ProgramHeader::parse(program, usize::try_from(header.e_phoff).ok()?, count, context).ok()?;
    let loaded = segments.iter().filter(|segment| segment.p_type == PT_LOAD);
    loaded.map(|segment| program.get(segment.file_range())).collect()
}

/// Names in a row, sorted, that may be those of applets.
struct Run<'program> {
    names: Vec<&'program [u8]>,
    /// Where the first of them begins in its segment.
    start: usize,
}

/// The runs of `segment` that have enough known names.
fn runs(segment: &[u8]) -> impl Iterator<Item = Run<'_>> {
    let mut run = Run { names: Vec::new(), start: 0 };
    let mut position = 0;
    // The piece that is no name ends the last run.
    let pieces = segment.split(|byte| *byte == 0).chain([&b""[..]]);
    pieces.filter_map(move |piece| {
        let start = position;
        position += piece.len() + 1;
        if is_name(piece) && run.names.last().is_some_and(|last| *last < piece) {
            run.names.push(piece);
            return None;
        }
        let names = if is_name(piece) { vec![piece] } else { Vec::new() };
        let ended = std::mem::replace(&mut run, Run { names, start });
        ended.known().map(|_| ended)
    })
}

fn is_name(piece: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"[-._".contains(byte);
    (1..=LONGEST_NAME).contains(&piece.len()) && piece.iter().all(is_letter)
}

impl<'program> Run<'program> {
    /// The places of known names and their folders; `None` where there are too few to go by.
    fn known(&self) -> Option<Vec<(usize, u8)>> {
        let place = |name: &str| self.names.binary_search(&name.as_bytes()).ok();
        let known: Vec<(usize, u8)> = KNOWN.iter().filter_map(|(name, folder)| Some((place(name)?, *folder))).collect();
        let differ = known.iter().any(|(_, folder)| Some(folder) != known.first().map(|(_, first)| first));
        (known.len() >= LEAST_KNOWN && differ).then_some(known)
    }

    /// The paths of the applets; `None` where no table in `segment` fits these names.
    fn paths(mut self, segment: &[u8]) -> Result<Option<Vec<String>>, &'static str> {
        // What comes before `[`, the first name where it is there, is not of the list.
        let start = self.names.iter().position(|name| *name == b"[").unwrap_or(0);
        self.start += self.names.drain(..start).map(|name| name.len() + 1).sum::<usize>();
        let Some(known) = self.known() else { return Ok(None) };
        let length = self.names.len().div_ceil(2);
        let folder = |table: &[u8], place: usize| {
            let byte = table.get(place / 2).copied().unwrap_or(u8::MAX);
            if place.is_multiple_of(2) { byte & 0xf } else { byte >> 4 }
        };
        let fits = |table: &[u8]| {
            known.iter().all(|(place, expected)| folder(table, *place) == *expected)
                && (0..self.names.len()).all(|place| usize::from(folder(table, place)) < FOLDERS.len())
        };
        let window = segment.get(self.start.saturating_sub(FARTHEST)..self.start).unwrap_or_default();
        let mut tables = window.windows(length).filter(|table| fits(table));
        let Some(table) = tables.next() else { return Ok(None) };
        if tables.any(|other| other != table) {
            return Err("it has two tables of the applets' folders");
        }
        let path = |(place, name): (usize, &&[u8])| {
            let folder = FOLDERS.get(usize::from(folder(table, place))).copied().unwrap_or_default();
            format!("{folder}{}", String::from_utf8_lossy(name))
        };
        Ok(Some(self.names.iter().enumerate().map(path).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of one segment with these bytes.
    fn program(segment: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 0x78];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[0x10..0x14].copy_from_slice(&[3, 0, 62, 0]);
        for (place, value) in [(0x20, 0x40), (0x48, 0x78), (0x60, segment.len() as u64), (0x68, segment.len() as u64)] {
            bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (place, value) in [(0x34, 0x40u16), (0x36, 0x38), (0x38, 1)] {
            bytes[place..place + 2].copy_from_slice(&value.to_le_bytes());
        }
        bytes[0x40..0x48].copy_from_slice(&[1, 0, 0, 0, 4, 0, 0, 0]);
        bytes.extend_from_slice(segment);
        bytes
    }

    const APPLETS: [(&str, u8); 11] = [
        ("[", 3),
        ("[[", 3),
        ("awk", 3),
        ("cat", 1),
        ("chroot", 4),
        ("init", 2),
        ("linuxrc", 0),
        ("mdev", 2),
        ("sh", 1),
        ("telnetd", 4),
        ("zcip", 2),
    ];

    fn names(applets: &[(&str, u8)]) -> Vec<u8> {
        applets.iter().flat_map(|(name, _)| [name.as_bytes(), b"\0"].concat()).chain([0]).collect()
    }

    fn table(applets: &[(&str, u8)]) -> Vec<u8> {
        let half = |applet: Option<&(&str, u8)>| applet.map_or(0, |(_, folder)| *folder);
        applets.chunks(2).map(|pair| half(pair.first()) | half(pair.get(1)) << 4).collect()
    }

    #[test]
    fn the_links_are_those_of_the_table_before_the_names() {
        let expected: Vec<String> =
            APPLETS.iter().map(|(name, folder)| format!("{}{name}", FOLDERS[usize::from(*folder)])).collect();
        assert!(expected.contains(&"/linuxrc".to_owned()) && expected.contains(&"/usr/sbin/chroot".to_owned()));
        let (table, names) = (table(&APPLETS), names(&APPLETS));
        // Text that could be names before them, and anything between.
        for between in [&b""[..], b"\0\xff\0", b"\0\x11\x43\0X\0Y\0", &[b'-'; 5000]] {
            let segment = [b"words\0Z\0", table.as_slice(), between, b"\0", &names, b"more\0"].concat();
            assert_eq!(applet_paths(&program(&segment)).unwrap(), expected, "{between:?}");
        }
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        let (right, names) = (table(&APPLETS), names(&APPLETS));
        let mut other = right.clone();
        other[0] ^= 1;
        let mut wrong = right.clone();
        wrong[1] = 0;
        for (segment, expected) in [
            (names.clone(), "it has no table of applets that is understood"),
            ([names.as_slice(), &right].concat(), "it has no table of applets that is understood"),
            ([wrong.as_slice(), b"\0", &names].concat(), "it has no table of applets that is understood"),
            ([right.as_slice(), &other, b"\0", &names].concat(), "it has two tables of the applets' folders"),
            (
                [right.as_slice(), b"\0", &names, &vec![9; FARTHEST], &table(&APPLETS[2..]), b"\0", &names[5..]]
                    .concat(),
                "it has two tables of applets",
            ),
            (Vec::new(), "it has no table of applets that is understood"),
        ] {
            assert_eq!(applet_paths(&program(&segment)), Err(expected));
        }
        let whole = program(&[right.as_slice(), b"\0", &names].concat());
        assert!(applet_paths(&whole).is_ok());
        for length in 0..whole.len() - 1 {
            assert!(applet_paths(&whole[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(applet_paths(b"#!/bin/sh\n"), Err("it is no ELF file"));
    }

    #[test]
    fn zero_bytes_without_end_take_no_time() {
        let segment = [vec![0; 8 << 20], names(&APPLETS)].concat();
        assert!(applet_paths(&program(&segment)).is_err());
    }
}
