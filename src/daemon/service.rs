//! What systemd is told (sd_notify(3)): ready, status, watchdog, stopping.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::link::component::lock;

use super::links::Links;
use super::status::missing;
use super::watchdog;

/// The service manager's view of the daemon; silent when there is none.
pub struct Service {
    beat: Interval,
    ready: bool,
    status: String,
}

impl Service {
    pub fn new() -> Self {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { beat, ready: false, status: String::new() }
    }

    /// Tells what is to be told, once a beat. Cancelling it loses nothing.
    pub async fn tick(&mut self, links: &Links) {
        self.beat.tick().await;
        if !self.ready && links.all_attempted() {
            self.ready = true;
            notify(&[NotifyState::Ready]);
        }
        if !watchdog::is_late(links) {
            notify(&[NotifyState::Watchdog]);
        }
        let status = summary(links);
        if status != self.status {
            notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    pub fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager this does nothing; one that does not listen is its own fault.
    let _ = sd_notify::notify(states);
}

/// One line: how many can forward, and what the first that can't is waiting for.
fn summary(links: &Links) -> String {
    let components = links.components();
    let missing = components.iter().filter_map(|component| {
        let component = lock(component);
        Some((component.translator.settings().domain.to_string(), missing(&component)?))
    });
    let missing: Vec<(String, String)> = missing.collect();
    let (all, ready) = (components.len(), components.len() - missing.len());
    let first = missing.first().map(|(domain, what)| format!("; {domain}: {what}"));
    format!("{ready} of {all} components forward{}", first.unwrap_or_default())
}

const BEAT: Duration = Duration::from_millis(500);
