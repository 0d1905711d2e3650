//! What a recipe says of single paths beyond copying: folders that the application writes to, and links; and how an
//! owner written as a name is found in the image's own account files.

use super::accounts;
use super::database::make_folder;
use super::error::Error;
use super::skeleton::generated;
use super::tree::{Inode, InodeKind, Tree, TreeError};
use crate::platform::accounts::{Group, User};

/// An account or a group, as a recipe writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountReference {
    /// By its name in the image.
    Name(String),
    /// By its number, which no account file need know.
    Id(u32),
}

/// An owner, as a recipe writes it: `appuser`, `appuser:www-data`, `1001:1001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerReference {
    /// The account.
    pub user: AccountReference,
    /// The group; without one the account's primary group, and for a bare number the group with that number.
    pub group: Option<AccountReference>,
}

/// The numbers of `owner` in the image; `path` is what is to belong to it, for the error.
pub fn look_up_owner(tree: &Tree, owner: &OwnerReference, path: &str) -> Result<(u32, u32), Error> {
    let unknown = |kind, name: &str| Error::UnknownOwner { path: path.to_owned(), kind, name: name.to_owned() };
    let passwd = accounts::read::<User>(tree, accounts::PASSWD).unwrap_or_default();
    let (uid, primary) = match &owner.user {
        AccountReference::Id(uid) => (*uid, passwd.by_uid(*uid).map_or(*uid, |user| user.gid)),
        AccountReference::Name(name) => match passwd.get(name) {
            Some(user) => (user.uid, user.gid),
            None => return Err(unknown("account", name)),
        },
    };
    let gid = match &owner.group {
        None => primary,
        Some(AccountReference::Id(gid)) => *gid,
        Some(AccountReference::Name(name)) => {
            let groups = accounts::read::<Group>(tree, accounts::GROUP).unwrap_or_default();
            groups.get(name).ok_or_else(|| unknown("group", name))?.gid
        }
    };
    Ok((uid, gid))
}

/// Makes the folder `path` (absolute or relative to the root, links followed) with that owner and mode. One that is
/// there gets them too; missing parents are root's, 0755.
pub fn add_directory(
    tree: &mut Tree,
    path: &str,
    owner: &OwnerReference,
    mode: u32,
    timestamp: i64,
) -> Result<(), Error> {
    let (uid, gid) = look_up_owner(tree, owner, path)?;
    let real = make_folder(tree, path, timestamp)?;
    if let Some(id) = tree.lookup(&real) {
        let metadata = &mut tree.inode_mut(id).metadata;
        (metadata.uid, metadata.gid, metadata.mode) = (uid, gid, mode & 0o7777);
    }
    Ok(())
}

/// Makes the symbolic link `path` to `target`, in place of a file, link or empty folder that is there; missing parents
/// are root's, 0755.
pub fn add_link(tree: &mut Tree, path: &str, target: &str, timestamp: i64) -> Result<(), Error> {
    let path = path.trim_matches('/');
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = make_folder(tree, folder, timestamp)?;
    let place = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let failed = |source: TreeError| Error::Generated { path: place.clone(), source };
    let inode = Inode { kind: InodeKind::Symlink(target.to_owned()), metadata: generated(0o777, timestamp) };
    tree.insert(&place, inode).map(|_| ()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::database::write_file;
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        write_file(&mut tree, "etc/passwd", b"app:x:1001:1002::/:/\n".to_vec(), 0).unwrap();
        write_file(&mut tree, "etc/group", b"web:x:82:\n".to_vec(), 0).unwrap();
        tree
    }

    fn owner(user: &str, group: Option<&str>) -> OwnerReference {
        let reference =
            |text: &str| text.parse().map_or_else(|_| AccountReference::Name(text.to_owned()), AccountReference::Id);
        OwnerReference { user: reference(user), group: group.map(reference) }
    }

    #[test]
    fn owners_are_found_in_the_image() {
        let tree = tree();
        for (user, group, expected) in [
            ("app", None, Ok((1001, 1002))),
            ("app", Some("web"), Ok((1001, 82))),
            ("app", Some("7"), Ok((1001, 7))),
            ("1001", None, Ok((1001, 1002))),
            ("5", None, Ok((5, 5))),
            ("nginx", None, Err("`data`: there is no account `nginx` in the image")),
            ("app", Some("nginx"), Err("`data`: there is no group `nginx` in the image")),
        ] {
            let found = look_up_owner(&tree, &owner(user, group), "data").map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{user} {group:?}");
        }
    }

    #[test]
    fn folders_and_links_are_made() {
        let mut tree = tree();
        add_directory(&mut tree, "/data/deep", &owner("app", None), 0o750, 3).unwrap();
        let of = |tree: &Tree, path: &str| {
            let metadata = &tree.get(path).unwrap().metadata;
            (metadata.mode, metadata.uid, metadata.gid)
        };
        assert_eq!(of(&tree, "data"), (0o755, 0, 0));
        assert_eq!(of(&tree, "data/deep"), (0o750, 1001, 1002));
        add_directory(&mut tree, "/data", &owner("5", None), 0o700, 3).unwrap();
        assert_eq!(of(&tree, "data"), (0o700, 5, 5), "one that is there changes");
        add_link(&mut tree, "/usr/bin/python", "python3", 3).unwrap();
        assert!(matches!(&tree.get("usr/bin/python").unwrap().kind, InodeKind::Symlink(target) if target == "python3"));
        add_link(&mut tree, "/through", "/data/deep", 3).unwrap();
        add_link(&mut tree, "/through/inner", "x", 3).unwrap();
        assert!(tree.get("data/deep/inner").is_some());
        let error = add_link(&mut tree, "/data", "x", 3).unwrap_err();
        assert_eq!(error.to_string(), "`data` cannot be made");
    }
}
