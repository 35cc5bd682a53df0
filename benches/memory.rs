//! What the release binary takes in memory: at rest, after a load, for each resource of a
//! target, for each component.
//!
//!     cargo bench --bench memory
//!
//! `STANZAS=n` sets how many stanzas the load has. Fails if a target is missed.

#[path = "relay/driver.rs"]
#[allow(dead_code, reason = "the driver of the relay benchmark has more than is needed here")]
mod driver;
#[path = "common/gate.rs"]
#[allow(dead_code, reason = "other benchmarks have other targets")]
mod gate;
#[path = "relay/process.rs"]
#[allow(dead_code, reason = "here it is memory that counts")]
mod process;
#[path = "common/usage.rs"]
mod usage;

use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use driver::{Driver, Load};
use gate::Gates;
use process::Process;

fn main() {
    let stanzas = std::env::var("STANZAS").map_or(10_000_000, |n| n.parse().expect("a number"));
    let (daemon, mut driver) = start();
    let idle = resident(&daemon);
    println!("| what | resident | more than before |\n|---|---|---|");
    print("at idle", idle, None);
    driver.run(Load { replies: true, in_flight: 256, requests: stanzas / 2 });
    let loaded = resident(&daemon);
    print(&format!("after {stanzas} stanzas"), loaded, Some(idle));
    // It must have been the load.
    driver.run(Load { replies: true, in_flight: 256, requests: stanzas / 2 });
    print("after as many again", resident(&daemon), Some(loaded));
    let mut gates = Gates::default();
    gates.at_most("MiB at idle".into(), mib(idle), 12.0);
    gates.at_most(format!("MiB more after {stanzas} stanzas"), mib(loaded) - mib(idle), 1.0);

    let (daemon, mut driver) = start();
    let before = resident(&daemon);
    driver.bring_online((0..1_000).map(|number| format!("resource-{number}")));
    let after = resident(&daemon);
    print("with 1,000 resources online", after, Some(before));
    println!("a resource: {} bytes", after.saturating_sub(before) / 1_000);

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let daemon = Process::daemon(&address, 99);
    let _drivers: Vec<_> = (0..100).map(|_| Driver::log_in(&listener)).collect();
    let hundred = resident(&daemon);
    print("with 100 components", hundred, Some(before));
    println!("a component: {} bytes", hundred.saturating_sub(before) / 99);
    gates.finish();
}

fn start() -> (Process, Driver) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let daemon = Process::daemon(&address, 0);
    let mut driver = Driver::log_in(&listener);
    driver.bring_online(std::iter::once("a".to_owned()));
    (daemon, driver)
}

/// When it has come to rest.
fn resident(daemon: &Process) -> u64 {
    sleep(Duration::from_secs(3));
    daemon.resident()
}

fn print(what: &str, bytes: u64, before: Option<u64>) {
    let more = before.map(|before| format!("{:+.2} MiB", mib(bytes) - mib(before)));
    println!("| {what} | {:.2} MiB | {} |", mib(bytes), more.unwrap_or_default());
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}
