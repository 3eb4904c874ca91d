//! A change of an alerting IP over a few servers: who is told, what proves a server, what a lead may decide.

use chrono::TimeDelta;
use postern::app::admin::{self, Place};
use postern::app::alerting_ips;
use postern::app::campaign::{self, Draft, board};
use postern::app::{Error, cases};
use postern::cli::bench::customers::{self, Made, NEW, OLD};
use postern::domain::alerting_ip::IpState;
use postern::domain::alerting_ip::campaign::Standing;
use postern::domain::case::Case;
use postern::domain::cause::Cause;
use postern::domain::tunnel::Tunnel;
use postern::store;

use super::register::{draft as address, faults};
use crate::support::app::{TestApp, tunnel};
use crate::support::db::{TestDb, on_both};
use crate::support::http::Browser;

pub(super) const EFFECTIVE: &str = "2027-01-05T08:00:00Z";
pub(super) const UNTIL: &str = "2027-01-19T08:00:00Z";

pub(super) fn draft(made: &Made) -> Draft {
    Draft {
        old: made.old.to_string(),
        new: made.new.to_string(),
        effective: EFFECTIVE.into(),
        until: UNTIL.into(),
        emergency: String::new(),
    }
}

pub(super) async fn with(db: &TestDb, count: u32) -> (TestApp, Made) {
    let t = TestApp::with(db, |config| config.policy.allow_documentation = true).await;
    let made = customers::make(&t.app, count, EFFECTIVE).await.unwrap();
    (t, made)
}

/// The case of a contact's server in the change.
pub(super) async fn case_of(t: &TestApp, contact: &postern::domain::actor::Person) -> Case {
    let mine = cases::mine(&t.app, contact, i64::MAX, 10).await.unwrap();
    mine.into_iter().find(|case| case.parent.is_some()).expect("the change has opened a case")
}

async fn sources(t: &TestApp) -> Vec<String> {
    let mut tx = t.app.db.read().await.unwrap();
    let mut all = Vec::new();
    for index in 0..3 {
        let tunnel = store::tunnels::by_name(&mut tx, &format!("tunnel-{index:05}")).await.unwrap();
        all.extend(tunnel.map(|tunnel| tunnel.alerting_ip.to_string()));
    }
    all
}

async fn state_of_ip(t: &TestApp, number: i64) -> IpState {
    alerting_ips::one(&t.app, number).await.unwrap().listed.ip.state
}

on_both! {
    async fn a_server_is_told_answered_by_name_proven_from_the_new_address_and_goes_over(db: TestDb) {
        let (t, made) = with(&db, 2).await;
        let campaign = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap();
        t.drain().await;
        let [first, second] = made.contacts.as_slice() else { panic!() };
        for contact in [first, second] {
            let mails = t.mails_to(&contact.email);
            assert_eq!(mails.len(), 1, "told once");
            assert!(mails[0].subject.contains("let 198.51.100.99 in next to 198.51.100.24"), "{}", mails[0].subject);
        }
        let case = case_of(&t, first).await;
        assert_eq!((case.flow.state.as_str(), case.customer), ("told", first.customer.unwrap()));
        let other = case_of(&t, second).await;
        assert!(matches!(t.act(first, other.number, "acknowledge", &[("acknowledged_by", "Me")]).await, Err(Error::NotFound)));
        let missing = t.act(first, case.number, "acknowledge", &[]).await.unwrap_err();
        assert_eq!(faults(missing), [("acknowledged_by".to_owned(), "missing")]);

        // At first the server does not let it in; the test comes from the new address all the same.
        t.script.push(Some(Cause::TcpTimeout));
        t.act(first, case.number, "acknowledge", &[("acknowledged_by", "Sam Field")]).await.unwrap();
        t.drain().await;
        assert_eq!(t.case(case.number).await.flow.state, "not_let_in");
        let asked = t.script.asked();
        assert_eq!(asked.last().unwrap().source, Some("198.51.100.99".parse().unwrap()), "from the new address");
        t.script.push(None);
        t.act(first, case.number, "acknowledge", &[("acknowledged_by", "Sam Field")]).await.unwrap();
        t.drain().await;
        assert_eq!(t.case(case.number).await.flow.state, "proven");
        assert_eq!(sources(&t).await, ["198.51.100.24"; 2], "nothing goes over before the first day");
        assert_eq!(state_of_ip(&t, made.new).await, IpState::Planned);

        t.pass(TimeDelta::days(41)).await;
        assert_eq!(state_of_ip(&t, made.new).await, IpState::Active);
        assert_eq!(sources(&t).await, ["198.51.100.99", "198.51.100.24"], "what is proven goes over, and nothing else");
        let main = t.case(case.parent.unwrap()).await;
        assert_eq!(main.flow.data["alerting_ips"].to_string(), "198.51.100.99", "the case of the server knows it");
        assert_eq!(t.case(other.number).await.flow.state, "overdue");
        t.pass(TimeDelta::days(20)).await;
        assert_eq!(state_of_ip(&t, made.old).await, IpState::Retiring, "not retired while a server is unproven");
        assert!(t.mails_to(&made.lead.email).iter().any(|mail| mail.subject.contains("Overdue")), "the lead is told");

        t.script.push(None);
        t.act(second, other.number, "acknowledge", &[("acknowledged_by", "Kim")]).await.unwrap();
        t.drain().await;
        t.pass(TimeDelta::minutes(6)).await;
        assert_eq!(state_of_ip(&t, made.old).await, IpState::Retired);
        for number in [case.number, other.number] {
            assert_eq!(t.case(number).await.outcome.as_deref(), Some("retired"));
        }
        let last = t.mails_to(&first.email).pop().unwrap();
        assert!(last.subject.contains("198.51.100.24 is retired"), "{}", last.subject);
        let mut tx = t.app.db.read().await.unwrap();
        assert_eq!(store::alerting_servers::gone_over(&mut tx, campaign.number).await.unwrap().overridden, 0);
    }
}

