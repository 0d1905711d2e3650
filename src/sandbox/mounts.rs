//! What pid 1 of a sandbox sees as its file system: the root, a /proc, the least of a /dev, an empty /tmp.
//!
//! Every mount point is looked up inside the root (openat2(2) with RESOLVE_IN_ROOT), so that a symbolic link in an
//! image cannot lead a mount onto the host. A mount point that is missing is made.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{chdir, fchdir, pivot_root, symlinkat};

use super::error::KernelError;
use super::inside::{open_below, open_root};
use super::refusal::Cause;
use super::scratch;
use super::{Error, Network, OUTSIDE_ADDRESS, Sandbox};

/// Devices that programs count on. All but the terminal are harmless to share.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Links in /dev, and where they lead.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Where something is always mounted over what the root has.
const COVERED: [&str; 3] = ["/dev", "/proc", "/tmp"];

/// Parts of /proc through which root of the host could change the host (the same as every engine's).
const PROC_READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Parts of /proc in which root of the host could read the host's secrets.
const PROC_HIDDEN: [&str; 4] = ["kcore", "keys", "sched_debug", "timer_list"];

/// Mounts everything and makes the root `/`. `host_root` says that root inside is root of the host to the kernel. What
/// comes back is the root as it lies there.
pub(super) fn enter(sandbox: &Sandbox, host_root: bool) -> Result<BareRoot, Error> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|error| denied("the host's mounts", "/", error))?;
    let root_error = |error: Errno| Error::Root { root: sandbox.root.display().to_string(), error: error.into() };
    let bare = open_root(&sandbox.root).map_err(root_error)?;
    mount(Some(&sandbox.root), &sandbox.root, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .map_err(|error| denied("the root", "/", error))?;
    let inside = Inside { root: open_root(&sandbox.root).map_err(root_error)?, made: RefCell::default() };

    inside.devices()?;
    inside.processes(host_root)?;
    inside.fresh("/tmp", "mode=1777")?;
    inside.names(sandbox)?;
    for path in &sandbox.scratch {
        let old = inside.folder(path)?;
        scratch::cover(&old, path, || inside.folder(path))?;
    }
    for bind in &sandbox.binds {
        inside.bind(&bind.source, &bind.target, bind.read_only)?;
    }
    if !sandbox.read_only {
        inside.folder(&sandbox.working_directory)?;
        // That one is to stay.
        inside.made.borrow_mut().retain(|made| !sandbox.working_directory.starts_with(made));
    }
    let read_only = if sandbox.read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    remount(&inside.root, MsFlags::MS_NOSUID | MsFlags::MS_NODEV | read_only)
        .map_err(|error| denied("the root", "/", error))?;

    // What was made in something mounted goes with it; below it, the root may have the same of its own.
    let is_covered = |made: &PathBuf| COVERED.iter().any(|place| made.starts_with(place) && made != Path::new(place));
    inside.made.borrow_mut().retain(|made| !is_covered(made));

    // The old root comes to lie on top of the new one, at the same place, and is taken off (pivot_root(2)).
    fchdir(&inside.root).map_err(|error| Error::setup("enter the root", error))?;
    pivot_root(".", ".").map_err(|error| Error::setup("exchange the roots", error))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(|error| Error::setup("leave the host's root", error))?;
    chdir("/").map_err(|error| Error::setup("enter the root", error))?;
    Ok(BareRoot { folder: bare, made: inside.made.into_inner() })
}

/// The root without anything mounted in it. It leads out of the sandbox.
pub(super) struct BareRoot {
    /// The folder.
    pub folder: OwnedFd,
    /// Mount points that were made in it, parents first.
    pub made: Vec<PathBuf>,
}

/// The root that is to be, as an open folder.
struct Inside {
    root: OwnedFd,
    made: RefCell<Vec<PathBuf>>,
}

