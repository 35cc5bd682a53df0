//! `jat-proxy status`: asks the running daemon what it sees.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::daemon::status::{
    ComponentStatus, Count, KeyTime, KeysStatus, ResourceStatus, Status, StreamState, StreamStatus,
    SubscriptionStatus,
};

use super::{ConfigFile, Exit, complain, configuration, say};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Print the JSON document as it is
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, now: u64) -> Exit {
    let config = match configuration(&arguments.config.path, now) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let Some(listen) = config.http else {
        complain(
            "error: the daemon has no HTTP address that status could ask\n  help: add to the \
             configuration and reload (SIGHUP): [http] with listen = \"127.0.0.1:9114\"\n",
        );
        return Exit::Config;
    };
    let shown = if arguments.json {
        ask(reachable(listen)).map(|body| format!("{}\n", body.trim_end())).map_err(Into::into)
    } else {
        of_daemon(listen).map(|status| show(&status))
    };
    match shown {
        Ok(text) => {
            say(&text);
            Exit::Success
        }
        Err(error) => {
            let hint = match error {
                NoStatus::Unreachable(_) => {
                    "is it running, with this configuration? systemctl status jat-proxy"
                }
                NoStatus::Unreadable(_) => {
                    "is it a jat-proxy of this version? --json shows what it says"
                }
            };
            complain(&format!("error: no status from {listen}: {error}\n  help: {hint}\n"));
            Exit::Unavailable
        }
    }
}

/// Why the daemon's status is not known.
#[derive(Debug, thiserror::Error)]
pub enum NoStatus {
    #[error("{0}")]
    Unreachable(#[from] io::Error),
    #[error("can't read it: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// What the daemon says that listens for HTTP at `listen`.
pub fn of_daemon(listen: SocketAddr) -> Result<Status, NoStatus> {
    Ok(read(&ask(reachable(listen))?)?)
}

/// An address to connect to where the daemon listens on all.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen {
        SocketAddr::V4(a) if a.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, a.port()).into(),
        SocketAddr::V6(a) if a.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, a.port()).into(),
        other => other,
    }
}

/// The body of `GET /status`. HTTP/1.0, so that the answer ends with the connection.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /status HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MAX_BYTES).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let first = head.lines().next().unwrap_or_default();
    if first.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(format!("it answered {first:?}")));
    }
    Ok(body.to_owned())
}

/// Reads the document. Addresses of resources and texts of servers come from outside: nothing
/// stays in them that a terminal obeys.
fn read(body: &str) -> serde_json::Result<Status> {
    let mut document = serde_json::from_str(body)?;
    tame(&mut document);
    serde_json::from_value(document)
}

