//! `addgroup`, `adduser`, `delgroup` and `deluser` as busybox 1.36 has them: which numbers they pick, what they write
//! when something is not given, when they fail.
//!
//! Numbers go from 100 to 999 with `-S`, else from 1000 to 60000; the first free one is taken. A file that is missing
//! is not made: without `/etc/group` no group is added, without `/etc/shadow` no password. One thing is not copied: the
//! backups `passwd-`, `group-` and `shadow-`.

use super::super::accounts::{self, AccountEntry, AccountFile, Group, Groups, Passwd, Password, Shadow, User};
use super::super::{InodeKind, Origin};
use super::shell::{Flow, Shell, unknown};

/// The numbers that `-S` picks from.
const SYSTEM_IDS: std::ops::RangeInclusive<u32> = 100..=999;
/// The numbers that are picked from otherwise.
const ORDINARY_IDS: std::ops::RangeInclusive<u32> = 1000..=60_000;
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
    /// Runs `name` if it is one of these commands; its status.
    pub(super) fn run_account_command(&mut self, name: &str, arguments: &[String]) -> Option<Flow<u8>> {
        Some(match name {
            "addgroup" => self.add_group(arguments),
            "adduser" => self.add_user(arguments),
            "delgroup" => self.delete_group(arguments),
            "deluser" => self.delete_user(arguments),
            _ => return None,
        })
    }

    fn add_group(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(given) = parse(arguments, &ADDGROUP) else { return Ok(1) };
        match given.operands.as_slice() {
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
        let Some(mut groups) = Groups::read(self.tree, accounts::GROUP) else { return Ok(1) };
        if groups.get(name).is_some() {
            return Ok(1);
        }
        let gid = match gid {
            Some(gid) if groups.by_gid(gid).is_some() => return Ok(1),
            Some(gid) => gid,
            None => match range(system).find(|gid| groups.by_gid(*gid).is_none()) {
                Some(gid) => gid,
                None => return Ok(1),
            },
        };
        groups.push(Group { name: name.to_owned(), password: "x".to_owned(), gid, members: Vec::new() });
        self.write_accounts(&groups, accounts::GROUP)?;
        Ok(0)
    }

    fn add_member(&mut self, user: &str, group: &str) -> Flow<u8> {
        let is_known = Passwd::read(self.tree, accounts::PASSWD).is_some_and(|passwd| passwd.get(user).is_some());
        let Some(mut groups) = Groups::read(self.tree, accounts::GROUP) else { return Ok(1) };
        let Some(found) = groups.get_mut(group).filter(|_| is_known) else { return Ok(1) };
        if !found.members.iter().any(|member| member == user) {
            found.members.push(user.to_owned());
            self.write_accounts(&groups, accounts::GROUP)?;
        }
        Ok(0)
    }

    fn add_user(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(given) = parse(arguments, &ADDUSER) else { return Ok(1) };
        let name = match given.operands.as_slice() {
            [user, group] => return self.add_member(user, group),
            [name] => name.clone(),
            _ => return Ok(1),
        };
        if !is_name(&name) {
            return Ok(1);
        }
        let system = given.has('S');
        let Some(mut passwd) = Passwd::read(self.tree, accounts::PASSWD) else { return Ok(1) };
        let groups = Groups::read(self.tree, accounts::GROUP).unwrap_or_default();
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
        let is_free = |id: u32| passwd.by_uid(id).is_none() && (primary.is_some() || groups.by_gid(id).is_none());
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
            gecos: given.value('g').unwrap_or("Linux User,,,").to_owned(),
            home: home.clone(),
            shell: given.value('s').unwrap_or(if system { "/sbin/nologin" } else { "/bin/sh" }).to_owned(),
        };
        let gid = user.gid;
        passwd.push(user);
        self.write_accounts(&passwd, accounts::PASSWD)?;
        if let Some(mut shadow) = Shadow::read(self.tree, accounts::SHADOW) {
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

    /// Makes a home, 2755 and the account's; one that is there becomes so. A missing parent is a message, no failure.
    fn make_home(&mut self, home: &str, (uid, gid): (u32, u32), system: bool) -> Flow<()> {
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

    fn delete_group(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(mut groups) = Groups::read(self.tree, accounts::GROUP) else { return Ok(1) };
        match arguments {
            [user, group] => {
                let Some(found) = groups.get_mut(group) else { return Ok(1) };
                let before = found.members.len();
                found.members.retain(|member| member != user);
                if found.members.len() == before {
                    return Ok(1);
                }
            }
            [group] => {
                let Some(gid) = groups.get(group).map(|group| group.gid) else { return Ok(1) };
                let passwd = Passwd::read(self.tree, accounts::PASSWD).unwrap_or_default();
                if passwd.entries().any(|user| user.gid == gid) {
                    return Ok(1);
                }
                groups.remove(group);
            }
            _ => return Ok(1),
        }
        self.write_accounts(&groups, accounts::GROUP)?;
        Ok(0)
    }

    fn delete_user(&mut self, arguments: &[String]) -> Flow<u8> {
        let [name] = arguments else { return unknown("`deluser` with options") };
        let Some(mut passwd) = Passwd::read(self.tree, accounts::PASSWD) else { return Ok(1) };
        let Some(gid) = passwd.get(name).map(|user| user.gid) else { return Ok(1) };
        passwd.remove(name);
        self.write_accounts(&passwd, accounts::PASSWD)?;
        if let Some(mut shadow) = Shadow::read(self.tree, accounts::SHADOW)
            && shadow.remove(name)
        {
            self.write_accounts(&shadow, accounts::SHADOW)?;
        }
        if let Some(mut groups) = Groups::read(self.tree, accounts::GROUP) {
            // Its own group goes with it where nobody else's is the same.
            if groups.get(name).is_some_and(|group| group.gid == gid) && passwd.entries().all(|user| user.gid != gid) {
                groups.remove(name);
            }
            let names: Vec<String> = groups.entries().map(|group| group.name.clone()).collect();
            for group in names {
                if let Some(group) = groups.get_mut(&group) {
                    group.members.retain(|member| member != name);
                }
            }
            self.write_accounts(&groups, accounts::GROUP)?;
        }
        Ok(0)
    }

    fn write_accounts<T: AccountEntry>(&mut self, file: &AccountFile<T>, path: &str) -> Flow<()> {
        let origin = Origin::Script(self.call.package);
        match file.write(self.tree, path, 0o644, self.call.timestamp, origin) {
            Ok(()) => Ok(()),
            Err(_) => unknown(format!("`/{path}` cannot be written")),
        }
    }
}

fn range(system: bool) -> std::ops::RangeInclusive<u32> {
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
