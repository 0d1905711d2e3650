//! The loopback of a network namespace of its own.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::{Error, OUTSIDE_ADDRESS};

/// Brings the loopback up (netdevice(7)) and gives it [`OUTSIDE_ADDRESS`] besides.
pub(super) fn raise_loopback() -> Result<(), Error> {
    let socket = tcp_socket()?;
    raise(&socket).map_err(|error| Error::setup("bring up the loopback", error))?;
    add_address(&socket, OUTSIDE_ADDRESS).map_err(|error| Error::setup("give the loopback an address", error))
}

/// A TCP socket of the network that this process is in.
pub(super) fn tcp_socket() -> Result<OwnedFd, Error> {
    socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
        .map_err(|error| Error::setup("make a socket", error))
}

fn raise(socket: &OwnedFd) -> Result<(), Errno> {
    let mut request = request("lo");
    // SAFETY: both calls read and write one `ifreq`, which `request` is, through a pointer that lives as long.
    unsafe {
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request))?;
        request.ifr_ifru.ifru_flags |= (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request))?;
    }
    Ok(())
}

fn add_address(socket: &OwnedFd, address: Ipv4Addr) -> Result<(), Errno> {
    // An alias: the first address stays.
    let mut alias = request("lo:0");
    let inet = |address: Ipv4Addr| {
        let inet = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
            sin_zero: [0; 8],
        };
        // SAFETY: both are plain 16-byte socket addresses; a `sockaddr` is the general form of a `sockaddr_in`.
        unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(inet) }
    };
    alias.ifr_ifru.ifru_addr = inet(address);
    // SAFETY: the calls read one `ifreq` through a pointer that lives as long.
    unsafe {
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFADDR as _, &raw const alias))?;
        alias.ifr_ifru.ifru_netmask = inet(Ipv4Addr::BROADCAST);
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFNETMASK as _, &raw const alias))?;
    }
    Ok(())
}

/// An empty request about the interface `name`, which must be shorter than 16 bytes.
fn request(name: &str) -> libc::ifreq {
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    request
}