fn tame(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace(char::is_control, "?"),
        Value::Array(items) => items.iter_mut().for_each(tame),
        Value::Object(map) => map.values_mut().for_each(tame),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn show(status: &Status) -> String {
    let mut text = format!("jat-proxy {}, since {}\n", status.version, status.started);
    for component in &status.components {
        show_component(component, &mut text);
    }
    text
}

fn show_component(component: &ComponentStatus, text: &mut String) {
    let ComponentStatus { own, target, server, tls, dispatch, token_in, .. } = component;
    let domain = &own.domain;
    let spread = match component.subscription {
        Some(_) => format!("dispatch {dispatch}"),
        None => "this resource only".to_owned(),
    };
    let tls = tls.as_ref().map(|name| format!(" with TLS ({name})")).unwrap_or_default();
    *text +=
        &format!("\n{domain} -> {target} ({spread}, token in the {token_in}), on {server}{tls}\n");
    let mut rows = |label, lines: Vec<String>| {
        let labels = std::iter::once(label).chain(std::iter::repeat(""));
        lines.iter().zip(labels).for_each(|(l, label)| *text += &format!("  {label:<14}{l}\n"));
    };
    rows(
        "ready",
        vec![component.missing.as_ref().map_or("yes".to_owned(), |m| format!("no: {m}"))],
    );
    rows("warning", component.warnings.clone());
    let all = || std::iter::once(own).chain(&component.presence);
    // With a presence domain, each line says which stream it is about.
    let several = component.presence.is_some();
    let name = |s: &StreamStatus| if several { format!("{}: ", s.domain) } else { String::new() };
    let each = |line: fn(&StreamStatus) -> String| -> Vec<String> {
        all().map(|s| name(s) + &line(s)).collect()
    };
    rows("stream", each(|s| stream(&s.stream)));
    let domain = |s: &StreamStatus| match (s.sharing.as_str(), several && s.domain == own.domain) {
        ("shared", true) => format!("{}: shared with other replicas", s.domain),
        (shared, _) => name(s) + sharing(shared),
    };
    rows("domain", all().map(domain).collect());
    rows("subscription", component.subscription.iter().map(subscription).collect());
    rows("resources", resources(component));
    // On one line, so that grep shows all of them.
    rows("keys", vec![keys(&component.keys).join("; ")]);
    rows("clock", component.clock_offset_seconds.map(clock).into_iter().collect());
    rows("backlog", each(|s| format!("{} bytes", s.backlog_bytes)));
    rows("logins", each(|s| s.logins.to_string()));
    let failures = |s: &StreamStatus| -> Vec<String> {
        s.failures.iter().map(|(cause, n)| format!("{}{cause} {n}", name(s))).collect()
    };
    rows("failures", all().flat_map(failures).collect());
    rows("stanzas", component.counts.iter().map(count).collect());
}

fn stream(stream: &StreamState) -> String {
    match stream {
        StreamState::Starting => "connecting".to_owned(),
        StreamState::Up { since } => format!("up since {since}"),
        StreamState::Down { since, cause, .. } => format!("down since {since}: {cause}"),
        StreamState::Closed => "closed".to_owned(),
    }
}

pub fn sharing(sharing: &str) -> &str {
    match sharing {
        "alone" => "ours alone",
        "shared" => "shared: another process is connected for it too",
        _ => "not known yet whether another process is connected for it too",
    }
}

pub fn subscription(subscription: &SubscriptionStatus) -> String {
    let mut text = subscription.state.clone();
    if let Some(condition) = &subscription.condition {
        text += &format!(" ({condition})");
    }
    if let Some(since) = &subscription.since {
        text += &format!(" since {since}");
    }
    if let Some(next) = &subscription.next_retry {
        text += &format!(", requested again at {next}");
    }
    text
}

pub fn resources(component: &ComponentStatus) -> Vec<String> {
    let dnd = |r: &ResourceStatus| if r.dnd { ", dnd" } else { "" };
    let doubt = |r: &ResourceStatus| if r.verified { "" } else { ", not confirmed yet" };
    let line = |r: &ResourceStatus| format!("{}{}{}", r.address, dnd(r), doubt(r));
    match &component.subscription {
        Some(_) if component.resources.is_empty() => vec!["none online".to_owned()],
        _ => component.resources.iter().map(line).collect(),
    }
}

pub fn keys(keys: &KeysStatus) -> Vec<String> {
    let goes = |key: &KeyTime| {
        let word = if key.due { "since" } else { "from" };
        format!("key {} can go, {word} {}", key.id, key.at)
    };
    let mut lines: Vec<String> = keys.superseded.iter().map(goes).collect();
    lines.push(format!("key {} signs", keys.signing));
    lines.extend(keys.next.iter().map(|key| format!("key {} signs from {}", key.id, key.at)));
    lines
}

/// The answer is in whole seconds and takes its time, so that one second is none.
pub fn clock(offset: i64) -> String {
    match offset {
        -1..=1 => "like that of the target's server".to_owned(),
        2.. => format!("the target's server is {offset} s ahead"),
        _ => format!("the target's server is {} s behind", offset.unsigned_abs()),
    }
}

fn count(count: &Count) -> String {
    let Count { direction, outcome, reason, count } = count;
    format!("{direction:<10}{outcome:<10}{reason:<22}{count}")
}

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_sees_what_is_wrong_and_no_control_characters() {
        let status = read(DOCUMENT).unwrap();
        assert_eq!(show(&status), SHOWN);
        assert!(read("[]").is_err());
    }

    #[test]
    fn a_daemon_on_all_addresses_is_asked_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(at("[::]:1"), "[::1]:1");
        assert_eq!(at("10.0.0.1:1"), "10.0.0.1:1");
    }

    const DOCUMENT: &str = r#"{"version":"1","started":"S","components":[{
        "domain":"d","target":"t@s","server":"h:1","dispatch":"random","token_in":"resource",
        "missing":null,"warnings":["add this"],"presence":null,"stream":{"state":"up","since":"U"},"sharing":"alone",
        "subscription":{"state":"failed","since":"F","condition":"c","next_retry":"N"},
        "resources":[{"address":"t@s/\u001b[2Ja","dnd":true,"verified":false},
                     {"address":"t@s/b","dnd":false,"verified":true}],
        "keys":{"signing":2,"next":{"id":3,"at":"K","due":false},
                "superseded":[{"id":1,"at":"G","due":true}]},
        "clock_offset_seconds":-40,"reply_ttl_seconds":1,"backlog_bytes":0,"logins":1,"failures":{"refused":4},
        "counts":[{"direction":"forward","outcome":"relayed","reason":"relayed","count":5}]}]}"#;
    const SHOWN: &str = "\
jat-proxy 1, since S

d -> t@s (dispatch random, token in the resource), on h:1
  ready         yes
  warning       add this
  stream        up since U
  domain        ours alone
  subscription  failed (c) since F, requested again at N
  resources     t@s/?[2Ja, dnd, not confirmed yet
                t@s/b
  keys          key 1 can go, since G; key 2 signs; key 3 signs from K
  clock         the target's server is 40 s behind
  backlog       0 bytes
  logins        1
  failures      refused 4
  stanzas       forward   relayed   relayed               5
";
}
