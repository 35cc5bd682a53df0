//! A flood of HTTP requests during relaying.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use test_support::http::ask;
use test_support::watched;
use test_support::watched::server::{self, Server};

/// Nothing is lost, and both make progress. How fast depends on the machine, so it is only printed.
#[test]
fn a_flood_of_requests_leaves_the_relay_its_time() {
    let server = server::start();
    let daemon = watched::start(server.address);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    relay(&server, 2_000);
    let alone = relay(&server, REQUESTS);
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (beside, answers) = thread::scope(|scope| {
        for path in ["/", "/metrics", "/status", "/readyz"].repeat(4) {
            let request = format!("GET {path} HTTP/1.0\r\n\r\n");
            let (stop, served, address) = (&stop, &served, daemon.http());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let good = ask(address, &request).is_ok_and(|answer| !answer.body.is_empty());
                    served.fetch_add(good.into(), Ordering::Relaxed);
                }
            });
        }
        while served.load(Ordering::Relaxed) < 100 {
            thread::sleep(Duration::from_millis(5));
        }
        let before = served.load(Ordering::Relaxed);
        let beside = relay(&server, REQUESTS);
        let answers = served.load(Ordering::Relaxed) - before;
        stop.store(true, Ordering::Relaxed);
        (beside, answers)
    });
    // To see how much the machine itself varies.
    let again = relay(&server, REQUESTS);
    println!(
        "{REQUESTS} requests relayed in {:.2} s, in {:.2} s beside {:.0} HTTP answers a second, \
         and in {:.2} s without them again",
        alone.as_secs_f64(),
        beside.as_secs_f64(),
        answers as f64 / beside.as_secs_f64(),
        again.as_secs_f64(),
    );
}

/// Relays so many requests; returns how long that took.
fn relay(server: &Server, requests: usize) -> Duration {
    const DOMAIN: &str = "fixed.example";
    let before = server.version_requests(DOMAIN);
    let began = Instant::now();
    let request = "<iq type='get' id='1234' from='user@some.example/abc' to='fixed.example'>\
                   <query xmlns='jabber:iq:version'/></iq>";
    for _ in 0..requests / 100 {
        server.say(DOMAIN, &request.repeat(100));
    }
    while server.version_requests(DOMAIN) < before + requests {
        assert!(began.elapsed() < Duration::from_secs(120), "the relay stands still");
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.version_requests(DOMAIN), before + requests);
    began.elapsed()
}

/// Without optimisation these take half a second.
const REQUESTS: usize = if cfg!(debug_assertions) { 20_000 } else { 400_000 };
