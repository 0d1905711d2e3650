//! Every path of an image with what it is and whose: what `inspect --files` lists.

use serde::Serialize;

use crate::cli::bytes::human;
use crate::cli::printable::listing;
use crate::image::Contents;
use crate::rootfs::InodeKind;

/// One path.
#[derive(Debug, Serialize)]
pub(super) struct FileRow<'image> {
    path: String,
    kind: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'image str>,
    package: Option<&'image str>,
    /// Counted from 1, the lowest first; none for folders that no layer names.
    layer: Option<usize>,
}

/// All paths of `contents`, in order.
pub(super) fn rows(contents: &Contents) -> Vec<FileRow<'_>> {
    let paths = contents.tree.walk().filter(|(path, _)| !path.is_empty());
    paths
        .map(|(path, id)| {
            let inode = contents.tree.inode(id);
            let (kind, bytes, target) = match &inode.kind {
                InodeKind::Directory(_) => ("folder", 0, None),
                InodeKind::File { content, .. } => ("file", content.len() as u64, None),
                InodeKind::Symlink(target) => ("link", 0, Some(target.as_str())),
            };
            FileRow {
                kind,
                mode: format!("{:04o}", inode.metadata.mode),
                uid: inode.metadata.uid,
                gid: inode.metadata.gid,
                bytes,
                target,
                package: contents.package_of(&path).map(|package| package.name.as_str()),
                layer: contents.layer_of(&path).map(|place| place + 1),
                path,
            }
        })
        .collect()
}

/// The same as lines of text.
pub(super) fn text(rows: &[FileRow<'_>]) -> String {
    let mut lines = ["", "files", "  mode     owner     size  layer  path"].map(str::to_owned).to_vec();
    for FileRow { path, kind, mode, uid, gid, bytes, target, package, layer } in rows {
        let size = if *kind == "file" { human(*bytes) } else { String::new() };
        let layer = layer.map_or_else(String::new, |layer| layer.to_string());
        let slash = if *kind == "folder" { "/" } else { "" };
        let target = target.map(|target| format!(" → {target}")).unwrap_or_default();
        let package = package.map(|package| format!("  ({package})")).unwrap_or_default();
        let owner = format!("{uid}:{gid}");
        lines.push(format!("  {mode} {owner:>9} {size:>8}  {layer:>5}  /{path}{slash}{target}{package}"));
    }
    listing(&lines)
}
