//! The page of ready texts.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::app::{Error, FieldError, ready_texts};
use crate::domain::id::ReadyTextId;
use crate::store::ready_texts::ReadyText;
use crate::views::common::{Link, Page};
use crate::views::form::{Button, Field, Form, Kind, Style};
use crate::views::texts::{Text, Texts};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// Where the page is.
const PATH: &str = "/queue/texts";

/// What was typed into which form, and what is wrong about it.
struct Wrong<'w> {
    id: Option<ReadyTextId>,
    fields: &'w Fields,
    errors: Vec<FieldError>,
}

/// All texts.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Failure> {
    show(&visitor, None).await
}

async fn show(visitor: &Visitor, wrong: Option<Wrong<'_>>) -> Result<Response, Failure> {
    let texts = ready_texts::list(&visitor.app, visitor.person()?).await?;
    let mut body = Texts { add: form(None), texts: texts.iter().map(text).collect() };
    let mut errors = Vec::new();
    if let Some(wrong) = wrong {
        let index = wrong.id.and_then(|id| texts.iter().position(|text| text.id == id));
        let form = match index.and_then(|index| body.texts.get_mut(index)) {
            Some(text) => &mut text.change,
            None => &mut body.add,
        };
        for field in &mut form.fields {
            wrong.fields.get(&field.name).clone_into(&mut field.value);
            field.error = wrong.errors.iter().find(|e| e.field == field.name).map(|error| error.message.clone());
        }
        errors = form.errors();
    }
    let mut page = Page::new("Ready texts: queue", frame::frame(visitor), body);
    page.crumbs = vec![Link::new("Queue", "/queue")];
    page.errors = errors;
    frame::show(visitor, Texts::TEMPLATE, &page)
}

fn text(text: &ReadyText) -> Text {
    let delete = Button::of(Style::Other, "Delete").about(text.name.clone());
    let delete = Form::new(&format!("delete-{}", text.id), format!("{PATH}/{}/delete", text.id), form_key(), delete);
    Text { name: text.name.clone(), change: form(Some(text)), delete }
}

fn form(text: Option<&ReadyText>) -> Form {
    let (id, action) = text.map_or_else(
        || ("add".to_owned(), PATH.to_owned()),
        |text| (format!("text-{}", text.id), format!("{PATH}/{}", text.id)),
    );
    let value = |read: fn(&ReadyText) -> &String| text.map(read).cloned().unwrap_or_default();
    Form::new(&id, action, form_key(), Button::of(Style::Other, "Save text")).fields(vec![
        Field::new(Kind::Text, "name", "Name").value(value(|text| &text.name)),
        Field::new(Kind::Textarea, "body", "Text").value(value(|text| &text.body)),
    ])
}

fn id(text: &str) -> Result<ReadyTextId, Failure> {
    text.parse().map(ReadyTextId::new).map_err(|_no_id| Error::NotFound.into())
}

/// Adds a text.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    save(&visitor, None, &fields).await
}

/// Changes a text.
pub(super) async fn change(visitor: Visitor, Path(text): Path<String>, fields: Fields) -> Result<Response, Failure> {
    save(&visitor, Some(id(&text)?), &fields).await
}

async fn save(visitor: &Visitor, id: Option<ReadyTextId>, fields: &Fields) -> Result<Response, Failure> {
    fields.only(&["name", "body"])?;
    let sent = (fields.get("name"), fields.get("body"));
    match ready_texts::put(&visitor.app, visitor.person()?, id, sent).await {
        Ok(()) => Ok(Redirect::to(PATH).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => show(visitor, Some(Wrong { id, fields, errors })).await,
        Err(error) => Err(error.into()),
    }
}

/// Takes a text away.
pub(super) async fn delete(visitor: Visitor, Path(text): Path<String>, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    ready_texts::delete(&visitor.app, visitor.person()?, id(&text)?).await?;
    Ok(Redirect::to(PATH).into_response())
}
