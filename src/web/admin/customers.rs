//! Customers: the list, one customer, adding and changing.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::{administrator, again, calendars, customer_of, fill, identifier, page};
use crate::app::{Error, FieldError, Outcome, adding, admin};
use crate::clock::fresh_id;
use crate::domain::customer::{Architecture, Customer};
use crate::domain::id::CustomerId;
use crate::views::common::{Empty, Fact, Link, Section};
use crate::views::form::{Button, Choice, Field, Form, Kind, Width};
use crate::views::records::{Cell, Edit, Listing, Record, Row};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::queue::relays;
use crate::web::visit::{Visitor, form_key};

const FIELDS: &[&str] = &["name", "architecture", "list_word"];

/// All customers.
pub(super) async fn list(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customers = admin::customers(&visitor.app).await?;
    let empty = "There are no customers yet. Add one, then its tunnel and its people.";
    let body = Listing {
        heading: "Customers".to_owned(),
        intro: None,
        add: Some(Link::new("Add a customer", "/admin/customers/new")),
        columns: ["Customer", "Architecture"].map(str::to_owned).to_vec(),
        empty: customers.is_empty().then(|| Empty { text: empty.to_owned(), link: None }),
        rows: customers
            .into_iter()
            .map(|customer| Row {
                link: Link::new(customer.name.clone(), path(&customer)),
                cells: vec![Cell::new(words(customer.architecture))],
            })
            .collect(),
    };
    page(&visitor, "Customers", Vec::new(), Listing::TEMPLATE, body)
}

/// One customer.
pub(super) async fn one(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let tunnels = admin::tunnels(&visitor.app, customer.id).await?;
    let tenants = admin::tenants(&visitor.app, customer.id).await?;
    let edit = format!("{}/edit", path(&customer));
    let word = customer.list_word.clone().unwrap_or_else(|| visitor.app.brand.list_word.clone());
    let names = |names: Vec<String>| if names.is_empty() { "None".to_owned() } else { names.join(", ") };
    let facts = vec![
        Fact::new("Name", customer.name.as_str()).change(edit.as_str()),
        Fact::new("Architecture", words(customer.architecture)).change(edit.as_str()),
        Fact::new("Word for the list", word).change(edit),
        calendars::fact(&visitor, &customer).await?,
        Fact::new("Tunnels", names(tunnels.into_iter().map(|tunnel| tunnel.name).collect())),
        Fact::new("Product tenants", names(tenants.into_iter().map(|tenant| tenant.name).collect())),
    ];
    let around = |text: &str, what: &str| Link::new(text, format!("{}/{what}", path(&customer)));
    let body = Record {
        sections: vec![Section { heading: "On record".to_owned(), facts }],
        links: vec![
            around("Tunnels", "tunnels"),
            around("People", "people"),
            around("Product tenants", "tenants"),
            Link::new("Secure Relays", relays::path(customer.id)),
        ],
        ..Record::new("Customer", customer.name.as_str())
    };
    page(&visitor, &customer.name, vec![Link::new("Customers", "/admin/customers")], Record::TEMPLATE, body)
}

/// The empty form.
pub(super) async fn new(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    std::future::ready(again(&visitor, adding())).await
}

/// Adds a customer.
pub(super) async fn add(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(FIELDS)?;
    let once = fields.once(&visitor)?;
    let outcome = async {
        let (name, architecture, list_word) = read(&fields)?;
        let customer = Customer { id: CustomerId::new(fresh_id()), name, architecture, list_word };
        adding::customer(&visitor.app, visitor.person.as_ref().ok_or(Error::SignedOut)?, customer, once).await
    };
    match outcome.await {
        Ok(Outcome::Done(customer)) => Ok(Redirect::to(&path_of(customer.id)).into_response()),
        Ok(Outcome::Before(answer)) => {
            Ok(Redirect::to(&path_of(CustomerId::new(identifier(&answer.answer)?))).into_response())
        }
        Err(Error::Invalid(errors)) => {
            let mut body = adding();
            fill(&mut body.form, &fields, &errors);
            again(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

/// The form with what is on record.
pub(super) async fn edit(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    again(&visitor, changing(&customer))
}

/// Changes a customer.
pub(super) async fn change(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(FIELDS)?;
    let customer = customer_of(&visitor, &id).await?;
    let outcome = async {
        let (name, architecture, list_word) = read(&fields)?;
        admin::change_customer(&visitor.app, Customer { id: customer.id, name, architecture, list_word }).await
    };
    match outcome.await {
        Ok(()) => Ok(Redirect::to(&path(&customer)).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut body = changing(&customer);
            fill(&mut body.form, &fields, &errors);
            again(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

fn read(fields: &Fields) -> Result<(String, Architecture, Option<String>), Error> {
    let name = fields.get("name").trim().to_owned();
    let mut errors = admin::text_errors("name", "name of the customer", &name);
    let found = [Architecture::Vpn, Architecture::SecureRelay]
        .into_iter()
        .find(|architecture| architecture.as_str() == fields.get("architecture"));
    let Some(architecture) = found.filter(|_| errors.is_empty()) else {
        if found.is_none() {
            errors.push(FieldError::new("architecture", "missing", "Choose how the product reaches the customer"));
        }
        return Err(Error::Invalid(errors));
    };
    let word = Some(fields.get("list_word").trim().to_owned()).filter(|word| !word.is_empty());
    Ok((name, architecture, word))
}

fn adding() -> Edit {
    Edit {
        heading: "Add a customer".to_owned(),
        intro: None,
        form: form("/admin/customers", "Add customer", "/admin/customers"),
    }
}

fn changing(customer: &Customer) -> Edit {
    let to = path(customer);
    let mut form = form(&format!("{to}/edit"), "Save", &to);
    for field in &mut form.fields {
        let value = match field.name.as_str() {
            "name" => customer.name.as_str(),
            "architecture" => customer.architecture.as_str(),
            _ => customer.list_word.as_deref().unwrap_or_default(),
        };
        *field = field.clone().value(value);
    }
    Edit {
        heading: "Change the customer".to_owned(),
        intro: Some("Cases that run keep their architecture.".to_owned()),
        form,
    }
}

fn form(action: &str, submit: &str, cancel: &str) -> Form {
    let choice = |architecture: Architecture| Choice::new(architecture.as_str(), words(architecture));
    let choices = vec![
        choice(Architecture::Vpn).hint("The relay runs in the vendor's cloud; the customer opens a case"),
        choice(Architecture::SecureRelay).hint("A relay runs at the customer, who enters the settings without a case"),
    ];
    let mut form = Form::new("form", action, form_key(), Button::main(submit)).fields(vec![
        Field::new(Kind::Text, "name", "Name"),
        Field::new(Kind::Radio, "architecture", "How the product reaches the customer").options(choices),
        Field::new(Kind::Code, "list_word", "Word for the list of senders")
            .hint("What mails to this customer call it, like allowlist")
            .width(Width::Short)
            .optional(),
    ]);
    form.cancel = Some(cancel.to_owned());
    form
}

/// The page of a customer.
pub(super) fn path(customer: &Customer) -> String {
    path_of(customer.id)
}

fn path_of(id: CustomerId) -> String {
    format!("/admin/customers/{}", id.uuid().simple())
}

fn words(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Vpn => "VPN tunnel",
        Architecture::SecureRelay => "Secure Relay",
    }
}
