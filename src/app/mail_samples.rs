//! Every mail with made-up values, so that an administrator can read what goes out in the vendor's name.

use std::collections::{BTreeMap, BTreeSet};

use super::{App, Error, admin};
use crate::domain::actor::Person;
use crate::domain::workflow::{Field, example};
use crate::views::common::Brand;
use crate::views::mail::{MailCase, MailContext, MailText, Recipient};

/// Every mail about a case, by the name that definitions call it.
///
/// # Errors
/// [`Error::Forbidden`] for others than administrators; [`Error::View`] for a template that does not render.
pub fn all(app: &App, person: &Person) -> Result<BTreeMap<String, MailText>, Error> {
    admin::require_admin(person)?;
    let fields = fields(app);
    let mails = app.views.mail_reads().into_iter().map(|(name, reads)| {
        let text = write(app, &fields, &name, &reads)?;
        Ok((name, text))
    });
    mails.collect()
}

/// One of them.
///
/// # Errors
/// As [`all`]; [`Error::NotFound`].
pub fn one(app: &App, person: &Person, name: &str) -> Result<MailText, Error> {
    admin::require_admin(person)?;
    let reads = app.views.mail_reads().remove(name).ok_or(Error::NotFound)?;
    write(app, &fields(app), name, &reads)
}

fn fields(app: &App) -> BTreeMap<&str, &Field> {
    let all = app.workflows.all().flat_map(|definition| &definition.fields);
    all.map(|(name, field)| (name.as_str(), field)).collect()
}

fn write(app: &App, fields: &BTreeMap<&str, &Field>, name: &str, reads: &BTreeSet<String>) -> Result<MailText, Error> {
    let read = reads.iter().filter_map(|read| read.strip_prefix("field."));
    let values = read.map(|name| {
        let value = fields.get(name).map(|field| example(field).to_string());
        (name.to_owned(), value.unwrap_or_default())
    });
    Ok(app.views.mail(name, &context(app, values.collect()))?)
}

fn context(app: &App, field: BTreeMap<String, String>) -> MailContext {
    let number = 2041;
    MailContext {
        brand: Brand { vendor: app.brand.vendor.clone(), product: app.brand.product.clone() },
        case: MailCase {
            number,
            title: "Alerts to 10.20.4.15".to_owned(),
            url: format!("{}/cases/{number}", app.public_url),
            headline: "What the case waits for".to_owned(),
            body: "What its page says about that.".to_owned(),
            next: "What happens after it.".to_owned(),
        },
        field,
        to: Recipient { name: "Dana Kern".to_owned() },
        list_word: app.brand.list_word.clone(),
        replies_read: app.reply_domain.is_some(),
    }
}
