//! Commands that read: `cat`, `ls`, `grep`, `cut`, `head`, `sort`, `basename`, `dirname`, `readlink`, `which`, `id`,
//! `getent`.

use std::collections::BTreeSet;

use super::super::accounts::{self, AccountEntry as _, Groups, Passwd};
use super::super::{InodeKind, Metadata};
use super::permissions::Call;
use super::shell::{Flow, Shell, Streams, unknown};

impl Shell<'_> {
    /// Runs `name` if it is one of these commands; its status.
    pub(super) fn run_text_command(
        &mut self,
        name: &str,
        arguments: &[String],
        streams: &mut Streams,
    ) -> Option<Flow<u8>> {
        Some(match name {
            "cat" => self.cat(arguments, streams),
            "ls" => self.ls(arguments, streams),
            "sort" => self.sort(arguments, streams),
            "grep" => self.grep(arguments, streams),
            "cut" => cut(arguments, streams),
            "head" => self.head(arguments, streams),
            "basename" => Ok(basename(arguments, streams)),
            "dirname" => Ok(dirname(arguments, streams)),
            "readlink" => self.readlink(arguments, streams),
            "which" => self.which(arguments, streams),
            "id" => self.id(arguments, streams),
            "getent" => self.getent(arguments, streams),
            _ => return None,
        })
    }

    fn cat(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "") else { return unknown("an option of `cat`") };
        if call.operands.is_empty() {
            let input = std::mem::take(&mut streams.input);
            streams.output.extend_from_slice(&input);
        }
        let mut status = 0;
        for path in &call.operands {
            match self.read_file(path)? {
                Some(bytes) => streams.output.extend_from_slice(&bytes),
                None => status = 1,
            }
        }
        Ok(status)
    }

    /// `grep` for words without pattern letters, at the beginning (`^`), at the end (`$`) or anywhere.
    fn grep(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "qsvxFEiw") else { return unknown("an option of `grep`") };
        if call.has('i') || call.has('w') {
            return unknown("an option of `grep`");
        }
        let Some((pattern, paths)) = call.operands.split_first() else { return Ok(2) };
        let (begins, ends, word) = if call.has('F') {
            (false, false, *pattern)
        } else {
            let (begins, rest) = pattern.strip_prefix('^').map_or((false, *pattern), |rest| (true, rest));
            let (ends, word) = rest.strip_suffix('$').map_or((false, rest), |word| (true, word));
            (begins, ends, word)
        };
        if !call.has('F') && word.contains(|letter| r".*[]\^$?+(){}|".contains(letter)) {
            return unknown(format!("`grep` for the pattern `{pattern}`"));
        }
        let (begins, ends) = (begins || call.has('x'), ends || call.has('x'));
        let mut texts = Vec::new();
        let mut missing = false;
        for path in paths {
            match self.read_file(path)? {
                Some(bytes) => texts.push(bytes),
                None => missing = true,
            }
        }
        if paths.is_empty() {
            texts.push(std::mem::take(&mut streams.input));
        } else if paths.len() > 1 && !call.has('q') {
            return unknown("`grep` in several files");
        }
        let mut found = false;
        for text in texts {
            for line in String::from_utf8_lossy(&text).lines() {
                let matches = match (begins, ends) {
                    (true, true) => line == word,
                    (true, false) => line.starts_with(word),
                    (false, true) => line.ends_with(word),
                    (false, false) => line.contains(word),
                };
                if matches != call.has('v') {
                    found = true;
                    if !call.has('q') {
                        streams.output.extend_from_slice(format!("{line}\n").as_bytes());
                    }
                }
            }
        }
        Ok(if missing && !(found && call.has('q')) { 2 } else { u8::from(!found) })
    }

    /// `head`, of its input or of one file.
    fn head(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let mut count = Some(10);
        let mut paths = Vec::new();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some("n") => count = words.next().and_then(|count| count.parse().ok()),
                Some(option) => count = option.strip_prefix('n').unwrap_or(option).parse().ok(),
                None => paths.push(word),
            }
        }
        let Some(count) = count else { return unknown("`head` in this way") };
        let input = match paths.as_slice() {
            [] => Some(std::mem::take(&mut streams.input)),
            [path] => self.read_file(path)?,
            _ => return unknown("`head` of several files"),
        };
        let Some(input) = input else { return Ok(1) };
        for line in input.split_inclusive(|byte| *byte == b'\n').take(count) {
            streams.output.extend_from_slice(line);
        }
        Ok(0)
    }

    /// The names in one folder, a line each, as `ls` prints them into anything but a terminal.
    fn ls(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "1") else { return unknown("an option of `ls`") };
        let path = match call.operands.as_slice() {
            [] => ".",
            [path] => path,
            _ => return unknown("`ls` of several"),
        };
        let Some(real) = self.existing(path)? else { return Ok(1) };
        match self.tree.lookup(&real).and_then(|id| self.tree.children(id)) {
            Some(children) => {
                for name in children.keys().filter(|name| !name.starts_with('.')) {
                    streams.output.extend_from_slice(format!("{name}\n").as_bytes());
                }
            }
            None => streams.output.extend_from_slice(format!("{path}\n").as_bytes()),
        }
        Ok(0)
    }

    /// Lines in the order of their bytes.
    fn sort(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "ur") else { return unknown("an option of `sort`") };
        let mut bytes = Vec::new();
        if call.operands.is_empty() {
            bytes = std::mem::take(&mut streams.input);
        }
        for path in &call.operands {
            let Some(more) = self.read_file(path)? else { return Ok(1) };
            bytes.extend_from_slice(&more);
            if !bytes.ends_with(b"\n") && !bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|_| !bytes.is_empty()).collect();
        lines.sort_unstable();
        if call.has('u') {
            lines.dedup();
        }
        if call.has('r') {
            lines.reverse();
        }
        for line in lines {
            streams.output.extend_from_slice(line);
            streams.output.push(b'\n');
        }
        Ok(0)
    }

    fn which(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "") else { return unknown("an option of `which`") };
        let mut status = u8::from(call.operands.is_empty());
        for name in &call.operands {
            let found =
                if name.contains('/') { self.existing(name)?.map(|_| (*name).to_owned()) } else { self.search(name)? };
            match found {
                Some(path) => streams.output.extend_from_slice(format!("{path}\n").as_bytes()),
                None => status = 1,
            }
        }
        Ok(status)
    }

    fn readlink(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "fn") else { return unknown("an option of `readlink`") };
        let [path] = call.operands.as_slice() else { return Ok(1) };
        let target = if call.has('f') {
            // The last part may be missing.
            self.writable(path)?.map(|real| format!("/{real}"))
        } else {
            let inode = self.entry(path)?.and_then(|real| self.at(&real));
            inode.and_then(
                |inode| if let InodeKind::Symlink(target) = &inode.kind { Some(target.clone()) } else { None },
            )
        };
        let Some(target) = target.filter(|_| !path.is_empty()) else { return Ok(1) };
        let end = if call.has('n') { "" } else { "\n" };
        streams.output.extend_from_slice(format!("{target}{end}").as_bytes());
        Ok(0)
    }

    fn id(&self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "ugGn") else { return unknown("an option of `id`") };
        let passwd = Passwd::read(self.tree, accounts::PASSWD).unwrap_or_default();
        let groups = Groups::read(self.tree, accounts::GROUP).unwrap_or_default();
        let user = match call.operands.as_slice() {
            [] => passwd.by_uid(0),
            [name, ..] => passwd.get(name),
        };
        let Some(user) = user else {
            return if call.operands.is_empty() { unknown("`id` without an account 0") } else { Ok(1) };
        };
        // The primary group first, then as the file has them (getgrouplist(3) of musl).
        let others: Vec<u32> =
            groups.entries().filter(|group| group.members.contains(&user.name)).map(|group| group.gid).collect();
        let memberships: Vec<u32> =
            std::iter::once(user.gid).chain(others.iter().copied().filter(|gid| *gid != user.gid)).collect();
        let named = |gid: &u32| match groups.by_gid(*gid) {
            Some(group) => format!("{gid}({})", group.name),
            None => gid.to_string(),
        };
        let answer = match (call.has('u'), call.has('g'), call.has('G'), call.has('n')) {
            (true, false, false, false) => user.uid.to_string(),
            (true, false, false, true) => user.name.clone(),
            (false, true, false, false) => user.gid.to_string(),
            (false, false, true, false) => memberships.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
            (false, primary, every, true) if primary != every => {
                let asked = if primary { memberships.get(..1).unwrap_or_default() } else { &memberships };
                let names: Option<Vec<&str>> =
                    asked.iter().map(|gid| groups.by_gid(*gid).map(|group| group.name.as_str())).collect();
                let Some(names) = names else { return unknown("the name of a group that is none") };
                names.join(" ")
            }
            (false, false, false, false) => {
                // Here the primary group stands again where the account is listed as its member.
                let list: Vec<String> = std::iter::once(&user.gid).chain(&others).map(named).collect();
                format!("uid={}({}) gid={} groups={}", user.uid, user.name, named(&user.gid), list.join(","))
            }
            _ => return unknown("these options of `id` together"),
        };
        streams.output.extend_from_slice(format!("{answer}\n").as_bytes());
        Ok(0)
    }

    fn getent(&self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let [database, key] = arguments else { return unknown("`getent` of a whole database") };
        let number = key.parse::<u32>().ok();
        let line = match database.as_str() {
            "passwd" => Passwd::read(self.tree, accounts::PASSWD).and_then(|passwd| {
                let found = passwd.get(key).or_else(|| number.and_then(|uid| passwd.by_uid(uid)));
                found.map(accounts::User::line)
            }),
            "group" => Groups::read(self.tree, accounts::GROUP).and_then(|groups| {
                let found = groups.get(key).or_else(|| number.and_then(|gid| groups.by_gid(gid)));
                found.map(accounts::Group::line)
            }),
            _ => return unknown(format!("`getent {database}`")),
        };
        let Some(line) = line else { return Ok(2) };
        streams.output.extend_from_slice(format!("{line}\n").as_bytes());
        Ok(0)
    }

    /// Metadata of a file that replaces the one at `real`, if there is one.
    pub(super) fn replacing(&self, real: &str, mode: u32) -> Metadata {
        let own = self.own(mode);
        self.at(real).map_or(own.clone(), |there| Metadata { mtime: own.mtime, ..there.metadata.clone() })
    }
}

