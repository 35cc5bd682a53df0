//! `[http]`: where HTTP is served, and under which names.

use std::net::{IpAddr, SocketAddr};

use super::problem::Problem;
use super::table::Table;
use super::value::Value;

/// Where metrics, health and status are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub listen: SocketAddr,
    /// What else a request may name as its Host.
    pub hosts: Vec<Host>,
}

/// A host that a request may name, without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// In lower case.
    Name(String),
    Address(IpAddr),
}

impl Http {
    pub(super) fn read(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut table = root.optional("http", problems, |v| Table::of(v, "[http]"))?;
        let example = "listen = \"127.0.0.1:9114\"";
        let listen = table.required("listen", example, problems, |value| {
            let address = value.text()?.parse::<SocketAddr>().map_err(|_| {
                let hint = format!("for example: {example}");
                value.error("`listen` is not an IP address with a port", hint)
            })?;
            if address.port() == 0 {
                let hint =
                    format!("add the one that metrics are read from, for example: {example}");
                return Err(value.error("`listen` has no port", hint));
            }
            Ok((address, value.place()))
        });
        let hosts = table.optional("hosts", problems, |value| {
            let hosts = value.items("hosts = [\"metrics.example\"]")?;
            hosts.into_iter().map(Host::read).collect::<Result<Vec<_>, _>>()
        });
        table.finish(problems);
        let (listen, place) = listen?;
        if !listen.ip().is_loopback() {
            problems.push(Problem::warning(
                place,
                "metrics and status can be read from other machines, by anyone",
                "listen on 127.0.0.1, or keep others out with a firewall",
            ));
        }
        Some(Self { listen, hosts: hosts.unwrap_or_default() })
    }
}

impl Host {
    fn read(value: Value<'_>) -> Result<Self, Problem> {
        let text = value.text()?;
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if text.contains('*') {
            let hint = "list each of them: a wildcard would let web pages read the status";
            return Err(value.error("`hosts` takes no wildcards", hint));
        }
        if !is_name(text) {
            let hint = "a name or an address, without scheme and port, for example: \
                        metrics.example";
            return Err(value.error("`hosts` has an entry that is not a host", hint));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

/// A name as browsers and scrapers write it into their Host header. Names of containers may have
/// underscores.
fn is_name(text: &str) -> bool {
    let label = |l: &str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&l.len()) && l.bytes().all(good)
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_header_can_name() {
        for name in ["jat-proxy", "jat_proxy_1", "metrics.example", "METRICS.example", "a.b.c"] {
            assert!(is_name(name), "{name}");
        }
        for other in
            ["", ".", "a..b", "a.", "a b", "http://a", "a:9114", "a/", "[::1]", "ä.example"]
        {
            assert!(!is_name(other), "{other}");
        }
        assert!(!is_name(&"a".repeat(64)));
    }
}
