//! What systemd is told (sd_notify(3)): ready, status, watchdog, stopping.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::link::component::lock;

use super::components::Components;
use super::notify::Manager;
use super::status::not_ready;
use super::watchdog;

/// The service manager's view of the daemon. A message that it does not take is sent again with
/// the next beat.
pub(super) struct Service {
    manager: Manager,
    beat: Interval,
    ready: bool,
    status: String,
}

impl Service {
    pub(super) fn new() -> Self {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let manager = Manager::of_this_process();
        Self { manager, beat, ready: false, status: String::new() }
    }

    /// Sends what there is to send, once each beat. Cancelling it loses nothing.
    pub(super) async fn tick(&mut self, components: &Components) {
        self.beat.tick().await;
        if !self.ready && components.all_attempted() {
            self.ready = self.manager.tell("READY=1");
        }
        if !watchdog::is_late(components) {
            // The next beat says the same.
            self.manager.tell("WATCHDOG=1");
        }
        let status = summary(components);
        if status != self.status && self.manager.tell(&format!("STATUS={status}")) {
            self.status = status;
        }
    }

    /// Does `work`, and meanwhile sends what there is to send.
    pub(super) async fn beside<T>(
        &mut self,
        components: &Components,
        work: impl Future<Output = T>,
    ) -> T {
        let tell = async {
            loop {
                self.tick(components).await;
            }
        };
        tokio::select! {
            done = work => done,
            never = tell => never,
        }
    }

    /// Reports that the daemon is stopping, for as long as that takes.
    pub(super) async fn stopping(&mut self) {
        while !self.manager.tell("STOPPING=1") {
            self.beat.tick().await;
        }
    }
}

/// One line: how many components can forward, and what the first that can't is waiting for.
fn summary(components: &Components) -> String {
    let components = components.all();
    let waiting = components.iter().filter_map(|component| {
        let component = lock(component);
        Some((component.services.settings().domain.to_string(), not_ready(&component)?))
    });
    let waiting: Vec<(String, String)> = waiting.collect();
    let (all, ready) = (components.len(), components.len() - waiting.len());
    let first = waiting.first().map(|(domain, what)| format!("; {domain}: {what}"));
    format!("{ready} of {all} components are ready{}", first.unwrap_or_default())
}

const BEAT: Duration = Duration::from_millis(500);
