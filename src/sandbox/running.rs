//! A sandbox from the side of whoever asked for it: start it, talk to it, wait for it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{PipeReader, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{SockaddrIn, connect};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::channel::{Channel, Message};
use super::entry::{CONTROL, HELD, NAME, PLAN, REPLACED, SPAWNED};
use super::{Ending, Error, Sandbox};
use crate::held::HeldFolder;

/// The supervisors that are running, by process id, each with what it listens to; `None` once [`end_all`] was called.
static RUNNING: Mutex<Option<BTreeMap<u32, Channel>>> = Mutex::new(Some(BTreeMap::new()));

/// A sandbox that was started. When this value is dropped, everything inside is killed.
#[derive(Debug)]
pub struct Running {
    /// `None` once it was hung up.
    control: Option<Channel>,
    child: Child,
    merged: Option<PipeReader>,
    started: Option<u64>,
    outcome: Option<Result<Ending, Error>>,
}

/// Where the program's standard streams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the caller's own streams.
    Inherit,
    /// Nowhere, and nothing comes in.
    Null,
    /// Into a pipe each, and nothing comes in.
    Piped,
    /// Both into one pipe, and nothing comes in.
    Merged,
}

impl Sandbox {
    /// Starts the sandbox. Its processes are a group of their own, which the terminal does not interrupt; they end with
    /// this process, however that ends.
    pub fn spawn(&self, output: Output) -> Result<Running, Error> {
        let plan = self.plan()?;
        let (here, there) = Channel::pair()?;
        let mut command = self.command(SPAWNED);
        command.process_group(0);
        let mut merged = None;
        match output {
            Output::Inherit => {}
            Output::Null => {
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            }
            Output::Piped => {
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            }
            Output::Merged => {
                let failed = |error| Error::setup("make a pipe", error);
                let (reader, writer) = std::io::pipe().map_err(failed)?;
                let other = writer.try_clone().map_err(failed)?;
                command.stdin(Stdio::null()).stdout(writer).stderr(other);
                merged = Some(reader);
            }
        }
        hand_over(&mut command, vec![(plan.as_raw_fd(), PLAN), (raw(&there), CONTROL)]);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.as_mut().ok_or(Error::Interrupted)?;
        let listened_to = here.again()?;
        let child = command.spawn().map_err(|error| Error::Start { error: error.into() })?;
        running.insert(child.id(), listened_to);
        Ok(Running { control: Some(here), child, merged, started: None, outcome: None })
    }

    /// Starts the sandbox and waits for its end. Not for piped output, which nobody would read.
    pub fn run(&self, output: Output) -> Result<Ending, Error> {
        self.spawn(output)?.wait()
    }

    /// Becomes the sandbox: this very process is its supervisor from then on, with the caller's terminal, and its exit
    /// status is the program's, as `main` makes it from [`super::entry_point`]. `held` stays held to its end. Comes
    /// back only with an error.
    pub fn replace_process(&self, held: Option<&HeldFolder>) -> Error {
        match self.plan() {
            Ok(plan) => {
                let mut command = self.command(REPLACED);
                let held = held.map(|held| (held.as_fd().as_raw_fd(), HELD));
                hand_over(&mut command, held.into_iter().chain([(plan.as_raw_fd(), PLAN)]).collect());
                Error::Start { error: command.exec().into() }
            }
            Err(error) => error,
        }
    }

    fn command(&self, mode: &str) -> Command {
        let program = self.program.as_deref().unwrap_or(Path::new("/proc/self/exe"));
        let mut command = Command::new(program);
        command.arg0(OsStr::new(NAME)).arg(mode);
        command
    }

    /// This value in a file without a name.
    fn plan(&self) -> Result<OwnedFd, Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::Plan { reason: error.to_string() })?;
        let descriptor =
            memfd_create("plan", MFdFlags::MFD_CLOEXEC).map_err(|error| Error::setup("make a plan", error))?;
        #[expect(clippy::disallowed_types, reason = "the file has no path")]
        let mut file = std::fs::File::from(descriptor);
        file.write_all(&text).map_err(|error| Error::setup("write a plan", error))?;
        Ok(file.into())
    }
}

