//! Calendars: the list, one calendar with its holidays, adding and changing, holidays out of a file, whose they are, and
//! computing due times again.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::customers::path as customer_path;
use super::{administrator, again, customer_of, fill, identifier, page, wrong};
use crate::app::calendars::{self, By, Draft, Imported};
use crate::app::{Error, FieldError, reckoning};
use crate::domain::calendar::Named;
use crate::domain::customer::Customer;
use crate::domain::id::CalendarId;
use crate::views::common::{Empty, Fact, Link, Note, Section, Tone};
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::views::records::{Cell, Edit, Listing, Record, Row};
use crate::views::tables::{Group, TableRow, Tables};
use crate::web::fields::Fields;
use crate::web::portal::files::Sent;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const LIST: &str = "/admin/calendars";
/// Where due times are computed again.
const RECKON: &str = "/admin/due-times";
const FIELDS: &[&str] = &["name", "time_zone", "hours", "holidays", "is_vendor"];

/// All calendars.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let all = calendars::list(&visitor.app).await?;
    let empty = "There is no calendar yet. Clocks run from Monday to Friday, 09:00 to 17:00 UTC.";
    let row = |named: Named| Row {
        cells: vec![
            Cell::code(named.calendar.zone.name()),
            Cell::new(named.calendar.week.to_string().replace('\n', "; ")),
            Cell::new(named.calendar.holidays.len().to_string()),
            if named.is_vendor { Cell::tag(Tone::Done, "Yours") } else { Cell::new("A customer's") },
        ],
        link: Link::new(named.name.clone(), path(&named)),
    };
    let intro = "In which hours the clocks of cases run: yours while it is your turn, the customer's while it is theirs. \
                 A customer without a calendar is measured by yours.";
    let body = Listing {
        heading: "Calendars".to_owned(),
        intro: Some(intro.to_owned()),
        add: Some(Link::new("Add a calendar", "/admin/calendars/new")),
        columns: ["Calendar", "Time zone", "Hours", "Holidays", "Whose"].map(str::to_owned).to_vec(),
        empty: all.is_empty().then(|| Empty { text: empty.to_owned(), link: None }),
        rows: all.into_iter().map(row).collect(),
    };
    page(&visitor, "Calendars", Vec::new(), Listing::TEMPLATE, body)
}

/// One calendar.
pub(super) async fn one(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    show(&visitor, calendar_id(&id)?, (Vec::new(), &[])).await
}

async fn show(
    visitor: &Visitor,
    id: CalendarId,
    (notes, errors): (Vec<Note>, &[FieldError]),
) -> Result<Response, Failure> {
    let (named, customers) = calendars::one(&visitor.app, id).await?;
    let edit = format!("{}/edit", path(&named));
    let whose = match (named.is_vendor, customers.is_empty()) {
        (true, true) => "The vendor and customers without a calendar".to_owned(),
        (true, false) => format!("The vendor, customers without a calendar, {}", customers.join(", ")),
        (false, true) => "Nobody yet".to_owned(),
        (false, false) => customers.join(", "),
    };
    let facts = vec![
        Fact::new("Name", named.name.as_str()).change(edit.as_str()),
        Fact::code("Time zone", named.calendar.zone.name()).change(edit.as_str()),
        Fact::new("Hours", named.calendar.week.to_string()).change(edit.as_str()),
        Fact::new("Measures", whose),
    ];
    let holidays =
        named.calendar.holidays.iter().map(|(day, name)| Fact::new(day.format("%-d %B %Y").to_string(), name.as_str()));
    let mut sections = vec![Section { heading: "On record".to_owned(), facts }];
    if !named.calendar.holidays.is_empty() {
        sections.push(Section { heading: "Holidays".to_owned(), facts: holidays.collect() });
    }
    let field =
        Field::new(Kind::File, "file", "iCalendar file (.ics)").hint("Its whole days from this year on are added");
    let mut form = Form::new(
        "holidays",
        format!("{}/holidays", path(&named)),
        form_key(),
        Button::of(Style::Other, "Add holidays"),
    )
    .fields(vec![field]);
    for error in errors {
        if let Some(field) = form.fields.iter_mut().find(|field| field.name == error.field) {
            field.error = Some(error.message.clone());
        }
    }
    let delete = Button::of(Style::Other, "Delete").about(format!("calendar {}", named.name));
    let unused = !named.is_vendor && customers.is_empty();
    let links = vec![Link::new("Change", edit), Link::new("Compute due times again", RECKON)];
    let summary = form.errors();
    let body = Record {
        notes,
        sections,
        links,
        acts: Vec::new(),
        form_heading: Some("Holidays from a file".to_owned()),
        form: Some(Form {
            also: unused.then(|| Button { action: Some(format!("{}/delete", path(&named))), ..delete }),
            ..form
        }),
        ..Record::new("Calendar", named.name.as_str())
    };
    let crumbs = vec![Link::new("Calendars", LIST)];
    wrong(visitor, (&named.name, crumbs), Record::TEMPLATE, body, summary)
}

