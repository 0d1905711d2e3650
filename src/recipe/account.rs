//! The account that the image runs as: `[user]`.

use super::ImagePath;

/// An account with its group, as /etc/passwd and /etc/group will have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric user.
    pub uid: u32,
    /// Name of the primary group.
    pub group: String,
    /// Numeric group.
    pub gid: u32,
    /// Home folder: made, empty, and theirs.
    pub home: ImagePath,
    /// Login shell.
    pub shell: ImagePath,
}
