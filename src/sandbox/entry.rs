//! The sandbox's outermost process: what `main` becomes when the program was started again to be one.

use std::io::{Read as _, Seek as _};
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid};

use super::channel::{Channel, Message};
use super::ids::{Caller, Mapping};
use super::refusal::Cause;
use super::{Ending, Error, Network, Sandbox, init, network};

/// The name that tells `main` to become a sandbox.
pub(super) const NAME: &str = "apkbuild-sandbox";

/// First argument where somebody listens on [`CONTROL`].
pub(super) const SPAWNED: &str = "spawned";

/// First argument where nobody does, and the outcome is `main`'s.
pub(super) const REPLACED: &str = "replaced";

/// The descriptor on which the plan, a [`Sandbox`] in JSON, is read.
pub(super) const PLAN: i32 = 3;

/// The descriptor on which whoever spawned the sandbox listens.
pub(super) const CONTROL: i32 = 4;

/// The descriptor on which a folder is held, if one is: it is open as long as the supervisor lives, and nowhere inside.
pub(super) const HELD: i32 = 5;

/// Signals that are passed on to the program.
const PASSED_ON: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGWINCH,
];

/// How long pid 1 has to settle the files once everything inside was killed.
const GRACE: Duration = Duration::from_secs(20);

/// To be called before anything else in `main`, while there is one thread: if this process was started to be a sandbox,
/// it is one, and what comes back is how the program inside ended. Otherwise `None`.
///
/// It is no door for anybody: it does what the caller could do, and needs no privilege.
pub fn entry_point() -> Option<Result<Ending, Error>> {
    let mut arguments = std::env::args_os();
    if arguments.next()? != NAME {
        return None;
    }
    let spawned = arguments.next().is_some_and(|argument| argument == SPAWNED);
    if !spawned {
        let held = held();
        return Some(read_plan().and_then(|sandbox| of_image(&sandbox, supervise(&sandbox, None, held))));
    }
    // SAFETY: whoever spawned this process put the descriptor there, and nothing else has touched it.
    let control = Channel::from_descriptor(unsafe { OwnedFd::from_raw_fd(CONTROL) });
    let outcome = read_plan().and_then(|sandbox| of_image(&sandbox, supervise(&sandbox, Some(&control), None)));
    control.send(&outcome.map_or_else(Message::Failed, Message::Ended));
    std::process::exit(0)
}

/// The outcome, which names the image where that one is at fault.
fn of_image(sandbox: &Sandbox, outcome: Result<Ending, Error>) -> Result<Ending, Error> {
    outcome.map_err(|error| match &sandbox.image {
        Some(image) => error.of_image(image),
        None => error,
    })
}

/// What is on [`HELD`].
fn held() -> Option<OwnedFd> {
    // SAFETY: the call only looks; what is open there was put there by whoever started this process, and nothing else
    // has touched it.
    (unsafe { nix::libc::fcntl(HELD, nix::libc::F_GETFD) } >= 0).then(|| unsafe { OwnedFd::from_raw_fd(HELD) })
}

fn read_plan() -> Result<Sandbox, Error> {
    close_on_exec();
    let failed = |reason: String| Error::Plan { reason };
    // SAFETY: whoever started this process put the descriptor there, and nothing else has touched it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(PLAN) };
    #[expect(clippy::disallowed_types, reason = "the file has no path")]
    let mut file = std::fs::File::from(descriptor);
    let mut text = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut text)).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

