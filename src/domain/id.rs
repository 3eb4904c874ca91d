//! One type per kind of identifier, so that a case cannot be looked up by a tunnel's.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Names a UUID as this kind of identifier.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A customer of the vendor.
    CustomerId,
    /// A person, of the vendor or of a customer.
    PersonId,
    /// A VPN tunnel of one customer.
    TunnelId,
    /// A product tenant: one installation of the vendor's product that belongs to a customer.
    TenantId,
    /// An SMTP server of one customer.
    ServerId,
    /// A case.
    CaseId,
    /// A message or an internal note of a case.
    MessageId,
    /// A file of a conversation.
    AttachmentId,
    /// A text that engineers begin a message with.
    ReadyTextId,
    /// A mail that came in.
    IncomingId,
    /// A whitelist entry.
    EntryId,
    /// A change of a whitelist entry.
    ChangeId,
    /// A request for a whitelist entry that needs a lead.
    ListRequestId,
    /// A Secure Relay of a customer.
    RelayId,
    /// One revision of SMTP settings.
    SettingsId,
    /// A sealed value in the vault.
    SecretId,
    /// A tunnel test.
    ProbeId,
    /// An agent that runs tests beside a VPN gateway.
    AgentId,
    /// A calendar.
    CalendarId,
    /// A dated row of the vendor's policy.
    PolicyRowId,
    /// An address to which programs of the vendor are told what happens.
    EndpointId,
    /// Something that endpoints are told.
    EventId,
}
