//! `jat-proxy status`: asks the running daemon for its status.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon::history::Series;
use crate::daemon::status::{ComponentStatus, Count, Rates, Status, StreamStatus, words};
use crate::misleading::{is_misleading, printable_json};

use super::{ConfigFile, Exit, complain, configuration, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
    /// Print the JSON document unchanged
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    let config = match configuration(&arguments.config.path, now) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let Some(listen) = config.http.map(|http| http.listen) else {
        complain(
            "error: the daemon has no HTTP address that status could ask\n  help: add to the \
             configuration and reload (SIGHUP): [http] with listen = \"127.0.0.1:9114\"\n",
        );
        return Exit::Config;
    };
    let shown = if arguments.json {
        ask(reachable(listen)).map(|body| printable_json(body.trim_end()) + "\n")
    } else {
        of_daemon(listen).map(|status| show(&status, now))
    };
    match shown {
        Ok(text) => say(&text),
        Err(error) => {
            let hint = match error {
                NoStatus::Unreachable(_) => {
                    "is it running, with this configuration? systemctl status jat-proxy"
                }
                NoStatus::Mute => "it hangs, or has too many HTTP connections: see its log",
                NoStatus::Busy => "others are reading it slowly: try again in a few seconds",
                NoStatus::Odd(_) | NoStatus::Unreadable(_) => {
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
pub(super) enum NoStatus {
    /// Nothing listens at its address, or the address can't be reached.
    #[error("{0}")]
    Unreachable(io::Error),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Mute,
    /// The daemon has no room for another large answer.
    #[error("it is busy answering others")]
    Busy,
    /// Something listens there, but not what we expect.
    #[error("{0}")]
    Odd(io::Error),
    #[error("can't read it: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl From<io::Error> for NoStatus {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Mute,
            _ => Self::Odd(error),
        }
    }
}

/// The status of the daemon that listens for HTTP at `listen`.
pub(super) fn of_daemon(listen: SocketAddr) -> Result<Status, NoStatus> {
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
fn ask(address: SocketAddr) -> Result<String, NoStatus> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(NoStatus::Unreachable)?;
    exchange(stream, address)
}

fn exchange(mut stream: TcpStream, address: SocketAddr) -> Result<String, NoStatus> {
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /status HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    let until = Until { stream, deadline: Instant::now() + PATIENCE };
    if until.take(MAX_BYTES).read_to_string(&mut answer)? as u64 == MAX_BYTES {
        let error = format!("its answer has more than {} MiB", MAX_BYTES >> 20);
        return Err(NoStatus::Odd(io::Error::other(error)));
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let first = head.lines().next().unwrap_or_default();
    match first.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some("503") => Err(NoStatus::Busy),
        _ => Err(NoStatus::Odd(io::Error::other(format!("it answered {first:?}")))),
    }
}

/// Reads until a deadline, which moves further away as more comes, but not fast enough for a
/// sender that trickles.
struct Until {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Until {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let count = self.stream.read(buffer)?;
        self.deadline += Duration::from_secs(1).mul_f64(count as f64 / LEAST_SPEED);
        Ok(count)
    }
}

/// Reads the document. Addresses of resources and texts of servers come from outside: nothing
/// stays in them that a terminal would act on, or that would mislead the reader.
fn read(body: &str) -> serde_json::Result<Status> {
    let mut document = serde_json::from_str(body)?;
    tame(&mut document);
    serde_json::from_value(document)
}

fn tame(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace(is_misleading, "?"),
        Value::Array(items) => items.iter_mut().for_each(tame),
        Value::Object(map) => map.values_mut().for_each(tame),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `now` is a Unix second.
fn show(status: &Status, now: u64) -> String {
    let mut text = format!("jat-proxy {}, since {}\n", status.version, status.started);
    for component in &status.components {
        show_component(component, now, &mut text);
    }
    text
}

fn show_component(component: &ComponentStatus, now: u64, text: &mut String) {
    let (domain, way) = (&component.own.domain, words::way(component));
    *text += &format!("\n{domain} -> {}, on {way}\n", words::target(component));
    let mut rows = |label, lines: Vec<String>| {
        let labels = std::iter::once(label).chain(std::iter::repeat(""));
        lines.iter().zip(labels).for_each(|(l, label)| *text += &format!("  {label:<14}{l}\n"));
    };
    rows("ready", vec![words::ready(component)]);
    rows("warning", component.warnings.clone());
    // With a presence domain, each line says which stream it is about.
    let several = component.presence.is_some();
    let name = |s: &StreamStatus| if several { format!("{}: ", s.domain) } else { String::new() };
    let each = |line: &dyn Fn(&StreamStatus) -> String| -> Vec<String> {
        component.streams().map(|s| name(s) + &line(s)).collect()
    };
    rows("relay", words::relay(component));
    rows("answers", words::own_answers(component));
    rows("stream", each(&|s| words::stream(s)));
    rows("domain", each(&|s| words::domain(component, s).to_owned()));
    rows("access", component.access.as_ref().map(words::access).unwrap_or_default());
    rows("limit", component.limit.iter().map(words::limit).collect());
    rows("subscription", component.subscription.iter().map(words::subscription).collect());
    rows("resources", words::serving(component));
    rows("faces", component.faces.iter().map(words::face).collect());
    // On one line, so that grep shows all of them.
    rows("keys", vec![words::keys(component, now).join("; ")]);
    rows("clock", component.clock_offset_seconds.map(words::clock).into_iter().collect());
    rows("backlog", each(&|s| format!("{} bytes", s.backlog_bytes)));
    rows("logins", each(&|s| s.logins.to_string()));
    let failures = |s: &StreamStatus| -> Vec<String> {
        s.failures.iter().map(|(cause, n)| format!("{}{cause} {n}", name(s))).collect()
    };
    rows("failures", component.streams().flat_map(failures).collect());
    rows("error replies", words::error_replies(component));
    rows("rates", rates(component));
    let window = component.rates.last().map(Rates::period);
    rows("stanzas", component.counts.iter().map(|c| count(c, window.as_deref())).collect());
}

/// A line for each kind of stanza that came recently.
fn rates(component: &ComponentStatus) -> Vec<String> {
    let line = |series: Series| {
        let of = |r: &Rates| r.series().into_iter().find(|(s, _)| *s == series).map(|(_, n)| n);
        let rates = || component.rates.iter().filter_map(|r| Some((of(r)?, r.period())));
        let shown = rates().map(|(rate, period)| format!("{}/s over {period}", words::rate(rate)));
        let any = rates().any(|(rate, _)| rate > 0.0);
        any.then(|| format!("{:<23}{}", series.name(), shown.collect::<Vec<_>>().join(", ")))
    };
    Series::ALL.into_iter().filter_map(line).collect()
}

/// `window`: how long ago [`Count::recent`] begins. Only shown for what an operator may look into.
fn count(count: &Count, window: Option<&str>) -> String {
    let Count { stanza, way, outcome, reason, count, recent } = count;
    let refused = matches!(outcome.as_str(), "answered" | "dropped");
    let lately = window.filter(|_| refused && *recent > 0);
    let lately = lately.map(|window| format!(", {recent} of them within {window}"));
    format!("{stanza:<9}{way:<9}{outcome:<10}{reason:<22}{count}{}", lately.unwrap_or_default())
}

const PATIENCE: Duration = Duration::from_secs(5);
/// More than the document of a hundred components with the most resources, and the longest.
const MAX_BYTES: u64 = 1 << 30;
/// The least that a daemon sends once it has begun to answer, in bytes a second.
const LEAST_SPEED: f64 = (1 << 20) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_sees_what_is_wrong_and_no_control_characters() {
        let status = read(DOCUMENT).unwrap();
        assert_eq!(show(&status, 1_800_000_000), SHOWN);
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
        "domain":"d","target":"t@s","server":"h:1","dispatch":"random","patterns":[],"relay":["iq","messages"],"answer":["disco","ping"],"token_in":"id",
        "two_way":{"faces":["h"],"initiate":1,"messages_to":"account",
                   "account_queries":["vcard-temp"],"name_keys":[2,1]},
        "not_ready":null,"warnings":["add this"],"presence":null,"stream":{"state":"up","since":"U"},"sharing":"alone",
        "peer":{"address":"10.0.0.1:5347","of":3},
        "subscription":{"state":"failed","since":"F","condition":"c","next_retry":"N"},
        "resources":[{"address":"t@s/\u001b[2J\u202ea","dnd":true,"verified":false,"priority":0,"asked":"now",
                      "answers":{"forwarded":0,"results":0,"errors":0}},
                     {"address":"t@s/b","dnd":false,"verified":true,"priority":0,"asked":"now",
                      "answers":{"forwarded":9,"results":1,"errors":2,"last_answer":"L","last_error":"gone"},
                      "trouble":"is odd"}],
        "faces":[{"node":"h*","target":"t@s","dispatch":"random","patterns":[],"relay":["iq"],"token_in":"id","limit":{"rate":"1/s","burst":2},
                  "not_ready":"sleeps","subscription":{"state":"pending"},"resources":[],
                  "relayed_inward":3,"relayed_outward":2,"refused":1}],
        "keys":{"signing":2,"signing_since":"2027-01-01T00:00:00Z",
                "next":{"id":3,"at":"2027-01-15T09:00:00Z","due":false},
                "superseded":[{"id":1,"at":"2027-01-02T00:00:00Z","due":true}]},
        "clock_offset_seconds":-40,"reply_ttl_seconds":1,"backlog_bytes":0,"logins":1,"failures":{"refused":4},
        "error_replies":{"gone":2},"rates":[{"seconds":60,"requests":123.4,"replies":0.017,"errors":0,"messages":2,"presence":0,"answered":0,"dropped":0},
                 {"seconds":600,"requests":12.34,"replies":1.5,"errors":0,"messages":1,"presence":0,"answered":0.005,"dropped":0}],
        "counts":[{"stanza":"request","way":"inward","outcome":"relayed","reason":"relayed","count":5,"recent":4},
                  {"stanza":"request","way":"inward","outcome":"answered","reason":"offline","count":7,"recent":3},
                  {"stanza":"reply","way":"outward","outcome":"dropped","reason":"no-token","count":2,"recent":0}]}]}"#;
    const SHOWN: &str = "\
jat-proxy 1, since S

d -> t@s (dispatch random, token in the id), on h:1
  ready         yes
  warning       add this
  relay         iq, messages
                messages to the account
                faces h
                initiate has 1 entry
                the target's server answers vcard-temp
  answers       disco, ping
  stream        up since U (10.0.0.1:5347, one of 3 addresses)
  domain        not shared
  subscription  failed (c) since F, next request at N
  resources     t@s/?[2J?a, dnd, not confirmed yet
                t@s/b: 9 requests, 1 result, 2 errors (gone), last answer at L; is odd
  faces         h* -> t@s: not ready: sleeps; 0 resources online, at most 1/s for each asker, 2 at once, 3 relayed to it and 2 from it, 1 refused
  keys          key 1 can be removed, since 2027-01-02T00:00:00Z; \
                 key 2 signs since 2027-01-01T00:00:00Z until 2027-01-15T09:00:00Z; \
                 key 3 signs from 2027-01-15T09:00:00Z (in 1h); \
                 name key 2 makes names; name key 1 only opens them
  clock         the target's server is 40 s behind
  backlog       0 bytes
  logins        1
  failures      refused 4
  error replies gone 2
  rates         requests relayed       123/s over 1m, 12.3/s over 10m
                replies relayed        0.017/s over 1m, 1.50/s over 10m
                messages relayed       2.00/s over 1m, 1.00/s over 10m
                answered with an error 0/s over 1m, 0.005/s over 10m
  stanzas       request  inward   relayed   relayed               5
                request  inward   answered  offline               7, 3 of them within 10m
                reply    outward  dropped   no-token              2
";
}
