//! What many services at one domain cost.
//!
//!     cargo bench --bench faces
//!
//! A request to one of a thousand names, and to one of twenty patterns in addition to them, is
//! compared with a request to the only service. Then a thousand services start, each with a target
//! of its own, and their memory is measured. Fails if a ratio that is a target is missed.

use std::hint::black_box;
use std::process;
use std::time::Instant;

use core_tests::bench::by_turns::{self, Task};
use core_tests::bench::form::Form;
use core_tests::bench::gate::Gates;
use core_tests::bench::proxy::Proxy;
use core_tests::bench::services::{account, fixed, many};
use core_tests::bench::stanzas::{self, DOMAIN};
use core_tests::bench::usage;
use core_tests::session::{START, Side, settings};
use jat_core::session::Bounds;

fn main() {
    let form = Form::of_this_run();
    let mut gates = Gates::new(form);
    compare_requests(form, &mut gates);
    start();
    gates.finish();
}

fn compare_requests(form: Form, gates: &mut Gates) {
    let cases = [
        ("one service", Proxy::of(settings(DOMAIN, &fixed(0))), "face0", 1.0),
        ("one of 1,000 names", Proxy::of(many(1_000, 0, fixed)), "face500", 1.15),
        ("one of 1,000 names and 20 patterns", Proxy::of(many(1_000, 20, fixed)), "face500", 1.15),
        ("the last of 20 patterns", Proxy::of(many(1_000, 20, fixed)), "pattern19-x", 1.5),
        ("no face", Proxy::of(many(1_000, 20, fixed)), "none", 1.5),
    ];
    let mut cases = cases.map(|(name, proxy, node, most)| {
        let request = stanzas::request(&stanzas::disco_request());
        (name, proxy, request.replacen("to='", &format!("to='{node}@"), 1), most)
    });
    let tasks = cases.iter_mut().map(|(name, proxy, request, _)| {
        Task::new(*name, || {
            black_box(proxy.turn(request.as_bytes()));
        })
    });
    let times = by_turns::time(tasks.collect(), form);
    println!("| a request to | ns | × one service |\n|---|---|---|");
    for ((name, .., most), time) in cases.iter().zip(&times) {
        let ratio = time.over(times[0]);
        println!("| {name} | {:.0} | {ratio:.2} |", time.0);
        gates.at_most(format!("{name}, over one service"), ratio, *most);
    }
    for (name, proxy, ..) in &cases[..4] {
        let (relayed, not) = proxy.counts();
        assert!(relayed > 0 && not == 0, "{name}: {relayed} relayed, {not} not");
    }
}

/// From the settings to the subscriptions; then a reload that removes a face and adds another.
fn start() {
    let memory = || usage::status(process::id(), "VmRSS:");
    let arrangement = many(1_000, 0, account);
    let (before, begun) = (memory(), Instant::now());
    let mut side = Side::new(arrangement.clone(), Bounds::default());
    let said = side.output(START).len();
    let started = begun.elapsed();
    let after = memory();
    assert_eq!(side.shared.services.translators().len(), 1_000);
    let mut other = arrangement;
    other.faces.swap_remove(0);
    other.faces.extend(many(1_001, 0, account).faces.pop());
    let begun = Instant::now();
    side.shared.services.reconfigure(other);
    let took = begun.elapsed();
    assert_eq!(side.shared.services.translators().len(), 1_000);
    println!("\n| 1,000 services with 1,000 targets | |\n|---|---|");
    println!("| start, until the subscriptions are asked for | {started:.1?}, {said} bytes |");
    println!("| memory before and after | {before}, {after} |");
    println!("| reload, one face less and one more | {took:.1?} |");
}
