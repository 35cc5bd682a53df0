//! Lines on standard error, for people or for machines.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::{Log, LogFormat};

/// Changes the level while the daemon runs.
pub struct Handle(reload::Handle<Targets, Registry>);

/// Starts to log for the whole process. Records of the `log` crate, and with them whatever
/// tokio-xmpp says of a handshake, go nowhere.
pub fn start(log: Log) -> Handle {
    let (filter, handle) = reload::Layer::new(filter(log));
    let subscriber = Registry::default().with(filter).with(lines(log.format));
    // A second start in one process, as in tests, keeps the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Handle(handle)
}

impl Handle {
    /// Takes the level of `log`; its format is for the next start.
    pub fn set(&self, log: Log) {
        // Fails only after the subscriber is gone, and then nobody listens.
        let _ = self.0.reload(filter(log));
    }
}

fn filter(log: Log) -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("jat_proxy", LevelFilter::from_level(log.level))
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Text => layer.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}
