//! Sealing and opening secrets: XChaCha20-Poly1305 with a random nonce; what a value is and whose is bound into the seal,
//! so that a ciphertext copied to another row or customer does not open.

use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Error, token};
use crate::clock::fresh_id;
use crate::domain::id::{CustomerId, EndpointId, PersonId, SecretId};
use crate::domain::log::hex;
use crate::files;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::accounts::Factor;
use crate::store::vault::{self, Sealed};
use crate::store::webhooks::Key;

/// Bytes of the master key.
const KEY_BYTES: usize = 32;

/// Holds the master key.
pub struct Vault {
    key: Zeroizing<[u8; KEY_BYTES]>,
    id: String,
}

impl Vault {
    /// Reads the master key from a file (64 hexadecimal digits), or makes one there, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Internal`] where the file cannot be read or made, or holds something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let problem = |what: String| Error::Internal(format!("master key {}: {what}", path.display()));
        if !path.exists() {
            let fresh = Zeroizing::new(hex(&token::random::<KEY_BYTES>()));
            let folder = path.parent().unwrap_or(Path::new("."));
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("master.key");
            files::write_whole(folder, name, fresh.as_bytes()).map_err(|error| problem(error.to_string()))?;
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?);
        let key = token::unhex(text.trim()).ok_or_else(|| problem("64 hexadecimal digits are needed".to_owned()))?;
        Ok(Self::from_key(key))
    }

    /// A vault with a given key.
    pub fn from_key(key: [u8; KEY_BYTES]) -> Self {
        let mut vault = Self { key: Zeroizing::new(key), id: String::new() };
        vault.id = vault.derive("key id").get(..8).map(hex).unwrap_or_default();
        vault
    }

    /// A key for another purpose (Message-IDs), derived so that it tells nothing about the master key.
    pub fn derive(&self, purpose: &str) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(&*self.key).map_or_else(
            |_any_length_is_valid| Vec::new(),
            |mut mac| {
                mac.update(purpose.as_bytes());
                mac.finalize().into_bytes().to_vec()
            },
        )
    }

    /// Seals a value and stores it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        name: &str,
        value: &Secret,
        at: DateTime<Utc>,
    ) -> Result<SecretId, Error> {
        let id = SecretId::new(fresh_id());
        let row = self.seal(id, name, &bound_to(customer, id, name), value)?;
        vault::put(tx, customer, &row, at).await?;
        Ok(id)
    }

    /// Seals the key of a person's second factor, to be stored with the factor.
    ///
    /// # Errors
    /// [`Error::Internal`] where it cannot be sealed.
    pub fn seal_factor(&self, person: PersonId, value: &Secret) -> Result<Sealed, Error> {
        let id = SecretId::new(fresh_id());
        self.seal(id, FACTOR, &bound_to_person(person, id), value)
    }

    /// Opens the key of a person's second factor.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn open_factor(&self, factor: &Factor) -> Result<Secret, Error> {
        let row = Sealed {
            id: factor.id,
            name: FACTOR.to_owned(),
            key_id: factor.key_id.clone(),
            nonce: factor.nonce.clone(),
            sealed: factor.sealed.clone(),
        };
        self.unseal(&bound_to_person(factor.person_id, factor.id), &row)
    }

    /// Seals a key of an endpoint, to be stored with it.
    ///
    /// # Errors
    /// [`Error::Internal`] where it cannot be sealed.
    pub fn seal_webhook(&self, endpoint: EndpointId, value: &Secret) -> Result<Sealed, Error> {
        let id = SecretId::new(fresh_id());
        self.seal(id, WEBHOOK, &bound_to_endpoint(endpoint, id), value)
    }

    /// Opens a key of an endpoint.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn open_webhook(&self, key: &Key) -> Result<Secret, Error> {
        let row = Sealed {
            id: key.id,
            name: WEBHOOK.to_owned(),
            key_id: key.key_id.clone(),
            nonce: key.nonce.clone(),
            sealed: key.sealed.clone(),
        };
        self.unseal(&bound_to_endpoint(key.endpoint_id, key.id), &row)
    }

    fn seal(&self, id: SecretId, name: &str, bound: &str, value: &Secret) -> Result<Sealed, Error> {
        let nonce: [u8; 24] = token::random();
        let payload = Payload { msg: value.expose().as_bytes(), aad: bound.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_no_reason_is_given| Error::Internal("a secret could not be sealed".to_owned()))?;
        Ok(Sealed { id, name: name.to_owned(), key_id: self.id.clone(), nonce: nonce.to_vec(), sealed })
    }

    /// Opens a stored value.
    ///
    /// # Errors
    /// [`Error::Internal`] where the value is missing, was sealed by another key, or was moved or edited.
    pub async fn get(&self, tx: &mut Tx, customer: CustomerId, id: SecretId) -> Result<Secret, Error> {
        let row = vault::get(tx, customer, id)
            .await?
            .ok_or_else(|| Error::Internal(format!("secret {id} is not in the vault")))?;
        self.unseal(&bound_to(customer, row.id, &row.name), &row)
    }

    /// Whether a stored value opens, without giving it away.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn opens(&self, row: &vault::Owned) -> Result<(), Error> {
        let sealed = Sealed {
            id: row.id,
            name: row.name.clone(),
            key_id: row.key_id.clone(),
            nonce: row.nonce.clone(),
            sealed: row.sealed.clone(),
        };
        self.unseal(&bound_to(row.customer_id, row.id, &row.name), &sealed).map(|_secret| ())
    }

    fn unseal(&self, bound: &str, row: &Sealed) -> Result<Secret, Error> {
        let refuse = |why: &str| Error::Internal(format!("secret {} ({}) does not open: {why}", row.id, row.name));
        if row.key_id != self.id {
            return Err(refuse("it was sealed by another master key; give the key file that belongs to this database"));
        }
        let nonce: [u8; 24] =
            row.nonce.as_slice().try_into().map_err(|_wrong_length| refuse("its nonce is damaged"))?;
        let payload = Payload { msg: &row.sealed, aad: bound.as_bytes() };
        let open = self
            .cipher()
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_no_reason_is_given| refuse("it was moved or edited"))?;
        String::from_utf8(open).map(Secret::new).map_err(|_not_text| refuse("it is not text"))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.key).into())
    }
}

