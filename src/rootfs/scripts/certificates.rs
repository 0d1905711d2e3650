//! `update-ca-certificates`, which the package ca-certificates brings with its trigger.
//!
//! What is done: `/etc/ssl/certs/ca-certificates.crt` is written anew from the certificates that
//! `/etc/ca-certificates.conf` names below `/usr/share/ca-certificates`, then from those in
//! `/usr/local/share/ca-certificates`, and each gets its link `ca-cert-NAME.pem`. Then the hook `certhash` has c_rehash
//! give each certificate of the folder a link by the hash of its subject, `HASH.NUMBER`, under which OpenSSL looks for
//! it. Any other hook in `/etc/ca-certificates/update.d` is a program of its own, and reported as not run.

use std::collections::{BTreeMap, BTreeSet};

use super::super::tree::{Content, Inode, InodeKind};
use super::access::join;
use super::flow::{Flow, unknown};
use super::shell::Shell;
use super::subject_hash::{certificates, subject_hash};

const CONFIGURATION: &str = "/etc/ca-certificates.conf";
const SHARED: &str = "/usr/share/ca-certificates";
const LOCAL: &str = "/usr/local/share/ca-certificates";
const FOLDER: &str = "/etc/ssl/certs";
const BUNDLE: &str = "ca-certificates.crt";
const HOOKS: &str = "/etc/ca-certificates/update.d";
/// What the hook of Alpine's package says, with and without the path.
const REHASHES: [&str; 2] = ["/usr/bin/c_rehash /etc/ssl/certs", "c_rehash /etc/ssl/certs"];

impl Shell<'_> {
    pub(super) fn update_certificates(&mut self, arguments: &[String]) -> Flow<u8> {
        if arguments.iter().any(|argument| !matches!(argument.as_str(), "-f" | "--fresh" | "-v" | "--verbose")) {
            return unknown("an option of `update-ca-certificates`");
        }
        let Some(folder) = self.existing(FOLDER)?.filter(|real| self.is_folder_at(real)) else { return Ok(1) };
        let (mut paths, local) = self.certificates()?;
        // Of one name, the machine's own gets the link.
        let mut names = BTreeSet::new();
        for path in local.iter().chain(&paths) {
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem: String = name.strip_suffix(".crt").unwrap_or(name).chars().map(link_letter).collect();
            let link = join(&folder, &format!("ca-cert-{stem}.pem"));
            if names.insert(link.clone()) && !self.is_folder_at(&link) {
                self.put(&link, InodeKind::Symlink(path.clone()), 0o777);
            }
        }
        paths.extend(local);
        let mut bundle = Vec::new();
        for path in &paths {
            bundle.extend_from_slice(&self.read_file(path)?.unwrap_or_default());
            // Whether or not there is a certificate, and whether or not it ends in one.
            bundle.push(b'\n');
        }
        let place = join(&folder, BUNDLE);
        let metadata = self.replacing(&place, 0o644);
        let kind = InodeKind::File { content: Content::from(bundle), checksum: None };
        if self.tree.insert(&place, Inode { kind, metadata }).is_err() {
            return Ok(1);
        }
        for hook in self.listing(HOOKS)? {
            let path = format!("{HOOKS}/{hook}");
            let text = self.read_file(&path)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let mut commands = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            let command = commands.next().map(|line| line.strip_prefix("exec ").unwrap_or(line));
            let rehashes = command.is_some_and(|line| REHASHES.contains(&line)) && commands.next().is_none();
            if !rehashes {
                return unknown(format!("`{path}`, which is to follow the bundle and the links that are made"));
            }
            if self.search("c_rehash")?.is_some() {
                self.rehash(&folder)?;
            }
        }
        Ok(0)
    }

    /// `c_rehash FOLDER`: links by hash to the files with one certificate each, in place of those that are there.
    fn rehash(&mut self, folder: &str) -> Flow<()> {
        let mut numbers: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        let names = self.listing(folder)?;
        for name in names.iter().filter(|name| is_hash_link(name)) {
            let place = join(folder, name);
            if self.at(&place).is_some_and(|inode| matches!(inode.kind, InodeKind::Symlink(_))) {
                self.tree.remove(&place);
            }
        }
        let has_ending =
            |name: &str| ["pem", "crt", "cer", "crl"].iter().any(|ending| name.ends_with(&format!(".{ending}")));
        for name in names.iter().filter(|name| has_ending(name) && *name != BUNDLE) {
            let Some(bytes) = self.read_file(&format!("/{}", join(folder, name)))? else { continue };
            let text = String::from_utf8_lossy(&bytes);
            if text.contains("-----BEGIN X509 CRL-----") || text.contains("-----BEGIN TRUSTED CERTIFICATE-----") {
                return unknown(format!("`{name}`, which is no plain certificate"));
            }
            // A file with several, or with something else, is skipped.
            let Some(mut found) = certificates(&text) else { continue };
            let (Some(certificate), true) = (found.pop(), found.is_empty()) else { continue };
            let Some(hash) = subject_hash(&certificate) else { continue };
            let same = numbers.entry(hash).or_default();
            if same.contains(&certificate) {
                continue;
            }
            let link = join(folder, &format!("{hash:08x}.{}", same.len()));
            same.push(certificate);
            self.put(&link, InodeKind::Symlink(name.clone()), 0o777);
        }
        Ok(())
    }

    /// The names in the folder `path`, in order; none where there is no such folder.
    fn listing(&self, path: &str) -> Flow<Vec<String>> {
        let real = self.existing(path)?;
        let names = real.and_then(|real| self.tree.lookup(&real)).and_then(|id| self.tree.children(id));
        Ok(names.into_iter().flat_map(|names| names.keys()).map(ToString::to_string).collect())
    }

    /// The absolute paths of the certificates that are switched on, and of those that are the machine's own.
    fn certificates(&mut self) -> Flow<(Vec<String>, Vec<String>)> {
        let configuration = self.read_file(CONFIGURATION)?.unwrap_or_default();
        let configuration = String::from_utf8_lossy(&configuration);
        let shared = configuration.lines().filter(|line| !line.starts_with(['#', '!']));
        let local = self.listing(LOCAL)?;
        let local = local.iter().filter(|name| !name.starts_with('.'));
        Ok((
            shared.map(|line| format!("{SHARED}/{line}")).collect(),
            local.map(|name| format!("{LOCAL}/{name}")).collect(),
        ))
    }
}

/// Whether c_rehash makes links of such names: eight hexadecimal digits and a number.
fn is_hash_link(name: &str) -> bool {
    name.split_once('.').is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && number.trim_start_matches('r').bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A letter of a certificate's name as it stands in its link.
fn link_letter(letter: char) -> char {
    match letter {
        ' ' | ',' => '_',
        '(' | ')' => '=',
        other => other,
    }
}
