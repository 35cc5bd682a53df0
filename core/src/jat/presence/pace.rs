//! How often a target may be asked who is online: each of its resources answers each question of
//! each replica, so the pauses grow with the list.

use std::time::Duration;

/// That of a target with so many resources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    resources: u32,
}

impl Pace {
    pub(super) fn of(resources: usize) -> Self {
        Self { resources: u32::try_from(resources).unwrap_or(u32::MAX) }
    }

    /// Within what time a question goes out that is wanted `within` this one. All replicas hear of
    /// a failure at the same time, and their answers have to fit into one server.
    pub(super) fn spread(self, within: Duration) -> Duration {
        within.max(self.times(AT_ONCE))
    }

    /// Between two questions.
    pub(super) fn shortest_pause(self) -> Duration {
        SHORTEST_PAUSE.max(self.times(AT_ONCE))
    }

    /// Between two questions of a cause of which nothing comes.
    pub(super) fn longest_pause(self) -> Duration {
        LONGEST_PAUSE.max(self.times(IN_VAIN))
    }

    /// Before a question that nothing else is the cause of.
    pub(super) fn routine(self) -> Duration {
        ROUTINE.max(self.times(BY_ROUTINE))
    }

    /// Whether it is worth a question of its own that one resource may be missing. What it costs
    /// grows with the list, and what it is good for becomes less.
    pub(super) fn minds_one(self) -> bool {
        self.minds(1)
    }

    /// Whether it is news that so many have come or gone.
    pub(super) fn minds(self, changed: usize) -> bool {
        changed > 0 && changed.saturating_mul(FEW) >= self.resources as usize
    }

    fn times(self, each: Duration) -> Duration {
        each.saturating_mul(self.resources)
    }
}

/// Between two questions of one cause, and of any.
pub(super) const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const ROUTINE: Duration = Duration::from_secs(300);
/// For each resource: 200 answers a second for a moment, 20 for a cause of which nothing comes, and
/// 2 in the long run, or up to 4 as the time is random.
const AT_ONCE: Duration = Duration::from_millis(5);
const IN_VAIN: Duration = Duration::from_millis(50);
const BY_ROUTINE: Duration = Duration::from_millis(500);
/// One resource of so many is worth a question.
const FEW: usize = 400;
