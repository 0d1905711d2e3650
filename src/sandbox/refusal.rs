//! Which setting forbids user namespaces here.
//!
//! The kernel says only "operation not permitted" or "no space", whatever the reason. The reasons that occur are few,
//! and each can be read somewhere under /proc.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::error::KernelError;

/// The setting that forbids it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// `user.max_user_namespaces` or one of its like is used up; often it is 0.
    Limit {
        /// The sysctl, `user.max_…_namespaces`.
        setting: String,
        /// Its value.
        value: u64,
    },
    /// Debian's `kernel.unprivileged_userns_clone` is 0.
    Clone,
    /// Ubuntu's AppArmor takes all capabilities in a user namespace away.
    AppArmor,
    /// A seccomp filter, as every container engine sets one.
    Seccomp {
        /// What the filter answered.
        error: KernelError,
    },
    /// The kernel was built without them.
    NotBuilt {
        /// What the kernel answered.
        error: KernelError,
    },
    /// Too many user namespaces inside each other.
    TooDeep,
    /// None of the known reasons.
    Unknown {
        /// What the kernel answered.
        error: KernelError,
    },
}

impl Cause {
    /// Why creating namespaces failed with `error`.
    pub(super) fn of(error: Errno) -> Self {
        Self::judge(error, &|path| fs_err::read_to_string(path).ok())
    }

    /// Whether AppArmor's restriction stands, which lets a namespace be made and then forbids everything in it.
    pub(super) fn of_denied_mount() -> Option<Self> {
        let read = |path: &str| fs_err::read_to_string(path).ok();
        app_armor_restricts(&read).then_some(Self::AppArmor)
    }

    fn judge(error: Errno, read: &dyn Fn(&str) -> Option<String>) -> Self {
        match error {
            Errno::ENOSPC => spent_limit(read).unwrap_or(Self::Unknown { error: error.into() }),
            Errno::EUSERS => Self::TooDeep,
            Errno::EINVAL => Self::NotBuilt { error: error.into() },
            Errno::EPERM | Errno::EACCES | Errno::ENOSYS => {
                if number(read, "/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
                    Self::Clone
                } else if is_filtered(read) {
                    Self::Seccomp { error: error.into() }
                } else if app_armor_restricts(read) {
                    Self::AppArmor
                } else if let Some(limit) = spent_limit(read) {
                    limit
                } else if error == Errno::ENOSYS {
                    Self::NotBuilt { error: error.into() }
                } else {
                    Self::Unknown { error: error.into() }
                }
            }
            _ => Self::Unknown { error: error.into() },
        }
    }

    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Limit { setting, .. } => format!("ask root for `sysctl {setting}=15000`, or run this as root where that is allowed"),
            Self::Clone => "ask root for `sysctl kernel.unprivileged_userns_clone=1`".to_owned(),
            Self::AppArmor => {
                "ask root for `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or for an AppArmor profile with `userns,` for apkbuild"
                    .to_owned()
            }
            Self::Seccomp { .. } => {
                "start this container with `--security-opt seccomp=unconfined`, or do this step outside of it; building an image without stages needs none of it"
                    .to_owned()
            }
            Self::NotBuilt { .. } => "it takes a kernel with CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_IPC_NS, CONFIG_UTS_NS and CONFIG_NET_NS".to_owned(),
            Self::TooDeep => "user namespaces nest no deeper than 32: start this from further outside".to_owned(),
            Self::Unknown { .. } => return None,
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { setting, value: 0 } => write!(formatter, "{setting} is 0"),
            Self::Limit { setting, value } => write!(formatter, "the limit {setting} = {value} is used up"),
            Self::Clone => write!(formatter, "kernel.unprivileged_userns_clone is 0"),
            Self::AppArmor => write!(
                formatter,
                "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)"
            ),
            Self::Seccomp { error } => {
                write!(
                    formatter,
                    "a seccomp filter, such as a container's default one, refuses user namespaces: {error}"
                )
            }
            Self::NotBuilt { error } => write!(formatter, "this kernel has no user namespaces: {error}"),
            Self::TooDeep => write!(formatter, "there are 32 user namespaces around this already"),
            Self::Unknown { error } => write!(formatter, "the kernel refuses user namespaces: {error}"),
        }
    }
}

/// The first limit on namespaces that is 0, else the one on user namespaces.
fn spent_limit(read: &dyn Fn(&str) -> Option<String>) -> Option<Cause> {
    let limit = |kind: &str| {
        let value = number(read, &format!("/proc/sys/user/max_{kind}_namespaces"))?;
        Some(Cause::Limit { setting: format!("user.max_{kind}_namespaces"), value })
    };
    let kinds = ["user", "mnt", "pid", "ipc", "uts", "net"];
    let zero = kinds.iter().filter_map(|kind| limit(kind)).find(|cause| matches!(cause, Cause::Limit { value: 0, .. }));
    zero.or_else(|| limit("user"))
}

fn app_armor_restricts(read: &dyn Fn(&str) -> Option<String>) -> bool {
    number(read, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1)
}

/// Whether a seccomp filter stands between this process and the kernel (proc(5), `Seccomp: 2`).
fn is_filtered(read: &dyn Fn(&str) -> Option<String>) -> bool {
    let status = read("/proc/self/status").unwrap_or_default();
    status.lines().filter_map(|line| line.strip_prefix("Seccomp:")).any(|mode| mode.trim() == "2")
}

fn number(read: &dyn Fn(&str) -> Option<String>, path: &str) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files under /proc and what they hold.
    type Files<'case> = &'case [(&'case str, &'case str)];

    #[test]
    fn a_refusal_names_its_cause() {
        let plain = ("/proc/self/status", "Name:\tx\nSeccomp:\t0\n");
        let filtered = ("/proc/self/status", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n");
        let cases: [(Errno, Files<'_>, &str); 9] = [
            (Errno::ENOSPC, &[("/proc/sys/user/max_user_namespaces", "0\n")], "user.max_user_namespaces is 0"),
            (
                Errno::ENOSPC,
                &[("/proc/sys/user/max_user_namespaces", "9\n"), ("/proc/sys/user/max_net_namespaces", "0\n")],
                "user.max_net_namespaces is 0",
            ),
            (
                Errno::ENOSPC,
                &[("/proc/sys/user/max_user_namespaces", "9\n")],
                "the limit user.max_user_namespaces = 9 is used up",
            ),
            (
                Errno::EPERM,
                &[plain, ("/proc/sys/kernel/unprivileged_userns_clone", "0\n")],
                "kernel.unprivileged_userns_clone is 0",
            ),
            (
                Errno::EPERM,
                &[filtered],
                "a seccomp filter, such as a container's default one, refuses user namespaces: operation not permitted (EPERM)",
            ),
            (
                Errno::EPERM,
                &[plain, ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")],
                "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
            ),
            (Errno::EPERM, &[plain], "the kernel refuses user namespaces: operation not permitted (EPERM)"),
            (Errno::EINVAL, &[plain], "this kernel has no user namespaces: invalid argument (EINVAL)"),
            (Errno::EUSERS, &[plain], "there are 32 user namespaces around this already"),
        ];
        for (error, files, expected) in cases {
            let read =
                |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, content)| (*content).to_owned());
            assert_eq!(Cause::judge(error, &read).to_string(), expected);
        }
    }
}
