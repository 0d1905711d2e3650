//! Following symbolic links inside a tree, as the kernel would after a chroot into it.
//!
//! `..` above the root is the root and an absolute target begins there, so no link leads out. A chain of more than
//! forty links is a loop (path_resolution(7)).

use super::tree::{InodeId, InodeKind, Tree};

/// As many links as Linux follows for one path.
const MOST_LINKS: usize = 40;

/// Whether the last part of a path is followed where it is a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Followed,
    Literal,
}

/// Where a path leads: its real parts, and what is there, if anything.
struct Real<'tree> {
    parts: Vec<(&'tree str, Option<InodeId>)>,
}

impl Real<'_> {
    fn path(&self) -> String {
        let mut path = String::with_capacity(self.parts.iter().map(|(part, _)| part.len() + 1).sum());
        for (part, _) in &self.parts {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(part);
        }
        path
    }

    fn id(&self) -> Option<InodeId> {
        self.parts.last().map_or(Some(Tree::ROOT), |(_, id)| *id)
    }
}

impl Tree {
    /// The real path behind `path` (absolute, or relative to the root) with every link followed; `None` where something
    /// is missing on the way, is no folder, or goes round in circles.
    pub fn resolve(&self, path: &str) -> Option<String> {
        self.resolve_counted(path, &mut 0)
    }

    /// The same; adds to `walked` how many parts of paths were looked at, for who must not do too much.
    pub(super) fn resolve_counted(&self, path: &str, walked: &mut usize) -> Option<String> {
        let real = self.follow(path, Last::Followed, walked)?;
        real.id().map(|_| real.path())
    }

    /// The folder that `path` leads to, with its real path; `None` also where it leads to something else.
    pub fn resolve_folder(&self, path: &str) -> Option<(InodeId, String)> {
        let real = self.follow(path, Last::Followed, &mut 0)?;
        let id = real.id()?;
        self.children(id).map(|_| (id, real.path()))
    }

    /// The real path of the entry that `path` names: links are followed up to its folder, which must exist; the entry
    /// itself may be a link, or missing. For the root itself, and for a path that ends in `..`, the real path.
    pub fn resolve_parent(&self, path: &str) -> Option<String> {
        self.resolve_parent_counted(path, &mut 0)
    }

    /// The same, counted as [`Tree::resolve_counted`] counts.
    pub(super) fn resolve_parent_counted(&self, path: &str, walked: &mut usize) -> Option<String> {
        self.follow(path, Last::Literal, walked).map(|real| real.path())
    }

    /// The real path at which a file opened for writing as `path` would be: like [`Tree::resolve`], but what the last
    /// link leads to may be missing.
    pub fn resolve_target(&self, path: &str) -> Option<String> {
        self.resolve_target_counted(path, &mut 0)
    }

    /// The same, counted as [`Tree::resolve_counted`] counts.
    pub(super) fn resolve_target_counted(&self, path: &str, walked: &mut usize) -> Option<String> {
        self.follow(path, Last::Followed, walked).map(|real| real.path())
    }

    fn follow<'tree>(&'tree self, path: &'tree str, last: Last, walked: &mut usize) -> Option<Real<'tree>> {
        let mut waiting: Vec<&str> = parts(path).collect();
        let mut real = Real { parts: Vec::with_capacity(waiting.len()) };
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            *walked += 1;
            if part == ".." {
                self.children(real.id()?)?;
                real.parts.pop();
                continue;
            }
            let id = self.children(real.id()?)?.get(part).copied();
            let is_last = waiting.is_empty();
            match id.map(|id| &self.inode(id).kind) {
                Some(InodeKind::Symlink(target)) if !(is_last && last == Last::Literal) => {
                    links += 1;
                    if links > MOST_LINKS || target.is_empty() {
                        return None;
                    }
                    if target.starts_with('/') {
                        real.parts.clear();
                    }
                    waiting.extend(parts(target));
                }
                Some(_) => real.parts.push((part, id)),
                None if is_last => real.parts.push((part, None)),
                None => return None,
            }
        }
        Some(real)
    }
}

/// The parts of a path, last first.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit('/').filter(|part| !matches!(*part, "" | "."))
}

#[cfg(test)]
mod tests {
    use super::super::{Inode, Metadata};
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::new();
        let metadata: Metadata = tree.inode(Tree::ROOT).metadata.clone();
        tree.make_directories("usr/bin", &metadata).unwrap();
        tree.make_directories("run", &metadata).unwrap();
        tree.make_directories("var", &metadata).unwrap();
        for (path, target) in [
            ("bin", "usr/bin"),
            ("var/run", "../run"),
            ("usr/bin/sh", "/bin/busybox"),
            ("out", "../../../../usr"),
            ("round", "round"),
            ("nowhere", "/missing/x"),
            ("to-new", "/run/new"),
        ] {
            tree.insert(path, Inode { kind: InodeKind::Symlink(target.to_owned()), metadata: metadata.clone() })
                .unwrap();
        }
        let file = InodeKind::File { content: b"x".to_vec().into(), checksum: None };
        tree.insert("usr/bin/busybox", Inode { kind: file, metadata }).unwrap();
        tree
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let tree = tree();
        for (path, real) in [
            ("", Some("")),
            ("/", Some("")),
            ("/bin/sh", Some("usr/bin/busybox")),
            ("bin/../bin//./sh", Some("usr/bin/busybox")),
            ("var/run", Some("run")),
            ("out/bin", Some("usr/bin")),
            ("../..", Some("")),
            ("round", None),
            ("nowhere", None),
            ("missing", None),
            ("usr/bin/busybox/x", None),
            ("usr/bin/busybox/..", None),
        ] {
            assert_eq!(tree.resolve(path).as_deref(), real, "{path}");
        }
    }

    #[test]
    fn the_last_part_may_be_kept_or_missing() {
        let tree = tree();
        assert_eq!(tree.resolve_parent("/bin/sh").as_deref(), Some("usr/bin/sh"));
        assert_eq!(tree.resolve_parent("var/run/new").as_deref(), Some("run/new"));
        assert_eq!(tree.resolve_parent("missing/new"), None);
        assert_eq!(tree.resolve_target("to-new").as_deref(), Some("run/new"));
        assert_eq!(tree.resolve_target("nowhere"), None);
    }
}
