//! A proxy that has its domain to itself never says that it shares it, however busy the server is; two
//! on one domain say so. For the figures:
//! `cargo test --test interop -- --ignored --nocapture self_test`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::client::{Client, is_reply};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Kind, Server};
use test_support::wait::wait_within;

const LOGINS: usize = 25;
/// It mostly takes 4 s, and a minute more when the server is too busy.
const IN_TIME: Duration = Duration::from_secs(150);
/// For how long it stays so.
const WATCHED: Duration = Duration::from_secs(10);

case!(a_lone_proxy_warns_of_nothing_under_load: both);
fn a_lone_proxy_warns_of_nothing_under_load(kind: Kind) {
    let server = &Server::start(kind);
    let settings = Settings::new(&server.new_domain(), &server.new_account("service"));
    let load = Load::start(server, &settings.domain);
    let mut proxy = Proxy::start(server, settings);
    let mut known_after = Vec::new();
    for login in 1..=LOGINS {
        if login > 1 {
            proxy.kill();
            proxy.restart();
        }
        known_after.push(alone_without_warning(&proxy));
    }
    // Stanzas still under way to it do not change that.
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        assert_eq!(sharing(&proxy), "alone");
        thread::sleep(Duration::from_millis(100));
    }
    let (stanzas, requests) = load.stop();
    known_after.sort();
    println!(
        "{kind}: {LOGINS} logins of a lone proxy, no false warning; `alone` after {:.0?} (median), \
         {:.0?} (latest); meanwhile clients sent the server {stanzas} stanzas and asked the proxy \
         {requests} times",
        known_after[LOGINS / 2],
        known_after[LOGINS - 1],
    );
    assert!(requests > 100 && stanzas > 10_000);
}

case!(a_successor_that_overlaps_warns_of_nothing: both);
fn a_successor_that_overlaps_warns_of_nothing(kind: Kind) {
    let server = Server::shared(kind);
    let (domain, target) = (server.new_fleet_domain(), server.new_account("service"));
    let start = || Proxy::start(server, Settings::new(&domain, &target));
    let mut proxy = start();
    for _ in 0..5 {
        let successor = start();
        thread::sleep(Duration::from_millis(500));
        proxy.kill();
        proxy = successor;
        println!("{kind}: a successor is `alone` after {:.1?}", alone_without_warning(&proxy));
    }
}

case!(two_proxies_on_one_domain_both_say_so: both);
fn two_proxies_on_one_domain_both_say_so(kind: Kind) {
    let server = Server::shared(kind);
    let target = server.new_account("service");
    for time in 1..=5 {
        let domain = server.new_fleet_domain();
        let start = || Proxy::start(server, Settings::new(&domain, &target));
        let first = start();
        wait_for(&first, "alone");
        let mut second = start();
        let begun = Instant::now();
        wait_for(&second, "shared");
        wait_for(&first, "shared");
        println!("{kind}: both say `shared` after {:.1?}", begun.elapsed());
        if time == 5 {
            second.stop_with(Signal::TERM);
            let begun = Instant::now();
            wait_for(&first, "alone");
            println!("{kind}: `alone` again {:.1?} after the other one ended", begun.elapsed());
        }
    }
}

/// Returns how long a proxy that is logged in took to know that it is alone.
fn alone_without_warning(proxy: &Proxy) -> Duration {
    let begun = Instant::now();
    loop {
        let sharing = sharing(proxy);
        assert_ne!(sharing, "shared", "after {:?}", begun.elapsed());
        if sharing == "alone" {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < IN_TIME, "{sharing} after {IN_TIME:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn sharing(proxy: &Proxy) -> String {
    proxy.status()["components"][0]["sharing"].as_str().expect("a word").to_owned()
}

fn wait_for(proxy: &Proxy, word: &str) {
    wait_within(IN_TIME, &format!("`{word}`"), || sharing(proxy) == word);
}

/// Clients that keep the server busy.
struct Load {
    ends: Arc<AtomicBool>,
    stanzas: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Two clients that send as much as the server takes, and one that sends requests to the proxy all
    /// the time.
    fn start(server: &Server, domain: &str) -> Load {
        let mut load = Load {
            ends: Arc::default(),
            stanzas: Arc::default(),
            requests: Arc::default(),
            threads: Vec::new(),
        };
        for _ in 0..2 {
            let mut client = Client::login(server, &server.new_account("busy"), "abc");
            let nobody = server.new_account("away");
            let headline =
                format!("<message type='headline' to='{nobody}'><body>x</body></message>");
            let batch = headline.repeat(100);
            load.run(&load.stanzas.clone(), 100, move || client.send(&batch));
        }
        let mut user = Client::login(server, &server.new_account("user"), "abc");
        let domain = domain.to_owned();
        load.run(&load.requests.clone(), 20, move || {
            (0..20).for_each(|_| user.ask(&domain, "r"));
            // A killed proxy does not answer.
            for _ in 0..20 {
                user.try_receive_where(Duration::from_millis(100), is_reply);
            }
        });
        load
    }

    fn run(&mut self, count: &Arc<AtomicU64>, each: u64, mut work: impl FnMut() + Send + 'static) {
        let (ends, count) = (Arc::clone(&self.ends), Arc::clone(count));
        self.threads.push(thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                work();
                count.fetch_add(each, Ordering::Relaxed);
            }
        }));
    }

    /// How many stanzas were sent, and how many requests.
    fn stop(self) -> (u64, u64) {
        self.ends.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a client that works"));
        (self.stanzas.load(Ordering::Relaxed), self.requests.load(Ordering::Relaxed))
    }
}
