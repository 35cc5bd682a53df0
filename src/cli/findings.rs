//! What was observed of each component, with what to do where it is not as it should be.

use crate::config::{ComponentConfig, Config, FaceConfig};
use crate::daemon::status::{
    ComponentStatus, FaceStatus, KeysStatus, Status, StreamState, StreamStatus, TwoWayStatus, words,
};
use crate::jat::glob::Glob;
use crate::time::unix_now;

/// What was observed of each component of the configuration.
pub(super) fn findings<'c>(
    config: &'c Config,
    status: &'c Status,
) -> impl Iterator<Item = (&'c ComponentConfig, Vec<Finding>)> {
    config.components.iter().map(|component| {
        let domain = component.settings.domain.as_str();
        let seen = status.components.iter().find(|c| c.own.domain == domain);
        let findings = match seen {
            Some(seen) => of_component(component, seen),
            None => {
                vec![Finding::problem("daemon", "the running daemon has no such component", RELOAD)]
            }
        };
        (component, findings)
    })
}

/// Something observed of a component.
pub(super) struct Finding {
    what: &'static str,
    text: String,
    /// What to do about it; `None` if nothing is wrong.
    pub remedy: Option<String>,
}

impl Finding {
    fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, text: text.into(), remedy: None }
    }

    fn problem(what: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn show(&self) -> String {
        let Self { what, text, remedy } = self;
        let verdict = if remedy.is_some() { "problem" } else { "ok" };
        let line = format!("  {verdict:<9}{what:<17}{text}\n");
        match remedy.as_deref() {
            None | Some("") => line,
            Some(remedy) => format!("{line}{:28}help: {remedy}\n", ""),
        }
    }
}

fn of_component(config: &ComponentConfig, seen: &ComponentStatus) -> Vec<Finding> {
    let mut all = vec![];
    let ComponentStatus { own, presence, .. } = seen;
    let settings = &config.settings;
    let theirs =
        (seen.target.as_str(), seen.server.as_str(), presence.as_ref().map(|p| &*p.domain));
    let presence_domain = settings.presence_domain.as_ref().map(|domain| domain.as_str());
    if theirs != (target(config), config.server.as_str(), presence_domain) {
        let text = "it has another target, server or presence domain";
        all.push(Finding::problem("daemon", text, RELOAD));
    }
    let now = unix_now();
    let keys = KeysStatus::of(&settings.keyring, now, settings.reply_ttl);
    if keys.ids() != seen.keys.ids() {
        all.push(Finding::problem("daemon", "it has other keys", RELOAD));
    }
    let relay: Option<Vec<_>> = settings.two_way.as_deref().map(|it| it.relayed().collect());
    let relays_alike = relay.unwrap_or_else(|| vec!["iq"]) == seen.relay;
    if !relays_alike || settings.two_way.as_deref().map(TwoWayStatus::of) != seen.two_way {
        let text = "it has another `relay`, or other name keys or keys that go with it";
        all.push(Finding::problem("daemon", text, RELOAD));
    }
    if !has_faces(config, seen) {
        all.push(Finding::problem("daemon", "it has other faces", RELOAD));
    }
    all.push(handshake("handshake", &seen.server, own));
    all.extend(presence.iter().map(|p| handshake("presence domain", &seen.server, p)));
    for stream in seen.streams().filter(|stream| stream.stream.is_up()) {
        let text = words::domain(seen, stream);
        all.push(Finding::good("domain", format!("{}: {text}", stream.domain)));
    }
    // Each warning says what to do.
    all.extend(seen.warnings.iter().map(|w| Finding::problem("warning", w.as_str(), "")));
    if presence.as_ref().unwrap_or(own).stream.is_up() {
        if !seen.target.is_empty() {
            all.extend(subscription(seen));
        }
        all.extend(seen.faces.iter().map(face));
    }
    all.extend(words::keys(seen, now).into_iter().map(|key| Finding::good("keys", key)));
    if own.stream.is_up() {
        all.push(Finding::good("clock", clock(config, seen)));
    }
    all
}

