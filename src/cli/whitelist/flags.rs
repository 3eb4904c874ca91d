//! The flags of `postern whitelist`.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::place::Place;
use crate::domain::whitelist::Format;

/// The commands of `postern whitelist`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WhitelistCommand {
    /// List entries in the order of addresses
    List(ListArgs),
    /// Add an entry, or ask a lead for it where it needs one
    Add(AddArgs),
    /// List requests that need a lead
    Requests {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// Email address of the person who looks
        #[arg(long = "as", value_name = "EMAIL")]
        person: String,
        #[command(flatten)]
        place: Place,
    },
    /// Approve a request of somebody else, as a lead
    Approve(DecideArgs),
    /// Refuse a request as a lead, or take back one's own
    Refuse(DecideArgs),
    /// Ask for an entry to leave the list
    Retire(RetireArgs),
    /// Record that the list was applied to our gateway, as a network engineer
    Applied(AppliedArgs),
    /// Print the whole list of a tunnel for a firewall
    Export {
        /// Name of the tunnel
        #[arg(long)]
        tunnel: String,
        /// Form of the list
        #[arg(long, value_enum, default_value_t = FormatWord::Txt)]
        format: FormatWord,
        #[command(flatten)]
        place: Place,
    },
}

/// What is to be listed.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Only entries of this tunnel
    #[arg(long, value_name = "NAME", conflicts_with = "find")]
    pub(super) tunnel: Option<String>,
    /// The entry of this address or network, what contains it and what it contains
    #[arg(long, value_name = "NETWORK")]
    pub(super) find: Option<String>,
    /// With entries that were taken away
    #[arg(long)]
    pub(super) gone: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

/// A new entry as flags.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    /// Email address of the person who adds it
    #[arg(long = "as", value_name = "EMAIL")]
    pub(super) person: String,
    /// Name of the tunnel
    #[arg(long)]
    pub(super) tunnel: String,
    /// An address; or a network, which a lead has to approve
    #[arg(long, value_name = "NETWORK")]
    pub(super) network: String,
    /// The port
    #[arg(long)]
    pub(super) port: String,
    /// The transport
    #[arg(long, value_name = "tcp|udp", default_value = "tcp")]
    pub(super) protocol: String,
    /// Why it is needed; a lead decides by it
    #[arg(long, default_value = "")]
    pub(super) reason: String,
    /// Say what adding would lead to, and change nothing
    #[arg(long)]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

/// A decision as flags.
#[derive(Debug, Args)]
pub(in crate::cli) struct DecideArgs {
    /// Identifier of the request
    pub(super) request: String,
    /// Email address of the person who decides
    #[arg(long = "as", value_name = "EMAIL")]
    pub(super) person: String,
    /// Note for whoever asked
    #[arg(long, default_value = "")]
    pub(super) note: String,
    #[command(flatten)]
    pub(super) place: Place,
}

/// What is to leave, as flags.
#[derive(Debug, Args)]
pub(in crate::cli) struct RetireArgs {
    /// Identifier of the entry
    pub(super) entry: String,
    /// Email address of the person who asks for it
    #[arg(long = "as", value_name = "EMAIL")]
    pub(super) person: String,
    /// Why it is not needed any more
    #[arg(long)]
    pub(super) reason: String,
    /// The entry's network, for one that is in use
    #[arg(long, value_name = "NETWORK", default_value = "")]
    pub(super) confirm: String,
    #[command(flatten)]
    pub(super) place: Place,
}

/// What was applied, as flags.
#[derive(Debug, Args)]
pub(in crate::cli) struct AppliedArgs {
    /// Email address of the network engineer
    #[arg(long = "as", value_name = "EMAIL")]
    pub(super) person: String,
    /// Name of the tunnel
    #[arg(long)]
    pub(super) tunnel: String,
    /// Version of the list that was applied; without it, the one there is
    #[arg(long, value_name = "NUMBER")]
    pub(super) version: Option<i64>,
    /// Reference of the change of the gateway
    #[arg(long, value_name = "TEXT")]
    pub(super) change_ref: String,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Form of an export.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum FormatWord {
    /// JSON with sources, targets and states
    Json,
    /// Networks, one a line
    Txt,
    /// Sets for `nft -f`
    Nft,
}

impl From<FormatWord> for Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Json => Self::Json,
            FormatWord::Txt => Self::Text,
            FormatWord::Nft => Self::Nft,
        }
    }
}