impl Inside {
    fn devices(&self) -> Result<(), Error> {
        self.fresh("/dev", "mode=0755,size=65536")?;
        let folder = self.folder(Path::new("/dev"))?;
        for name in DEVICES {
            let device = Path::new("/dev").join(name);
            if device.exists() {
                // Read-only: a device is written to all the same, but not its mode or owner.
                self.bind_with(&device, &device, MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC)?;
            }
        }
        for (name, target) in DEVICE_LINKS {
            symlinkat(target, &folder, name).map_err(|error| Error::setup(format!("make /dev/{name}"), error))?;
        }
        self.fresh("/dev/shm", "mode=1777")?;
        let terminals = self.folder(Path::new("/dev/pts"))?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        mount_on(&terminals, Some("devpts"), "devpts", flags, Some("newinstance,ptmxmode=0666,mode=0620"))
            .map_err(|error| denied("devpts", "/dev/pts", error))
    }

    fn processes(&self, host_root: bool) -> Result<(), Error> {
        let path = Path::new("/proc");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        match mount_on(&self.folder(path)?, Some("proc"), "proc", flags, None) {
            Ok(()) => {}
            // Where parts of /proc are masked, as in a container, no other may be mounted; the masked one may be shown.
            Err(Errno::EPERM | Errno::EACCES) => {
                let target = self.folder(path)?;
                mount_on(&target, Some("/proc"), "none", MsFlags::MS_BIND | MsFlags::MS_REC, None)
                    .map_err(|error| denied("proc", "/proc", error))?;
            }
            Err(error) => return Err(denied("proc", "/proc", error)),
        }
        if !host_root {
            return Ok(());
        }
        for name in PROC_READ_ONLY {
            let part = path.join(name);
            if part.exists() {
                let target = self.existing(&part).map_err(|error| denied("proc", name, error))?;
                bind_on(&target, &descriptor_path(&target), MsFlags::MS_REC)
                    .and_then(|()| remount(&self.existing(&part)?, MsFlags::MS_RDONLY))
                    .map_err(|error| denied("proc", name, error))?;
            }
        }
        for name in PROC_HIDDEN {
            let part = path.join(name);
            if self.existing(&part).is_ok() {
                self.bind_with(Path::new("/dev/null"), &part, MsFlags::MS_RDONLY | MsFlags::MS_NOSUID)?;
            }
        }
        Ok(())
    }

    /// The files by which programs find addresses: the host's where its network is seen, and always the own host name,
    /// for which a program would otherwise ask a server that is not there.
    fn names(&self, sandbox: &Sandbox) -> Result<(), Error> {
        let resolver = Path::new("/etc/resolv.conf");
        let hosts = Path::new("/etc/hosts");
        let (known, own) = match sandbox.network {
            Network::Host => {
                if resolver.exists() {
                    self.bind(resolver, resolver, true)?;
                }
                (fs_err::read_to_string(hosts).unwrap_or_default(), Ipv4Addr::LOCALHOST)
            }
            Network::None => ("127.0.0.1\tlocalhost\n::1\tlocalhost\n".to_owned(), OUTSIDE_ADDRESS),
        };
        // The mount keeps the file, whose name is gone again before the program sees it.
        let failed = |error: std::io::Error| Error::file("write /etc/hosts", error);
        let text = format!("{}\n{own}\t{}\n", known.trim_end(), sandbox.host_name);
        let folder = self.folder(Path::new("/dev"))?;
        let file = descriptor_path(&folder).join("hosts");
        fs_err::write(&file, text).map_err(failed)?;
        self.bind(&file, hosts, true)?;
        fs_err::remove_file(&file).map_err(failed)
    }

