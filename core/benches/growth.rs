//! Whether the time for a byte stays the same when stanzas grow, nest, or arrive in pieces.
//!
//!     cargo bench --bench growth
//!
//! Stanzas of all sizes are timed in turn, together with the smallest, whose cost (token, head,
//! verdict) is part of all of them. The cost of a byte of payload above that may differ by a factor
//! of two between sizes; otherwise it fails.

use std::hint::black_box;

use core_tests::bench::by_turns::{self, Task};
use core_tests::bench::exchanges::{DELAY, presence_outward};
use core_tests::bench::form::Form;
use core_tests::bench::gate::Gates;
use core_tests::bench::proxy::Proxy;
use core_tests::bench::stanzas;

fn main() {
    let form = Form::of_this_run();
    let mut gates = Gates::new(form);
    let sizes = [1_000, 10_000, 100_000, 400_000];
    println!("| what grows | | ns per byte | ns per byte of payload |\n|---|---|---|---|");
    let of_size = |kind: fn(usize) -> String| {
        sizes.map(|size| (format!("{} kB", size / 1000), kind(size - ENVELOPE)))
    };
    Growth::of_relayed("a stanza of tags", &of_size(stanzas::tags), whole)
        .compare(form, &mut gates);
    Growth::of_relayed("a stanza of text", &of_size(stanzas::text), whole)
        .compare(form, &mut gates);
    // The request and its one child are levels too.
    let levels =
        [1, 2, 8, 32, 126].map(|depth| (format!("{depth} levels"), stanzas::nested(depth, 50_000)));
    Growth::of_relayed("nesting up to the limit", &levels, whole).compare(form, &mut gates);
    let skipped = [1_000, 10_000, 100_000, 1_000_000]
        .map(|depth| (format!("{depth} levels"), "<a>".repeat(depth) + &"</a>".repeat(depth)));
    let what = "skipping what is over the limit";
    let feed = in_reads_of::<65_536>;
    Growth { what, payloads: &skipped, begin: request, feed, relayed: false }
        .compare(form, &mut gates);
    // It grows when it is translated; a larger one would then be over the limit.
    let own_addresses = [1_000, 10_000, 100_000, 300_000]
        .map(|size| (format!("{} kB", size / 1000), stanzas::own_addresses(size)));
    for (what, payloads) in [
        ("presence that is looked through", of_size(stanzas::tags)),
        ("presence full of the target's address", own_addresses),
    ] {
        Growth { what, payloads: &payloads, begin: late_presence, feed: whole, relayed: true }
            .compare(form, &mut gates);
    }
    let cut = of_size(stanzas::tags);
    Growth::of_relayed("a stanza in reads of one byte", &cut, in_reads_of::<1>)
        .compare(form, &mut gates);
    gates.finish();
}

/// Stanzas that grow, each fed to a stream of its own.
struct Growth<'a> {
    what: &'static str,
    payloads: &'a [(String, String)],
    /// The stanza with this payload, and its stream.
    begin: fn(&str) -> (Proxy, String),
    feed: fn(&mut Proxy, &[u8]),
    /// Whether they are relayed, or refused.
    relayed: bool,
}

impl<'a> Growth<'a> {
    fn of_relayed(
        what: &'static str,
        payloads: &'a [(String, String)],
        feed: fn(&mut Proxy, &[u8]),
    ) -> Self {
        Self { what, payloads, begin: request, feed, relayed: true }
    }

    fn compare(&self, form: Form, gates: &mut Gates) {
        let Self { what, payloads, begin, feed, relayed } = self;
        let payload = payloads.iter().map(|(_, payload)| &**payload);
        let (mut proxies, stanzas): (Vec<Proxy>, Vec<String>) =
            [SMALLEST].into_iter().chain(payload).map(begin).unzip();
        let tasks = stanzas.iter().zip(&mut proxies).map(|(stanza, proxy)| {
            Task::new(*what, move || feed(proxy, black_box(stanza.as_bytes())))
        });
        let times = by_turns::time(tasks.collect(), form);
        let (smallest, times) = times.split_first().expect("the smallest is the first");
        let mut each = Vec::new();
        for ((name, payload), (stanza, time)) in payloads.iter().zip(stanzas[1..].iter().zip(times))
        {
            let whole = time.0 / stanza.len() as f64;
            let above = (time.0 - smallest.0) / (payload.len() - SMALLEST.len()) as f64;
            println!("| {what} | {name} | {whole:.2} | {above:.2} |");
            each.push(above);
        }
        let most = each.iter().copied().fold(f64::MIN, f64::max);
        let least = each.iter().copied().fold(f64::MAX, f64::min);
        gates.at_most(format!("{what}: slowest over fastest"), most / least, 2.0);
        for proxy in &proxies[1..] {
            let (good, refused) = proxy.counts();
            let (wanted, other) = if *relayed { (good, refused) } else { (refused, good) };
            assert!(wanted > 0 && other == 0, "{what}: {good} relayed, {refused} not");
        }
    }
}

fn request(payload: &str) -> (Proxy, String) {
    (Proxy::new(), stanzas::request(payload))
}

/// Presence that the target's server delivers late, whose address has to be removed.
fn late_presence(payload: &str) -> (Proxy, String) {
    presence_outward(&format!("{DELAY}{payload}"))
}

fn whole(proxy: &mut Proxy, stanza: &[u8]) {
    proxy.turn(stanza);
}

fn in_reads_of<const N: usize>(proxy: &mut Proxy, stanza: &[u8]) {
    for read in stanza.chunks(N) {
        proxy.turn(read);
    }
}

/// The payload of the smallest stanza.
const SMALLEST: &str = "<q/>";
/// About the size of a stanza without its payload.
const ENVELOPE: usize = 100;
