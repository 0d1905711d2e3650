//! An image's root filesystem in the cache: unpacked once, started many times.
//!
//! Root unpacks it as it is. An ordinary user can own files only as themselves, so the files get the
//! permissions that the image's user has on them, in the place of the owner's: run as that user, with the root mounted
//! read-only, the kernel then allows and refuses what it would in an engine.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::User;
use super::inside::MOST_READ;
use super::startable::{Start, of_accounts};
use super::{Account, Error, Startable};
use crate::cache::directory_seal::{open_sealed, write_seal};
use crate::cache::removal::rename_aside;
use crate::held::{ClaimedFolder, HeldFolder};
use crate::image::{StoredImage, is_root_folder, make_folder};
use crate::kept;
use crate::rootfs::folder::{Owners, write_folder};
use crate::rootfs::{Inode, InodeId, InodeKind, Metadata, Tree};
use crate::unfinished::{UnfinishedFolder, remove_folder};

/// Raised when what lies in the cache changes its meaning.
const FORM: u32 = 3;

/// How often an image is unpacked that somebody cleans away before it is held.
const ATTEMPTS: usize = 3;

/// Mount points, which a sandbox with a read-only root cannot make.
const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "tmp", "etc"];

/// The file beside an unpacked root with what is remembered of it.
const REMEMBERED: &str = "remembered.json";

/// What is remembered beside an unpacked root.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    writable: Vec<PathBuf>,
    unpacked_size: u64,
    passwd: String,
    group: String,
}

impl Startable {
    /// The image at `path`: an archive, an OCI folder, or a root filesystem ([`Startable::open_folder`]). The first two
    /// are unpacked into the folder `cache`, unless they lie there already. `user` stands in for the config's.
    pub fn open(path: &Path, user: Option<&str>, cache: &Path) -> Result<Self, Error> {
        if is_root_folder(path) {
            return Self::open_folder(path, user);
        }
        let image = StoredImage::open_for_host(path).map_err(|error| broken(&error, error.help()))?;
        let mut start = Start::from(&image.config);
        if let Some(user) = user {
            user.clone_into(&mut start.user);
        }
        let as_it_is = Owners::possible() == Owners::Keep;
        let digest = image.config_digest;
        // Whose permissions the files have is known only when the account files are read, so the config's word is the
        // key.
        let whose: String = if as_it_is {
            "root".to_owned()
        } else {
            start.user.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
        };
        let place = cache.join(format!("{digest}-{FORM}-{whose}"));
        let mut found = recall(&place)?;
        for _ in 0..ATTEMPTS {
            if found.is_some() {
                break;
            }
            unpack(&image, &start, as_it_is, cache, &place).map_err(|error| error.of_image(path))?;
            found = recall(&place)?;
        }
        let (held, remembered) = found.ok_or_else(|| Error::Image {
            reason: format!("what is unpacked to `{}` cannot be read back", place.display()),
            help: Some("take it away with `apkbuild cache clean`".to_owned()),
        })?;
        let user = User::resolve(&start.user, &remembered.passwd, &remembered.group).map_err(Error::from);
        let user = user.map_err(|error| error.of_image(path))?;
        Ok(Self {
            image: path.to_owned(),
            root: place.join("root"),
            start,
            user,
            writable: remembered.writable,
            compressed_size: Some(image.compressed_size()),
            known_size: Some(remembered.unpacked_size),
            held: Some(Arc::new(held)),
        })
    }
}

