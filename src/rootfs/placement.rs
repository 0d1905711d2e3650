//! Putting a package's files into the tree: who owns a path, where it really lies, and what happens to what is there.
//!
//! A path whose folder is a link lands where the link leads, inside the root; ownership is kept by that real path, so a
//! package cannot overwrite another's file through a planted link. Below `etc` a file that no package brought is kept,
//! and the package's is put beside it as `NAME.apk-new` (apk's protected paths; `etc/apk` is not one of them).

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::{self, Groups, Passwd};
use super::ownership::{FileClaim, file_claim, folder_passes};
use super::record::{Owner, Record, RecordKind};
use super::{Content, Error, Inode, InodeId, InodeKind, Metadata, Origin, PackageId, Rootfs, Tree, TreeError};
use crate::apk::{Entry, EntryKind};
use crate::digest::Sha1Digest;
use crate::fetch::VerifiedApk;

/// What is known of the paths that packages brought so far.
#[derive(Default)]
pub(super) struct Placement {
    folders: BTreeMap<String, Folder>,
    files: BTreeMap<String, PlacedFile>,
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
    /// What the owner wants it to be.
    wanted: Metadata,
    /// Whether apk gives it that: not where the folder was there before any package listed it.
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
    files: BTreeMap<&'package str, (InodeId, Sha1Digest)>,
}

