//! What a change of an alerting IP concerns: the servers with their child cases, and the tunnels that go over.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::types::Json;

use super::alerting_campaigns::Campaign;
use super::{StoreError, Tx, on, record, statements};
use crate::domain::id::{CaseId, CustomerId, PersonId, TunnelId};
use crate::domain::workflow::Data;

/// Whether a server is in use in the course of the case `k`: it is the main case, it has not ended, and settings were applied
/// in it. Whether all is well with the server does not matter: its filter has to let alerts in either way.
macro_rules! in_use {
    () => {
        "k.is_open AND k.parent IS NULL
            AND (EXISTS (SELECT 1 FROM settings a
                    WHERE a.customer_id = k.customer_id AND a.case_id = k.id AND a.applied_at IS NOT NULL)
                OR EXISTS (SELECT 1 FROM syslog_settings a
                    WHERE a.customer_id = k.customer_id AND a.case_id = k.id AND a.applied_at IS NOT NULL))"
    };
}

/// Whether the change `$campaign` knows no child of the case `k`. One that ended with its parent counts for nothing: the parent
/// was taken up again.
macro_rules! is_untold {
    ($campaign:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM alerting_campaign_servers s
                    JOIN cases c ON c.customer_id = s.customer_id AND c.id = s.case_id
                WHERE s.campaign = ",
            $campaign,
            " AND s.parent = k.number AND c.state <> 'gone')"
        )
    };
}

