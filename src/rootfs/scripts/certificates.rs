//! `update-ca-certificates`, which the package ca-certificates brings with its trigger.
//!
//! What is done: `/etc/ssl/certs/ca-certificates.crt` is written anew from the certificates that
//! `/etc/ca-certificates.conf` names below `/usr/share/ca-certificates`, then from those in
//! `/usr/local/share/ca-certificates`, and each gets its link `ca-cert-NAME.pem`. What is not: the links by hash, which
//! c_rehash makes; they are reported as not run. Programs that use the bundle do not need them.

use std::collections::BTreeSet;

use super::super::{Content, Inode, InodeKind};
use super::access::join;
use super::shell::{Flow, Shell, unknown};

const CONFIGURATION: &str = "/etc/ca-certificates.conf";
const SHARED: &str = "/usr/share/ca-certificates";
const LOCAL: &str = "/usr/local/share/ca-certificates";
const FOLDER: &str = "/etc/ssl/certs";
const BUNDLE: &str = "ca-certificates.crt";
const HOOKS: &str = "/etc/ca-certificates/update.d";

impl Shell<'_> {
    pub(super) fn update_certificates(&mut self, arguments: &[String]) -> Flow<u8> {
        if arguments.iter().any(|argument| !matches!(argument.as_str(), "-f" | "--fresh" | "-v" | "--verbose")) {
            return unknown("an option of `update-ca-certificates`");
        }
        let Some(folder) = self.existing(FOLDER)?.filter(|real| self.is_folder_at(real)) else { return Ok(1) };
        let paths = self.certificates()?;
        let mut bundle = Vec::new();
        let mut names = BTreeSet::new();
        for path in &paths {
            let Some(bytes) = self.read_file(path)? else { continue };
            bundle.extend_from_slice(&bytes);
            if !bundle.ends_with(b"\n") {
                bundle.push(b'\n');
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.strip_suffix(".crt").unwrap_or(name);
            let stem: String = stem.chars().map(link_letter).filter(|letter| !matches!(letter, '(' | ')')).collect();
            let link = join(&folder, &format!("ca-cert-{stem}.pem"));
            if names.insert(link.clone()) && !self.is_folder_at(&link) {
                self.put(&link, InodeKind::Symlink(path.clone()), 0o777);
            }
        }
        let place = join(&folder, BUNDLE);
        let metadata = self.replacing(&place, 0o644);
        let kind = InodeKind::File { content: Content::from(bundle), checksum: None };
        if self.tree.insert(&place, Inode { kind, metadata }).is_err() {
            return Ok(1);
        }
        let hooks =
            self.existing(HOOKS)?.and_then(|real| self.tree.lookup(&real)).and_then(|id| self.tree.children(id));
        match hooks.and_then(|hooks| hooks.keys().next()) {
            Some(hook) => {
                unknown(format!("`{HOOKS}/{hook}`: links by hash; the bundle and the links by name are made"))
            }
            None => Ok(0),
        }
    }

    /// The absolute paths of the certificates that are switched on, in the order of the bundle.
    fn certificates(&mut self) -> Flow<Vec<String>> {
        let configuration = self.read_file(CONFIGURATION)?.unwrap_or_default();
        let mut paths: Vec<String> = String::from_utf8_lossy(&configuration)
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '!']))
            .map(|line| format!("{SHARED}/{line}"))
            .collect();
        let local =
            self.existing(LOCAL)?.and_then(|real| self.tree.lookup(&real)).and_then(|id| self.tree.children(id));
        let names = local.into_iter().flat_map(|names| names.keys()).filter(|name| name.ends_with(".crt"));
        paths.extend(names.map(|name| format!("{LOCAL}/{name}")));
        Ok(paths)
    }
}

/// A letter of a certificate's name as it stands in its link.
fn link_letter(letter: char) -> char {
    match letter {
        ' ' | ',' => '_',
        other => other,
    }
}
