//! `test` and `[`, as busybox has them, about the tree.
//!
//! Scripts run as root, so whatever exists can be read and written. Comparing times is not understood, because times in
//! an image are not those of a machine.

use super::super::InodeKind;
use super::shell::{Flow, Shell, unknown};

/// The status for a condition that cannot be read.
const USAGE: u8 = 2;

impl Shell<'_> {
    /// 0 where the condition holds, 1 where it does not, 2 where it is none.
    pub(super) fn test(&self, words: &[String]) -> Flow<u8> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match self.any(&words)? {
            Some(true) => 0,
            Some(false) => 1,
            None => USAGE,
        })
    }

    /// Conditions joined by `-o`; `None` where they make no sense.
    fn any(&self, words: &[&str]) -> Flow<Option<bool>> {
        if words.len() > 4 || (words.len() == 4 && words.first() != Some(&"!")) {
            for (joint, is_all) in [("-o", false), ("-a", true)] {
                let place = words.iter().position(|word| *word == joint).filter(|place| *place > 0);
                if let Some((left, right)) =
                    place.and_then(|place| Some((words.get(..place)?, words.get(place + 1..)?)))
                {
                    let (Some(left), Some(right)) = (self.any(left)?, self.any(right)?) else { return Ok(None) };
                    return Ok(Some(if is_all { left && right } else { left || right }));
                }
            }
        }
        self.one(words)
    }

    fn one(&self, words: &[&str]) -> Flow<Option<bool>> {
        match words {
            [] => Ok(Some(false)),
            [word] => Ok(Some(!word.is_empty())),
            ["!", rest @ ..] if rest.len() != 2 || is_unary(rest) => Ok(self.one(rest)?.map(|holds| !holds)),
            ["(", inner @ .., ")"] => self.any(inner),
            [operator, operand] => self.unary(operator, operand),
            [left, operator, right] => binary(left, operator, right),
            _ => Ok(None),
        }
    }

    fn unary(&self, operator: &str, operand: &str) -> Flow<Option<bool>> {
        match operator {
            "-n" => return Ok(Some(!operand.is_empty())),
            "-z" => return Ok(Some(operand.is_empty())),
            "-t" => return Ok(Some(false)),
            _ => {}
        }
        // It is there on every machine, and it is all that scripts ask of /dev.
        if operand == "/dev/null" {
            return Ok(matches!(operator, "-e" | "-c" | "-r" | "-w").then_some(true).or(Some(false)));
        }
        if matches!(operator, "-L" | "-h") {
            let inode = self.entry(operand)?.and_then(|real| self.at(&real));
            return Ok(Some(inode.is_some_and(|inode| matches!(inode.kind, InodeKind::Symlink(_)))));
        }
        let real = self.existing(operand)?;
        let inode = real.as_deref().and_then(|real| self.at(real));
        let kind = inode.map(|inode| &inode.kind);
        let has_mode = |bits: u32| inode.is_some_and(|inode| inode.metadata.mode & bits != 0);
        let is_folder = matches!(kind, Some(InodeKind::Directory(_)));
        Ok(Some(match operator {
            "-e" | "-r" | "-w" => kind.is_some(),
            "-f" => matches!(kind, Some(InodeKind::File { .. })),
            "-d" => is_folder,
            "-s" => match kind {
                Some(InodeKind::File { content, .. }) => !content.is_empty(),
                other => other.is_some(),
            },
            "-x" => is_folder || has_mode(0o111),
            "-u" => has_mode(0o4000),
            "-g" => has_mode(0o2000),
            "-k" => has_mode(0o1000),
            "-b" | "-c" | "-p" | "-S" => false,
            "-O" => inode.is_some_and(|inode| inode.metadata.uid == 0),
            "-G" => inode.is_some_and(|inode| inode.metadata.gid == 0),
            _ => return Ok(None),
        }))
    }
}

fn is_unary(words: &[&str]) -> bool {
    words.first().is_some_and(|word| word.len() == 2 && word.starts_with('-'))
}

fn binary(left: &str, operator: &str, right: &str) -> Flow<Option<bool>> {
    let compare = |holds: fn(i64, i64) -> bool| {
        let numbers = left.trim().parse().ok().zip(right.trim().parse().ok());
        Ok(numbers.map(|(left, right)| holds(left, right)))
    };
    match operator {
        "=" | "==" => Ok(Some(left == right)),
        "!=" => Ok(Some(left != right)),
        "-eq" => compare(|left, right| left == right),
        "-ne" => compare(|left, right| left != right),
        "-lt" => compare(|left, right| left < right),
        "-le" => compare(|left, right| left <= right),
        "-gt" => compare(|left, right| left > right),
        "-ge" => compare(|left, right| left >= right),
        "-a" => Ok(Some(!left.is_empty() && !right.is_empty())),
        "-o" => Ok(Some(!left.is_empty() || !right.is_empty())),
        "-nt" | "-ot" | "-ef" => unknown(format!("`test` with `{operator}`")),
        _ => Ok(None),
    }
}
