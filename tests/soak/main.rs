//! Two replicas for a long time, at a constant rate: 2,000 requests and 200 messages a second on
//! the built-in server, each with its answer. In every minute a replica is killed, both reload their
//! configuration, both are upgraded in place, and the key is rotated. Nothing may be unaccounted for.
//!
//! Replica a lives from the beginning to the end, replica b from kill to kill. A ledger has the result
//! of each request and of each message. Only a kill excuses a loss, and only of what was inside.
//! Stanzas come out of a replica in the order in which they went in.
//!
//! `SOAK_MINUTES=n cargo test --release --test soak an_hour -- --ignored --nocapture` takes n
//! minutes instead of 60, prints a line for each and at the end a table.
//!
//! | file | what is in it |
//! |---|---|
//! | book, ledger, line | what happened to each request and message, and what is inside each replica |
//! | talk | what requests and messages look like, and who sends them |
//! | traffic | users who ask, and the implementing clients |
//! | operator, replica | the replicas, and what the operator does with them |
//! | summary | the table |

mod book;
mod ledger;
mod line;
mod operator;
mod replica;
mod summary;
mod talk;
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

use book::{Book, Shared};
use operator::Operator;
use talk::Talk;
use traffic::{Service, User};

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

/// Each round has everything once.
fn soak(rounds: u32, round: Duration) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Arc::new(Server::start(Options::ejabberd("s")).await.unwrap());
        let book = Book::shared();
        let mut traffic = JoinSet::new();
        for (talk, resource) in
            [(Talk::Requests, "a"), (Talk::Requests, "b"), (Talk::Messages, "a")]
        {
            traffic.spawn(Service::new(&server, talk, resource).serve());
        }
        let operator = Operator::new(server.clone()).await;
        let seconds = rounds as f64 * round.as_secs_f64();
        let mut due = 0;
        for talk in Talk::ALL {
            let count = (seconds * talk.rate()) as usize;
            due += count;
            for user in User::all(&server, talk, &book, count) {
                traffic.spawn(user.ask());
            }
        }
        traffic.spawn(watch(server.clone(), book.clone()));
        let operated = book.clone();
        // The operator's actions block, and the traffic must not wait for them.
        let operating = spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(operator.run(&operated, rounds, round))
        });
        let operator = operating.await.expect("the replicas do what they are told");
        let in_time = settled(&book, due, round).await;
        // There are no more requests or answers, and the last stanzas have been recorded.
        traffic.shutdown().await;
        let mut book = book.lock().unwrap();
        look(&server, &mut book);
        book.close();
        operator.judge(&mut book);
        println!("{}", summary::table(&operator, &mut book));
        assert!(in_time, "this machine does not carry the load: {}", summary::progress(&book));
        book.requests.violations.assert_none();
        book.messages.violations.assert_none();
    });
}

/// Waits until all have been sent, and are answered or nothing more arrives. Returns false if it took
/// much longer than it should.
async fn settled(book: &Shared, due: usize, patience: Duration) -> bool {
    let deadline = Instant::now() + patience.max(traffic::HELD_FOR * 4);
    let mut last = (book.lock().unwrap().answered(), Instant::now());
    loop {
        sleep(Duration::from_millis(200)).await;
        let book = book.lock().unwrap();
        if book.answered() != last.0 {
            last = (book.answered(), Instant::now());
        }
        let sent = book.sent() == due;
        if sent && (book.underway() == 0 || last.1.elapsed() > traffic::HELD_FOR * 2) {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
    }
}

/// Records what passes between the server and the replicas.
async fn watch(server: Arc<Server>, book: Shared) {
    loop {
        sleep(Duration::from_millis(50)).await;
        look(&server, &mut book.lock().unwrap());
    }
}

fn look(server: &Server, book: &mut Book) {
    // In this order, so that stanzas of a connection that is gone by now are recorded.
    let connected: Vec<u64> = server.connections(DOMAIN).iter().map(|c| c.id()).collect();
    for passed in server.take_passed() {
        book.pass(&passed);
    }
    book.settle(&connected);
}
