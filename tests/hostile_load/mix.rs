//! 100,000 hostile stanzas among 100,000 good requests (a tenth of them without optimisation),
//! through the real daemon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use core_tests::xml::escaped;
use fastrand::Rng;
use jat_proxy::jat::reason::Reason;
use jat_proxy::jat::tally::Tally;
use jat_proxy::jat::traffic::{Class, TARGET_REPLY, USER_REQUEST};
use mock_server::{Client, Connection, Options, RosterState, Server};
use rustix::process::Signal;
use test_support::cases::{self, Case, Cast, Sender};
use test_support::daemon::{DOMAIN, Daemon, TARGET};
use test_support::launch::Launch;
use test_support::stage::configuration;
use test_support::tally::{difference, shown, total, unbraked};
use test_support::wait::PATIENCE;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::account::{counted, counted_since, resident};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_requests_among_hostile_stanzas_are_all_served_and_all_are_counted() {
    let it = Scene::start().await;
    let mut small = cases::of_users(&CAST);
    small.extend(cases::of_servers(&CAST));
    small.extend(cases::of_service(&CAST));
    assert!(small.iter().all(|case| case.xml.len() < 4_000));
    let mut large = cases::large(&CAST, MOST);
    large.extend(cases::large_of_servers(&CAST, MOST));
    let mut rng = Rng::with_seed(1);
    let before = &it.before;
    let mut sent = Sent::default();
    let pick = |count: usize, rng: &mut Rng| -> Vec<&Case> {
        let from = |number: usize| if number < count / 100 { &large } else { &small };
        (0..count).map(|number| rng.choice(from(number)).unwrap()).collect()
    };
    // Every case once, and many more until the allocator's memory no longer grows.
    let deepest = cases::deepest(&CAST);
    let once = small.iter().chain(&large).chain([&deepest]);
    let first = once.chain(pick(HOSTILE / 10, &mut rng)).collect();
    it.run(first, GOOD / 10, &mut rng, &mut sent).await;
    sent.warm = total(&sent.tally);
    let warm = resident(&it.daemon);
    let hostile = pick(HOSTILE, &mut rng);
    let began = Instant::now();
    it.run(hostile, GOOD, &mut rng, &mut sent).await;
    let took = began.elapsed();
    let counted = counted_since(&it.daemon, before, total(&sent.tally)).await;
    let end = resident(&it.daemon);
    println!(
        "{HOSTILE} hostile stanzas, {GOOD} good requests and their replies in {took:.1?}; resident \
         {} KiB after {} stanzas, {} KiB after {}; {:?}",
        warm / 1024,
        sent.warm,
        end / 1024,
        total(&sent.tally),
        shown(&counted),
    );
    let withheld = withheld(&counted, &sent.tally);
    assert!(withheld > 0, "nothing was withheld");
    assert_eq!(shown(&unbraked(&counted, &sent.tally)), shown(&sent.tally));
    let told = it.told.load(Ordering::Relaxed);
    // Some of the withheld answers are for others.
    let of_user = sent.answers..=sent.answers + sent.of_others;
    assert!(of_user.contains(&(told + withheld)), "{of_user:?} is not {told} + {withheld}");
    assert!(told <= sent.answers, "the hostile user was told {told} of {}", sent.answers);
    assert!(end <= warm + SLACK, "{warm} bytes resident, and {end} in the end");
    let status = it.daemon.status();
    assert_eq!(status["components"][0]["logins"], 1, "{}", it.daemon.log());
    assert_eq!(it.server.accepted(), 1);
    assert_all_reasons(&sent.tally);
}

/// IQs and messages that are not answered because the sender got too many errors. Some of them are
/// too large to be answered anyway.
fn withheld(counted: &Tally, sent: &Tally) -> usize {
    let of = |traffic| {
        let large = |it: &Tally| it.of(traffic, Reason::HeadTooLarge);
        let anyway = large(sent).saturating_sub(large(counted));
        counted.of(traffic, Reason::Throttled).saturating_sub(anyway)
    };
    let classes = [Class::Request, Class::Message];
    let all = classes.map(|class| of(class.inward()) + of(class.outward()));
    usize::try_from(all.iter().sum::<u64>()).unwrap()
}

