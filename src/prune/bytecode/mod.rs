//! `.pyc` in place of `.py`, for Python code that packages brought, or that a stage installed.
//!
//! A container that cannot write `__pycache__` compiles at every start, so bytecode goes where its source was
//! (`module.pyc` for `module.py`), and is loaded without one. What packages have in `__pycache__` is taken where it was
//! made of just this source; what is missing somebody who can run the image's interpreter has to make. Either way it is
//! written anew in one canonical form, so that it does not show which way it came.
//!
//! Left as they are: the application's own files, what `keep` names, and what is run as a file and not imported.

mod lines;
mod marshal;
mod pyc;
mod replace;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::inventory::{below, file_name, filled_by_pip, parent};
use super::report::{Reason, Report};
use crate::digest::{Sha1Digest, Sha256, Sha256Digest};
use crate::rootfs::{Content, InodeKind, Origin, Rootfs, Tree};

use pyc::SourceMark;

pub use replace::replace;

/// Changes whenever the same source would give other bytecode.
const FORMAT: &str = "bytecode 2";

/// The bytecode that packages brought, by the path of its source and the interpreter's tag. To be collected before
/// anything is pruned.
#[derive(Debug, Default)]
pub struct Shipped(BTreeMap<(String, String), (Content, Option<Sha1Digest>)>);

/// What a package brought for one source.
#[derive(Clone, Debug)]
pub struct ShippedCode<'a> {
    /// The interpreter's number.
    pub magic: [u8; 4],
    /// Marshalled code.
    pub code: &'a [u8],
    /// What the file is, by its digest.
    digest: String,
}

/// The sources of one tree that bytecode may take the place of.
#[derive(Debug)]
pub struct Compilation {
    /// The interpreter, below the root.
    pub interpreter: String,
    /// Its minor version.
    minor: u8,
    /// What it is, by the digests of it and of its library.
    identity: String,
    /// The sources, in the order of their paths.
    pub sources: Vec<Source>,
}

/// One source.
#[derive(Debug)]
pub struct Source {
    /// Below the root.
    pub path: String,
    content: Content,
    checksum: Option<Sha1Digest>,
    mtime: i64,
}

/// What became of one source.
#[derive(Debug)]
pub enum Compiled {
    /// A file of bytecode, and its SHA-1.
    Bytes(Content, Sha1Digest),
    /// The interpreter refuses the source, for this reason; it stays.
    Refused(String),
}

/// The interpreter wrote something that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: Python 3.{minor} makes bytecode of a kind that this version does not know")]
pub struct UnknownBytecode {
    /// The source.
    pub path: String,
    /// The interpreter's minor version.
    pub minor: u8,
}

impl Shipped {
    /// Everything in `__pycache__` that was compiled without optimisation.
    pub fn of(tree: &Tree) -> Self {
        let mut shipped = BTreeMap::new();
        for (path, id) in tree.walk() {
            let folder = parent(&path);
            if file_name(folder) != "__pycache__" {
                continue;
            }
            let InodeKind::File { content, checksum } = &tree.inode(id).kind else { continue };
            let Some((module, tag)) = file_name(&path).strip_suffix(".pyc").and_then(|name| name.split_once('.'))
            else {
                continue;
            };
            if tag.starts_with("cpython-3") && !tag.contains(".opt-") {
                let source = format!("{}/{module}.py", parent(folder));
                shipped.insert((source, tag.to_owned()), (content.clone(), *checksum));
            }
        }
        Self(shipped)
    }
}

