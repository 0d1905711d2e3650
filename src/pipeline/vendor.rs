//! A local repository of everything that a lock names, for a machine without a network.
//!
//! `FOLDER/ARCH` holds the packages of the repositories without a tag, and the signed index over them, and
//! `FOLDER/noarch` those that their index lists as for any machine, where apk looks for them;
//! `FOLDER/tagged/TAG/ARCH` those of a tag, since a tagged repository must not serve what was asked for without it.
//! `FOLDER/keys` has the key that the indexes are signed with, and `FOLDER/RELEASE/NAME` leads back to where the
//! packages are, so that the folder can also stand in for the mirror. It appears whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::locked::{Locked, about_lock, index_entry};
use super::part::Part;
use super::session::Session;
use crate::apk::writer::{IndexedPackage, write_index};
use crate::apk::{Head, Identity, NOARCH, PackageName, SignatureKind, SigningKey};
use crate::fetch::Wanted;
use crate::lock::Lockfile;
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::recipe::{Recipe, RepositoryPlace, RepositorySource};
use crate::repository::AlpineRelease;
use crate::unfinished::{UnfinishedFolder, clear_leftovers};

/// What an index says that it is where no release is known.
const DESCRIPTION: &str = "vendored";

/// What a vendored folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vendored {
    /// How many packages with files, each counted once.
    pub packages: usize,
    /// Bytes of their .apk files.
    pub size: u64,
    /// The architectures.
    pub archs: Vec<String>,
    /// The tags that have a repository of their own.
    pub tags: BTreeSet<String>,
}

