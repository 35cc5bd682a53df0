//! The numbers of the components, for Prometheus and its kin.
//!
//! Labels come from the configuration and from enums, never from the wire: nobody outside can
//! make a new series.

mod classic;
mod families;
mod reading;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

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
    /// The text format of Prometheus, 0.0.4: for who does not ask for the other, browsers too,
    /// which show it.
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
    let readings = components.all().iter().map(|c| Reading::of(&lock(c))).collect();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Readings {
        started: components.started(),
        components: readings,
    }));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes any text");
    match format {
        Format::OpenMetrics => text,
        Format::Classic => classic::of(&text),
    }
}

#[derive(Debug)]
struct Readings {
    started: u64,
    components: Vec<Reading>,
}

impl Collector for Readings {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = &self.components;
        let mut out = Families(encoder);
        out.counters(
            "jat_proxy_stanzas",
            "Stanzas that arrived, by what became of each.",
            all.iter().flat_map(Reading::stanzas),
        )?;
        out.counters(
            "jat_proxy_error_replies",
            "Errors that users got as replies to requests that were relayed, by their condition.",
            all.iter().flat_map(Reading::errors),
        )?;
        out.gauges(
            "jat_proxy_ready",
            "Is the component logged in, with somebody to forward to who is not known to fail? 1 or 0.",
            None,
            all.iter().map(|r| ([r.label()], r.ready.into())),
        )?;
        out.gauges(
            "jat_proxy_troubled_resources",
            "Resources of the target that something is wrong with, by what they answer.",
            None,
            all.iter().flat_map(Reading::troubled),
        )?;
        out.gauges(
            "jat_proxy_stream_up",
            "Is the stream logged in? 1 or 0.",
            None,
            all.iter().flat_map(|r| r.streams(|s| s.up.into())),
        )?;
        out.gauges(
            "jat_proxy_stream_standstill",
            "For how long the server has processed nothing that it was sent; 0 while it does, or \
             while that is not known.",
            Some(&Unit::Seconds),
            all.iter().flat_map(|r| r.streams(|s| s.standstill)),
        )?;
        out.counters(
            "jat_proxy_stream_standstills",
            "How often a server began to stand still for longer than 10 s.",
            all.iter().flat_map(|r| r.streams(|s| s.standstills)),
        )?;
        out.counters(
            "jat_proxy_logins",
            "Logins that came about.",
            all.iter().flat_map(|r| r.streams(|s| s.logins)),
        )?;
        out.counters(
            "jat_proxy_stream_failures",
            "Lost streams and failed logins, by cause.",
            all.iter().flat_map(Reading::failures),
        )?;
        out.counters(
            "jat_proxy_unsent_bytes",
            "Output that was lost with a stream whose server had not taken it.",
            all.iter().flat_map(|r| r.streams(|s| s.unsent)),
        )?;
        out.gauges(
            "jat_proxy_subscription_state",
            "The subscription to the target's presence: 1 for the state that it is in, 0 for others.",
            None,
            all.iter().flat_map(Reading::subscription),
        )?;
        out.gauges(
            "jat_proxy_resources",
            "Online resources of the target that may be asked.",
            None,
            all.iter().filter_map(|r| Some(([r.label()], r.resources?))),
        )?;
        out.counters(
            "jat_proxy_unlisted_replies",
            "Good replies from resources that are not known to be online.",
            all.iter().map(|r| ([r.label()], r.unlisted_replies)),
        )?;
        out.counters(
            "jat_proxy_observed_refusals",
            "Stanzas that were let pass by `access = \"observe\"` though the lists refuse their sender.",
            all.iter().map(|r| ([r.label()], r.observed)),
        )?;
        out.gauges(
            "jat_proxy_domain_shared",
            "Does another process have a stream for its domain too? 1, or 0 when not or not known.",
            None,
            all.iter().flat_map(|r| r.streams(|s| s.shared.into())),
        )?;
        out.gauges(
            "jat_proxy_backlog",
            "What waits for the server to read it.",
            Some(&Unit::Bytes),
            all.iter().flat_map(|r| r.streams(|s| s.backlog)),
        )?;
        out.gauges(
            "jat_proxy_signing_key",
            "The keys of the ring: 1 for the one that signs, 0 for others.",
            None,
            all.iter().flat_map(Reading::keys),
        )?;
        out.gauges(
            "jat_proxy_key_age",
            "Age of the signing key, if it has a not-before.",
            Some(&Unit::Seconds),
            all.iter().filter_map(|r| Some(([r.label()], r.key_age?))),
        )?;
        out.gauges(
            "jat_proxy_key_next",
            "Time until the next key of the ring signs.",
            Some(&Unit::Seconds),
            all.iter().filter_map(|r| Some(([r.label()], r.next_key?))),
        )?;
        let help = "How far the clock of the target's server is ahead of this machine's.";
        let (name, unit) = ("jat_proxy_clock_offset", Some(&Unit::Seconds));
        let mut offsets = out.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (reading, offset) in all.iter().filter_map(|r| Some((r, r.clock_offset?))) {
            offsets.encode_family(&[reading.label()])?.encode_gauge(&offset)?;
        }
        out.counter(
            "jat_proxy_log_lines_dropped",
            "Lines of the log that could not be written, or found no room while nobody read it.",
            logging::dropped_lines(),
        )?;
        let help = "The running version.";
        let mut build = out.0.encode_descriptor("jat_proxy_build", help, None, MetricType::Info)?;
        build.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let help = "When the process began, in Unix time.";
        let unit = Some(&Unit::Seconds);
        let start = out.0.encode_descriptor("process_start_time", help, unit, MetricType::Gauge);
        start?.encode_gauge(&self.started)
    }
}
