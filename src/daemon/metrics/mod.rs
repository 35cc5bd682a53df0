//! Metrics of the components, for Prometheus and compatible systems.
//!
//! Labels come from the configuration and from enums, never from stanzas, so nobody outside can
//! create a new series.

mod families;
mod reading;

use crate::link::component::lock;

use super::components::Components;
use super::logging;
use families::Families;
use reading::Reading;

/// The two forms of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4: for clients that do not ask for the other, such as
    /// browsers, which show it.
    Classic,
}

impl Format {
    /// What a scraper wants that sends these `Accept` headers.
    pub fn accepted<'h>(mut headers: impl Iterator<Item = &'h str>) -> Self {
        match headers.any(|header| header.contains("application/openmetrics-text")) {
            true => Self::OpenMetrics,
            false => Self::Classic,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// All numbers as they are now.
pub fn render(components: &Components, format: Format) -> String {
    let all: Vec<Reading> = components.all().iter().map(|c| Reading::of(&lock(c))).collect();
    let mut out = Families::new(format);
    out.counters(
        "jat_proxy_stanzas",
        "Stanzas received, by kind, way, outcome and reason.",
        all.iter().flat_map(Reading::stanzas),
    );
    out.counters(
        "jat_proxy_error_replies",
        "Errors that users got in reply to relayed requests, by condition.",
        all.iter().flat_map(Reading::errors),
    );
    out.gauges(
        "jat_proxy_ready",
        "Whether the component is logged in and has a resource to forward to that is not known to \
         fail: 1 or 0.",
        all.iter().map(|r| ([r.label()], u64::from(r.ready))),
    );
    out.gauges(
        "jat_proxy_troubled_resources",
        "Resources of the target that fail, by what they answer.",
        all.iter().flat_map(Reading::troubled),
    );
    out.gauges(
        "jat_proxy_stream_up",
        "Whether the stream is logged in: 1 or 0.",
        all.iter().flat_map(|r| r.streams(|s| s.up.into())),
    );
    out.gauges(
        "jat_proxy_stream_standstill_seconds",
        "How long the server has processed nothing; 0 while it processes stanzas, or while that is \
         not known.",
        all.iter().flat_map(|r| r.streams(|s| s.standstill)),
    );
    out.counters(
        "jat_proxy_stream_standstills",
        "How often a server processed nothing for longer than 10 s.",
        all.iter().flat_map(|r| r.streams(|s| s.standstills)),
    );
    out.counters(
        "jat_proxy_logins",
        "Successful logins.",
        all.iter().flat_map(|r| r.streams(|s| s.logins)),
    );
    out.counters(
        "jat_proxy_stream_failures",
        "Lost streams and failed logins, by cause.",
        all.iter().flat_map(Reading::failures),
    );
    out.counters(
        "jat_proxy_unsent_bytes",
        "Output that was lost with a stream because the server had not read it.",
        all.iter().flat_map(|r| r.streams(|s| s.unsent)),
    );
    out.gauges(
        "jat_proxy_subscription_state",
        "Subscriptions to the presence of targets, by state.",
        all.iter().flat_map(Reading::subscription),
    );
    out.gauges(
        "jat_proxy_resources",
        "Online resources of all targets that may get requests.",
        all.iter().filter_map(|r| Some(([r.label()], r.resources?))),
    );
    out.gauges(
        "jat_proxy_resources_fingerprint",
        "A number that is the same on replicas that know the same online resources.",
        all.iter().filter_map(|r| Some(([r.label()], r.fingerprint?))),
    );
    out.counters(
        "jat_proxy_vanished_resources",
        "Resources that had been online for a long time and disappeared without notice.",
        all.iter().map(|r| ([r.label()], r.vanished)),
    );
    out.counters(
        "jat_proxy_face_relayed",
        "Stanzas relayed, by face, of components with several faces.",
        all.iter().flat_map(Reading::face_relayed),
    );
    out.counters(
        "jat_proxy_face_refused",
        "Stanzas answered or dropped, by face.",
        all.iter().flat_map(Reading::face_refused),
    );
    out.gauges(
        "jat_proxy_face_resources",
        "Online resources of the target that may get requests, by face.",
        all.iter().flat_map(Reading::face_resources),
    );
    out.counters(
        "jat_proxy_unlisted_replies",
        "Valid replies from resources that are not known to be online.",
        all.iter().map(|r| ([r.label()], r.unlisted_replies)),
    );
    out.counters(
        "jat_proxy_observed_refusals",
        "Stanzas that allow-from and deny-from would have refused, but that passed because \
         `access` is observe.",
        all.iter().map(|r| ([r.label()], r.observed)),
    );
    out.gauges(
        "jat_proxy_domain_shared",
        "Whether another process has a stream for the same domain: 1, or 0 if not or not known.",
        all.iter().flat_map(|r| r.streams(|s| s.shared.into())),
    );
    out.gauges(
        "jat_proxy_domain_shared_elsewhere",
        "Whether a process without a presence domain, on another node of the server's cluster, \
         uses the same domain: 1, or 0 if not or not known.",
        all.iter().map(|r| ([r.label()], u64::from(r.elsewhere))),
    );
    out.gauges(
        "jat_proxy_stream_addresses",
        "Addresses that the server's name had at the login, of the same family as the one in use.",
        all.iter().flat_map(Reading::peers),
    );
    out.gauges(
        "jat_proxy_backlog_bytes",
        "Output that waits for the server to read it.",
        all.iter().flat_map(|r| r.streams(|s| s.backlog)),
    );
    out.gauges(
        "jat_proxy_signing_key",
        "The keys of the ring: 1 for the one that signs, 0 for others.",
        all.iter().flat_map(Reading::keys),
    );
    out.gauges(
        "jat_proxy_key_age_seconds",
        "Age of the signing key, if it has a not-before.",
        all.iter().filter_map(|r| Some(([r.label()], r.key_age?))),
    );
    out.gauges(
        "jat_proxy_key_next_seconds",
        "Time until the next key of the ring signs.",
        all.iter().filter_map(|r| Some(([r.label()], r.next_key?))),
    );
    out.gauges(
        "jat_proxy_clock_offset_seconds",
        "How far the clock of the target's server is ahead of this machine's.",
        all.iter().filter_map(|r| Some(([r.label()], r.clock_offset?))),
    );
    out.counters(
        "jat_proxy_log_lines_dropped",
        "Log lines dropped because they could not be written.",
        [([], logging::dropped_lines())],
    );
    let version = ("version", env!("CARGO_PKG_VERSION").into());
    out.info("jat_proxy_build", "The running version.", [version]);
    out.gauges(
        "process_start_time_seconds",
        "When the process started, in Unix time.",
        [([], components.started())],
    );
    out.finish()
}
