//! Accounts that packages could not make, because there was no `/etc/passwd` when their scripts ran.
//!
//! Alpine's scripts end with `2>/dev/null` and `exit 0`, so that nobody would notice: the package's files belong to
//! whatever numbers its archive has, and its server finds no account to run as. apk does the same, but an image gets an
//! `/etc/passwd` in the end, so here it looks as if all were well.

use serde::{Deserialize, Serialize};

use super::accounts;
use super::tree::{PackageId, Tree};
use crate::fetch::VerifiedApk;

/// Letters of a path that are told.
const LONGEST_TOLD: usize = 200;

/// What is lost where a script makes an account before there is an `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostAccount {
    /// The package's paths that should belong to others than root, `PATH (USER:GROUP)`.
    pub paths: Vec<String>,
    /// The package of this installation that brings `/etc/passwd`, too late.
    pub brought_later_by: Option<String>,
}

impl LostAccount {
    /// What the package `id` of `packages` lost when `script` had run and `tree` was as it is; `None` where that is
    /// nothing, or an account that nobody would use.
    pub(super) fn after(script: &[u8], tree: &Tree, id: PackageId, packages: &[VerifiedApk]) -> Option<Self> {
        if !makes_account(script) || tree.resolve(accounts::PASSWD).is_some() {
            return None;
        }
        let brings = |package: &VerifiedApk, path: &str| package.entries().iter().any(|entry| entry.path == path);
        let package = packages.get(id.0 as usize)?;
        // busybox makes `klogd` for a service that only busybox-openrc brings.
        if package.info().name == "busybox" && !packages.iter().any(|package| brings(package, "etc/init.d/klogd")) {
            return None;
        }
        let is_root = |name: &str| matches!(name, "" | "root");
        let others = package.entries().iter().filter(|entry| !is_root(&entry.user) || !is_root(&entry.group));
        let paths = others.map(|entry| format!("{} ({}:{})", entry.path, entry.user, entry.group)).collect();
        let later = packages.iter().find(|package| brings(package, accounts::PASSWD));
        Some(Self { paths, brought_later_by: later.map(|package| package.info().name.clone()) })
    }

    /// What it means and what to do about it, to be read after "its script". Of more than `told` paths the first.
    pub fn describe(&self, told: usize) -> String {
        let mut text = "could not make its account, since there was no /etc/passwd yet".to_owned();
        if !self.paths.is_empty() {
            text.push_str("; by the package's numbers, and not by name, belong");
            let separators = std::iter::once(" ").chain(std::iter::repeat(", "));
            for (separator, path) in separators.zip(self.paths.iter().take(told)) {
                text.push_str(separator);
                text.extend(path.chars().take(LONGEST_TOLD));
            }
            let more = self.paths.len().saturating_sub(told);
            if more > 0 {
                text.push_str(&format!(" and {more} more, which -v tells"));
            }
        }
        text.push_str(&match &self.brought_later_by {
            Some(later) => format!("\n  {later} brings it, but is installed later: the package should depend on it"),
            None => "\n  add `alpine-baselayout-data` to `packages` under [alpine]; it brings /etc/passwd".to_owned(),
        });
        text
    }
}

/// Whether a script has a command that makes an account or a group.
fn makes_account(script: &[u8]) -> bool {
    let text = String::from_utf8_lossy(script);
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let is_end = |letter: char| letter.is_whitespace() || matches!(letter, ';' | '&' | '|' | '`');
    lines
        .flat_map(|line| line.split(is_end))
        .any(|word| matches!(word, "adduser" | "addgroup" | "useradd" | "groupadd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_make_accounts_are_known() {
        for (line, expected) in [
            ("adduser -S -D redis 2>/dev/null", true),
            ("\tgetent group x >/dev/null || addgroup -S x", true),
            ("[ -e /x ]||addgroup -S x;exit", true),
            ("busybox adduser x", true),
            ("useradd -r x", true),
            ("# adduser was here", false),
            ("rm -f /var/lib/adduser.lock", false),
            ("echo \"see adduser(8)\"", false),
        ] {
            assert_eq!(makes_account(format!("#!/bin/sh\n{line}\nexit 0\n").as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn the_way_out_is_told() {
        let paths = ["etc/redis.conf (root:redis)", "var/lib/redis (redis:redis)"].map(str::to_owned).to_vec();
        let lost =
            |later: Option<&str>| LostAccount { paths: paths.clone(), brought_later_by: later.map(str::to_owned) };
        assert_eq!(
            lost(None).describe(20),
            "could not make its account, since there was no /etc/passwd yet; by the package's numbers, and not by name, \
             belong etc/redis.conf (root:redis), var/lib/redis (redis:redis)\n  \
             add `alpine-baselayout-data` to `packages` under [alpine]; it brings /etc/passwd"
        );
        assert_eq!(
            lost(Some("accounts")).describe(1),
            "could not make its account, since there was no /etc/passwd yet; by the package's numbers, and not by name, \
             belong etc/redis.conf (root:redis) and 1 more, which -v tells\n  \
             accounts brings it, but is installed later: the package should depend on it"
        );
        let none = LostAccount { paths: Vec::new(), brought_later_by: None };
        assert!(none.describe(20).starts_with("could not make its account, since there was no /etc/passwd yet\n  add"));
    }
}
