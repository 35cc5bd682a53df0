//! Whether a process on another node of the server's cluster has the domain too, and no presence
//! domain, so that it gets the presence of only some of the target's resources.
//!
//! A node sends what it routes to connections of its own, if it has any
//! (docs/servers.md#own-node-first). So an echo shows nothing about other nodes, and a process that is
//! alone on its node gets only the presence of resources on that node, and can't notice. But other
//! processes can: it probes the target now and then from an address of its own, and each of the
//! target's resources answers to that address on its own node (docs/servers.md#probe-resource). A
//! process that gets answers to another one's probes knows that the other one exists.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The probes of one stream, and what it knows of other processes.
#[derive(Clone, Debug)]
pub(super) struct OtherNode {
    nonce: u64,
    /// When the next probe is due, and how many of the first, closer ones are left.
    due: Duration,
    first: u8,
    heard: Vec<Asker>,
    found: bool,
}

/// Another process, for whose probes we got answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asker {
    nonce: u64,
    /// The number of its first known probe.
    number: u64,
    /// From when on an answer to a later probe proves that it is alive. Before that, it may be our
    /// predecessor.
    proves: Duration,
    /// When it is forgotten.
    until: Duration,
    lives: bool,
}

/// An [`Asker`] on its way to another process: times are relative to now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskerSnapshot {
    nonce: u64,
    number: u64,
    proves: Duration,
    until: Duration,
    lives: bool,
}

impl OtherNode {
    /// `nonce` is that of the stream's echoes.
    pub(super) fn new(nonce: u64, now: Duration) -> Self {
        Self { nonce, due: now + FIRST, first: 2, heard: Vec::new(), found: false }
    }

    /// Continues where another process stopped.
    pub(super) fn resume(nonce: u64, from: &[AskerSnapshot], now: Duration) -> Self {
        let mut resumed = Self::new(nonce, now);
        resumed.heard.extend(from.iter().take(MOST).map(|it| Asker {
            nonce: it.nonce,
            number: it.number,
            proves: now + it.proves.min(APART),
            until: now + it.until.min(LASTS),
            lives: it.lives,
        }));
        resumed.look(now);
        resumed
    }

    pub(super) fn hand_over(&self, now: Duration) -> Vec<AskerSnapshot> {
        let snapshot = |it: &Asker| AskerSnapshot {
            nonce: it.nonce,
            number: it.number,
            proves: it.proves.saturating_sub(now),
            until: it.until.saturating_sub(now),
            lives: it.lives,
        };
        self.heard.iter().map(snapshot).collect()
    }

    /// Whether there is such a process, as far as is known.
    pub(super) fn is_found(&self) -> bool {
        self.found
    }

    /// The target answered to this resource of our domain. Returns whether probes come from such a resource.
    pub(super) fn hear(&mut self, resource: &str, now: Duration) -> bool {
        let Some((nonce, number)) = parse(resource) else { return false };
        if nonce == self.nonce {
            return true;
        }
        self.look(now);
        let room = self.heard.len() < MOST;
        match self.heard.iter_mut().find(|it| it.nonce == nonce) {
            Some(asker) => {
                asker.until = now + LASTS;
                asker.lives |= number != asker.number && now >= asker.proves;
            }
            None if room => {
                let (proves, until) = (now + APART, now + LASTS);
                self.heard.push(Asker { nonce, number, proves, until, lives: false });
            }
            // Those that are remembered are enough.
            None => {}
        }
        self.look(now);
        true
    }

