//! What a process gives up before it runs somebody else's code: capabilities, new privileges, more than its share.

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{Error, Limits, Privileges};

/// CAP_KILL, which pid 1 keeps so that it can pass signals on to a program of another user.
pub(super) const KILL: u64 = 1 << 5;

/// CAP_CHOWN, CAP_DAC_OVERRIDE and CAP_FOWNER, with which pid 1 settles the owners of files, and CAP_SYS_ADMIN, with
/// which it unmounts what is in the way. All of it over the sandbox only.
pub(super) const SETTLE: u64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 21;

impl Privileges {
    /// The capabilities as a set of bits (capabilities(7)).
    pub(super) fn capabilities(self) -> u64 {
        match self {
            Self::None => 0,
            // chown, dac_override, fowner, fsetid, kill, setgid, setuid, net_bind_service, sys_chroot, setfcap:
            // docker's own choice, without device nodes, raw sockets, and what audits or raises the others.
            Self::Install => [0, 1, 3, 4, 5, 6, 7, 10, 18, 31].iter().fold(0, |set, bit| set | 1 << bit),
        }
    }
}

/// Lowers what any program executed from here can ever gain to `capabilities`.
pub(super) fn bound(capabilities: u64) -> Result<(), Error> {
    for capability in (0..64_u8).map(libc::c_ulong::from) {
        if capabilities & 1 << capability != 0 {
            continue;
        }
        // SAFETY: prctl(PR_CAPBSET_DROP) takes a number and touches no memory.
        match Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            Ok(_) => {}
            // The kernel knows no more capabilities.
            Err(Errno::EINVAL) => break,
            Err(error) => return Err(Error::setup("lower the bounding set", error)),
        }
    }
    Ok(())
}

/// Gives up all capabilities of this process but `capabilities`.
pub(super) fn keep(capabilities: u64) -> Result<(), Error> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    // _LINUX_CAPABILITY_VERSION_3: two halves of 32 bits (capget(2)).
    let header = Header { version: 0x2008_0522, pid: 0 };
    let half = |bits: u32| Data { effective: bits, permitted: bits, inheritable: 0 };
    let data = [half(capabilities as u32), half((capabilities >> 32) as u32)];
    // SAFETY: the two structures are laid out as capset(2) wants them and live through the call, which only reads them.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    Errno::result(result).map(drop).map_err(|error| Error::setup("give up capabilities", error))
}

impl Limits {
    /// Sets the limits of this process and what it executes; a limit that is lower already stays.
    pub(super) fn apply(&self) -> Result<(), Error> {
        let wanted = [
            (Resource::RLIMIT_NOFILE, self.open_files),
            (Resource::RLIMIT_NPROC, self.processes),
            (Resource::RLIMIT_AS, self.address_space),
            (Resource::RLIMIT_FSIZE, self.file_size),
            // A core file would land in the root, or in the host's handler.
            (Resource::RLIMIT_CORE, Some(0)),
        ];
        for (resource, limit) in wanted {
            let Some(limit) = limit else { continue };
            let (_, hard) = getrlimit(resource).map_err(|error| Error::setup("read a resource limit", error))?;
            let limit = limit.min(hard);
            setrlimit(resource, limit, limit).map_err(|error| Error::setup("set a resource limit", error))?;
        }
        Ok(())
    }
}
