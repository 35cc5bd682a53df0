//! Runs all components for a few seconds, to see what works: `jat-proxy check --connect`.
//!
//! It runs the real relay, and closes the streams properly. So where the server lets several
//! processes share a domain, the stanzas that come to this one are relayed like all others.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::time::unix_now;

use super::components::Components;
use super::recorder::Recorder;
use super::status::{ComponentStatus, Status, StreamState};

/// Runs the components of `config` until nothing more is to be expected; returns their status. If
/// the status is not yet what `is_enough` wants, it looks again every `pause`.
pub(crate) fn run(
    config: &Config,
    pause: Duration,
    mut is_enough: impl FnMut(&Status) -> bool,
) -> io::Result<Status> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let components = Arc::new(Components::new(unix_now()));
        components.apply(config);
        let recorder = Recorder::new(Arc::clone(&components));
        let mut status = watch(&recorder).await;
        while !is_enough(&status) {
            sleep(pause).await;
            status = Status::of(&recorder);
        }
        components.stop(LEAVING_TIME).await;
        status
    });
    // A look-up may hang for longer.
    runtime.shutdown_background();
    Ok(status)
}

async fn watch(recorder: &Recorder) -> Status {
    let began = Instant::now();
    let mut decided = None;
    loop {
        let status = Status::of(recorder);
        if status.components.iter().all(is_complete) || began.elapsed() >= LIMIT {
            return status;
        }
        if status.components.iter().all(is_decided) {
            let since = *decided.get_or_insert_with(Instant::now);
            if since.elapsed() >= PATIENCE {
                return status;
            }
        } else {
            decided = None;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether everything that can be found out is known.
fn is_complete(component: &ComponentStatus) -> bool {
    let is_silent =
        |subscription: &Option<_>, resources: &[_]| subscription.is_some() && resources.is_empty();
    let silent = is_silent(&component.subscription, &component.resources)
        || component.faces.iter().any(|it| is_silent(&it.subscription, &it.resources));
    is_decided(component)
        && (!component.own.stream.is_up() || !silent && component.clock_offset_seconds.is_some())
}

/// Whether each login has succeeded or failed, and it is known who else has the domains.
fn is_decided(component: &ComponentStatus) -> bool {
    component.streams().all(|stream| match stream.stream {
        StreamState::Starting => false,
        StreamState::Up { .. } => stream.sharing != "unknown",
        StreamState::Down { .. } | StreamState::Closed => true,
    })
}

/// Longer than a login that is not answered, and than the search for other processes on a domain.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// For answers that may never come: presence of a target that is not online, or the time of a
/// server that does not give it.
const PATIENCE: Duration = Duration::from_secs(3);
const LEAVING_TIME: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
