//! A change over a thousand customers in simulated time: each is told once at every stage, nothing is retired unproven, and
//! whoever never answers ends overdue, told to the lead, and overridden.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use postern::app::alerting_ips;
use postern::app::campaign::{self, board};
use postern::app::{App, Error};
use postern::cli::bench::customers::{NEW, OLD};
use postern::domain::actor::Person;
use postern::domain::alerting_ip::IpState;
use postern::domain::alerting_ip::campaign::{CampaignState, Standing};
use postern::domain::case::Case;
use postern::store::{self, Tx};
use postern::worker::{self, Step};
use tokio::task::JoinSet;

use super::change::{draft, with};
use crate::support::app::{TestApp, act, done};
use crate::support::db::on_both;

const CUSTOMERS: usize = 1000;
/// Every twentieth customer never answers: 5 %.
const SILENT: usize = 20;

/// Every worker until it is idle, the outbox by four as in the service.
async fn drain(app: &Arc<App>) {
    loop {
        let mut worked = false;
        while worker::timers::step(app).await.unwrap() == Step::Worked {
            worked = true;
        }
        while worker::campaigns::step(app).await.unwrap() == Step::Worked {
            worked = true;
        }
        let mut workers = JoinSet::new();
        for _ in 0..4 {
            let app = Arc::clone(app);
            workers.spawn(async move {
                let mut any = false;
                while worker::outbox::step(&app).await.unwrap() == Step::Worked {
                    any = true;
                }
                while worker::probes::step(&app).await.unwrap() == Step::Worked {
                    any = true;
                }
                any
            });
        }
        worked |= workers.join_all().await.into_iter().any(|any| any);
        if !worked {
            return;
        }
    }
}

async fn pass_until(t: &TestApp, instant: &str) {
    let to: DateTime<Utc> = instant.parse().unwrap();
    t.clock.advance(to - t.app.now());
    drain(&t.app).await;
}

async fn children(tx: &mut Tx, contacts: &[Person]) -> Vec<Case> {
    let mut all = Vec::new();
    for contact in contacts {
        let mine = store::cases::of_customer(tx, contact.customer.unwrap(), None, i64::MAX, 10).await.unwrap();
        let [case, _] = mine.as_slice() else { panic!("{} has {} cases", contact.name, mine.len()) };
        assert!(case.parent.is_some());
        all.push(case.clone());
    }
    all
}

async fn answer(t: &TestApp, pairs: &[(&Person, &Case)]) {
    for (person, case) in pairs {
        t.script.push(None);
        let answers = [("acknowledged_by", person.name.as_str())];
        done(postern::app::cases::act(&t.app, person, act(case.number, "acknowledge", &answers)).await.unwrap());
    }
    drain(&t.app).await;
}

/// How many tunnels name an address.
async fn naming(t: &TestApp, address: &str) -> i64 {
    let mut tx = t.app.db.read().await.unwrap();
    store::alerting_tunnels::count(&mut tx, address.parse().unwrap()).await.unwrap()
}

