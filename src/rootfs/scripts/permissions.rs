//! `chown`, `chgrp` and `chmod`.
//!
//! Owners are looked up in the image's own account files as they stand. As the kernel does, changing a file's owner
//! clears its set-id bits.

use super::super::tree::{InodeId, InodeKind};
use super::flow::{Flow, unknown};
use super::shell::Shell;

/// The numbers of an account and of a group, where they are given.
pub(super) type Owner = (Option<u32>, Option<u32>);

impl Shell<'_> {
    pub(super) fn chown(&mut self, arguments: &[String], only_group: bool) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "Rhvcf") else { return unknown("an option of `chown`") };
        let Some((owner, paths)) = call.operands.split_first() else { return Ok(1) };
        let owner = if only_group { format!(":{owner}") } else { (*owner).to_owned() };
        let Some((uid, gid)) = self.owner(&owner)? else { return Ok(1) };
        let mut status = 0;
        for path in paths {
            let Some(ids) = self.selected(path, call.has('R'), call.has('h'))? else {
                status = 1;
                continue;
            };
            for id in ids {
                let inode = self.tree.inode_mut(id);
                let metadata = &mut inode.metadata;
                metadata.uid = uid.unwrap_or(metadata.uid);
                metadata.gid = gid.unwrap_or(metadata.gid);
                if matches!(inode.kind, InodeKind::File { .. }) {
                    // Set-gid without the group's execute bit means locking and stays.
                    let cleared = if metadata.mode & 0o010 == 0 { 0o4000 } else { 0o6000 };
                    metadata.mode &= !cleared;
                    metadata.xattrs.remove("security.capability");
                }
            }
        }
        Ok(status)
    }

    /// The numbers of `user`, `user:group`, `user:`, `:group` (and with a dot); `None` where one is not known.
    pub(super) fn owner(&self, text: &str) -> Flow<Option<Owner>> {
        let passwd = self.passwd()?.unwrap_or_default();
        let groups = self.groups()?.unwrap_or_default();
        let is_user = |name: &str| passwd.get(name).is_some();
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None if !is_user(text) => text.split_once('.').map_or((text, None), |(user, group)| (user, Some(group))),
            None => (text, None),
        };
        let number = |name: &str| name.parse::<u32>().ok();
        let uid = match user {
            "" => None,
            name => match passwd.get(name).map(|user| user.uid).or_else(|| number(name)) {
                Some(uid) => Some(uid),
                None => return Ok(None),
            },
        };
        let gid = match group {
            None => None,
            Some("") => passwd.get(user).map(|user| user.gid),
            Some(name) => match groups.get(name).map(|group| group.gid).or_else(|| number(name)) {
                Some(gid) => Some(gid),
                None => return Ok(None),
            },
        };
        Ok(Some((uid, gid)))
    }

    pub(super) fn chmod(&mut self, arguments: &[String]) -> Flow<u8> {
        let is_mode =
            |word: &str| word.starts_with('-') && word.chars().skip(1).all(|letter| "rwxXst,+-=ugoa".contains(letter));
        let leading = arguments.iter().take_while(|word| word.starts_with('-') && !is_mode(word)).count();
        let (options, rest) = arguments.split_at(leading);
        let Some(call) = Call::parse(options, "Rvcf") else { return unknown("an option of `chmod`") };
        let Some((mode, paths)) = rest.split_first() else { return Ok(1) };
        let mut status = 0;
        for path in paths {
            let Some(ids) = self.selected(path, call.has('R'), false)? else {
                status = 1;
                continue;
            };
            for id in ids {
                let umask = self.state.umask;
                let inode = self.tree.inode_mut(id);
                let is_folder = matches!(inode.kind, InodeKind::Directory(_));
                match changed_mode(mode, inode.metadata.mode, is_folder, umask) {
                    Some(changed) if !matches!(inode.kind, InodeKind::Symlink(_)) => inode.metadata.mode = changed,
                    Some(_) => {}
                    None => return Ok(1),
                }
            }
        }
        Ok(status)
    }

    /// What `path` names, with all below it where asked to; links below are taken themselves. `None` where it is
    /// missing.
    fn selected(&mut self, path: &str, recursive: bool, link_itself: bool) -> Flow<Option<Vec<InodeId>>> {
        let real = if link_itself { self.entry(path)? } else { self.existing(path)? };
        let Some(real) = real.filter(|real| self.at(real).is_some()) else { return Ok(None) };
        let paths = if recursive { self.below(&real)? } else { vec![real] };
        self.spend(paths.len())?;
        Ok(Some(paths.iter().filter_map(|path| self.tree.lookup(path)).collect()))
    }
}

