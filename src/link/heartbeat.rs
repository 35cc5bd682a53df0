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
        self.last.store(self.millis(), Ordering::Relaxed);
    }

    /// How long ago the last beat was.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.millis().saturating_sub(self.last.load(Ordering::Relaxed)))
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

    fn millis(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
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
        std::thread::sleep(Duration::from_millis(30));
        assert!(heart.age() >= Duration::from_millis(25));
        heart.beat();
        assert!(heart.age() < Duration::from_millis(25));
    }
}
