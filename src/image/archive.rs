//! The image archive: an OCI layout and a docker-archive in one, which every Docker and podman loads.
//!
//! `index.json` holds exactly one descriptor, a manifest or, for several architectures, one nested index; engines take
//! the wrong one of two, or none. `manifest.json` is for Docker's graph drivers and names the first architecture's
//! image. The file appears whole or not at all, and one that would be the same is left alone, its time included.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write};
use std::path::Path;

use oci_spec::image::{Descriptor, ImageIndex, ImageIndexBuilder, MediaType, SCHEMA_VERSION};
use tar::{EntryType, Header};

use super::config::canonical;
use super::error::Error;
use super::layer::Blob;
use super::packed::{PackedImage, descriptor};
use super::reference::Reference;
use super::segment::END_OF_TAR;
use crate::digest::Sha256Digest;
use crate::mapping::MappedSlice;
use crate::tar_reader::{BLOCK, padding};
use crate::unfinished::{Unfinished, UnfinishedFolder};

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the archive, or of all files of the folder.
    pub size: u64,
    /// Whether the same stood there already and was left alone.
    pub unchanged: bool,
    /// The digest that the index names: of the manifest or, for several architectures, of the nested index.
    pub digest: Sha256Digest,
}

/// One image, of one architecture or several, under its name: what goes into an archive or to a registry.
#[derive(Clone, Debug)]
pub struct ImageSet {
    /// The name.
    pub reference: Reference,
    /// One for each architecture, the recipe's first one first.
    pub images: Vec<PackedImage>,
    /// For several architectures, the index that names them all, as JSON.
    pub index: Option<Blob>,
    root: Descriptor,
    digest: Sha256Digest,
}

impl ImageSet {
    /// Joins images of several architectures, or takes one as it is. [`Error::Empty`] for none.
    pub fn new(reference: Reference, images: Vec<PackedImage>) -> Result<Self, Error> {
        let (root, index, digest) = match images.as_slice() {
            [] => return Err(Error::Empty),
            [image] => (image.descriptor()?, None, image.manifest_digest()),
            several => {
                let descriptors = several.iter().map(PackedImage::descriptor).collect::<Result<Vec<_>, Error>>()?;
                let index = Blob::from(canonical("index", &image_index(descriptors)?)?);
                let digest = index.digest;
                (descriptor(MediaType::ImageIndex, &index)?, Some(index), digest)
            }
        };
        Ok(Self { reference, images, index, root, digest })
    }

    /// The digest that names all of it: of the manifest, or of the index of several.
    pub fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// The one descriptor of `index.json`, without its name.
    pub fn descriptor(&self) -> &Descriptor {
        &self.root
    }

    /// Every blob once, by digest.
    pub fn blobs(&self) -> BTreeMap<Sha256Digest, &Blob> {
        let images = self.images.iter();
        images
            .flat_map(|image| image.layers.iter().map(|layer| &layer.blob).chain([&image.config, &image.manifest]))
            .chain(&self.index)
            .map(|blob| (blob.digest, blob))
            .collect()
    }

    /// Writes the archive to `output`, whose folder must exist.
    pub fn write_archive(&self, output: &Path) -> Result<Written, Error> {
        let (written, file) = self.begin_archive(output)?;
        file.map_or(Ok(()), Unfinished::finish).map_err(Error::Write)?;
        Ok(written)
    }

    /// Writes the archive that is to stand at `output`, whose folder must exist, and gives the file to be finished; `None`
    /// where the same stands there already.
    pub fn begin_archive(&self, output: &Path) -> Result<(Written, Option<Unfinished>), Error> {
        let members = self.members(true)?;
        let pieces = archive_pieces(&members);
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        let unchanged = is_same_file(output, size, &pieces);
        let mut file = None;
        if !unchanged {
            let file = file.insert(Unfinished::beside(output).map_err(Error::Write)?);
            pieces.iter().try_for_each(|piece| piece.write_to(&mut *file)).map_err(Error::Write)?;
        }
        Ok((Written { size, unchanged, digest: self.digest }, file))
    }

    /// Writes the archive to `out`, an engine's standard input for instance.
    pub fn stream_archive(&self, mut out: impl Write) -> Result<(), Error> {
        let members = self.members(true)?;
        let pieces = archive_pieces(&members);
        pieces.iter().try_for_each(|piece| piece.write_to(&mut out)).and_then(|()| out.flush()).map_err(Error::Write)
    }

    /// Bytes of the archive.
    pub fn archive_size(&self) -> Result<u64, Error> {
        let members = self.members(true)?;
        Ok(archive_pieces(&members).iter().map(|piece| piece.len() as u64).sum())
    }

    /// Writes an OCI image folder (image-spec image-layout.md) to `output`, in place of one that is there already;
    /// [`Error::InTheWay`] if something else is.
    pub fn write_folder(&self, output: &Path) -> Result<Written, Error> {
        let members = self.members(false)?;
        let size = members.values().map(|blob| blob.size).sum();
        let unchanged = members.iter().all(|(name, blob)| is_same_file(&output.join(name), blob.size, &blob.pieces));
        if !unchanged {
            let is_layout = output.join("oci-layout").is_file();
            let is_empty = fs_err::read_dir(output).is_ok_and(|mut entries| entries.next().is_none());
            if fs_err::symlink_metadata(output).is_ok() && !is_layout && !is_empty {
                return Err(Error::InTheWay { path: output.to_owned() });
            }
            let folder = UnfinishedFolder::beside(output).map_err(Error::Write)?;
            fs_err::create_dir_all(folder.path().join("blobs/sha256")).map_err(Error::Write)?;
            for (name, blob) in &members {
                write_file(&folder.path().join(name), blob).map_err(Error::Write)?;
            }
            folder.finish().map_err(Error::Write)?;
        }
        Ok(Written { size, unchanged, digest: self.digest })
    }

