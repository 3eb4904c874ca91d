//! Slows guessing down without giving strangers a way to hold an owner out (OWASP: device cookies).
//!
//! Failures are counted per account and source address, per source address, and over everybody. A browser that signed in
//! to the account before shows a signed cookie and is counted by itself, so it passes while strangers wait. Every try is
//! counted before it is looked at and taken back when it was good: tries that come at once gain nothing.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use subtle::ConstantTimeEq as _;

use super::{App, Error, token};
use crate::domain::id::PersonId;
use crate::domain::throttle::{Scope, brake};
use crate::mail::keyed;
use crate::store::{Tx, throttle};

/// How long a browser is known by its cookie.
pub const KNOWN_FOR: TimeDelta = TimeDelta::days(180);
/// Failures that nobody has waited for since are forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(1);
/// The subject under which the failures of all strange browsers are counted.
const EVERYBODY: &str = "everybody";

/// Where a try comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The source address, where one is known.
    pub address: Option<IpAddr>,
    /// The family of the browser, in our words.
    pub browser: &'static str,
    /// The cookie by which a browser is known, as it came.
    pub device: Option<String>,
}

impl Origin {
    /// The address as text.
    pub fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_canonical().to_string())
    }
}

/// What one try is counted under.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    own: Vec<(Scope, String)>,
    is_known: bool,
}

impl Subjects {
    /// For an account, which `person` says where there is one.
    pub(super) fn of(app: &App, email: &str, person: Option<PersonId>, origin: &Origin) -> Self {
        let device = origin.device.as_deref().filter(|text| person.is_some_and(|person| is_known(app, person, text)));
        if let Some(device) = device {
            let subject = format!("device:{}", token::fingerprint(&[device.as_bytes()]));
            return Self { own: vec![(Scope::Device, subject)], is_known: true };
        }
        let source = source(origin.address);
        let account = email.to_lowercase();
        let pair = token::fingerprint(&[account.as_bytes(), source.as_bytes()]);
        let own = vec![(Scope::Address, format!("address:{source}")), (Scope::Pair, format!("pair:{pair}"))];
        Self { own, is_known: false }
    }

    /// The same for a code, whose sender knows the password already.
    pub(super) fn with_codes(mut self, person: PersonId) -> Self {
        if !self.is_known {
            self.own.push((Scope::Codes, format!("codes:{person}")));
        }
        self
    }

    /// For the owner of a session who is to prove again who it is.
    pub(super) fn session(token_hash: &[u8]) -> Self {
        let subject = format!("session:{}", token::fingerprint(&[token_hash]));
        Self { own: vec![(Scope::Session, subject)], is_known: true }
    }

    /// Counts a try as failed, before it is looked at.
    ///
    /// # Errors
    /// [`Error::Throttled`] where it comes too early; then it is not counted.
    pub(super) async fn count(&self, tx: &mut Tx, at: DateTime<Utc>) -> Result<(), Error> {
        // Held in one order everywhere, so that two tries never wait for each other.
        for (scope, subject) in &self.own {
            let tally = throttle::hold(tx, subject, at).await?;
            if let Some(next_at) = tally.waits(at) {
                return Err(Error::Throttled(next_at));
            }
            throttle::set(tx, subject, tally.failed(*scope, at)).await?;
        }
        if !self.is_known {
            let tally = throttle::hold(tx, EVERYBODY, at).await?;
            if let Some(next_at) = brake::waits(tally, at) {
                return Err(Error::Throttled(next_at));
            }
            throttle::set(tx, EVERYBODY, brake::failed(tally, at)).await?;
        }
        Ok(())
    }

    /// Takes the count of a good try back. Where `is_owner`, the try proved who it was, and what others failed at under
    /// the same account and browser or address is forgotten too.
    pub(super) async fn take_back(&self, tx: &mut Tx, is_owner: bool, at: DateTime<Utc>) -> Result<(), Error> {
        for (scope, subject) in &self.own {
            match scope {
                Scope::Pair | Scope::Device | Scope::Codes | Scope::Session if is_owner => {
                    throttle::clear(tx, subject).await?;
                }
                // An address is not forgiven for the failures at other accounts.
                Scope::Pair | Scope::Device | Scope::Codes | Scope::Session | Scope::Address => {
                    let tally = throttle::hold(tx, subject, at).await?;
                    throttle::set(tx, subject, tally.taken_back(at)).await?;
                }
            }
        }
        if !self.is_known {
            let mut tally = throttle::hold(tx, EVERYBODY, at).await?;
            tally.failures = (tally.failures - 1).max(0);
            throttle::set(tx, EVERYBODY, tally).await?;
        }
        Ok(())
    }
}

/// What an address is counted as: of IPv6 the /64 that one customer of a provider has, since its hosts choose the rest.
fn source(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A cookie by which the browser is known to this account from here on.
pub(super) fn device(app: &App, person: PersonId) -> String {
    let nonce = token::fresh();
    let made = app.now().timestamp();
    format!("{nonce}.{made}.{}", signature(app, person, &nonce, made))
}

fn is_known(app: &App, person: PersonId, text: &str) -> bool {
    let mut parts = text.split('.');
    let (Some(nonce), Some(made), Some(signed), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Ok(made) = made.parse::<i64>() else { return false };
    let is_ours = bool::from(signature(app, person, nonce, made).as_bytes().ct_eq(signed.as_bytes()));
    let age = app.now().timestamp().saturating_sub(made);
    is_ours && (0..=KNOWN_FOR.num_seconds()).contains(&age)
}

fn signature(app: &App, person: PersonId, nonce: &str, made: i64) -> String {
    keyed(&app.vault.derive("known device"), &format!("{person} {nonce} {made}"))
}

/// Forgets the failures of all those who gave up.
pub(super) async fn forget_old(tx: &mut Tx, at: DateTime<Utc>) -> Result<(), Error> {
    Ok(throttle::forget_before(tx, at - FORGOTTEN_AFTER).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_counted_as_what_one_customer_of_a_provider_has() {
        let of = |text: &str| source(Some(text.parse().unwrap()));
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(source(None), "unknown");
    }
}
