//! `addgroup`, `adduser` and `passwd` as busybox 1.36 and 1.37 have them: which numbers they pick, what they write
//! when something is not given, when they fail.
//!
//! Numbers go from 100 to 999 with `-S`, else from 1000 to 60000; the first free one is taken. A file that is missing
//! is not made: without `/etc/group` no group is added, without `/etc/shadow` no password. One thing is not copied: the
//! backups `passwd-`, `group-` and `shadow-`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::super::accounts;
use super::super::tree::{InodeKind, Origin};
use super::flow::{Flow, unknown};
use super::shell::Shell;
use crate::platform::accounts::{AccountEntry, AccountFile, Group, Password, User};

/// The numbers that `-S` picks from.
const SYSTEM_IDS: RangeInclusive<u32> = 100..=999;
/// The numbers that are picked from otherwise.
const ORDINARY_IDS: RangeInclusive<u32> = 1000..=60_000;
/// The comment of accounts up to Alpine 3.22.
const USUAL_COMMENT: &str = "Linux User,,,";
const SECONDS_A_DAY: i64 = 86_400;

/// The letters of options, each with its long name, and those among them that take a value.
struct Options {
    letters: &'static [(char, &'static str)],
    with_value: &'static str,
}

const ADDUSER: Options = Options {
    letters: &[
        ('h', "home"),
        ('g', "gecos"),
        ('s', "shell"),
        ('G', "ingroup"),
        ('S', "system"),
        ('D', "disabled-password"),
        ('D', "empty-password"),
        ('H', "no-create-home"),
        ('u', "uid"),
        ('k', "skel"),
    ],
    with_value: "hgsGuk",
};
const PASSWORD: Options = Options { letters: &[('l', "lock"), ('u', "unlock"), ('d', "delete")], with_value: "" };
const ADDGROUP: Options = Options { letters: &[('g', "gid"), ('S', "system")], with_value: "g" };

/// Options that were given, the last of each, and what else was.
#[derive(Default)]
struct Given {
    options: Vec<(char, String)>,
    operands: Vec<String>,
}

impl Given {
    fn has(&self, letter: char) -> bool {
        self.options.iter().any(|(given, _)| *given == letter)
    }

    fn value(&self, letter: char) -> Option<&str> {
        self.options.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }
}