on_both! {
    async fn a_contact_who_sees_own_cases_only_is_shown_no_server_of_a_colleague(db: TestDb) {
        let (t, made) = with(&db, 1).await;
        let place = Place::Contact { customer: made.contacts[0].customer.unwrap(), all_cases: false };
        let colleague = admin::add_person(&t.app, ("Cole Only".into(), "cole@customer.example".into()), place, None).await.unwrap();
        campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap();
        t.drain().await;
        for (person, servers) in [(&made.contacts[0], 1), (&colleague, 0), (&t.contact, 0), (&made.lead, 0)] {
            let found = campaign::board::of_person(&t.app, person).await.unwrap();
            assert_eq!(found.len(), servers, "{}: {found:?}", person.name);
        }
        let mut cole = Browser::signed_in(&t.app, &colleague).await;
        for path in ["/cases", "/alerting-ips"] {
            let page = cole.get(path).await;
            assert!(!page.body.contains("10.20.4.15") && !page.body.contains("has to let it in"), "{path}: {}", page.body);
        }
    }
}

on_both! {
    async fn dates_move_with_a_reason_and_everybody_is_told_once(db: TestDb) {
        let (t, made) = with(&db, 3).await;
        let number = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        t.drain().await;
        let slip = |effective: &'static str, reason: &'static str| {
            campaign::slip(&t.app, &made.lead, number, (effective, "", reason))
        };
        assert_eq!(faults(slip("2027-02-01", "").await.unwrap_err()), [("reason".to_owned(), "missing")]);
        assert_eq!(faults(slip("2020-01-01", "why").await.unwrap_err()), [("effective".to_owned(), "no_date")]);
        assert_eq!(faults(slip("", "why").await.unwrap_err()), [("effective".to_owned(), "no_date")], "the same dates");
        let moved = slip("2027-02-01", "The provider is late").await.unwrap();
        assert_eq!((moved.revision, moved.until_at.to_rfc3339().as_str()), (2, "2027-02-01T00:00:00+00:00"));
        t.drain().await;
        t.drain().await;
        for contact in &made.contacts {
            let subjects: Vec<String> = t.mails_to(&contact.email).into_iter().map(|mail| mail.subject).collect();
            assert_eq!(subjects.len(), 2, "{subjects:?}");
            assert!(subjects[1].contains("dates of 198.51.100.99 have moved"), "{subjects:?}");
        }
        let mut tx = t.app.db.read().await.unwrap();
        let dates = store::alerting_campaigns::dates(&mut tx, number).await.unwrap();
        let reasons: Vec<&str> = dates.iter().map(|dates| dates.reason.as_str()).collect();
        assert_eq!(reasons, ["The provider is late", "Announced"], "the former ones stay on record");
        drop(tx);
        // The clocks have moved along: nothing is overdue on the former day.
        t.pass(TimeDelta::days(42)).await;
        assert_eq!(case_of(&t, &made.contacts[0]).await.flow.state, "told");
        t.pass(TimeDelta::days(27)).await;
        assert_eq!(case_of(&t, &made.contacts[0]).await.flow.state, "overdue");
        // From then on the last day alone moves, and a date counts to its end. Nobody is told again what is overdue.
        let overdue = || t.mails_to(&made.lead.email).into_iter().filter(|mail| mail.subject.contains("Overdue")).count();
        t.pass(TimeDelta::minutes(5)).await;
        assert_eq!(overdue(), 3);
        let refused = slip("2027-03-01", "too late").await.unwrap_err();
        assert!(format!("{refused:?}").contains("since 1 February 2027"), "{refused:?}");
        assert_eq!(faults(refused), [("effective".to_owned(), "no_date")]);
        let later = campaign::slip(&t.app, &made.lead, number, ("", "2027-02-20", "Two weeks more")).await.unwrap();
        assert_eq!(later.until_at.to_rfc3339(), "2027-02-21T00:00:00+00:00");
        t.drain().await;
        let case = case_of(&t, &made.contacts[0]).await;
        assert_eq!((case.flow.state.as_str(), case.flow.data["until_at"].to_string().as_str()), ("overdue", "2027-02-21T00:00:00Z"));
        assert!(t.mails_to(&made.contacts[0].email).pop().unwrap().subject.contains("have moved"));
        t.pass(TimeDelta::minutes(5)).await;
        assert_eq!(overdue(), 3);
    }
}

