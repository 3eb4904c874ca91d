//! Where a request comes from: the address of its connection or, behind a proxy that the configuration trusts, the one
//! that this proxy saw; and the family of the browser.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderName, Request};
use axum_extra::extract::CookieJar;
use ipnet::IpNet;

use super::session::DEVICE_COOKIE;
use crate::app::throttle::Origin;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from.
pub(super) fn origin<B>(trusted: &[IpNet], request: &Request<B>) -> Origin {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let headers = request.headers();
    Origin {
        address: peer.map(|peer| address(trusted, peer, headers)),
        browser: browser(headers),
        device: CookieJar::from_headers(headers).get(DEVICE_COOKIE).map(|cookie| cookie.value().to_owned()),
    }
}

/// The address nearest to us that is not one of our own proxies. What stands farther left in X-Forwarded-For is only what
/// a client says, so it is not read.
fn address(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_ours = |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut nearest = peer.to_canonical();
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim);
    while is_ours(&nearest) {
        // A proxy that says nothing sensible leaves its own address.
        let Some(next) = hops.next().and_then(|hop| hop.parse::<IpAddr>().ok()) else { break };
        nearest = next.to_canonical();
    }
    nearest
}

/// Families, as their User-Agent names them; the ones that claim to be others stand first.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The family of a browser in our words, so that nothing that a client made up is kept or shown.
fn browser(headers: &HeaderMap) -> &'static str {
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = BROWSERS.iter().find(|(mark, _)| text.contains(mark));
    known.map_or("Another browser", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(HeaderName::from_static(name), value.parse().unwrap());
            all
        })
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_about_their_own_neighbour() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let table: [(&[IpNet], &str, &[&str], &str); 10] = [
            (&[], "203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            (&trusted, "203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            (&trusted, "10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            (&trusted, "::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            (&trusted, "10.0.0.1", &["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
            (&trusted, "10.0.0.1", &["1.2.3.4, 198.51.100.1, 10.0.0.7"], "198.51.100.1"),
            (&trusted, "10.0.0.1", &["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
            (&trusted, "10.0.0.1", &["<b>x</b>"], "10.0.0.1"),
            (&trusted, "10.0.0.1", &[], "10.0.0.1"),
            (&trusted, "::1", &["2001:db8::5"], "2001:db8::5"),
        ];
        for (trusted, peer, lines, expected) in table {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            let found = address(trusted, peer.parse().unwrap(), &headers(&lines));
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn browsers_are_known_by_family_and_nothing_else_is_kept() {
        let mozilla = "Mozilla/5.0 (X11; Linux x86_64)";
        let chrome = format!("{mozilla} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36");
        for (text, family) in [
            (format!("{mozilla} Gecko/20100101 Firefox/143.0"), "Firefox"),
            (format!("{chrome} Edg/140.0.0.0"), "Edge"),
            (format!("{chrome} OPR/120.0.0.0"), "Opera"),
            (chrome, "Chrome"),
            (format!("{mozilla} AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15"), "Safari"),
            ("<script>alert(1)</script>".to_owned(), "Another browser"),
        ] {
            assert_eq!(browser(&headers(&[("user-agent", &text)])), family, "{text}");
        }
        assert_eq!(browser(&HeaderMap::new()), "Another browser");
    }
}