impl Shell<'_> {
    pub(super) fn add_group(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(given) = parse(arguments, &ADDGROUP) else { return Ok(1) };
        match given.operands.as_slice() {
            [_, _] if given.has('g') => Ok(1),
            [user, group] => self.add_member(user, group),
            [name] => {
                if !is_name(name) {
                    return Ok(1);
                }
                let gid = match given.value('g').map(str::parse) {
                    Some(Ok(gid)) => Some(gid),
                    Some(Err(_)) => return Ok(1),
                    None => None,
                };
                self.new_group(name, gid, given.has('S'))
            }
            _ => Ok(1),
        }
    }

    fn new_group(&mut self, name: &str, gid: Option<u32>, system: bool) -> Flow<u8> {
        let Some(mut groups) = self.groups()? else { return Ok(1) };
        if groups.get(name).is_some() {
            return Ok(1);
        }
        let gid = match gid {
            Some(gid) if groups.by_gid(gid).is_some() => return Ok(1),
            Some(gid) => gid,
            None => match first_free(range(system), groups.entries().map(|group| group.gid)) {
                Some(gid) => gid,
                None => return Ok(1),
            },
        };
        groups.push(Group { name: name.to_owned(), password: "x".to_owned(), gid, members: Vec::new() });
        self.write_accounts(&groups, accounts::GROUP)?;
        Ok(0)
    }

    fn add_member(&mut self, user: &str, group: &str) -> Flow<u8> {
        let is_known = self.passwd()?.is_some_and(|passwd| passwd.get(user).is_some());
        let Some(mut groups) = self.groups()? else { return Ok(1) };
        let Some(found) = groups.get_mut(group).filter(|_| is_known) else { return Ok(1) };
        if !found.members.iter().any(|member| member == user) {
            found.members.push(user.to_owned());
            self.write_accounts(&groups, accounts::GROUP)?;
        }
        Ok(0)
    }

    pub(super) fn add_user(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(given) = parse(arguments, &ADDUSER) else { return Ok(1) };
        let name = match given.operands.as_slice() {
            [user, group] if given.options.is_empty() => return self.add_member(user, group),
            // Beside options a second word is of no account.
            [name] | [name, _] => name.clone(),
            _ => return Ok(1),
        };
        if !is_name(&name) {
            return Ok(1);
        }
        let system = given.has('S');
        let Some(mut passwd) = self.passwd()? else { return Ok(1) };
        let groups = self.groups()?.unwrap_or_default();
        // A system account without a group of its own is put into nogroup.
        let into = given.value('G').or(system.then_some("nogroup")).map(str::to_owned);
        let primary = match &into {
            Some(group) => match groups.get(group) {
                Some(group) => Some(group.gid),
                None => return Ok(1),
            },
            None => None,
        };
        if passwd.get(&name).is_some() {
            return Ok(1);
        }
        let gids = groups.entries().map(|group| group.gid).filter(|_| primary.is_none());
        let taken: BTreeSet<u32> = passwd.entries().map(|user| user.uid).chain(gids).collect();
        let is_free = |id: u32| !taken.contains(&id);
        let uid = match given.value('u').map(str::parse) {
            Some(Ok(uid)) if is_free(uid) => uid,
            Some(_) => return Ok(1),
            None => match range(system).find(|id| is_free(*id)) {
                Some(uid) => uid,
                None => return Ok(1),
            },
        };
        if primary.is_none() && groups.get(&name).is_some() {
            return Ok(1);
        }
        let home = given.value('h').map_or_else(|| format!("/home/{name}"), str::to_owned);
        let user = User {
            name: name.clone(),
            password: "x".to_owned(),
            uid,
            gid: primary.unwrap_or(uid),
            gecos: given.value('g').map_or_else(|| self.usual_comment(), |comment| Ok(comment.to_owned()))?,
            home: home.clone(),
            shell: given.value('s').unwrap_or(if system { "/sbin/nologin" } else { "/bin/sh" }).to_owned(),
        };
        let gid = user.gid;
        passwd.push(user);
        self.write_accounts(&passwd, accounts::PASSWD)?;
        if let Some(mut shadow) = accounts::read::<Password>(self.tree, accounts::SHADOW) {
            let day = self.call.timestamp.div_euclid(SECONDS_A_DAY);
            shadow.push(Password { name: name.clone(), rest: format!("!:{day}:0:99999:7:::") });
            self.write_accounts(&shadow, accounts::SHADOW)?;
        }
        // busybox goes on whether or not this works.
        match &into {
            Some(group) => self.add_member(&name, group)?,
            None => self.new_group(&name, Some(gid), false)?,
        };
        if !given.has('H') {
            self.make_home(&home, (uid, gid), system)?;
        }
        Ok(0)
    }

    /// The comment of an account that is given none: busybox up to 1.36 has one in itself.
    fn usual_comment(&self) -> Flow<String> {
        let busybox = self.existing("/bin/busybox")?.and_then(|real| self.tree.file(&real));
        self.spend_bytes(busybox.map_or(0, |bytes| bytes.len()))?;
        let has_one = busybox.is_some_and(|bytes| memchr::memmem::find(bytes, USUAL_COMMENT.as_bytes()).is_some());
        Ok(if has_one { USUAL_COMMENT.to_owned() } else { String::new() })
    }

    /// Makes a home, 2755 and the account's; one that is there becomes so. A missing parent is a message, no failure.
    fn make_home(&mut self, home: &str, (uid, gid): (u32, u32), system: bool) -> Flow<()> {
        // It is no folder and belongs to no image.
        if home == "/dev/null" {
            return Ok(());
        }
        let Some(real) = self.writable(home)? else { return Ok(()) };
        if self.at(&real).is_none() {
            self.put(&real, InodeKind::Directory(std::collections::BTreeMap::new()), 0o755);
            if !system && self.is_folder_at("etc/skel") {
                return unknown("the home is filled from /etc/skel");
            }
        }
        if let Some(id) = self.tree.lookup(&real) {
            let metadata = &mut self.tree.inode_mut(id).metadata;
            (metadata.uid, metadata.gid, metadata.mode) = (uid, gid, 0o2755);
        }
        Ok(())
    }

    /// `passwd -l`, `-u` and `-d`: locks a password, unlocks it, makes it empty. One that is so already is an error.
    pub(super) fn change_password(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(given) = parse(arguments, &PASSWORD) else { return unknown("this use of `passwd`") };
        let [name] = given.operands.as_slice() else { return unknown("this use of `passwd`") };
        let [(option, _)] = given.options.as_slice() else { return unknown("this use of `passwd`") };
        if self.passwd()?.is_none_or(|passwd| passwd.get(name).is_none()) {
            return Ok(1);
        }
        self.spend_accounts(accounts::SHADOW)?;
        let Some(mut shadow) = accounts::read::<Password>(self.tree, accounts::SHADOW) else {
            return unknown("`passwd` without /etc/shadow");
        };
        let Some(entry) = shadow.get_mut(name) else { return unknown("`passwd` for an account without a password") };
        let mut fields: Vec<&str> = entry.rest.split(':').collect();
        let before = fields.first().copied().unwrap_or_default();
        let after = match (option, before.strip_prefix('!')) {
            ('l', None) => format!("!{before}"),
            ('u', Some(unlocked)) => unlocked.to_owned(),
            ('d', _) => String::new(),
            _ => return Ok(1),
        };
        let day = self.call.timestamp.div_euclid(SECONDS_A_DAY).to_string();
        for (field, value) in fields.iter_mut().zip([after.as_str(), day.as_str()]) {
            *field = value;
        }
        entry.rest = fields.join(":");
        self.write_accounts(&shadow, accounts::SHADOW)?;
        Ok(0)
    }

    fn write_accounts<T: AccountEntry>(&mut self, file: &AccountFile<T>, path: &str) -> Flow<()> {
        let origin = Origin::Script(self.call.package);
        match accounts::write(file, self.tree, path, 0o644, self.call.timestamp, origin) {
            Ok(()) => Ok(()),
            Err(_) => unknown(format!("`/{path}` cannot be written")),
        }
    }
}

