//! Parent and child: what an event of one case does to another one, in the transaction of that event.
//!
//! Whoever changes a child holds its parent first (`cases::hold`), so that two members of a family never wait for each other
//! crosswise, and what one tells the other arrives in the order in which it was said.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::firing::{Firing, came_too_late};
use super::turn::{self, Handed};
use super::{App, Error, Secrets, campaign, revisions, workflows};
use crate::domain::actor::{Actor, Person};
use crate::domain::case::{Case, Priority, WaitingOn};
use crate::domain::id::CaseId;
use crate::domain::workflow::family::{self, Beginning};
use crate::domain::workflow::{CaseState, Data, Definition, Effect, Refusal, engine};
use crate::store::{Tx, cases};

/// Carries out what an event orders for other cases, and tells children that their parent has moved, or the server in it.
/// `before` is the case before the event; `case` is stored, and read again where others may have answered.
///
/// # Errors
/// [`Error::Refused`] where another child has to end first; what the database says.
pub(super) async fn follow(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (before, effects): (&Case, &[Effect]),
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let definition = app.workflows.of(&case.workflow)?;
    let from = before.flow.state.as_str();
    let moved_server = campaign::moved_server(before, case).filter(|_| case.parent.is_none());
    let mut told = false;
    for (index, effect) in effects.iter().enumerate() {
        if let Effect::Spawn { workflow, priority, data, sealed } = effect {
            let key = super::effects::effect_key(case, index);
            let priority = priority.and_then(|priority| Priority::parse(priority.as_str()));
            begin(app, tx, case, (workflow, priority, data, sealed), &key, firing).await?;
            told = true;
        } else if let Effect::Signal { signal, data, sealed } = effect {
            tell_parent(app, tx, case, (signal, data, sealed), firing.at).await?;
            told = true;
        }
    }
    if from != case.flow.state && case.parent.is_none() {
        let moved = (from, case.flow.state.clone());
        for mut child in cases::open_children(tx, case.number).await? {
            let of_child = app.workflows.of(&child.workflow)?;
            if let Some(event) = family::heard(of_child, definition, (moved.0, &moved.1)) {
                tell(app, tx, &mut child, (event, &Data::new()), &handed(case, &BTreeSet::new()), firing.at).await?;
                told = true;
            }
        }
    }
    if let Some(server) = moved_server {
        for mut child in cases::open_children(tx, case.number).await? {
            if let Some(event) = app.workflows.of(&child.workflow)?.on_server_move.as_deref() {
                tell(app, tx, &mut child, (event, &server), &handed(case, &BTreeSet::new()), firing.at).await?;
                told = true;
            }
        }
    }
    if told {
        *case = cases::by_id(tx, case.customer, case.id).await?.ok_or(Error::NotFound)?;
    }
    Ok(())
}

/// Brings a child into the world. Its identifier follows from the effect, so that a repeat would be seen as one.
async fn begin(
    app: &App,
    tx: &mut Tx,
    parent: &Case,
    (workflow, priority, data, sealed): (&str, Option<Priority>, &Data, &BTreeSet<String>),
    effect_key: &str,
    firing: &Firing<'_>,
) -> Result<(), Error> {
    let definition = app.workflows.beside(&parent.workflow, workflow)?;
    let open = own_children(app, tx, parent).await?;
    let of_open: Vec<&Definition> =
        open.iter().map(|child| app.workflows.of(&child.workflow)).collect::<Result<_, _>>()?;
    match family::beginning(definition, &of_open) {
        Beginning::Free => {}
        Beginning::Instead(event) => {
            for mut older in open.into_iter().filter(|older| older.workflow.id == definition.id) {
                let nothing = handed(parent, &BTreeSet::new());
                tell(app, tx, &mut older, (event, &Data::new()), &nothing, firing.at).await?;
            }
        }
        Beginning::Refused => {
            let other = open
                .first()
                .map_or_else(String::new, |child| format!("Case {}, {}, is under way. ", child.number, child.title));
            let text = format!("{other}Finish or withdraw it first, then begin another change");
            return Err(Error::Refused(Refusal::Guard(text)));
        }
    }
    let flow = engine::birth_of_child(definition, data.clone(), sealed.clone()).map_err(Error::from)?;
    let newborn = newborn(tx, parent, definition, (id_of_child(effect_key), flow), firing.at).await?;
    let mut child = Case { priority: priority.unwrap_or(parent.priority), ..newborn };
    turn::birth(app, tx, &mut child, Some(&handed(parent, sealed)), (firing.actor, firing.at)).await
}