/// Keeps every descriptor but the standard three from the program, whoever let them through to here.
fn close_on_exec() {
    // SAFETY: close_range(2) with CLOSE_RANGE_CLOEXEC touches no memory and closes nothing yet.
    unsafe {
        nix::libc::syscall(nix::libc::SYS_close_range, 3_u32, u32::MAX, nix::libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// Makes the namespaces and pid 1, and watches over it to its end.
fn supervise(sandbox: &Sandbox, control: Option<&Channel>, held: Option<OwnedFd>) -> Result<Ending, Error> {
    let deadline = sandbox.limits.time.map(|time| Instant::now() + time);
    let mut mask: SigSet = PASSED_ON.into_iter().collect();
    mask.add(Signal::SIGCHLD);
    mask.thread_block().map_err(|error| Error::setup("block signals", error))?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(|error| Error::setup("listen to signals", error))?;

    let mapping = Mapping::choose(sandbox)?;
    make_namespaces(sandbox, &mapping)?;

    let (here, there) = Channel::pair()?;
    // SAFETY: this process has one thread only, so its copy may do anything.
    let child = match unsafe { fork() }.map_err(|error| Error::setup("fork", error))? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            drop(here);
            // It leads out.
            drop(held);
            init::live(sandbox, &mapping, &there, &signals)
        }
    };
    drop(there);
    here.send(&Message::Go);
    let mut watch = Watch { child, init: &here, signals: &signals, control, deadline, grace: None, last: None };
    let ending = watch.until_the_end();
    if ending.is_err() {
        let _ = kill(child, Signal::SIGKILL);
    }
    ending
}

fn make_namespaces(sandbox: &Sandbox, mapping: &Mapping) -> Result<(), Error> {
    let caller = Caller::new();
    let mapper = mapping.prepare()?;
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if sandbox.network == Network::None {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    unshare(flags).map_err(|error| Error::Refused { cause: Cause::of(error) })?;
    let Some(mapper) = mapper else { return caller.map_alone(sandbox.account.uid, sandbox.account.gid) };
    mapper.map()?;
    let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
    set_groups(&[])
        .and_then(|()| setresgid(group, group, group))
        .and_then(|()| setresuid(root, root, root))
        .map_err(|error| Error::setup("become root inside", error))
}

/// Takes `groups` for supplementary ones, where that has not been given up for good by whoever made the namespace that
/// this is in (user_namespaces(7), `setgroups`).
pub(super) fn set_groups(groups: &[Gid]) -> nix::Result<()> {
    match setgroups(groups) {
        Err(Errno::EPERM) => Ok(()),
        result => result,
    }
}

/// What the supervisor looks at while the program runs.
struct Watch<'sandbox> {
    child: Pid,
    init: &'sandbox Channel,
    signals: &'sandbox SignalFd,
    control: Option<&'sandbox Channel>,
    deadline: Option<Instant>,
    /// Once pid 1 was told to end everything: until when it has time for that.
    grace: Option<Instant>,
    /// The last that pid 1 or the program said about the end.
    last: Option<Message>,
}

impl Watch<'_> {
    fn until_the_end(&mut self) -> Result<Ending, Error> {
        let mut timed_out = false;
        let mut init_speaks = true;
        loop {
            match waitpid(self.child, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
                Ok(status) => {
                    // What it said last may still lie there.
                    while init_speaks {
                        init_speaks = self.listen_to_init()?;
                    }
                    return match self.last.take() {
                        _ if timed_out => Ok(Ending::TimedOut),
                        Some(Message::Ended(ending)) => Ok(ending),
                        Some(Message::Failed(error)) => Err(error),
                        _ => Err(Error::Vanished { status: format!("{status:?}") }),
                    };
                }
                Err(error) => return Err(Error::setup("wait for the sandbox", error)),
            }
            let now = Instant::now();
            if self.grace.is_none() && self.deadline.is_some_and(|deadline| deadline <= now) {
                timed_out = true;
                self.hang_up();
            }
            if self.grace.is_some_and(|grace| grace <= now) {
                let _ = kill(self.child, Signal::SIGKILL);
            }
            let remaining = self.grace.or(self.deadline).and_then(|until| until.checked_duration_since(now));
            let (init_ready, control_ready) = self.wait(remaining.filter(|time| !time.is_zero()), init_speaks)?;
            init::pass_on(self.signals, self.child)?;
            if init_ready {
                init_speaks = self.listen_to_init()?;
            }
            if control_ready {
                self.answer()?;
            }
        }
    }

    /// Waits for anything; says whether pid 1 and whether whoever spawned us has something to say.
    fn wait(&self, remaining: Option<Duration>, init_speaks: bool) -> Result<(bool, bool), Error> {
        // Rounded up, so that the time is over when the wait is.
        let timeout = remaining.map_or(PollTimeout::NONE, |time| {
            PollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        let mut ready = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let init_place = init_speaks.then(|| {
            ready.push(PollFd::new(self.init.as_fd(), PollFlags::POLLIN));
            ready.len() - 1
        });
        let control_place = self.control.map(|control| {
            ready.push(PollFd::new(control.as_fd(), PollFlags::POLLIN));
            ready.len() - 1
        });
        match poll(&mut ready, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(Error::setup("wait for the program", error)),
        }
        let is_ready =
            |place: Option<usize>| place.and_then(|place| ready.get(place)).and_then(PollFd::any).unwrap_or(false);
        Ok((is_ready(init_place), is_ready(control_place)))
    }

    /// Hears one message of pid 1 or the program; `false` when both are done speaking.
    fn listen_to_init(&mut self) -> Result<bool, Error> {
        match self.init.receive()? {
            None => return Ok(false),
            Some((message @ Message::Started { .. }, _)) => {
                if let Some(control) = self.control {
                    control.send(&message);
                }
            }
            // A failure to execute is followed by pid 1's word that its child ended; the failure is the news.
            Some((message, _)) => {
                if !matches!(self.last, Some(Message::Failed(_))) {
                    self.last = Some(message);
                }
            }
        }
        Ok(true)
    }

    /// Tells pid 1 to end everything inside and to leave the files as they should be left.
    fn hang_up(&mut self) {
        self.init.hang_up();
        self.grace.get_or_insert_with(|| Instant::now() + GRACE);
    }

    /// Answers whoever spawned us; when they are gone, so is everything here.
    fn answer(&mut self) -> Result<(), Error> {
        let Some(control) = self.control else { return Ok(()) };
        match control.receive()? {
            Some((Message::Socket, _)) => match network::tcp_socket() {
                Ok(socket) => control.send_with(&Message::Socket, Some(socket.as_fd())),
                Err(error) => control.send(&Message::Failed(error)),
            },
            Some((_, _)) => {}
            None => {
                self.control = None;
                self.hang_up();
            }
        }
        Ok(())
    }
}