/// What the key of a second factor is called in messages.
const FACTOR: &str = "second_factor";

/// What the key of an endpoint is called in messages.
const WEBHOOK: &str = "webhook_key";

fn bound_to_endpoint(endpoint: EndpointId, id: SecretId) -> String {
    format!("webhook_secrets/sealed/{endpoint}/{id}/{WEBHOOK}")
}

fn bound_to_person(person: PersonId, id: SecretId) -> String {
    format!("second_factors/sealed/{person}/{id}/{FACTOR}")
}

/// Table, column and row that the seal belongs to.
fn bound_to(customer: CustomerId, id: SecretId, name: &str) -> String {
    format!("vault/sealed/{customer}/{id}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(vault: &Vault, customer: CustomerId, name: &str, value: &str) -> Sealed {
        let id = SecretId::new(fresh_id());
        vault.seal(id, name, &bound_to(customer, id, name), &Secret::new(value.to_owned())).unwrap()
    }

    fn unseal(vault: &Vault, customer: CustomerId, row: &Sealed) -> Result<Secret, Error> {
        vault.unseal(&bound_to(customer, row.id, &row.name), row)
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let vault = Vault::from_key([1; KEY_BYTES]);
        let customer = CustomerId::new(fresh_id());
        let row = sealed(&vault, customer, "smtp_password", "pa§s");
        assert_eq!(unseal(&vault, customer, &row).unwrap().expose(), "pa§s");
        assert!(unseal(&vault, CustomerId::new(fresh_id()), &row).is_err(), "another customer");
        assert!(
            unseal(&vault, customer, &Sealed { id: SecretId::new(fresh_id()), ..row.clone() }).is_err(),
            "another row"
        );
        assert!(
            unseal(&vault, customer, &Sealed { name: "smtp_account".into(), ..row.clone() }).is_err(),
            "another column"
        );
        let mut edited = row.clone();
        edited.sealed[0] ^= 1;
        assert!(unseal(&vault, customer, &edited).is_err(), "edited");
        let other = unseal(&Vault::from_key([2; KEY_BYTES]), customer, &row).unwrap_err().to_string();
        assert!(other.contains("another master key"), "{other}");
        assert!(!other.contains("pa§s"));
    }

    #[test]
    fn the_key_of_a_second_factor_opens_for_its_owner_only() {
        let vault = Vault::from_key([1; KEY_BYTES]);
        let person = PersonId::new(fresh_id());
        let row = vault.seal_factor(person, &Secret::new("KEY".to_owned())).unwrap();
        let factor = |person_id| Factor {
            person_id,
            id: row.id,
            key_id: row.key_id.clone(),
            nonce: row.nonce.clone(),
            sealed: row.sealed.clone(),
            last_step: 0,
            confirmed_at: None,
        };
        assert_eq!(vault.open_factor(&factor(person)).unwrap().expose(), "KEY");
        assert!(vault.open_factor(&factor(PersonId::new(fresh_id()))).is_err(), "another person");
        assert!(unseal(&vault, CustomerId::new(person.uuid()), &row).is_err(), "as a secret of a customer");
    }

    #[test]
    fn the_master_key_is_made_once_and_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = Vault::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Vault::open(&path).unwrap().id, first.id);
    }
}