/// What is remembered of the root at `place`, which is held from then on.
fn recall(place: &Path) -> Result<Option<(HeldFolder, Remembered)>, Error> {
    if let Some(held) = open_sealed(place).map_err(failed)?
        && let Ok(remembered) = serde_json::from_slice(&fs_err::read(place.join(REMEMBERED)).map_err(failed)?)
    {
        // The cache keeps longest what was used last.
        kept::touch(&held);
        return Ok(Some((held, remembered)));
    }
    // Somebody may run what it still was when they came, and goes on doing so.
    match rename_aside(place) {
        Ok(aside) => {
            if let Some(_lock) = ClaimedFolder::claim(&aside).map_err(failed)? {
                remove_folder(&aside).map_err(failed)?;
            }
        }
        // There was none, or somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(None)
}

fn unpack(image: &StoredImage, start: &Start, as_it_is: bool, folder: &Path, place: &Path) -> Result<(), Error> {
    let mut tree = image.tree().map_err(|error| broken(&error, error.help()))?;
    let text = |path: &str| {
        let place = tree.resolve(path).unwrap_or_default();
        let bytes = tree.file(&place).map(|bytes| bytes.get(..MOST_READ as usize).unwrap_or(bytes)).unwrap_or_default();
        of_accounts(path, String::from_utf8_lossy(bytes).into_owned())
    };
    let (passwd, group) = (text("etc/passwd")?, text("etc/group")?);
    let user = User::resolve(&start.user, &passwd, &group)?;
    let remembered = Remembered {
        writable: writable_folders(&tree, &user.account),
        unpacked_size: unpacked_size(&tree),
        passwd,
        group,
    };
    let made = Metadata { mode: 0o755, ..Tree::new().inode(Tree::ROOT).metadata.clone() };
    for path in MOUNT_POINTS {
        if tree.resolve(path).is_none() {
            // Whatever is in the way is found when something is mounted there.
            let _ = tree.make_directories(path, &made);
        }
    }
    for path in ["etc/hosts", "etc/resolv.conf"] {
        if tree.resolve(path).is_none() {
            let kind = InodeKind::File { content: Vec::new().into(), checksum: None };
            let _ = tree.insert(path, Inode { kind, metadata: Metadata { mode: 0o644, ..made.clone() } });
        }
    }
    // Engines make it too.
    if tree.resolve(&start.working_directory).is_none() {
        // What is in the way is told when it cannot be entered.
        let _ = make_folder(&mut tree, &start.working_directory);
    }
    if !as_it_is {
        see_as(&mut tree, &user.account);
    }

    fs_err::create_dir_all(folder).map_err(failed)?;
    // An image may hold set-id programs, which nobody else on this machine should find here.
    fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let temporary = UnfinishedFolder::beside(place).map_err(failed)?;
    let owners = if as_it_is { Owners::Keep } else { Owners::Caller };
    let root = temporary.path().join("root");
    write_folder(&tree, &root, owners).map_err(|error| broken(&error, error.help()))?;
    let text = serde_json::to_vec(&remembered).map_err(|error| Error::Plan { reason: error.to_string() })?;
    fs_err::write(temporary.path().join(REMEMBERED), text).map_err(failed)?;
    write_seal(temporary.path(), place).map_err(failed)?;
    temporary.finish_if_first().map_err(failed)
}

/// The permission bits (`rwx`, at most 7) that `account` has on something.
fn permissions(metadata: &Metadata, account: &Account) -> u32 {
    let class = if metadata.uid == account.uid {
        6
    } else if metadata.gid == account.gid || account.groups.contains(&metadata.gid) {
        3
    } else {
        0
    };
    metadata.mode >> class & 7
}

/// Gives the owner of every file the permissions that `account` has on it.
fn see_as(tree: &mut Tree, account: &Account) {
    let inodes: BTreeSet<InodeId> = tree.walk().map(|(_, id)| id).chain([Tree::ROOT]).collect();
    for id in inodes {
        let inode = tree.inode_mut(id);
        let is_folder = matches!(inode.kind, InodeKind::Directory(_));
        let metadata = &mut inode.metadata;
        let own = if account.uid == 0 {
            // Root of an image may read and write all, and execute what anybody may.
            let executes = is_folder || metadata.mode & 0o111 != 0;
            6 | u32::from(executes)
        } else {
            permissions(metadata, account)
        };
        metadata.mode = own << 6 | metadata.mode & 0o077;
    }
}

/// The topmost folders to which `account` may write, as they are seen inside; none for root, who could write to all.
fn writable_folders(tree: &Tree, account: &Account) -> Vec<PathBuf> {
    let mut writable: Vec<PathBuf> = Vec::new();
    for (path, id) in tree.walk() {
        let metadata = &tree.inode(id).metadata;
        let path = Path::new("/").join(path);
        let may_write =
            if account.uid == 0 { metadata.mode & 0o002 != 0 } else { permissions(metadata, account) & 2 != 0 };
        let is_fresh_anyway = ["/dev", "/proc", "/tmp"].iter().any(|place| path.starts_with(place));
        let is_below = writable.last().is_some_and(|above| path.starts_with(above));
        if tree.children(id).is_some() && may_write && !is_fresh_anyway && !is_below {
            writable.push(path);
        }
    }
    writable
}

/// Bytes of the files, each counted once however many names it has.
fn unpacked_size(tree: &Tree) -> u64 {
    let files: BTreeSet<InodeId> = tree.walk().map(|(_, id)| id).collect();
    let size = |id: &InodeId| match &tree.inode(*id).kind {
        InodeKind::File { content, .. } => content.len() as u64,
        _ => 0,
    };
    files.iter().map(size).sum()
}

fn broken(error: &dyn std::error::Error, help: Option<String>) -> Error {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        // Many errors repeat their cause in their own text.
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = inner.source();
    }
    Error::Image { reason, help }
}

