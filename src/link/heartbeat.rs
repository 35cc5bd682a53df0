//! Signs of life of a task, for a watchdog that must not wait for it.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time::interval;

/// When a task last took its turn. Read without any lock: a task that hangs may hold them all.
#[derive(Debug)]
pub struct Heartbeat {
    origin: Instant,
    /// Milliseconds after `origin`.
    last: AtomicU64,
}

impl Heartbeat {
    pub fn new() -> Self {
        Self { origin: Instant::now(), last: AtomicU64::new(0) }
    }

    /// The task is alive.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    /// The same, with a time that was read already: reading the clock is a large part of the cost
    /// of a wake-up.
    pub fn beat_at(&self, now: Instant) {
        self.last.store(self.millis(now), Ordering::Relaxed);
    }

    /// How long ago the last beat was.
    pub fn age(&self) -> Duration {
        self.age_at(Instant::now())
    }

    /// Runs `work`, and beats meanwhile.
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        let mut beat = interval(BEAT);
        loop {
            tokio::select! {
                output = &mut work => return output,
                _ = beat.tick() => self.beat(),
            }
        }
    }

    fn age_at(&self, now: Instant) -> Duration {
        let last = self.last.load(Ordering::Relaxed);
        Duration::from_millis(self.millis(now).saturating_sub(last))
    }

    fn millis(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}

/// The watchdog sees a sign of life at least this often.
pub(crate) const BEAT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_makes_it_young() {
        let heart = Heartbeat::new();
        let millis = Duration::from_millis;
        let at = |after| heart.origin + millis(after);
        assert_eq!(heart.age_at(at(30)), millis(30));
        heart.beat_at(at(20));
        assert_eq!(heart.age_at(at(30)), millis(10));
        // A clock that was read before another task's beat.
        assert_eq!(heart.age_at(at(10)), millis(0));
    }
}
