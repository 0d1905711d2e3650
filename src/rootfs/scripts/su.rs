//! `su USER -c COMMAND`: a command as another account, with the permissions of that account.
//!
//! Who owns what it makes, and what it may not do, is worked out for commands that only make or read files. Any other
//! command under `su` is not understood.

use super::super::accounts;
use super::super::tree::InodeId;
use super::flow::{Flow, unknown};
use super::identity::Identity;
use super::shell::{Shell, Variable};
use super::streams::Streams;
use crate::platform::accounts::{Group, Groups, Passwd, User};

/// Commands of which the effects under another account are known.
const KNOWN: [&str; 13] =
    ["mkdir", "touch", "ln", "cp", "cat", "echo", "printf", "test", "[", "true", "false", ":", "id"];

impl Shell<'_> {
    pub(super) fn su(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let (mut command, mut shell, mut user) = (None, None, None);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-c" => command = words.next(),
                "-s" => shell = words.next(),
                _ if word.starts_with('-') => return unknown(format!("`su {word}`")),
                _ if user.is_none() => user = Some(word),
                _ => return unknown("`su` with a program"),
            }
        }
        let (Some(command), Some(user)) = (command, user) else { return unknown("`su` without a command") };
        let passwd = self.passwd()?.unwrap_or_default();
        let Some(account) = passwd.get(user) else { return Ok(1) };
        let shell = shell.map_or(account.shell.as_str(), String::as_str);
        let shell = if shell.is_empty() { "/bin/sh" } else { shell };
        let Some(real) = self.existing(shell)? else { return Ok(1) };
        let name = shell.rsplit('/').next().unwrap_or(shell);
        let is_busybox = real.rsplit('/').next() == Some("busybox");
        match name {
            "sh" | "ash" | "dash" | "bash" => {}
            "nologin" if is_busybox => {
                self.print_line(streams, "This account is not available")?;
                return Ok(1);
            }
            "false" if is_busybox => return Ok(1),
            _ => return unknown(format!("`su` to an account whose shell is `{shell}`")),
        }
        let groups = self.groups()?.unwrap_or_default();
        let identity = Identity {
            uid: account.uid,
            gid: account.gid,
            groups: groups
                .entries()
                .filter(|group| group.gid == account.gid || group.members.contains(user))
                .map(|group| group.gid)
                .chain([account.gid])
                .collect(),
        };
        let mut variables = vec![("HOME", account.home.clone()), ("SHELL", shell.to_owned())];
        if account.uid != 0 {
            variables.extend([("USER", user.clone()), ("LOGNAME", user.clone())]);
        }
        self.spend_work(command.len())?;
        let Ok(program) = self.parse(command) else { return unknown("the command of `su` is not understood") };
        self.deeper(|shell| {
            shell.run_apart(|shell| {
                for (name, value) in variables {
                    shell.state.variables.insert(name.to_owned(), Variable::Known(value));
                }
                shell.state.identity = Some(identity).filter(|identity| identity.uid != 0);
                (shell.state.exits_on_error, shell.state.refuses_unset) = (false, false);
                shell.state.arguments = Vec::new();
                shell.run_foreign(&program, streams)
            })
        })?;
        self.known_status()
    }

    /// Refuses what is not known to obey permissions, where they matter.
    pub(super) fn see_that_it_may(&self, name: &str) -> Flow<()> {
        if self.state.identity.is_some() && !KNOWN.contains(&name) {
            return unknown(format!("`{name}` as another account than root"));
        }
        Ok(())
    }

    /// Whether the present account has the permission `bit` (4 reading, 2 writing, 1 searching) on `id`.
    fn may(&self, id: InodeId, bit: u32) -> bool {
        self.state.identity.as_ref().is_none_or(|identity| identity.may(&self.tree.inode(id).metadata, bit))
    }

    /// Whether the folders that lead to the real path `real` may be searched.
    fn may_reach(&self, real: &str) -> bool {
        if self.state.identity.is_none() {
            return true;
        }
        // Each folder is looked up from the root. Where that is too much, the next step says so.
        if self.spend_work(real.len() * 8).is_err() {
            return false;
        }
        let folders = std::iter::once("").chain(real.match_indices('/').filter_map(|(end, _)| real.get(..end)));
        folders.filter_map(|folder| self.tree.lookup(folder)).all(|id| self.may(id, 1))
    }

    /// Whether entries of the folder `real` may be created and removed.
    pub(super) fn may_change_folder(&self, real: &str) -> bool {
        self.tree.lookup(real).is_none_or(|id| self.may(id, 2) && self.may(id, 1)) && self.may_reach(real)
    }

    /// Whether the file `id` at `real` may be written.
    pub(super) fn may_write(&self, id: InodeId, real: &str) -> bool {
        self.may(id, 2) && self.may_reach(real)
    }

    /// Refuses to go on where something may not be read.
    pub(super) fn may_read(&self, real: &str) -> Flow<()> {
        let is_open = self.tree.lookup(real).is_none_or(|id| self.may(id, 4));
        if is_open && self.may_reach(real) {
            return Ok(());
        }
        unknown(format!("it reads `/{real}` without permission"))
    }

    /// Whether an entry may be replaced: in a sticky folder only one's own.
    pub(super) fn may_replace(&self, real: &str) -> bool {
        let folder = super::access::parent(real);
        let Some(identity) = &self.state.identity else { return true };
        let metadata = self.at(folder).map(|inode| &inode.metadata);
        let is_kept = metadata.is_some_and(|metadata| metadata.mode & 0o1000 != 0 && metadata.uid != identity.uid)
            && self.at(real).is_some_and(|inode| inode.metadata.uid != identity.uid);
        !is_kept && self.may_change_folder(folder)
    }

    /// `/etc/passwd`; `None` where it is missing.
    pub(super) fn passwd(&self) -> Flow<Option<Passwd>> {
        self.spend_accounts(accounts::PASSWD)?;
        Ok(accounts::read::<User>(self.tree, accounts::PASSWD))
    }

    /// `/etc/group`; `None` where it is missing.
    pub(super) fn groups(&self) -> Flow<Option<Groups>> {
        self.spend_accounts(accounts::GROUP)?;
        Ok(accounts::read::<Group>(self.tree, accounts::GROUP))
    }

    /// What reading an account file takes.
    pub(super) fn spend_accounts(&self, path: &str) -> Flow<()> {
        let real = self.tree.resolve(path);
        self.spend_work(real.and_then(|real| self.tree.file(&real)).map_or(0, |content| content.len()))
    }
}
