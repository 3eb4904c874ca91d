//! What a client sent: one JSON object, and the headers that make a write safe to repeat and to race.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::header::{CONTENT_TYPE, HeaderMap, IF_MATCH};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor as Reader};
use serde_json::{Map, Value as Json};

use crate::app::{Error, FieldError, Once, token};
use crate::domain::problem::ProblemCode;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The header that makes a repeat harmless (draft-ietf-httpapi-idempotency-key-header).
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request with a body.
pub(super) struct Body {
    /// The members of its JSON object; none where the body is empty.
    pub(super) members: Map<String, Json>,
    bytes: Bytes,
    headers: HeaderMap,
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, state).await.map_err(Failure::into_response)?;
        // Nobody's body is read before it is known who sends it.
        visitor.person().map_err(Failure::into_response)?;
        let headers = parts.headers.clone();
        let bytes = match Bytes::from_request(Request::from_parts(parts, body), state).await {
            Ok(bytes) => bytes,
            // The outer layer says what is too large.
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(error.status().into_response());
            }
            Err(error) => return Err(unreadable(&error.to_string()).into_response()),
        };
        let members = members(&headers, &bytes).map_err(Failure::into_response)?;
        Ok(Self { members, bytes, headers })
    }
}

fn members(headers: &HeaderMap, bytes: &Bytes) -> Result<Map<String, Json>, Failure> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media != "application/json" {
        return Err(Error::NotJson(kind.chars().take(120).collect()).into());
    }
    match serde_json::from_slice::<Sent>(bytes) {
        Ok(Sent::Object(members)) => Ok(members),
        Ok(Sent::Other) => Err(Error::field("", "not_an_object", "Send one JSON object").into()),
        Err(error) => Err(unreadable(&error.to_string())),
    }
}

fn unreadable(why: &str) -> Failure {
    Error::malformed(ProblemCode::Unreadable, format!("The body cannot be read as JSON: {why}")).into()
}

/// One JSON object, in which no member stands twice: of two, nobody can say which was meant (RFC 8259, section 4).
enum Sent {
    Object(Map<String, Json>),
    Other,
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Reader<'de> for Members {
            type Value = Sent;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("one JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Sent, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Json>()? {
                    if members.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("the member {name:?} stands twice")));
                    }
                }
                Ok(Sent::Object(members))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut access: A) -> Result<Sent, A::Error> {
                while access.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Sent::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Sent, E> {
                Ok(Sent::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Sent, E> {
                Ok(Sent::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Sent, E> {
                Ok(Sent::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Sent, E> {
                Ok(Sent::Other)
            }

            fn visit_str<E>(self, _: &str) -> Result<Sent, E> {
                Ok(Sent::Other)
            }

            fn visit_unit<E>(self) -> Result<Sent, E> {
                Ok(Sent::Other)
            }
        }
        deserializer.deserialize_any(Members)
    }
}

impl Body {
    /// Refuses members that the resource does not have.
    ///
    /// # Errors
    /// [`Error::Invalid`] names each.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        let unknown = self.members.keys().filter(|name| !known.contains(&name.as_str()));
        let errors: Vec<FieldError> = unknown
            .map(|name| FieldError::new(name, "unexpected", format!("Send {} only", known.join(", "))))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors).into()) }
    }

    /// A text member; empty where it was not sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another type.
    pub(super) fn text(&self, name: &str) -> Result<String, Failure> {
        match self.members.get(name) {
            None | Some(Json::Null) => Ok(String::new()),
            Some(Json::String(text)) => Ok(text.clone()),
            Some(Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                Err(Error::field(name, "wrong_type", format!("{name} takes a string")).into())
            }
        }
    }

    /// A number member as its digits; a string is given as it is, empty where nothing was sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another type.
    pub(super) fn digits(&self, name: &str) -> Result<String, Failure> {
        match self.members.get(name) {
            Some(Json::Number(number)) => Ok(number.to_string()),
            None | Some(Json::Null | Json::String(_) | Json::Bool(_) | Json::Array(_) | Json::Object(_)) => {
                let wrong = |_other| Error::field(name, "wrong_type", format!("{name} takes a number")).into();
                self.text(name).map_err(wrong)
            }
        }
    }

    /// A member that is true or false; false where it was not sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another type.
    pub(super) fn truth(&self, name: &str) -> Result<bool, Failure> {
        match self.members.get(name) {
            None | Some(Json::Null) => Ok(false),
            Some(Json::Bool(truth)) => Ok(*truth),
            Some(Json::String(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
                Err(Error::field(name, "wrong_type", format!("{name} takes true or false")).into())
            }
        }
    }

    /// The key that makes a repeat harmless, with the fingerprint of the request. The fingerprint is keyed: a body may
    /// hold a password, which nobody must be able to guess from what is stored.
    ///
    /// # Errors
    /// [`Error::KeyMissing`]; [`Error::Malformed`] for one that is empty, too long or not visible ASCII.
    pub(super) fn once(&self, visitor: &Visitor) -> Result<Once, Failure> {
        once(visitor, &self.headers, &self.bytes)
    }

    /// The members of a list of texts; none where it was not sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another type.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let wrong = || Failure::from(Error::field(name, "wrong_type", format!("{name} takes a list of strings")));
        match self.members.get(name) {
            None | Some(Json::Null) => Ok(Vec::new()),
            Some(Json::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => Err(wrong()),
        }
    }

    /// The revision that the client has read (`If-Match`); `None` where any will do.
    ///
    /// # Errors
    /// [`Error::RevisionMissing`] where the header is not there.
    pub(super) fn revision(&self) -> Result<Option<i64>, Failure> {
        if_match(&self.headers).ok_or_else(|| Error::RevisionMissing.into())
    }

    /// As [`Self::revision`], where the header may be left out.
    pub(super) fn revision_if_sent(&self) -> Option<i64> {
        if_match(&self.headers).flatten()
    }
}

/// The key of a request, with its fingerprint over method, path with query, and body; see [`Body::once`].
pub(super) fn once(visitor: &Visitor, headers: &HeaderMap, bytes: &[u8]) -> Result<Once, Failure> {
    let value = headers.get(KEY).ok_or(Error::KeyMissing)?;
    let key = value.to_str().unwrap_or_default().trim();
    let key = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
    if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = "Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID will do";
        return Err(Error::malformed(ProblemCode::BadKey, text).into());
    }
    let secret = visitor.app.vault.derive("idempotency");
    // The path without its prefix is what nested routers see; the whole one is what the client asked for.
    let path = visitor.uri.split('?').next().unwrap_or_default();
    Ok(Once {
        scope: format!("{} {} {path}", visitor.person()?.id, visitor.method),
        key: key.to_owned(),
        fingerprint: token::fingerprint(&[&secret, visitor.method.as_str().as_bytes(), visitor.uri.as_bytes(), bytes]),
    })
}