impl Compilation {
    /// What of `rootfs`, which was pruned with `report`, bytecode may take the place of. `None` where it has no Python.
    pub fn of(rootfs: &Rootfs, report: &Report) -> Option<Self> {
        let tree = &rootfs.tree;
        let (library, minor) = library(tree)?;
        let interpreter = format!("usr/bin/python3.{minor}");
        let identity = interpreter_identity(tree, &interpreter, minor)?;
        let kept: BTreeSet<&str> = report
            .kept
            .iter()
            .filter(|kept| matches!(kept.reason, Reason::Keep { .. }))
            .map(|kept| kept.path.as_str())
            .collect();
        let scripts: BTreeSet<&str> = report.scripts.iter().map(String::as_str).collect();
        let paths: Vec<_> = tree.walk().collect();
        let is_folder = |id| matches!(tree.inode(id).kind, InodeKind::Directory(_));
        let installed = filled_by_pip(paths.iter().filter(|(_, id)| is_folder(*id)).map(|(path, _)| path.as_str()));
        let mut sources = Vec::new();
        for (path, id) in paths {
            let inode = tree.inode(id);
            let InodeKind::File { content, checksum } = &inode.kind else { continue };
            let Some(stem) = path.strip_suffix(".py") else { continue };
            let is_standard = path
                .strip_prefix(library.as_str())
                .is_some_and(|rest| rest.starts_with('/') && !rest.starts_with("/site-packages/"));
            let is_imported = match inode.metadata.origin {
                Origin::Package(_) | Origin::Script(_) => below(&path, &library),
                Origin::Stage => below(&path, &library) || installed.iter().any(|folder| below(&path, folder)),
                Origin::Copied | Origin::Generated => false,
            };
            let is_program = !is_standard && inode.metadata.mode & 0o111 != 0 && content.starts_with(b"#!");
            if is_imported
                && !is_program
                && !path.contains('\n')
                && !kept.contains(path.as_str())
                && !scripts.contains(path.as_str())
                && tree.get(&format!("{stem}.pyc")).is_none()
            {
                let (content, checksum, mtime) = (content.clone(), *checksum, inode.metadata.mtime);
                sources.push(Source { path, content, checksum, mtime });
            }
        }
        Some(Self { interpreter, minor, identity, sources })
    }

    /// The bytecode that a package brought for `source`, if it is of just this source.
    pub fn shipped<'a>(&self, source: &Source, shipped: &'a Shipped) -> Option<ShippedCode<'a>> {
        let (bytes, checksum) = shipped.0.get(&(source.path.clone(), format!("cpython-3{}", self.minor)))?;
        let (magic, mark, code) = pyc::parts(bytes)?;
        let is_of_it = match mark {
            SourceMark::Time { mtime, size } => {
                i64::from(mtime) == (source.mtime & 0xffff_ffff) && size == source.content.len() as u32
            }
            SourceMark::Hash(hash) => hash == pyc::source_hash(magic, self.minor, &source.content),
        };
        is_of_it.then(|| ShippedCode { magic, code, digest: digest_of(bytes, *checksum) })
    }

    /// What the bytecode of `source` depends on: the interpreter, or else what a package brought.
    pub fn key(&self, source: &Source, shipped: Option<&ShippedCode<'_>>) -> Sha256Digest {
        let mut hasher = Sha256::new();
        let origin = shipped.map_or(&self.identity, |shipped| &shipped.digest);
        for part in [FORMAT, origin, &source.path, &digest_of(&source.content, source.checksum)] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finish()
    }

    /// The file of bytecode from what an interpreter, whose number is `magic`, marshalled of `source`.
    pub fn finish(&self, source: &Source, magic: [u8; 4], code: &[u8]) -> Result<Compiled, UnknownBytecode> {
        let bytes = pyc::unchecked(magic, self.minor, &source.content, code, &source.file())
            .map_err(|_| UnknownBytecode { path: source.path.clone(), minor: self.minor })?;
        let checksum = Sha1Digest::of(&bytes);
        Ok(Compiled::Bytes(bytes.into(), checksum))
    }
}

impl Source {
    /// As code knows its own file.
    fn file(&self) -> String {
        format!("/{}", self.path)
    }
}

/// The newest standard library of a tree, and the minor version it is of.
fn library(tree: &Tree) -> Option<(String, u8)> {
    let folder = tree.children(tree.lookup("usr/lib")?)?;
    folder
        .keys()
        .filter_map(|name| Some((format!("usr/lib/{name}"), name.strip_prefix("python3.")?.parse().ok()?)))
        .filter(|(library, _)| tree.get(&format!("{library}/os.py")).is_some())
        .max_by_key(|(_, minor)| *minor)
}

/// What the interpreter is: it, and the library that most of it is in.
fn interpreter_identity(tree: &Tree, interpreter: &str, minor: u8) -> Option<String> {
    let digest = |path: &str| match &tree.get(path)?.kind {
        InodeKind::File { content, checksum } => Some(digest_of(content, *checksum)),
        _ => None,
    };
    let libraries = ["usr/lib", "lib"].map(|folder| digest(&format!("{folder}/libpython3.{minor}.so.1.0")));
    Some([Some(digest(interpreter)?)].into_iter().chain(libraries).flatten().collect())
}

/// What `content` is. A package's file is known by its checksum already, and need not be read.
fn digest_of(content: &Content, checksum: Option<Sha1Digest>) -> String {
    checksum.map_or_else(|| Sha256Digest::of(content).to_string(), |checksum| checksum.to_string())
}
