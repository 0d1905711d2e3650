//! Commands that read and print: `cat`, `ls`, `cut`, `head`, `tail`, `sort`, `uniq`, `wc`, `basename`, `dirname`,
//! `readlink`, `which`, `id`, `getent`, `seq`, `expr`.

use std::cmp::Ordering;

use super::super::tree::{InodeKind, Metadata};
use super::access::text_of;
use super::flow::{Flow, unknown};
use super::options::Options;
use super::permissions::Call;
use super::regex::{Regex, Syntax};
use super::shell::Shell;
use super::streams::Streams;
use crate::platform::accounts::{AccountEntry as _, Group, User};

/// Numbers that one `seq` prints.
const MOST_NUMBERS: i64 = 1_000_000;

impl Shell<'_> {
    pub(super) fn cat(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "") else { return unknown("an option of `cat`") };
        let paths = if call.operands.is_empty() { vec!["-"] } else { call.operands };
        let mut status = 0;
        for path in paths {
            match self.input(path, streams)? {
                Some(bytes) => self.print(streams, bytes)?,
                None => status = 1,
            }
        }
        Ok(status)
    }

    /// The bytes of a file, or of what is read where it is called `-`.
    fn input(&mut self, path: &str, streams: &mut Streams) -> Flow<Option<Vec<u8>>> {
        if path == "-" { streams.input.rest().map(Some) } else { self.read_file(path) }
    }

    /// All of some files, or of what is read where no file is named; `None` where one is missing.
    fn inputs(&mut self, paths: &[&str], streams: &mut Streams) -> Flow<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        for path in if paths.is_empty() { &["-"] } else { paths } {
            let Some(more) = self.input(path, streams)? else { return Ok(None) };
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(&more);
        }
        Ok(Some(bytes))
    }

    /// `head` and `tail`: from `-n` or `-c`, or `-NUMBER`, how many lines or bytes, and the one input.
    fn ends(
        &mut self,
        name: &str,
        arguments: &[String],
        streams: &mut Streams,
    ) -> Flow<Option<(usize, bool, Vec<u8>)>> {
        let words: Vec<String> = arguments
            .iter()
            .map(|word| match word.strip_prefix('-') {
                Some(number) if number.starts_with(|first: char| first.is_ascii_digit()) => format!("-n{number}"),
                _ => word.clone(),
            })
            .collect();
        let Some(options) = Options::parse(&words, "", "nc") else { return unknown(format!("an option of `{name}`")) };
        let count = options.value('c').or(options.value('n')).unwrap_or("10");
        let (Ok(count), true) = (count.parse(), count.starts_with(|first: char| first.is_ascii_digit())) else {
            return unknown(format!("`{name}` in this way"));
        };
        let path = match options.operands.as_slice() {
            [] => "-",
            [path] => path,
            _ => return unknown(format!("`{name}` of several files")),
        };
        Ok(self.input(path, streams)?.map(|bytes| (count, options.has('c'), bytes)))
    }

    pub(super) fn head(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some((count, is_bytes, bytes)) = self.ends("head", arguments, streams)? else { return Ok(1) };
        let end = if is_bytes {
            count.min(bytes.len())
        } else {
            bytes.split_inclusive(|byte| *byte == b'\n').take(count).map(<[u8]>::len).sum()
        };
        self.print(streams, bytes.get(..end).unwrap_or(&bytes))?;
        Ok(0)
    }

    pub(super) fn tail(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some((count, is_bytes, bytes)) = self.ends("tail", arguments, streams)? else { return Ok(1) };
        let length = if is_bytes {
            count.min(bytes.len())
        } else {
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            lines.iter().rev().take(count).map(|line| line.len()).sum()
        };
        self.print(streams, bytes.get(bytes.len() - length..).unwrap_or_default())?;
        Ok(0)
    }

    /// The names in one folder, or names that are given, a line each, as `ls` prints them into anything but a terminal.
    pub(super) fn ls(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "1dAa") else { return unknown("an option of `ls`") };
        let mut names = Vec::new();
        let mut status = 0;
        let mut folders = Vec::new();
        for path in if call.operands.is_empty() { vec!["."] } else { call.operands.clone() } {
            // A link that leads nowhere is listed itself.
            let target = self.existing(path)?;
            let is_there = target.is_some() || self.entry(path)?.is_some_and(|real| self.at(&real).is_some());
            match target.filter(|real| self.is_folder_at(real) && !call.has('d')) {
                Some(folder) => folders.push(folder),
                None if is_there => names.push(path.to_owned()),
                None => status = 1,
            }
        }
        match folders.as_slice() {
            [] => {}
            [folder] if call.operands.len() <= 1 => {
                if call.has('a') {
                    names.extend([".".to_owned(), "..".to_owned()]);
                }
                let all = call.has('a') || call.has('A');
                names.extend(self.names_in(folder)?.into_iter().filter(|name| all || !name.starts_with('.')));
            }
            _ => return unknown("`ls` of several"),
        }
        names.sort();
        for name in names {
            self.print_line(streams, &name)?;
        }
        Ok(status)
    }

    /// Lines in the order of their bytes, of their versions (`-V`) or of the numbers that they begin with (`-n`).
    pub(super) fn sort(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "urVn") else { return unknown("an option of `sort`") };
        let Some(bytes) = self.inputs(&call.operands, streams)? else { return Ok(2) };
        self.spend_work(bytes.len() * 8)?;
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|_| !bytes.is_empty()).collect();
        let numbers: Option<Vec<f64>> = lines.iter().map(|line| leading_number(line)).collect();
        if call.has('n') && numbers.is_none() {
            return unknown("`sort -n` of such numbers");
        }
        let compare = |one: &&[u8], other: &&[u8]| {
            if call.has('V') {
                by_version(one, other)
            } else if call.has('n') {
                leading_number(one).unwrap_or(0.0).total_cmp(&leading_number(other).unwrap_or(0.0))
            } else {
                one.cmp(other)
            }
        };
        lines.sort_by(|one, other| compare(one, other).then_with(|| one.cmp(other)));
        if call.has('r') {
            lines.reverse();
        }
        if call.has('u') {
            lines.dedup_by(|one, other| compare(&&**one, &&**other).is_eq());
        }
        for line in lines {
            self.print(streams, [line, b"\n"].concat())?;
        }
        Ok(0)
    }

    /// Lines without those that are the same as the one before.
    pub(super) fn uniq(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "ud") else { return unknown("an option of `uniq`") };
        if call.operands.len() > 1 {
            return unknown("`uniq` into a file");
        }
        let Some(bytes) = self.inputs(&call.operands, streams)? else { return Ok(1) };
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let bare = |line: &[u8]| line.strip_suffix(b"\n").map_or_else(|| line.to_vec(), <[u8]>::to_vec);
        for same in lines.chunk_by(|one, other| bare(one) == bare(other)) {
            let is_wanted = if same.len() > 1 { !call.has('u') } else { !call.has('d') };
            if let Some(line) = same.first().filter(|_| is_wanted) {
                self.print(streams, [&bare(line), &b"\n"[..]].concat())?;
            }
        }
        Ok(0)
    }

    /// `wc` of its input, by one count.
    pub(super) fn wc(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "lwcm") else { return unknown("an option of `wc`") };
        let (true, [option]) = (call.operands.is_empty(), arguments) else { return unknown("`wc` in this way") };
        let bytes = streams.input.rest()?;
        let count = match option.as_str() {
            "-l" => memchr::memchr_iter(b'\n', &bytes).count(),
            "-c" => bytes.len(),
            "-m" => text_of(bytes)?.chars().count(),
            "-w" => text_of(bytes)?.split_ascii_whitespace().count(),
            _ => return unknown("`wc` in this way"),
        };
        self.print_line(streams, &count.to_string())?;
        Ok(0)
    }

    /// `seq` of whole numbers.
    pub(super) fn seq(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        if arguments.first().is_some_and(|first| first.starts_with('-')) {
            return unknown("`seq` in this way");
        }
        let numbers: Option<Vec<i64>> = arguments.iter().map(|number| number.parse().ok()).collect();
        let (first, step, last) = match numbers.as_deref() {
            Some([last]) => (1, 1, *last),
            Some([first, last]) => (*first, 1, *last),
            Some([first, step, last]) if *step != 0 => (*first, *step, *last),
            Some([]) => return Ok(1),
            _ => return unknown("`seq` in this way"),
        };
        let mut number = first;
        while if step > 0 { number <= last } else { number >= last } {
            if number.abs_diff(first) > (MOST_NUMBERS as u64).saturating_mul(step.unsigned_abs()) {
                return super::flow::give_up("it counts without end");
            }
            self.spend_work(1 << 4)?;
            self.print_line(streams, &number.to_string())?;
            let Some(next) = number.checked_add(step) else { break };
            number = next;
        }
        Ok(0)
    }

    /// `expr` of one operator: a text against a pattern, or two whole numbers.
    pub(super) fn expr(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let [left, operator, right] = arguments else { return unknown("`expr` in this way") };
        let numbers = left.parse::<i64>().ok().zip(right.parse::<i64>().ok());
        let order = numbers.map_or_else(|| left.cmp(right), |(left, right)| left.cmp(&right));
        let answer = match (operator.as_str(), numbers) {
            (":", _) => {
                let regex =
                    match Regex::new(&format!("^{}", right.strip_prefix('^').unwrap_or(right)), Syntax::Basic, false) {
                        Ok(regex) => regex,
                        Err(reason) => return unknown(format!("`expr` with the pattern `{right}`: {reason}")),
                    };
                let letters: Vec<char> = left.chars().collect();
                let found = self.find_match(&regex, &letters, 0)?;
                let has_group = right.contains("\\(");
                match found.as_deref() {
                    Some([_, _, Some(begin), Some(end), ..]) => {
                        letters.get(*begin..*end).into_iter().flatten().collect()
                    }
                    Some([_, Some(end), ..]) if !has_group => end.to_string(),
                    _ if has_group => String::new(),
                    _ => "0".to_owned(),
                }
            }
            ("=" | "==", _) => u8::from(order == Ordering::Equal).to_string(),
            ("!=", _) => u8::from(order != Ordering::Equal).to_string(),
            ("<", _) => u8::from(order == Ordering::Less).to_string(),
            ("<=", _) => u8::from(order != Ordering::Greater).to_string(),
            (">", _) => u8::from(order == Ordering::Greater).to_string(),
            (">=", _) => u8::from(order != Ordering::Less).to_string(),
            ("+" | "-" | "*" | "/" | "%", Some((left, right))) => {
                let result = match operator.as_str() {
                    "+" => left.checked_add(right),
                    "-" => left.checked_sub(right),
                    "*" => left.checked_mul(right),
                    "/" => left.checked_div(right),
                    _ => left.checked_rem(right),
                };
                match result {
                    Some(number) => number.to_string(),
                    None => return unknown("`expr` with such numbers"),
                }
            }
            ("+" | "-" | "*" | "/" | "%", None) => return Ok(2),
            _ => return unknown("`expr` in this way"),
        };
        self.print_line(streams, &answer)?;
        Ok(u8::from(answer.is_empty() || answer == "0"))
    }

    /// `cut -d LETTER -f NUMBER[,NUMBER…]`.
    pub(super) fn cut(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(options) = Options::parse(arguments, "s", "df") else { return unknown("`cut` in this way") };
        let delimiter = options.value('d').map_or(Some('\t'), |text| text.chars().next());
        let mut ranges = Vec::new();
        for range in options.value('f').unwrap_or_default().split(',') {
            let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
            ranges.push(match range.split_once('-') {
                None => number(range).map(|number| number..=number),
                Some(("", last)) => number(last).map(|last| 1..=last),
                Some((first, "")) => number(first).map(|first| first..=usize::MAX),
                Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| first..=last),
            });
        }
        let (Some(delimiter), Some(ranges)) = (delimiter, ranges.into_iter().collect::<Option<Vec<_>>>()) else {
            return unknown("`cut` in this way");
        };
        if ranges.iter().any(std::ops::RangeInclusive::is_empty) {
            return Ok(1);
        }
        let Some(bytes) = self.inputs(&options.operands, streams)? else { return Ok(1) };
        self.spend_work(bytes.len() * ranges.len())?;
        for line in text_of(bytes)?.split_terminator('\n') {
            let cut = if line.contains(delimiter) {
                let fields = line.split(delimiter).zip(1..);
                let chosen = fields.filter(|(_, number)| ranges.iter().any(|range| range.contains(number)));
                chosen.map(|(field, _)| field).collect::<Vec<_>>().join(&delimiter.to_string())
            } else if options.has('s') {
                continue;
            } else {
                line.to_owned()
            };
            self.print_line(streams, &cut)?;
        }
        Ok(0)
    }

    pub(super) fn basename(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let (path, suffix) = match arguments {
            [path] => (path, ""),
            [path, suffix] => (path, suffix.as_str()),
            _ => return Ok(1),
        };
        let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
        let name = name.unwrap_or(if path.is_empty() { "" } else { "/" });
        let name = name.strip_suffix(suffix).filter(|name| !name.is_empty()).unwrap_or(name);
        self.print_line(streams, name)?;
        Ok(0)
    }

    pub(super) fn dirname(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let [path] = arguments else { return Ok(1) };
        let folder = match path.trim_end_matches('/').rsplit_once('/') {
            Some((folder, _)) if folder.trim_end_matches('/').is_empty() => "/",
            Some((folder, _)) => folder.trim_end_matches('/'),
            None if path.starts_with('/') => "/",
            None => ".",
        };
        self.print_line(streams, folder)?;
        Ok(0)
    }

    pub(super) fn which(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "") else { return unknown("an option of `which`") };
        let mut status = u8::from(call.operands.is_empty());
        for name in &call.operands {
            let found =
                if name.contains('/') { self.existing(name)?.map(|_| (*name).to_owned()) } else { self.search(name)? };
            match found {
                Some(path) => self.print_line(streams, &path)?,
                None => status = 1,
            }
        }
        Ok(status)
    }

    pub(super) fn readlink(&mut self, arguments: &[String], streams: &mut Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "fn") else { return unknown("an option of `readlink`") };
        let [path] = call.operands.as_slice() else { return Ok(1) };
        let target = if call.has('f') {
            // The last part may be missing, unless it is all that there is.
            let real = if path.contains('/') { self.writable(path)? } else { self.existing(path)? };
            real.map(|real| format!("/{real}"))
        } else {
            let inode = self.entry(path)?.and_then(|real| self.at(&real));
            inode.and_then(
                |inode| if let InodeKind::Symlink(target) = &inode.kind { Some(target.clone()) } else { None },
            )
        };
        let Some(target) = target.filter(|_| !path.is_empty()) else { return Ok(1) };
        let end = if call.has('n') { "" } else { "\n" };
        self.print(streams, format!("{target}{end}"))?;
        Ok(0)
    }

    pub(super) fn id(&mut self, arguments: &[String], streams: &Streams) -> Flow<u8> {
        let Some(call) = Call::parse(arguments, "ugGn") else { return unknown("an option of `id`") };
        let passwd = self.passwd()?.unwrap_or_default();
        let groups = self.groups()?.unwrap_or_default();
        let user = match call.operands.as_slice() {
            [] => passwd.by_uid(self.own(0).uid),
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
                let Some(names) = names else { return unknown("the name of a group that does not exist") };
                names.join(" ")
            }
            (false, false, false, false) => {
                // Here the primary group stands again where the account is listed as its member.
                let list: Vec<String> = std::iter::once(&user.gid).chain(&others).map(named).collect();
                format!("uid={}({}) gid={} groups={}", user.uid, user.name, named(&user.gid), list.join(","))
            }
            _ => return unknown("these options of `id` together"),
        };
        self.print_line(streams, &answer)?;
        Ok(0)
    }

    pub(super) fn getent(&mut self, arguments: &[String], streams: &Streams) -> Flow<u8> {
        let [database, key] = arguments else { return unknown("`getent` of a whole database") };
        let number = key.parse::<u32>().ok();
        let line = match database.as_str() {
            "passwd" => self.passwd()?.and_then(|passwd| {
                let found = passwd.get(key).or_else(|| number.and_then(|uid| passwd.by_uid(uid)));
                found.map(User::line)
            }),
            "group" => self.groups()?.and_then(|groups| {
                let found = groups.get(key).or_else(|| number.and_then(|gid| groups.by_gid(gid)));
                found.map(Group::line)
            }),
            _ => return unknown(format!("`getent {database}`")),
        };
        let Some(line) = line else { return Ok(2) };
        self.print_line(streams, &line)?;
        Ok(0)
    }

    /// Metadata of a file that replaces the one at `real`, if there is one.
    pub(super) fn replacing(&self, real: &str, mode: u32) -> Metadata {
        let own = self.own(mode);
        self.at(real).map_or(own.clone(), |there| Metadata { mtime: own.mtime, ..there.metadata.clone() })
    }
}