    /// An empty file system in memory over `path`.
    fn fresh(&self, path: &str, options: &str) -> Result<(), Error> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount_on(&self.folder(Path::new(path))?, Some("tmpfs"), "tmpfs", flags, Some(options))
            .map_err(|error| denied("tmpfs", path, error))
    }

    fn bind(&self, source: &Path, target: &Path, read_only: bool) -> Result<(), Error> {
        let flag = if read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
        self.bind_with(source, target, MsFlags::MS_NOSUID | MsFlags::MS_NODEV | flag)
    }

    fn bind_with(&self, source: &Path, target: &Path, flags: MsFlags) -> Result<(), Error> {
        let failed = |error| denied(&format!("`{}`", source.display()), &target.display().to_string(), error);
        let place = if source.is_dir() { self.folder(target)? } else { self.file(target)? };
        bind_on(&place, source, MsFlags::MS_REC).map_err(failed)?;
        self.existing(target).and_then(|mounted| remount(&mounted, flags)).map_err(failed)
    }

    /// What lies at `path` now, topmost mount included.
    fn existing(&self, path: &Path) -> Result<OwnedFd, Errno> {
        open_below(&self.root, path, OFlag::O_PATH)
    }

    /// The folder at `path`, made with its parents where it is missing.
    fn folder(&self, path: &Path) -> Result<OwnedFd, Error> {
        let failed = |error| Error::setup(format!("make the folder `{}`", path.display()), error);
        match self.existing(path) {
            Ok(folder) if is_folder(&folder) => return Ok(folder),
            Ok(_) => return Err(in_the_way(path, "it is not a folder")),
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(in_the_way(path, &KernelError::from(error).to_string())),
        }
        let parent = match path.parent() {
            Some(parent) if parent != path => self.folder(parent)?,
            _ => return Err(failed(Errno::ENOENT)),
        };
        let Some(Component::Normal(name)) = path.components().next_back() else { return Err(failed(Errno::EINVAL)) };
        mkdirat(&parent, name, Mode::from_bits_truncate(0o755)).map_err(|error| match error {
            Errno::EEXIST => in_the_way(path, "it is a link that leads nowhere"),
            error => failed(error),
        })?;
        self.made.borrow_mut().push(path.to_owned());
        self.existing(path).map_err(failed)
    }

    /// The file at `path`, made empty where it is missing.
    fn file(&self, path: &Path) -> Result<OwnedFd, Error> {
        let failed = |error| Error::setup(format!("make the file `{}`", path.display()), error);
        match self.existing(path) {
            Ok(file) if !is_folder(&file) => return Ok(file),
            Ok(_) => return Err(in_the_way(path, "it is a folder, not a file")),
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(in_the_way(path, &KernelError::from(error).to_string())),
        }
        let parent = self.folder(path.parent().unwrap_or(Path::new("/")))?;
        let Some(Component::Normal(name)) = path.components().next_back() else { return Err(failed(Errno::EINVAL)) };
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(&parent, name, flags, Mode::from_bits_truncate(0o644)) {
            Ok(_) => self.made.borrow_mut().push(path.to_owned()),
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(failed(error)),
        }
        self.existing(path).map_err(failed)
    }
}

fn is_folder(found: &OwnedFd) -> bool {
    fstat(found.as_fd()).is_ok_and(|status| status.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits())
}

fn in_the_way(path: &Path, found: &str) -> Error {
    Error::MountPoint { path: path.display().to_string(), found: found.to_owned() }
}

/// The name under which mount(2) finds an open file.
pub(super) fn descriptor_path(descriptor: &OwnedFd) -> std::path::PathBuf {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd()).into()
}

/// Mounts over what `target` is.
pub(super) fn mount_on(
    target: &OwnedFd,
    source: Option<&str>,
    kind: &str,
    flags: MsFlags,
    options: Option<&str>,
) -> Result<(), Errno> {
    mount(source, &descriptor_path(target), Some(kind), flags, options)
}

fn bind_on(target: &OwnedFd, source: &Path, flags: MsFlags) -> Result<(), Errno> {
    mount(Some(source), &descriptor_path(target), None::<&str>, MsFlags::MS_BIND | flags, None::<&str>)
}

/// Adds `flags` to the mount that `target` is the root of. Those that it has must be given again: the kernel lets
/// nobody take them away who did not set them (mount_namespaces(7)).
fn remount(target: &OwnedFd, flags: MsFlags) -> Result<(), Errno> {
    let present = fstatvfs(target.as_fd())?.flags();
    let mut kept = MsFlags::empty();
    for (has, keeps) in [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ] {
        if present.contains(has) {
            kept |= keeps;
        }
    }
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | kept | flags;
    mount(None::<&str>, &descriptor_path(target), None::<&str>, flags, None::<&str>)
}

fn denied(what: &str, target: &str, error: Errno) -> Error {
    if matches!(error, Errno::EPERM | Errno::EACCES)
        && let Some(cause) = Cause::of_denied_mount()
    {
        return Error::Refused { cause };
    }
    Error::Mount { what: what.to_owned(), target: target.to_owned(), error: error.into() }
}
