//! One component's part of the page.

use crate::daemon::history::Series;
use crate::daemon::recorder::Recorder;
use crate::daemon::status::{
    ComponentStatus, Count, FaceStatus, Rates, ResourceStatus, StreamStatus, words,
};
use crate::jat::reason::Reason;
use crate::link::cause::Cause;
use crate::time::unix_now;

use super::html::Html;
use super::{chart, table};

pub(super) fn section(
    html: &mut Html,
    component: &ComponentStatus,
    anchor: &str,
    recorder: &Recorder,
) {
    html.element("section", &[("id", anchor)], |html| {
        html.element("h2", &[], |html| html.text_from_outside(&component.own.domain));
        html.element("p", &[("class", "muted")], |html| {
            html.text("to ");
            html.text_from_outside(&words::target(component));
            html.text(&format!(", on {}", words::way(component)));
        });
        lines(html, component, recorder);
        facts(html, component);
        if !component.target.is_empty() {
            resources(html, component);
        }
        if !component.faces.is_empty() {
            faces(html, component);
        }
        refusals(html, component);
    });
}

fn lines(html: &mut Html, component: &ComponentStatus, recorder: &Recorder) {
    let domain = &component.own.domain;
    let is_drawn = |series: &Series| match series {
        Series::Messages => component.relays("messages"),
        Series::Presence => component.relays("presence"),
        _ => true,
    };
    let drawn: Vec<_> = Series::ALL
        .into_iter()
        .filter(is_drawn)
        .map(|series| (series, recorder.look(|history, now| history.line(domain, series, now))))
        .collect();
    html.leaf("h3", &[], "The last 10 minutes");
    if drawn.iter().all(|(_, points)| points.iter().all(|p| p.per_second == 0.0)) {
        html.leaf("p", &[], "Nothing was relayed, answered with an error or dropped.");
        return;
    }
    html.element("div", &[("class", "lines")], |html| {
        drawn.iter().for_each(|(series, points)| chart::figure(html, series.name(), points));
    });
}

fn facts(html: &mut Html, component: &ComponentStatus) {
    html.element("table", &[("class", "facts")], |html| {
        html.leaf("caption", &[], "State");
        html.element("tbody", &[], |html| {
            fact(html, "ready", &[words::ready(component)]);
            if component.two_way.is_some() {
                fact(html, "relay", &words::relay(component));
            }
            if !component.answer.is_empty() {
                fact(html, "answers", &words::own_answers(component));
            }
            for stream in component.streams() {
                stream_facts(html, component, stream);
            }
            if let Some(access) = &component.access {
                fact(html, "access", &words::access(access));
            }
            if let Some(limit) = &component.limit {
                fact(html, "limit", &[words::limit(limit)]);
            }
            if let Some(subscription) = &component.subscription {
                fact(html, "subscription", &[words::subscription(subscription)]);
            }
            fact(html, "keys", &words::keys(component, unix_now()));
            let errors = words::error_replies(component);
            if !errors.is_empty() {
                fact(html, "error replies", &errors);
            }
            if let Some(offset) = component.clock_offset_seconds {
                fact(html, "clock", &[words::clock(offset)]);
            }
        });
    });
}

/// With a presence domain, each row says which stream it is about.
fn stream_facts(html: &mut Html, component: &ComponentStatus, stream: &StreamStatus) {
    let several = component.presence.is_some();
    let name =
        |what: &str| if several { format!("{what} of {}", stream.domain) } else { what.to_owned() };
    fact(html, &name("stream"), &[words::stream(stream)]);
    fact(html, &name("domain"), &[words::domain(component, stream).to_owned()]);
    fact(html, &name("backlog"), &[format!("{} bytes", stream.backlog_bytes)]);
    fact(html, &name("logins"), &[stream.logins.to_string()]);
    let failures = stream.failures.iter().map(|(cause, count)| {
        let known = Cause::ALL.iter().find(|known| known.name() == cause);
        let remedy = known.map(|known| known.remedy()).filter(|remedy| !remedy.is_empty());
        format!("{cause} {count}{}", remedy.map(|r| format!(": {r}")).unwrap_or_default())
    });
    let failures: Vec<String> = failures.collect();
    if !failures.is_empty() {
        fact(html, &name("failures"), &failures);
    }
}

fn fact(html: &mut Html, name: &str, lines: &[String]) {
    html.element("tr", &[], |html| {
        html.leaf("th", &[("scope", "row")], name);
        html.element("td", &[], |html| {
            for (number, line) in lines.iter().enumerate() {
                if number > 0 {
                    html.void("br", &[]);
                }
                html.text_from_outside(line);
            }
        });
    });
}

fn faces(html: &mut Html, component: &ComponentStatus) {
    html.leaf("h3", &[], "Faces");
    table(
        html,
        "Faces",
        |html| {
            for name in ["face", "target", "ready", "resources"] {
                html.leaf("th", &[("scope", "col")], name);
            }
            for name in ["relayed to it", "relayed from it", "refused"] {
                html.leaf("th", &[("scope", "col"), ("class", "number")], name);
            }
        },
        |html| component.faces.iter().for_each(|face| face_row(html, face)),
    );
}

