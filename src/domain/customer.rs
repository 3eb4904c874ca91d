//! A customer of the vendor, and a product tenant of such a customer.

use super::id::{CustomerId, SecretId, SettingsId, TenantId};
use super::words::words;

words! {
    /// How the vendor's product reaches a customer's network. Set by the vendor: a customer cannot change it.
    pub enum Architecture {
        /// The relay service runs in the vendor's cloud and reaches the customer through a VPN tunnel.
        Vpn = "vpn",
        /// A relay runs in the customer's own environment.
        SecureRelay = "secure_relay",
    }
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Identifies the customer.
    pub id: CustomerId,
    /// The name that engineers see.
    pub name: String,
    /// How the product reaches the customer's network.
    pub architecture: Architecture,
    /// What its mails call the list of senders that are let in; `None` where the installation's word serves.
    pub list_word: Option<String>,
}

/// One installation of the product: it has one set of SMTP settings, so one server is in use at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Whose tenant it is.
    pub customer: CustomerId,
    /// Identifies the tenant.
    pub id: TenantId,
    /// What engineers call it.
    pub name: String,
    /// Base URL of its API; without one, settings are written to a file for the vendor's automation.
    pub base_url: Option<String>,
    /// Where the vault keeps its API key.
    pub api_key: Option<SecretId>,
    /// The settings that were last applied and read back.
    pub settings_in_use: Option<SettingsId>,
}
