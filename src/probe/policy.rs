//! Which addresses may be tested. A test that connects wherever a customer says is a port scanner and a way into our
//! own networks; so every address is judged before any socket is opened, again after a name was resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::domain::address::{Class, Options, classify_ip};

/// Addresses under which clouds answer questions about the machine that asks, outside the rejected ranges: Amazon over
/// IPv6, Google over IPv6, Azure.
const METADATA: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Judges one address. `allow` lets through what is refused otherwise, except our `own` networks.
/// The error is the same sentence whatever listens there.
pub fn judge(address: IpAddr, allow: &[IpNet], own: &[IpNet]) -> Result<Class, String> {
    let address = address.to_canonical();
    let classified = classify_ip(address, Options::default());
    let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
    if within(own) {
        return Err(format!("{address} belongs to a network of our own"));
    }
    if within(allow) {
        return Ok(classified.class);
    }
    if METADATA.contains(&address) {
        return Err(format!("{address} is the metadata service of a cloud"));
    }
    match classified.class {
        Class::Private | Class::Public => Ok(classified.class),
        Class::Shared => Err(format!("{address} is shared address space, which only the tunnel can allow")),
        Class::Rejected => Err(classified.reason.unwrap_or_else(|| format!("{address} may not be tested"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<Class, String> {
        judge(text.parse().unwrap(), &[], &["10.99.0.0/24".parse().unwrap()])
    }

    #[test]
    fn dangerous_targets_are_refused() {
        for text in [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "169.254.169.254",
            "100.64.0.1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "224.0.0.1",
            "192.0.2.7",
            "fd00:ec2::254",
            "168.63.129.16",
            "100.100.100.200",
            "10.99.0.8",
        ] {
            assert!(verdict(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mail_servers_are_let_through() {
        assert_eq!(verdict("10.20.4.15"), Ok(Class::Private));
        assert_eq!(verdict("::ffff:10.20.4.15"), Ok(Class::Private));
        assert_eq!(verdict("9.9.9.9"), Ok(Class::Public));
    }

    #[test]
    fn what_is_allowed_never_opens_our_own_networks() {
        let any: Vec<IpNet> = vec!["0.0.0.0/0".parse().unwrap()];
        assert!(judge("127.0.0.1".parse().unwrap(), &any, &[]).is_ok());
        assert!(judge("10.99.0.8".parse().unwrap(), &any, &["10.99.0.0/24".parse().unwrap()]).is_err());
    }
}
