//! What was counted in the last minutes, for operators without a monitoring system.
//!
//! Times are those of a monotonic clock, from any starting point.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::jat::reason::{Outcome, Reason};
use crate::jat::tally::{Counts, Tally};
use crate::jat::traffic::{Class, Traffic};
use crate::named;

/// How often samples are meant to be taken.
pub(crate) const STEP: Duration = Duration::from_secs(5);
/// How far samples reach back.
pub(crate) const SPAN: Duration = Duration::from_secs(600);

/// Samples of every component, by its domain.
#[derive(Debug, Default)]
pub(crate) struct History {
    tracks: BTreeMap<String, Track>,
}

/// The samples of one component, from the time when it was first seen.
#[derive(Debug)]
struct Track {
    samples: VecDeque<Sample>,
    /// When the first of them began.
    begun: Duration,
    /// When the last of them ended, and the counts then.
    end: Duration,
    last: Counts,
}

/// What was counted between the sample before it and `at`, without zeros.
#[derive(Debug)]
struct Sample {
    at: Duration,
    counts: Box<[(Traffic, Reason, u32)]>,
}

/// What was counted in a period that ends now.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    pub period: Duration,
    pub tally: Tally,
}

named! {
    /// What a line of the chart can show.
    pub enum Series {
        /// Requests that were relayed, either way.
        Requests = "requests relayed",
        /// Replies that were relayed, either way.
        Replies = "replies relayed",
        /// Those of them that were errors.
        Errors = "error replies",
        /// Messages that were relayed, either way.
        Messages = "messages relayed",
        /// Presence that was relayed, either way.
        Presence = "presence relayed",
        /// Stanzas of any kind that were answered with an error.
        Answered = "answered with an error",
        /// Stanzas of any kind that were dropped.
        Dropped = "dropped",
    }
}

impl Series {
    fn has(self, traffic: Traffic, reason: Reason) -> bool {
        let is_relayed = |class: Class| traffic.class == class && reason.is_relay();
        match self {
            Self::Requests => is_relayed(Class::Request),
            Self::Replies => is_relayed(Class::Reply),
            Self::Errors => is_relayed(Class::Reply) && reason == Reason::RelayedError,
            Self::Messages => is_relayed(Class::Message),
            Self::Presence => is_relayed(Class::Presence),
            Self::Answered => matches!(reason.outcome(), Outcome::Answered(_)),
            Self::Dropped => reason.outcome() == Outcome::Dropped,
        }
    }
}

/// One point of a line: `per_second` from the point before it to `at`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// How long ago.
    pub ago: Duration,
    pub per_second: f64,
}

impl History {
    /// Takes a sample at `now` of all components that there are; others are forgotten.
    pub(crate) fn take(&mut self, now: Duration, components: Vec<(String, Counts)>) {
        let mut before = std::mem::take(&mut self.tracks);
        for (domain, counts) in components {
            let track = match before.remove(&domain) {
                Some(mut track) => {
                    track.take(now, counts);
                    track
                }
                None => Track { samples: VecDeque::new(), begun: now, end: now, last: counts },
            };
            self.tracks.insert(domain, track);
        }
    }

    /// What the component of `domain`, which has now counted `tally`, counted within `window`
    /// up to `now`, or since it was first seen.
    pub(crate) fn recent(
        &self,
        domain: &str,
        window: Duration,
        now: Duration,
        tally: &Tally,
    ) -> Option<Recent> {
        let track = self.tracks.get(domain)?;
        let from = now.saturating_sub(window);
        let mut recent = Tally::default();
        let mut begun = track.end;
        // A sample counts as a whole, or not at all.
        let within = track.starts().zip(&track.samples).filter(|(_, s)| s.at > from);
        for (start, sample) in within {
            begun = begun.min(start);
            sample.counts.iter().for_each(|(t, r, n)| recent.add(*t, *r, u64::from(*n)));
        }
        for (traffic, reason, count) in added(&track.last, &tally.counts()) {
            recent.add(traffic, reason, u64::from(count));
        }
        Some(Recent { period: now.saturating_sub(begun), tally: recent })
    }

