//! Pid 1 of a sandbox: makes the inside, starts the program, passes signals on, reaps what is orphaned, and takes
//! everything inside with it when it ends.

use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{set_dumpable, set_pdeathsig};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, sethostname};

use super::channel::{Channel, Message};
use super::ids::Mapping;
use super::settle::Settlement;
use super::{Ending, Error, Network, Sandbox, mounts, network, privileges, program};

/// Lives as pid 1. What happens is said on `channel`.
pub(super) fn live(sandbox: &Sandbox, mapping: &Mapping, channel: &Channel, signals: &SignalFd) -> ! {
    let word = match run(sandbox, mapping, channel, signals) {
        Ok(ending) => Message::Ended(ending),
        Err(error) => Message::Failed(error),
    };
    channel.send(&word);
    // SAFETY: ends this process at once, without running what belongs to its parent.
    unsafe { nix::libc::_exit(0) }
}

fn run(sandbox: &Sandbox, mapping: &Mapping, channel: &Channel, signals: &SignalFd) -> Result<Ending, Error> {
    set_pdeathsig(Signal::SIGKILL).map_err(|error| Error::setup("die with the supervisor", error))?;
    // The supervisor may be gone already, and then nobody will ever send that signal.
    if !matches!(channel.receive()?, Some((Message::Go, _))) {
        // SAFETY: as above.
        unsafe { nix::libc::_exit(0) }
    }
    let settlement = Settlement::of(&sandbox.owners)?;
    let bare_root = mounts::enter(sandbox, mapping.is_host_root())?;
    // Without a settlement it is dropped at once: it leads out.
    let settlement = settlement.map(|settlement| (settlement, bare_root));
    if let Some((settlement, root)) = &settlement {
        settlement.begin(root)?;
    }
    sethostname(&sandbox.host_name).map_err(|error| Error::setup("set the host name", error))?;
    if sandbox.network == Network::None {
        network::raise_loopback()?;
    }
    // SAFETY: this process has one thread only, so its copy may do anything.
    let child = match unsafe { fork() }.map_err(|error| Error::setup("fork", error))? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let Err(error) = program::become_program(sandbox, mapping, channel);
            channel.send(&Message::Failed(error));
            // SAFETY: as above.
            unsafe { nix::libc::_exit(127) }
        }
    };
    // What the program could otherwise use of this process is given up.
    let needed = if settlement.is_some() { privileges::KILL | privileges::SETTLE } else { privileges::KILL };
    privileges::bound(needed)?;
    privileges::keep(needed)?;
    set_dumpable(false).map_err(|error| Error::setup("hide from the program", error))?;
    let ending = watch(child, signals, channel)?;
    if let Some((settlement, root)) = settlement {
        kill_the_rest();
        settlement.finish(&root)?;
    }
    Ok(ending)
}

/// Kills every other process inside and waits until all are gone.
fn kill_the_rest() {
    // To everybody but the caller, in this namespace of processes.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    while matches!(waitpid(None::<Pid>, None), Ok(_) | Err(Errno::EINTR)) {}
}

/// Passes signals on to `child` and reaps, until `child` ends, or until the supervisor hangs up, which wants it killed.
fn watch(child: Pid, signals: &SignalFd, supervisor: &Channel) -> Result<Ending, Error> {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => {
                return Ok(Ending::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => return Ok(Ending::Signalled(signal as i32)),
            Ok(WaitStatus::StillAlive) => {
                let mut ready = [signals.as_fd(), supervisor.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
                match poll(&mut ready, PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => pass_on(signals, child)?,
                    Err(error) => return Err(Error::setup("wait for signals", error)),
                }
                if ready[1].any() == Some(true) && supervisor.receive()?.is_none() {
                    return Ok(Ending::Signalled(Signal::SIGKILL as i32));
                }
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(Error::setup("wait for the program", error)),
        }
    }
}

/// Passes the signals that have come on to `child`, but for news of children, and what came from the terminal, which
/// told `child` as well.
pub(super) fn pass_on(signals: &SignalFd, child: Pid) -> Result<(), Error> {
    while let Some(signal) = signals.read_signal().map_err(|error| Error::setup("read signals", error))? {
        let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
        if let Ok(number) = Signal::try_from(number)
            && number != Signal::SIGCHLD
            && signal.ssi_code != nix::libc::SI_KERNEL
        {
            // It may have just ended.
            let _ = kill(child, number);
        }
    }
    Ok(())
}