fn face_row(html: &mut Html, face: &FaceStatus) {
    html.element("tr", &[], |html| {
        html.element("th", &[("scope", "row")], |html| {
            html.text_from_outside(words::face_name(face));
        });
        html.element("td", &[], |html| html.address(&face.target));
        match &face.not_ready {
            None => html.leaf("td", &[("class", "good")], "yes"),
            Some(why) => html.element("td", &[("class", "bad")], |html| {
                html.text_from_outside(&format!("no: {why}"));
            }),
        }
        html.leaf("td", &[], &words::resources_of_face(face));
        for count in [face.relayed_inward, face.relayed_outward, face.refused] {
            html.leaf("td", &[("class", "number")], &count.to_string());
        }
    });
}

fn resources(html: &mut Html, component: &ComponentStatus) {
    html.leaf("h3", &[], "Resources of the target");
    let fixed = component.subscription.is_none();
    if fixed {
        html.leaf("p", &[], "All requests go to one resource, online or not.");
    }
    if component.resources.is_empty() {
        html.leaf("p", &[], "None online.");
        return;
    }
    table(
        html,
        "Resources of the target",
        |html| {
            for name in ["address", "state", "asked"] {
                html.leaf("th", &[("scope", "col")], name);
            }
            for name in ["priority", "requests", "results", "errors"] {
                html.leaf("th", &[("scope", "col"), ("class", "number")], name);
            }
            html.leaf("th", &[("scope", "col")], "last answer");
        },
        |html| {
            for resource in component.resources.iter().take(MOST_RESOURCES) {
                html.element("tr", &[], |html| resource_row(html, resource, fixed));
            }
        },
    );
    let more = component.resources.len().saturating_sub(MOST_RESOURCES);
    if more > 0 {
        let text = format!("And {more} more; /status and jat-proxy status have all.");
        html.leaf("p", &[("class", "muted")], &text);
    }
}

fn resource_row(html: &mut Html, resource: &ResourceStatus, fixed: bool) {
    let ResourceStatus { address, dnd, verified, priority, answers, trouble, .. } = resource;
    html.element("th", &[("scope", "row")], |html| html.address(address));
    let state = match (fixed, dnd) {
        (true, _) => "fixed",
        (false, true) => "dnd",
        (false, false) => "online",
    };
    let doubt = if *verified || fixed { "" } else { ", not confirmed yet" };
    match trouble {
        None => html.leaf("td", &[], &format!("{state}{doubt}")),
        Some(trouble) => html.element("td", &[("class", "text")], |html| {
            html.text(&format!("{state}{doubt}; "));
            html.leaf("span", &[("class", "warn")], trouble);
        }),
    }
    html.leaf("td", &[], words::asked(resource).unwrap_or("yes"));
    html.leaf("td", &[("class", "number")], &priority.to_string());
    for number in [answers.forwarded, answers.results, answers.errors] {
        html.leaf("td", &[("class", "number")], &number.to_string());
    }
    html.leaf("td", &[], answers.last_answer.as_deref().unwrap_or("–"));
}

/// What was not relayed, the most frequent recently first.
fn refusals(html: &mut Html, component: &ComponentStatus) {
    let refused = |c: &&Count| matches!(c.outcome.as_str(), "answered" | "dropped");
    let mut refusals: Vec<&Count> = component.counts.iter().filter(refused).collect();
    refusals.sort_by_key(|c| std::cmp::Reverse((c.recent, c.count)));
    html.leaf("h3", &[], "Refusals by reason");
    if refusals.is_empty() {
        html.leaf("p", &[], "None since the start.");
        return;
    }
    let window = component.rates.last().map_or_else(|| "0s".to_owned(), Rates::period);
    let columns = |html: &mut Html| {
        for name in ["reason", "of", "outcome", "meaning"] {
            html.leaf("th", &[("scope", "col")], name);
        }
        for name in [format!("last {window}"), "since the start".to_owned()] {
            html.leaf("th", &[("scope", "col"), ("class", "number")], &name);
        }
    };
    table(html, "Refusals by reason", columns, |html| {
        for count in refusals {
            let reason = Reason::ALL.iter().find(|reason| reason.name() == count.reason);
            html.element("tr", &[], |html| {
                html.leaf("th", &[("scope", "row")], &count.reason);
                html.leaf("td", &[], &format!("{} {}", count.stanza, count.way));
                html.leaf("td", &[], &count.outcome);
                let meaning = reason.map_or("", |reason| reason.describe());
                html.leaf("td", &[("class", "text")], meaning);
                for number in [count.recent, count.count] {
                    html.leaf("td", &[("class", "number")], &number.to_string());
                }
            });
        }
    });
}

/// Of more than these only the number is shown.
const MOST_RESOURCES: usize = 20;
