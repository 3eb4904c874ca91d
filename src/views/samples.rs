//! Values that the samples of every context share: ordinary, long and hostile ones.

use chrono::{DateTime, TimeDelta, Utc};

use super::common::{Brand, Frame, NavItem, Theme, User};
use super::form::{Button, Form, Style};

/// Mark-up and template syntax as a person might type it; it must come out as text.
pub const HOSTILE: &str = "<script>alert(1)</script> {{7*7}} {% if x %} \" ' & <b>bold</b>";

/// 2,000 characters without a space: nothing may be pushed out of the page by them.
pub fn unbroken() -> String {
    "x1234567890abcdefghi".repeat(100)
}

/// A name with spaces that is far longer than anybody planned for.
pub fn long_name() -> String {
    "Mutual Society of the Northern and Western Municipal Waterworks and Harbor Authorities ".repeat(3)
}

/// An instant on 24 November 2026, so many minutes after 09:12 UTC.
pub fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_795_511_520) + TimeDelta::minutes(minutes)
}

/// A key as forms carry it.
pub const KEY: &str = "019a0000-0000-7000-8000-000000000000";

/// A form without fields.
pub fn button(id: &str, action: &str, style: Style, label: &str) -> Form {
    Form::new(id, action, KEY, Button::of(style, label))
}

/// The frame of a customer, an engineer or an administrator, or of nobody, for the page at `current`.
pub fn frame(name: &str, role: &str, current: &str) -> Frame {
    let entries: &[(&str, &str)] = match role {
        "" => &[],
        "Customer administrator" => &[("Your cases", "/cases"), ("Your SMTP servers", "/servers")],
        "Administrator" => &[("About", "/admin/about"), ("Outgoing mail", "/admin/outbox")],
        _ => &[("Queue", "/queue"), ("Whitelist", "/whitelist"), ("Tunnels", "/tunnels")],
    };
    let sign_out = button("sign-out", "/sign-out", Style::Small, "Sign out");
    Frame {
        root: String::new(),
        style: "/assets/postern.css".to_owned(),
        icon: "/assets/favicon.svg".to_owned(),
        version: "0.1.0".to_owned(),
        theme: Theme::Auto,
        brand: Brand { product: "Tenable Identity Exposure".to_owned(), vendor: "Tenable".to_owned() },
        nav: entries.iter().map(|(text, href)| NavItem::new(text, *href, *href == current)).collect(),
        help_current: current == "/help",
        user: (!role.is_empty()).then(|| User { name: name.to_owned(), role: role.to_owned(), sign_out }),
        support: Some(
            "Something wrong or urgent? Call +44 20 7946 0000, Monday to Friday, 08:00 to 18:00 UTC.".to_owned(),
        ),
    }
}