/// Checks that the mix has every reason except these.
fn assert_all_reasons(tally: &Tally) {
    let missing: Vec<_> = Reason::ALL.iter().filter(|r| tally.total(**r) == 0).collect();
    let elsewhere = [
        // Only requests of users are relayed.
        Reason::ToAccount,
        Reason::AliasTooLong,
        Reason::Scrubbed,
        // There are no lists of senders, and no limit.
        Reason::Forbidden,
        Reason::OverRate,
        // They are about the state of the target or of the stream, not about a stanza.
        Reason::PresenceDomain,
        Reason::NeverSubscribed,
        Reason::SubscriptionPending,
        Reason::SubscriptionDenied,
        Reason::Offline,
        Reason::NeverAsked,
        // Only requests of users are relayed.
        Reason::ProbeRefused,
        Reason::FaceReserved,
        Reason::NoSuchFace,
        Reason::MirrorTooLong,
        Reason::GroupchatRefused,
        Reason::MirrorMalformed,
        Reason::OwnFace,
        Reason::OwnMirror,
        Reason::NotTarget,
        Reason::NotInitiated,
        Reason::MirrorSignature,
        Reason::MirrorOldKey,
        Reason::RequestRefused,
        Reason::NoReplyAddress,
        // All requests go to the target.
        Reason::MalformedQuery,
        Reason::UnknownNode,
        Reason::OwnAnswer,
        Reason::Echo,
        Reason::ServerTime,
        // It is counted instead of others.
        Reason::Throttled,
        // Only requests of users are relayed.
        Reason::NoAlias,
        // Tokens that only a holder of the key can make.
        Reason::TokenMalformed,
        Reason::TokenKind,
        // Only requests of users are relayed.
        Reason::ErrorUnrouted,
        Reason::PresenceError,
        Reason::ArrivedAfterClose,
    ];
    assert_eq!(missing, elsewhere.iter().collect::<Vec<_>>());
}

/// What was sent to the daemon, by how it has to be counted.
#[derive(Default)]
struct Sent {
    tally: Tally,
    /// How many there were when the warm-up ended.
    warm: u64,
    good: usize,
    /// Errors and replies for the hostile user.
    answers: usize,
    /// Errors for others.
    of_others: usize,
}

