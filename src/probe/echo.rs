//! One ICMP echo from the alerting IP to the inside of the customer's gateway. Where it is answered, the tunnel carries
//! packets both ways, and what stayed silent lies behind it. No privileges are needed where the kernel's
//! `net.ipv4.ping_group_range` lets this program ask (icmp(7)); elsewhere nothing is learned.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::connect;
use super::request::ProbeRequest;
use crate::smtp::record::millis;
use crate::smtp::report::Echo;

/// How long the answer may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Type, code, checksum (filled in by the kernel), identifier (likewise), sequence number 1.
const REQUEST_V4: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 1];
const REQUEST_V6: [u8; 8] = [128, 0, 0, 0, 0, 0, 0, 1];

/// Asks; `None` where this program may not ask.
pub(super) async fn ask(request: &ProbeRequest, target: IpAddr, deadline: Instant) -> Option<Echo> {
    let remote = SocketAddr::new(target, 0);
    let (protocol, question) =
        if target.is_ipv4() { (Protocol::ICMPV4, REQUEST_V4) } else { (Protocol::ICMPV6, REQUEST_V6) };
    let socket = Socket::new(Domain::for_address(remote), Type::DGRAM, Some(protocol)).ok()?;
    socket.set_nonblocking(true).ok()?;
    connect::leave_by(&socket, request, remote).ok()?;
    let socket = UdpSocket::from_std(socket.into()).ok()?;
    socket.connect(remote).await.ok()?;
    let began = Instant::now();
    socket.send(&question).await.ok()?;
    let mut buffer = [0; 64];
    let answered = timeout_at((began + LIMIT).min(deadline), socket.recv(&mut buffer)).await;
    let ms = matches!(answered, Ok(Ok(_))).then(|| millis(began.elapsed()));
    Some(Echo { address: target.to_string(), ms })
}
