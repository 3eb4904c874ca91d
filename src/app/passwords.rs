//! Passwords: how long they are, hashed with argon2id, compared in the same time whether there is an account or not.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use super::{App, Error, FieldError};
use crate::secret::Secret;

/// Shortest and longest password, in characters.
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 12..=128;
/// Hashes a password (argon2id), two at a time so that sign-in cannot starve the machine.
///
/// # Errors
/// [`Error::Internal`] where the hash cannot be made.
pub async fn hash(app: &App, password: Secret) -> Result<String, Error> {
    let internal = |what: String| Error::Internal(format!("hashing a password: {what}"));
    let _permit = app.hashing.acquire().await.map_err(|error| internal(error.to_string()))?;
    tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.expose().as_bytes()).map(|hash| hash.to_string())
    })
    .await
    .map_err(|error| internal(error.to_string()))?
    .map_err(|error| internal(error.to_string()))
}

/// Whether a password fits a hash. An account without one costs the same time, so that nobody learns which exist.
///
/// # Errors
/// [`Error::Internal`] where it cannot be checked.
pub(super) async fn fits(app: &App, password: Secret, hash: Option<String>) -> Result<bool, Error> {
    // The hash of a random password that nobody knows.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHR2YWx1ZTE$0JGkFXwXeRcKoAPLzSrIBhJlAmnmvWnVJTvzkZ0VQ2k";
    let _permit = app.hashing.acquire().await.map_err(|error| Error::Internal(error.to_string()))?;
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let text = hash.unwrap_or_else(|| NOBODY.to_owned());
        let parsed = argon2::PasswordHash::new(&text);
        let matches =
            parsed.is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok());
        known && matches
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))
}

/// What is wrong with a password that somebody chose.
pub(super) fn check_password(password: &Secret) -> Option<FieldError> {
    let length = password.expose().chars().count();
    let range = PASSWORD_LENGTH;
    (!range.contains(&length)).then(|| {
        let text = format!("Password must be {} to {} characters", range.start(), range.end());
        FieldError::new("password", "length", text)
    })
}
