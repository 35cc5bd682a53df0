//! The configuration file, and the ready-to-use types that it is turned into.
//!
//! [`load`] reads the file and every file that it names, and reports every fault at once, each
//! with its place and a remedy. The daemon calls it at the start and on each reload; `check`
//! prints what it reports. Later code does not check again whether a text is well formed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jid::DomainPart;

use crate::jat::arrangement::Arrangement;
use crate::jat::face_table::{Face, FaceTable};
use crate::jat::keyring::Keyring;
use crate::jat::name_keys::NameKeys;
use crate::jat::settings::Settings;
use crate::named;
use crate::session::Bounds;

pub use http::{Host, Http};
pub use problem::{Position, Problem, Severity, render};
pub use read::{load, load_for_keys};
pub use secret::Secret;
pub use snapshot::Snapshot;
pub use sources::Files;
pub use tls::{TlsConfig, Trust};

pub(crate) mod addresses;
pub(crate) mod server;
pub mod tls;

mod access;
mod account_queries;
mod common;
mod component;
mod document;
mod faces;
mod http;
mod keys;
mod limit;
mod name_keys;
mod own_answers;
mod patterns;
mod placeholders;
mod presence_domain;
mod problem;
mod read;
mod relay;
mod secret;
mod sections;
mod service;
mod snapshot;
mod sources;
mod table;
mod text;
mod value;
mod words;

/// A configuration that was checked as a whole.
#[derive(Clone, Debug)]
pub struct Config {
    /// At least one; no two have the same domain.
    pub components: Vec<ComponentConfig>,
    /// How long a clean shutdown may take.
    pub shutdown_timeout: Duration,
    /// Where metrics, health and status are served, if anywhere.
    pub http: Option<Http>,
    pub log: Log,
    /// How often the files are checked for changes, if at all.
    pub watch: Option<Duration>,
    /// What it was read from.
    pub files: Files,
    /// All components share it: [`Settings::keyring`] is the same one.
    pub keyring: Arc<Keyring>,
    /// The keys of aliases and signed mirrors; `None` if there are none and no component needs
    /// any.
    pub name_keys: Option<Arc<NameKeys>>,
    /// How long a reply may take, in seconds; [`Settings::reply_ttl`] is the same.
    pub reply_ttl: u64,
    /// The file that holds the `[[key]]` and `[[name-key]]` tables: the key file, or the
    /// configuration itself.
    pub key_file: PathBuf,
}

/// One component: its streams to a server, and what is done on them.
#[derive(Clone, Debug)]
pub struct ComponentConfig {
    /// Those of the domain itself; where it has no target, those of the first face.
    pub settings: Settings,
    /// Whether the domain itself has a target, and each node that no face names.
    pub has_own: bool,
    pub faces: Vec<FaceConfig>,
    /// Where the server listens for components: `host:port`.
    pub server: String,
    /// `None`: the connection is not encrypted.
    pub tls: Option<TlsConfig>,
    /// The secret that the handshake proves knowledge of (XEP-0114 section 3).
    pub secret: Secret,
    /// The same for the presence domain.
    pub presence_secret: Secret,
    /// Limits on its streams.
    pub bounds: Bounds,
}

/// A `[[component.face]]`.
#[derive(Clone, Debug)]
pub struct FaceConfig {
    pub face: Face,
    pub settings: Settings,
}

/// One stream to a server.
#[derive(Clone, Debug)]
pub struct StreamConfig {
    /// `host:port`
    pub server: String,
    pub tls: Option<TlsConfig>,
    /// What it logs in as.
    pub domain: DomainPart,
    pub secret: Secret,
    /// Limits on it.
    pub bounds: Bounds,
}

impl ComponentConfig {
    /// A component that logs in with `secret`, with defaults for the rest.
    pub fn new(settings: Settings, server: String, secret: Secret) -> Self {
        let (presence_secret, bounds) = (secret.clone(), Bounds::default());
        let (has_own, faces) = (true, Vec::new());
        Self { settings, has_own, faces, server, tls: None, secret, presence_secret, bounds }
    }

    /// The face of each service as it is configured, and its settings: first that of the domain
    /// itself, if it has one, whose face is empty.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Settings)> {
        let own = self.has_own.then_some(("", &self.settings));
        own.into_iter().chain(self.faces.iter().map(|it| (it.face.as_str(), &it.settings)))
    }

    /// The settings of the service that a node belongs to, which is in normal form.
    pub fn service_of(&self, node: &str) -> Option<&Settings> {
        let faces = self.faces.iter().map(|it| &it.face).zip(0..);
        match FaceTable::new(faces, None).of(node) {
            Some(number) => Some(&self.faces[number].settings),
            None => self.has_own.then_some(&self.settings),
        }
    }

    /// The arrangement of its services.
    pub fn arrangement(&self) -> Arrangement {
        let own = self.has_own.then(|| self.settings.clone());
        let faces = self.faces.iter().map(|it| (it.face.clone(), it.settings.clone()));
        Arrangement { own, faces: faces.collect() }
    }

    /// The server as shown to people: its address, and how the connection is encrypted.
    pub fn way(&self) -> String {
        way(&self.server, self.tls.as_ref().map(|tls| tls.name.to_str()).as_deref())
    }

    /// The component's own stream.
    pub fn own_stream(&self) -> StreamConfig {
        self.stream(&self.settings.domain, &self.secret)
    }

    /// That of its presence domain, if it has one.
    pub fn presence_stream(&self) -> Option<StreamConfig> {
        let domain = self.settings.presence_domain.as_ref()?;
        Some(self.stream(domain, &self.presence_secret))
    }

    /// Both, in this order.
    pub fn streams(&self) -> impl Iterator<Item = StreamConfig> {
        std::iter::once(self.own_stream()).chain(self.presence_stream())
    }

    fn stream(&self, domain: &DomainPart, secret: &Secret) -> StreamConfig {
        StreamConfig {
            server: self.server.clone(),
            tls: self.tls.clone(),
            domain: domain.clone(),
            secret: secret.clone(),
            bounds: self.bounds,
        }
    }
}

/// A server for people; `tls`: the name that its certificate must be for.
pub fn way(server: &str, tls: Option<&str>) -> String {
    tls.map_or_else(|| server.to_owned(), |name| format!("{server} with TLS ({name})"))
}

impl StreamConfig {
    /// Whether both log in the same way, so that one can take the other's place.
    pub fn same_login(&self, other: &Self) -> bool {
        self.server == other.server
            && self.tls == other.tls
            && self.secret.expose() == other.secret.expose()
            && self.domain == other.domain
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: tracing::Level,
    pub format: LogFormat,
}

named! {
    pub enum LogFormat {
        /// Lines for people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}
