//! The closed lists of words that appear in definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines an enum of words that appear in files: read, written, in the schema and as text under the same word.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $variant_doc:literal])+ $(#[$extra:meta])* $variant:ident = $word:literal),* $(,)? })*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, Default)]
            pub enum $name { $($(#[doc = $variant_doc])+ $(#[$extra])* #[serde(rename = $word)] $variant),* }

            impl $name {
                /// The word under which files and messages know it.
                pub fn as_str(self) -> &'static str {
                    match self { $(Self::$variant => $word),* }
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    out.write_str(self.as_str())
                }
            }
        )*
    };
}

words! {
    /// Whether a workflow stands alone or runs beside another.
    Kind {
        /// A case of its own.
        #[default] Main = "main",
        /// Runs beside its parent and talks to it by signals.
        Child = "child",
    }
    /// Whose clock runs while a role is awaited.
    Side {
        /// The customer.
        #[default] Customer = "customer",
        /// The vendor.
        Vendor = "vendor",
        /// Timers, probes and sub-workflows.
        Machine = "machine",
    }
    /// What a state is for.
    StateKind {
        /// Somebody is awaited.
        #[default] Normal = "normal",
        /// The goal: things run, nothing is awaited.
        Ongoing = "ongoing",
        /// A waiting room: the clock of the state left stands still.
        Hold = "hold",
        /// The end.
        Terminal = "terminal",
    }
    /// Part of the procedure that a state belongs to.
    Phase {
        /// Which way to go.
        #[default] Classify = "classify",
        /// The facts of the case.
        Case = "case",
        /// Whitelisting and routing.
        Configure = "configure",
        /// Testing.
        Test = "test",
        /// Applying the settings.
        Apply = "apply",
        /// Running.
        Ongoing = "ongoing",
        /// Troubleshooting.
        Repair = "repair",
        /// Waiting rooms.
        Waiting = "waiting",
        /// Ends.
        Closed = "closed",
    }
    /// What a field holds.
    FieldType {
        /// One of its options.
        #[default] Enum = "enum",
        /// Yes or no.
        Bool = "bool",
        /// An address.
        Ip = "ip",
        /// Several addresses.
        IpList = "ip_list",
        /// A host name or an address.
        Host = "host",
        /// 1 to 65535.
        Port = "port",
        /// A whole number from 0 on; `max` is the greatest.
        Number = "number",
        /// Several whole numbers from 0 on.
        NumberList = "number_list",
        /// A mail address.
        Email = "email",
        /// Free text.
        Text = "text",
        /// An instant, RFC 3339.
        Timestamp = "timestamp",
    }
    /// The class of address that a field admits.
    Scope {
        /// Private and shared space.
        Private = "private",
        /// Globally reachable.
        Public = "public",
        /// Either.
        #[default] Any = "any",
    }
    /// Why a field is handled with care.
    Sensitivity {
        /// It describes somebody's network.
        #[default] Network = "network",
        /// It names a person.
        Personal = "personal",
        /// It opens a door.
        Secret = "secret",
    }
    /// Where a field is kept.
    Store {
        /// In the case data.
        #[default] Case = "case",
        /// Sealed, and nowhere else.
        Vault = "vault",
    }
    /// How the button of a rule looks.
    Style {
        /// The next act.
        Main = "main",
        /// Another act.
        #[default] Other = "other",
        /// An act that loses something.
        Danger = "danger",
    }
    /// A day of a calendar.
    Weekday {
        /// Monday.
        #[default] Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
    /// How urgent a case is.
    Priority {
        /// Alerts are lost right now.
        P1 = "P1",
        /// Urgent.
        P2 = "P2",
        /// As usual.
        #[default] P3 = "P3",
        /// When there is time.
        P4 = "P4",
    }
    /// How far a probe goes.
    ProbeLevel {
        /// Until the server greets.
        #[default] Reach = "reach",
        /// With account, sender and recipient.
        Full = "full",
    }
    /// What a probe speaks.
    ProbeKind {
        /// SMTP.
        #[default] Smtp = "smtp",
        /// SYSLOG.
        Syslog = "syslog",
    }
    /// What happens to a whitelist entry.
    WhitelistAction {
        /// Somebody asked for it.
        #[default] Wanted = "wanted",
        /// Somebody put it in place.
        Applied = "applied",
        /// A test went through it.
        Proven = "proven",
        /// It is needed no more.
        Retire = "retire",
    }
    /// Which end of the tunnel is meant.
    End {
        /// The vendor's.
        #[default] Ours = "ours",
        /// The customer's.
        Theirs = "theirs",
    }
    /// Which way a test alert takes.
    AlertPath {
        /// Postern sends it through the server: proves the path, not the product.
        #[default] Direct = "direct",
        /// Postern hands a test line to the SYSLOG receiver.
        Syslog = "syslog",
    }
    /// Which settings are written into the product.
    ApplyKind {
        /// Those of the SMTP server.
        #[default] Smtp = "smtp",
        /// One SYSLOG alert.
        Syslog = "syslog",
    }
}
