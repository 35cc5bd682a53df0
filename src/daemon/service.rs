//! What systemd is told (sd_notify(3)): ready, status, watchdog, stopping.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::link::component::{Stream, lock};

use super::links::Links;
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

fn summary(links: &Links) -> String {
    let components = links.components();
    let up = components.iter().filter(|c| matches!(lock(c).stream, Stream::Up { .. })).count();
    let ready = components.iter().filter(|c| lock(c).is_ready()).count();
    let all = components.len();
    format!("{up} of {all} components logged in, {ready} with somebody to forward to")
}

const BEAT: Duration = Duration::from_millis(500);