    /// Whether a probe is due, if probes are sent at all.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// The resource to send a probe from, if one is due; `number` was never used before.
    pub(super) fn tick(&mut self, asks: bool, number: u64, now: Duration) -> Option<String> {
        self.look(now);
        if !asks || !self.is_due(now) {
            return None;
        }
        self.first = self.first.saturating_sub(1);
        self.due = now + if self.first > 0 { SECOND } else { EVERY };
        Some(format!("{PREFIX}{:016x}-{number}", self.nonce))
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(
        &self,
        asks: impl FnOnce() -> bool,
        others: Option<Duration>,
    ) -> Option<Duration> {
        let forgotten = self.heard.iter().map(|it| it.until).min();
        let soonest = forgotten.into_iter().chain(others).min();
        if soonest.is_none_or(|soonest| self.due < soonest) && asks() {
            return Some(self.due);
        }
        soonest
    }

    /// Forgets those without a probe for a long time.
    fn look(&mut self, now: Duration) {
        self.heard.retain(|it| now < it.until);
        self.found = self.heard.iter().any(|it| it.lives);
    }
}

fn parse(resource: &str) -> Option<(u64, u64)> {
    let (nonce, number) = resource.strip_prefix(PREFIX)?.split_once('-')?;
    Some((u64::from_str_radix(nonce, 16).ok()?, number.parse().ok()?))
}

const PREFIX: &str = "jat-probe-";
/// The time from the login to the first probe: by then it is known whether the stream is alone on its
/// node.
const FIRST: Duration = Duration::from_secs(15);
/// From there to the second probe, so that others know soon.
const SECOND: Duration = Duration::from_secs(75);
/// The time between further probes, to each of which every resource answers.
const EVERY: Duration = Duration::from_secs(300);
/// Answers to the probes of a process that died come within this time.
const APART: Duration = Duration::from_secs(60);
/// How long a process is remembered: one answer may be lost.
const LASTS: Duration = Duration::from_secs(660);
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Sends all probes that are due until then.
    fn asked(one: &mut OtherNode, until: u64) -> Vec<(u64, String)> {
        let mut asked = Vec::new();
        while let Some(due) = one.deadline(|| true, None).filter(|due| *due <= at(until)) {
            asked.extend(one.tick(true, due.as_secs(), due).map(|from| (due.as_secs(), from)));
        }
        asked
    }

    #[test]
    fn a_process_that_asks_again_is_found_and_forgotten_when_it_goes() {
        let (mut a, mut b) = (OtherNode::new(1, at(0)), OtherNode::new(2, at(0)));
        let questions = asked(&mut a, 700);
        let times: Vec<u64> = questions.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [15, 90, 390, 690]);
        let heard = questions.iter().map(|(time, from)| {
            assert!(b.hear(from, at(*time)) && a.hear(from, at(*time)));
            b.is_found()
        });
        assert_eq!(heard.collect::<Vec<_>>(), [false, true, true, true]);
        assert!(!a.is_found(), "its own answers");
        assert_eq!(b.deadline(|| false, None), Some(at(690 + 660)));
        assert_eq!(b.tick(false, 9, at(1349)), None);
        assert!(b.is_found());
        assert_eq!(b.tick(false, 9, at(1350)), None);
        assert!(!b.is_found());
        assert_eq!(b.deadline(|| false, None), None);
    }

    #[test]
    fn what_a_predecessor_asked_is_no_sign_of_another_process() {
        let mut one = OtherNode::new(2, at(100));
        assert!(one.hear("jat-probe-0000000000000001-7", at(100)));
        // Each of its resources answers, one of them late.
        assert!(one.hear("jat-probe-0000000000000001-7", at(170)));
        assert!(one.hear("jat-probe-0000000000000003-9", at(171)));
        assert!(!one.is_found());
        // Two probes in quick succession before its end, both answered late.
        assert!(one.hear("jat-probe-0000000000000003-8", at(230)));
        assert!(!one.is_found());
        for other in ["", "jat-probe-", "jat-probe-x-1", "jat-probe-0000000000000001", "a"] {
            assert!(!one.hear(other, at(300)), "{other}");
        }
    }

    #[test]
    fn what_is_known_goes_on_in_another_process() {
        let mut one = OtherNode::new(2, at(0));
        one.hear("jat-probe-0000000000000001-7", at(100));
        let mut next = OtherNode::resume(2, &one.hand_over(at(130)), at(5));
        next.hear("jat-probe-0000000000000001-8", at(36));
        assert!(next.is_found(), "70 s after the first");
        let mut last = OtherNode::resume(2, &next.hand_over(at(36)), at(1000));
        assert!(last.is_found());
        last.tick(false, 1, at(1660));
        assert!(!last.is_found());
        // A clock that began shortly before.
        assert!(!OtherNode::resume(2, &[], at(0)).is_found());
    }

    #[test]
    fn few_are_remembered() {
        let mut one = OtherNode::new(0, at(0));
        (1..100).for_each(|nonce| _ = one.hear(&format!("{PREFIX}{nonce:016x}-1"), at(nonce)));
        assert_eq!(one.heard.len(), MOST);
    }
}
