//! `postern health`: asks a running service whether it is alive, or ready; for health checks of containers and units.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::out::{self, Code, Stop};
use super::place::{self, Place};

/// How long the service may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Options of `postern health`.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Ask whether it is ready for work (the database answers), not only alive
    #[arg(long)]
    ready: bool,
    /// Address of the service; without it the address that the configuration listens on
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Exit code 0 where the service answers well, 1 where it answers otherwise, 7 where it does not answer.
pub(super) fn run(args: &HealthArgs) -> ExitCode {
    out::end(ask(args))
}

fn ask(args: &HealthArgs) -> Result<(), Stop> {
    let base = match &args.url {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => url.trim_end_matches('/').to_owned(),
        Some(url) => return Err(Stop::usage("--url", url, "enter an address like http://127.0.0.1:8080")),
        None => format!("http://{}", reachable(args.place.configuration(None)?.listen)),
    };
    let url = format!("{base}/{}", if args.ready { "readyz" } else { "livez" });
    let (status, text) = place::runtime()?.block_on(get(&url))?;
    out::print(&[text.trim_end().to_owned()])?;
    if status == 200 { Ok(()) } else { Err(Stop::failed(format!("{url} answered {status}"))) }
}

/// An address that listens on all interfaces is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn get(url: &str) -> Result<(u16, String), Stop> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client(None).map_err(Stop::failed)?)
        .no_proxy()
        .timeout(LIMIT)
        .build()
        .map_err(|error| Stop::failed(crate::app::chain(&error)))?;
    let away = |error: reqwest::Error| {
        let text = format!("{url} does not answer: {}", crate::app::chain(&error.without_url()));
        Stop::Said(Code::Away, text)
    };
    let answer = client.get(url).send().await.map_err(away)?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(away)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_all_interfaces_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:8080".parse().unwrap()), "127.0.0.1:8080".parse().unwrap());
        assert_eq!(reachable("[::]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
        assert_eq!(reachable("192.168.1.5:80".parse().unwrap()), "192.168.1.5:80".parse().unwrap());
    }
}