impl Placement {
    /// Puts all that `apk`, the package `id` of `rootfs`, lists into the tree, and its records into the package.
    pub(super) fn place(&mut self, rootfs: &mut Rootfs, id: PackageId, apk: &VerifiedApk) -> Result<(), Error> {
        let mut current = Current {
            id,
            name: format!("{}-{}", apk.info().name, apk.info().version),
            apk,
            folders: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        // apk puts a package's files in their places when all are there, so its own account files do not count for it.
        let passwd = Passwd::read(&rootfs.tree, accounts::PASSWD);
        let groups = Groups::read(&rootfs.tree, accounts::GROUP);
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
            let parent = entry.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !parent.is_empty() && !current.folders.contains(parent) {
                return Err(Error::ParentNotListed {
                    package: current.name,
                    path: entry.path.clone(),
                    parent: parent.to_owned(),
                });
            }
            let kind = if let EntryKind::Directory = entry.kind {
                if !current.folders.insert(&entry.path) {
                    continue;
                }
                self.place_folder(rootfs, &current, entry, &owner)?;
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

    /// Gives every folder that a package brought the mode and owner that its owner wants, as apk does at the end.
    pub(super) fn restore_folders(&self, tree: &mut Tree) {
        for (path, folder) in &self.folders {
            if let (true, Some(id)) = (folder.in_charge, tree.lookup(path))
                && tree.children(id).is_some()
            {
                tree.inode_mut(id).metadata = folder.wanted.clone();
            }
        }
    }

    fn place_folder(
        &mut self,
        rootfs: &mut Rootfs,
        current: &Current<'_>,
        entry: &Entry,
        owner: &Owner,
    ) -> Result<(), Error> {
        let tree = &mut rootfs.tree;
        let literal = real_path(tree, current, entry)?;
        // A link to a folder stands for that folder.
        let real = tree.resolve(&literal).unwrap_or(literal);
        let wanted = metadata(current.id, entry, owner);
        let existing = tree.lookup(&real);
        if let (Some(folder), Some(id)) = (self.folders.get_mut(&real), existing) {
            let (old, new) = (info(&rootfs.packages, folder.owner), current.apk.info());
            if old.is_some_and(|old| folder_passes(old, new)) {
                folder.owner = current.id;
                folder.wanted = wanted;
                rootfs.tree.inode_mut(id).metadata.origin = folder.wanted.origin;
            }
            return Ok(());
        }
        let in_charge = match existing {
            Some(id) if tree.children(id).is_some() => {
                let there = &mut tree.inode_mut(id).metadata;
                if (there.mode, there.uid, there.gid) == (wanted.mode, wanted.uid, wanted.gid) {
                    *there = wanted.clone();
                } else {
                    there.origin = wanted.origin;
                }
                false
            }
            // A link that leads to no folder stays, as apk leaves it; a file below it will be an error.
            Some(id) if matches!(tree.inode(id).kind, InodeKind::Symlink(_)) => return Ok(()),
            Some(_) => {
                let source = TreeError::NotADirectory { path: entry.path.clone(), parent: real };
                return Err(Error::Place { package: current.name.clone(), path: entry.path.clone(), source });
            }
            None => {
                // As mkdir(2) leaves it; what the package wants comes at the very end, so that scripts find root's folder.
                let until_then = Metadata { mode: wanted.mode & 0o1777, uid: 0, gid: 0, ..wanted.clone() };
                let inode = Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata: until_then };
                insert(tree, current, entry, &real, inode)?;
                true
            }
        };
        self.folders.insert(real, Folder { owner: current.id, wanted, in_charge });
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
        let real = real_path(&rootfs.tree, current, entry)?;
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
                            .map(super::InstalledPackage::name_and_version)
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
        let kept = is_protected(&real) && is_foreign(&rootfs.tree, &real, old.and_then(|old| old.checksum));
        if let Some(old) = self.files.remove(&real)
            && let Some(package) = rootfs.packages.get_mut(old.owner.0 as usize)
        {
            package.records.retain(|record| record.path != old.listed || record.is_folder());
        }
        let place = match kept {
            // The same bytes need no second file.
            true if is_same(&rootfs.tree, &real, checksum) => None,
            true => Some(format!("{real}.apk-new")),
            false => Some(real.clone()),
        };
        let id = match (place, source) {
            (Some(place), Source::Linked(id)) => {
                rootfs.tree.link(&place, id).map_err(|source| Error::Place {
                    package: current.name.clone(),
                    path: entry.path.clone(),
                    source,
                })?;
                id
            }
            (Some(place), source) => {
                let inode = source.into_inode(&rootfs.tree, metadata(current.id, entry, owner));
                insert(&mut rootfs.tree, current, entry, &place, inode)?
            }
            (None, source) => match rootfs.tree.lookup(&real) {
                Some(id) => id,
                None => rootfs.tree.add(source.into_inode(&rootfs.tree, metadata(current.id, entry, owner))),
            },
        };
        current.files.insert(&entry.path, (id, checksum));
        let placed = PlacedFile { owner: current.id, listed: entry.path.clone(), checksum: Some(checksum) };
        self.files.insert(real, placed);
        Ok(Some(checksum))
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

/// Where the entry's path really lies once links in its folder are followed.
fn real_path(tree: &Tree, current: &Current<'_>, entry: &Entry) -> Result<String, Error> {
    let (parent, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
    match tree.resolve_folder(parent) {
        Some(folder) if folder.is_empty() => Ok(name.to_owned()),
        Some(folder) => Ok(format!("{folder}/{name}")),
        None => {
            let source = TreeError::NotADirectory { path: entry.path.clone(), parent: parent.to_owned() };
            Err(Error::Place { package: current.name.clone(), path: entry.path.clone(), source })
        }
    }
}

fn insert(tree: &mut Tree, current: &Current<'_>, entry: &Entry, place: &str, inode: Inode) -> Result<InodeId, Error> {
    let failed = |source| Error::Place { package: current.name.clone(), path: entry.path.clone(), source };
    if !matches!(inode.kind, InodeKind::Directory(_)) && tree.get(place).is_some_and(is_folder) {
        return Err(failed(TreeError::DirectoryInTheWay { path: place.to_owned() }));
    }
    tree.insert(place, inode).map_err(failed)
}

fn is_folder(inode: &Inode) -> bool {
    matches!(inode.kind, InodeKind::Directory(_))
}

fn info(packages: &[super::InstalledPackage], id: PackageId) -> Option<&crate::apk::PackageInfo> {
    packages.get(id.0 as usize).map(|package| &package.info)
}

/// apk's own list: `+etc`, `@etc/init.d`, `!etc/apk`.
fn is_protected(path: &str) -> bool {
    path.starts_with("etc/") && !path.starts_with("etc/apk/")
}

/// Whether what stands at `path` is not what the package that owned it, if any, brought.
fn is_foreign(tree: &Tree, path: &str, brought: Option<Sha1Digest>) -> bool {
    tree.lookup(path).is_some() && !brought.is_some_and(|checksum| is_same(tree, path, checksum))
}

fn is_same(tree: &Tree, path: &str, checksum: Sha1Digest) -> bool {
    match tree.get(path).map(|inode| &inode.kind) {
        Some(InodeKind::File { checksum: Some(known), .. }) => *known == checksum,
        Some(InodeKind::File { content, checksum: None }) => Sha1Digest::of(content) == checksum,
        Some(InodeKind::Symlink(target)) => Sha1Digest::of(target.as_bytes()) == checksum,
        Some(InodeKind::Directory(_)) | None => false,
    }
}
