//! A TCP connection from the alerting IP, with every way it can fail named.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use crate::domain::cause::Cause;

/// A socket that leaves by the given address and device. No packet is sent yet. Where the address is not on this
/// machine the fault is ours; there is no fallback to another one.
pub(super) fn bound(
    remote: SocketAddr,
    source: Option<IpAddr>,
    device: Option<&str>,
) -> Result<TcpSocket, (Cause, String)> {
    let internal = |error: io::Error| (Cause::ProbeNotRun, format!("no socket: {error}"));
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(remote), kind, Some(Protocol::TCP)).map_err(internal)?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes())).map_err(|error| {
            if error.kind() == ErrorKind::PermissionDenied {
                return (Cause::ProbeNotRun, format!("binding to the device {device} is not permitted: {error}"));
            }
            (Cause::RouteTunnelDown, format!("the device {device} is not there: {error}"))
        })?;
    }
    if let Some(source) = source {
        if source.is_ipv4() != remote.is_ipv4() {
            let detail = format!("the alerting IP {source} and the server {} are of different families", remote.ip());
            return Err((Cause::RouteSourceMissing, detail));
        }
        socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| {
            (Cause::RouteSourceMissing, format!("the alerting IP {source} is not on this machine: {error}"))
        })?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// Connects before the deadline.
pub(super) async fn connect(
    socket: TcpSocket,
    remote: SocketAddr,
    deadline: Instant,
) -> Result<TcpStream, (Cause, String)> {
    match timeout_at(deadline, socket.connect(remote)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err((refusal(&error), error.to_string())),
        Err(_) => Err((Cause::TcpTimeout, "no answer to the connection attempt".to_owned())),
    }
}

fn refusal(error: &io::Error) -> Cause {
    const KINDS: &[(ErrorKind, Cause)] = &[
        (ErrorKind::ConnectionRefused, Cause::TcpRefused),
        (ErrorKind::ConnectionReset, Cause::TcpReset),
        (ErrorKind::ConnectionAborted, Cause::TcpReset),
        (ErrorKind::TimedOut, Cause::TcpTimeout),
        (ErrorKind::HostUnreachable, Cause::TcpNoRoute),
        (ErrorKind::NetworkUnreachable, Cause::TcpNoRoute),
        (ErrorKind::PermissionDenied, Cause::TcpRejectedByFirewall),
        (ErrorKind::AddrNotAvailable, Cause::RouteSourceMissing),
    ];
    KINDS.iter().find(|(kind, _)| *kind == error.kind()).map_or(Cause::ProbeNotRun, |(_, cause)| *cause)
}
