//! Many replicas at a time, each on a server of its own.

use std::future::Future;
use std::sync::Arc;

use jat_proxy::jat::reason::Reason;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::fixture::Fixture;

/// A replica on a server of its own, which will send nothing by itself for a while. The probe some
/// seconds after its login has been answered too; otherwise the resource could be in doubt.
pub async fn settled() -> Fixture {
    let it = Fixture::start().await;
    it.until("all that a login brings with it", |r| {
        r.count(Reason::Echo) >= 16
            && r.count(Reason::PresenceUsed) >= 4
            && r.count(Reason::ServerTime) == 1
    })
    .await;
    it
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
