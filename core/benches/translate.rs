//! What a stanza costs the pure middle, from bytes to bytes, and what its parts cost.
//!
//!     cargo bench --bench translate
//!
//! First criterion's figures. Then a table of times and ratios, each the smallest of many rounds in
//! which everything is timed in turn: compared with quick-xml's bare event loop over the same bytes,
//! with copying them, with what libraries take for the token as well, and each part with the whole.
//! Fails if a ratio that is a target is missed.

use std::hint::black_box;
use std::time::Duration;

use core_tests::bench::by_turns::{self, Task};
use core_tests::bench::exchanges::KINDS;
use core_tests::bench::form::Form;
use core_tests::bench::gate::Gates;
use core_tests::bench::least::{Least, Way, copy};
use core_tests::bench::names::Names;
use core_tests::bench::parts::Parts;
use core_tests::bench::proxy::Proxy;
use core_tests::bench::stanzas::{self, USER};
use core_tests::xml::Stanza;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Stanzas that arrive together; a socket under load gives that many small ones at once.
const BATCH: usize = 64;

fn main() {
    let form = Form::of_this_run();
    let mut criterion = Criterion::default()
        .configure_from_args()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    let cases = [
        Case::new("disco#info request, 150 bytes", &stanzas::disco_request(), BATCH),
        Case::new("disco#info reply, 2 kB", &stanzas::disco_reply(), BATCH),
        Case::new("100 kB of tags", &stanzas::tags(100_000), 1),
        Case::new("100 kB of text", &stanzas::text(100_000), 1),
    ];
    for case in &cases {
        case.bench(&mut criterion.benchmark_group(case.name));
    }
    criterion.final_summary();

    println!(
        "\n| stanza | way | ns | stanzas/s | MB/s | × copying | × HMAC, base32 and copying \
         | % of quick-xml's speed |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut gates = Gates::new(form);
    for case in &cases {
        case.compare(form, &mut gates);
    }
    println!("\n| part of a small request | ns | % of the whole |\n|---|---|---|");
    let Case { proxy_input, .. } = &cases[0];
    Parts::of(&proxy_input[0]).compare(&mut Proxy::new(), form);
    println!("\n| small stanza | ns | × a request alone |\n|---|---|---|");
    compare_kinds(form);
    println!("\n| name | ns |\n|---|---|");
    compare_names(form);
    gates.finish();
}

/// A request with some payload and its reply with the same, several at once.
struct Case {
    name: &'static str,
    batch: usize,
    /// The request and the reply, one of each.
    proxy_input: [String; 2],
}

impl Case {
    fn new(name: &'static str, payload: &str, batch: usize) -> Self {
        let mut proxy = Proxy::new();
        let request = stanzas::request(payload);
        let forwarded = proxy.relay(&request);
        let reply = stanzas::reply(&forwarded, payload);
        let reverted = proxy.relay(&reply);
        assert_eq!(Stanza::read(&reverted).to, USER);
        assert_eq!(proxy.counts(), (2, 0));
        Self { name, batch, proxy_input: [request, reply] }
    }

    fn ways(&self) -> impl Iterator<Item = (Way, String)> {
        let inputs = self.proxy_input.iter().map(|stanza| stanza.repeat(self.batch));
        [Way::Forward, Way::Revert].into_iter().zip(inputs)
    }

    fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>) {
        for (way, input) in self.ways() {
            let mut proxy = Proxy::new();
            group.throughput(Throughput::Bytes(input.len() as u64));
            group.bench_function(format!("{} {}", name(way), self.batch), |bencher| {
                bencher.iter(|| proxy.turn(black_box(input.as_bytes())));
            });
            // None at all, if the arguments select another.
            assert_eq!(proxy.counts().1, 0, "some stanzas were not relayed");
        }
    }

    fn compare(&self, form: Form, gates: &mut Gates) {
        let parts = Parts::of(&self.proxy_input[0]);
        for (way, input) in self.ways() {
            let mut proxy = Proxy::new();
            let output = proxy.relay(&input);
            let one = |stanzas: &str| stanzas.as_bytes()[..stanzas.len() / self.batch].to_vec();
            let stanzas = [one(&input), one(&output)];
            let mut least = Least::new(way, &parts, [&stanzas[0], &stanzas[1]]);
            let mut buffers = [Vec::new(), Vec::new()];
            let tasks = vec![
                Task::new("translate", || {
                    proxy.turn(black_box(input.as_bytes()));
                }),
                Task::new("copy", || copy(&mut buffers, [input.as_bytes(), output.as_bytes()])),
                Task::new("least", || (0..self.batch).for_each(|_| least.turn())),
                Task::new("events", || events(black_box(&input))),
            ];
            let times = by_turns::time(tasks, form);
            let [translate, copied, least, events] = times[..] else { unreachable!("four tasks") };
            let way = name(way);
            let each = translate.0 / self.batch as f64;
            let speed = events.over(translate);
            println!(
                "| {} | {way} | {each:.0} | {:.0} | {:.0} | {:.1} | {:.2} | {:.0} |",
                self.name,
                1e9 / each,
                input.len() as f64 * 1e3 / translate.0,
                translate.over(copied),
                translate.over(least),
                100.0 * speed,
            );
            if self.batch == 1 {
                gates.at_least(format!("{}, {way}: speed of quick-xml", self.name), speed, 0.6);
            }
            proxy.assert_all_relayed();
        }
    }
}

fn name(way: Way) -> &'static str {
    match way {
        Way::Forward => "forward",
        Way::Revert => "revert",
    }
}

/// Every kind of stanza that is relayed, compared with a request where nothing else is.
fn compare_kinds(form: Form) {
    let mut exchanges: Vec<_> = KINDS.iter().map(|kind| (kind.begin)()).collect();
    let tasks = KINDS.iter().zip(&mut exchanges).map(|(kind, exchange)| {
        Task::new(kind.name, || {
            black_box(exchange.turn());
        })
    });
    let times = by_turns::time(tasks.collect(), form);
    for (kind, time) in KINDS.iter().zip(&times) {
        println!("| {} | {:.0} | {:.2} |", kind.name, time.0, time.over(times[0]));
    }
    exchanges.iter().for_each(|exchange| exchange.assert_all_relayed());
}

fn compare_names(form: Form) {
    let (clear, signed) = (Names::clear(), Names::signed());
    let mut texts = [const { String::new() }; 6];
    let [sealed, opened, clear_text, clear_read, signed_text, signed_read] = &mut texts;
    let tasks = vec![
        Task::new("alias, made", || clear.seal(sealed)),
        Task::new("alias, opened", || clear.open(opened)),
        Task::new("clear mirror, made", || clear.write_mirror(clear_text)),
        Task::new("clear mirror, read", || clear.read_mirror(clear_read)),
        Task::new("signed mirror, made", || signed.write_mirror(signed_text)),
        Task::new("signed mirror, read", || signed.read_mirror(signed_read)),
    ];
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    for (name, time) in names.iter().zip(by_turns::time(tasks, form)) {
        println!("| {name} | {:.0} |", time.0);
    }
}

/// The bare event loop of quick-xml.
fn events(input: &str) {
    let mut reader = Reader::from_str(input);
    loop {
        match reader.read_event().expect("well formed") {
            Event::Eof => return,
            event => drop(black_box(event)),
        }
    }
}
