//! `add-shell` and `remove-shell`, by which shells put themselves into `/etc/shells` (shells(5)), as busybox has them.

use super::super::{Content, Inode, InodeKind};
use super::shell::{Flow, Shell};

const SHELLS: &str = "/etc/shells";

impl Shell<'_> {
    /// Runs `name` if it is one of these commands; its status.
    pub(super) fn run_shells_command(&mut self, name: &str, arguments: &[String]) -> Option<Flow<u8>> {
        match name {
            "add-shell" => Some(self.write_shells(arguments, true)),
            "remove-shell" => Some(self.write_shells(arguments, false)),
            _ => None,
        }
    }

    /// Writes the list anew, beside its place and then into it: it belongs to root and the script from then on, with
    /// the mode that it had.
    fn write_shells(&mut self, shells: &[String], add: bool) -> Flow<u8> {
        let Some(real) = self.writable(SHELLS)? else { return Ok(1) };
        let text = self.read_file(SHELLS)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mode = self.at(&real).map_or(0o666, |inode| inode.metadata.mode) & !self.state.umask;
        let old = text.unwrap_or_default();
        let is_named = |line: &str| shells.iter().any(|shell| shell == line);
        let mut lines: Vec<&str> = old.lines().filter(|line| add || !is_named(line)).collect();
        if add {
            lines.extend(shells.iter().map(String::as_str).filter(|shell| !old.lines().any(|line| line == *shell)));
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let kind = InodeKind::File { content: Content::from(text.into_bytes()), checksum: None };
        let metadata = self.own(mode);
        Ok(u8::from(self.tree.insert(&real, Inode { kind, metadata }).is_err()))
    }
}
