//! What is known of the machines that images are for, each thing once: architectures with all their names, the default
//! PATH, and the accounts of passwd(5), group(5) and shadow(5).

pub mod accounts;
mod architecture;

pub use architecture::{Architecture, UnknownArchitecture};

/// Where programs are looked for if nothing else is said: as in Alpine's own images, and in docker's.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The account that an image runs as, with its group.
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
    /// Absolute path of its home folder, which is made.
    pub home: String,
    /// Absolute path of its login shell.
    pub shell: String,
}
