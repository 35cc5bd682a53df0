//! Many replicas at a time, each on a server of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jat_proxy::jat::reason::Reason;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::fixture::{Fixture, Replica};

/// A replica on a server of its own, which will send nothing by itself for a while. The probe some
/// seconds after its login has been answered too; otherwise the resource could be in doubt.
pub async fn settled() -> Fixture {
    let it = Fixture::start().await;
    it.until("all that a login brings with it", |r| {
        r.count(Reason::Echo) >= 16
            && r.count(Reason::PresenceUsed) >= 3
            && r.count(Reason::ServerTime) >= 1
            && asks_nothing_soon(r)
    })
    .await;
    it
}

/// Whether its next question about the target is one for routine. On a busy machine several may be
/// answered by one, so their number says nothing.
fn asks_nothing_soon(replica: &Replica) -> bool {
    let component = replica.component();
    let due = component.services.deadline(&component.stream().domain);
    due.is_some_and(|due| due > component.now().mono + SOON)
}

/// Runs all of these, so many at a time; panics if one of them does.
pub async fn many<F>(at_a_time: usize, runs: impl IntoIterator<Item = F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_a_time));
    let mut running = JoinSet::new();
    for run in runs {
        let place = places.clone().acquire_owned().await.unwrap();
        running.spawn(async move {
            run.await;
            drop(place);
        });
        while let Some(ended) = running.try_join_next() {
            ended.unwrap();
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

/// More than lies between two questions behind a login.
const SOON: Duration = Duration::from_secs(10);