/// The first of `range` that is not `taken`.
fn first_free(mut range: RangeInclusive<u32>, taken: impl Iterator<Item = u32>) -> Option<u32> {
    let taken: BTreeSet<u32> = taken.collect();
    range.find(|id| !taken.contains(id))
}

fn range(system: bool) -> RangeInclusive<u32> {
    if system { SYSTEM_IDS } else { ORDINARY_IDS }
}

/// The options and operands in `arguments`, in any order; `None` where busybox would print how it is used.
fn parse(arguments: &[String], options: &Options) -> Option<Given> {
    let mut given = Given::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            given.operands.extend(words.by_ref().cloned());
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let (letter, _) = options.letters.iter().find(|(_, known)| *known == name)?;
            let value = match (options.with_value.contains(*letter), value) {
                (true, Some(value)) => value.to_owned(),
                (true, None) => words.next()?.clone(),
                (false, None) => String::new(),
                (false, Some(_)) => return None,
            };
            given.options.push((*letter, value));
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            let mut rest = letters.chars();
            while let Some(letter) = rest.next() {
                options.letters.iter().find(|(known, _)| *known == letter)?;
                if options.with_value.contains(letter) {
                    let attached = rest.as_str().to_owned();
                    let value = if attached.is_empty() { words.next()?.clone() } else { attached };
                    given.options.push((letter, value));
                    break;
                }
                given.options.push((letter, String::new()));
            }
        } else {
            given.operands.push(word.clone());
        }
    }
    Some(given)
}

/// Whether busybox takes `name` for an account or a group (`die_if_bad_username`).
fn is_name(name: &str) -> bool {
    let mut letters = name.strip_suffix('$').unwrap_or(name).chars();
    letters.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '@'))
}