/// Fetches every package of `lock` and makes the repository of them at `folder`, which must not be there or be empty.
/// `key` signs the indexes.
pub fn vendor(
    recipe: &Recipe,
    lock: &Lockfile,
    folder: &Path,
    key: &SigningKey,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Vendored, Error> {
    refuse_occupied(folder)?;
    clear_leftovers(folder);
    let unfinished = UnfinishedFolder::beside(folder)?;
    let root = unfinished.path();
    let mut vendored = Vendored::default();
    let mut repositories = VendoredRepositories::default();
    let only = &session.overrides.archs;
    for arch in Architecture::ALL.into_iter().filter(|arch| only.is_empty() || only.contains(arch)) {
        let Some(packages) = lock.architectures.get(arch.as_str()) else { continue };
        vendored.archs.push(arch.to_string());
        let locked = Locked::new(lock, recipe, arch, &session.overrides)?;
        progress.stage(&format!("fetching for {arch}"));
        let mut wanted: Vec<Wanted> = packages.parts().flat_map(|(_, packages)| locked.wanted(packages)).collect();
        wanted.sort_by_key(|wanted| wanted.identity);
        wanted.dedup_by_key(|wanted| wanted.identity);
        vendored.packages += wanted.len();
        let paths = session.archives(&wanted, progress).map_err(about_lock)?;
        let mut entries: BTreeMap<Identity, IndexedPackage> = BTreeMap::new();
        for (wanted, path) in wanted.iter().zip(&paths) {
            vendored.size += fs_err::metadata(path)?.len();
            entries.insert(wanted.identity, index_entry(head(path)?.info, wanted.identity, wanted.size, &wanted.arch));
        }
        let archives: BTreeMap<Identity, PathBuf> = wanted.iter().map(|wanted| wanted.identity).zip(paths).collect();
        progress.stage("copying");
        // Every repository is there, be it empty, so that each can be named.
        repositories.repository(root, arch, None)?.describe(locked.release(None));
        for tag in locked.tags() {
            if !PackageName::is_for_package(tag) {
                return Err(Error::VendorTag { tag: tag.to_owned() });
            }
            repositories.repository(root, arch, Some(tag))?.describe(locked.release(Some(tag)));
            vendored.tags.insert(tag.to_owned());
        }
        for part in Part::all(recipe) {
            let packages = locked.part(part)?;
            let entries = packages.values().filter_map(|package| entries.get(&package.identity)).cloned();
            for selected in locked.select(part, packages, entries)?.resolution.packages {
                let Some(package) = packages.get(&selected.entry.name) else { continue };
                let file = format!("{}.apk", selected.entry);
                let info = selected.entry.to_package_info();
                let entry = index_entry(info, package.identity, package.size, package.arch(arch.as_str()));
                let archive = archives.get(&package.identity).map(PathBuf::as_path);
                for tag in locked.tags_of(package) {
                    repositories.repository(root, arch, tag)?.put(&file, entry.clone(), archive)?;
                }
            }
        }
    }
    repositories.write_indexes(key)?;
    fs_err::create_dir(root.join("keys"))?;
    fs_err::write(root.join("keys").join(key.public_name()), key.public_pem()?.as_bytes())?;
    link_as_mirror(root, recipe, lock)?;
    refuse_occupied(folder)?;
    unfinished.finish()?;
    Ok(vendored)
}

/// The repositories in the folder, by the folder of one architecture.
#[derive(Default)]
struct VendoredRepositories(BTreeMap<PathBuf, VendoredRepository>);

/// Packages of one architecture, of the repositories with one tag or without any.
struct VendoredRepository {
    folder: PathBuf,
    /// What its index says that it is.
    description: String,
    packages: BTreeMap<String, IndexedPackage>,
}

impl VendoredRepositories {
    /// The one for `tag`, made where it is not there yet.
    fn repository(
        &mut self,
        root: &Path,
        arch: Architecture,
        tag: Option<&str>,
    ) -> Result<&mut VendoredRepository, Error> {
        let tagged = tag.map_or_else(|| root.to_owned(), |tag| root.join("tagged").join(tag));
        let folder = tagged.join(arch.as_str());
        fs_err::create_dir_all(&folder)?;
        Ok(self.0.entry(folder.clone()).or_insert_with(|| VendoredRepository {
            folder,
            description: DESCRIPTION.to_owned(),
            packages: BTreeMap::new(),
        }))
    }

    fn write_indexes(self, key: &SigningKey) -> Result<(), Error> {
        for VendoredRepository { folder, description, packages } in self.0.into_values() {
            let packages: Vec<IndexedPackage> = packages.into_values().collect();
            fs_err::write(
                folder.join("APKINDEX.tar.gz"),
                write_index(&description, &packages, key, SignatureKind::Rsa256)?,
            )?;
        }
        Ok(())
    }
}

impl VendoredRepository {
    /// Lets the index say which release its packages are of, as Alpine's own do, so that a build from it knows.
    fn describe(&mut self, release: Option<&AlpineRelease>) {
        if let Some(release) = release {
            self.description = release.to_description();
        }
    }

    /// The folder of packages that the index lists as for `arch`.
    fn place(&self, arch: &str) -> PathBuf {
        if arch == NOARCH { self.folder.with_file_name(NOARCH) } else { self.folder.clone() }
    }

    /// Puts a package there under the name `file`, with its archive where it has one.
    fn put(&mut self, file: &str, entry: IndexedPackage, archive: Option<&Path>) -> Result<(), Error> {
        match self.packages.get(file) {
            Some(there) if there.identity == entry.identity => return Ok(()),
            Some(_) => return Err(Error::VendorTwice { package: entry_name(file) }),
            None => {}
        }
        if let Some(archive) = archive {
            let place = self.place(&entry.info.arch).join(file);
            if !place.exists() {
                fs_err::create_dir_all(self.place(&entry.info.arch))?;
                copy(archive, &place)?;
            } else if head(&place)?.check_identity(entry.identity).is_err() {
                // For another architecture there is another one of that name.
                return Err(Error::VendorTwice { package: entry_name(file) });
            }
        }
        self.packages.insert(file.to_owned(), entry);
        Ok(())
    }
}

/// `name-version` of a package's file.
fn entry_name(file: &str) -> String {
    file.trim_end_matches(".apk").to_owned()
}

/// What the package at `path` says of itself.
fn head(path: &Path) -> Result<Head, Error> {
    Ok(Head::read(&mut BufReader::new(fs_err::File::open(path)?))?)
}

/// A folder with something in it is somebody's, and so is anything else in its place.
fn refuse_occupied(folder: &Path) -> Result<(), Error> {
    let occupied = |what| Err(Error::Occupied { path: folder.to_owned(), what });
    match fs_err::symlink_metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => occupied("no folder"),
        Ok(_) if fs_err::read_dir(folder)?.next().is_some() => occupied("not empty"),
        // What is wrong with the folder around it is told where this one is made.
        _ => Ok(()),
    }
}

/// Leads from `RELEASE/NAME`, where a mirror has a repository, to where its packages are. Where a name stands with a
/// tag and without, it leads to what may be had without.
fn link_as_mirror(root: &Path, recipe: &Recipe, lock: &Lockfile) -> Result<(), Error> {
    let indexes = lock.architectures.values().flat_map(|architecture| &architecture.indexes);
    let mut targets: BTreeMap<String, Option<String>> = BTreeMap::new();
    for source in indexes.filter_map(|index| RepositorySource::parse(&index.repository).ok()) {
        let RepositoryPlace::Named(name) = source.place else { continue };
        let tag = targets.entry(name).or_insert_with(|| source.tag.clone());
        *tag = tag.take().and(source.tag);
    }
    let release = root.join(recipe.alpine.release.to_string());
    for (name, tag) in targets {
        fs_err::create_dir_all(&release)?;
        let target = tag.map_or_else(|| PathBuf::from(".."), |tag| Path::new("../tagged").join(tag));
        fs_err::os::unix::fs::symlink(target, release.join(name))?;
    }
    Ok(())
}

/// Copies a file as a new one of the caller's, whatever the permissions of the one in the cache.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source = fs_err::File::open(from)?;
    let mut target = fs_err::File::create(to)?;
    std::io::copy(&mut source, &mut target)
        .map_err(|error| std::io::Error::new(error.kind(), format!("failed to write `{}`: {error}", to.display())))?;
    Ok(())
}
