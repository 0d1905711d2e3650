//! Commands on files and folders: `mkdir`, `rmdir`, `ln`, `rm`, `unlink`, `mv`, `cp`, `touch`, `install`.

use std::collections::BTreeMap;

use super::super::tree::{Content, Inode, InodeId, InodeKind, Metadata};
use super::access::{join, parent};
use super::flow::{Flow, unknown};
use super::permissions::{Call, changed_mode};
use super::shell::Shell;
use super::streams::Streams;

/// Bytes of the longest target of a link.
const LONGEST_TARGET: usize = 4095;

impl Shell<'_> {
    pub(super) fn mkdir(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some((modes, rest)) = take_values(arguments, "m") else { return Ok(1) };
        let Some(call) = Call::parse(&rest, "pv") else { return unknown("an option of `mkdir`") };
        let usual = 0o777 & !self.state.umask;
        let mode = match modes.last() {
            Some((_, mode)) => match changed_mode(mode, usual, true, self.state.umask) {
                Some(mode) => mode,
                None => return Ok(1),
            },
            None => usual,
        };
        let mut status = 0;
        for path in &call.operands {
            let is_there = self.existing(path)?.is_some();
            let done = if call.has('p') { self.make_path(path, mode)? } else { self.make_folder(path, mode)? };
            // What is asked for by `-m` is exactly so, also in a set-group-id folder.
            if let (true, false, Some(real)) = (done && !modes.is_empty(), is_there, self.existing(path)?)
                && let Some(id) = self.tree.lookup(&real)
            {
                self.tree.inode_mut(id).metadata.mode = mode;
            }
            status |= u8::from(!done);
        }
        Ok(status)
    }

    /// Makes one folder; `false` where something is there or its parent is missing.
    fn make_folder(&mut self, path: &str, mode: u32) -> Flow<bool> {
        let Some(real) = self.entry(path.trim_end_matches('/'))? else { return Ok(false) };
        Ok(self.at(&real).is_none() && self.put(&real, InodeKind::Directory(BTreeMap::new()), mode))
    }

    /// Makes a folder and its missing parents; `mode` is the last one's.
    fn make_path(&mut self, path: &str, mode: u32) -> Flow<bool> {
        let mut so_far = if path.starts_with('/') { "/".to_owned() } else { String::new() };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        for (number, part) in parts.iter().enumerate() {
            so_far.push_str(part);
            match self.existing(&so_far)? {
                Some(real) if self.is_folder_at(&real) => {}
                Some(_) => return Ok(false),
                None => {
                    let mode = if number + 1 == parts.len() { mode } else { 0o777 & !self.state.umask | 0o300 };
                    if !self.make_folder(&so_far, mode)? {
                        return Ok(false);
                    }
                }
            }
            so_far.push('/');
        }
        Ok(true)
    }

    pub(super) fn rmdir(&mut self, arguments: &[String]) -> Flow<u8> {
        let quiet = arguments.iter().any(|argument| argument == "--ignore-fail-on-non-empty");
        let rest: Vec<String> = arguments.iter().filter(|argument| !argument.starts_with("--")).cloned().collect();
        let Some(call) = Call::parse(&rest, "pv") else { return unknown("an option of `rmdir`") };
        let mut status = 0;
        for path in &call.operands {
            let mut path = (*path).to_owned();
            loop {
                let real = self.entry(path.trim_end_matches('/'))?;
                let children =
                    real.as_ref().and_then(|real| self.tree.lookup(real)).and_then(|id| self.tree.children(id));
                match (children.map(BTreeMap::is_empty), real) {
                    (Some(true), Some(real)) if !real.is_empty() => self.tree.remove(&real),
                    (Some(_), _) => {
                        status |= u8::from(!quiet);
                        break;
                    }
                    _ => {
                        status = 1;
                        break;
                    }
                };
                let above = path.trim_end_matches('/').rsplit_once('/').map(|(above, _)| above.to_owned());
                match above.filter(|above| call.has('p') && !above.is_empty()) {
                    Some(above) => path = above,
                    None => break,
                }
            }
        }
        Ok(status)
    }

    pub(super) fn ln(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "sfnTv") else { return unknown("an option of `ln`") };
        let (targets, place) = match call.operands.as_slice() {
            [target] => (vec![*target], ".".to_owned()),
            [targets @ .., place] if !targets.is_empty() => (targets.to_vec(), (*place).to_owned()),
            _ => return Ok(1),
        };
        let is_link = self
            .entry(&place)?
            .and_then(|real| self.at(&real).map(|inode| matches!(inode.kind, InodeKind::Symlink(_))));
        let follows = !(call.has('T') || call.has('n') && is_link == Some(true));
        let into = if follows { self.existing(&place)?.filter(|real| self.is_folder_at(real)) } else { None };
        if targets.len() > 1 && into.is_none() {
            return Ok(1);
        }
        let mut status = 0;
        for target in targets {
            let name = target.trim_end_matches('/').rsplit('/').next().unwrap_or(target);
            let real = match &into {
                Some(folder) => Some(join(folder, name)),
                None => self.entry(&place)?,
            };
            let Some(real) = real else {
                status = 1;
                continue;
            };
            let source =
                if call.has('s') { None } else { self.entry(target)?.and_then(|source| self.tree.lookup(&source)) };
            if !call.has('s') && source.is_none_or(|id| self.tree.children(id).is_some()) {
                status = 1;
                continue;
            }
            let may_go = call.has('f') && !self.is_folder_at(&real) && self.may_replace(&real);
            if self.at(&real).is_some() && !(may_go && self.tree.remove(&real)) {
                status = 1;
                continue;
            }
            let made = match source {
                None => target.len() <= LONGEST_TARGET && self.put(&real, InodeKind::Symlink(target.to_owned()), 0o777),
                Some(id) => self.may_change_folder(parent(&real)) && self.tree.link(&real, id).is_ok(),
            };
            status |= u8::from(!made);
        }
        Ok(status)
    }

    pub(super) fn rm(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "rRfv") else { return unknown("an option of `rm`") };
        let mut status = 0;
        for path in &call.operands {
            let real = self.entry(path.trim_end_matches('/'))?.filter(|real| self.at(real).is_some());
            let Some(real) = real else {
                status |= u8::from(!call.has('f'));
                continue;
            };
            let recursive = call.has('r') || call.has('R');
            let name = path.trim_end_matches('/').rsplit('/').next();
            if real.is_empty() || matches!(name, Some("." | "..")) || (self.is_folder_at(&real) && !recursive) {
                status = 1;
            } else if call.has('v') && self.is_folder_at(&real) {
                return unknown("`rm -v` of a folder");
            } else {
                self.tree.remove(&real);
                if call.has('v') {
                    self.print_line(streams, &format!("removed '{path}'"))?;
                }
            }
        }
        Ok(status)
    }

    pub(super) fn unlink(&mut self, arguments: &[String]) -> Flow<u8> {
        let [path] = arguments else { return Ok(1) };
        let real = self.entry(path)?.filter(|real| self.at(real).is_some() && !self.is_folder_at(real));
        Ok(u8::from(!real.is_some_and(|real| self.tree.remove(&real))))
    }

    pub(super) fn mv(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "fnvT") else { return unknown("an option of `mv`") };
        if call.has('v') {
            return unknown("`mv` that prints");
        }
        let Some((place, sources)) = call.operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            return Ok(1);
        };
        let mut status = 0;
        for source in sources {
            let from = self.entry(source.trim_end_matches('/'))?;
            let to =
                if call.has('T') { self.entry(place)? } else { self.destination(source, place, sources.len() > 1)? };
            let (Some(from), Some(to)) = (from, to) else {
                status = 1;
                continue;
            };
            if call.has('n') && self.at(&from).is_some() && self.at(&to).is_some() {
                continue;
            }
            let inside = to == from || to.starts_with(&format!("{from}/"));
            let Some(id) = self.tree.lookup(&from).filter(|_| !from.is_empty() && !inside) else {
                status = 1;
                continue;
            };
            let folder_there = self.is_folder_at(&to);
            if folder_there != self.tree.children(id).is_some() && self.at(&to).is_some() {
                status = 1;
                continue;
            }
            if self.tree.link(&to, id).is_ok() {
                self.tree.remove(&from);
            } else {
                status = 1;
            }
        }
        Ok(status)
    }

    /// Where `source` goes when it is copied or moved to `place`: into it where that is a folder.
    fn destination(&self, source: &str, place: &str, must_be_folder: bool) -> Flow<Option<String>> {
        let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
        if let Some(folder) = self.existing(place)?.filter(|real| self.is_folder_at(real)) {
            return Ok(Some(join(&folder, name)));
        }
        if must_be_folder || place.ends_with('/') {
            return Ok(None);
        }
        self.writable(place)
    }

    pub(super) fn cp(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "aprRdfPLT") else { return unknown("an option of `cp`") };
        let Some((place, sources)) = call.operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            return Ok(1);
        };
        let copies = Copies {
            below: ['a', 'r', 'R'].into_iter().any(|letter| call.has(letter)),
            keeps: call.has('a') || call.has('p'),
        };
        let keeps_links = !call.has('L') && ['a', 'd', 'P', 'r', 'R'].into_iter().any(|letter| call.has(letter));
        let mut status = 0;
        for source in sources {
            if *source == "/dev/null" && !copies.below {
                let to = self.destination("null", place, sources.len() > 1)?;
                status |= u8::from(!to.is_some_and(|to| self.make_file(&to, true)));
                continue;
            }
            let from = if keeps_links { self.entry(source.trim_end_matches('/'))? } else { self.existing(source)? };
            let from = from.and_then(|real| self.tree.lookup(&real).map(|id| (real, id)));
            let (Some((real, id)), Some(to)) = (from, self.copy_target(source, place, &call, sources.len() > 1)?)
            else {
                status = 1;
                continue;
            };
            if to == real || to.starts_with(&format!("{real}/")) {
                status = 1;
                continue;
            }
            let entries = if copies.below { self.below(&real)? } else { vec![real] };
            self.spend(entries.len())?;
            for entry in &entries {
                self.may_read(entry)?;
            }
            status |= u8::from(!self.copy(id, &to, copies));
        }
        Ok(status)
    }

    fn copy_target(&self, source: &str, place: &str, call: &Call<'_>, several: bool) -> Flow<Option<String>> {
        if call.has('T') { self.entry(place) } else { self.destination(source, place, several) }
    }

    fn copy(&mut self, id: InodeId, to: &str, copies: Copies) -> bool {
        let Inode { kind, metadata } = self.tree.inode(id).clone();
        let mode =
            if matches!(kind, InodeKind::Symlink(_)) { 0o777 } else { metadata.mode & 0o777 & !self.state.umask };
        let own = self.own(mode);
        let metadata = if copies.keeps { Metadata { origin: own.origin, ..metadata } } else { own };
        if let InodeKind::Directory(children) = kind {
            if !copies.below {
                return false;
            }
            if !self.is_folder_at(to) {
                if !self.may_change_folder(parent(to)) {
                    return false;
                }
                let folder = Inode { kind: InodeKind::Directory(BTreeMap::new()), metadata };
                if self.tree.insert(to, folder).is_err() {
                    return false;
                }
            }
            return children.into_iter().fold(true, |done, (name, id)| self.copy(id, &join(to, &name), copies) && done);
        }
        // A file that is there keeps its owner and mode, unless those are copied.
        let metadata = match self.at(to) {
            Some(there) if !copies.keeps && matches!(there.kind, InodeKind::File { .. }) => {
                Metadata { mtime: self.call.timestamp, ..there.metadata.clone() }
            }
            _ => metadata,
        };
        let may_go = match self.tree.lookup(to) {
            Some(id) => self.may_write(id, to),
            None => self.may_change_folder(parent(to)),
        };
        may_go && !self.is_folder_at(to) && self.tree.insert(to, Inode { kind, metadata }).is_ok()
    }

    pub(super) fn touch(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "c") else { return unknown("an option of `touch`") };
        let mut status = 0;
        for path in &call.operands {
            match self.existing(path)?.and_then(|real| self.tree.lookup(&real)) {
                Some(id) if self.state.identity.is_none() => {
                    self.tree.inode_mut(id).metadata.mtime = self.call.timestamp;
                }
                Some(_) => return unknown("`touch` of what is there, as another account than root"),
                None if call.has('c') => {}
                None => {
                    let made = self.writable(path)?.is_some_and(|real| self.make_file(&real, false));
                    status |= u8::from(!made);
                }
            }
        }
        Ok(status)
    }

    pub(super) fn install(&mut self, arguments: &[String]) -> Flow<u8> {
        let Some((values, rest)) = take_values(arguments, "mog") else { return Ok(1) };
        let Some(call) = Call::parse(&rest, "dDcp") else { return unknown("an option of `install`") };
        let value = |letter| values.iter().rev().find(|(given, _)| *given == letter).map(|(_, value)| value.as_str());
        let owner = format!("{}:{}", value('o').unwrap_or_default(), value('g').unwrap_or_default());
        let owner = if value('g').is_none() { owner.trim_end_matches(':').to_owned() } else { owner };
        let Some((uid, gid)) = self.owner(&owner)? else { return Ok(1) };
        let Some(mode) = changed_mode(value('m').unwrap_or("755"), 0, call.has('d'), 0) else { return Ok(1) };
        let mut placed = Vec::new();
        if call.has('d') {
            for path in &call.operands {
                if !self.make_path(path, 0o755)? {
                    return Ok(1);
                }
                placed.extend(self.existing(path)?);
            }
        } else {
            let Some((place, sources)) = call.operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
                return Ok(1);
            };
            for source in sources {
                if call.has('D') && !self.make_path(parent(place), 0o755)? {
                    return Ok(1);
                }
                let from = if *source == "/dev/null" {
                    let kind = InodeKind::File { content: Content::from(Vec::new()), checksum: None };
                    Some(self.tree.add(Inode { kind, metadata: self.own(0o644) }))
                } else {
                    self.existing(source)?.and_then(|real| self.tree.lookup(&real))
                };
                let (Some(id), Some(to)) = (from, self.destination(source, place, sources.len() > 1)?) else {
                    return Ok(1);
                };
                if self.is_folder_at(&to) || !self.copy(id, &to, Copies { below: false, keeps: false }) {
                    return Ok(1);
                }
                placed.push(to);
            }
        }
        for real in placed {
            if let Some(id) = self.tree.lookup(&real) {
                let metadata = &mut self.tree.inode_mut(id).metadata;
                metadata.mode = mode;
                metadata.uid = uid.unwrap_or(metadata.uid);
                metadata.gid = gid.unwrap_or(metadata.gid);
            }
        }
        Ok(0)
    }
}

/// How `cp` copies.
#[derive(Clone, Copy)]
struct Copies {
    /// Folders with what is in them.
    below: bool,
    /// Owner, mode and time too.
    keeps: bool,
}

/// Options with their values.
type Values = Vec<(char, String)>;

/// Takes the options among `letters`, which have values, out of `arguments`; `None` where a value is missing.
fn take_values(arguments: &[String], letters: &str) -> Option<(Values, Vec<String>)> {
    let (mut values, mut rest) = (Vec::new(), Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let options = word.strip_prefix('-').filter(|options| !options.starts_with('-'));
        match options.and_then(|options| options.find(|letter| letters.contains(letter)).map(|place| (options, place)))
        {
            Some((options, place)) => {
                let (before, from) = options.split_at(place);
                let letter = from.chars().next()?;
                let attached = from.get(letter.len_utf8()..)?;
                let value = if attached.is_empty() { words.next()?.clone() } else { attached.to_owned() };
                values.push((letter, value));
                if !before.is_empty() {
                    rest.push(format!("-{before}"));
                }
            }
            None => rest.push(word.clone()),
        }
    }
    Some((values, rest))
}
