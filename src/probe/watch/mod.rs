//! What the program that runs a tunnel says about it: up since when, for which networks, and how many packets went in
//! and came out. Only read, never changed.
//!
//! Reading order: this file, then `vici` (strongSwan's protocol), `raw` (the same data as text of `swanctl`),
//! `strongswan` and `wireguard` (from their data to a `State`).

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

use super::request::TunnelFacts;
use crate::smtp::report::TunnelReport;

mod raw;
mod strongswan;
mod vici;
mod wireguard;

/// How long the program may take to answer; the packets of a test wait for it.
const LIMIT: Duration = Duration::from_secs(2);

/// What runs the tunnels of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Nothing that can be asked.
    #[default]
    None,
    /// strongSwan, by its VICI socket.
    StrongSwan {
        /// The socket, `/run/charon.vici` unless configured otherwise.
        socket: PathBuf,
    },
    /// strongSwan, by its command, where the socket is not to be opened by this process.
    Swanctl {
        /// What `swanctl --uri` takes.
        uri: String,
    },
    /// WireGuard, by its command `wg`.
    WireGuard {
        /// The device.
        device: String,
    },
}

/// A tunnel as it is at one moment.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// For people, and for the stored report.
    pub report: TunnelReport,
    /// Pairs of networks that it carries: ours, theirs. `None` on one side: that side is not known here.
    pub carries: Vec<(Option<Vec<IpNet>>, Vec<IpNet>)>,
    /// What went in and came out.
    pub counters: Option<Counters>,
    /// True where nothing came out of it for so long that it may be asleep.
    pub idle: bool,
}

/// What went in and came out, counted one way or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counters {
    /// Packets (strongSwan).
    Packets {
        /// Into the tunnel.
        out: u64,
        /// Out of it.
        back: u64,
    },
    /// Octets with everything that the tunnel adds (WireGuard).
    Octets {
        /// Into the tunnel.
        out: u64,
        /// Out of it.
        back: u64,
    },
}

impl Watch {
    /// Reads `none`, `strongswan:SOCKET`, `swanctl:URI` or `wireguard:DEVICE`.
    ///
    /// # Errors
    /// A sentence with what was received and what is possible.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("strongswan", socket)) if !socket.is_empty() => Ok(Self::StrongSwan { socket: socket.into() }),
            Some(("swanctl", uri)) if !uri.is_empty() => Ok(Self::Swanctl { uri: uri.to_owned() }),
            Some(("wireguard", device)) if is_device(device) => Ok(Self::WireGuard { device: device.to_owned() }),
            _ => Err(format!(
                "received {text:?}; give none, strongswan:SOCKET, swanctl:URI or wireguard:DEVICE, \
                 for example strongswan:/run/charon.vici"
            )),
        }
    }

    /// The tunnel to the gateway on record, or the one that carries the target. `None` where nothing can be asked. Takes
    /// no longer than until `end`, and never more than two seconds.
    ///
    /// # Errors
    /// A sentence that says why the state could not be read; nothing is known then.
    pub(super) async fn look(
        &self,
        facts: &TunnelFacts,
        target: IpAddr,
        now: DateTime<Utc>,
        end: Instant,
    ) -> Result<Option<State>, String> {
        let asked = timeout_at(end.min(Instant::now() + LIMIT), self.ask(facts, target, now)).await;
        asked.unwrap_or_else(|_elapsed| Err(format!("{self:?} gave no answer in time")))
    }

    async fn ask(&self, facts: &TunnelFacts, target: IpAddr, now: DateTime<Utc>) -> Result<Option<State>, String> {
        let state = match self {
            Self::None => return Ok(None),
            Self::StrongSwan { socket } => {
                let events = vici::list_sas(socket).await;
                let events = events.map_err(|error| format!("strongSwan at {}: {error}", socket.display()))?;
                strongswan::state(&events, facts, target, now)
            }
            Self::Swanctl { uri } => {
                let text = output("swanctl", &["--list-sas", "--raw", "--noblock", "--uri", uri]).await?;
                let events = raw::parse(&text).map_err(|error| format!("the answer of swanctl: {error}"))?;
                strongswan::state(&events, facts, target, now)
            }
            Self::WireGuard { device } => {
                wireguard::state(&output("wg", &["show", device, "dump"]).await?, facts, now)?
            }
        };
        Ok(Some(state))
    }
}

impl FromStr for Watch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl State {
    /// Whether the tunnel carries packets from the source to the target.
    pub(super) fn covers(&self, source: Option<IpAddr>, target: IpAddr) -> bool {
        self.carries.iter().any(|(local, remote)| {
            let ours = match (local, source) {
                (Some(networks), Some(source)) => networks.iter().any(|network| network.contains(&source)),
                (None, _) | (_, None) => true,
            };
            ours && remote.iter().any(|network| network.contains(&target))
        })
    }
}

impl Counters {
    /// Into the tunnel and out of it, since an earlier look. `None` where the count began anew in between, as it does
    /// when keys are renewed.
    pub(super) fn since(self, earlier: Self) -> Option<(u64, u64)> {
        let (Self::Packets { out, back } | Self::Octets { out, back }) = self;
        let (Self::Packets { out: out_before, back: back_before }
        | Self::Octets { out: out_before, back: back_before }) = earlier;
        Some((out.checked_sub(out_before)?, back.checked_sub(back_before)?))
    }

    /// The least that this many connection attempts (SYN) of ours add.
    pub(super) fn least_for(self, attempts: u64) -> u64 {
        match self {
            Self::Packets { .. } => attempts,
            // A SYN is at least 40 octets; WireGuard pads to 16 and adds 32 (whitepaper, section 5.4.6).
            Self::Octets { .. } => attempts * 80,
        }
    }
}

/// A name that the kernel takes for a device, and no option of a command.
fn is_device(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

async fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let running = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = running.await.map_err(|error| format!("{program} cannot be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program}: {}", said.lines().next().unwrap_or("failed without a word")));
    }
    String::from_utf8(output.stdout).map_err(|_error| format!("{program}: the answer is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_the_tunnel_is_read_strictly() {
        assert_eq!(Watch::parse("none"), Ok(Watch::None));
        assert_eq!(
            Watch::parse("strongswan:/run/charon.vici"),
            Ok(Watch::StrongSwan { socket: "/run/charon.vici".into() })
        );
        assert_eq!(Watch::parse("swanctl:unix:///run/x"), Ok(Watch::Swanctl { uri: "unix:///run/x".to_owned() }));
        assert_eq!(Watch::parse("wireguard:wg0"), Ok(Watch::WireGuard { device: "wg0".to_owned() }));
        for text in
            ["", "strongswan", "strongswan:", "wireguard:-h", "wireguard:a/b", "wireguard:abcdefghijklmnop", "x:y"]
        {
            assert!(Watch::parse(text).unwrap_err().contains(text), "{text}");
        }
    }

    #[test]
    fn a_count_that_began_anew_says_nothing() {
        let before = Counters::Packets { out: 10, back: 5 };
        assert_eq!(Counters::Packets { out: 14, back: 5 }.since(before), Some((4, 0)));
        assert_eq!(Counters::Packets { out: 1, back: 0 }.since(before), None);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = output("postern-has-no-such-program", &[]).await.unwrap_err();
        assert!(error.starts_with("postern-has-no-such-program cannot be run"), "{error}");
    }
}