fn failed(error: io::Error) -> Error {
    Error::file("unpack the image", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        let metadata = |mode, uid, gid| Metadata { mode, uid, gid, ..Tree::new().inode(Tree::ROOT).metadata.clone() };
        for (path, mode, uid, gid) in [
            ("app", 0o755, 0, 0),
            ("data", 0o750, 1001, 1001),
            ("data/inner", 0o700, 1001, 1001),
            ("root", 0o700, 0, 0),
            ("shared", 0o775, 0, 33),
            ("tmp", 0o1777, 0, 0),
            ("var", 0o755, 0, 0),
            ("var/tmp", 0o1777, 0, 0),
        ] {
            tree.make_directories(path, &metadata(mode, uid, gid)).unwrap();
        }
        let content = || InodeKind::File { content: b"12345".to_vec().into(), checksum: None };
        let id = tree.insert("app/secret", Inode { kind: content(), metadata: metadata(0o640, 0, 0) }).unwrap();
        tree.link("app/again", id).unwrap();
        tree.insert("app/run", Inode { kind: content(), metadata: metadata(0o4755, 0, 0) }).unwrap();
        tree
    }

    #[test]
    fn an_ordinary_user_sees_what_the_user_of_the_image_would() {
        let account = Account { uid: 1001, gid: 1001, groups: vec![33] };
        let mut tree = sample();
        let writable: Vec<String> =
            writable_folders(&tree, &account).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(writable, ["/data", "/shared", "/var/tmp"]);
        assert_eq!(unpacked_size(&tree), 10);
        see_as(&mut tree, &account);
        for (path, mode) in [
            ("app", 0o555),
            ("app/secret", 0o040),
            ("app/run", 0o555),
            ("data", 0o750),
            ("root", 0o000),
            ("shared", 0o775),
        ] {
            assert_eq!(tree.get(path).unwrap().metadata.mode, mode, "{path}");
        }

        let mut tree = sample();
        assert_eq!(writable_folders(&tree, &Account::default()), [Path::new("/var/tmp")]);
        see_as(&mut tree, &Account::default());
        for (path, mode) in [("app/secret", 0o640), ("app/run", 0o755), ("root", 0o700), ("data", 0o750)] {
            assert_eq!(tree.get(path).unwrap().metadata.mode, mode, "{path}");
        }
    }
}
