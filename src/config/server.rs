//! Servers: `[server]`, and `server` in a component, each with its keys for TLS.

use std::net::SocketAddrV6;

use tokio_rustls::rustls::pki_types::ServerName;

use super::placeholders;
use super::problem::Problem;
use super::sources::Sources;
use super::table::Table;
use super::tls::{self, TlsConfig, Trust, TrustError};
use super::value::Value;

/// A server, and the way to it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// `host:port`
    pub address: String,
    pub tls: Option<TlsConfig>,
    /// Whether it is to be encrypted. If [`Self::tls`] is missing then, a problem says why.
    encrypted: bool,
    /// The CAs that a component with a server of its own trusts.
    trust: Option<Trust>,
}

impl Server {
    /// That of the components that name none; its files are those of `outside`.
    pub(super) fn common(
        root: &mut Table<'_>,
        sources: &Sources<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let plain = |address| Self { address, tls: None, encrypted: false, trust: None };
        let default = plain(DEFAULT.to_owned());
        let table = root.optional("server", problems, |v| Table::of(v, "[server]"));
        let Some(mut table) = table else { return default };
        let example = format!("address = \"{DEFAULT}\"");
        let at = table.required("address", &example, problems, address);
        let keys = TlsKeys::read(&mut table, problems);
        table.finish(problems);
        let server = plain(at.unwrap_or(default.address));
        keys.apply(server, None, sources, problems)
    }

    /// A component's own, or `common`.
    ///
    /// TLS and the trusted CAs are inherited from `common` unless the component sets them: nobody
    /// loses TLS by naming a second server. The name to verify is not inherited, since it belongs
    /// to the address.
    pub(super) fn of_component(
        table: &mut Table<'_>,
        sources: &Sources<'_>,
        common: &Self,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let own = table.optional("server", problems, |value| Ok((address(value), value)));
        let keys = TlsKeys::read(table, problems);
        let Some((address, value)) = own else {
            let hint = "set it in [server], or add a `server` beside it";
            for value in keys.values() {
                let message =
                    format!("`{}` belongs to a `server`, and there is none here", value.key());
                problems.push(value.error(message, hint));
            }
            return Some(common.clone());
        };
        let address = address.map_err(|problem| problems.push(problem)).ok()?;
        let server = Self { address, tls: None, ..common.clone() };
        Some(keys.apply(server, Some(value), sources, problems))
    }
}

/// The keys about TLS of one table.
struct TlsKeys<'a> {
    tls: Option<(bool, Value<'a>)>,
    ca_file: Option<(&'a str, Value<'a>)>,
    server_name: Option<(ServerName<'static>, Value<'a>)>,
    /// Whether something is wrong with them, and reported.
    broken: bool,
}

impl<'a> TlsKeys<'a> {
    fn read(table: &mut Table<'a>, problems: &mut Vec<Problem>) -> Self {
        let before = problems.len();
        let tls = table.optional("tls", problems, |v| Ok((v.boolean()?, v)));
        let ca_file = table.optional("ca-file", problems, |v| Ok((v.text()?, v)));
        let server_name = table.optional("server-name", problems, |value| {
            let name = tls::name(value.text()?);
            let hint = "a domain or an IP address, for example: server-name = \"xmpp.example\"";
            let error =
                || value.error("`server-name` is not a name that a certificate can have", hint);
            Ok((name.ok_or_else(error)?, value))
        });
        Self { tls, ca_file, server_name, broken: problems.len() > before }
    }

    fn values(&self) -> impl Iterator<Item = Value<'a>> {
        let (tls, ca_file) = (self.tls.as_ref(), self.ca_file.as_ref());
        let name = self.server_name.as_ref();
        [tls.map(|(_, v)| *v), ca_file.map(|(_, v)| *v), name.map(|(_, v)| *v)]
            .into_iter()
            .flatten()
    }

    /// The `server` that they speak of, which has what it inherits; `at` is where it stands, if
    /// not in the same place as `tls`.
    fn apply(
        self,
        mut server: Server,
        at: Option<Value<'a>>,
        sources: &Sources<'_>,
        problems: &mut Vec<Problem>,
    ) -> Server {
        let place = self.tls.as_ref().map(|(_, value)| *value).or(at);
        let was_encrypted = server.encrypted;
        server.encrypted = self.tls.as_ref().map_or(server.encrypted, |(tls, _)| *tls);
        if self.broken {
            server.trust = None;
            return server;
        }
        let Some(place) = place.filter(|_| server.encrypted) else {
            for value in self.values().filter(|value| value.key() != "tls") {
                let message = format!("`{}` has no effect without TLS", value.key());
                problems.push(value.error(message, "add: tls = true, or remove it"));
            }
            return server;
        };
        let name = match self.server_name {
            Some((name, _)) => Some(name),
            None => tls::name_of(&server.address).or_else(|| {
                let message = "the server's host is not a name that a certificate can have";
                let hint = "add the name that is in it, for example: server-name = \
                            \"xmpp.example\"";
                problems.push(place.error(message, hint));
                None
            }),
        };
        let inherited = server.trust.take();
        if was_encrypted && inherited.is_none() && self.ca_file.is_none() {
            // A fault in [server] was reported there.
            return server;
        }
        server.trust = match self.ca_file {
            Some((file, value)) => ca_file(sources, file, value, problems),
            None => inherited.or_else(|| of_system(place, sources, problems)),
        };
        server.tls =
            name.zip(server.trust.clone()).map(|(name, trust)| TlsConfig::new(name, trust));
        server
    }
}

/// `host:port`, of the shape that a connection takes.
fn address(value: Value<'_>) -> Result<String, Problem> {
    let written = value.text()?;
    let expanded = placeholders::expand(written);
    let expanded = expanded.map_err(|error| value.error(error.to_string(), error.hint()))?;
    if is_address(&expanded) {
        return Ok(expanded);
    }
    Err(value.error("a server is written as host:port", HINT))
}

/// Whether it is `host:port`, of the shape that a connection takes.
pub(crate) fn is_address(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let bracketed = text.parse::<SocketAddrV6>().is_ok();
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"/@\"'".contains(c);
    let good_host =
        !host.is_empty() && host.chars().all(plain) && (bracketed || !host.contains([':', '[']));
    good_host && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn ca_file(
    sources: &Sources<'_>,
    file: &str,
    value: Value<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Trust> {
    let path = sources.path(file);
    let trust = sources.named("CA file", &path, value).and_then(|found| {
        Trust::from_pem(&found.bytes).map_err(|error| {
            let message = format!("can't use the CA file {}: {error}", path.display());
            let hint = "it holds the certificates of CAs: -----BEGIN CERTIFICATE----- and so on";
            value.error(message, hint)
        })
    });
    trust.map_err(|problem| problems.push(problem)).ok()
}

fn of_system(
    place: Value<'_>,
    sources: &Sources<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Trust> {
    let hint = "install them (ca-certificates), or name the CA of the server: ca-file = \"ca.pem\"";
    let problem = |error: TrustError| match error.system() {
        Some(system) => Problem::unreadable(place.place(), error.to_string(), hint, system),
        None => place.error(error.to_string(), hint),
    };
    Trust::of_system(sources).map_err(|error| problems.push(problem(error))).ok()
}

/// The port of a server on this machine.
pub(crate) const DEFAULT: &str = "127.0.0.1:5347";
/// Addresses of each kind.
pub(crate) const HINT: &str = "for example: \"127.0.0.1:5347\", \"xmpp.example:5347\" or \
                               \"[::1]:5347\"";
