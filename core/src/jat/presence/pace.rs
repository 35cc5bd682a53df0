//! How often a target may be probed: each of its resources answers each probe of each replica, so the
//! pauses grow with the list.

use std::time::Duration;

/// The pace for a target with so many resources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    resources: u32,
}

impl Pace {
    pub(super) fn of(resources: usize) -> Self {
        Self { resources: u32::try_from(resources).unwrap_or(u32::MAX) }
    }

    /// The time within which to send a probe that is wanted `within` this time. All replicas notice a
    /// failure at the same time, and one server has to handle all the answers.
    pub(super) fn spread(self, within: Duration) -> Duration {
        within.max(self.times(AT_ONCE))
    }

    /// The pause between two probes.
    pub(super) fn shortest_pause(self) -> Duration {
        SHORTEST_PAUSE.max(self.times(AT_ONCE))
    }

    /// The pause between two probes for a cause that changes nothing.
    pub(super) fn longest_pause(self) -> Duration {
        LONGEST_PAUSE.max(self.times(IN_VAIN))
    }

    /// The pause before a probe without another cause.
    pub(super) fn routine(self) -> Duration {
        ROUTINE.max(self.times(BY_ROUTINE))
    }

    /// Whether one resource that may be missing is worth a probe. With the length of the list the cost
    /// grows, and the benefit becomes less.
    pub(super) fn minds_one(self) -> bool {
        self.minds(1)
    }

    /// Whether so many that came or went matter.
    pub(super) fn minds(self, changed: usize) -> bool {
        changed > 0 && changed.saturating_mul(FEW) >= self.resources as usize
    }

    fn times(self, each: Duration) -> Duration {
        each.saturating_mul(self.resources)
    }
}

/// The pauses between two probes for one cause, and for any.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const ROUTINE: Duration = Duration::from_secs(300);
/// For each resource: 200 answers a second for a moment, 20 for a cause that changes nothing, and 2 in
/// the long run, or up to 4 as the time is random.
const AT_ONCE: Duration = Duration::from_millis(5);
const IN_VAIN: Duration = Duration::from_millis(50);
const BY_ROUTINE: Duration = Duration::from_millis(500);
/// One resource of so many is worth a probe.
const FEW: usize = 400;
