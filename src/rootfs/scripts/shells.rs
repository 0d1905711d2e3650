//! `add-shell`, by which shells put themselves into `/etc/shells` (shells(5)), as busybox has it.

use super::super::tree::{Content, Inode, InodeKind};
use super::flow::Flow;
use super::shell::Shell;

const SHELLS: &str = "/etc/shells";

impl Shell<'_> {
    /// Writes the list anew, beside its place and then into it: it belongs to root and the script from then on, with
    /// the mode that it had.
    pub(super) fn add_shells(&mut self, shells: &[String]) -> Flow<u8> {
        let Some(real) = self.writable(SHELLS)? else { return Ok(1) };
        let old = self.read_text(SHELLS)?.unwrap_or_default();
        self.spend_work(old.len())?;
        let mode = self.at(&real).map_or(0o666, |inode| inode.metadata.mode) & !self.state.umask;
        let mut lines: Vec<&str> = old.lines().collect();
        lines.extend(shells.iter().map(String::as_str).filter(|shell| !old.lines().any(|line| line == *shell)));
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let kind = InodeKind::File { content: Content::from(text.into_bytes()), checksum: None };
        let metadata = self.own(mode);
        Ok(u8::from(self.tree.insert(&real, Inode { kind, metadata }).is_err()))
    }
}