statements! {
    CANDIDATES = concat!("SELECT k.customer_id, k.id, k.number
        FROM cases k JOIN tunnels t ON t.customer_id = k.customer_id AND t.id = k.tunnel_id
        WHERE ", in_use!(), " AND k.number > $2 AND (t.alerting_ip = $1 OR t.standby_ip = $1)
            AND ", is_untold!("$3"), "
        ORDER BY k.number
        LIMIT $4");
    INSERT_SERVER = "INSERT INTO alerting_campaign_servers
            (campaign, parent, customer_id, case_id, tunnel_id, told_revision)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (campaign, parent) DO UPDATE
        SET case_id = excluded.case_id, tunnel_id = excluded.tunnel_id, told_revision = excluded.told_revision";
    TO_TELL = "SELECT parent, customer_id, case_id FROM alerting_campaign_servers
        WHERE campaign = $1 AND told_revision < $2
        ORDER BY told_revision, parent
        LIMIT $3";
    SET_TOLD = "UPDATE alerting_campaign_servers SET told_revision = $3 WHERE campaign = $1 AND parent = $2";
    STILL_OPEN = "SELECT s.parent, s.customer_id, s.case_id
        FROM alerting_campaign_servers s JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
        WHERE s.campaign = $1 AND s.parent > $2 AND k.is_open
        ORDER BY s.parent
        LIMIT $3";
    COUNT_STATES = "SELECT k.state, COUNT(*) AS count
        FROM alerting_campaign_servers s JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
        WHERE s.campaign = $1
        GROUP BY k.state";
    BOARD = "SELECT s.parent, k.number, k.title, k.state, k.waiting_since, k.data, c.name AS customer_name,
            t.name AS tunnel_name, t.id AS tunnel_id
        FROM alerting_campaign_servers s
            JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
            JOIN customers c ON c.id = s.customer_id
            JOIN tunnels t ON t.customer_id = s.customer_id AND t.id = s.tunnel_id
        WHERE s.campaign = $1 AND s.parent > $2
            AND ($3 = '' OR k.state = $3 OR ($3 = 'over' AND k.state IN ('retired', 'called_off', 'gone')))
        ORDER BY s.parent
        LIMIT $4";
    READY_TUNNELS = concat!("SELECT t.customer_id, t.id
        FROM tunnels t
        WHERE (t.alerting_ip = $2 OR t.standby_ip = $2)
            AND NOT EXISTS (
                SELECT 1 FROM alerting_campaign_servers s
                    JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
                WHERE s.campaign = $1 AND s.customer_id = t.customer_id AND s.tunnel_id = t.id
                    AND k.is_open AND k.state <> 'proven')
            AND NOT EXISTS (
                SELECT 1 FROM cases k
                WHERE k.customer_id = t.customer_id AND k.tunnel_id = t.id AND ", in_use!(), "
                    AND ", is_untold!("$1"), ")
        ORDER BY t.customer_id, t.id
        LIMIT $3");
    LEFT_TUNNELS = "SELECT customer_id, id FROM tunnels
        WHERE alerting_ip = $1 OR standby_ip = $1
        ORDER BY customer_id, id
        LIMIT $2";
    LEFT_TUNNEL = "SELECT customer_id, id FROM tunnels WHERE id = $1 AND (alerting_ip = $2 OR standby_ip = $2)";
    UNPROVEN_BEHIND = "SELECT s.parent, s.customer_id, s.case_id
        FROM alerting_campaign_servers s JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
        WHERE s.campaign = $1 AND s.customer_id = $2 AND s.tunnel_id = $3 AND s.parent > $4
            AND k.is_open AND k.state <> 'proven'
        ORDER BY s.parent
        LIMIT $5";
    INSERT_TUNNEL = "INSERT INTO alerting_campaign_tunnels
            (campaign, customer_id, tunnel_id, at, override_reason, override_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (campaign, customer_id, tunnel_id) DO UPDATE
        SET at = excluded.at, override_reason = excluded.override_reason, override_by = excluded.override_by";
    SUCCESSOR = "SELECT n.network
        FROM alerting_campaign_tunnels g
            JOIN alerting_campaigns c ON c.number = g.campaign
            JOIN alerting_ips o ON o.number = c.old_ip
            JOIN alerting_ips n ON n.number = c.new_ip
        WHERE g.customer_id = $1 AND g.tunnel_id = $2 AND c.state = 'open' AND o.network = $3";
    COUNT_TUNNELS = "SELECT COUNT(*) AS count, COUNT(override_reason) AS overridden
        FROM alerting_campaign_tunnels
        WHERE campaign = $1";
    OPEN_OF_CUSTOMER = "SELECT k.number, k.title, k.state, k.data, s.campaign
        FROM alerting_campaign_servers s
            JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
            JOIN alerting_campaigns g ON g.number = s.campaign
        WHERE s.customer_id = $1 AND k.is_open AND g.state = 'open'
        ORDER BY k.number
        LIMIT 100";
    OPEN_OF_OPENER = "SELECT k.number, k.title, k.state, k.data, s.campaign
        FROM alerting_campaign_servers s
            JOIN cases k ON k.customer_id = s.customer_id AND k.id = s.case_id
            JOIN alerting_campaigns g ON g.number = s.campaign
        WHERE s.customer_id = $1 AND k.is_open AND g.state = 'open' AND k.opened_by = $2
        ORDER BY k.number
        LIMIT 100";
}

record! {
    /// A case in whose course a server is in use.
    #[derive(Clone, Debug)]
    pub struct Candidate {
        /// Whose case it is.
        pub customer_id: CustomerId,
        /// The case.
        pub id: CaseId,
        /// Its number.
        pub number: i64,
    }
}

record! {
    /// The child case of a server.
    #[derive(Clone, Debug)]
    pub struct Member {
        /// Number of the server's own case.
        pub parent: i64,
        /// Whose it is.
        pub customer_id: CustomerId,
        /// The child.
        pub case_id: CaseId,
    }
}

record! {
    /// How many child cases are in a state.
    #[derive(Clone, Debug)]
    pub struct Count {
        /// The state.
        pub state: String,
        /// How many.
        pub count: i64,
    }
}

record! {
    /// A line of the board.
    #[derive(Clone, Debug)]
    pub struct Line {
        /// Number of the server's own case.
        pub parent: i64,
        /// Number of the child case.
        pub number: i64,
        /// Its title.
        pub title: String,
        /// Its state.
        pub state: String,
        /// Since when somebody is awaited.
        pub waiting_since: DateTime<Utc>,
        /// What is known in it.
        pub data: Json<Data>,
        /// Name of the customer.
        pub customer_name: String,
        /// Name of the tunnel.
        pub tunnel_name: String,
        /// The tunnel.
        pub tunnel_id: TunnelId,
    }
}

record! {
    /// A tunnel.
    #[derive(Clone, Debug)]
    pub struct Behind {
        /// Whose it is.
        pub customer_id: CustomerId,
        /// The tunnel.
        pub id: TunnelId,
    }
}

record! {
    /// How many tunnels have gone over.
    #[derive(Clone, Debug)]
    pub struct GoneOver {
        /// All of them.
        pub count: i64,
        /// Those without the proof.
        pub overridden: i64,
    }
}

record! {
    /// A child case that is open, as its customer sees it.
    #[derive(Clone, Debug)]
    pub struct OfCustomer {
        /// Its number.
        pub number: i64,
        /// Its title.
        pub title: String,
        /// Its state.
        pub state: String,
        /// What is known in it.
        pub data: Json<Data>,
        /// The change.
        pub campaign: i64,
    }
}

/// Servers in use behind tunnels that name an address, which the change does not know yet, in the order of their cases.
///
/// # Errors
/// What the database says.
pub async fn candidates(
    tx: &mut Tx,
    campaign: &Campaign,
    address: IpAddr,
    limit: i64,
) -> Result<Vec<Candidate>, StoreError> {
    let address = address.to_string();
    Ok(on!(tx, conn => sqlx::query_as(CANDIDATES)
        .bind(&address).bind(campaign.cursor).bind(campaign.number).bind(limit).fetch_all(conn).await)?)
}

/// Adds a server with its child case, in the place of a former one that is gone.
///
/// # Errors
/// What the database says.
pub async fn add_server(tx: &mut Tx, campaign: &Campaign, member: &Member, tunnel: TunnelId) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_SERVER)
        .bind(campaign.number).bind(member.parent).bind(member.customer_id).bind(member.case_id).bind(tunnel)
        .bind(campaign.revision)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Servers that were not told of the present dates.
///
/// # Errors
/// What the database says.
pub async fn to_tell(tx: &mut Tx, campaign: &Campaign, limit: i64) -> Result<Vec<Member>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(TO_TELL)
        .bind(campaign.number).bind(campaign.revision).bind(limit).fetch_all(conn).await)?)
}

