//! Which user and group ids there are inside, and how they come in.
//!
//! The host's root maps every id that it has to itself. Anybody else may map one id, their own, to any one inside; and,
//! through the set-uid helpers newuidmap and newgidmap, the ranges that /etc/subuid and /etc/subgid give them
//! (user_namespaces(7), subuid(5)). A map is written from outside, so a helper is forked off before the namespace is
//! made.

use std::process::Command;

use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, getegid, geteuid, getpid};

use super::channel::{Channel, Message};
use super::{Error, Ids, Privileges, Sandbox};

/// A run of ids: where it begins inside, where outside, how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    inside: u32,
    outside: u32,
    count: u32,
}

/// How the ids are mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// Every id that this process has, to itself.
    Direct { uids: Vec<Extent>, gids: Vec<Extent> },
    /// The caller is the account inside.
    One,
    /// The caller is root inside, and a range follows.
    Range { uids: Vec<Extent>, gids: Vec<Extent> },
}

impl Mapping {
    /// What is possible here for `sandbox`.
    pub(super) fn choose(sandbox: &Sandbox) -> Result<Self, Error> {
        let wanted = sandbox.account.uid;
        let wanted_group = sandbox.account.gid;
        if may_set_ids() {
            let uids = own_ids("/proc/self/uid_map")?;
            let gids = own_ids("/proc/self/gid_map")?;
            let enough = [0, wanted].iter().all(|id| covers(&uids, *id))
                && [0, wanted_group].iter().all(|id| covers(&gids, *id))
                && (sandbox.ids != Ids::Range || count(&uids) > 1);
            if enough {
                return Ok(Self::Direct { uids, gids });
            }
        }
        if sandbox.ids != Ids::Own {
            match ranges() {
                Ok((uids, gids)) if covers(&uids, wanted) && covers(&gids, wanted_group) => {
                    return Ok(Self::Range { uids, gids });
                }
                Ok(_) if sandbox.ids == Ids::Range => {
                    let reason = format!("the one in /etc/subuid does not reach {wanted}:{wanted_group}");
                    return Err(Error::NoRange { purpose: purpose(sandbox), reason });
                }
                Err(reason) if sandbox.ids == Ids::Range => {
                    return Err(Error::NoRange { purpose: purpose(sandbox), reason });
                }
                _ => {}
            }
        }
        Ok(Self::One)
    }

    /// Whether there is a root inside besides the account.
    pub(super) fn has_root(&self) -> bool {
        *self != Self::One
    }

    /// Whether root inside is root of the host, to the kernel's own checks.
    pub(super) fn is_host_root(&self) -> bool {
        matches!(self, Self::Direct { .. })
    }

    /// Forks off the process that is to write the maps of this one, if it takes one.
    pub(super) fn prepare(&self) -> Result<Option<Mapper>, Error> {
        if *self == Self::One {
            return Ok(None);
        }
        let (here, there) = Channel::pair()?;
        let target = getpid();
        // SAFETY: this process has one thread only, so its copy may do anything.
        match unsafe { fork() }.map_err(|error| Error::setup("fork", error))? {
            ForkResult::Parent { child } => Ok(Some(Mapper { channel: here, child })),
            ForkResult::Child => {
                drop(here);
                if let Ok(Some((Message::Go, _))) = there.receive() {
                    there.send(&self.write(target).map_or_else(Message::Failed, |()| Message::Done));
                }
                // SAFETY: ends this process at once, without running what belongs to its parent.
                unsafe { nix::libc::_exit(0) }
            }
        }
    }

    /// Writes the maps of `target`, from outside.
    fn write(&self, target: Pid) -> Result<(), Error> {
        match self {
            Self::One => Ok(()),
            Self::Direct { uids, gids } => {
                for (name, extents) in [("uid_map", uids), ("gid_map", gids)] {
                    let lines: Vec<String> = extents.iter().map(|extent| extent.words().join(" ")).collect();
                    write_map(&format!("/proc/{target}/{name}"), &(lines.join("\n") + "\n"))?;
                }
                Ok(())
            }
            Self::Range { uids, gids } => {
                for (helper, extents) in [("newuidmap", uids), ("newgidmap", gids)] {
                    let failed = |reason: String| Error::Mapping { reason: format!("{helper}: {reason}") };
                    let output = Command::new(helper)
                        .arg(target.to_string())
                        .args(extents.iter().flat_map(|extent| extent.words()))
                        .output()
                        .map_err(|error| failed(error.to_string()))?;
                    if !output.status.success() {
                        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
                    }
                }
                Ok(())
            }
        }
    }
}

/// The process that writes the maps.
pub(super) struct Mapper {
    channel: Channel,
    child: Pid,
}

impl Mapper {
    /// Has the maps written, now that the namespace is there.
    pub(super) fn map(self) -> Result<(), Error> {
        self.channel.send(&Message::Go);
        let answer = self.channel.receive()?;
        let _ = nix::sys::wait::waitpid(self.child, None);
        match answer {
            Some((Message::Done, _)) => Ok(()),
            Some((Message::Failed(error), _)) => Err(error),
            _ => Err(Error::Mapping { reason: "the helper process ended without a word".to_owned() }),
        }
    }
}