/// Single-letter options and operands.
pub(super) struct Call<'arguments> {
    letters: String,
    /// What is no option.
    pub(super) operands: Vec<&'arguments str>,
}

impl<'arguments> Call<'arguments> {
    /// `None` where a letter is not among `known`.
    pub(super) fn parse(arguments: &'arguments [String], known: &str) -> Option<Self> {
        let mut call = Self { letters: String::new(), operands: Vec::new() };
        let mut options_end = false;
        for argument in arguments {
            match argument.strip_prefix('-').filter(|letters| !letters.is_empty() && !options_end) {
                Some("-") => options_end = true,
                Some(letters) if letters.chars().all(|letter| known.contains(letter)) => call.letters.push_str(letters),
                Some(_) => return None,
                None => call.operands.push(argument),
            }
        }
        Some(call)
    }

    pub(super) fn has(&self, letter: char) -> bool {
        self.letters.contains(letter)
    }
}

/// `mode` (octal, or letters as in chmod(1)) applied to `old`; `None` where it is no mode.
pub(super) fn changed_mode(mode: &str, old: u32, is_folder: bool, umask: u32) -> Option<u32> {
    if mode.starts_with(|first: char| first.is_ascii_digit()) {
        return u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777);
    }
    let mut new = old;
    for clause in mode.split(',') {
        let start = clause.find(['+', '-', '='])?;
        let (who, mut actions) = clause.split_at(start);
        let mut mask = 0;
        for letter in who.chars() {
            mask |= match letter {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => 0o7777,
                _ => return None,
            };
        }
        // Without anybody named it is for all, save what the umask takes away.
        let allowed = if who.is_empty() { 0o7777 & !umask } else { mask };
        while let Some(action) = actions.chars().next() {
            let rest = actions.get(1..)?;
            let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
            let (letters, after) = rest.split_at(end);
            let mut bits = 0;
            for letter in letters.chars() {
                bits |= match letter {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if is_folder || old & 0o111 != 0 => 0o111,
                    'X' => 0,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => (new >> 6 & 7) * 0o111,
                    'g' => (new >> 3 & 7) * 0o111,
                    'o' => (new & 7) * 0o111,
                    _ => return None,
                };
            }
            // `t` belongs to nobody in particular.
            let bits = bits & (allowed | if letters.contains('t') { 0o1000 } else { 0 });
            match action {
                '+' => new |= bits,
                '-' => new &= !bits,
                '=' => {
                    let kept = if is_folder { 0o6000 } else { 0 };
                    let cleared = if who.is_empty() { 0o777 } else { mask & 0o777 } | (mask & 0o6000 & !kept);
                    new = new & !cleared | bits;
                }
                _ => return None,
            }
            actions = after;
        }
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_change_as_chmod_changes_them() {
        for (mode, old, is_folder, expected) in [
            ("755", 0, false, Some(0o755)),
            ("4711", 0o644, false, Some(0o4711)),
            ("u+s", 0o755, false, Some(0o4755)),
            ("g-w,o-rwx", 0o777, false, Some(0o750)),
            ("a+rX", 0o600, false, Some(0o644)),
            ("a+rX", 0o700, true, Some(0o755)),
            ("+x", 0o644, false, Some(0o755)),
            ("go=", 0o777, false, Some(0o700)),
            ("u=rwx,g=rx,o=", 0o666, false, Some(0o750)),
            ("g=u", 0o740, false, Some(0o770)),
            ("+t", 0o777, true, Some(0o1777)),
            ("ug+rw-x", 0o755, false, Some(0o665)),
            ("8", 0, false, None),
            ("z+x", 0, false, None),
            ("17777", 0, false, None),
        ] {
            assert_eq!(changed_mode(mode, old, is_folder, 0o022), expected, "{mode} on {old:o}");
        }
    }
}
