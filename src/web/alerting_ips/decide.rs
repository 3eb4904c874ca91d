//! What leads decide about a change: its announcement, its dates, its end.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::changes::{self, PATH, Wanted};
use crate::app::Error;
use crate::app::campaign::board::Board;
use crate::app::campaign::{self, Draft};
use crate::domain::alerting_ip::{AlertingIp, IpState};
use crate::domain::id::TunnelId;
use crate::store::alerting_tunnels::Naming;
use crate::views::alerting_change::Act;
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::web::admin::identifier;
use crate::web::fields::Fields;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const DATE: &str = "A date like 2027-01-15 or a time like 2027-01-15T08:00:00Z";

/// The form that announces a change.
pub(super) fn announcing(register: &[AlertingIp]) -> Form {
    let choice = |ip: &AlertingIp| Choice::new(ip.number.to_string(), format!("{}, {}", ip.shown(), ip.state));
    let single = register.iter().filter(|ip| ip.is_single());
    let old = single.clone().filter(|ip| ip.ending().is_ok()).map(choice);
    let new = single.filter(|ip| matches!(ip.state, IpState::Planned | IpState::Active)).map(choice);
    let nobody = || std::iter::once(Choice::new("", "Choose"));
    Form::new("change", PATH, form_key(), Button::main("Announce the change")).fields(vec![
        Field::new(Kind::Select, "old", "IP that ends").options(nobody().chain(old).collect()),
        Field::new(Kind::Select, "new", "IP that takes its place").options(nobody().chain(new).collect()),
        Field::new(Kind::Code, "effective", "First day of the new IP")
            .hint(format!("{DATE}; 30 days from now or later, unless it is an emergency")),
        Field::new(Kind::Code, "until", "Last day of the former IP")
            .hint("Both may be used until its end; empty where the former one ends when the new one begins")
            .optional(),
        Field::new(Kind::Textarea, "emergency", "Why it cannot wait 30 days")
            .hint("Customers read it. Only for an emergency")
            .optional(),
    ])
}

/// The forms of a change under way.
pub(super) fn acts(board: &Board) -> Vec<Act> {
    let path = format!("{PATH}/{}", board.summary.campaign.number);
    let form = |id: &str, button: Button| Form::new(id, format!("{path}/{id}"), form_key(), button);
    let why = |hint: &str| Field::new(Kind::Textarea, "reason", "Reason").hint(hint);
    let mut acts = vec![Act {
        heading: "Move the dates".to_owned(),
        form: form("dates", Button::of(Style::Other, "Move the dates")).fields(vec![
            Field::new(Kind::Code, "effective", "First day of the new IP")
                .hint(format!("{DATE}; empty to keep it"))
                .optional(),
            Field::new(Kind::Code, "until", "Last day of the former IP").hint("Empty to keep it").optional(),
            why("Everybody is told of the new dates; the reason stays on record"),
        ]),
        is_open: false,
    }];
    if board.summary.new.state == IpState::Active {
        let of =
            |tunnel: &Naming| Choice::new(tunnel.id.to_string(), format!("{}, {}", tunnel.name, tunnel.customer_name));
        let all = std::iter::once(Choice::new("", "Every tunnel that still uses it"));
        acts.push(Act {
            heading: "Go on without the proof".to_owned(),
            form: form("go-on", Button::of(Style::Danger, "Go on without the proof")).fields(vec![
                Field::new(Kind::Select, "tunnel", "Which tunnels give up the former IP")
                    .options(all.chain(board.left_tunnels.iter().map(of)).collect()),
                why("Customers without a proof are told, with this reason"),
            ]),
            is_open: false,
        });
    }
    if board.gone_over.count == 0 {
        acts.push(Act {
            heading: "Call the change off".to_owned(),
            form: form("withdraw", Button::of(Style::Danger, "Call it off"))
                .fields(vec![why("Everybody is told, with this reason")]),
            is_open: false,
        });
    }
    acts
}

/// Announces a change.
pub(super) async fn open(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    campaign::require_lead(person)?;
    fields.only(&["old", "new", "effective", "until", "emergency"])?;
    let text = |name: &str| fields.get(name).to_owned();
    let draft = Draft {
        old: text("old"),
        new: text("new"),
        effective: text("effective"),
        until: text("until"),
        emergency: text("emergency"),
    };
    match campaign::open(&visitor.app, person, &draft).await {
        Ok(campaign) => Ok(Redirect::to(&format!("{PATH}/{}", campaign.number)).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => {
            changes::listed(&visitor, Some(("change", &fields, &errors))).await
        }
        Err(other) => Err(other.into()),
    }
}

/// Moves the dates.
pub(super) async fn dates(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    campaign::require_lead(person)?;
    let number = path_number(&number)?;
    fields.only(&["effective", "until", "reason"])?;
    let typed = (fields.get("effective"), fields.get("until"), fields.get("reason"));
    let outcome = campaign::slip(&visitor.app, person, number, typed).await;
    decided(&visitor, (number, "dates"), &fields, outcome.map(|_| ())).await
}

/// Calls the change off.
pub(super) async fn withdraw(
    visitor: Visitor,
    Path(number): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    campaign::require_lead(person)?;
    let number = path_number(&number)?;
    fields.only(&["reason"])?;
    let outcome = campaign::withdraw(&visitor.app, person, number, fields.get("reason")).await;
    decided(&visitor, (number, "withdraw"), &fields, outcome.map(|_| ())).await
}

/// Goes on without the proofs that are missing: everywhere, or behind one tunnel.
pub(super) async fn go_on(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    campaign::require_lead(person)?;
    let number = path_number(&number)?;
    fields.only(&["reason", "tunnel"])?;
    let outcome = match fields.get("tunnel") {
        "" => campaign::go_on(app, person, number, fields.get("reason")).await.map(|_| ()),
        id => {
            let tunnel = TunnelId::new(identifier(id)?);
            campaign::go_on_with_tunnel(app, person, (number, tunnel), fields.get("reason")).await
        }
    };
    decided(&visitor, (number, "go-on"), &fields, outcome).await
}

async fn decided(
    visitor: &Visitor,
    (number, form): (i64, &str),
    fields: &Fields,
    outcome: Result<(), Error>,
) -> Result<Response, Failure> {
    match outcome {
        Ok(()) => Ok(Redirect::to(&format!("{PATH}/{number}")).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => {
            changes::shown(visitor, number, &Wanted::default(), Some((form, fields, &errors))).await
        }
        Err(other) => Err(other.into()),
    }
}