    /// The line of a component, the oldest point first.
    pub(crate) fn line(&self, domain: &str, series: Series, now: Duration) -> Vec<Point> {
        let Some(track) = self.tracks.get(domain) else { return Vec::new() };
        let point = |(start, sample): (Duration, &Sample)| {
            let counts = sample.counts.iter().filter(|(t, r, _)| series.has(*t, *r));
            let count: u64 = counts.map(|(_, _, n)| u64::from(*n)).sum();
            let period = sample.at.saturating_sub(start);
            Point { ago: now.saturating_sub(sample.at), per_second: rate(count, period) }
        };
        track.starts().zip(&track.samples).map(point).collect()
    }
}

impl Track {
    fn take(&mut self, now: Duration, all: Counts) {
        // However often samples are taken, only few are kept for the span.
        if now < self.end + STEP / 2 {
            return;
        }
        let counts = added(&self.last, &all).collect();
        self.samples.push_back(Sample { at: now, counts });
        (self.end, self.last) = (now, all);
        while self.samples.front().is_some_and(|s| s.at + SPAN <= now) {
            self.begun = self.samples.pop_front().map_or(self.begun, |s| s.at);
        }
    }

    /// When each sample began.
    fn starts(&self) -> impl Iterator<Item = Duration> {
        std::iter::once(self.begun).chain(self.samples.iter().map(|s| s.at))
    }
}

impl Recent {
    /// How many a second there were.
    pub(crate) fn rate(&self, series: Series) -> f64 {
        let counted = self.tally.iter().filter(|(t, r, _)| series.has(*t, *r));
        rate(counted.map(|(.., count)| count).sum(), self.period)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
fn rate(count: u64, period: Duration) -> f64 {
    if period.is_zero() { 0.0 } else { count as f64 / period.as_secs_f64() }
}

/// By how much `after` exceeds `before`, without zeros. A component that was taken out of the
/// configuration and put back between two samples counts from zero again.
fn added<'t>(
    before: &'t Counts,
    after: &'t Counts,
) -> impl Iterator<Item = (Traffic, Reason, u32)> + use<'t> {
    after.iter().filter_map(|(traffic, reason, count)| {
        let known = before.of(traffic, reason);
        let more = count.checked_sub(known).unwrap_or(count);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        (more > 0).then_some((traffic, reason, more))
    })
}

#[cfg(test)]
mod tests {
    use crate::jat::traffic::USER_REQUEST;

    use super::*;

    const DOMAIN: &str = "proxy.example";

    fn tally(requests: u64, offline: u64) -> Tally {
        let mut tally = Tally::default();
        tally.add(USER_REQUEST, Reason::Relayed, requests);
        tally.add(USER_REQUEST, Reason::Offline, offline);
        tally
    }

