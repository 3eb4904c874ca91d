//! A case as an engineer sees it.

use axum::response::Response;

use super::present_case;
use crate::app::{Error, cases, desk, ready_texts};
use crate::domain::id::ReadyTextId;
use crate::store::ready_texts::ReadyText;
use crate::views::casework::Case;
use crate::views::common::{Link, Page};
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The page of a case for the vendor's people.
pub(in crate::web) async fn case_page(visitor: Visitor, number: i64) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let view = cases::view(app, person, number).await?;
    let around = desk::surroundings(app, &view.case).await?;
    let mut body = present_case::case(app, person, &view, &around)?;
    if person.works_queue() {
        let texts = ready_texts::list(app, person).await?;
        let link =
            |text: &ReadyText| Link::new(text.name.clone(), format!("/cases/{number}?text={}#messages", text.id));
        body.texts = texts.iter().map(link).collect();
        body.texts.push(Link::new("Change ready texts", "/queue/texts"));
    }
    if let Some(text) = visitor.uri.split_once("?text=").map(|(_, text)| text) {
        let id = text.parse().map(ReadyTextId::new).map_err(|_no_id| Error::NotFound)?;
        let filled = ready_texts::filled(app, person, &view, id).await?;
        let fields = body.reply.iter_mut().flat_map(|form| &mut form.fields);
        fields.filter(|field| field.name == "message").for_each(|field| field.value.clone_from(&filled));
    }
    let mut page = Page::new(format!("{}: case {number}", body.tag.text), frame::frame(&visitor), body);
    if person.works_queue() {
        page.crumbs = vec![Link::new("Queue", "/queue")];
    }
    page.crumbs.extend(view.case.parent.map(|parent| Link::new(format!("Case {parent}"), format!("/cases/{parent}"))));
    frame::show(&visitor, Case::TEMPLATE, &page)
}
