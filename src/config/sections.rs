//! What the configuration sets for all components: `[limits]`, `[log]` and three durations,
//! with their ranges and defaults.

use std::ops::RangeInclusive;
use std::time::Duration;

use tracing::Level;

use crate::jat::settings::DEFAULT_REPLY_TTL;
use crate::session::Bounds;
use crate::stanza::limits::Limits;

use super::problem::Problem;
use super::table::Table;
use super::{Log, LogFormat};

/// Life of a token, in seconds; it counts in whole ones.
pub(super) fn reply_ttl(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> u64 {
    let seconds = root.optional("reply-ttl", problems, |value| {
        let duration = value.duration(REPLY_TTL)?;
        match duration.subsec_nanos() {
            0 => Ok(duration.as_secs()),
            _ => Err(value
                .error("`reply-ttl` must be whole seconds", "for example: reply-ttl = \"90s\"")),
        }
    });
    seconds.unwrap_or(DEFAULT_REPLY_TTL)
}

pub(super) fn shutdown_timeout(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> Duration {
    let timeout =
        root.optional("shutdown-timeout", problems, |value| value.duration(SHUTDOWN_TIMEOUT));
    timeout.unwrap_or(DEFAULT_SHUTDOWN_TIMEOUT)
}

/// How often the files are checked for changes, if at all.
pub(super) fn watch(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> Option<Duration> {
    root.optional("watch", problems, |value| value.duration(WATCH))
}

/// Limits on a stanza, and how many bytes may wait for a server that does not read.
pub(super) fn limits(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> Bounds {
    let Bounds { mut limits, max_backlog } = Bounds::default();
    let table = root.optional("limits", problems, |v| Table::of(v, "[limits]"));
    let Some(mut table) = table else { return Bounds { limits, max_backlog } };
    let key = "max-stanza-bytes";
    let bytes = table.optional(key, problems, |v| Ok((size(v.integer(STANZA_BYTES)?), v.place())));
    if let Some((bytes, place)) = bytes {
        limits.max_bytes = bytes;
        if bytes > Limits::default().max_bytes {
            problems.push(Problem::warning(
                place,
                "Prosody closes the stream of a component that sends more than 512 KiB at once",
                "keep the default of 500000, unless your server takes more",
            ));
        }
    }
    let tag = table.optional("max-tag-bytes", problems, |v| v.integer(TAG_BYTES));
    limits.max_tag = tag.map_or(limits.max_tag, size);
    let depth = table.optional("max-depth", problems, |v| v.integer(DEPTH));
    limits.max_depth = depth.map_or(limits.max_depth, size);
    let key = "max-backlog-bytes";
    // A backlog that is smaller than a stanza would never let one through.
    let range = limits.max_bytes as u64..=MAX_BACKLOG;
    let backlog = table.optional(key, problems, |v| v.integer(range));
    table.finish(problems);
    Bounds { limits, max_backlog: backlog.map_or(max_backlog, size) }
}

impl Log {
    pub(super) fn read(root: &mut Table<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut log = Self { level: Level::INFO, format: LogFormat::Text };
        let table = root.optional("log", problems, |v| Table::of(v, "[log]"));
        let Some(mut table) = table else { return log };
        let level = table.optional("level", problems, |v| v.one_of(&LEVELS));
        log.level = level.unwrap_or(log.level);
        let formats = LogFormat::ALL.map(|format| (format.name(), format));
        let format = table.optional("format", problems, |v| v.one_of(&formats));
        log.format = format.unwrap_or(log.format);
        table.finish(problems);
        log
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

const REPLY_TTL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
const WATCH: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// Less than the 10 s after which Docker kills.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);
const SHUTDOWN_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);
/// RFC 6120 section 13.12: no limit may be below 10,000 bytes.
const STANZA_BYTES: RangeInclusive<u64> = 10_000..=10_000_000;
const TAG_BYTES: RangeInclusive<u64> = 4_000..=10_000_000;
const DEPTH: RangeInclusive<u64> = 4..=10_000;
const MAX_BACKLOG: u64 = 1 << 30;
const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];