/// The empty form.
pub(super) async fn new(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let is_first = calendars::list(&visitor.app).await?.is_empty();
    let draft = Draft {
        time_zone: "UTC".to_owned(),
        hours: "mon-fri 09:00-17:00".to_owned(),
        is_vendor: is_first,
        ..Draft::default()
    };
    again(&visitor, adding(&draft))
}

/// Adds a calendar.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let by = By::admin(visitor.person()?)?;
    fields.only(FIELDS)?;
    let draft = read(&fields);
    finish(&visitor, calendars::add(&visitor.app, by, &draft).await, &fields, adding(&draft))
}

/// The form with what is on record.
pub(super) async fn edit(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let (named, _) = calendars::one(&visitor.app, calendar_id(&id)?).await?;
    again(&visitor, changing(&named, &Draft::of(&named)))
}

/// Changes a calendar.
pub(super) async fn change(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let by = By::admin(visitor.person()?)?;
    let (named, _) = calendars::one(&visitor.app, calendar_id(&id)?).await?;
    fields.only(FIELDS)?;
    let draft = read(&fields);
    finish(&visitor, calendars::change(&visitor.app, by, named.id, &draft).await, &fields, changing(&named, &draft))
}

fn finish(
    visitor: &Visitor,
    outcome: Result<Named, Error>,
    fields: &Fields,
    mut body: Edit,
) -> Result<Response, Failure> {
    match outcome {
        Ok(named) => Ok(Redirect::to(&path(&named)).into_response()),
        Err(Error::Invalid(errors)) => {
            fill(&mut body.form, fields, &errors);
            // One box alone is sent under its own name.
            for field in body.form.fields.iter_mut().filter(|field| field.kind == Kind::Checkbox) {
                *field = field.clone().value(fields.get("is_vendor"));
            }
            again(visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

/// Adds the holidays of files.
pub(super) async fn import(visitor: Visitor, Path(id): Path<String>, sent: Sent) -> Result<Response, Failure> {
    let by = By::admin(visitor.person()?)?;
    let id = calendar_id(&id)?;
    calendars::one(&visitor.app, id).await?;
    sent.fields.only(&[])?;
    if sent.files.is_empty() {
        let missing = [FieldError::new("file", "missing", "Choose a file that ends in .ics")];
        return show(&visitor, id, (Vec::new(), &missing)).await;
    }
    let mut notes = Vec::new();
    for (name, content) in &sent.files {
        match calendars::import(&visitor.app, by, id, content).await {
            Ok(imported) => notes.push(said(name, &imported)),
            Err(Error::Invalid(errors)) => return show(&visitor, id, (notes, &errors)).await,
            Err(other) => return Err(other.into()),
        }
    }
    show(&visitor, id, (notes, &[])).await
}

fn said(name: &str, imported: &Imported) -> Note {
    let days = |count: usize| if count == 1 { "1 day".to_owned() } else { format!("{count} days") };
    let mut text = format!("{name}: {} added, {} on record already.", days(imported.added), imported.known);
    let left_out: Vec<&str> = imported.left_out.iter().take(5).map(String::as_str).collect();
    if !left_out.is_empty() {
        text = format!("{text} {} left out: {}.", imported.left_out.len(), left_out.join("; "));
    }
    let tone = if left_out.is_empty() { Tone::Done } else { Tone::You };
    Note::new(tone, text)
}

/// Takes a calendar away that measures nobody.
pub(super) async fn delete(visitor: Visitor, Path(id): Path<String>, sent: Sent) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let id = calendar_id(&id)?;
    sent.fields.only(&[])?;
    match calendars::delete(&visitor.app, id).await {
        Ok(()) => Ok(Redirect::to(LIST).into_response()),
        Err(Error::Invalid(errors)) => {
            let notes = errors.iter().map(|error| Note::new(Tone::Failed, error.message.clone())).collect();
            show(&visitor, id, (notes, &[])).await
        }
        Err(other) => Err(other.into()),
    }
}

/// The calendar of a customer.
pub(super) async fn of_customer(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let own = calendars::of_customer(&visitor.app, customer.id).await?;
    again(&visitor, assigning(&visitor, &customer, &own.map_or_else(String::new, |named| named.id.to_string())).await?)
}

/// Gives a customer another calendar.
pub(super) async fn assign(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    fields.only(&["calendar"])?;
    let outcome = match fields.get("calendar") {
        "" => calendars::assign(&visitor.app, customer.id, None).await,
        text => {
            let unknown = |_no_id| Error::field("calendar", "unknown", "Choose a calendar of the list");
            match text.parse().map(CalendarId::new).map_err(unknown) {
                Ok(id) => calendars::assign(&visitor.app, customer.id, Some(id)).await,
                Err(error) => Err(error),
            }
        }
    };
    match outcome {
        Ok(()) => Ok(Redirect::to(&customer_path(&customer)).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut body = assigning(&visitor, &customer, "").await?;
            fill(&mut body.form, &fields, &errors);
            again(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

async fn assigning(visitor: &Visitor, customer: &Customer, chosen: &str) -> Result<Edit, Failure> {
    let all = calendars::list(&visitor.app).await?;
    let choices = all.iter().map(|named| Choice::new(named.id.to_string(), named.name.as_str()));
    let choices = std::iter::once(Choice::new("", "Yours")).chain(choices).collect();
    let field = Field::new(Kind::Select, "calendar", "Calendar").options(choices).value(chosen);
    let to = customer_path(customer);
    let mut form = Form::new("form", format!("{to}/calendar"), form_key(), Button::main("Save")).fields(vec![field]);
    form.cancel = Some(to);
    let intro =
        "Clocks run in it while the customer has the turn. Due times that were computed before stay as they are.";
    Ok(Edit { heading: format!("Calendar of {}", customer.name), intro: Some(intro.to_owned()), form })
}

/// Shows what computing due times again would change.
pub(super) async fn due_times(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let reckoned = reckoning::rehearse(&visitor.app).await?;
    let moves = reckoned.moved;
    let text = match moves {
        0 => format!("None of {} running clocks would move.", reckoned.seen),
        1 => format!("1 of {} running clocks would move.", reckoned.seen),
        _ => format!("{moves} of {} running clocks would move.", reckoned.seen),
    };
    let instant = |at| Cell::new(crate::views::instant(at));
    let rows = reckoned.shifts.iter().map(|shift| TableRow {
        name: shift.number.to_string(),
        href: Some(format!("/cases/{}", shift.number)),
        cells: vec![Cell::new(shift.what.as_str()), instant(shift.was), instant(shift.becomes)],
    });
    let group = Group {
        heading: "Clocks that would move".to_owned(),
        columns: ["Case", "What is due", "Was due", "Would be due"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        note: (moves > reckoned.shifts.len())
            .then(|| format!("The first {} of {moves} are shown.", reckoned.shifts.len())),
    };
    let button = Button::main("Compute due times again");
    let body = Tables {
        intro: Some(
            "A change of a calendar leaves the due times that were computed before as they are. Here they are computed \
             again in the calendars of today. What would be due earlier than now rings at once."
                .to_owned(),
        ),
        notes: vec![Note::new(if moves == 0 { Tone::Done } else { Tone::You }, text)],
        groups: if moves == 0 { Vec::new() } else { vec![group] },
        form_heading: (moves > 0).then(|| "Do it".to_owned()),
        form: (moves > 0).then(|| Form::new("due-times", RECKON, form_key(), button)),
        ..Tables::new("Compute due times again")
    };
    page(&visitor, "Compute due times again", vec![Link::new("Calendars", LIST)], Tables::TEMPLATE, body)
}

/// Computes due times again, and shows that nothing is left to be moved.
pub(super) async fn reckon(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let person = administrator(&visitor)?;
    fields.only(&[])?;
    reckoning::carry_out(&visitor.app, Some(person)).await?;
    Ok(Redirect::to(RECKON).into_response())
}

fn read(fields: &Fields) -> Draft {
    let get = |name: &str| fields.get(name).to_owned();
    Draft {
        name: get("name").trim().to_owned(),
        time_zone: get("time_zone"),
        hours: get("hours"),
        holidays: get("holidays"),
        is_vendor: !fields.get("is_vendor").is_empty(),
    }
}

fn adding(draft: &Draft) -> Edit {
    Edit { heading: "Add a calendar".to_owned(), intro: None, form: form((LIST, "Add calendar", LIST), draft) }
}

fn changing(named: &Named, draft: &Draft) -> Edit {
    let to = path(named);
    Edit {
        heading: format!("Change calendar {}", named.name),
        intro: Some("Due times that were computed before stay as they are.".to_owned()),
        form: form((&format!("{to}/edit"), "Save", &to), draft),
    }
}

fn form((action, submit, cancel): (&str, &str, &str), draft: &Draft) -> Form {
    let whose = Choice::new("yes", "It is the vendor's calendar").hint("The one that is so far is no longer");
    let mut form = Form::new("form", action, form_key(), Button::main(submit)).fields(vec![
        Field::new(Kind::Text, "name", "Name").value(draft.name.as_str()),
        Field::new(Kind::Code, "time_zone", "Time zone")
            .hint("Name in the IANA database, like Europe/Berlin")
            .value(draft.time_zone.as_str()),
        Field::new(Kind::Textarea, "hours", "Hours")
            .hint("One line for days with the same hours, like mon-thu 09:00-12:00 13:00-17:00")
            .value(draft.hours.as_str()),
        Field::new(Kind::Textarea, "holidays", "Holidays")
            .hint("One on a line, like 2026-12-25 Christmas Day")
            .value(draft.holidays.as_str())
            .optional(),
        Field::new(Kind::Checkbox, "is_vendor", "Whose it is")
            .options(vec![whose])
            .value(if draft.is_vendor { "yes" } else { "" })
            .optional(),
    ]);
    form.cancel = Some(cancel.to_owned());
    form
}

fn calendar_id(text: &str) -> Result<CalendarId, Failure> {
    identifier(text).map(CalendarId::new)
}

fn path(named: &Named) -> String {
    format!("{LIST}/{}", named.id.uuid().simple())
}

/// The fact of a customer's page that says which calendar measures it.
pub(super) async fn fact(visitor: &Visitor, customer: &Customer) -> Result<Fact, Failure> {
    let own = calendars::of_customer(&visitor.app, customer.id).await?;
    let name = own.map_or_else(|| "Yours".to_owned(), |named| named.name);
    Ok(Fact::new("Calendar", name).change(format!("{}/calendar", customer_path(customer))))
}