/// A child as it is before its birth: what belongs to the parent is the child's too, and nobody has done anything in it.
///
/// # Errors
/// What the database says.
pub(super) async fn newborn(
    tx: &mut Tx,
    parent: &Case,
    definition: &Definition,
    (id, flow): (CaseId, CaseState),
    at: DateTime<Utc>,
) -> Result<Case, Error> {
    Ok(Case {
        customer: parent.customer,
        id,
        number: cases::take_number(tx).await?,
        parent: Some(parent.number),
        title: definition.title.clone(),
        workflow: workflows::reference(definition),
        revision: 0,
        flow,
        priority: parent.priority,
        vendor_ticket: None,
        waiting_on: WaitingOn::Nobody,
        owner_role: None,
        queued: parent.queued,
        claim: None,
        opened_by: parent.opened_by,
        tunnel: parent.tunnel,
        server: parent.server,
        tenant: parent.tenant,
        is_open: true,
        opened_at: at,
        waiting_since: at,
        due_at: at,
        closed_at: None,
        outcome: None,
        objective: None,
        soon_at: None,
        escalated_at: None,
        step_due_at: None,
    })
}

/// The open children that the parent's workflow begins, which run on its version. A change of the alerting IP runs beside
/// every other one: it begins and ends without this case.
pub(super) async fn own_children(app: &App, tx: &mut Tx, parent: &Case) -> Result<Vec<Case>, Error> {
    let own = &app.workflows.of(&parent.workflow)?.children;
    let mut open = cases::open_children(tx, parent.number).await?;
    open.retain(|child| own.contains(&child.workflow.id));
    Ok(open)
}

/// UUID version 8 (RFC 9562) of a hash.
fn id_of_child(effect_key: &str) -> CaseId {
    let hash: [u8; 32] = Sha256::digest(effect_key.as_bytes()).into();
    let (half, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    CaseId::new(uuid::Builder::from_custom_bytes(*half).into_uuid())
}

async fn tell_parent(
    app: &App,
    tx: &mut Tx,
    child: &Case,
    (signal, data, sealed): (&str, &Data, &BTreeSet<String>),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let number = child.parent.ok_or_else(|| Error::Internal(format!("case {} has no parent", child.number)))?;
    let mut parent = cases::hold(tx, number).await?.ok_or(Error::NotFound)?;
    tell(app, tx, &mut parent, (signal, data), &handed(child, sealed), at).await?;
    revisions::adopt(tx, &parent, child, at).await
}

/// An event that another case of the family causes. The checker promises that it is heard.
pub(super) async fn tell(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (event, data): (&str, &Data),
    handed: &Handed,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    if !hears(app, tx, case, (event, data), Some(handed), at).await? {
        tracing::error!(
            case = case.number,
            from = handed.number,
            event,
            "a case does not hear what another one tells it"
        );
    }
    Ok(())
}

/// An event that the machine causes, whatever the case waits for; says whether the case hears it where it is.
///
/// # Errors
/// [`Error::Invalid`] for data that the case refuses; what the database says.
pub(super) async fn hears(
    app: &App,
    tx: &mut Tx,
    case: &mut Case,
    (event, data): (&str, &Data),
    handed: Option<&Handed>,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let secrets = Secrets::new();
    let firing = Firing {
        actor: &Actor::Machine,
        event,
        data: data.clone(),
        secrets: &secrets,
        expected_entered: None,
        probe: None,
        at,
    };
    // Boxed, because what is told may lead to further telling.
    Ok(!came_too_late(Box::pin(turn::fire_handed(app, tx, case, firing, handed)).await)?)
}

fn handed(from: &Case, sealed: &BTreeSet<String>) -> Handed {
    Handed { case: from.id, number: from.number, sealed: sealed.clone() }
}

/// The cases around one: its parent, and its children, newest first. Who sees the case sees these.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// The case that it belongs to.
    pub parent: Option<Case>,
    /// The cases that belong to it.
    pub children: Vec<Case>,
}

/// Reads the family of a case that the person may see.
///
/// # Errors
/// What the database says.
pub(super) async fn of(tx: &mut Tx, person: &Person, case: &Case) -> Result<Family, Error> {
    let parent = match case.parent {
        Some(number) => cases::by_number(tx, number).await?.filter(|parent| parent.is_visible_to(person)),
        None => None,
    };
    let mut children = cases::children(tx, case.number).await?;
    children.retain(|child| child.is_visible_to(person));
    Ok(Family { parent, children })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_effect_gives_the_same_child_and_another_one_another() {
        assert_eq!(id_of_child("a.00000007.002"), id_of_child("a.00000007.002"));
        assert_ne!(id_of_child("a.00000007.002"), id_of_child("a.00000007.003"));
        let id = id_of_child("a").uuid();
        assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
    }
}
