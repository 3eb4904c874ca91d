//! A connection (TCP, or a UDP socket) from the alerting IP, with every way it can fail named.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::request::ProbeRequest;
use crate::domain::cause::Cause;
use crate::smtp::report::RefusedBy;

/// Where the kernel says that an error came from an ICMP message (`SO_EE_ORIGIN_ICMP`, `SO_EE_ORIGIN_ICMP6`; ip(7)).
const ORIGIN_ICMP: [u8; 2] = [2, 3];

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct Failure {
    /// The cause as far as this connection shows it.
    pub cause: Cause,
    /// What was seen.
    pub detail: String,
    /// The router, firewall or host that said so.
    pub refused_by: Option<RefusedBy>,
}

impl Failure {
    fn new(cause: Cause, detail: String) -> Self {
        Self { cause, detail, refused_by: None }
    }
}

/// A socket that leaves by the alerting IP and device of the request. No packet is sent yet. Where the address is not on
/// this machine the fault is ours; there is no fallback to another one.
pub(super) fn bound(
    request: &ProbeRequest,
    (remote, protocol): (SocketAddr, Protocol),
) -> Result<Socket, (Cause, String)> {
    let internal = |error: io::Error| (Cause::ProbeNotRun, format!("no socket: {error}"));
    let kind = if protocol == Protocol::UDP { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(Domain::for_address(remote), kind.nonblocking(), Some(protocol)).map_err(internal)?;
    leave_by(&socket, request, remote)?;
    Ok(socket)
}

/// Binds any socket to the alerting IP and device of the request.
pub(super) fn leave_by(socket: &Socket, request: &ProbeRequest, remote: SocketAddr) -> Result<(), (Cause, String)> {
    if let Some(device) = request.device.as_deref() {
        socket.bind_device(Some(device.as_bytes())).map_err(|error| {
            if error.kind() == ErrorKind::PermissionDenied {
                return (Cause::ProbeNotRun, format!("binding to the device {device} is not permitted: {error}"));
            }
            (Cause::RouteTunnelDown, format!("the device {device} is not there: {error}"))
        })?;
    }
    let Some(source) = request.source else { return Ok(()) };
    if source.is_ipv4() != remote.is_ipv4() {
        let detail = format!("the alerting IP {source} and the server {} are of different families", remote.ip());
        return Err((Cause::RouteSourceMissing, detail));
    }
    socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| {
        (Cause::RouteSourceMissing, format!("the alerting IP {source} is not on this machine: {error}"))
    })
}

/// Datagrams to one receiver: a socket that is not connected never hears of a refusal. Nothing is sent here.
pub(super) fn datagrams(socket: Socket, remote: SocketAddr) -> Result<UdpSocket, (Cause, String)> {
    socket.connect(&remote.into()).map_err(|error| (cause_of(&error), format!("{}: {error}", remote.ip())))?;
    UdpSocket::from_std(socket.into()).map_err(|error| (Cause::ProbeNotRun, format!("no socket: {error}")))
}

/// Connects before the deadline.
pub(super) async fn connect(socket: Socket, remote: SocketAddr, deadline: Instant) -> Result<TcpStream, Failure> {
    let internal = |error: io::Error| Failure::new(Cause::ProbeNotRun, format!("no connection: {error}"));
    remember_errors(&socket, remote, true).map_err(internal)?;
    match socket.connect(&remote.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => {
            return Err(refusal(&socket, remote, &error));
        }
        Ok(()) | Err(_) => {}
    }
    // The stream owns the socket from here on, whether it connects or not, and with it the queue of its errors.
    let stream = TcpStream::from_std(socket.into()).map_err(internal)?;
    let outcome = match timeout_at(deadline, stream.writable()).await {
        // An ICMP error that comes within the system call is queued, but does not end the attempt.
        Err(_) => Err(io::Error::new(ErrorKind::TimedOut, "no answer to the connection attempt")),
        Ok(ready) => ready.and_then(|()| stream.take_error()).and_then(|error| error.map_or(Ok(()), Err)),
    };
    match outcome {
        Err(error) => Err(refusal(&stream, remote, &error)),
        Ok(()) => {
            // From here on an ICMP error is a hint that TCP itself weighs, not the end of the connection.
            remember_errors(&stream, remote, false).map_err(internal)?;
            Ok(stream)
        }
    }
}

/// Whether the kernel keeps ICMP errors with their sender for us.
fn remember_errors(socket: &impl AsFd, remote: SocketAddr, on: bool) -> io::Result<()> {
    let fd = socket.as_fd();
    let set = if remote.is_ipv4() { setsockopt(&fd, Ipv4RecvErr, &on) } else { setsockopt(&fd, Ipv6RecvErr, &on) };
    set.map_err(io::Error::from)
}