on_both! {
    async fn a_change_to_an_address_that_others_depend_on_is_called_off_and_leaves_it_to_them(db: TestDb) {
        let (t, made) = with(&db, 1).await;
        let used = alerting_ips::add(&t.app, alerting_ips::Keeper(None), &address("198.51.100.97", "")).await.unwrap();
        for (new, state) in [(used.number, IpState::Active), (made.new, IpState::Planned)] {
            let draft = Draft { new: new.to_string(), ..draft(&made) };
            let number = campaign::open(&t.app, &made.lead, &draft).await.unwrap().number;
            if state == IpState::Planned {
                // Somebody sets a tunnel up with the address that is planned.
                let tunnel = Tunnel { alerting_ip: NEW.parse().unwrap(), ..tunnel(&t.customer, "alder-1", "10.20.0.0/16") };
                admin::put_tunnel(&t.app, tunnel).await.unwrap();
            }
            t.drain().await;
            assert_eq!(alerting_ips::one(&t.app, new).await.unwrap().listed.ip.replaces, Some(made.old));
            campaign::withdraw(&t.app, &made.lead, number, "Not needed").await.unwrap();
            t.drain().await;
            let ip = alerting_ips::one(&t.app, new).await.unwrap().listed.ip;
            assert_eq!((ip.state, ip.replaces), (state, None));
            let mail = t.mails_to(&made.contacts[0].email).pop().unwrap();
            assert!(mail.text.contains("unless it stands on your page of alerting IPs"), "{}", mail.text);
        }
    }
}

on_both! {
    async fn the_dates_of_a_change_to_an_address_in_use_can_move(db: TestDb) {
        let (t, made) = with(&db, 1).await;
        let used = alerting_ips::add(&t.app, alerting_ips::Keeper(None), &address("198.51.100.97", "")).await.unwrap();
        let draft = Draft { new: used.number.to_string(), ..draft(&made) };
        let number = campaign::open(&t.app, &made.lead, &draft).await.unwrap().number;
        let moved = campaign::slip(&t.app, &made.lead, number, ("2027-02-01", "", "Later")).await.unwrap();
        assert_eq!(moved.effective_at.to_rfc3339(), "2027-02-01T00:00:00+00:00");
        let ip = alerting_ips::one(&t.app, used.number).await.unwrap().listed.ip;
        assert_eq!((ip.state, ip.from), (IpState::Active, used.from), "it is in use as before");
    }
}