/// `cut -d LETTER -f NUMBER[,NUMBER…]`.
fn cut(arguments: &[String], streams: &mut Streams) -> Flow<u8> {
    let (mut delimiter, mut fields) = ('\t', BTreeSet::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let (option, attached) = word.split_at_checked(2).unwrap_or((word, ""));
        let value = if attached.is_empty() { words.next().map(String::as_str) } else { Some(attached) };
        match (option, value) {
            ("-d", Some(value)) => delimiter = value.chars().next().unwrap_or('\t'),
            ("-f", Some(value)) => {
                fields = value.split(',').map(|field| field.parse::<usize>().unwrap_or(0)).collect();
            }
            _ => return unknown("`cut` in this way"),
        }
    }
    if fields.is_empty() || fields.contains(&0) {
        return unknown("`cut` in this way");
    }
    let input = std::mem::take(&mut streams.input);
    for line in String::from_utf8_lossy(&input).lines() {
        let cut = if line.contains(delimiter) {
            let chosen = line.split(delimiter).zip(1..).filter(|(_, number)| fields.contains(number));
            chosen.map(|(field, _)| field).collect::<Vec<_>>().join(&delimiter.to_string())
        } else {
            line.to_owned()
        };
        streams.output.extend_from_slice(format!("{cut}\n").as_bytes());
    }
    Ok(0)
}

fn basename(arguments: &[String], streams: &mut Streams) -> u8 {
    let (path, suffix) = match arguments {
        [path] => (path, ""),
        [path, suffix] => (path, suffix.as_str()),
        _ => return 1,
    };
    let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("/");
    let name = name.strip_suffix(suffix).filter(|name| !name.is_empty()).unwrap_or(name);
    streams.output.extend_from_slice(format!("{name}\n").as_bytes());
    0
}

fn dirname(arguments: &[String], streams: &mut Streams) -> u8 {
    let [path] = arguments else { return 1 };
    let folder = match path.trim_end_matches('/').rsplit_once('/') {
        Some((folder, _)) if folder.trim_end_matches('/').is_empty() => "/",
        Some((folder, _)) => folder.trim_end_matches('/'),
        None if path.starts_with('/') => "/",
        None => ".",
    };
    streams.output.extend_from_slice(format!("{folder}\n").as_bytes());
    0
}
