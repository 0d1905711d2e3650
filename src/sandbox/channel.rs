//! The words that the processes of a sandbox say to each other: JSON over a socket that keeps messages apart, with a
//! file descriptor beside a message where one is wanted. When one side dies, the other sees the end.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType, recvmsg, sendmsg,
    shutdown, socketpair,
};
use serde::{Deserialize, Serialize};

use super::{Ending, Error};

/// Longer messages than this do not occur; what is longer is cut off and not understood.
const LONGEST: usize = 64 << 10;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// The other side may go on.
    Go,
    /// What was asked for is done.
    Done,
    /// The program is executed now, at this time of the monotonic clock.
    Started { nanoseconds: u64 },
    /// The program ended.
    Ended(Ending),
    /// The sandbox could not be set up, or the program not be executed.
    Failed(Error),
    /// Asks for a TCP socket of the sandbox's network; the answer carries it.
    Socket,
}

/// One end of such a socket.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

impl Channel {
    /// Two ends, neither of which survives an exec.
    pub(super) fn pair() -> Result<(Self, Self), Error> {
        let (one, other) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(|error| Error::setup("make a socket pair", error))?;
        Ok((Self(one), Self(other)))
    }

    /// The end that `descriptor` is.
    pub(super) fn from_descriptor(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Says `message`. Nobody listening is no failure: whoever should is gone, and what follows from that is decided
    /// where the end is seen.
    pub(super) fn send(&self, message: &Message) {
        self.send_with(message, None);
    }

    /// Says `message` with a descriptor beside it.
    pub(super) fn send_with(&self, message: &Message, descriptor: Option<BorrowedFd<'_>>) {
        let Ok(text) = serde_json::to_vec(message) else { return };
        let descriptors: Vec<i32> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let rights = if descriptors.is_empty() { &[][..] } else { &rights[..] };
        while sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(&text)], rights, MsgFlags::MSG_NOSIGNAL, None)
            == Err(Errno::EINTR)
        {}
    }

    /// Says no more: the other side sees the end, whoever else holds this one.
    pub(super) fn hang_up(&self) {
        // Whoever is gone has seen it.
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Write);
    }

    /// The same end once more.
    pub(super) fn again(&self) -> Result<Self, Error> {
        self.0.try_clone().map(Self).map_err(|error| Error::setup("keep a socket", error))
    }

    /// The next message, with the descriptor beside it; `None` when the other side is gone.
    pub(super) fn receive(&self) -> Result<Option<(Message, Option<OwnedFd>)>, Error> {
        let mut buffer = vec![0; LONGEST];
        let mut space = nix::cmsg_space!([i32; 1]);
        let (length, descriptor) = loop {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            match recvmsg::<()>(self.0.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
                Ok(received) => {
                    let mut descriptor = None;
                    for message in received.cmsgs().into_iter().flatten() {
                        if let ControlMessageOwned::ScmRights(descriptors) = message {
                            // SAFETY: the kernel has just made these for us, and nobody else knows them.
                            descriptor =
                                descriptors.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).next();
                        }
                    }
                    break (received.bytes, descriptor);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::ECONNRESET) => return Ok(None),
                Err(error) => return Err(Error::setup("hear from the sandbox process", error)),
            }
        };
        if length == 0 {
            return Ok(None);
        }
        let text = buffer.get(..length).unwrap_or_default();
        let message = serde_json::from_slice(text).map_err(|error| Error::Plan { reason: error.to_string() })?;
        Ok(Some((message, descriptor)))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_the_end_is_seen() {
        let (one, other) = Channel::pair().unwrap();
        let failed = Message::Failed(Error::CommandNotFound { command: "x".repeat(3000), path: "/bin".to_owned() });
        one.send(&failed);
        one.send_with(&Message::Socket, Some(one.as_fd()));
        assert_eq!(other.receive().unwrap().unwrap().0, failed);
        let (message, descriptor) = other.receive().unwrap().unwrap();
        assert_eq!(message, Message::Socket);
        // The descriptor is the first end itself: what is said on it arrives here.
        let again = Channel::from_descriptor(descriptor.unwrap());
        drop(one);
        again.send(&Message::Go);
        assert_eq!(other.receive().unwrap().unwrap().0, Message::Go);
        again.again().unwrap().hang_up();
        assert!(other.receive().unwrap().is_none());
        drop(again);
        other.send(&Message::Go);
    }
}
