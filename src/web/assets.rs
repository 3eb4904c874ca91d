//! The style sheet and the icon, inside the binary, under names that change with their content.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::problem::Failure;
use crate::app::{Error, token};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/assets"]
struct Files;

/// File name -> name with the hash of its content.
static HASHED: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    Files::iter()
        .filter_map(|name| {
            let file = Files::get(&name)?;
            let hash = token::fingerprint(&[&file.data]);
            let (stem, ending) = name.rsplit_once('.')?;
            Some((name.to_string(), format!("{stem}.{}.{ending}", hash.get(..12)?)))
        })
        .collect()
});

/// Where a file is served.
pub(super) fn path(name: &str) -> String {
    format!("/assets/{}", HASHED.get(name).map_or(name, String::as_str))
}

/// Serves a file under its hashed name; what has that name never changes.
pub(super) async fn serve(Path(wanted): Path<String>) -> Result<Response, Failure> {
    let name = HASHED.iter().find(|(_, hashed)| **hashed == wanted).map(|(name, _)| name.clone());
    let name = std::future::ready(name).await.ok_or(Error::NotFound)?;
    let file = Files::get(&name).ok_or(Error::NotFound)?;
    let kind = if name.ends_with(".css") { "text/css; charset=utf-8" } else { "image/svg+xml" };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    Ok((headers, file.data.into_owned()).into_response())
}
