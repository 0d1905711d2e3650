//! Putting a package's files into the tree: who owns a path, where it really lies, and what happens to what is there.
//!
//! A path whose folder is a link lands where the link leads, inside the root; ownership is kept by that real path, so a
//! package cannot overwrite another's file through a planted link. Below `etc` a file that no package brought is kept,
//! and the package's is put beside it as `NAME.apk-new` (apk's protected paths; `etc/apk` is not one of them).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::accounts;
use super::error::Error;
use super::ownership::{FileClaim, file_claim, folder_passes};
use super::record::{Owner, Record, RecordKind};
use super::root_filesystem::Rootfs;
use super::skeleton::SKELETON;
use super::tree::{Content, Inode, InodeId, InodeKind, Metadata, Origin, PackageId, Tree, TreeError};
use crate::apk::{Entry, EntryKind};
use crate::digest::Sha1Digest;
use crate::fetch::VerifiedApk;
use crate::platform::accounts::{Group, Groups, Passwd, User};

/// What is known of the paths that packages brought so far.
#[derive(Default)]
pub(super) struct Placement {
    folders: BTreeMap<String, Folder>,
    files: HashMap<String, PlacedFile>,
    names: Names,
}

/// The numbers that names were found to have. Like apk, a name is looked up once and again only after a script has run,
/// so that an owner named before the account files were there keeps its number from the archive.
#[derive(Default)]
struct Names {
    users: BTreeMap<String, Option<u32>>,
    groups: BTreeMap<String, Option<u32>>,
}

/// A folder that at least one package lists.
struct Folder {
    owner: PackageId,
    /// Whether apk gives it mode and owner that its owner wants when that becomes its owner, whatever a script did to it
    /// meanwhile: not where the folder was there before any package listed it.
    in_charge: bool,
}

/// A file or link that a package brought.
struct PlacedFile {
    owner: PackageId,
    /// The path by which the owner lists it.
    listed: String,
    checksum: Option<Sha1Digest>,
}

/// One package while it is placed.
struct Current<'package> {
    id: PackageId,
    name: String,
    apk: &'package VerifiedApk,
    folders: BTreeSet<&'package str>,
    files: HashMap<&'package str, (InodeId, Sha1Digest)>,
    /// The folder of the entry before, since most entries lie beside that. To be forgotten when a link is replaced,
    /// which may be one on the way there.
    folder: Option<OpenFolder<'package>>,
}

/// A folder in which a package's entries lie.
struct OpenFolder<'package> {
    /// As the package has it.
    listed: &'package str,
    /// As it is.
    real: String,
    id: InodeId,
}

/// Where an entry really lies once links in its folder are followed.
struct Spot {
    folder: InodeId,
    path: String,
}

impl Placement {
    /// Puts all that `apk`, the package `id` of `rootfs`, lists into the tree, and its records into the package.
    pub(super) fn place(&mut self, rootfs: &mut Rootfs, id: PackageId, apk: &VerifiedApk) -> Result<(), Error> {
        let mut current = Current {
            id,
            name: format!("{}-{}", apk.info().name, apk.info().version),
            apk,
            folders: BTreeSet::new(),
            files: HashMap::new(),
            folder: None,
        };
        // apk puts a package's files in their places when all are there, so its own account files do not count for it.
        let passwd = accounts::read::<User>(&rootfs.tree, accounts::PASSWD);
        let groups = accounts::read::<Group>(&rootfs.tree, accounts::GROUP);
        for entry in apk.entries() {
            // apk-package(5): names that begin with a dot at the top are metadata.
            if entry.path.is_empty() || entry.path.starts_with('.') {
                continue;
            }
            let owner = Owner {
                uid: self.names.uid(passwd.as_ref(), &entry.user).unwrap_or(entry.uid),
                gid: self.names.gid(groups.as_ref(), &entry.group).unwrap_or(entry.gid),
                mode: entry.mode,
                xattrs: entry.xattrs.clone(),
            };
            let kind = if let EntryKind::Directory = entry.kind {
                if !current.folders.insert(&entry.path) {
                    continue;
                }
                self.place_folder(rootfs, &mut current, entry, &owner)?;
                Some(RecordKind::Folder)
            } else {
                self.place_file(rootfs, &mut current, entry, &owner)?.map(|checksum| RecordKind::File { checksum })
            };
            if let (Some(kind), Some(package)) = (kind, rootfs.packages.get_mut(id.0 as usize)) {
                package.records.push(Record { path: entry.path.clone(), owner, kind });
            }
        }
        Ok(())
    }

    /// To be called when a script has run, which may have made accounts.
    pub(super) fn forget_names(&mut self) {
        self.names = Names::default();
    }

