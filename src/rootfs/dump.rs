//! A tree as text, a line an entry, for snapshots and for comparing two trees.
//!
//! A line is: type and mode (`d0755`, `f4755`, `l0777`), owner, size or `-`, SHA-1 of the contents or `-`, the path;
//! then, where they apply, ` -> target`, ` = first name` for a further name of the same file, and ` [name=value]` for
//! each extended attribute, the value in hexadecimal. Modification times are left out, because most are derived.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::tree::{Content, InodeId, InodeKind, Tree};
use crate::digest::{Sha1Digest, Sha256Digest};

/// The tree as text; see the head of this file.
pub fn dump(tree: &Tree) -> String {
    write(tree, |content, _| Sha1Digest::of(content).to_string())
}

/// A digest of all that [`dump`] shows. What is known by its SHA-1 already is not read; other contents are known by
/// their SHA-256.
pub fn digest(tree: &Tree) -> Sha256Digest {
    let text = write(tree, |content, checksum| {
        checksum.map_or_else(|| Sha256Digest::of(content).to_string(), |checksum| checksum.to_string())
    });
    Sha256Digest::of(text.as_bytes())
}

/// A line for each entry, with what `called` says of the contents of a file.
fn write(tree: &Tree, called: impl Fn(&Content, Option<Sha1Digest>) -> String) -> String {
    let mut text = String::new();
    let mut first_names: BTreeMap<InodeId, String> = BTreeMap::new();
    for (path, id) in tree.walk() {
        let inode = tree.inode(id);
        let metadata = &inode.metadata;
        let (letter, size, checksum) = match &inode.kind {
            InodeKind::Directory(_) => ('d', None, None),
            InodeKind::Symlink(_) => ('l', None, None),
            InodeKind::File { content, checksum } => ('f', Some(content.len()), Some(called(content, *checksum))),
        };
        let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let checksum = checksum.unwrap_or_else(|| "-".to_owned());
        let (mode, uid, gid) = (metadata.mode, metadata.uid, metadata.gid);
        // Writing to a string cannot fail.
        let _ = write!(text, "{letter}{mode:04o} {uid}:{gid} {size} {checksum} {path}");
        match &inode.kind {
            InodeKind::Symlink(target) => {
                let _ = write!(text, " -> {target}");
            }
            InodeKind::File { .. } => match first_names.get(&id) {
                Some(first) => {
                    let _ = write!(text, " = {first}");
                }
                None => {
                    first_names.insert(id, path);
                }
            },
            InodeKind::Directory(_) => {}
        }
        for (name, value) in &metadata.xattrs {
            let _ = write!(text, " [{name}={}]", hex::encode(value));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::skeleton::generated;
    use super::super::{Inode, Metadata};
    use super::*;

    #[test]
    fn a_tree_prints_a_line_an_entry() {
        let mut tree = Tree::new();
        tree.make_directories("a", &generated(0o750, 0)).unwrap();
        let metadata =
            Metadata { uid: 1, gid: 2, xattrs: [("user.x".to_owned(), vec![1, 0xff])].into(), ..generated(0o4755, 0) };
        let kind = InodeKind::File { content: b"abc".to_vec().into(), checksum: None };
        let id = tree.insert("a/b", Inode { kind, metadata }).unwrap();
        tree.link("c", id).unwrap();
        let link = Inode { kind: InodeKind::Symlink("../x".to_owned()), metadata: generated(0o777, 0) };
        tree.insert("a/l", link).unwrap();
        assert_eq!(
            dump(&tree),
            "d0750 0:0 - - a\n\
             f4755 1:2 3 a9993e364706816aba3e25717850c26c9cd0d89d a/b [user.x=01ff]\n\
             l0777 0:0 - - a/l -> ../x\n\
             f4755 1:2 3 a9993e364706816aba3e25717850c26c9cd0d89d c = a/b [user.x=01ff]\n"
        );
    }
}