/// Who this process was before it entered the namespace, which must be asked before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    uid: Uid,
    gid: Gid,
}

impl Caller {
    pub(super) fn new() -> Self {
        Self { uid: geteuid(), gid: getegid() }
    }

    /// Makes the caller the one account that is inside, from inside. setgroups(2) must be given up for that.
    pub(super) fn map_alone(self, uid: u32, gid: u32) -> Result<(), Error> {
        write_map("/proc/self/setgroups", "deny")?;
        write_map("/proc/self/uid_map", &format!("{uid} {} 1\n", self.uid))?;
        write_map("/proc/self/gid_map", &format!("{gid} {} 1\n", self.gid))
    }
}

impl Extent {
    fn words(self) -> [String; 3] {
        [self.inside, self.outside, self.count].map(|number| number.to_string())
    }
}

fn purpose(sandbox: &Sandbox) -> String {
    match sandbox.privileges {
        Privileges::Install => "running install scripts".to_owned(),
        Privileges::None => "running this".to_owned(),
    }
}

fn write_map(path: &str, text: &str) -> Result<(), Error> {
    fs_err::write(path, text).map_err(|error| Error::Mapping { reason: error.to_string() })
}

fn covers(extents: &[Extent], id: u32) -> bool {
    extents.iter().any(|extent| id.checked_sub(extent.inside).is_some_and(|offset| offset < extent.count))
}

fn count(extents: &[Extent]) -> u64 {
    extents.iter().map(|extent| u64::from(extent.count)).sum()
}

/// Whether this process may map ids as it likes: CAP_SETUID and CAP_SETGID (capabilities(7)).
fn may_set_ids() -> bool {
    const SETGID_AND_SETUID: u64 = 1 << 6 | 1 << 7;
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
        .is_some_and(|set| set & SETGID_AND_SETUID == SETGID_AND_SETUID)
}

/// The ids that exist where this process is, each mapped to itself.
fn own_ids(path: &str) -> Result<Vec<Extent>, Error> {
    let text = fs_err::read_to_string(path).map_err(|error| Error::Mapping { reason: error.to_string() })?;
    Ok(parse_own_ids(&text))
}

fn parse_own_ids(text: &str) -> Vec<Extent> {
    text.lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse::<u32>);
            let (inside, _, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
            Some(Extent { inside, outside: inside, count })
        })
        .collect()
}

/// The caller's ranges of users and groups, with the caller as 0 in front; or why there are none, as part of a
/// sentence.
fn ranges() -> Result<(Vec<Extent>, Vec<Extent>), String> {
    let uid = geteuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let on_path = |helper: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(helper).is_file()))
    };
    if let Some(missing) = ["newuidmap", "newgidmap"].iter().find(|helper| !on_path(helper)) {
        return Err(format!("{missing} is not installed"));
    }
    let read = |path: &str, first: u32| {
        let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
        let extents = parse_ranges(&text, &name, uid.as_raw(), first);
        if extents.len() < 2 { Err(format!("{path} gives none to {name}")) } else { Ok(extents) }
    };
    Ok((read("/etc/subuid", uid.as_raw())?, read("/etc/subgid", getegid().as_raw())?))
}

/// `first` as 0 and the ranges of `name` or `uid` after it, without gaps. Lines are `NAME:START:COUNT` (subuid(5)).
fn parse_ranges(text: &str, name: &str, uid: u32, first: u32) -> Vec<Extent> {
    let uid = uid.to_string();
    let mut extents = vec![Extent { inside: 0, outside: first, count: 1 }];
    let mut inside = 1_u32;
    for line in text.lines() {
        let mut fields = line.trim().split(':');
        let owner = fields.next().unwrap_or_default();
        let mut numbers = fields.map(str::parse::<u32>);
        if let (Some(Ok(outside)), Some(Ok(count))) = (numbers.next(), numbers.next())
            && (owner == name || owner == uid)
            && let Some(next) = inside.checked_add(count)
            && count > 0
        {
            extents.push(Extent { inside, outside, count });
            inside = next;
        }
    }
    extents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_caller_without_gaps() {
        let text = "root:1:5\ntester:100000:65536\n# no\nbad\n1000:300000:10\ntester:5:0\ntester:9\n";
        let extents = parse_ranges(text, "tester", 1000, 1000);
        let words: Vec<String> = extents.iter().map(|extent| extent.words().join(" ")).collect();
        assert_eq!(words, ["0 1000 1", "1 100000 65536", "65537 300000 10"]);
        assert!(covers(&extents, 65546) && !covers(&extents, 65547));
        assert_eq!(parse_ranges(text, "nobody", 7, 7).len(), 1);
    }

    #[test]
    fn what_a_container_has_maps_to_itself() {
        let text = "         0       1000          1\n         1     100000      65536\n";
        let extents = parse_own_ids(text);
        assert_eq!(count(&extents), 65537);
        assert!(covers(&extents, 0) && covers(&extents, 65536) && !covers(&extents, 65537));
        assert_eq!(extents[1].words(), ["1", "1", "65536"].map(str::to_owned));
        let whole = parse_own_ids("0 0 4294967295\n");
        assert!(covers(&whole, u32::MAX - 1) && !covers(&whole, u32::MAX));
    }
}
