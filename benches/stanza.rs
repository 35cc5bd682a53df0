//! What one stanza costs the pure middle: split, judged, its token made or verified, written.
//!
//!     cargo bench --bench stanza
//!
//! Beside each figure stands the time of copying the same bytes in and out, in the same run:
//! the ratio means more than the time on a machine that does other things too.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastrand::Rng;
use jat_proxy::jat::dispatch::Dispatch;
use jat_proxy::jat::keyring::{Key, Keyring};
use jat_proxy::jat::now::Now;
use jat_proxy::jat::reason::{Direction, Reason, Tally};
use jat_proxy::jat::settings::{Settings, TokenIn};
use jat_proxy::jat::target::Target;
use jat_proxy::jat::translator::Translator;
use jat_proxy::session::{Bounds, Session, Turn};
use jat_proxy::stanza::limits::Limits;
use zeroize::Zeroizing;

const NOW: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(100) };
const USER: &str = "user@some-domain.example/abc";
const TARGET: &str = "some-user@some-domain.example";
const DOMAIN: &str = "proxy.domain.example";

criterion_main!(benches);
criterion_group!(benches, stanzas);

fn stanzas(criterion: &mut Criterion) {
    for (size, payload) in [("small", small()), ("large", large())] {
        let request =
            format!("<iq type='get' id='1234' to='{DOMAIN}' from='{USER}'>{payload}</iq>");
        let mut proxy = Proxy::new();
        let forwarded = proxy.relay(request.as_bytes());
        let [id, to, from] = ["id", "to", "from"].map(|name| attribute(&forwarded, name));
        let reply = format!("<iq type='result' id='{id}' to='{from}' from='{to}'>{payload}</iq>");
        let reverted = proxy.relay(reply.as_bytes());
        assert_eq!(attribute(&reverted, "to"), USER);
        assert_eq!(proxy.relayed(), 2);

        let mut group = criterion.benchmark_group(size);
        let directions = [("forward", &request, &forwarded), ("revert", &reply, &reverted)];
        for (direction, input, output) in directions {
            let (input, output) = (input.as_bytes(), output.as_bytes());
            println!("{size} {direction}: {} bytes in, {} out", input.len(), output.len());
            group.throughput(Throughput::Elements(1));
            group.bench_function(direction, |b| b.iter(|| proxy.turn(black_box(input))));
            let mut buffers = [Vec::new(), Vec::new()];
            group.bench_function(format!("{direction}, copied only"), |b| {
                b.iter(|| {
                    for (buffer, bytes) in buffers.iter_mut().zip([input, output]) {
                        buffer.clear();
                        buffer.extend_from_slice(black_box(bytes));
                        black_box(buffer);
                    }
                });
            });
        }
        group.finish();
        let (seen, lost) = proxy.counts();
        assert_eq!(lost, 0, "of {seen} stanzas some were not relayed");
    }
}

/// A request of about 200 bytes with this in it.
fn small() -> String {
    "<query xmlns='http://jabber.org/protocol/disco#info' node='https://some.example/v1#7'/>".into()
}

/// About 10 kB of elements with attributes and text, as of a list of results.
fn large() -> String {
    let item = |n| format!("<item jid='room{n}@rooms.example' name='Room {n}'>some text</item>");
    let items: String = (0..150).map(item).collect();
    format!("<query xmlns='http://jabber.org/protocol/disco#items'>{items}</query>")
}

/// A logged-in stream whose target has two resources online.
struct Proxy {
    session: Session,
    translator: Translator,
    tally: Tally,
    rng: Rng,
}

impl Proxy {
    fn new() -> Self {
        let key = Key::new(1, &Zeroizing::new(vec![1; 32]), None).expect("long enough");
        let mut translator = Translator::new(Settings {
            domain: DOMAIN.parse().expect("a domain"),
            presence_domain: None,
            target: Target::new(TARGET.parse().expect("an address")),
            dispatch: Dispatch::Random,
            token_in: TokenIn::Resource,
            keyring: Arc::new(Keyring::new(vec![key], NOW.unix).expect("one key that signs")),
            reply_ttl: 3600,
        });
        let (mut tally, mut rng) = (Tally::default(), Rng::with_seed(7));
        let bounds = Bounds { limits: Limits::default(), max_backlog: 16 * 1024 * 1024 };
        let mut turn =
            Turn { translator: &mut translator, tally: &mut tally, rng: &mut rng, now: NOW };
        let session = Session::new(DOMAIN.parse().expect("a domain"), bounds, &mut turn);
        let mut proxy = Self { session, translator, tally, rng };
        for resource in ["a", "b"] {
            let online = format!("<presence to='{DOMAIN}' from='{TARGET}/{resource}'/>");
            proxy.turn(online.as_bytes());
        }
        proxy
    }

    /// What one wakeup of a stream does, without the socket; gives how much went out.
    fn turn(&mut self, input: &[u8]) -> usize {
        let Self { session, translator, tally, rng } = self;
        let mut turn = Turn { translator, tally, rng, now: NOW };
        session.input().extend_from_slice(input);
        session.received(NOW);
        session.process(&mut turn).expect("the stream goes on");
        let count = black_box(session.output()).len();
        session.sent(count, NOW);
        count
    }

    fn relay(&mut self, input: &[u8]) -> String {
        let Self { session, translator, tally, rng } = self;
        let mut turn = Turn { translator, tally, rng, now: NOW };
        session.input().extend_from_slice(input);
        session.process(&mut turn).expect("the stream goes on");
        let output = str::from_utf8(session.output()).expect("UTF-8").to_owned();
        session.sent(output.len(), NOW);
        output
    }

    fn relayed(&self) -> u64 {
        self.counted(|reason| reason == Reason::Relayed)
    }

    /// Requests and replies, and how many of them went wrong.
    fn counts(&self) -> (u64, u64) {
        let seen = self.counted(|_| true);
        (seen, seen - self.relayed())
    }

    fn counted(&self, fits: impl Fn(Reason) -> bool) -> u64 {
        let ours = |direction| matches!(direction, Direction::Forward | Direction::Revert);
        self.tally.iter().filter(|(d, r, _)| ours(*d) && fits(*r)).map(|(.., n)| n).sum()
    }
}

/// A quoted attribute of the first tag; none of ours needs unescaping.
fn attribute<'x>(stanza: &'x str, name: &str) -> &'x str {
    let (_, rest) = stanza.split_once(&format!(" {name}=")).expect("the attribute is there");
    rest[1..].split(&rest[..1]).next().expect("a split gives one piece")
}
