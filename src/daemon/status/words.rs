//! The status in words: the same on the command line and on the page.

use crate::config;
use crate::jat::two_way::MessagesTo;

use super::{
    AccessStatus, AnswersStatus, ComponentStatus, FaceStatus, LimitStatus, ResourceStatus,
    StreamState, StreamStatus, SubscriptionStatus, name_keys,
};

/// Whether it can forward, or why not.
pub(crate) fn ready(component: &ComponentStatus) -> String {
    component.not_ready.as_ref().map_or("yes".to_owned(), |why| format!("no: {why}"))
}

/// The target of the domain, and how requests are spread over its resources.
pub(crate) fn target(component: &ComponentStatus) -> String {
    let ComponentStatus { target, token_in, .. } = component;
    match target.is_empty() {
        true => "the targets of its faces".to_owned(),
        false => format!("{target} ({}, token in the {token_in})", spread(component)),
    }
}

/// What a face leads to, whether it can forward, and what it relayed.
pub(crate) fn face(face: &FaceStatus) -> String {
    let ready =
        face.not_ready.as_ref().map_or("ready".to_owned(), |why| format!("not ready: {why}"));
    format!(
        "{} -> {}: {ready}; {}{}, {} relayed to it and {} from it, {} refused",
        face_name(face),
        face.target,
        resources_of_face(face),
        face.limit.as_ref().map(|it| format!(", at most {}", limit(it))).unwrap_or_default(),
        face.relayed_inward,
        face.relayed_outward,
        face.refused
    )
}

/// The node of a face; the domain itself has none.
pub(crate) fn face_name(face: &FaceStatus) -> &str {
    if face.node.is_empty() { "(the domain)" } else { &face.node }
}

/// How many resources a face has.
pub(crate) fn resources_of_face(face: &FaceStatus) -> String {
    match (&face.subscription, face.resources.len()) {
        (None, _) => "one resource, online or not".to_owned(),
        (Some(_), 1) => "1 resource online".to_owned(),
        (Some(_), count) => format!("{count} resources online"),
    }
}

/// How requests are spread over the resources of the target.
pub(crate) fn spread(component: &ComponentStatus) -> String {
    match component.subscription {
        Some(_) if component.patterns.is_empty() => format!("dispatch {}", component.dispatch),
        Some(_) => {
            format!("dispatch {} over {}", component.dispatch, component.patterns.join(", "))
        }
        None => "this resource only".to_owned(),
    }
}

/// Whether a stream is up, and where it leads to if the server's name has several addresses.
pub(crate) fn stream(stream: &StreamStatus) -> String {
    state(&stream.stream) + &peer(stream)
}

/// Where it leads to, to be appended to other words; empty if there is only one address.
pub(crate) fn peer(stream: &StreamStatus) -> String {
    let several = stream.peer.as_ref().filter(|peer| peer.of > 1);
    let shown = several.map(|it| format!(" ({}, one of {} addresses)", it.address, it.of));
    shown.unwrap_or_default()
}

fn state(stream: &StreamState) -> String {
    match stream {
        StreamState::Starting => "connecting".to_owned(),
        StreamState::Up { since, standstill_seconds: None } => format!("up since {since}"),
        StreamState::Up { since, standstill_seconds: Some(seconds) } => {
            format!("up since {since}, but the server has processed nothing for {seconds} s")
        }
        StreamState::Down { since, cause, .. } => format!("down since {since}: {cause}"),
        StreamState::Closed => "closed".to_owned(),
    }
}

/// Whether another process has the domain too.
fn sharing(sharing: &str) -> &'static str {
    match sharing {
        "alone" => "not shared",
        "shared" => "shared: another process is connected with the same domain",
        "unheard" => "not known: no message that it sends to itself comes back",
        _ => "not known yet whether another process is connected with the same domain",
    }
}

/// The same of one stream of a component.
pub(crate) fn domain(component: &ComponentStatus, stream: &StreamStatus) -> &'static str {
    match (stream.sharing.as_str(), &component.presence) {
        ("shared", Some(_)) if stream.domain == component.own.domain => {
            "shared with other replicas"
        }
        ("alone", _) if stream.shared_elsewhere => {
            "not shared on this node of the server, but a process on another node uses it too"
        }
        (shared, _) => sharing(shared),
    }
}

pub(crate) fn subscription(subscription: &SubscriptionStatus) -> String {
    let mut text = subscription.state.clone();
    if let Some(condition) = &subscription.condition {
        text += &format!(" ({condition})");
    }
    if let Some(since) = &subscription.since {
        text += &format!(" since {since}");
    }
    if let Some(confirmed) = &subscription.confirmed {
        text += &format!(", confirmed at {confirmed}");
    }
    if let Some(next) = &subscription.next_retry {
        text += &format!(", next request at {next}");
    }
    text
}

pub(crate) fn resources(component: &ComponentStatus) -> Vec<String> {
    let fixed = component.subscription.is_none();
    let line = |r: &ResourceStatus| {
        let priority = Some(r.priority).filter(|_| shows_priority(component));
        let priority = priority.map(|p| format!(", priority {p}")).unwrap_or_default();
        let dnd = if r.dnd { ", dnd" } else { "" };
        let doubt = if r.verified || fixed { "" } else { ", not confirmed yet" };
        let asked = asked(r).map(|asked| format!(", {asked}")).unwrap_or_default();
        format!("{}{priority}{dnd}{doubt}{asked}", r.address)
    };
    match &component.subscription {
        Some(_) if component.resources.is_empty() => vec!["none online".to_owned()],
        None if component.target.is_empty() => Vec::new(),
        _ => component.resources.iter().map(line).collect(),
    }
}

