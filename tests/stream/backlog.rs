//! A server that does not read, so that answers wait in the replica.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use jat_proxy::jat::reason::Reason;
use mock_server::Connection;
use tokio::time::sleep;

use crate::fixture::{Fixture, MAX_BACKLOG};

/// Requests whose answers wait for the server, in order.
pub struct Backlog {
    pub requests: usize,
    /// How much the server had received before them.
    before: usize,
}

impl Backlog {
    /// Stops the server's reading, and has it send requests until the replica's backlog is full, and some
    /// more. The first ones fill the kernel's buffers, some megabytes; they have a few long answers,
    /// since many short ones take long on a busy machine, and a stream is closed if the server has not
    /// read for half a minute.
    pub async fn fill(it: &Fixture, connection: &Connection) -> Self {
        let before = connection.received().len();
        connection.set_reading(false);
        let sent = Cell::new(0);
        it.until("the backlog is full", |r| {
            let wanted = r.count(Reason::ChildCount) as usize + MORE;
            for number in sent.get()..wanted {
                let id = format!("'n{number}.{}'", "x".repeat(ID_SIZE));
                let request = request_of(number).replace("'1'", &id);
                connection.inject(request.as_bytes());
            }
            sent.set(wanted);
            r.component().stream().backlog > MAX_BACKLOG
        })
        .await;
        Self { requests: sent.get(), before }
    }

    /// Checks that the server got an answer to each of the first `count` requests, once and in order.
    pub fn assert_answers(&self, connection: &Arc<Connection>, count: usize) {
        let said = String::from_utf8(connection.received()[self.before..].to_vec()).unwrap();
        let ids = said.split(" id='n").skip(1).map(|rest| rest.split('.').next().unwrap());
        let ids: Vec<usize> = ids.map(|id| id.parse().unwrap()).collect();
        assert!(ids.into_iter().eq(0..count), "each once, and in order");
    }
}

/// The replica reads no more than fits its backlog, and all of it arrives once the server reads.
pub async fn is_taken_later(mut it: Fixture) {
    let connection = it.connection().await;
    let backlog = Backlog::fill(&it, &connection).await;
    let requests = backlog.requests as u64;
    sleep(Duration::from_millis(300)).await;
    let waiting = it.replica.component().stream().backlog;
    assert!(waiting < MAX_BACKLOG + 200_000, "{waiting} bytes wait");
    assert!(it.replica.count(Reason::ChildCount) < requests, "it went on reading");
    connection.set_reading(true);
    it.until("all are answered", |r| r.count(Reason::ChildCount) == requests).await;
    it.until("the backlog is gone", |r| r.component().stream().backlog == 0).await;
    // What the server has not read comes before the answer to its next request.
    let last = format!(" id='n{}.", requests - 1);
    let finder = memchr::memmem::Finder::new(last.as_bytes());
    it.until("the server has read all", |_| finder.find(&connection.received()).is_some()).await;
    it.serves().await;
    assert_eq!(it.replica.component().stream().logins, 1);
    backlog.assert_answers(&connection, requests as usize);
}

/// So many requests that are answered with an error, from as many users, since one gets few errors.
pub fn flood(requests: usize) -> String {
    (0..requests).map(request_of).collect()
}

fn request_of(user: usize) -> String {
    REQUEST.replace("flood", &format!("flood{user}"))
}

/// It has no child element, so it is answered with an error.
pub const REQUEST: &str =
    "<iq type='get' id='1' from='flood@some-domain.example/abc' to='proxy.example'/>";
const ID_SIZE: usize = 8_000;
/// Together longer than what a replica reads at a time.
const MORE: usize = 100;
