//! Alerting IPs: the lists that everybody polls, the page of customers, the register and the changes of the vendor's people.

mod changes;
mod decide;
mod lists;
mod register;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::domain::alerting_ip::{AlertingIp, IpState, Purpose};
use crate::views::common::{Tag, Tone};

pub(super) use lists::note;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/alerting-ips", get(lists::page))
        .route("/alerting-ips.json", get(lists::json))
        .route("/alerting-ips.txt", get(lists::text))
        .route("/alerting-ips.atom", get(lists::atom))
        .route("/alerting-ips.ics", get(lists::ics))
        .route("/.well-known/alerting-ips.json", get(lists::json))
        .route("/.well-known/alerting-ips.txt", get(lists::text))
        .route("/admin/alerting-ips", get(register::list).post(register::add))
        .route("/admin/alerting-ips/{number}", get(register::one).post(register::correct))
        .route("/admin/alerting-ips/{number}/retire", post(register::retire))
        .route("/alerting-changes", get(changes::list).post(decide::open))
        .route("/alerting-changes/{number}", get(changes::board))
        .route("/alerting-changes/{number}/dates", post(decide::dates))
        .route("/alerting-changes/{number}/withdraw", post(decide::withdraw))
        .route("/alerting-changes/{number}/go-on", post(decide::go_on))
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Alerting => "All alerts",
        Purpose::Smtp => "Mail",
        Purpose::Syslog => "SYSLOG",
    }
}

/// The state in words, with the date that matters in it.
fn state(ip: &AlertingIp) -> Tag {
    let day = crate::views::instant;
    match ip.state {
        IpState::Planned => Tag::new(Tone::Other, format!("Planned from {}", day(ip.from))),
        IpState::Active => Tag::new(Tone::Done, "In use"),
        IpState::Retiring => match ip.until {
            Some(until) => Tag::new(Tone::You, format!("Ending {}", day(until))),
            None => Tag::new(Tone::You, "Ending"),
        },
        IpState::Retired => Tag::new(Tone::Neutral, "Retired"),
    }
}
