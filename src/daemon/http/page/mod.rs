//! The page for operators without a dashboard: what is wrong and what to do about it, components,
//! charts of the last minutes, resources, keys, refusals by reason.
//!
//! One document, without scripts or anything from elsewhere; it says the same as `jat-proxy
//! status`, in the same words.

mod chart;
mod component;
mod html;

use std::sync::LazyLock;

use base64ct::{Base64, Encoding};
use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::daemon::recorder::Recorder;
use crate::daemon::status::{ComponentStatus, Status, words};

use html::Html;

/// The query of a page that reloads itself. Not by default: a page that changes while it is being
/// read must be asked for (WCAG 2.2.2).
pub(super) const REFRESH: &str = "refresh";

/// The whole page.
pub(super) fn render(status: &Status, recorder: &Recorder, refresh: bool) -> String {
    Html::document(|html| {
        html.element("head", &[], |html| head(html, refresh));
        html.element("body", &[], |html| {
            html.element("header", &[], |html| header(html, status, refresh));
            html.element("main", &[], |html| {
                verdict(html, status);
                if status.components.len() > 1 {
                    overview(html, status);
                }
                let numbered = status.components.iter().enumerate();
                numbered.for_each(|(n, c)| component::section(html, c, &anchor(n), recorder));
            });
        });
    })
}

/// The content security policy of the page: nothing but its own style sheet.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = Base64::encode_string(&Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    });
    HeaderValue::from_static(&POLICY)
}

fn head(html: &mut Html, refresh: bool) {
    html.void("meta", &[("charset", "utf-8")]);
    html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    if refresh {
        html.void("meta", &[("http-equiv", "refresh"), ("content", "10")]);
    }
    html.leaf("title", &[], "jat-proxy");
    html.style(STYLE);
}

fn header(html: &mut Html, status: &Status, refresh: bool) {
    html.leaf("h1", &[], "jat-proxy");
    let version = format!("{}, since {}", status.version, status.started);
    html.leaf("span", &[("class", "muted")], &version);
    html.element("nav", &[], |html| match refresh {
        true => html.leaf("a", &[("href", "/")], "Stop refreshing"),
        false => html.leaf("a", &[("href", "/?refresh")], "Refresh every 10 seconds"),
    });
}

/// The top of the page: whether something is wrong, and what to do about it.
fn verdict(html: &mut Html, status: &Status) {
    let all = status.components.len();
    let ready = status.components.iter().filter(|c| c.not_ready.is_none()).count();
    let warned = status.components.iter().any(|c| !c.warnings.is_empty());
    let (class, text) = match (ready, all) {
        (_, 0) => ("verdict bad", "Stopping: no component is left.".to_owned()),
        (1, 1) => ("verdict", "The component is ready.".to_owned()),
        (0, 1) => ("verdict bad", "The component is not ready.".to_owned()),
        _ if ready == all => ("verdict", format!("All {all} components are ready.")),
        _ => ("verdict bad", format!("{ready} of {all} components are ready.")),
    };
    html.element("div", &[("class", class)], |html| {
        html.leaf("strong", &[("class", if ready == all { "good" } else { "" })], &text);
        if ready == all && !warned {
            return;
        }
        html.element("ul", &[], |html| {
            for component in &status.components {
                let domain = &component.own.domain;
                if let Some(why) = &component.not_ready {
                    html.element("li", &[], |html| said(html, domain, "not ready", "bad", why));
                }
                for warning in &component.warnings {
                    html.element("li", &[], |html| said(html, domain, "warning", "warn", warning));
                }
            }
        });
    });
}

fn said(html: &mut Html, domain: &str, word: &str, class: &str, text: &str) {
    html.leaf("bdi", &[("class", "name")], domain);
    html.text(" ");
    html.leaf("span", &[("class", class)], word);
    html.text(": ");
    html.text_from_outside(text);
}

fn overview(html: &mut Html, status: &Status) {
    html.element("section", &[], |html| {
        html.leaf("h2", &[], "Components");
        table(
            html,
            "Components",
            |html| {
                let columns = ["component", "ready", "resources online"];
                columns.iter().for_each(|name| html.leaf("th", &[("scope", "col")], name));
                for name in columns_of(status) {
                    html.leaf("th", &[("scope", "col"), ("class", "number")], name);
                }
            },
            |html| {
                for (number, component) in status.components.iter().enumerate() {
                    html.element("tr", &[], |html| {
                        overview_row(html, status, component, &anchor(number));
                    });
                }
            },
        );
        html.leaf(
            "p",
            &[("class", "muted")],
            "Averages over the last minute, in stanzas a second.",
        );
    });
}

/// The columns of rates; that of messages where some component relays them.
fn columns_of(status: &Status) -> impl Iterator<Item = &'static str> {
    let messages = relays_messages(status).then_some("messages a second");
    let refused = ["answered with an error", "dropped"];
    std::iter::once("requests a second").chain(messages).chain(refused)
}

fn relays_messages(status: &Status) -> bool {
    status.components.iter().any(|it| it.relays("messages"))
}

fn overview_row(html: &mut Html, status: &Status, component: &ComponentStatus, anchor: &str) {
    html.element("th", &[("scope", "row")], |html| {
        let link = format!("#{anchor}");
        html.element("a", &[("href", &link)], |html| html.text_from_outside(&component.own.domain));
    });
    match component.not_ready {
        None => html.leaf("td", &[("class", "good")], "yes"),
        Some(_) => html.leaf("td", &[("class", "bad")], "no"),
    }
    let resources = match component.subscription {
        Some(_) => words::online(component),
        None if component.target.is_empty() => format!("of {} faces", component.faces.len()),
        None => "fixed".to_owned(),
    };
    html.leaf("td", &[], &resources);
    let rates = component.rates.first();
    let messages = relays_messages(status).then(|| rates.map(|r| r.messages));
    let refused = [rates.map(|r| r.answered), rates.map(|r| r.dropped)];
    for rate in std::iter::once(rates.map(|r| r.requests)).chain(messages).chain(refused) {
        let rate = rate.map_or_else(|| "–".to_owned(), words::rate);
        html.leaf("td", &[("class", "number")], &rate);
    }
}

/// A table that scrolls by itself on a narrow screen, with the row of its column headers.
fn table(
    html: &mut Html,
    name: &str,
    columns: impl FnOnce(&mut Html),
    rows: impl FnOnce(&mut Html),
) {
    // A region that scrolls can be reached by keyboard, and so needs a name.
    let scrolls =
        [("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", name)];
    html.element("div", &scrolls, |html| {
        html.element("table", &[], |html| {
            html.element("thead", &[], |html| html.element("tr", &[], columns));
            html.element("tbody", &[], rows);
        });
    });
}

/// The anchor of a component's section.
fn anchor(number: usize) -> String {
    format!("component-{}", number + 1)
}

const STYLE: &str = include_str!("style.css");