/// `If-Match` (RFC 9110, section 13.1.1): `*`, or tags compared strongly. Revisions only grow, so of several that a
/// client has seen, none but the highest can be the present one. A header without a tag of ours matches nothing.
fn if_match(headers: &HeaderMap) -> Option<Option<i64>> {
    let text: Vec<&str> = headers.get_all(IF_MATCH).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    if text.is_empty() {
        return None;
    }
    let tags = text.iter().flat_map(|text| text.split(',')).map(str::trim);
    if tags.clone().any(|tag| tag == "*") {
        return Some(None);
    }
    let revision = |tag: &str| {
        let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
        digits.parse::<i64>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Some(Some(tags.filter_map(revision).max().unwrap_or(-1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (IF_MATCH, value.parse().unwrap())).collect()
    }

    #[test]
    fn only_strong_tags_of_ours_match() {
        assert_eq!(if_match(&headers(&[])), None);
        assert_eq!(if_match(&headers(&["*"])), Some(None));
        assert_eq!(if_match(&headers(&["\"7\""])), Some(Some(7)));
        assert_eq!(if_match(&headers(&["\"6\", \"7\"", "\"5\""])), Some(Some(7)));
        assert_eq!(if_match(&headers(&["W/\"7\""])), Some(Some(-1)), "weak tags never match strongly");
        assert_eq!(if_match(&headers(&["7"])), Some(Some(-1)));
        assert_eq!(if_match(&headers(&["\"+7\""])), Some(Some(-1)));
    }

    #[test]
    fn a_body_is_one_object_without_doubles() {
        let read = |text: &'static str| {
            let mut json = HeaderMap::new();
            json.insert(CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
            members(&json, &Bytes::from_static(text.as_bytes())).map_err(|failure| failure.error().to_string())
        };
        assert_eq!(read("{\"a\": 1}").unwrap().len(), 1);
        assert!(read("").unwrap().is_empty());
        assert!(read("{\"a\": 1, \"a\": 2}").unwrap_err().contains("stands twice"));
        for other in ["[1, [2]]", "1", "-1", "1.5", "\"x\"", "true", "null"] {
            assert_eq!(read(other).unwrap_err(), "1 fields need another look", "{other}");
        }
        assert!(read("{\"a\"").unwrap_err().contains("cannot be read"));
    }
}
