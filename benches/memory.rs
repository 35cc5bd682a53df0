//! What the release binary takes in memory: at rest, after a load, for each resource of a
//! target, for each component.
//!
//!     cargo bench --bench memory
//!
//! `STANZAS=n` sets how many stanzas the load has. Fails if a target is missed.

use std::net::TcpListener;
use std::time::Duration;

use core_tests::bench::form::Form;
use core_tests::bench::gate::Gates;
use test_support::bench::driver::{Driver, Load};
use test_support::bench::process::Process;

fn main() {
    let form = Form::of_this_run();
    let mut gates = Gates::new(form);
    println!("| what | resident | more than before |\n|---|---|---|");
    under_load(form, &mut gates);
    let before = with_resources(form, &mut gates);
    with_components(form, before, &mut gates);
    gates.finish();
}

fn under_load(form: Form, gates: &mut Gates) {
    let otherwise = form.pick(10_000_000, 20_000);
    let stanzas = std::env::var("STANZAS").map_or(otherwise, |n| n.parse().expect("a number"));
    let load = load(stanzas / 2);
    let (daemon, mut driver) = start();
    let idle = resident(form, &daemon, &mut [&mut driver]);
    print("at idle", idle, None);
    driver.run(load);
    let loaded = resident(form, &daemon, &mut [&mut driver]);
    print(&format!("after {stanzas} stanzas"), loaded, Some(idle));
    // The growth must come from the load.
    driver.run(load);
    print("after as many again", resident(form, &daemon, &mut [&mut driver]), Some(loaded));
    gates.at_most("MiB at idle".into(), mib(idle), 12.0);
    gates.at_most(format!("MiB more after {stanzas} stanzas"), mib(loaded) - mib(idle), 1.0);
}

/// Returns the memory with one component, and one resource.
fn with_resources(form: Form, gates: &mut Gates) -> u64 {
    let (daemon, mut driver) = start();
    let one = resident(form, &daemon, &mut [&mut driver]);
    // So that the buffers, which stay as large as a load has made them, do not count.
    driver.run(load(20_000));
    let before = resident(form, &daemon, &mut [&mut driver]);
    driver.bring_online((0..1_000).map(|number| format!("resource-{number}")));
    let after = resident(form, &daemon, &mut [&mut driver]);
    print("with 1,000 resources online", after, Some(before));
    let each = after.saturating_sub(before) as f64 / 1_000.0;
    gates.at_most("bytes for each resource".into(), each, 500.0);
    one
}

fn with_components(form: Form, before: u64, gates: &mut Gates) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let daemon = Process::daemon(&address, 99);
    let mut drivers: Vec<_> = (0..100).map(|_| Driver::log_in(&listener)).collect();
    let hundred = resident(form, &daemon, &mut drivers.iter_mut().collect::<Vec<_>>());
    print("with 100 components", hundred, Some(before));
    let each = hundred.saturating_sub(before) as f64 / 99.0;
    gates.at_most("kB for each component".into(), each / 1_000.0, 60.0);
}

fn load(requests: u64) -> Load {
    Load { replies: true, in_flight: 256, requests, pause: Duration::ZERO }
}

/// The memory once it no longer changes.
fn resident(form: Form, daemon: &Process, drivers: &mut [&mut Driver]) -> u64 {
    Driver::rest(drivers, form.pick(Duration::from_secs(3), Duration::from_millis(100)));
    daemon.resident()
}

fn start() -> (Process, Driver) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let daemon = Process::daemon(&address, 0);
    let mut driver = Driver::log_in(&listener);
    driver.bring_online(std::iter::once("a".to_owned()));
    (daemon, driver)
}

fn print(what: &str, bytes: u64, before: Option<u64>) {
    let more = before.map(|before| format!("{:+.2} MiB", mib(bytes) - mib(before)));
    println!("| {what} | {:.2} MiB | {} |", mib(bytes), more.unwrap_or_default());
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}