    /// All files by their names; with `manifest.json` where `for_docker`.
    fn members(&self, for_docker: bool) -> Result<BTreeMap<String, Blob>, Error> {
        let mut root = self.root.clone();
        root.set_annotations(Some(
            [
                ("io.containerd.image.name", self.reference.to_string()),
                ("org.opencontainers.image.ref.name", self.reference.tag().to_owned()),
            ]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        ));
        let layout = serde_json::json!({ "imageLayoutVersion": "1.0.0" });
        let mut members = BTreeMap::from([
            ("oci-layout".to_owned(), Blob::from(canonical("layout", &layout)?)),
            ("index.json".to_owned(), Blob::from(canonical("index", &image_index(vec![root])?)?)),
        ]);
        if let (true, Some(first)) = (for_docker, self.images.first()) {
            let layers: Vec<String> = first.layers.iter().map(|layer| blob_name(layer.blob.digest)).collect();
            let manifest = serde_json::json!([{
                "Config": blob_name(first.config.digest),
                "RepoTags": [self.reference.to_string()],
                "Layers": layers,
            }]);
            members.insert("manifest.json".to_owned(), Blob::from(canonical("manifest", &manifest)?));
        }
        members.extend(self.blobs().into_iter().map(|(digest, blob)| (blob_name(digest), blob.clone())));
        Ok(members)
    }
}

/// Where the layout has the blob of `digest`.
pub(super) fn blob_name(digest: Sha256Digest) -> String {
    format!("blobs/sha256/{digest}")
}

/// An index of `manifests`.
pub(super) fn image_index(manifests: Vec<Descriptor>) -> Result<ImageIndex, Error> {
    ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests)
        .build()
        .map_err(|source| Error::Specification { document: "index", source })
}

/// The bytes of a tar with `members` and the folders they need, in order, none of them copied.
fn archive_pieces(members: &BTreeMap<String, Blob>) -> Vec<PieceOf<'_>> {
    let mut pieces = Vec::new();
    let folders = [("blobs/", None), ("blobs/sha256/", None)];
    let files = members.iter().map(|(name, blob)| (name.as_str(), Some(blob)));
    let mut entries: Vec<(&str, Option<&Blob>)> = folders.into_iter().chain(files).collect();
    entries.sort_by_key(|(name, _)| *name);
    for (name, blob) in entries {
        pieces.push(PieceOf::Header(Box::new(header(name, blob.map(|blob| blob.size)))));
        if let Some(blob) = blob {
            pieces.extend(blob.pieces.iter().map(PieceOf::Mapped));
            pieces.push(PieceOf::Bytes(END_OF_TAR.get(..padding(blob.size)).unwrap_or_default()));
        }
    }
    pieces.push(PieceOf::Bytes(&END_OF_TAR));
    pieces
}

/// A run of an archive's bytes.
enum PieceOf<'blob> {
    Header(Box<[u8; BLOCK]>),
    Bytes(&'blob [u8]),
    Mapped(&'blob MappedSlice),
}

impl PieceOf<'_> {
    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Mapped(bytes) => bytes.for_each_piece(|piece| out.write_all(piece)),
            other => out.write_all(other),
        }
    }
}

impl std::ops::Deref for PieceOf<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Header(block) => &**block,
            Self::Bytes(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

/// The header of the folder `name`, or of a file with so many bytes. All names here are short and sizes far below 8 GiB
/// need no more than ustar; larger ones are written in base 256, which every reader of such archives knows.
fn header(name: &str, size: Option<u64>) -> [u8; BLOCK] {
    let mut header = Header::new_ustar();
    for (to, from) in header.as_old_mut().name.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    header.set_entry_type(if size.is_some() { EntryType::Regular } else { EntryType::Directory });
    header.set_mode(if size.is_some() { 0o644 } else { 0o755 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size.unwrap_or_default());
    header.set_cksum();
    *header.as_bytes()
}

/// Whether `path` is a file of `size` bytes that are those of `pieces`.
fn is_same_file(path: &Path, size: u64, pieces: &[impl std::ops::Deref<Target = [u8]>]) -> bool {
    let compare = || -> io::Result<bool> {
        if fs_err::symlink_metadata(path)?.len() != size || !path.is_file() {
            return Ok(false);
        }
        let mut file = fs_err::File::open(path)?;
        let mut buffer = vec![0; 1 << 18];
        for piece in pieces {
            for expected in piece.chunks(1 << 18) {
                let Some(found) = buffer.get_mut(..expected.len()) else { return Ok(false) };
                file.read_exact(found)?;
                if found != expected {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    };
    compare().unwrap_or(false)
}

fn write_file(path: &Path, blob: &Blob) -> io::Result<()> {
    let mut file = fs_err::File::create(path)?;
    blob.pieces.iter().try_for_each(|piece| piece.for_each_piece(|bytes| file.write_all(bytes)))?;
    file.sync_all()
}