    fn place_folder<'package>(
        &mut self,
        rootfs: &mut Rootfs,
        current: &mut Current<'package>,
        entry: &'package Entry,
        owner: &Owner,
    ) -> Result<(), Error> {
        let tree = &mut rootfs.tree;
        let mut spot = current.spot(tree, entry)?;
        let mut existing = tree.child(spot.folder, name_of(&spot.path));
        // A link to a folder stands for that folder.
        if existing.is_some_and(|id| is_link(tree, id))
            && let Some(real) = tree.resolve(&spot.path)
        {
            existing = tree.lookup(&real);
            spot.path = real;
        }
        let wanted = metadata(current.id, entry, owner);
        if let (Some(folder), Some(id)) = (self.folders.get_mut(&spot.path), existing) {
            let (old, new) = (info(&rootfs.packages, folder.owner), current.apk.info());
            if old.is_some_and(|old| folder_passes(old, new)) {
                folder.owner = current.id;
                let there = &mut rootfs.tree.inode_mut(id).metadata;
                if folder.in_charge {
                    *there = wanted;
                } else {
                    there.origin = wanted.origin;
                }
            }
            return Ok(());
        }
        let in_charge = match existing {
            // apk makes these as the package wants them, and by itself only where no package does.
            Some(id) if SKELETON.iter().any(|(path, _)| *path == spot.path) && tree.children(id).is_some() => {
                tree.inode_mut(id).metadata = wanted;
                true
            }
            Some(id) if tree.children(id).is_some() => {
                let there = &mut tree.inode_mut(id).metadata;
                if (there.mode, there.uid, there.gid) == (wanted.mode, wanted.uid, wanted.gid) {
                    *there = wanted;
                } else {
                    there.origin = wanted.origin;
                }
                false
            }
            // A link that leads to no folder stays, as apk leaves it; a file below it will be an error.
            Some(id) if is_link(tree, id) => return Ok(()),
            Some(_) => {
                let source = TreeError::NotADirectory { path: entry.path.clone(), parent: spot.path };
                return Err(current.cannot_place(entry, source));
            }
            None => {
                let inode = Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata: wanted };
                tree.insert_in(spot.folder, &spot.path, inode).map_err(|source| current.cannot_place(entry, source))?;
                true
            }
        };
        self.folders.insert(spot.path, Folder { owner: current.id, in_charge });
        Ok(())
    }

    /// The checksum for the record where the file is the package's now, else nothing.
    fn place_file<'package>(
        &mut self,
        rootfs: &mut Rootfs,
        current: &mut Current<'package>,
        entry: &'package Entry,
        owner: &Owner,
    ) -> Result<Option<Sha1Digest>, Error> {
        let Spot { folder, path: real } = current.spot(&rootfs.tree, entry)?;
        let existing = rootfs.tree.child(folder, name_of(&real));
        let (source, checksum) = source(&rootfs.tree, current, entry)?;
        let old = self.files.get(&real);
        if let Some(old) = old {
            let claim = info(&rootfs.packages, old.owner).map(|info| file_claim(info, current.apk.info()));
            match claim {
                Some(FileClaim::Conflict) => {
                    return Err(Error::FileConflict {
                        package: current.name.clone(),
                        path: entry.path.clone(),
                        owner: rootfs
                            .packages
                            .get(old.owner.0 as usize)
                            .map(super::package::InstalledPackage::name_and_version)
                            .unwrap_or_default(),
                    });
                }
                Some(FileClaim::Old) => {
                    // Its bytes may still be wanted under other names: hard links of the same package.
                    let id = rootfs.tree.add(source.into_inode(&rootfs.tree, metadata(current.id, entry, owner)));
                    current.files.insert(&entry.path, (id, checksum));
                    return Ok(None);
                }
                Some(FileClaim::New) | None => {}
            }
        }
        let brought = old.and_then(|old| old.checksum);
        let tree = &mut rootfs.tree;
        let is_foreign = |id: &InodeId| !brought.is_some_and(|brought| is_same(tree, *id, brought));
        let kept = existing.filter(|id| is_protected(&real) && is_foreign(id));
        let id = match kept {
            // The same bytes need no second file.
            Some(id) if is_same(tree, id, checksum) => id,
            _ => {
                let place = kept.map(|_| format!("{real}.apk-new"));
                let place = place.as_deref().unwrap_or(&real);
                put(tree, folder, place, source, metadata(current.id, entry, owner))
                    .map_err(|source| current.cannot_place(entry, source))?
            }
        };
        if existing.is_some_and(|id| is_link(tree, id)) {
            current.folder = None;
        }
        current.files.insert(&entry.path, (id, checksum));
        let placed = PlacedFile { owner: current.id, listed: entry.path.clone(), checksum: Some(checksum) };
        if let Some(old) = self.files.insert(real, placed)
            && let Some(package) = rootfs.packages.get_mut(old.owner.0 as usize)
        {
            package.records.retain(|record| record.path != old.listed || record.is_folder());
        }
        Ok(Some(checksum))
    }
}