/// The order of versions, as strverscmp(3) has it: numbers in two texts count as numbers, and those that begin with 0 as
/// fractions.
fn by_version(one: &[u8], other: &[u8]) -> Ordering {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let is_digit = |text: &[u8], at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    // Where the number begins in which they begin to differ.
    let start = (0..same).rev().take_while(|at| is_digit(one, *at)).last().unwrap_or(same);
    let digits = |text: &[u8]| text.iter().skip(same).take_while(|byte| byte.is_ascii_digit()).count();
    let has_number = |text: &[u8]| text.get(start).is_some_and(|byte| (b'1'..=b'9').contains(byte));
    let is_fraction =
        same > start && one.get(start..same).is_some_and(|digits| digits.iter().all(|digit| *digit == b'0'));
    let byte = |text: &[u8]| text.get(same).copied().unwrap_or(0);
    let bytes = byte(one).cmp(&byte(other));
    if has_number(one) && has_number(other) {
        digits(one).cmp(&digits(other)).then(bytes)
    } else if is_fraction && (is_digit(one, same) || is_digit(other, same)) {
        byte(one).wrapping_sub(b'0').cmp(&byte(other).wrapping_sub(b'0'))
    } else {
        bytes
    }
}

/// The number that a line begins with, 0 where it begins with something else; `None` where it is written as C alone
/// reads it (`0x10`, `1e3`, `inf`, `nan`).
fn leading_number(line: &[u8]) -> Option<f64> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_start();
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = bare.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(bare.len());
    let (digits, after) = bare.split_at(end);
    let lower = bare.to_ascii_lowercase();
    let is_special = ["inf", "nan", "0x"].iter().any(|special| lower.starts_with(special))
        || !digits.is_empty() && after.starts_with(['e', 'E']);
    if is_special {
        return None;
    }
    let number: f64 = digits.parse().unwrap_or(0.0);
    Some(if text.starts_with('-') { -number } else { number })
}
