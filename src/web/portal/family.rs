//! What the page of a case says of the cases around it, and of its own closing.

use chrono::{DateTime, Utc};

use super::words;
use crate::app::cases::View;
use crate::app::watching::FOUND;
use crate::app::{App, Error, notices};
use crate::domain::case::{Case, WaitingOn};
use crate::domain::workflow::{State, StateKind};
use crate::views::common::{Link, Note, Tag, Tone};
use crate::views::family::Relative;
use crate::web::watching;

/// The case that this one belongs to, then those that belong to it.
///
/// # Errors
/// [`Error::Internal`] where the workflow of one is not in this build.
pub(in crate::web) fn relatives(
    app: &App,
    view: &View<'_>,
    standing: fn(&Case, &State) -> Tag,
) -> Result<Vec<Relative>, Error> {
    let parent = view.family.parent.iter().map(|case| ("Part of", case));
    let children = view.family.children.iter().map(|case| ("Belongs to this case", case));
    let rows = parent.chain(children).map(|(relation, case)| {
        let texts = words::Texts::new(app, app.workflows.of(&case.workflow)?, case);
        Ok(Relative { relation, link: link(case), tag: standing(case, texts.state()?) })
    });
    rows.collect()
}

/// What the reader should know first: the case is closed and can be reopened; a case that belongs to it is under way.
pub(in crate::web) fn notes(view: &View<'_>, state: &State) -> Vec<Note> {
    let closing = closing_until(&view.case, state).map(|until| {
        let closed = view.case.closed_at.map_or_else(String::new, |at| format!(" on {}", at.format("%-d %B %Y")));
        let text = format!(
            "Closed{closed}. Answer by {} to reopen this case: it goes on where it was.",
            until.format("%-d %B %Y at %H:%M UTC")
        );
        Note::new(Tone::Neutral, text)
    });
    let open = view.family.children.iter().filter(|child| child.is_open);
    let under_way = open.map(|child| {
        let tone = if child.waiting_on == WaitingOn::Customer { Tone::You } else { Tone::Us };
        Note { link: Some(link(child)), ..Note::new(tone, "A change is under way in a case of its own.") }
    });
    let hears = view.definition.rules_at(&state.id).into_iter().any(|rule| rule.event == FOUND);
    let watched = watching::note(view.case.number, hears, view.case.flow.data.contains_key("drift"));
    let withheld = view.second.withheld.map(|objection| Note::new(Tone::Us, format!("{objection}.")));
    let calendar = (view.case.is_open && notices::has_entry(&view.case)).then(|| {
        let link =
            Some(Link::new("Save it to your calendar (.ics)", format!("/cases/{}/notice.ics", view.case.number)));
        Note { link, ..Note::new(Tone::Neutral, "The change has a planned time.") }
    });
    closing.into_iter().chain(under_way).chain(watched).chain(withheld).chain(calendar).collect()
}

/// Until when a closed case can be reopened; none where it is open, or closed for good.
pub(in crate::web) fn closing_until(case: &Case, state: &State) -> Option<DateTime<Utc>> {
    (!case.is_open && state.kind == StateKind::Hold).then_some(case.due_at)
}

fn link(case: &Case) -> Link {
    Link::new(format!("Case {}: {}", case.number, case.title), format!("/cases/{}", case.number))
}
