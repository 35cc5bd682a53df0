//! Time for one stanza, with a short list and a long one.

use std::fmt::Write;
use std::time::Instant;

use jat_core::jat::dispatch::Dispatch;

use crate::bots::{available, unavailable};
use crate::replica::{DOMAIN, Replica, Role};

/// Prints what a stanza costs a replica with so many resources in its list.
pub fn print(sizes: &[usize]) {
    println!("\n| a stanza, with a list of | {} |", row(sizes, |size| size.to_string()));
    println!("|---|{}", "---|".repeat(sizes.len()));
    for (name, role, stanzas) in [
        ("presence that is known", Role::Presence, known as fn(usize) -> String),
        ("a resource comes, or goes", Role::Presence, comes_and_goes),
        ("request, `random`", Role::Component, requests),
        ("request, `sticky`", Role::Component, requests),
    ] {
        let dispatch = if name.contains("sticky") { Dispatch::Sticky } else { Dispatch::Random };
        let cells = row(sizes, |size| {
            let mut replica = with_list(size, dispatch);
            let text = stanzas(size);
            let begun = Instant::now();
            replica.read(role, text.as_bytes(), 1_000);
            format!("{:.1} µs", begun.elapsed().as_secs_f64() * 1e6 / STANZAS as f64)
        });
        println!("| {name} | {cells} |");
    }
}

/// The cells of a row.
fn row(sizes: &[usize], cell: impl Fn(usize) -> String) -> String {
    sizes.iter().map(|size| cell(*size)).collect::<Vec<_>>().join(" | ")
}

fn with_list(resources: usize, dispatch: Dispatch) -> Replica {
    let mut replica = Replica::new(0, 0, dispatch);
    replica.connect(0);
    for number in 0..resources {
        replica.read(Role::Presence, available(number, PRESENCE).as_bytes(), 0);
    }
    replica
}

fn known(size: usize) -> String {
    (0..STANZAS).map(|number| available(number * 7 % size, PRESENCE)).collect()
}

fn comes_and_goes(size: usize) -> String {
    let one = |number: usize| match number % 2 {
        0 => unavailable(number * 7 % size, PRESENCE),
        _ => available((number - 1) * 7 % size, PRESENCE),
    };
    (0..STANZAS).map(one).collect()
}

fn requests(_: usize) -> String {
    (0..STANZAS).fold(String::new(), |mut text, number| {
        let user = number * 7_919 % 1_000_000;
        let _ = write!(
            text,
            "<iq type='get' id='1' from='user{user}@some-domain.example/abc' to='{DOMAIN}'><q/></iq>"
        );
        text
    })
}

const STANZAS: usize = 20_000;
const PRESENCE: &str = "r0.proxy.example";
