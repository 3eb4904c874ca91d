//! Alerting IPs: the addresses that the vendor's alerts come from, each with a state and dates. Customers copy them into
//! filters, so one is announced before it is used, and honoured until nobody depends on it.

pub mod campaign;
pub mod feed;

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::words::words;

words! {
    /// Which alerts come from an address.
    pub enum Purpose {
        /// All of them.
        Alerting = "alerting",
        /// Alert mail only.
        Smtp = "smtp",
        /// SYSLOG messages only.
        Syslog = "syslog",
    }
}

words! {
    /// How far an address has come in its life.
    pub enum IpState {
        /// Announced: let it in, nothing comes from it yet.
        Planned = "planned",
        /// Alerts come from it.
        Active = "active",
        /// Being replaced: alerts may still come from it.
        Retiring = "retiring",
        /// Nothing comes from it any more.
        Retired = "retired",
    }
}

words! {
    /// What happened to an address; the word that its history and the feeds use.
    pub enum IpAct {
        /// It was put on the register, in use already.
        Added = "added",
        /// It was announced.
        Planned = "planned",
        /// Its first day came.
        Started = "started",
        /// Its end was announced.
        Ending = "ending",
        /// One of its dates has moved.
        Moved = "moved",
        /// Something else about it was corrected.
        Corrected = "corrected",
        /// Its end was called off.
        Kept = "kept",
        /// Its announcement was taken back.
        Withdrawn = "withdrawn",
        /// It is out of use.
        Retired = "retired",
    }
}

/// An address or network of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertingIp {
    /// What people call it; counts from 1.
    pub number: i64,
    /// The address as a network of its own, or a prefix.
    pub network: IpNet,
    /// Which alerts come from it.
    pub purpose: Purpose,
    /// Where in the world it is, in the vendor's words.
    pub region: Option<String>,
    /// How far it has come.
    pub state: IpState,
    /// From when on alerts come from it.
    pub from: DateTime<Utc>,
    /// Until when alerts may come from it, once that is known.
    pub until: Option<DateTime<Utc>>,
    /// The number of the address that it replaces.
    pub replaces: Option<i64>,
    /// Whether the lists that everybody reads show it. Others are for those whose tunnels use them.
    pub is_published: bool,
    /// Counts up with each change: SEQUENCE of RFC 5545.
    pub sequence: i64,
    /// When it was last changed.
    pub changed_at: DateTime<Utc>,
}

/// Why a step is not possible; a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The step does not fit the state.
    #[error("{network} is {state}: {advice}")]
    State {
        /// The address.
        network: String,
        /// Its state.
        state: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Somebody depends on it.
    #[error("{tunnels} tunnels use {network}. Replace it there first, by a change of the alerting IP")]
    InUse {
        /// The address.
        network: String,
        /// How many tunnels.
        tunnels: i64,
    },
}

impl AlertingIp {
    /// The address as people copy it: without its length where it is a single one.
    pub fn shown(&self) -> String {
        shown(self.network)
    }

    /// Whether it is one address.
    pub fn is_single(&self) -> bool {
        self.network.prefix_len() == self.network.max_prefix_len()
    }

    /// Whether a filter has to let it in.
    pub fn is_to_be_let_in(&self) -> bool {
        match self.state {
            IpState::Planned | IpState::Active | IpState::Retiring => true,
            IpState::Retired => false,
        }
    }

    /// What the passing of time does to it; none where nothing is due.
    pub fn due(&self, now: DateTime<Utc>) -> Option<IpState> {
        (self.state == IpState::Planned && self.from <= now).then_some(IpState::Active)
    }

    /// The state after it has been named as replaced by another one.
    ///
    /// # Errors
    /// [`Refused::State`] unless it is in use.
    pub fn ending(&self) -> Result<IpState, Refused> {
        match self.state {
            IpState::Active | IpState::Retiring => Ok(IpState::Retiring),
            IpState::Planned => Err(self.refuse("take its announcement back instead of replacing it")),
            IpState::Retired => Err(self.refuse("nothing comes from it any more")),
        }
    }

    /// The state after its replacement was called off.
    ///
    /// # Errors
    /// [`Refused::State`] where it is out of use.
    pub fn kept(&self) -> Result<IpState, Refused> {
        match self.state {
            IpState::Active | IpState::Retiring => Ok(IpState::Active),
            IpState::Planned | IpState::Retired => Err(self.refuse("only an address in use can be kept")),
        }
    }

    /// Whether what is known of it may be corrected.
    ///
    /// # Errors
    /// [`Refused::State`] where it is out of use.
    pub fn correctable(&self) -> Result<(), Refused> {
        match self.state {
            IpState::Planned | IpState::Active | IpState::Retiring => Ok(()),
            IpState::Retired => Err(self.refuse("add it again instead")),
        }
    }

    /// The state after it was taken out of use, with the number of tunnels that name it.
    ///
    /// # Errors
    /// [`Refused::InUse`] where a tunnel names it; [`Refused::State`] where it is retired already.
    pub fn retired(&self, tunnels: i64) -> Result<(IpState, IpAct), Refused> {
        let act = match self.state {
            IpState::Planned => IpAct::Withdrawn,
            IpState::Active | IpState::Retiring => IpAct::Retired,
            IpState::Retired => return Err(self.refuse("nothing is left to do")),
        };
        if tunnels > 0 {
            return Err(Refused::InUse { network: self.shown(), tunnels });
        }
        Ok((IpState::Retired, act))
    }

    fn refuse(&self, advice: &'static str) -> Refused {
        Refused::State { network: self.shown(), state: self.state.as_str(), advice }
    }
}

/// A network as people copy it: without its length where it is a single address.
pub fn shown(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn address(state: IpState) -> AlertingIp {
        let at = "2026-11-25T10:00:00Z".parse().unwrap();
        AlertingIp {
            number: 1,
            network: "198.51.100.24/32".parse().unwrap(),
            purpose: Purpose::Alerting,
            region: None,
            state,
            from: at,
            until: None,
            replaces: None,
            is_published: true,
            sequence: 0,
            changed_at: at,
        }
    }

    #[test]
    fn an_address_goes_one_way_and_is_out_of_use_only_when_nobody_names_it() {
        use IpState::{Active, Planned, Retired, Retiring};
        let ending = [Planned, Active, Retiring, Retired].map(|state| address(state).ending().ok());
        assert_eq!(ending, [None, Some(Retiring), Some(Retiring), None]);
        let kept = [Planned, Active, Retiring, Retired].map(|state| address(state).kept().ok());
        assert_eq!(kept, [None, Some(Active), Some(Active), None]);
        let out = [Planned, Active, Retiring, Retired].map(|state| address(state).retired(0).ok());
        assert_eq!(
            out,
            [Some((Retired, IpAct::Withdrawn)), Some((Retired, IpAct::Retired)), Some((Retired, IpAct::Retired)), None]
        );
        for state in [Planned, Active, Retiring] {
            let refused = address(state).retired(3).unwrap_err();
            assert!(refused.to_string().starts_with("3 tunnels use 198.51.100.24"), "{refused}");
        }
    }

    #[test]
    fn only_time_starts_a_planned_address() {
        let at = address(IpState::Planned).from;
        let second = chrono::TimeDelta::seconds(1);
        assert_eq!(address(IpState::Planned).due(at - second), None);
        assert_eq!(address(IpState::Planned).due(at), Some(IpState::Active));
        assert_eq!(address(IpState::Retiring).due(at + second), None);
    }
}
