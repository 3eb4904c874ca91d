//! Values of flags: parsed strictly, refused with the flag, what was received and what to do. Secrets come from files or
//! from standard input, never from the command line, which other users of the machine can read.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

use chrono::TimeDelta;
use ipnet::IpNet;

use super::out::Stop;
use crate::app::tunnels::{has_certificates, is_device};
use crate::domain::address::{Classified, Options, classify, classify_server};
use crate::secret::Secret;

/// The longest secret or PEM file that is read, in octets.
const LONGEST_FILE: u64 = 1024 * 1024;

/// One address.
pub(super) fn address(flag: &str, text: &str, options: Options) -> Result<IpAddr, Stop> {
    let verdict = classify_server(text, options);
    verdict.accepted_address().ok_or_else(|| refused(flag, text, &verdict, "enter one IP, like 10.20.4.15"))
}

/// Networks; one address counts as the network of that address alone.
pub(super) fn networks(flag: &str, texts: &[String], options: Options) -> Result<Vec<IpNet>, Stop> {
    let mut networks = Vec::with_capacity(texts.len());
    for text in texts {
        let verdict = classify(text, options);
        let advice = "enter a network, like 10.20.0.0/16";
        let network = verdict.accepted_network().ok_or_else(|| refused(flag, text, &verdict, advice))?;
        if networks.contains(&network) {
            return Err(Stop::usage(flag, text, "it is given twice; leave one out"));
        }
        networks.push(network);
    }
    Ok(networks)
}

fn refused(flag: &str, text: &str, verdict: &Classified, advice: &str) -> Stop {
    let reason = verdict.reason.clone().unwrap_or_else(|| "it cannot be used".to_owned());
    let mut advice = advice.to_owned();
    if !verdict.suggest.is_empty() {
        advice = format!("{advice}; possibly meant: {}", verdict.suggest.join(", "));
    }
    Stop::usage(flag, text, format!("{reason}; {advice}"))
}

/// The name of a network device.
pub(super) fn device(flag: &str, text: &str) -> Result<String, Stop> {
    if is_device(text) {
        return Ok(text.to_owned());
    }
    Err(Stop::usage(flag, text, "enter the name of a network device, up to 15 characters, like ipsec0"))
}

/// A span of time: a number with `h` for hours or `d` for days, from one hour to two years.
pub(super) fn span(flag: &str, text: &str) -> Result<TimeDelta, Stop> {
    let hours = match text.strip_suffix('d') {
        Some(days) => days.parse::<u32>().ok().and_then(|days| days.checked_mul(24)),
        None => text.strip_suffix('h').and_then(|hours| hours.parse::<u32>().ok()),
    };
    match hours {
        Some(hours @ 1..=17_520) => Ok(TimeDelta::hours(i64::from(hours))),
        Some(_) | None => Err(Stop::usage(flag, text, "enter hours or days, from 1h to 730d, like 90d")),
    }
}

/// A secret from the first line of a file, or of standard input where the file is `-`.
pub(super) fn secret(flag: &str, path: &Path) -> Result<Secret, Stop> {
    let mut text = text_of(flag, path)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    let secret = Secret::new(text);
    if secret.expose().is_empty() {
        return Err(Stop::usage(flag, &path.to_string_lossy(), "it holds nothing; put the secret on its first line"));
    }
    if secret.expose().chars().any(char::is_control) {
        let advice = "it holds more than one line, or control characters; put the secret alone on one line";
        return Err(Stop::usage(flag, &path.to_string_lossy(), advice));
    }
    Ok(secret)
}

/// Certificates of an authority, PEM.
pub(super) fn certificates(flag: &str, path: &Path) -> Result<String, Stop> {
    let text = text_of(flag, path)?;
    if has_certificates(&text) {
        return Ok(text);
    }
    let advice = "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); name the file of the authority";
    Err(Stop::usage(flag, &path.to_string_lossy(), advice))
}

/// The text of a file, or of standard input where the file is `-`.
pub(super) fn text_of(flag: &str, path: &Path) -> Result<String, Stop> {
    let name = path.to_string_lossy();
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST_FILE).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Stop::usage(
            flag,
            &name,
            format!("it cannot be read ({error}); name a file of text, or - for standard input"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::Code;

    fn message(stop: Stop) -> String {
        let Stop::Said(Code::Usage, text) = stop else { panic!("{stop:?}") };
        text
    }

    #[test]
    fn an_address_that_reads_in_two_ways_is_refused_with_its_flag() {
        let text = message(address("--alerting-ip", "10.99.0.08", Options::default()).unwrap_err());
        assert!(text.starts_with("--alerting-ip is \"10.99.0.08\": "), "{text}");
        assert!(text.contains("leading zero"), "{text}");
    }

    #[test]
    fn networks_keep_their_order_and_refuse_host_bits_and_doubles() {
        let given = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let good = networks("--peer-network", &given(&["10.20.0.0/16", "10.1.1.1"]), Options::default()).unwrap();
        assert_eq!(good, ["10.20.0.0/16".parse::<IpNet>().unwrap(), "10.1.1.1/32".parse().unwrap()]);
        let host_bits = networks("--peer-network", &given(&["10.20.4.15/24"]), Options::default()).unwrap_err();
        assert!(message(host_bits).contains("10.20.4.0/24"));
        let twice = networks("--peer-network", &given(&["10.1.1.1", "10.1.1.1/32"]), Options::default()).unwrap_err();
        assert!(message(twice).contains("given twice"));
    }

    #[test]
    fn spans_have_a_unit_and_an_end() {
        assert_eq!(span("--expires", "90d").unwrap(), TimeDelta::days(90));
        assert_eq!(span("--expires", "12h").unwrap(), TimeDelta::hours(12));
        for bad in ["", "90", "0d", "-1d", "731d", "4294967295d", "1w", "d", "９d"] {
            assert!(span("--expires", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_one_line_and_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (content, good) in [("pa ss\n", true), ("pass\r\n", true), ("", false), ("\n", false), ("a\nb\n", false)] {
            std::fs::write(&path, content).unwrap();
            let read = secret("--password-file", &path);
            assert_eq!(read.is_ok(), good, "{content:?}");
            assert!(read.is_err() || !read.unwrap().expose().ends_with(['\r', '\n']));
        }
        assert!(message(secret("--password-file", &folder.path().join("none")).unwrap_err()).contains("none"));
    }

    #[test]
    fn a_device_has_a_name_that_the_kernel_takes() {
        assert!(device("--device", "ipsec0").is_ok());
        for bad in ["", "a/b", "sixteen-letters0", "a b", ".."] {
            assert!(device("--device", bad).is_err(), "{bad}");
        }
    }
}