/// Notes that a server was told of the present dates.
///
/// # Errors
/// What the database says.
pub async fn set_told(tx: &mut Tx, campaign: &Campaign, parent: i64) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(SET_TOLD).bind(campaign.number).bind(parent).bind(campaign.revision)
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// Child cases that have not ended, behind the cursor.
///
/// # Errors
/// What the database says.
pub async fn still_open(tx: &mut Tx, campaign: &Campaign, limit: i64) -> Result<Vec<Member>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(STILL_OPEN)
        .bind(campaign.number).bind(campaign.cursor).bind(limit).fetch_all(conn).await)?)
}

/// How many child cases are in each state.
///
/// # Errors
/// What the database says.
pub async fn counts(tx: &mut Tx, number: i64) -> Result<Vec<Count>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_STATES).bind(number).fetch_all(conn).await)?)
}

/// Lines of the board behind a case number; of one state, where it is not empty: `over` means its ends but that by a lead.
///
/// # Errors
/// What the database says.
pub async fn board(tx: &mut Tx, number: i64, (state, after): (&str, i64), limit: i64) -> Result<Vec<Line>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(BOARD).bind(number).bind(after).bind(state).bind(limit).fetch_all(conn).await)?)
}

/// Tunnels that name the former address and behind which nothing is unproven.
///
/// # Errors
/// What the database says.
pub async fn ready_tunnels(tx: &mut Tx, number: i64, address: IpAddr, limit: i64) -> Result<Vec<Behind>, StoreError> {
    let address = address.to_string();
    Ok(on!(tx, conn => sqlx::query_as(READY_TUNNELS).bind(number).bind(&address).bind(limit).fetch_all(conn).await)?)
}

