//! Cases of the demo in different states. Each came there by the acts of its people, tests and mails included.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{DEAD_SERVER, MailServer, People};
use crate::app::cases::{self, Act};
use crate::app::requests::{self, Draft};
use crate::app::{App, Error, Once, Outcome, queue};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::domain::case::Case;

/// How long a test or an apply on this machine may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the case is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// Makes nine cases. Those that wait for a person come first, those that wait for a test after them.
pub(super) async fn make(app: &Arc<App>, people: &People, server: &MailServer) -> Result<(), Error> {
    send(app, &people.customer, private("10.20.4.21")).await?;
    send(app, &people.brightwater, public("203.0.113.24", "yes")).await?;
    send(app, &people.cedar, Draft::default()).await?;
    asked(app, people).await?;
    ours_done(app, people, "10.20.4.23").await?;
    let tested = tunnel_tested(app, people, "10.20.4.22").await?;
    let in_trouble = tunnel_tested(app, people, DEAD_SERVER).await?;
    finished(app, people, server).await?;
    past(app, &people.engineer, tested, "tunnel_test").await?;
    past(app, &people.engineer, in_trouble, "tunnel_test").await?;
    Ok(())
}

/// An engineer asks something; the case waits for the customer.
async fn asked(app: &Arc<App>, people: &People) -> Result<(), Error> {
    let number = send(app, &people.customer, private("10.20.4.24")).await?;
    queue::claim(app, &people.engineer, number).await?;
    let question = "Is 10.20.4.24 the address of the server itself, or of a load balancer in front of it?";
    act(app, &people.engineer, (number, "ask_customer"), &[("question", question)]).await
}

/// Our side is whitelisted; the customer opens the firewall next.
async fn ours_done(app: &Arc<App>, people: &People, ip: &str) -> Result<i64, Error> {
    let number = send(app, &people.customer, private(ip)).await?;
    queue::claim(app, &people.engineer, number).await?;
    act(app, &people.engineer, (number, "configuration_done"), &[("change_ref", "CHG-1042")]).await?;
    Ok(number)
}

/// The customer's side is open too; the tunnel test runs.
async fn tunnel_tested(app: &Arc<App>, people: &People, ip: &str) -> Result<i64, Error> {
    let number = ours_done(app, people, ip).await?;
    act(app, &people.customer, (number, "let_in_done"), &[]).await?;
    Ok(number)
}

/// A public server, from the request to alerts that arrive, whose settings then change.
async fn finished(app: &Arc<App>, people: &People, server: &MailServer) -> Result<(), Error> {
    let number = send(app, &people.brightwater, public("203.0.113.25", "no")).await?;
    queue::claim(app, &people.engineer, number).await?;
    act(app, &people.engineer, (number, "public_routed"), &[("change_ref", "CHG-1043")]).await?;
    past(app, &people.engineer, number, "tunnel_test").await?;
    let settings = [
        ("encryption", "starttls"),
        ("sender_address", "alerts@customer.example"),
        ("test_recipient", "security@customer.example"),
        ("tls_name", server.name()),
        ("smtp_account", server.account()),
        ("smtp_password", server.password().expose()),
    ];
    act(app, &people.brightwater, (number, "submit_settings"), &settings).await?;
    past(app, &people.engineer, number, "full_test").await?;
    past(app, &people.engineer, number, "applying").await?;
    // Nobody can say that the test alert arrived before it was sent.
    until(app, &people.engineer, number, |case| case.flow.data.contains_key("alert_outcome")).await?;
    act(app, &people.brightwater, (number, "it_arrived"), &[]).await?;
    // The password of its account is to change: a case of its own.
    act(app, &people.brightwater, (number, "change_settings"), &[]).await
}

fn private(ip: &str) -> Draft {
    Draft { smtp_location: "private".to_owned(), ..server(ip) }
}

fn public(ip: &str, filters: &str) -> Draft {
    Draft { smtp_location: "public".to_owned(), filters_inbound: filters.to_owned(), ..server(ip) }
}

fn server(ip: &str) -> Draft {
    Draft {
        smtp_ip: ip.to_owned(),
        smtp_port: "587".to_owned(),
        encryption: "starttls".to_owned(),
        sender_address: "alerts@customer.example".to_owned(),
        ..Draft::default()
    }
}

/// Sends a request and gives the number of its case.
async fn send(app: &Arc<App>, person: &Person, draft: Draft) -> Result<i64, Error> {
    match requests::send(app, person, draft, once()).await? {
        Outcome::Done(Case { number, .. }) => Ok(number),
        Outcome::Before(_) => Err(Error::KeyReused),
    }
}

async fn act(
    app: &Arc<App>,
    person: &Person,
    (number, event): (i64, &str),
    answers: &[(&str, &str)],
) -> Result<(), Error> {
    let answers: BTreeMap<String, String> =
        answers.iter().map(|&(field, value)| (field.to_owned(), value.to_owned())).collect();
    let act =
        Act { number, event: event.to_owned(), answers: answers.into(), entered: None, revision: None, once: once() };
    cases::act(app, person, act).await.map(|_| ())
}

/// Every act of the demo is done once; nobody repeats it.
fn once() -> Once {
    Once { scope: "demo".to_owned(), key: fresh_id().to_string(), fingerprint: String::new() }
}

/// Waits until the workers have moved a case out of a state.
async fn past(app: &Arc<App>, person: &Person, number: i64, state: &str) -> Result<(), Error> {
    until(app, person, number, |case| case.flow.state != state).await
}

async fn until(app: &Arc<App>, person: &Person, number: i64, done: impl Fn(&Case) -> bool) -> Result<(), Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        let view = cases::view(app, person, number).await?;
        if done(&view.case) {
            return Ok(());
        }
        if Instant::now() > end {
            let state = &view.case.flow.state;
            return Err(Error::Internal(format!("case {number} is still in {state} after {PATIENCE:?}")));
        }
        sleep(GLANCE).await;
    }
}