/// The same, with how each answered its requests.
pub(crate) fn serving(component: &ComponentStatus) -> Vec<String> {
    let mut lines = resources(component);
    for (line, resource) in lines.iter_mut().zip(&component.resources) {
        let answers = answers(&resource.answers);
        let trouble = resource.trouble.as_ref();
        for (text, before) in [(answers.as_ref(), ": "), (trouble, "; ")] {
            *line += &text.map(|text| format!("{before}{text}")).unwrap_or_default();
        }
    }
    lines
}

/// How a resource answered its requests, if there were any.
fn answers(answers: &AnswersStatus) -> Option<String> {
    let AnswersStatus { forwarded, results, errors, last_answer, last_error } = answers;
    let count = |count: u64, what| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let mut text = format!("{}, {}", count(*forwarded, "request"), count(*results, "result"));
    if *errors > 0 {
        let last = last_error.as_deref().unwrap_or("unknown");
        text += &format!(", {} ({last})", count(*errors, "error"));
    }
    if let Some(last) = last_answer {
        text += &format!(", last answer at {last}");
    }
    (*forwarded > 0 || last_answer.is_some()).then_some(text)
}

/// Those of users' requests that were relayed, each with its number.
pub(crate) fn error_replies(component: &ComponentStatus) -> Vec<String> {
    component
        .error_replies
        .iter()
        .map(|(condition, count)| format!("{condition} {count}"))
        .collect()
}

/// How many resources are online, and how many of them are never asked.
pub(crate) fn online(component: &ComponentStatus) -> String {
    let never = component.resources.iter().filter(|r| r.asked == "never").count();
    match (component.resources.len(), never) {
        (count, 0) => count.to_string(),
        (count, never) => format!("{}, and {never} never asked", count - never),
    }
}

/// Whether priorities are of interest.
pub(crate) fn shows_priority(component: &ComponentStatus) -> bool {
    component.dispatch == "priority" || component.resources.iter().any(|r| r.priority != 0)
}

/// Whether a resource gets requests; `None`: it does.
pub(crate) fn asked(resource: &ResourceStatus) -> Option<&'static str> {
    match resource.asked.as_str() {
        "later" => Some("standing by"),
        "never" => Some("never asked"),
        _ => None,
    }
}

/// Those that sign, and those that make names where names are made; `now` is a Unix second.
pub(crate) fn keys(component: &ComponentStatus, now: u64) -> Vec<String> {
    let signing = component.keys.states(now).into_iter().map(|state| state.to_string());
    let names = component.two_way.iter().flat_map(|it| it.name_keys.iter().copied());
    signing.chain(name_keys::states(names)).collect()
}

/// What is answered here, if anything is.
pub(crate) fn own_answers(component: &ComponentStatus) -> Vec<String> {
    let line = (!component.answer.is_empty()).then(|| component.answer.join(", "));
    line.into_iter().collect()
}

/// What is relayed, and how, where that is more than requests of users.
pub(crate) fn relay(component: &ComponentStatus) -> Vec<String> {
    let Some(two_way) = &component.two_way else { return Vec::new() };
    let mut lines = vec![component.relay.join(", ")];
    if two_way.messages_to == MessagesTo::Account.name() {
        lines.push("messages to the account".to_owned());
    }
    if !two_way.faces.is_empty() {
        lines.push(format!("faces {}", two_way.faces.join(", ")));
    }
    if two_way.initiate > 0 {
        lines.push(format!("initiate has {}", entries(two_way.initiate)));
    }
    if !two_way.account_queries.is_empty() {
        lines.push(format!("the target's server answers {}", two_way.account_queries.join(", ")));
    }
    lines
}

/// Who may ask, and what was observed.
pub(crate) fn access(access: &AccessStatus) -> Vec<String> {
    let allow = access.allow_from.map(|count| format!("allow-from has {}", entries(count)));
    let deny = Some(access.deny_from).filter(|count| *count > 0);
    let deny = deny.map(|count| format!("deny-from has {}", entries(count)));
    let observes = access.mode == "observe";
    let mode = observes.then(|| format!("{} would have been refused", access.observed));
    let parts: Vec<_> = allow.into_iter().chain(deny).chain(mode).collect();
    let mut lines = vec![parts.join(", ")];
    if observes && !access.observed_domains.is_empty() {
        let domains = access.observed_domains.iter().map(|d| format!("{} {}", d.domain, d.count));
        let further = Some(access.observed_further).filter(|count| *count > 0);
        let further = further.map(|count| format!("other domains {count}"));
        lines.push(format!("from {}", domains.chain(further).collect::<Vec<_>>().join(", ")));
    }
    lines
}

/// How much each asker may send.
pub(crate) fn limit(limit: &LimitStatus) -> String {
    format!("{} for each asker, {} at once", limit.rate, limit.burst)
}

fn entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        _ => format!("{count} entries"),
    }
}

/// The server, and whether the way to it is encrypted.
pub(crate) fn way(component: &ComponentStatus) -> String {
    config::way(&component.server, component.tls.as_deref())
}

/// The answer is in whole seconds and takes time, so one second is no difference.
pub(crate) fn clock(offset: i64) -> String {
    match offset {
        -1..=1 => "like that of the target's server".to_owned(),
        2.. => format!("the target's server is {offset} s ahead"),
        _ => format!("the target's server is {} s behind", offset.unsigned_abs()),
    }
}

/// Three digits are enough for an average.
pub(crate) fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        _ if rate >= 100.0 => format!("{rate:.0}"),
        _ if rate >= 10.0 => format!("{rate:.1}"),
        _ if rate >= 1.0 => format!("{rate:.2}"),
        _ => format!("{rate:.3}"),
    }
}