on_both! {
    async fn a_thousand_customers_go_over_and_nobody_is_told_twice(db: TestDb) {
        let (t, made) = with(&db, u32::try_from(CUSTOMERS).unwrap()).await;
        let number = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        drain(&t.app).await;
        let cases = children(&mut t.app.db.read().await.unwrap(), &made.contacts).await;
        let pairs: Vec<(&Person, &Case)> = made.contacts.iter().zip(&cases).collect();
        let answering: Vec<(&Person, &Case)> = pairs.iter().enumerate().filter(|(index, _)| index % SILENT != 0).map(|(_, pair)| *pair).collect();
        let silent = CUSTOMERS - answering.len();
        assert_eq!(silent, 50);
        let (early, late) = answering.split_at(500);

        pass_until(&t, "2026-12-01T10:00:00Z").await;
        answer(&t, early).await;
        campaign::slip(&t.app, &made.lead, number, ("2027-01-12T08:00:00Z", "2027-01-26T08:00:00Z", "A week later")).await.unwrap();
        drain(&t.app).await;
        for reminder in ["2026-12-13T08:00:01Z", "2026-12-29T08:00:01Z"] {
            pass_until(&t, reminder).await;
        }
        answer(&t, late).await;
        for reminder in ["2027-01-05T08:00:01Z", "2027-01-11T08:00:01Z"] {
            pass_until(&t, reminder).await;
        }
        assert_eq!(naming(&t, NEW).await, 0, "nothing goes over before the first day");
        pass_until(&t, "2027-01-12T08:00:01Z").await;
        pass_until(&t, "2027-01-12T09:00:00Z").await;
        assert_eq!(naming(&t, NEW).await, 950, "what is proven has gone over");
        assert_eq!(naming(&t, OLD).await, 50, "and nothing else");
        pass_until(&t, "2027-01-26T09:00:00Z").await;
        let old = alerting_ips::one(&t.app, made.old).await.unwrap();
        assert_eq!(old.listed.ip.state, IpState::Retiring, "its last day has passed, and it stays for those unproven");
        let refused = alerting_ips::retire(&t.app, alerting_ips::Keeper(None), made.old).await;
        assert!(matches!(refused, Err(Error::Refused(_))));
        let found = board::board(&t.app, &made.lead, number, (Some(Standing::Overdue), 0)).await.unwrap();
        assert_eq!((found.summary.count(Standing::Overdue), found.summary.count(Standing::Proven)), (50, 950));
        assert_eq!(found.lines.len(), 50);

        campaign::go_on(&t.app, &made.lead, number, "They do not answer").await.unwrap();
        drain(&t.app).await;
        pass_until(&t, "2027-01-26T10:00:00Z").await;
        let after = board::board(&t.app, &made.lead, number, (None, 0)).await.unwrap();
        assert_eq!(after.summary.campaign.state, CampaignState::Finished);
        assert_eq!((after.gone_over.count, after.gone_over.overridden, after.left), (1000, 50, 0));
        assert_eq!(alerting_ips::one(&t.app, made.old).await.unwrap().listed.ip.state, IpState::Retired);
        told_once(&t, &pairs, &made.lead);
        assert_eq!(db.number("SELECT COUNT(*) FROM outbox WHERE state = 'dead'").await, 0);
    }
}

/// Counts what everybody got, by kind of mail. A reminder names its day by the order in which it came.
fn told_once(t: &TestApp, pairs: &[(&Person, &Case)], lead: &Person) {
    let mut got: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    let kinds = [
        ("announced", "in next to"),
        ("dates", "have moved"),
        ("proven", "Done: your server"),
        ("retired", "is retired"),
        ("overridden", "was not proven"),
        ("overdue", "Overdue"),
        ("reminder", "Reminder"),
    ];
    for mail in t.app.mailer.sent() {
        let reminder = mail.subject.contains("Reminder");
        let kind =
            kinds.iter().rev().find(|(kind, part)| mail.subject.contains(part) && (!reminder || *kind == "reminder"));
        let (kind, _) = kind.unwrap_or_else(|| panic!("an unexpected mail: {}", mail.subject));
        *got.entry(mail.to).or_default().entry(kind).or_default() += 1;
    }
    for (index, (person, _)) in pairs.iter().enumerate() {
        let expected: &[(&str, usize)] = match index {
            index if index % SILENT == 0 => &[("announced", 1), ("dates", 1), ("overridden", 1), ("reminder", 4)],
            _ if got[&person.email].contains_key("reminder") => {
                &[("announced", 1), ("dates", 1), ("proven", 1), ("reminder", 2), ("retired", 1)]
            }
            _ => &[("announced", 1), ("dates", 1), ("proven", 1), ("retired", 1)],
        };
        let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
        assert_eq!(got[&person.email], expected, "{}", person.name);
    }
    let reminded = got.values().filter(|kinds| kinds.get("reminder") == Some(&2)).count();
    assert_eq!(reminded, 450, "who answered after two reminders got two");
    // Each overdue server is told to every lead at once, and again after a week.
    assert_eq!(got[&lead.email], BTreeMap::from([("overdue", 100)]));
}