/// Tunnels that still name an address.
///
/// # Errors
/// What the database says.
pub async fn left_tunnels(tx: &mut Tx, address: IpAddr, limit: i64) -> Result<Vec<Behind>, StoreError> {
    let address = address.to_string();
    Ok(on!(tx, conn => sqlx::query_as(LEFT_TUNNELS).bind(&address).bind(limit).fetch_all(conn).await)?)
}

/// A tunnel, where it still names an address.
///
/// # Errors
/// What the database says.
pub async fn left_tunnel(tx: &mut Tx, address: IpAddr, tunnel: TunnelId) -> Result<Option<Behind>, StoreError> {
    let address = address.to_string();
    Ok(on!(tx, conn => sqlx::query_as(LEFT_TUNNEL).bind(tunnel).bind(&address).fetch_optional(conn).await)?)
}

/// Child cases behind a tunnel that are neither over nor proven, of parents with numbers above `after`.
///
/// # Errors
/// What the database says.
pub async fn unproven(
    tx: &mut Tx,
    number: i64,
    (customer, tunnel): (CustomerId, TunnelId),
    (after, limit): (i64, i64),
) -> Result<Vec<Member>, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(UNPROVEN_BEHIND).bind(number).bind(customer).bind(tunnel).bind(after).bind(limit)
        .fetch_all(conn).await)?)
}

/// The network that has taken the place of `network` in a tunnel, by a change that is under way.
///
/// # Errors
/// What the database says.
pub async fn successor(
    tx: &mut Tx,
    (customer, tunnel): (CustomerId, TunnelId),
    network: IpNet,
) -> Result<Option<String>, StoreError> {
    let text = network.to_string();
    Ok(on!(tx, conn => sqlx::query_scalar(SUCCESSOR).bind(customer).bind(tunnel).bind(&text)
        .fetch_optional(conn).await)?)
}

/// Notes that a tunnel has gone over; `overridden` names reason and lead where a proof is missing. One that went over before
/// and was set back by hand goes over again.
///
/// # Errors
/// What the database says.
pub async fn add_tunnel(
    tx: &mut Tx,
    number: i64,
    behind: &Behind,
    overridden: Option<(&str, PersonId)>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, conn => sqlx::query(INSERT_TUNNEL)
        .bind(number).bind(behind.customer_id).bind(behind.id).bind(at)
        .bind(overridden.map(|(reason, _)| reason)).bind(overridden.map(|(_, by)| by))
        .execute(conn).await.map(|_| ()))?;
    Ok(())
}

/// How many tunnels have gone over.
///
/// # Errors
/// What the database says.
pub async fn gone_over(tx: &mut Tx, number: i64) -> Result<GoneOver, StoreError> {
    Ok(on!(tx, conn => sqlx::query_as(COUNT_TUNNELS).bind(number).fetch_one(conn).await)?)
}

/// A customer's child cases that are open; those beside the cases that `opener` opened where one is given.
///
/// # Errors
/// What the database says.
pub async fn of_customer(
    tx: &mut Tx,
    customer: CustomerId,
    opener: Option<PersonId>,
) -> Result<Vec<OfCustomer>, StoreError> {
    Ok(match opener {
        None => on!(tx, conn => sqlx::query_as(OPEN_OF_CUSTOMER).bind(customer).fetch_all(conn).await)?,
        Some(person) => {
            on!(tx, conn => sqlx::query_as(OPEN_OF_OPENER).bind(customer).bind(person).fetch_all(conn).await)?
        }
    })
}
