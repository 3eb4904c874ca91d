//! The product tenants of a customer: where settings are applied. The API key goes into the vault and is never shown.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::customers::path as customer_path;
use super::{administrator, again, customer_of, fill, identifier, page};
use crate::app::{Error, FieldError, adding, admin};
use crate::apply::TieTarget;
use crate::domain::customer::{Customer, Tenant};
use crate::secret::Secret;
use crate::views::common::{Empty, Link};
use crate::views::form::{Button, Field, Form, Kind, Width};
use crate::views::records::{Cell, Edit, Listing, Row};
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// The product tenants of a customer.
pub(super) async fn list(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let all = admin::tenants(&visitor.app, customer.id).await?;
    let empty = "This customer has no product tenant yet. Without one, an engineer enters the settings by hand.";
    let row = |tenant: Tenant| Row {
        link: Link::new(tenant.name.clone(), format!("{}/edit", path(&customer, &tenant))),
        cells: vec![match tenant.base_url {
            Some(url) => Cell::code(url),
            None => Cell::new("By hand, from a file"),
        }],
    };
    let heading = format!("Product tenants of {}", customer.name);
    let body = Listing {
        heading: heading.clone(),
        intro: None,
        add: Some(Link::new("Add a product tenant", format!("{}/tenants/new", customer_path(&customer)))),
        columns: ["Tenant", "Settings are applied"].map(str::to_owned).to_vec(),
        empty: all.is_empty().then(|| Empty { text: empty.to_owned(), link: None }),
        rows: all.into_iter().map(row).collect(),
    };
    page(&visitor, &heading, crumbs(&customer), Listing::TEMPLATE, body)
}

/// The empty form.
pub(super) async fn new(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    visitor.proved(&visitor.uri)?;
    again(&visitor, adding_form(&customer))
}

/// Adds a product tenant.
pub(super) async fn add(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(&["name", "base_url", "api_key"])?;
    let customer = customer_of(&visitor, &id).await?;
    visitor.proved(&format!("{}/tenants/new", customer_path(&customer)))?;
    let name = fields.get("name").trim().to_owned();
    let once = fields.once(&visitor)?;
    let outcome = async {
        let tenant = (customer.id, name);
        adding::tenant(&visitor.app, visitor.person.as_ref().ok_or(Error::SignedOut)?, tenant, access(&fields)?, once)
            .await
    };
    finish(&visitor, &customer, outcome.await.map(|_done_or_done_before| ()), &fields, adding_form)
}

/// The form with what is on record.
pub(super) async fn edit(visitor: Visitor, Path((id, tenant)): Path<(String, String)>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    let tenant = found(&visitor, &customer, &tenant).await?;
    visitor.proved(&visitor.uri)?;
    again(&visitor, changing(&customer, &tenant))
}

/// Changes how a product tenant is reached.
pub(super) async fn change(
    visitor: Visitor,
    Path((id, tenant)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(&["base_url", "api_key"])?;
    let customer = customer_of(&visitor, &id).await?;
    let tenant = found(&visitor, &customer, &tenant).await?;
    visitor.proved(&format!("{}/edit", path(&customer, &tenant)))?;
    let outcome = async { admin::put_tenant(&visitor.app, (customer.id, tenant.name.clone()), access(&fields)?).await };
    finish(&visitor, &customer, outcome.await, &fields, |customer| changing(customer, &tenant))
}

fn finish(
    visitor: &Visitor,
    customer: &Customer,
    outcome: Result<(), Error>,
    fields: &Fields,
    body: impl Fn(&Customer) -> Edit,
) -> Result<Response, Failure> {
    match outcome {
        Ok(()) => Ok(Redirect::to(&format!("{}/tenants", customer_path(customer))).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut body = body(customer);
            fill(&mut body.form, fields, &errors);
            again(visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

async fn found(visitor: &Visitor, customer: &Customer, tenant: &str) -> Result<Tenant, Failure> {
    let id = identifier(tenant)?;
    let all = admin::tenants(&visitor.app, customer.id).await?;
    all.into_iter().find(|tenant| tenant.id.uuid() == id).ok_or_else(|| Error::NotFound.into())
}

/// Address and key, judged by the code that will use them. Both empty: settings are entered by hand.
fn access(fields: &Fields) -> Result<Option<(String, Secret)>, Error> {
    let url = fields.get("base_url").trim().to_owned();
    let key = fields.get("api_key").trim().to_owned();
    match (url.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(Error::field("base_url", "missing", "Enter the address of the product's API")),
        (false, true) => Err(Error::field("api_key", "missing", "Enter the API key, also where one is stored already")),
        (false, false) => {
            let key = Secret::new(key);
            match TieTarget::new(&url, key.clone(), None) {
                Ok(_) => Ok(Some((url, key))),
                Err(error) => {
                    let text = format!("This address cannot be used: {error}");
                    Err(Error::Invalid(vec![FieldError::new("base_url", "not_usable", text)]))
                }
            }
        }
    }
}

fn adding_form(customer: &Customer) -> Edit {
    let list = format!("{}/tenants", customer_path(customer));
    let mut form = form(&list, "Add tenant", &list, false);
    form.fields.insert(0, Field::new(Kind::Text, "name", "Name of the tenant"));
    let intro = "Without an address, settings are written to a file and an engineer confirms that they were entered.";
    Edit { heading: format!("Add a product tenant of {}", customer.name), intro: Some(intro.to_owned()), form }
}

fn changing(customer: &Customer, tenant: &Tenant) -> Edit {
    let action = format!("{}/edit", path(customer, tenant));
    let cancel = format!("{}/tenants", customer_path(customer));
    let mut form = form(&action, "Save", &cancel, tenant.api_key.is_some());
    for field in form.fields.iter_mut().filter(|field| field.name == "base_url") {
        *field = field.clone().value(tenant.base_url.clone().unwrap_or_default());
    }
    let intro = "Leave address and key empty to have the settings entered by hand.".to_owned();
    Edit { heading: format!("Change tenant {}", tenant.name), intro: Some(intro), form }
}

fn form(action: &str, submit: &str, cancel: &str, has_key: bool) -> Form {
    let hint =
        if has_key { "One is stored. Enter it again, or another one" } else { "Stored encrypted and shown to nobody" };
    let mut form = Form::new("form", action, form_key(), Button::main(submit)).fields(vec![
        Field::new(Kind::Code, "base_url", "Address of the product's API")
            .hint("Like https://customer.tenable.ad")
            .width(Width::Full)
            .optional(),
        Field::new(Kind::Password, "api_key", "API key").hint(hint).autocomplete("new-password").optional(),
    ]);
    form.cancel = Some(cancel.to_owned());
    form
}

fn crumbs(customer: &Customer) -> Vec<Link> {
    vec![Link::new("Customers", "/admin/customers"), Link::new(customer.name.as_str(), customer_path(customer))]
}

fn path(customer: &Customer, tenant: &Tenant) -> String {
    format!("{}/tenants/{}", customer_path(customer), tenant.id.uuid().simple())
}