fn handshake(what: &'static str, server: &str, stream: &StreamStatus) -> Finding {
    let domain = &stream.domain;
    match &stream.stream {
        StreamState::Up { .. } => {
            let peer = words::peer(stream);
            Finding::good(what, format!("{domain} is logged in to {server}{peer}"))
        }
        StreamState::Down { cause, message, remedy, .. } => {
            let remedy = match cause.as_str() {
                "conflict" => CONFLICT,
                _ => remedy.as_deref().unwrap_or_default(),
            };
            // What the server said may name it already.
            let named = message.contains(&format!(": {cause}"));
            let cause = if named { String::new() } else { format!(" ({cause})") };
            Finding::problem(what, format!("{domain}: {message}{cause}"), remedy)
        }
        StreamState::Starting => Finding::problem(what, format!("{domain}: no answer yet"), ""),
        StreamState::Closed => Finding::problem(what, format!("{domain}: closed"), ""),
    }
}

/// The target of the domain itself; empty where only its faces have one.
pub(super) fn target(config: &ComponentConfig) -> &str {
    if config.has_own { config.settings.target.as_str() } else { "" }
}

/// Whether the daemon has the same faces, with the same targets and settings.
fn has_faces(config: &ComponentConfig, seen: &ComponentStatus) -> bool {
    config.faces.len() == seen.faces.len()
        && config.faces.iter().zip(&seen.faces).all(|(FaceConfig { face, settings, .. }, seen)| {
            let patterns = settings.resources.iter().map(Glob::as_str);
            let two_way = settings.two_way.as_deref();
            let relay = two_way.map_or(vec!["iq"], |it| it.relayed().collect());
            face.as_str() == seen.node
                && settings.target.as_str() == seen.target
                && settings.dispatch.name() == seen.dispatch
                && patterns.eq(seen.patterns.iter().map(String::as_str))
                && relay == seen.relay
                && two_way.map(TwoWayStatus::of) == seen.two_way
        })
}

/// Whether there is anybody to forward to at a face.
fn face(seen: &FaceStatus) -> Finding {
    let name = format!("{} -> {}", words::face_name(seen), seen.target);
    match &seen.not_ready {
        None => Finding::good("face", format!("{name}: {}", words::resources_of_face(seen))),
        // The reason says what to do.
        Some(why) => Finding::problem("face", format!("{name}: {why}"), ""),
    }
}

/// Whether there is anybody to forward to.
fn subscription(seen: &ComponentStatus) -> Vec<Finding> {
    let Some(subscription) = &seen.subscription else {
        return vec![Finding::good("subscription", "none needed: the target is one resource")];
    };
    let (what, text) = ("subscription", words::subscription(subscription));
    let remedy = || subscription.remedy.clone().unwrap_or_default();
    if subscription.state != "subscribed" {
        return vec![Finding::problem(what, text, remedy())];
    }
    let count = seen.resources.len();
    let more = count.saturating_sub(SHOWN_RESOURCES);
    let shown = words::resources(seen)[..count.max(1) - more].join("; ");
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let resources = match seen.resources.iter().any(|r| r.asked != "never") {
        true => Finding::good("resources", shown + &more),
        false => Finding::problem("resources", shown + &more, remedy()),
    };
    vec![Finding::good(what, text), resources]
}

fn clock(config: &ComponentConfig, seen: &ComponentStatus) -> String {
    match seen.clock_offset_seconds {
        Some(offset) => words::clock(offset),
        None => {
            let server = config.settings.target.bare().domain();
            format!("not compared: {server} does not report its time (XEP-0202)")
        }
    }
}

const RELOAD: &str = "reload it, and look for errors in its log";
const CONFLICT: &str = "is that the running daemon? With [http] in its configuration, `check \
                        --connect` asks it instead; otherwise stop the process that is connected";
/// More than these are only counted.
const SHOWN_RESOURCES: usize = 5;
