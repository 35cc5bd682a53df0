//! Two replicas for a long time, at a rate that is kept: 2,000 requests a second on the built-in
//! server, and in every minute a replica is killed, both read their configuration again, both are
//! upgraded in place, and the key is rotated. Nothing may be unaccounted for.
//!
//! Replica a lives from the beginning to the end, replica b from kill to kill. An account of each
//! request says what became of it; only a kill excuses a loss, and only of what was inside.
//!
//! `SOAK_MINUTES=n cargo test --release --test soak an_hour -- --ignored --nocapture` takes n
//! minutes instead of 60, prints a line for each and at the end a table.
//!
//! | file | what is in it |
//! |---|---|
//! | ledger, line | what became of each request, and what is inside each replica |
//! | traffic | users who ask, and the implementing client |
//! | operator, replica | what is done to the replicas, and these |
//! | summary | the table |

mod ledger;
mod line;
mod operator;
mod replica;
mod summary;
mod traffic;
mod violations;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use mock_server::{Options, Server};
use test_support::daemon::DOMAIN;
use tokio::runtime::Builder;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep};

use ledger::{Ledger, Shared};
use operator::Operator;
use traffic::{RATE, Service, User};

#[test]
#[ignore = "takes two minutes of two cores; tests/run runs it with optimisation"]
fn two_minutes() {
    soak(8, Duration::from_secs(15));
}

#[test]
#[ignore = "takes an hour of two cores, or SOAK_MINUTES; it is run by hand"]
fn an_hour() {
    let minutes = env::var("SOAK_MINUTES").map_or(60, |n| n.parse().expect("a number of minutes"));
    soak(minutes, Duration::from_secs(60));
}

/// In each round everything is done once.
fn soak(rounds: u32, round: Duration) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Arc::new(Server::start(Options::ejabberd("s")).await.unwrap());
        let ledger = Ledger::shared();
        let mut traffic = JoinSet::new();
        for resource in ["a", "b"] {
            traffic.spawn(Service::new(&server, resource).serve());
        }
        let operator = Operator::new(server.clone()).await;
        let seconds = rounds as f64 * round.as_secs_f64();
        let requests = (seconds * RATE) as usize;
        for user in User::all(&server, &ledger, requests) {
            traffic.spawn(user.ask());
        }
        traffic.spawn(watch(server.clone(), ledger.clone()));
        let operated = ledger.clone();
        // What operators do blocks, and the traffic must not wait for it.
        let operating = spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(operator.run(&operated, rounds, round))
        });
        let operator = operating.await.expect("the replicas do what they are told");
        let in_time = settled(&ledger, requests, round).await;
        // Nobody asks or answers any more; the last stanzas have been looked at.
        traffic.shutdown().await;
        let mut ledger = ledger.lock().unwrap();
        look(&server, &mut ledger);
        ledger.close();
        operator.judge(&mut ledger);
        println!("{}", summary::table(&operator, &mut ledger));
        assert!(in_time, "this machine does not carry the load: {}", summary::progress(&ledger));
        ledger.violations.assert_none();
    });
}

/// Waits until all have been sent, and answered or nothing more comes. False: it took much longer
/// than it should.
async fn settled(ledger: &Shared, requests: usize, patience: Duration) -> bool {
    let deadline = Instant::now() + patience.max(traffic::HELD_FOR * 4);
    let mut last = (ledger.lock().unwrap().answered(), Instant::now());
    loop {
        sleep(Duration::from_millis(200)).await;
        let ledger = ledger.lock().unwrap();
        if ledger.answered() != last.0 {
            last = (ledger.answered(), Instant::now());
        }
        let sent = ledger.sent() == requests;
        if sent && (ledger.underway() == 0 || last.1.elapsed() > traffic::HELD_FOR * 2) {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
    }
}

/// Enters into the ledger what passes between the server and the replicas.
async fn watch(server: Arc<Server>, ledger: Shared) {
    loop {
        sleep(Duration::from_millis(50)).await;
        look(&server, &mut ledger.lock().unwrap());
    }
}

fn look(server: &Server, ledger: &mut Ledger) {
    // In this order: what came from a connection that is gone by now has passed.
    let connected: Vec<u64> = server.connections(DOMAIN).iter().map(|c| c.id()).collect();
    for passed in server.take_passed() {
        ledger.pass(&passed);
    }
    ledger.settle(&connected);
}
