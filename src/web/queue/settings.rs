//! The settings of a case for engineers: every revision, and what the product holds at this moment.

use axum::extract::Path;
use axum::response::Response;

use super::{present_settings, present_syslog};
use crate::app::cases::View;
use crate::app::{Error, cases, desk, syslog};
use crate::domain::channel::Channel;
use crate::views::casework::ApplyCheck;
use crate::views::common::Page;
use crate::views::settings::CaseSettings;
use crate::web::frame;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Every revision of the settings.
pub(super) async fn page(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let view = case(&visitor, &number).await?;
    let body = match view.case.channel() {
        Channel::Smtp => present_settings::settings(&view),
        Channel::Syslog => syslog_settings(&visitor, &view).await?,
    };
    let page = Page::new(format!("{}: case {}", body.heading, view.case.number), frame::frame(&visitor), body);
    frame::show(&visitor, CaseSettings::TEMPLATE, &page)
}

/// The product is asked for what there is to choose from only while the settings can be entered.
async fn syslog_settings(visitor: &Visitor, view: &View<'_>) -> Result<CaseSettings, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let revisions = syslog::revisions(app, person, &view.case).await?;
    let is_asked = view.offers.iter().any(|rule| rule.event == "submit_settings");
    let offers = if is_asked { syslog::product::offers(app, person, &view.case).await? } else { None };
    Ok(present_syslog::settings(view, &revisions, offers.as_ref()))
}

/// What the product holds beside the newest settings. The product is asked here and nowhere else, so that a slow one
/// keeps nobody from the case.
pub(super) async fn apply_check(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let view = case(&visitor, &number).await?;
    let around = desk::surroundings(&visitor.app, &view.case).await?;
    let comparison = desk::compare(&visitor.app, &view.case).await?;
    let tenant = around.tenant.map_or_else(|| view.customer.name.clone(), |tenant| tenant.name);
    let body = present_settings::comparison(&view.case, tenant, comparison, visitor.app.now());
    let page = Page::new(format!("Settings in force: case {}", view.case.number), frame::frame(&visitor), body);
    frame::show(&visitor, ApplyCheck::TEMPLATE, &page)
}

/// The case, for the vendor's people; for everybody else there is no such page.
async fn case<'v>(visitor: &'v Visitor, number: &str) -> Result<View<'v>, Failure> {
    let number = path_number(number)?;
    let person = visitor.person()?;
    if !person.is_staff() {
        return Err(Error::NotFound.into());
    }
    Ok(cases::view(&visitor.app, person, number).await?)
}