on_both! {
    async fn a_change_is_called_off_or_gone_on_with_by_a_lead_with_a_reason_only(db: TestDb) {
        let (t, made) = with(&db, 2).await;
        for person in [&t.engineer, &t.admin, &made.contacts[0]] {
            assert!(matches!(campaign::open(&t.app, person, &draft(&made)).await, Err(Error::Forbidden(_))));
        }
        let soon = Draft { effective: "2026-12-01".into(), ..draft(&made) };
        assert_eq!(faults(campaign::open(&t.app, &made.lead, &soon).await.unwrap_err()), [("effective".to_owned(), "no_date")]);
        let number = campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap().number;
        assert_eq!(faults(campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap_err()), [("old".to_owned(), "repeated")]);
        t.drain().await;
        let over = board::board(&t.app, &made.lead, number, (Some(Standing::Over), 0)).await.unwrap();
        assert!(over.lines.is_empty(), "nothing is over yet: {:?}", over.lines);
        assert!(matches!(campaign::go_on(&t.app, &made.lead, number, "because").await, Err(Error::Refused(_))), "not before its first day");
        assert_eq!(faults(campaign::withdraw(&t.app, &made.lead, number, " ").await.unwrap_err()), [("reason".to_owned(), "missing")]);
        campaign::withdraw(&t.app, &made.lead, number, "The provider keeps it").await.unwrap();
        t.drain().await;
        assert_eq!((state_of_ip(&t, made.old).await, state_of_ip(&t, made.new).await), (IpState::Active, IpState::Retired));
        let standing = async |standing| board::board(&t.app, &made.lead, number, (Some(standing), 0)).await.unwrap().lines.len();
        assert_eq!((standing(Standing::Over).await, standing(Standing::Told).await), (2, 0));
        let last = t.mails_to(&made.contacts[0].email).pop().unwrap();
        assert!(last.subject.contains("called off") && last.text.contains("The provider keeps it"), "{}", last.text);
        assert_eq!(sources(&t).await, ["198.51.100.24"; 2]);

        // An emergency, at once, with a reason that customers read.
        let new = alerting_ips::add(&t.app, alerting_ips::Keeper(None), &address("198.51.100.98", "")).await.unwrap();
        let now = Draft { new: new.number.to_string(), effective: String::new(), until: String::new(), emergency: "It was taken away".into(), ..draft(&made) };
        let number = campaign::open(&t.app, &made.lead, &now).await.unwrap().number;
        t.drain().await;
        let mails = t.mails_to(&made.contacts[1].email);
        assert!(mails.iter().any(|mail| mail.subject.contains("let 198.51.100.98 in") && mail.text.contains("It was taken away")), "{mails:?}");
        assert_eq!(case_of(&t, &made.contacts[1]).await.flow.state, "overdue", "its first day has come");
        campaign::go_on(&t.app, &made.lead, number, "Nothing comes from it any more").await.unwrap();
        t.drain().await;
        assert_eq!(sources(&t).await, ["198.51.100.98"; 2]);
        let case = case_of(&t, &made.contacts[1]).await;
        assert_eq!((case.outcome.as_deref(), case.is_open), (Some("overridden"), false));
        let rows = t.whole_log(case.number).await;
        assert!(rows.iter().any(|row| row.body.contains("Nothing comes from it any more")), "the reason stays on record");
        t.pass(TimeDelta::minutes(10)).await;
        assert_eq!(state_of_ip(&t, made.old).await, IpState::Retired);
    }
}

on_both! {
    async fn a_server_that_comes_into_use_later_is_told_too_and_one_that_goes_is_left_alone(db: TestDb) {
        let (t, made) = with(&db, 1).await;
        let _product = t.with_product().await;
        let ours = vec!["198.51.100.0/24".parse().unwrap()];
        let tunnel = Tunnel { alerting_ip: OLD.parse().unwrap(), our_selectors: ours, ..tunnel(&t.customer, "alder-1", "10.20.0.0/16") };
        admin::put_tunnel(&t.app, tunnel).await.unwrap();
        campaign::open(&t.app, &made.lead, &draft(&made)).await.unwrap();
        let number = t.reached().await;
        t.pass(TimeDelta::minutes(1)).await;
        assert!(campaign::board::of_person(&t.app, &t.contact).await.unwrap().is_empty(), "no settings are applied yet");
        t.submit_settings(number).await;
        t.script.push(None);
        t.script.push(None);
        t.drain().await;
        t.act(&t.contact, number, "it_did_not_arrive", &[]).await.unwrap();
        t.pass(TimeDelta::minutes(1)).await;
        assert_eq!(t.case(number).await.flow.state, "repair_delivery");
        let later = case_of(&t, &t.contact).await;
        assert_eq!((later.flow.state.as_str(), later.parent), ("told", Some(number)), "in use, though all is not well");
        t.script.push(None);
        t.act(&t.contact, later.number, "acknowledge", &[("acknowledged_by", "Dana")]).await.unwrap();
        t.drain().await;
        assert_eq!(t.case(later.number).await.flow.state, "proven");
        // It moves: a proof holds for one server.
        let called = [("called_name", "Lee M."), ("called_number", "+49 30 5550"), ("number_on_record", "yes")];
        t.act(&t.engineer, number, "move_server", &called).await.unwrap();
        t.act(&t.contact, number, "classify", &[("smtp_location", "private")]).await.unwrap();
        assert_eq!(t.case(later.number).await.flow.state, "proven", "it is where it was");
        let details = [("smtp_ip", "10.20.4.99"), ("smtp_port", "587"), ("encryption", "starttls"), ("sender_address", "alerts@alder.example"), ("whitelist_request", "yes")];
        t.act(&t.contact, number, "submit_private", &details).await.unwrap();
        let moved = t.case(later.number).await;
        assert_eq!((moved.flow.state.as_str(), moved.flow.data["smtp_ip"].to_string().as_str()), ("testing", "10.20.4.99"));
        t.script.push(Some(Cause::TcpTimeout));
        t.drain().await;
        assert_eq!(t.case(later.number).await.flow.state, "not_let_in", "the server at its new place has rules of its own");
        assert!(format!("{:?}", t.script.asked().last().unwrap()).contains("10.20.4.99"));

        let (contact, case) = (&made.contacts[0], case_of(&t, &made.contacts[0]).await);
        t.act(contact, case.parent.unwrap(), "retire", &[("reason", "Not in use")]).await.unwrap();
        t.pass(TimeDelta::minutes(1)).await;
        assert_eq!(t.case(case.number).await.flow.state, "gone");
        assert_eq!(case_of(&t, contact).await.number, case.number, "nobody is told of a server that is gone");
        t.act(contact, case.parent.unwrap(), "reopen", &[]).await.unwrap();
        t.pass(TimeDelta::minutes(1)).await;
        let again = case_of(&t, contact).await;
        assert_eq!((again.flow.state.as_str(), again.number != case.number), ("told", true), "it is in use again");
        // Nothing goes over behind its back.
        t.pass(TimeDelta::days(41)).await;
        assert_eq!(sources(&t).await, ["198.51.100.24"]);
    }
}

