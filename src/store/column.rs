//! How our types become columns, once for both drivers.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};
use uuid::Uuid;

use crate::domain::account::AccountEvent;
use crate::domain::actor::Role;
use crate::domain::alerting_ip::campaign::CampaignState;
use crate::domain::alerting_ip::{IpAct, IpState, Purpose};
use crate::domain::case::{Priority, WaitingOn};
use crate::domain::customer::Architecture;
use crate::domain::id::{
    AgentId, AttachmentId, CalendarId, CaseId, ChangeId, CustomerId, EndpointId, EntryId, EventId, IncomingId,
    ListRequestId, MessageId, PersonId, PolicyRowId, ProbeId, ReadyTextId, RelayId, SecretId, ServerId, SettingsId,
    TenantId, TunnelId,
};
use crate::domain::mail_settings::Encryption;
use crate::domain::mail_wish::{About, Wish};
use crate::domain::objective::{Objective, Outcome};
use crate::domain::syslog::{Framing, InputType, Transport};
use crate::domain::tunnel::{Progress, TunnelState};
use crate::domain::webhook::{Delivery, OffReason, Topic};
use crate::domain::whitelist::{Protocol, RequestState};

/// A type that is stored as another: how it is made into it, and back, where back may fail.
macro_rules! column {
    ($type:ty, $stored:ty, $value:ident => $out:expr, $stored_value:ident => $in:expr) => {
        column!(@driver $type, $stored, Sqlite, SqliteTypeInfo, SqliteArgumentsBuffer, SqliteValueRef, $value => $out, $stored_value => $in);
        column!(@driver $type, $stored, Postgres, PgTypeInfo, PgArgumentBuffer, PgValueRef, $value => $out, $stored_value => $in);
    };
    (@driver $type:ty, $stored:ty, $db:ty, $info:ty, $buffer:ty, $from:ident, $value:ident => $out:expr, $stored_value:ident => $in:expr) => {
        impl Type<$db> for $type {
            fn type_info() -> $info {
                <$stored as Type<$db>>::type_info()
            }
            fn compatible(info: &$info) -> bool {
                <$stored as Type<$db>>::compatible(info)
            }
        }
        impl Encode<'_, $db> for $type {
            fn encode_by_ref(&self, buffer: &mut $buffer) -> Result<IsNull, BoxDynError> {
                let $value = *self;
                <$stored as Encode<'_, $db>>::encode($out, buffer)
            }
        }
        impl<'r> Decode<'r, $db> for $type {
            fn decode(value: $from<'r>) -> Result<Self, BoxDynError> {
                let $stored_value = <$stored as Decode<'r, $db>>::decode(value)?;
                $in
            }
        }
    };
}

macro_rules! id_columns {
    ($($type:ty),*) => {$(column!($type, Uuid, id => id.uuid(), stored => Ok(Self::new(stored)));)*};
}

id_columns!(
    AgentId,
    AttachmentId,
    CalendarId,
    CaseId,
    ChangeId,
    CustomerId,
    EndpointId,
    EntryId,
    EventId,
    IncomingId,
    ListRequestId,
    MessageId,
    PersonId,
    PolicyRowId,
    ProbeId,
    ReadyTextId,
    RelayId,
    SecretId,
    ServerId,
    SettingsId,
    TenantId,
    TunnelId
);

macro_rules! word_columns {
    ($($type:ty),*) => {$(
        column!($type, String, word => word.as_str().to_owned(), stored => {
            Self::parse(&stored).ok_or_else(|| format!("{stored:?} is no {}", stringify!($type)).into())
        });
    )*};
}
word_columns!(
    AccountEvent,
    CampaignState,
    IpAct,
    IpState,
    Purpose,
    Role,
    Architecture,
    TunnelState,
    Progress,
    Protocol,
    RequestState,
    Priority,
    WaitingOn,
    Objective,
    Outcome,
    Transport,
    Framing,
    InputType,
    About,
    Wish,
    Delivery,
    OffReason,
    Topic,
    super::outbox::Kind,
    super::timers::Kind,
    crate::domain::watching::Mark
);

column!(Encryption, String, word => word.as_str().to_owned(), stored => {
    Self::parse(&stored).map_err(|error| error.to_string().into())
});
