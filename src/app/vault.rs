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
use crate::domain::id::{CustomerId, SecretId};
use crate::domain::log::hex;
use crate::files;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::vault::{self, Sealed};

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
        let nonce: [u8; 24] = token::random();
        let bound = bound_to(customer, id, name);
        let payload = Payload { msg: value.expose().as_bytes(), aad: bound.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_no_reason_is_given| Error::Internal("a secret could not be sealed".to_owned()))?;
        let row = Sealed { id, name: name.to_owned(), key_id: self.id.clone(), nonce: nonce.to_vec(), sealed };
        vault::put(tx, customer, &row, at).await?;
        Ok(id)
    }

    /// Opens a stored value.
    ///
    /// # Errors
    /// [`Error::Internal`] where the value is missing, was sealed by another key, or was moved or edited.
    pub async fn get(&self, tx: &mut Tx, customer: CustomerId, id: SecretId) -> Result<Secret, Error> {
        let row = vault::get(tx, customer, id)
            .await?
            .ok_or_else(|| Error::Internal(format!("secret {id} is not in the vault")))?;
        self.unseal(customer, &row)
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
        self.unseal(row.customer_id, &sealed).map(|_secret| ())
    }

    fn unseal(&self, customer: CustomerId, row: &Sealed) -> Result<Secret, Error> {
        let refuse = |why: &str| Error::Internal(format!("secret {} ({}) does not open: {why}", row.id, row.name));
        if row.key_id != self.id {
            return Err(refuse("it was sealed by another master key; give the key file that belongs to this database"));
        }
        let nonce: [u8; 24] =
            row.nonce.as_slice().try_into().map_err(|_wrong_length| refuse("its nonce is damaged"))?;
        let bound = bound_to(customer, row.id, &row.name);
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

/// Table, column and row that the seal belongs to.
fn bound_to(customer: CustomerId, id: SecretId, name: &str) -> String {
    format!("vault/sealed/{customer}/{id}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(vault: &Vault, customer: CustomerId, name: &str, value: &str) -> Sealed {
        let id = SecretId::new(fresh_id());
        let nonce = [7; 24];
        let bound = bound_to(customer, id, name);
        let payload = Payload { msg: value.as_bytes(), aad: bound.as_bytes() };
        let sealed = vault.cipher().encrypt(&XNonce::from(nonce), payload).unwrap();
        Sealed { id, name: name.to_owned(), key_id: vault.id.clone(), nonce: nonce.to_vec(), sealed }
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let vault = Vault::from_key([1; KEY_BYTES]);
        let customer = CustomerId::new(fresh_id());
        let row = sealed(&vault, customer, "smtp_password", "pa§s");
        assert_eq!(vault.unseal(customer, &row).unwrap().expose(), "pa§s");
        assert!(vault.unseal(CustomerId::new(fresh_id()), &row).is_err(), "another customer");
        assert!(
            vault.unseal(customer, &Sealed { id: SecretId::new(fresh_id()), ..row.clone() }).is_err(),
            "another row"
        );
        assert!(
            vault.unseal(customer, &Sealed { name: "smtp_account".into(), ..row.clone() }).is_err(),
            "another column"
        );
        let mut edited = row.clone();
        edited.sealed[0] ^= 1;
        assert!(vault.unseal(customer, &edited).is_err(), "edited");
        let other = Vault::from_key([2; KEY_BYTES]).unseal(customer, &row).unwrap_err().to_string();
        assert!(other.contains("another master key"), "{other}");
        assert!(!other.contains("pa§s"));
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
