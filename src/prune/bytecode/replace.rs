//! Bytecode put in the place of its source: in the tree, in what the packages are known by, and in the report.

use std::collections::BTreeMap;

use super::Compiled;
use crate::digest::Sha1Digest;
use crate::prune::report::{KeptPath, PrunedPath, Reason, Report, Unfollowed};
use crate::rootfs::{Inode, InodeKind, Metadata, RecordKind, Rootfs};

/// The rule by which a source goes.
const COMPILED: &str = "compiled";

/// What stands in the place of a source.
struct Moved {
    place: String,
    size: u64,
    checksum: Sha1Digest,
}

/// Puts bytecode in the place of its source, in the tree, in the packages' records and in the report.
pub fn replace(rootfs: &mut Rootfs, report: &mut Report, compiled: BTreeMap<String, Compiled>) {
    let mut moved: BTreeMap<String, Moved> = BTreeMap::new();
    for (path, compiled) in compiled {
        let (content, checksum) = match compiled {
            Compiled::Bytes(content, checksum) => (content, checksum),
            Compiled::Refused(reason) => {
                report.uncompiled.push(Unfollowed { path, line: 0, what: reason });
                continue;
            }
        };
        let Some(stem) = path.strip_suffix(".py") else { continue };
        let place = format!("{stem}.pyc");
        let Some(source) = rootfs.tree.get(&path) else { continue };
        let metadata = Metadata { mode: source.metadata.mode & 0o666, ..source.metadata.clone() };
        let size = content.len() as u64;
        let kind = InodeKind::File { content, checksum: Some(checksum) };
        if rootfs.tree.insert(&place, Inode { kind, metadata }).is_ok() {
            rootfs.tree.remove(&path);
            moved.insert(path, Moved { place, size, checksum });
        }
    }
    for record in rootfs.packages.iter_mut().flat_map(|package| &mut package.records) {
        if let Some(Moved { place, checksum, .. }) = moved.get(&record.path) {
            record.path.clone_from(place);
            record.owner.mode &= 0o666;
            record.kind = RecordKind::File { checksum: *checksum };
        }
    }
    report.replace(&moved);
}

impl Report {
    /// Sets down that another file is in the place of each path of `moved`.
    fn replace(&mut self, moved: &BTreeMap<String, Moved>) {
        for kept in &mut self.kept {
            if let Reason::Reached { by, .. } = &mut kept.reason
                && let Some(Moved { place, .. }) = moved.get(by)
            {
                by.clone_from(place);
            }
            let Some(Moved { place, size, .. }) = moved.get(&kept.path) else { continue };
            let KeptPath { path, package, bytes, .. } = kept;
            self.bytes_after = (self.bytes_after + size).saturating_sub(*bytes);
            let total = self.rules.entry(COMPILED.to_owned()).or_default();
            total.paths += 1;
            total.bytes += *bytes;
            if let Some(total) =
                self.packages.iter_mut().find(|it| package.as_deref() == Some(&format!("{}-{}", it.name, it.version)))
            {
                total.pruned += *bytes;
                total.bytes = (total.bytes + size).saturating_sub(*bytes);
            }
            self.pruned.push(PrunedPath {
                path: std::mem::replace(path, place.clone()),
                package: package.clone(),
                rule: COMPILED.to_owned(),
                bytes: std::mem::replace(bytes, *size),
            });
        }
        self.pruned.sort_by(|one, other| one.path.cmp(&other.path));
        for cut in &mut self.cuts {
            for importer in &mut cut.importers {
                if let Some((path, line)) = importer.rsplit_once(':')
                    && let Some(Moved { place, .. }) = moved.get(path)
                {
                    *importer = format!("{place}:{line}");
                }
            }
        }
    }
}