    fn counts(requests: u64, offline: u64) -> Counts {
        tally(requests, offline).counts()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Ten requests a second from second 100 to `end`, and one refusal a second in the last minute.
    fn history(end: u64) -> (History, Tally) {
        let mut history = History::default();
        let at = |s: u64| tally(10 * (s - 100) + 7, s.saturating_sub(end - 60));
        for second in (100..=end).step_by(5) {
            history.take(seconds(second), vec![(DOMAIN.to_owned(), at(second).counts())]);
        }
        (history, at(end))
    }

    #[test]
    fn a_window_has_what_came_in_it() {
        let (history, now) = history(2000);
        let within = |window| history.recent(DOMAIN, seconds(window), seconds(2000), &now).unwrap();
        let minute = within(60);
        assert_eq!(minute.period, seconds(60));
        assert_eq!(minute.tally.total(Reason::Relayed), 600);
        assert_eq!(minute.tally.total(Reason::Offline), 60);
        assert!((minute.rate(Series::Requests) - 10.0).abs() < 1e-9);
        let all = within(600);
        assert_eq!((all.period, all.tally.total(Reason::Relayed)), (seconds(600), 6000));
        assert!((all.rate(Series::Answered) - 0.1).abs() < 1e-9);
        assert_eq!(all.rate(Series::Dropped), 0.0);
    }

    #[test]
    fn what_came_after_the_last_sample_counts_too() {
        let (history, mut now) = history(160);
        now.add(USER_REQUEST, Reason::Relayed, 40);
        let recent = history.recent(DOMAIN, seconds(600), seconds(164), &now).unwrap();
        assert_eq!(recent.period, seconds(64), "since the component was first seen");
        assert_eq!(recent.tally.total(Reason::Relayed), 640);
        let mut empty = History::default();
        empty.take(seconds(1), vec![(DOMAIN.to_owned(), counts(5, 0))]);
        let recent = empty.recent(DOMAIN, seconds(60), seconds(1), &tally(5, 0)).unwrap();
        assert_eq!((recent.period, recent.rate(Series::Requests)), (Duration::ZERO, 0.0));
    }

    #[test]
    fn a_line_has_a_point_for_each_sample_and_no_more_than_fit() {
        let (history, _) = history(9000);
        let line = history.line(DOMAIN, Series::Requests, seconds(9001));
        assert_eq!(line.len(), 120);
        assert!(line.iter().all(|p| (p.per_second - 10.0).abs() < 1e-9));
        assert_eq!((line[0].ago, line[119].ago), (seconds(596), seconds(1)));
        assert_eq!(history.line("other.example", Series::Requests, seconds(9001)), []);
    }

    #[test]
    fn each_stanza_that_is_relayed_is_in_the_series_of_its_class() {
        for traffic in Traffic::all() {
            for reason in Reason::ALL.iter().filter(|reason| reason.occurs_in(traffic)) {
                let all = Series::ALL.into_iter().filter(|series| series.has(traffic, *reason));
                let relays = match traffic.class {
                    Class::Request => Some(Series::Requests),
                    Class::Reply => Some(Series::Replies),
                    Class::Message => Some(Series::Messages),
                    Class::Presence => Some(Series::Presence),
                    Class::Other => None,
                };
                let relayed = relays.filter(|_| reason.is_relay());
                let first = all.into_iter().next();
                let expected = relayed.or(match reason.outcome() {
                    Outcome::Answered(_) => Some(Series::Answered),
                    Outcome::Dropped => Some(Series::Dropped),
                    _ => None,
                });
                assert_eq!(first, expected, "{traffic} {}", reason.name());
            }
        }
    }

    #[test]
    fn a_late_sample_is_spread_over_its_time() {
        let mut history = History::default();
        history.take(seconds(0), vec![(DOMAIN.to_owned(), counts(0, 0))]);
        history.take(seconds(50), vec![(DOMAIN.to_owned(), counts(100, 0))]);
        let line = history.line(DOMAIN, Series::Requests, seconds(50));
        assert_eq!(line, [Point { ago: Duration::ZERO, per_second: 2.0 }]);
    }

    #[test]
    fn components_come_and_go_with_a_reload() {
        let mut history = History::default();
        let names = |history: &History| history.tracks.keys().cloned().collect::<Vec<_>>();
        history.take(seconds(0), vec![("a".into(), counts(9, 0)), ("b".into(), counts(0, 0))]);
        history.take(seconds(5), vec![("b".into(), counts(1, 0)), ("c".into(), counts(3, 0))]);
        assert_eq!(names(&history), ["b", "c"]);
        // Taken out and put back between two samples.
        history.take(seconds(10), vec![("b".into(), counts(0, 2)), ("c".into(), counts(3, 0))]);
        let recent = history.recent("b", seconds(60), seconds(10), &tally(0, 2)).unwrap();
        assert_eq!(recent.tally.total(Reason::Offline), 2);
        assert_eq!(recent.tally.total(Reason::Relayed), 1);
        let recent = history.recent("c", seconds(60), seconds(10), &tally(3, 0)).unwrap();
        assert_eq!(recent.tally.total(Reason::Relayed), 0, "counted before it was first seen");
    }
}
