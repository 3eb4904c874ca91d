//! Judgement over everything that one name resolved to.

use std::net::IpAddr;

use super::{Class, Classified, Options, classify_ip};

/// What the addresses of one name amount to. Addresses are normalized (IPv4-mapped becomes IPv4) and without doubles,
/// in the order of the answer; all of them belong on the whitelist, and a probe tries each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The name has no address.
    Nothing,
    /// Every address is private.
    AllPrivate(Vec<IpAddr>),
    /// Every address is shared space.
    AllShared(Vec<IpAddr>),
    /// Every address is public.
    AllPublic(Vec<IpAddr>),
    /// Usable addresses of different classes: refused, and the customer picks one.
    Mixed(Vec<Classified>),
    /// At least one address is rejected, which refuses the whole answer.
    Rejected(Vec<Classified>),
}

impl Answers {
    /// The one class of the answer; None where there is none to act on.
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::AllPrivate(_) => Some(Class::Private),
            Self::AllShared(_) => Some(Class::Shared),
            Self::AllPublic(_) => Some(Class::Public),
            Self::Rejected(_) => Some(Class::Rejected),
            Self::Nothing | Self::Mixed(_) => None,
        }
    }
}

/// Judges all addresses of one answer together.
pub fn judge_answers(addresses: &[IpAddr], options: Options) -> Answers {
    let addresses = normalized(addresses);
    let each: Vec<Classified> = addresses.iter().map(|&address| classify_ip(address, options)).collect();
    let Some(class) = each.first().map(|first| first.class) else { return Answers::Nothing };
    if each.iter().any(|one| one.class == Class::Rejected) {
        return Answers::Rejected(each);
    }
    if each.iter().any(|one| one.class != class) {
        return Answers::Mixed(each);
    }
    match class {
        Class::Private => Answers::AllPrivate(addresses),
        Class::Shared => Answers::AllShared(addresses),
        Class::Public => Answers::AllPublic(addresses),
        Class::Rejected => Answers::Rejected(each),
    }
}

/// Whether a name still means the same class of server as when it was saved. False asks for `address.class_changed`:
/// sending is refused, whatever the new addresses are.
pub fn same_class(before: &[IpAddr], after: &[IpAddr], options: Options) -> bool {
    let before = judge_answers(before, options).class();
    before.is_some() && before == judge_answers(after, options).class()
}

/// The resolved addresses that are not in the approved set. Falling back inside the approved set is fine; an address
/// outside of it is not dialed.
pub fn unapproved(approved: &[IpAddr], resolved: &[IpAddr]) -> Vec<IpAddr> {
    let approved = normalized(approved);
    normalized(resolved).into_iter().filter(|address| !approved.contains(address)).collect()
}

fn normalized(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut unique = Vec::with_capacity(addresses.len());
    for address in addresses.iter().map(IpAddr::to_canonical) {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    unique
}
