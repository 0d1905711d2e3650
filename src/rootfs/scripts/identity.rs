//! Who runs the commands of a script.

use super::super::tree::Metadata;

/// An account that commands run as.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Its number.
    pub(super) uid: u32,
    /// The number of its primary group.
    pub(super) gid: u32,
    /// All groups that it is in.
    pub(super) groups: Vec<u32>,
}

impl Identity {
    /// Whether it has the permission `bit` (4 reading, 2 writing, 1 searching) on what has `metadata`.
    pub(super) fn may(&self, metadata: &Metadata, bit: u32) -> bool {
        let shift = if metadata.uid == self.uid {
            6
        } else if self.groups.contains(&metadata.gid) {
            3
        } else {
            0
        };
        metadata.mode >> shift & bit != 0
    }
}
