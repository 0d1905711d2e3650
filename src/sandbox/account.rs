//! Who an image's program runs as: the config's user, looked up in the image's own account files (image-spec config.md,
//! `User`; as every engine does it).

use serde::{Deserialize, Serialize};

use super::Account;
use crate::platform::accounts::{Group, Groups, Passwd};

/// The user of an image, with what its passwd says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The numbers.
    pub account: Account,
    /// Its name; `None` for a number that passwd does not know.
    pub name: Option<String>,
    /// Its home folder; `/` where passwd does not know it.
    pub home: String,
}

/// Numbers of users and groups go up to here: the kernel's own go further, but to many calls one of them means nobody
/// at all, and engines take none beyond this.
const HIGHEST: u32 = i32::MAX as u32;

/// The config names a user or group that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum UnknownUser {
    /// The account files do not have it.
    #[error("the image has no {kind} `{name}`")]
    Unlisted {
        /// `user` or `group`.
        kind: String,
        /// As the config has it.
        name: String,
    },
    /// It is a number that no user or group has.
    #[error("the {kind} `{number}` is none: numbers of users and groups go from 0 to {HIGHEST}")]
    OutOfRange {
        /// `user` or `group`.
        kind: String,
        /// As the config has it.
        number: String,
    },
}

impl UnknownUser {
    fn new(kind: &str, name: &str) -> Self {
        let (kind, name) = (kind.to_owned(), name.to_owned());
        if name.parse::<i128>().is_ok() {
            Self::OutOfRange { kind, number: name }
        } else {
            Self::Unlisted { kind, name }
        }
    }
}

/// The number of a user or group, if it can be one.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id <= HIGHEST)
}

impl User {
    /// `user` as the config writes it, `NAME|UID[:GROUP|GID]` or empty for root, by the texts of `etc/passwd` and
    /// `etc/group` (passwd(5), group(5); lines that are not well-formed do not count). Without a group in `user`, the
    /// groups that list the name as a member come along.
    pub fn resolve(user: &str, passwd: &str, group: &str) -> Result<Self, UnknownUser> {
        let (user, wanted_group) = match user.split_once(':') {
            Some((user, "")) => (user, None),
            Some((user, group)) => (user, Some(group)),
            None => (user, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let number = id(user);
        let passwd = Passwd::parse(passwd);
        let mut users = passwd.entries().filter(|line| line.uid <= HIGHEST && line.gid <= HIGHEST);
        let line = users.find(|line| line.name == user || number == Some(line.uid));
        let (uid, own_gid) = match (line, number) {
            (Some(line), _) => (line.uid, line.gid),
            (None, Some(uid)) => (uid, 0),
            (None, None) => return Err(UnknownUser::new("user", user)),
        };
        let group = Groups::parse(group);
        let mut groups = group.entries().filter(|line| line.gid <= HIGHEST);
        let account = if let Some(wanted) = wanted_group {
            let gid = groups.find(|line| line.name == wanted).map(|line| line.gid).or_else(|| id(wanted));
            Account { uid, gid: gid.ok_or_else(|| UnknownUser::new("group", wanted))?, groups: Vec::new() }
        } else {
            let is_listed = |group: &Group| line.is_some_and(|line| group.members.contains(&line.name));
            let others = groups.filter(|group| group.gid != own_gid && is_listed(group));
            Account { uid, gid: own_gid, groups: others.map(|line| line.gid).collect() }
        };
        let home = line.map(|line| line.home.clone()).unwrap_or_default();
        let name = line.map(|line| line.name.clone());
        Ok(Self { account, name, home: if home.is_empty() { "/".to_owned() } else { home } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User, group, further groups, name, home.
    type Found<'case> = (u32, u32, &'case [u32], Option<&'case str>, &'case str);

    #[test]
    fn a_user_is_found_as_engines_find_it() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken:x\nappuser:x:1001:1002:app:/home/appuser:/sbin/nologin\n";
        let group = "root:x:0:root\nappgroup:x:1002:\nmedia:x:33:other,appuser\nbad:x:x:appuser\n";
        let cases: [(&str, Result<Found<'_>, &str>); 14] = [
            ("", Ok((0, 0, &[], Some("root"), "/root"))),
            ("appuser", Ok((1001, 1002, &[33], Some("appuser"), "/home/appuser"))),
            ("1001", Ok((1001, 1002, &[33], Some("appuser"), "/home/appuser"))),
            ("1001:1001", Ok((1001, 1001, &[], Some("appuser"), "/home/appuser"))),
            ("appuser:media", Ok((1001, 33, &[], Some("appuser"), "/home/appuser"))),
            ("77", Ok((77, 0, &[], None, "/"))),
            ("77:77", Ok((77, 77, &[], None, "/"))),
            ("1001:", Ok((1001, 1002, &[33], Some("appuser"), "/home/appuser"))),
            ("2147483647", Ok((2_147_483_647, 0, &[], None, "/"))),
            ("4294967295", Err("the user `4294967295` is none: numbers of users and groups go from 0 to 2147483647")),
            (
                "5:4294967296",
                Err("the group `4294967296` is none: numbers of users and groups go from 0 to 2147483647"),
            ),
            ("-1", Err("the user `-1` is none: numbers of users and groups go from 0 to 2147483647")),
            ("ghost", Err("the image has no user `ghost`")),
            ("appuser:ghost", Err("the image has no group `ghost`")),
        ];
        for (user, expected) in cases {
            let found = User::resolve(user, passwd, group);
            match expected {
                Ok((uid, gid, groups, name, home)) => {
                    let account = Account { uid, gid, groups: groups.to_vec() };
                    assert_eq!(
                        found,
                        Ok(User { account, name: name.map(str::to_owned), home: home.to_owned() }),
                        "{user}"
                    );
                }
                Err(message) => assert_eq!(found.unwrap_err().to_string(), message),
            }
        }
    }
}
