//! Which way the kernel would send a packet: by which device, router and source address (RTM_GETROUTE, rtnetlink(7)).

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use rustix::net::netdevice::{index_to_name, name_to_index};

/// The way that the kernel chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// The device.
    pub interface: Option<String>,
    /// The next router; none where the target is on the link.
    pub gateway: Option<IpAddr>,
    /// The source address.
    pub source: Option<IpAddr>,
}

/// Why there is no way.
#[derive(Debug)]
pub(super) enum NoWay {
    /// The kernel says that there is none.
    Refused(io::Error),
    /// The kernel could not be asked; nothing is known.
    Unknown(io::Error),
}

thread_local! {
    /// The line to the kernel, kept between questions. A network namespace belongs to a thread, and is entered before
    /// the first question, so the line never leads into another one.
    static LINE: RefCell<Option<Socket>> = const { RefCell::new(None) };
}

/// Asks the kernel. It answers within the call that asks, so nothing is waited for.
pub(super) fn way(target: IpAddr, source: Option<IpAddr>, device: Option<&str>) -> Result<Way, NoWay> {
    let line = LINE.take().map_or_else(connected, Ok).map_err(NoWay::Unknown)?;
    let outcome = ask(&line, question(&line, (target, source, device)));
    // After a fault an answer may still be on its way; it must not be taken for that to the next question.
    if !matches!(outcome, Err(NoWay::Unknown(_))) {
        LINE.set(Some(line));
    }
    outcome
}

fn connected() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

fn ask(socket: &Socket, question: RouteMessage) -> Result<Way, NoWay> {
    let mut request =
        NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(RouteNetlinkMessage::GetRoute(question)));
    request.header.flags = NLM_F_REQUEST;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0).map_err(NoWay::Unknown)?;
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer.as_mut_slice(), 0).map_err(NoWay::Unknown)?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(buffer.get(..length).unwrap_or_default());
    let answer = answer.map_err(|error| NoWay::Unknown(io::Error::other(error.to_string())))?;
    if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) = &answer.payload {
        return Ok(read(socket, route));
    }
    if let NetlinkPayload::Error(refusal) = &answer.payload {
        return Err(sorted(refusal.to_io()));
    }
    Err(NoWay::Unknown(io::Error::other(format!("the kernel answered {:?}", answer.payload))))
}

fn question(socket: &Socket, (target, source, device): (IpAddr, Option<IpAddr>, Option<&str>)) -> RouteMessage {
    let mut message = RouteMessage::default();
    let bits = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    message.header.address_family = if target.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.destination_prefix_length = bits(target);
    message.attributes.push(RouteAttribute::Destination(RouteAddress::from(target)));
    if let Some(source) = source {
        message.header.source_prefix_length = bits(source);
        message.attributes.push(RouteAttribute::Source(RouteAddress::from(source)));
    }
    if let Some(index) = device.and_then(|device| name_to_index(socket, device).ok()) {
        message.attributes.push(RouteAttribute::Oif(index));
    }
    message
}

fn read(socket: &Socket, route: &RouteMessage) -> Way {
    let mut way = Way::default();
    for attribute in &route.attributes {
        if let RouteAttribute::Oif(index) = attribute {
            way.interface = index_to_name(socket, *index).ok();
        }
        if let RouteAttribute::Gateway(address) = attribute {
            way.gateway = plain(address);
        }
        if let RouteAttribute::PrefSource(address) = attribute {
            way.source = plain(address);
        }
    }
    way
}

fn plain(address: &RouteAddress) -> Option<IpAddr> {
    if let RouteAddress::Inet(v4) = address {
        return Some((*v4).into());
    }
    if let RouteAddress::Inet6(v6) = address { Some((*v6).into()) } else { None }
}

fn sorted(error: io::Error) -> NoWay {
    let no_way = [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::ESRCH, Errno::EACCES];
    let number = error.raw_os_error().map(Errno::from_raw);
    if number.is_some_and(|number| no_way.contains(&number)) { NoWay::Refused(error) } else { NoWay::Unknown(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_ourselves_leads_over_the_loopback_device() {
        let way = way("127.0.0.1".parse().unwrap(), None, None).unwrap();
        assert_eq!(way.interface.as_deref(), Some("lo"));
        assert_eq!((way.gateway, way.source), (None, Some("127.0.0.1".parse().unwrap())));
    }
}