fn refusal(socket: &impl AsRawFd, remote: SocketAddr, error: &io::Error) -> Failure {
    let refused_by = sender_of_error(socket);
    let cause = match &refused_by {
        Some(by) => cause_of_icmp(by, remote),
        None => cause_of(error),
    };
    let detail = match &refused_by {
        Some(by) => format!("{error}; {} said so (ICMP type {}, code {})", by.address, by.icmp_type, by.icmp_code),
        None => error.to_string(),
    };
    Failure { cause, detail, refused_by }
}

/// Reads the error queue: who sent the ICMP error, if it was one. A reset leaves the queue empty.
fn sender_of_error(socket: &impl AsRawFd) -> Option<RefusedBy> {
    let mut control = vec![0_u8; 256];
    let mut payload = [0_u8; 64];
    let mut slices = [IoSliceMut::new(&mut payload)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags).ok()?;
    message.cmsgs().ok()?.find_map(|control| {
        if let ControlMessageOwned::Ipv4RecvErr(error, sender) = control {
            let address = sender.map(|sender| IpAddr::from(Ipv4Addr::from(u32::from_be(sender.sin_addr.s_addr))));
            return said(error.ee_origin, error.ee_type, error.ee_code, address);
        }
        if let ControlMessageOwned::Ipv6RecvErr(error, sender) = control {
            let address = sender.map(|sender| IpAddr::from(Ipv6Addr::from(sender.sin6_addr.s6_addr)));
            return said(error.ee_origin, error.ee_type, error.ee_code, address);
        }
        None
    })
}

fn said(origin: u8, icmp_type: u8, icmp_code: u8, address: Option<IpAddr>) -> Option<RefusedBy> {
    let address = address.filter(|_| ORIGIN_ICMP.contains(&origin))?;
    Some(RefusedBy { address: address.to_string(), icmp_type, icmp_code })
}

/// Destination unreachable: what the code says (RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3.1).
fn cause_of_icmp(by: &RefusedBy, remote: SocketAddr) -> Cause {
    // Network, protocol or host unknown or unreachable: a router that knows no way. A host unreachable that the last
    // router sends means that no such host answers there.
    match (remote.is_ipv4(), by.icmp_type, by.icmp_code) {
        (true, 3, 0 | 5 | 6 | 11) | (false, 1, 0 | 2) => Cause::RouteGatewayNoRoute,
        (true, 3, 1 | 7 | 8 | 12) | (false, 1, 3) => Cause::TcpNoRoute,
        (true, 3, _) | (false, 1, _) => Cause::TcpRejectedByFirewall,
        (_, _, _) => Cause::TcpNoRoute,
    }
}

pub(super) fn cause_of(error: &io::Error) -> Cause {
    const KINDS: &[(ErrorKind, Cause)] = &[
        (ErrorKind::ConnectionRefused, Cause::TcpRefused),
        (ErrorKind::ConnectionReset, Cause::TcpReset),
        (ErrorKind::ConnectionAborted, Cause::TcpReset),
        (ErrorKind::TimedOut, Cause::TcpTimeout),
        (ErrorKind::HostUnreachable, Cause::TcpNoRoute),
        // No ICMP message came, so our own routing table says it.
        (ErrorKind::NetworkUnreachable, Cause::RouteNoRoute),
        // A filter on this machine.
        (ErrorKind::PermissionDenied, Cause::TunnelNotEntered),
        (ErrorKind::AddrNotAvailable, Cause::RouteSourceMissing),
    ];
    KINDS.iter().find(|(kind, _)| *kind == error.kind()).map_or(Cause::ProbeNotRun, |(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_hosts_and_firewalls_are_told_apart_by_the_code() {
        let cause = |remote: &str, icmp_type, icmp_code| {
            let by = RefusedBy { address: "10.20.0.1".to_owned(), icmp_type, icmp_code };
            cause_of_icmp(&by, SocketAddr::new(remote.parse().unwrap(), 25))
        };
        assert_eq!(cause("10.20.0.25", 3, 0), Cause::RouteGatewayNoRoute);
        assert_eq!(cause("10.20.0.25", 3, 1), Cause::TcpNoRoute);
        for code in [2, 3, 9, 10, 13] {
            assert_eq!(cause("10.20.0.25", 3, code), Cause::TcpRejectedByFirewall, "{code}");
        }
        assert_eq!(cause("fd00::25", 1, 0), Cause::RouteGatewayNoRoute);
        assert_eq!(cause("fd00::25", 1, 1), Cause::TcpRejectedByFirewall);
        assert_eq!(cause("fd00::25", 1, 4), Cause::TcpRejectedByFirewall);
    }
}