impl<'package> Current<'package> {
    /// Where `entry` really lies. Its folder must be there, and the package must have listed it.
    fn spot(&mut self, tree: &Tree, entry: &'package Entry) -> Result<Spot, Error> {
        let (listed, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
        if self.folder.as_ref().is_none_or(|folder| folder.listed != listed) {
            if !listed.is_empty() && !self.folders.contains(listed) {
                let (path, parent) = (entry.path.clone(), listed.to_owned());
                return Err(Error::ParentNotListed { package: self.name.clone(), path, parent });
            }
            let found = tree.resolve_folder(listed);
            let missing = || TreeError::NotADirectory { path: entry.path.clone(), parent: listed.to_owned() };
            let (id, real) = found.ok_or_else(|| self.cannot_place(entry, missing()))?;
            self.folder = Some(OpenFolder { listed, real, id });
        }
        let (folder, real) = self.folder.as_ref().map_or((Tree::ROOT, ""), |folder| (folder.id, &folder.real));
        let path = if real.is_empty() { name.to_owned() } else { format!("{real}/{name}") };
        Ok(Spot { folder, path })
    }

    fn cannot_place(&self, entry: &Entry, source: TreeError) -> Error {
        Error::Place { package: self.name.clone(), path: entry.path.clone(), source }
    }
}

impl Names {
    fn uid(&mut self, passwd: Option<&Passwd>, name: &str) -> Option<u32> {
        if let Some(known) = self.users.get(name) {
            return *known;
        }
        let found = passwd.and_then(|passwd| passwd.get(name)).map(|user| user.uid);
        self.users.insert(name.to_owned(), found);
        found
    }

    fn gid(&mut self, groups: Option<&Groups>, name: &str) -> Option<u32> {
        if let Some(known) = self.groups.get(name) {
            return *known;
        }
        let found = groups.and_then(|groups| groups.get(name)).map(|group| group.gid);
        self.groups.insert(name.to_owned(), found);
        found
    }
}

/// Where the bytes of an entry come from.
enum Source {
    Kind(InodeKind),
    Linked(InodeId),
}

impl Source {
    fn into_inode(self, tree: &Tree, metadata: Metadata) -> Inode {
        match self {
            Self::Kind(kind) => Inode { kind, metadata },
            Self::Linked(id) => tree.inode(id).clone(),
        }
    }
}

fn source(tree: &Tree, current: &Current<'_>, entry: &Entry) -> Result<(Source, Sha1Digest), Error> {
    match &entry.kind {
        EntryKind::File { content, checksum } => {
            let slice = current
                .apk
                .data()
                .slice(content.clone())
                .ok_or_else(|| Error::Contents { package: current.name.clone(), path: entry.path.clone() })?;
            let kind = InodeKind::File { content: Content::Mapped(slice), checksum: Some(*checksum) };
            Ok((Source::Kind(kind), *checksum))
        }
        EntryKind::Symlink { target } => {
            Ok((Source::Kind(InodeKind::Symlink(target.clone())), Sha1Digest::of(target.as_bytes())))
        }
        EntryKind::HardLink { target } => match current.files.get(target.as_str()) {
            Some((id, checksum)) if matches!(tree.inode(*id).kind, InodeKind::File { .. }) => {
                Ok((Source::Linked(*id), *checksum))
            }
            _ => Err(Error::HardLinkTarget {
                package: current.name.clone(),
                path: entry.path.clone(),
                target: target.clone(),
            }),
        },
        EntryKind::Directory => Ok((Source::Kind(InodeKind::Directory(BTreeMap::new())), Sha1Digest::of(b""))),
    }
}

fn metadata(id: PackageId, entry: &Entry, owner: &Owner) -> Metadata {
    Metadata {
        mode: owner.mode & 0o7777,
        uid: owner.uid,
        gid: owner.gid,
        mtime: entry.mtime,
        xattrs: owner.xattrs.clone(),
        origin: Origin::Package(id),
    }
}

/// Gives what `source` stands for the name `place`, which lies in `folder`.
fn put(
    tree: &mut Tree,
    folder: InodeId,
    place: &str,
    source: Source,
    metadata: Metadata,
) -> Result<InodeId, TreeError> {
    if tree.child(folder, name_of(place)).is_some_and(|id| tree.children(id).is_some()) {
        return Err(TreeError::DirectoryInTheWay { path: place.to_owned() });
    }
    match source {
        Source::Linked(id) => tree.link_in(folder, place, id).map(|()| id),
        Source::Kind(kind) => tree.insert_in(folder, place, Inode { kind, metadata }),
    }
}

fn info(packages: &[super::package::InstalledPackage], id: PackageId) -> Option<&crate::apk::PackageInfo> {
    packages.get(id.0 as usize).map(|package| &package.info)
}

/// apk's own list: `+etc`, `@etc/init.d`, `!etc/apk`.
fn is_protected(path: &str) -> bool {
    path.starts_with("etc/") && !path.starts_with("etc/apk/")
}

/// Whether `id` has the contents, or as a link the target, of `checksum`.
fn is_same(tree: &Tree, id: InodeId, checksum: Sha1Digest) -> bool {
    match &tree.inode(id).kind {
        InodeKind::File { checksum: Some(known), .. } => *known == checksum,
        InodeKind::File { content, checksum: None } => Sha1Digest::of(content) == checksum,
        InodeKind::Symlink(target) => Sha1Digest::of(target.as_bytes()) == checksum,
        InodeKind::Directory(_) => false,
    }
}

fn is_link(tree: &Tree, id: InodeId) -> bool {
    matches!(tree.inode(id).kind, InodeKind::Symlink(_))
}

/// The last part of `path`.
fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
