//! An address as an administrator writes it.

use std::net::IpAddr;

use reqwest::Url;
use thiserror::Error;

use super::guard::Rules;

/// The longest address that is taken.
const LONGEST: usize = 1_000;

/// An address that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address in its normal form.
    pub url: Url,
    /// Its host.
    pub host: String,
    /// The host as an address, where it is one.
    pub literal: Option<IpAddr>,
    /// Its port.
    pub port: u16,
}

/// Why an address is not taken. The text never repeats it: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It is no URL.
    #[error("Enter an address like https://automation.example.com/postern")]
    NotAnAddress,
    /// It is too long.
    #[error("The address is longer than {LONGEST} characters: enter a shorter one")]
    TooLong,
    /// It holds a user or a password.
    #[error("Enter the address without a user and a password: messages are proven by their signature")]
    Credentials,
    /// It has a fragment.
    #[error("Enter the address without the part from # on: it is never sent")]
    Fragment,
    /// It is not HTTPS.
    #[error("Enter an address that begins with https://; http is for this machine, where [webhooks] allow lists it")]
    NotHttps,
}

impl Target {
    /// Reads an address. Plain HTTP is taken to the loopback of this machine, where the rules list it.
    ///
    /// # Errors
    /// Says what is wrong with the address and what to do.
    pub fn parse(text: &str, rules: &Rules) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let url = Url::parse(text.trim()).map_err(|_no_url| Fault::NotAnAddress)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::Credentials);
        }
        if url.fragment().is_some() {
            return Err(Fault::Fragment);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Fault::NotAnAddress)?.to_owned();
        let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        match url.scheme() {
            "https" => {}
            "http" if is_listed_loopback(&host, literal, rules) => {}
            "http" => return Err(Fault::NotHttps),
            _ => return Err(Fault::NotAnAddress),
        }
        let port = url.port_or_known_default().ok_or(Fault::NotAnAddress)?;
        Ok(Self { url, host, literal, port })
    }
}

fn is_listed_loopback(host: &str, literal: Option<IpAddr>, rules: &Rules) -> bool {
    match literal {
        Some(address) => address.is_loopback() && rules.lists(address),
        None => host == "localhost" && rules.allow.iter().any(|network| network.addr().is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, allow: &[&str]) -> Result<Target, Fault> {
        let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
        Target::parse(text, &Rules { allow, own: Vec::new() })
    }

    #[test]
    fn https_is_taken_and_everything_odd_is_not() {
        let target = read(" https://Automation.Example.com/postern?x=1 ", &[]).unwrap();
        assert_eq!((target.host.as_str(), target.port, target.literal), ("automation.example.com", 443, None));
        for (text, fault) in [
            ("", Fault::NotAnAddress),
            ("automation.example.com", Fault::NotAnAddress),
            ("https://", Fault::NotAnAddress),
            ("ftp://a.example", Fault::NotAnAddress),
            ("file:///etc/passwd", Fault::NotAnAddress),
            ("http://a.example", Fault::NotHttps),
            ("http://127.0.0.1:8080", Fault::NotHttps),
            ("http://localhost:8080", Fault::NotHttps),
            ("https://user:hunter2@a.example", Fault::Credentials),
            ("https://a.example/#x", Fault::Fragment),
        ] {
            assert_eq!(read(text, &[]), Err(fault), "{text}");
        }
        assert_eq!(read(&format!("https://a.example/{}", "x".repeat(LONGEST)), &[]), Err(Fault::TooLong));
    }

    #[test]
    fn every_way_to_write_an_address_is_seen_through() {
        for text in
            ["https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1./"]
        {
            assert_eq!(read(text, &[]).unwrap().literal, Some("127.0.0.1".parse().unwrap()), "{text}");
        }
        let mapped = read("https://[::ffff:10.0.0.1]/", &[]).unwrap();
        assert_eq!(mapped.literal.map(|address| address.to_canonical()), Some("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn plain_http_is_for_a_listed_loopback_only() {
        let loopback: &[&str] = &["127.0.0.0/8"];
        assert!(read("http://127.0.0.1:8080/", loopback).is_ok());
        assert!(read("http://localhost:8080/", loopback).is_ok());
        assert!(read("http://[::1]:8080/", loopback).is_err());
        assert!(read("http://10.0.0.1/", &["10.0.0.0/8"]).is_err());
        assert!(read("http://127.0.0.1.example.com/", loopback).is_err());
    }
}
