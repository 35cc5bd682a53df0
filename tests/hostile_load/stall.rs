//! A server that stops reading while users flood.

use std::collections::HashSet;
use std::time::Duration;

use jat_proxy::jat::reason::Reason;
use jat_proxy::jat::tally::Tally;
use jat_proxy::jat::traffic::{TARGET_REPLY, USER_REQUEST};
use test_support::daemon::{DOMAIN, Daemon};
use test_support::stage::{Stage, reply_to};
use test_support::tally::{shown, total};
use tokio::time::{Instant, sleep};

use crate::account::{counted, counted_since, resident, resident_at_most};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for 20 s"]
async fn a_flood_into_a_server_that_does_not_read_is_served_when_it_reads_again() {
    let mut it = Stage::new().await;
    it.serves().await;
    let before = counted(&it.daemon);
    let at_rest = resident(&it.daemon);
    let connection = it.server.connections(DOMAIN).remove(0);
    connection.set_reading(false);
    let stalled = Instant::now();
    let payload = "x".repeat(1_000);
    for number in 0..REQUESTS {
        let good = !number.is_multiple_of(BAD);
        let ask = if good { format!("<ask>{payload}</ask>") } else { String::new() };
        it.user.send(&format!("<iq type='get' id='{number}' to='{DOMAIN}'>{ask}</iq>")).unwrap();
    }
    let backlog =
        |d: &Daemon| d.status()["components"][0]["backlog_bytes"].as_u64().unwrap_or(0) as usize;
    it.daemon.until("the backlog is full", |d| backlog(d) > BACKLOG).await;
    while stalled.elapsed() < Duration::from_secs(20) {
        assert!(backlog(&it.daemon) < BACKLOG + BACKLOG / 8, "{}", backlog(&it.daemon));
        sleep(Duration::from_millis(200)).await;
    }
    let translated = total(&counted_since(&it.daemon, &before, 0).await);
    assert!(translated < REQUESTS as u64, "it went on reading");
    connection.set_reading(true);

    let mut unserved: HashSet<usize> = (0..REQUESTS).collect();
    while !unserved.is_empty() {
        tokio::select! {
            Some(request) = it.service.recv_iq() => it.service.send(&reply_to(&request)).unwrap(),
            Some(reply) = it.user.recv_iq() => {
                let (_, rest) = reply.split_once(" id='").unwrap();
                let number: usize = rest.split('\'').next().unwrap().parse().unwrap();
                let good = !number.is_multiple_of(BAD);
                let right = if good { "<answer/>" } else { "<bad-request " };
                assert!(reply.contains(right), "{reply}");
                assert!(unserved.remove(&number), "twice: {reply}");
            }
            else => panic!("{} requests are lost", unserved.len()),
        }
    }
    let mut expected = Tally::default();
    let good = (REQUESTS - REQUESTS / BAD) as u64;
    expected.add(USER_REQUEST, Reason::Relayed, good);
    expected.add(USER_REQUEST, Reason::ChildCount, (REQUESTS / BAD) as u64);
    expected.add(TARGET_REPLY, Reason::Relayed, good);
    let counted = counted_since(&it.daemon, &before, total(&expected)).await;
    assert_eq!(shown(&counted), shown(&expected));
    let most = resident_at_most(&it.daemon);
    println!(
        "{translated} of {REQUESTS} requests were translated while the server did not read; \
         resident {} KiB before, {} KiB at most",
        at_rest / 1024,
        most / 1024,
    );
    // The backlog, the buffer after it, and what a growing buffer takes for a moment.
    assert!(most - at_rest < BACKLOG * 3 / 2, "{at_rest} bytes resident, then {most}");
    it.serves().await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

const REQUESTS: usize = 30_000;
/// So many requests are answered with an error, no more than a sender gets at once.
const BAD: usize = 200;
/// The default of max-backlog-bytes.
const BACKLOG: usize = 16 << 20;
