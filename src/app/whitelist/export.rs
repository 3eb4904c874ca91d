//! The list of a tunnel as firewalls and automation pull it. Nothing that no engineer has looked at is in it: what a case
//! wants enters when its engineer says that it is applied, what was added by hand was judged when it was added.

use serde_json::json;

use super::register::target;
use super::{MOST_ENTRIES, require_staff};
use crate::app::{App, Error};
use crate::domain::actor::Person;
use crate::domain::id::TunnelId;
use crate::domain::tunnel::{Progress, Tunnel};
use crate::domain::whitelist::export::{lines, nft};
use crate::domain::whitelist::{Format, Target};
use crate::store::whitelist::{self, Entry, Version};
use crate::store::{Tx, customers, tunnels};

/// Counts up when a form changes, so that nobody is told "unchanged" about another form of the same list.
const FORM: u32 = 1;

/// The entity tag of a list (RFC 9110, section 8.8.3). The instant tells versions apart that were counted twice, before and
/// after a restore.
pub fn etag(version: &Version) -> String {
    let at = version.list_changed_at.map_or(0, |at| at.timestamp_micros());
    format!("\"{FORM}-{}-{at}\"", version.list_version)
}

/// Which version of the list there is, by one row.
///
/// # Errors
/// [`Error::NotFound`] where there is no such tunnel; [`Error::Forbidden`] for customers; what the database says.
pub async fn version(app: &App, person: &Person, tunnel: TunnelId) -> Result<Version, Error> {
    require_staff(person)?;
    whitelist::version(&mut app.db.read().await?, tunnel).await?.ok_or(Error::NotFound)
}

/// The whole list in one form, with its entity tag.
///
/// # Errors
/// As [`version()`]; [`Error::Internal`] for a list that is too long to be read as a whole.
pub async fn content(app: &App, person: &Person, tunnel: TunnelId, format: Format) -> Result<(String, String), Error> {
    require_staff(person)?;
    whole(app, tunnel, format).await
}

/// As [`content`], for whoever has the database itself: the command line.
///
/// # Errors
/// As [`content`].
pub async fn whole(app: &App, tunnel: TunnelId, format: Format) -> Result<(String, String), Error> {
    let mut tx = app.db.read().await?;
    let version = whitelist::version(&mut tx, tunnel).await?.ok_or(Error::NotFound)?;
    let tunnel = tunnels::by_id(&mut tx, version.customer_id, tunnel).await?.ok_or(Error::NotFound)?;
    let entries = released(&mut tx, &tunnel).await?;
    let targets = entries.iter().map(target).collect::<Result<Vec<Target>, Error>>()?;
    let text = match format {
        Format::Json => json(&mut tx, (&tunnel, &version), &entries).await?,
        Format::Text => lines(&targets),
        Format::Nft => nft(&tunnel, version.list_version, &targets),
    };
    Ok((etag(&version), text))
}

/// What our gateway is to let through.
async fn released(tx: &mut Tx, tunnel: &Tunnel) -> Result<Vec<Entry>, Error> {
    let entries = whitelist::on_list(tx, tunnel.id, MOST_ENTRIES + 1).await?;
    if i64::try_from(entries.len()).is_ok_and(|count| count > MOST_ENTRIES) {
        let text = format!("the list of tunnel {} has more than {MOST_ENTRIES} entries", tunnel.name);
        return Err(Error::Internal(text));
    }
    Ok(entries.into_iter().filter(is_released).collect())
}

fn is_released(entry: &Entry) -> bool {
    match entry.ours {
        Progress::Applied | Progress::Proven => entry.leave_at.is_none(),
        Progress::Wanted => entry.case_id.is_none(),
        Progress::None | Progress::Retired => false,
    }
}

async fn json(tx: &mut Tx, (tunnel, version): (&Tunnel, &Version), entries: &[Entry]) -> Result<String, Error> {
    let customer = customers::by_id(tx, tunnel.customer).await?.ok_or(Error::NotFound)?;
    let items: Vec<_> = entries
        .iter()
        .map(|entry| {
            json!({
                "id": entry.id,
                "network": entry.network,
                "protocol": entry.protocol,
                "port": entry.port,
                "ours": entry.ours,
                "theirs": entry.theirs,
            })
        })
        .collect();
    let body = json!({
        "tunnel": {"id": tunnel.id, "name": tunnel.name, "customer": customer.name},
        "version": version.list_version,
        "changed_at": version.list_changed_at,
        "sources": tunnel.alerting_ips(),
        "items": items,
    });
    Ok(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{CaseId, CustomerId, EntryId};
    use crate::domain::whitelist::Protocol;
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    fn entry(ours: Progress) -> Entry {
        Entry {
            customer_id: CustomerId::new(Uuid::nil()),
            id: EntryId::new(Uuid::nil()),
            tunnel_id: TunnelId::new(Uuid::nil()),
            network: "10.20.4.15/32".into(),
            port: 587,
            protocol: Protocol::Tcp,
            case_id: None,
            reason: None,
            ours,
            ours_by: None,
            ours_how: None,
            ours_at: None,
            theirs: Progress::None,
            theirs_by: None,
            theirs_how: None,
            theirs_at: None,
            proven_by: None,
            port_reason: None,
            leave_by: None,
            leave_why: None,
            leave_at: None,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_what_an_engineer_has_looked_at_is_let_through() {
        let case = Some(CaseId::new(Uuid::nil()));
        assert!(is_released(&entry(Progress::Wanted)), "judged when it was added");
        assert!(!is_released(&Entry { case_id: case, ..entry(Progress::Wanted) }), "a customer's wish");
        assert!(is_released(&Entry { case_id: case, ..entry(Progress::Applied) }));
        assert!(is_released(&entry(Progress::Proven)));
        assert!(!is_released(&Entry { leave_at: Some(DateTime::<Utc>::UNIX_EPOCH), ..entry(Progress::Proven) }));
        assert!(!is_released(&entry(Progress::Retired)) && !is_released(&entry(Progress::None)));
    }

    #[test]
    fn a_version_that_was_counted_twice_has_two_tags() {
        let version = |at| Version { customer_id: CustomerId::new(Uuid::nil()), list_version: 7, list_changed_at: at };
        assert_ne!(etag(&version(None)), etag(&version(DateTime::from_timestamp_micros(5))));
        assert_eq!(etag(&version(DateTime::from_timestamp_micros(5))), "\"1-7-5\"");
    }
}
