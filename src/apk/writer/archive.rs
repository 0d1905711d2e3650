//! The tar of a package, as abuild writes it since 3.15: ustar headers, and before each a PAX header, which also holds
//! what they cannot.

use tar::{EntryType, Header};

use super::super::error::Error;
use super::pax::append_pax_record;

/// A tar that grows in memory.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
}

/// What a header says.
pub(super) struct Attributes<'a> {
    pub(super) kind: EntryType,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) user: &'a str,
    pub(super) group: &'a str,
    pub(super) mtime: i64,
    pub(super) link: &'a str,
}

impl Attributes<'_> {
    /// A file of root's.
    pub(super) fn file(mode: u32, mtime: i64) -> Self {
        Self { kind: EntryType::Regular, mode, uid: 0, gid: 0, user: "root", group: "root", mtime, link: "" }
    }
}

impl Archive {
    /// Adds an entry. `records` and whatever else needs one go into the PAX header before it, behind the two times that
    /// abuild writes there.
    pub(super) fn add(
        &mut self,
        path: &str,
        attributes: &Attributes<'_>,
        records: &[(String, Vec<u8>)],
        contents: &[u8],
    ) -> Result<(), Error> {
        let mut records: Vec<_> = ["ctime", "atime"]
            .into_iter()
            .map(|key| (key.to_owned(), b"0".to_vec()))
            .chain(records.iter().cloned())
            .collect();
        let mut header = Header::new_ustar();
        header.set_entry_type(attributes.kind);
        header.set_mode(attributes.mode);
        header.set_uid(u64::from(attributes.uid));
        header.set_gid(u64::from(attributes.gid));
        header.set_mtime(u64::try_from(attributes.mtime).unwrap_or(0));
        header.set_size(contents.len() as u64);
        let unwritable =
            |what: &str, error: std::io::Error| Error::Unwritable { what: what.to_owned(), reason: error.to_string() };
        header.set_username(attributes.user).map_err(|error| unwritable(attributes.user, error))?;
        header.set_groupname(attributes.group).map_err(|error| unwritable(attributes.group, error))?;
        if header.set_path(path).is_err() {
            // Readers that know PAX take the record's path; the header has its end, cut where a letter ends.
            records.push(("path".to_owned(), path.as_bytes().to_vec()));
            let start = (path.len().saturating_sub(90)..path.len()).find(|&start| path.is_char_boundary(start));
            let end = path.get(start.unwrap_or(0)..).unwrap_or(path).trim_start_matches('/');
            header.set_path(end).map_err(|error| unwritable(path, error))?;
        }
        if !attributes.link.is_empty() && header.set_link_name_literal(attributes.link).is_err() {
            records.push(("linkpath".to_owned(), attributes.link.as_bytes().to_vec()));
        }
        self.extension(path, &records);
        header.set_cksum();
        self.raw(&header, contents);
        Ok(())
    }

    /// The tar without end-of-archive blocks, as signature and control members want it.
    pub(super) fn open_ended(self) -> Vec<u8> {
        self.bytes
    }

    /// The tar with its end-of-archive blocks.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }

    fn extension(&mut self, path: &str, records: &[(String, Vec<u8>)]) {
        let mut body = Vec::new();
        for (key, value) in records {
            append_pax_record(&mut body, key, value);
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(body.len() as u64);
        let (folder, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or((".", path));
        // Nobody reads this name, so one that is too long is cut.
        let name = format!("{folder}/PaxHeaders/{name}");
        header.as_old_mut().name.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        header.set_cksum();
        self.raw(&header, &body);
    }

    fn raw(&mut self, header: &Header, contents: &[u8]) {
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(contents);
        let full = self.bytes.len().next_multiple_of(512);
        self.bytes.resize(full, 0);
    }
}
