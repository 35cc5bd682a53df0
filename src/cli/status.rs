//! `jat-proxy status`: asks the running daemon what it sees.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

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
             configuration and restart: [http] with listen = \"127.0.0.1:9114\"\n",
        );
        return Exit::Config;
    };
    let body = match ask(reachable(listen)) {
        Ok(body) => body,
        Err(error) => {
            let hint = "is it running, with this configuration? systemctl status jat-proxy";
            complain(&format!("error: no status from {listen}: {error}\n  help: {hint}\n"));
            return Exit::Unavailable;
        }
    };
    if arguments.json {
        say(&format!("{}\n", body.trim_end()));
        return Exit::Success;
    }
    match serde_json::from_str::<Value>(&body) {
        Ok(document) => {
            let mut text = String::new();
            lines(&document, 0, &mut text);
            say(&text);
            Exit::Success
        }
        Err(error) => {
            complain(&format!("error: {listen} did not answer with JSON: {error}\n"));
            Exit::Software
        }
    }
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

/// One line for each value, deeper ones indented, whatever the daemon's version knows.
fn lines(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().map(|item| ("-".to_owned(), item)).collect(),
        scalar => vec![(String::new(), scalar)],
    };
    let width = entries.iter().filter(|(_, v)| is_scalar(v)).map(|(k, _)| k.len()).max();
    let width = width.unwrap_or(0);
    for (key, value) in entries {
        // Writing to a String never fails.
        if is_scalar(value) {
            let _ = writeln!(text, "{indent}{key:width$}  {}", scalar(value));
        } else {
            let _ = writeln!(text, "{indent}{key}");
            lines(value, depth + 1, text);
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        // Addresses of resources come from outside: nothing that a terminal obeys.
        Value::String(text) => text.replace(char::is_control, "?"),
        Value::Object(_) | Value::Array(_) => "none".to_owned(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_document_becomes_lines() {
        let document: Value = serde_json::from_str(
            r#"{"version":"1","components":[{"domain":"d","resources":[],"since":null}],"ok":true}"#,
        )
        .unwrap();
        let mut text = String::new();
        lines(&document, 0, &mut text);
        assert_eq!(
            text,
            "components\n  -\n    domain     d\n    resources  none\n    since      -\n\
             ok       true\nversion  1\n"
        );
    }

    #[test]
    fn a_daemon_on_all_addresses_is_asked_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(at("[::]:1"), "[::1]:1");
        assert_eq!(at("10.0.0.1:1"), "10.0.0.1:1");
    }
}
