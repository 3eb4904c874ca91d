//! Where a page of the register goes on: an opaque text that carries the filter of its list, so that no page is continued
//! under another filter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::whitelist::lists::Wanted;
use crate::domain::id::{CustomerId, EntryId};
use crate::store::register::Place;

#[derive(Serialize, Deserialize)]
struct Carried {
    tunnel: String,
    customer: Option<CustomerId>,
    search: String,
    with_gone: bool,
    first_key: Vec<u8>,
    id: Uuid,
}

/// The text behind which the list goes on.
pub(in crate::web) fn write(wanted: &Wanted, place: &Place) -> String {
    let carried = Carried {
        tunnel: wanted.tunnel.clone(),
        customer: wanted.customer,
        search: wanted.search.clone(),
        with_gone: wanted.with_gone,
        first_key: place.first_key.clone(),
        id: place.id.uuid(),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_string(&carried).unwrap_or_default())
}

/// Reads such a text back; `None` for anything else.
pub(in crate::web) fn read(text: &str) -> Option<Wanted> {
    let carried: Carried = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let has_control = |text: &str| text.chars().any(char::is_control);
    if carried.first_key.len() > 17 || has_control(&carried.tunnel) || has_control(&carried.search) {
        return None;
    }
    Some(Wanted {
        tunnel: carried.tunnel,
        customer: carried.customer,
        search: carried.search,
        with_gone: carried.with_gone,
        after: Some(Place { first_key: carried.first_key, id: EntryId::new(carried.id) }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_with_its_filter_and_nothing_else_is_one() {
        let place = Place { first_key: vec![4, 10, 20, 4, 15], id: EntryId::new(Uuid::max()) };
        let wanted = Wanted { tunnel: "alder-1".into(), with_gone: true, ..Wanted::default() };
        let found = read(&write(&wanted, &place)).unwrap();
        assert_eq!((found.tunnel.as_str(), found.with_gone, found.after), ("alder-1", true, Some(place.clone())));
        let hostile = Wanted { tunnel: "nul \u{0}".into(), ..Wanted::default() };
        for wrong in ["", "x", "e30", write(&hostile, &place).as_str()] {
            assert!(read(wrong).is_none(), "{wrong:?}");
        }
    }
}
