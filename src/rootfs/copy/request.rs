//! What is copied where, and what came of it.

/// One copy, its owner looked up already.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// A file, a folder or a glob, without a slash at either end and without `..`; empty: all of it.
    pub source: &'a str,
    /// Where it goes: a path from the root of the image, without a slash at either end.
    pub target: &'a str,
    /// Whether the target was written with a slash at its end.
    pub into: bool,
    /// Globs of what is left out, over paths from the source; `!` takes back.
    pub exclude: &'a [String],
    /// Permission bits of files; `None`: 0644, or 0755 where somebody may execute the source.
    pub mode: Option<u32>,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Seconds since 1970 for everything that is copied.
    pub mtime: i64,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files and links.
    pub files: usize,
    /// Bytes in the files.
    pub bytes: u64,
}

/// The path `name` below `folder`; either may be empty.
pub(super) fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}