on_both! {
    async fn the_pages_of_customer_and_lead_lead_through_it(db: TestDb) {
        let (t, made) = with(&db, 2).await;
        let mut lead = Browser::signed_in(&t.app, &made.lead).await;
        let page = lead.get("/alerting-changes").await;
        let answers = [("old", made.old.to_string()), ("new", made.new.to_string()), ("effective", EFFECTIVE.to_owned()), ("until", UNTIL.to_owned())];
        let answers: Vec<(&str, &str)> = answers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let soon: Vec<(&str, &str)> = answers.iter().map(|(name, value)| if *name == "effective" { (*name, "2026-12-01") } else { (*name, *value) }).collect();
        let wrong = lead.submit(&page, "/alerting-changes", &soon).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.body.contains("Customers need 30 days"), "{}", wrong.body);
        let sent = lead.submit(&page, "/alerting-changes", &answers).await;
        let board = sent.location().unwrap();
        t.drain().await;
        let shown = lead.get(&board).await;
        for text in ["Customer 00000", "Customer 00001", "Not answered", "198.51.100.24 becomes 198.51.100.99"] {
            assert!(shown.body.contains(text), "{text}: {}", shown.body);
        }
        assert!(lead.get(&format!("{board}?state=proven")).await.body.contains("No server stands here"));

        let contact = &made.contacts[0];
        let mut dana = Browser::signed_in(&t.app, contact).await;
        let home = dana.get("/cases").await;
        assert!(home.body.contains("has to let it in"), "the banner: {}", home.body);
        let page = dana.get("/alerting-ips").await;
        assert!(page.body.contains("We have whitelisted the new IP"), "{}", page.body);
        assert!(!page.body.contains("Customer 00001"), "nobody else's");
        let case = case_of(&t, contact).await;
        let path = format!("/cases/{}/act/acknowledge", case.number);
        assert!(page.body.contains(&path), "a button per server");
        let form = dana.get(&path).await;
        t.script.push(None);
        dana.submit(&form, &path, &[("acknowledged_by", "Sam Field")]).await;
        t.drain().await;
        let shown = lead.get(&board).await;
        assert!(shown.body.contains("Sam Field") && shown.body.contains("Proven"), "{}", shown.body);
        let page = dana.get("/alerting-ips").await;
        assert!(!page.body.contains("We have whitelisted the new IP"), "nothing is left to do");

        let wrong = lead.submit(&shown, &format!("{board}/dates"), &[]).await;
        assert_eq!(wrong.status, 422, "{}", wrong.body);
        let moved = lead.submit(&shown, &format!("{board}/dates"), &[("effective", "2027-02-01"), ("reason", "Later")]).await;
        assert_eq!(moved.status, 303, "{}", moved.body);
        let off = lead.submit(&shown, &format!("{board}/withdraw"), &[("reason", "Not needed")]).await;
        assert_eq!(off.status, 303, "{}", off.body);
        assert!(lead.get(&board).await.body.contains("Called off"));
    }
}