/// Has the process that `command` makes find descriptors at fixed numbers.
fn hand_over(command: &mut Command, descriptors: Vec<(RawFd, RawFd)>) {
    let hand = move || {
        // First out of the way of each other, then into place; dup2(2) clears close-on-exec.
        let mut copies = [0; 4];
        for ((from, _), copy) in descriptors.iter().zip(&mut copies) {
            // SAFETY: fcntl(2) is async-signal-safe and touches no memory.
            *copy = Errno::result(unsafe { nix::libc::fcntl(*from, nix::libc::F_DUPFD_CLOEXEC, 10) })?;
        }
        for ((_, to), copy) in descriptors.iter().zip(copies) {
            // SAFETY: dup2(2) likewise.
            Errno::result(unsafe { nix::libc::dup2(copy, *to) })?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure calls only fcntl and dup2, and allocates nothing.
    unsafe { command.pre_exec(hand) };
}

fn raw(channel: &Channel) -> RawFd {
    channel.as_fd().as_raw_fd()
}

impl Running {
    /// The pipes that [`Output::Piped`] asked for, of standard output and standard error.
    pub fn take_pipes(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// The pipe that [`Output::Merged`] asked for.
    pub fn take_output(&mut self) -> Option<PipeReader> {
        self.merged.take()
    }

    /// Waits until the program is executed: the time of that on the clock of [`monotonic_nanoseconds`], or `None` where
    /// it never came to it, which [`Running::wait`] explains.
    pub fn wait_for_start(&mut self) -> Result<Option<u64>, Error> {
        while self.started.is_none() && self.outcome.is_none() {
            self.hear()?;
        }
        Ok(self.started)
    }

    /// A connection to `port` of `address` in the network that the program sees.
    pub fn connect(&mut self, address: Ipv4Addr, port: u16) -> Result<Result<TcpStream, std::io::Error>, Error> {
        let Some(control) = self.control.as_ref().filter(|_| self.outcome.is_none()) else {
            return Ok(Err(std::io::ErrorKind::NotConnected.into()));
        };
        control.send(&Message::Socket);
        let socket = loop {
            if self.outcome.is_some() {
                return Ok(Err(std::io::ErrorKind::NotConnected.into()));
            }
            if let Some(socket) = self.hear()? {
                break socket;
            }
        };
        // A socket belongs to the network that it was made in, wherever it is connected from.
        let target = SockaddrIn::from(SocketAddrV4::new(address, port));
        Ok(match connect(socket.as_raw_fd(), &target) {
            Ok(()) => Ok(TcpStream::from(socket)),
            Err(error) => Err(error.into()),
        })
    }

    /// Waits for the end. When this returns, no process of the sandbox is left.
    pub fn wait(&mut self) -> Result<Ending, Error> {
        loop {
            if let Some(outcome) = &self.outcome {
                let outcome = outcome.clone();
                let _ = self.child.wait();
                return outcome;
            }
            self.hear()?;
        }
    }

    /// Whether it has ended, without waiting: then how.
    pub fn has_ended(&mut self) -> Result<bool, Error> {
        while let Some(control) = self.control.as_ref().filter(|_| self.outcome.is_none()) {
            let mut ready = [nix::poll::PollFd::new(control.as_fd(), nix::poll::PollFlags::POLLIN)];
            match nix::poll::poll(&mut ready, nix::poll::PollTimeout::ZERO) {
                Ok(0) => break,
                Ok(_) => {
                    self.hear()?;
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::setup("hear from the sandbox process", error)),
            }
        }
        Ok(self.outcome.is_some())
    }

    /// Kills everything inside and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(control) = self.control.take() {
            control.hang_up();
        }
        let _ = self.child.wait();
        if let Some(running) = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            running.remove(&self.child.id());
        }
    }

    /// Hears one message; gives the descriptor that came with it.
    fn hear(&mut self) -> Result<Option<OwnedFd>, Error> {
        let Some(control) = &self.control else {
            self.outcome = Some(Err(Error::Vanished { status: "killed".to_owned() }));
            return Ok(None);
        };
        match control.receive()? {
            Some((Message::Started { nanoseconds }, _)) => self.started = Some(nanoseconds),
            Some((Message::Ended(ending), _)) => self.outcome = Some(Ok(ending)),
            Some((Message::Failed(error), _)) => self.outcome = Some(Err(error)),
            Some((_, descriptor)) => return Ok(descriptor),
            None => {
                let status = self.child.wait().map(|status| status.to_string()).unwrap_or_default();
                self.outcome = Some(Err(Error::Vanished { status }));
            }
        }
        Ok(None)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ends every sandbox that this process has started and waits until nothing of them is left; none can be started
/// afterwards. For the moment of an interrupt, right before the program ends.
pub fn end_all() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
    running.values().for_each(Channel::hang_up);
    for supervisor in running.into_keys().filter_map(|id| i32::try_from(id).ok()) {
        // It stays to be waited for by whoever does so already.
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(Pid::from_raw(supervisor)), flags) == Err(Errno::EINTR) {}
    }
}

/// The monotonic clock, which runs the same inside and outside of a sandbox.
pub fn monotonic_nanoseconds() -> u64 {
    let mut time = nix::libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, which `time` is. With this clock and a valid pointer it cannot fail.
    unsafe { nix::libc::clock_gettime(nix::libc::CLOCK_MONOTONIC, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
