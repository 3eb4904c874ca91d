//! strongSwan's VICI protocol, as far as the command `list-sas` needs it: packets with a length over a Unix socket, and
//! messages of sections, lists and values (`src/libcharon/plugins/vici/README.md` of strongSwan).

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// The most of one packet; the protocol itself allows 512 KiB.
const MAX_PACKET: usize = 512 * 1024;
/// More security associations than any gateway holds; an answer without an end is no answer.
const MAX_EVENTS: usize = 10_000;

const CMD_REQUEST: u8 = 0;
const CMD_RESPONSE: u8 = 1;
const EVENT_REGISTER: u8 = 3;
const EVENT_CONFIRM: u8 = 5;
const EVENT: u8 = 7;

const SECTION_START: u8 = 1;
const SECTION_END: u8 = 2;
const KEY_VALUE: u8 = 3;
const LIST_START: u8 = 4;
const LIST_ITEM: u8 = 5;
const LIST_END: u8 = 6;

/// Part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A value.
    Value(String),
    /// Values without names.
    List(Vec<String>),
    /// Named parts, in their order.
    Section(Section),
}

/// Named parts, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section(pub Vec<(String, Node)>);

impl Section {
    /// A value by its name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(key, node)| match node {
            Node::Value(value) if key == name => Some(value.as_str()),
            Node::Value(_) | Node::List(_) | Node::Section(_) => None,
        })
    }

    /// A value that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.parse().ok()
    }

    /// A list by its name; empty where there is none.
    pub(super) fn list(&self, name: &str) -> &[String] {
        let found = self.0.iter().find_map(|(key, node)| match node {
            Node::List(list) if key == name => Some(list.as_slice()),
            Node::Value(_) | Node::List(_) | Node::Section(_) => None,
        });
        found.unwrap_or_default()
    }

    /// The sections inside, with their names.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Section)> {
        self.0.iter().filter_map(|(key, node)| match node {
            Node::Section(section) => Some((key.as_str(), section)),
            Node::Value(_) | Node::List(_) => None,
        })
    }
}

/// Every security association, one section each, under the name of its connection.
pub(super) async fn list_sas(socket: &Path) -> Result<Vec<Section>, String> {
    let mut stream = UnixStream::connect(socket).await.map_err(|error| format!("cannot connect: {error}"))?;
    send(&mut stream, &[vec![EVENT_REGISTER], named("list-sa")].concat()).await?;
    if receive(&mut stream).await?.first() != Some(&EVENT_CONFIRM) {
        return Err("the event list-sa is not known there".to_owned());
    }
    // Without `noblock` the answer waits for an association that is being set up.
    let only_readable = [vec![KEY_VALUE], named("noblock"), vec![0, 3], b"yes".to_vec()].concat();
    send(&mut stream, &[vec![CMD_REQUEST], named("list-sas"), only_readable].concat()).await?;
    let mut events = Vec::new();
    while events.len() < MAX_EVENTS {
        let packet = receive(&mut stream).await?;
        match packet.split_first() {
            Some((&EVENT, rest)) => {
                let (_, message) = counted(rest)?;
                events.push(message_of(message)?);
            }
            Some((&CMD_RESPONSE, _)) => break,
            _ => return Err("the command list-sas is not known there".to_owned()),
        }
    }
    Ok(events)
}

async fn send(stream: &mut UnixStream, packet: &[u8]) -> Result<(), String> {
    let length = u32::try_from(packet.len()).map_err(|error| error.to_string())?.to_be_bytes();
    let sent = stream.write_all(&[&length, packet].concat()).await;
    sent.map_err(|error| format!("cannot ask: {error}"))
}

async fn receive(stream: &mut UnixStream) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("no answer: {error}");
    let length = usize::try_from(stream.read_u32().await.map_err(failed)?).map_err(|error| error.to_string())?;
    if length > MAX_PACKET {
        return Err(format!("an answer of {length} octets is no VICI"));
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await.map_err(failed)?;
    Ok(packet)
}

/// A name with its length in front; our own names are short.
fn named(name: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(name.len()).unwrap_or(u8::MAX)];
    bytes.extend(name.bytes());
    bytes
}

/// A text with one octet of length in front, and what follows it.
fn counted(bytes: &[u8]) -> Result<(String, &[u8]), String> {
    let (length, rest) = bytes.split_first().ok_or_else(cut)?;
    let (text, rest) = rest.split_at_checked(usize::from(*length)).ok_or_else(cut)?;
    Ok((String::from_utf8_lossy(text).into_owned(), rest))
}

/// A value with two octets of length in front, and what follows it.
fn value(bytes: &[u8]) -> Result<(String, &[u8]), String> {
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or_else(cut)?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(cut)?;
    Ok((String::from_utf8_lossy(text).into_owned(), rest))
}

fn cut() -> String {
    "a message ends in the middle".to_owned()
}

/// Reads a message. Open sections stand on a stack, so that depth costs no stack of ours.
pub(super) fn message_of(mut bytes: &[u8]) -> Result<Section, String> {
    let mut open: Vec<(String, Section)> = Vec::new();
    let mut current = Section::default();
    let mut list: Option<(String, Vec<String>)> = None;
    while let Some((kind, rest)) = bytes.split_first() {
        bytes = match (*kind, &mut list) {
            (LIST_ITEM, Some((_, items))) => {
                let (item, rest) = value(rest)?;
                items.push(item);
                rest
            }
            (LIST_END, Some(_)) => {
                if let Some((name, items)) = list.take() {
                    current.0.push((name, Node::List(items)));
                }
                rest
            }
            (KEY_VALUE, None) => {
                let (name, rest) = counted(rest)?;
                let (text, rest) = value(rest)?;
                current.0.push((name, Node::Value(text)));
                rest
            }
            (LIST_START, None) => {
                let (name, rest) = counted(rest)?;
                list = Some((name, Vec::new()));
                rest
            }
            (SECTION_START, None) => {
                let (name, rest) = counted(rest)?;
                open.push((name, std::mem::take(&mut current)));
                rest
            }
            (SECTION_END, None) => {
                let (name, outer) = open.pop().ok_or("a section ends that never began")?;
                let inner = std::mem::replace(&mut current, outer);
                current.0.push((name, Node::Section(inner)));
                rest
            }
            (kind, _) => return Err(format!("an element of kind {kind} is not expected here")),
        };
    }
    if open.is_empty() && list.is_none() { Ok(current) } else { Err(cut()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(kind: u8, name: &str) -> Vec<u8> {
        [vec![kind], named(name)].concat()
    }

    fn text(bytes: &str) -> Vec<u8> {
        [u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec(), bytes.as_bytes().to_vec()].concat()
    }

    #[test]
    fn sections_lists_and_values_are_read() {
        let message = [
            element(SECTION_START, "s2s"),
            element(KEY_VALUE, "state"),
            text("ESTABLISHED"),
            element(LIST_START, "local-ts"),
            vec![LIST_ITEM],
            text("10.0.0.0/8"),
            vec![LIST_END],
            vec![SECTION_END],
        ]
        .concat();
        let read = message_of(&message).unwrap();
        let (name, inner) = read.sections().next().unwrap();
        assert_eq!(
            (name, inner.value("state"), inner.list("local-ts")),
            ("s2s", Some("ESTABLISHED"), &["10.0.0.0/8".to_owned()][..])
        );
        for end in 1..message.len() {
            assert!(message_of(&message[..end]).is_err(), "cut at {end}");
        }
        assert!(message_of(&[SECTION_END]).is_err() && message_of(&[LIST_END]).is_err() && message_of(&[99]).is_err());
    }
}
