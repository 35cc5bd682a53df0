//! Counts of stanzas, read from metrics and compared.

use jat_core::jat::reason::{Outcome, Reason};
use jat_core::jat::tally::Tally;
use jat_core::jat::traffic::{TARGET_REPLY, Traffic};

/// The counters of stanzas in `/metrics`, without our own echoes, whose number depends on time and on
/// the amount of output.
pub fn read(metrics: &str) -> Tally {
    let mut tally = Tally::default();
    for line in metrics.lines().filter(|line| line.starts_with("jat_proxy_stanzas_total{")) {
        let (labels, count) = line.rsplit_once(' ').unwrap();
        let has = |label: &str, name: &str| labels.contains(&format!("{label}=\"{name}\""));
        let traffic = Traffic::all()
            .find(|t| has("stanza", t.class.name()) && has("way", t.way.name()))
            .unwrap();
        let reason = Reason::ALL.iter().find(|r| has("reason", r.name())).unwrap();
        if *reason != Reason::Echo {
            tally.add(traffic, *reason, count.parse().unwrap());
        }
    }
    tally
}

/// The counts between these two.
pub fn difference(now: &Tally, before: &Tally) -> Tally {
    let mut since = Tally::default();
    for (traffic, reason, count) in now.iter() {
        since.add(traffic, reason, count - before.of(traffic, reason));
    }
    since
}

/// All of them, without presence of the target, whose number depends on time.
pub fn total(tally: &Tally) -> u64 {
    tally.iter().filter(|(_, r, _)| *r != Reason::PresenceUsed).map(|(.., count)| count).sum()
}

/// Counts those whose answer was withheld, because the sender got too many errors, as what they would
/// have been counted as; no more than are missing there.
pub fn unbraked(counted: &Tally, sent: &Tally) -> Tally {
    let mut all = Tally::default();
    for traffic in Traffic::all() {
        let mut withheld = counted.of(traffic, Reason::Throttled);
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Throttled) {
            let count = counted.of(traffic, *reason);
            let missing = sent.of(traffic, *reason).saturating_sub(count);
            // One that is too large to be answered is counted as such when the answer is tried.
            let answered =
                matches!(reason.outcome(), Outcome::Answered(_)) || *reason == Reason::HeadTooLarge;
            let may = answered && traffic != TARGET_REPLY;
            let moved = if may { missing.min(withheld) } else { 0 };
            withheld -= moved;
            all.add(traffic, *reason, count + moved);
        }
        all.add(traffic, Reason::Throttled, withheld);
    }
    all
}

/// The counts of [`total`] that are not zero, as text.
pub fn shown(tally: &Tally) -> Vec<String> {
    let counts = tally.iter().filter(|(_, r, count)| *count > 0 && *r != Reason::PresenceUsed);
    counts.map(|(t, r, count)| format!("{t} {} {count}", r.name())).collect()
}
