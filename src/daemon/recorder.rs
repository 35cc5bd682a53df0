//! Keeps the [`History`] of all components.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::jat::tally::Tally;
use crate::link::component::lock;

use super::components::Components;
use super::history::{History, Recent, STEP};

/// The history of the components of this process, and the clock that it goes by.
#[derive(Debug)]
pub(crate) struct Recorder {
    components: Arc<Components>,
    origin: Instant,
    history: Mutex<History>,
}

impl Recorder {
    /// One that takes samples when it is told to.
    pub(crate) fn new(components: Arc<Components>) -> Self {
        Self { components, origin: Instant::now(), history: Mutex::default() }
    }

    /// One that takes samples of `components` from now on, as long as the runtime runs.
    pub(crate) fn start(components: Arc<Components>) -> Arc<Self> {
        let recorder = Arc::new(Self::new(components));
        let shared = Arc::clone(&recorder);
        tokio::spawn(async move {
            let mut step = interval(STEP);
            step.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                step.tick().await;
                shared.record();
            }
        });
        recorder
    }

    /// Takes a sample now. What a component counted before its first sample does not count as
    /// recent.
    pub(crate) fn record(&self) {
        let components = self.components.all();
        let sample = components.iter().map(|component| {
            let component = lock(component);
            (component.services.settings().domain.to_string(), component.tally.counts())
        });
        let sample = sample.collect();
        self.history().take(self.now(), sample);
    }

    /// The components that it records.
    pub(crate) fn components(&self) -> &Components {
        &self.components
    }

    /// What `domain` counted recently, now that it has counted `tally` in all.
    pub(crate) fn recent(&self, domain: &str, window: Duration, tally: &Tally) -> Option<Recent> {
        self.history().recent(domain, window, self.now(), tally)
    }

    /// Looks at the history; the time is its own.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&History, Duration) -> T) -> T {
        look(&self.history(), self.now())
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
