//! A segment of a layer as a stream of tar bytes, and the key under which its compressed form is kept.
//!
//! The key covers all that decides the compressed bytes: every header, every file's content (by the digest that is
//! known already where there is one, so that a package's files need not be read), how it is compressed, and by which
//! version of this program.

use super::compression::Compression;
use super::error::Error;
use super::header::{self, Kind, OwnerNames};
use super::layering::{EntryPlan, SegmentPlan};
use crate::digest::{Sha1Digest, Sha256, Sha256Digest};
use crate::rootfs::{Content, InodeKind, Rootfs};
use crate::tar_reader::{BLOCK, padding};

/// Zero bytes that end a tar: two blocks (pax(1)).
pub(super) const END_OF_TAR: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What reading a segment needs beside its plan.
#[derive(Clone, Copy)]
pub(super) struct Source<'tree> {
    pub(super) rootfs: &'tree Rootfs,
    pub(super) owners: &'tree OwnerNames,
}

impl<'tree> Source<'tree> {
    /// Gives the tar bytes of `segment` to `sink`, in pieces of any length.
    pub(super) fn stream<E: From<Error>>(
        self,
        segment: &SegmentPlan,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut headers = Vec::new();
        for entry in &segment.entries {
            headers.clear();
            let content = self.entry(entry, &mut headers)?;
            sink(&headers)?;
            if let Some((content, _)) = content {
                match content {
                    Content::Mapped(bytes) => bytes.for_each_piece(&mut sink)?,
                    Content::Bytes(bytes) => sink(bytes.as_slice())?,
                }
                sink(END_OF_TAR.get(..padding(content.len() as u64)).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// The key of `segment` compressed so.
    pub(super) fn key(self, segment: &SegmentPlan, compression: Compression) -> Result<Sha256Digest, Error> {
        let mut hasher = Sha256::new();
        let package =
            segment.package.and_then(|id| self.rootfs.packages.get(id.0 as usize)).map(|package| package.identity);
        hasher.update(
            format!(
                "segment {} {} {} {}\n",
                env!("CARGO_PKG_VERSION"),
                compression.kind().name(),
                compression.level(),
                package.map(|identity| identity.to_string()).unwrap_or_default(),
            )
            .as_bytes(),
        );
        let mut bytes = Vec::new();
        for entry in &segment.entries {
            bytes.clear();
            let content = self.entry(entry, &mut bytes)?;
            // The header tells how long it is itself, so no two lists of entries give the same bytes.
            match content {
                Some((_, Some(checksum))) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&checksum.0);
                }
                Some((content, None)) => {
                    bytes.push(2);
                    bytes.extend_from_slice(&Sha256Digest::of(content).0);
                }
                None => bytes.push(0),
            }
            hasher.update(&bytes);
        }
        Ok(hasher.finish())
    }

    /// Appends the headers of `entry` to `headers`; gives its content, and the content's SHA-1 where that is known.
    fn entry(
        self,
        entry: &EntryPlan,
        headers: &mut Vec<u8>,
    ) -> Result<Option<(&'tree Content, Option<Sha1Digest>)>, Error> {
        let inode = self.rootfs.tree.inode(entry.inode);
        let (kind, content) = match (&entry.hard_link_to, &inode.kind) {
            (Some(first), _) => (Kind::HardLink(first), None),
            (None, InodeKind::Directory(_)) => (Kind::Directory, None),
            (None, InodeKind::Symlink(target)) => (Kind::Symlink(target), None),
            (None, InodeKind::File { content, checksum }) => {
                (Kind::File(content.len() as u64), Some((content, *checksum)))
            }
        };
        // Engines would take it for a whiteout (image-spec layer.md): the file would be gone, and another one with it.
        if entry.path.split('/').any(|part| part.starts_with(".wh.")) {
            return Err(Error::Whiteout { path: entry.path.clone() });
        }
        header::check(&entry.path, kind, &inode.metadata)?;
        header::write(headers, &entry.path, kind, &inode.metadata, self.owners)?;
        Ok(content)
    }
}

/// The names of owners that the image itself has.
pub(super) fn owner_names(rootfs: &Rootfs) -> OwnerNames {
    let file = |path| rootfs.tree.file(path).map(|content| &**content).unwrap_or_default();
    OwnerNames::parse(file("etc/passwd"), file("etc/group"))
}
