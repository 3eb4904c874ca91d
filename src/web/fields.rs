//! What a form sent: every field as it was typed, and nothing that the form does not have.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::problem::Failure;
use super::visit::Visitor;
use crate::app::{Error, FieldError, Once, token};

/// The longest value that a form may hold, in bytes; a longer one is refused under its field's name.
pub(super) const LONGEST_VALUE: usize = 16 * 1024;

/// The fields of a form, by name, as typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    values: BTreeMap<String, String>,
    route: String,
    /// What else tells one sending from another: digests of files.
    beside: Vec<String>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Response> {
        let route = format!("{} {}", request.method(), request.uri().path());
        let is_form = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"));
        if request.method() == Method::POST && !is_form {
            let text = "The form must be sent as application/x-www-form-urlencoded";
            return Err(Failure::from(Error::field("form", "content_type", text)).into_response());
        }
        let bytes = match Bytes::from_request(request, &()).await {
            Ok(bytes) => bytes,
            // The outer layer says what is too large.
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(error.status().into_response());
            }
            Err(error) => {
                let text = format!("The form could not be read: {error}");
                return Err(Failure::from(Error::field("form", "unreadable", text)).into_response());
            }
        };
        let pairs = serde_urlencoded_pairs(&bytes).map_err(Failure::into_response)?;
        Self::of(route, pairs, Vec::new()).map_err(Failure::into_response)
    }
}

fn serde_urlencoded_pairs(bytes: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    let unreadable = || Failure::from(Error::field("form", "unreadable", "The form is not valid UTF-8"));
    let text = std::str::from_utf8(bytes).map_err(|_not_text| unreadable())?;
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name).ok_or_else(unreadable)?, decode(value).ok_or_else(unreadable)?))
        })
        .collect()
}

/// `application/x-www-form-urlencoded` (URL Standard, section 5.1): plus is a space, %XX a byte; strictly UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let [byte] = token::unhex::<1>(std::str::from_utf8(&digits).ok()?)?;
                byte
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Percent-encodes a query value (RFC 3986, section 2.1).
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

impl Fields {
    /// Fields as they came, each once, with what else came with them.
    ///
    /// # Errors
    /// [`Error::Invalid`] names a field that came twice or is too long.
    pub(super) fn of(route: String, pairs: Vec<(String, String)>, beside: Vec<String>) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            if values.contains_key(&name) {
                let text = "This field was sent more than once".to_owned();
                return Err(Error::Invalid(vec![FieldError::new(&name, "repeated", text)]).into());
            }
            if value.len() > LONGEST_VALUE {
                let text = format!("This is too long: {} KiB at most", LONGEST_VALUE / 1024);
                return Err(Error::Invalid(vec![FieldError::new(&name, "too_long", text)]).into());
            }
            values.insert(name, value);
        }
        Ok(Self { values, route, beside })
    }

    /// A field as typed; empty where it was not sent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Every field but those that each form has (key, state entry).
    pub(super) fn answers(&self) -> BTreeMap<String, String> {
        let mut answers = self.values.clone();
        answers.retain(|name, _| name != "idempotency_key" && name != "entered");
        answers
    }

    /// The state entry that the form was made for.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is no number.
    pub(super) fn entered(&self) -> Result<Option<u64>, Failure> {
        match self.get("entered") {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_not_a_number| {
                Error::field("entered", "not_a_number", "Reload the page and send the form again").into()
            }),
        }
    }

    /// Refuses fields that the form does not have.
    ///
    /// # Errors
    /// [`Error::Invalid`] names each.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        let errors: Vec<FieldError> = self
            .values
            .keys()
            .filter(|name| !known.contains(&name.as_str()) && *name != "idempotency_key" && *name != "entered")
            .map(|name| FieldError::new(name, "unexpected", "This form has no such field"))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors).into()) }
    }

    /// The key that makes sending this form twice harmless.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the form has none or it is too long.
    pub(super) fn once(&self, visitor: &Visitor) -> Result<Once, Failure> {
        let key = self.get("idempotency_key");
        if key.is_empty() || key.len() > 255 || key.chars().any(char::is_control) {
            let text = "Reload the page and send the form again";
            return Err(Error::field("idempotency_key", "missing", text).into());
        }
        let person = visitor.person()?;
        // Keyed, because a form may hold a password, which nobody must be able to guess from what is stored.
        let secret = visitor.app.vault.derive("idempotency");
        let answers = self.answers().into_iter().map(|(name, value)| format!("{name}={value}"));
        let parts: Vec<String> = answers.chain(self.beside.iter().cloned()).collect();
        Ok(Once {
            scope: format!("{} {}", person.id, self.route),
            key: key.to_owned(),
            fingerprint: token::fingerprint(&[&secret, self.route.as_bytes(), parts.join("\n").as_bytes()]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_decode_strictly() {
        assert_eq!(decode("a+b%20c%C3%BC").as_deref(), Some("a b cü"));
        assert_eq!(decode("%C3"), None, "half a character");
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%4"), None);
    }
}
