//! The results of a run, as a table.

use std::fs;

use crate::book::Book;
use crate::ledger::Counts;
use crate::operator::{Done, Operator};

/// A table in Markdown, and the processor.
pub fn table(operator: &Operator, book: &mut Book) -> String {
    let Done { kills, reloads, upgrades, rotations } = operator.done;
    let Counts { replied, refused, killed, killed_at_once } = book.requests.counts;
    let messages = book.messages.counts;
    let seconds = operator.took.as_secs_f64();
    let [median, p99] = quantiles(&mut book.requests.latencies);
    let [driver, replicas] = operator.processor_time.map(|time| 100.0 * time / seconds);
    let megabytes = |kilobytes: Option<&u64>| *kilobytes.expect("a round") as f64 / 1024.0;
    let count = |sent: usize| format!("{sent} ({:.0}/s)", sent as f64 / seconds);
    let rows = [
        ("processor", processor()),
        ("duration", format!("{:.1} min", seconds / 60.0)),
        ("requests", count(book.requests.sent())),
        ("replies", replied.to_string()),
        ("messages", count(book.messages.sent())),
        ("answers to them", messages.replied.to_string()),
        ("kills (SIGKILL)", kills.to_string()),
        ("reloads (SIGHUP)", reloads.to_string()),
        ("upgrades in place (SIGUSR2)", upgrades.to_string()),
        ("key rotations", rotations.to_string()),
        (
            "inside a killed replica, requests / replies (most at one kill)",
            format!("{} / {} ({killed_at_once})", killed[0], killed[1]),
        ),
        (
            "the same of messages / their answers",
            format!(
                "{} / {} ({})",
                messages.killed[0], messages.killed[1], messages.killed_at_once
            ),
        ),
        ("refused by a replica that had just started", refused.to_string()),
        ("unaccounted, or otherwise wrong", wrong(book).to_string()),
        (
            "resident set of replica a, after the first minute / the last",
            format!(
                "{:.2} / {:.2} MiB",
                megabytes(operator.resident.first()),
                megabytes(operator.resident.last())
            ),
        ),
        ("latency, median / 99 %", format!("{median:.2} / {p99:.2} ms")),
        ("driver behind its rate, at most", format!("{:.3} s", operator.late.as_secs_f64())),
        (
            "processor time of driver and server / of both replicas",
            format!("{driver:.0} / {replicas:.0} % of a core"),
        ),
    ];
    let lines = rows.iter().map(|(name, value)| format!("| {name} | {value} |\n"));
    format!("\n| | |\n|---|---|\n{}", lines.collect::<String>())
}

/// One line about a run in progress.
pub fn progress(book: &Book) -> String {
    let Counts { replied, refused, .. } = book.requests.counts;
    format!(
        "{} requests, {replied} replies, {refused} refused, {} messages, {} answers, {} excused by \
         kills, {} wrong",
        book.requests.sent(),
        book.messages.sent(),
        book.messages.counts.replied,
        book.requests.counts.excused() + book.messages.counts.excused(),
        wrong(book)
    )
}

fn wrong(book: &Book) -> usize {
    book.requests.violations.count() + book.messages.violations.count()
}

/// Median and 99 %, in milliseconds. Sorts.
pub fn quantiles(micros: &mut [u32]) -> [f64; 2] {
    micros.sort_unstable();
    let at = |share: f64| {
        let index = (micros.len() as f64 * share) as usize;
        micros.get(index).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    };
    [at(0.5), at(0.99)]
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown", |(_, name)| name).to_owned()
}