/// A daemon, a service that replies to everything, users who are served, and a hostile one.
struct Scene {
    server: Server,
    daemon: Daemon,
    /// What it had counted before anything was sent.
    before: Tally,
    connection: Arc<Connection>,
    served: Arc<AtomicUsize>,
    told: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Scene {
    async fn start() -> Self {
        let server = Server::start(Options { record: false, ..Options::ejabberd("s") }).await;
        let server = server.unwrap();
        server.set_subscription(TARGET, DOMAIN, RosterState::From);
        let service = server.client(SERVICE);
        let hostile = server.client(CAST.user);
        let daemon = Launch::new(&configuration(&server)).start();
        daemon.until("it is ready", |d| d.is_ready(1)).await;
        daemon.reconfigure("max-stanza-bytes = 20000", &format!("max-stanza-bytes = {MOST}"));
        daemon.signal(Signal::HUP);
        daemon.until_logged("reloaded", 1).await;
        let connection = server.connections(DOMAIN).remove(0);
        let [served, told] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let mut tasks = Vec::new();
        for (number, user) in USERS.into_iter().enumerate() {
            let client = server.client(user);
            tasks.push(tokio::spawn(be_served(client, number, served.clone())));
        }
        let before = counted(&daemon);
        let mut it = Self { server, daemon, before, connection, served, told, tasks };
        it.tasks.push(tokio::spawn(count(hostile, it.told.clone())));
        it.tasks.push(tokio::spawn(reply(service)));
        it
    }

    /// Sends these and so many good requests in a random order, and waits until all of them are
    /// served and answered.
    async fn run(&self, hostile: Vec<&Case>, good: usize, rng: &mut Rng, sent: &mut Sent) {
        let mut order: Vec<Option<&Case>> = hostile.into_iter().map(Some).collect();
        order.extend(std::iter::repeat_n(None, good));
        rng.shuffle(&mut order);
        for case in order {
            match case {
                Some(case) => {
                    self.connection.inject(case.stamped(&CAST).as_bytes());
                    case.account(&mut sent.tally);
                    sent.answers += case.answers();
                    let to_other = case.sender != Sender::User && case.is_refused();
                    sent.of_others += usize::from(to_other);
                }
                None => {
                    self.connection.inject(request(sent.good).as_bytes());
                    sent.tally.count(USER_REQUEST, Reason::Relayed);
                    sent.tally.count(TARGET_REPLY, Reason::Relayed);
                    sent.good += 1;
                    self.until_served(sent.good.saturating_sub(IN_FLIGHT)).await;
                }
            }
        }
        self.until_served(sent.good).await;
        // Withheld answers never arrive.
        let told = |it: &Self| {
            let withheld = withheld(&difference(&counted(&it.daemon), &it.before), &sent.tally);
            it.told.load(Ordering::Relaxed) + withheld
        };
        let deadline = Instant::now() + PATIENCE;
        while told(self) < sent.answers {
            let told = told(self);
            assert!(Instant::now() < deadline, "{told} instead of {}", sent.answers);
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_served(&self, count: usize) {
        self.until("requests that were served", &self.served, count).await;
    }

    async fn until(&self, what: &str, number: &AtomicUsize, least: usize) {
        let deadline = Instant::now() + PATIENCE;
        while number.load(Ordering::Relaxed) < least {
            // A task ends only if it has found an error.
            let broken = self.tasks.iter().any(JoinHandle::is_finished);
            let number = number.load(Ordering::Relaxed);
            assert!(!broken && Instant::now() < deadline, "{what}: {number} instead of {least}");
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// The good request of this number.
fn request(number: usize) -> String {
    format!(
        "<iq type='get' id='{}' from='{}' to='{DOMAIN}'><ask n='{number}'/></iq>",
        escaped(&id(number)),
        escaped(USERS[number % USERS.len()]),
    )
}

fn id(number: usize) -> String {
    let odd = ["", "'\"<&>", "😀", "\n\t"][number / USERS.len() % 4];
    format!("{odd}{number}")
}

/// Checks every reply that comes to the user of this number: the right one, and only once.
async fn be_served(mut user: Client, number: usize, served: Arc<AtomicUsize>) {
    let mut seen = vec![];
    while let Some(reply) = user.recv_iq_within(A_LONG_TIME).await {
        let asked: usize = between(&reply, "<answer n='", "'").parse().unwrap();
        assert_eq!(asked % USERS.len(), number, "{reply}");
        assert!(reply.contains(&format!(" id='{}' ", escaped(&id(asked)))), "{reply}");
        assert!(reply.contains(&format!(" from='{DOMAIN}'")), "{reply}");
        assert!(reply.contains(" type='result' "), "{reply}");
        let place = asked / USERS.len();
        seen.resize(seen.len().max(place + 1), false);
        assert!(!std::mem::replace(&mut seen[place], true), "twice: {reply}");
        served.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts IQs and messages.
async fn count(mut user: Client, told: Arc<AtomicUsize>) {
    while let Some(stanza) = user.recv_within(A_LONG_TIME).await {
        told.fetch_add(usize::from(!stanza.starts_with("<presence")), Ordering::Relaxed);
    }
}

/// Replies to each request, with its number if it has one.
async fn reply(mut service: Client) {
    while let Some(request) = service.recv_iq_within(A_LONG_TIME).await {
        let head = &request[..request.find('>').unwrap()];
        if head.contains(" type='get'") {
            let id = between(head, " id='", "'");
            let from = between(head, " from='", "'");
            let number = between(&request, "<ask n='", "'");
            let xml =
                format!("<iq type='result' id='{id}' to='{from}'><answer n='{number}'/></iq>");
            service.send(&xml).unwrap();
        }
    }
}

/// The text between the first `begin` and the next `end`; empty without them.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let rest = text.split_once(begin).map_or("", |(_, rest)| rest);
    rest.split_once(end).map_or("", |(inner, _)| inner)
}

/// Debug builds are twenty times slower.
const GOOD: usize = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
const HOSTILE: usize = GOOD;
/// Good requests that wait for their replies.
const IN_FLIGHT: usize = 500;
/// The default limit on a stanza.
const MOST: usize = 500_000;
/// The growth that buffers and the allocator may cause: less than 64 bytes for each stanza without
/// optimisation, and 10 with it.
const SLACK: usize = if cfg!(debug_assertions) { 2 << 20 } else { 3 << 20 };
const A_LONG_TIME: Duration = Duration::from_secs(600);
const SERVICE: &str = "service@some-domain.example/a";
const CAST: Cast<'_> =
    Cast { domain: DOMAIN, user: "hostile@some-domain.example/h", service: SERVICE, secret: 0 };
/// Resources as users have them.
const USERS: [&str; 6] = [
    "user@some-domain.example/abc",
    "other@some-domain.example/with spaces / and @",
    "third@some-domain.example/'\"<&>",
    "fourth@some-domain.example/😀",
    "fifth@some-domain.example/\u{202e}אבג",
    "sixth@some-domain.example/]]>&amp;",
];
