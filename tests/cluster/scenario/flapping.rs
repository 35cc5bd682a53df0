//! Bots on all hosts that leave and come back all the time.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use test_support::wait::wait_until;

use crate::LOADED;
use crate::client::Client;
use crate::cluster::{Cluster, HOSTS};
use crate::ledger::{Account, Request};
use crate::requests::Book;

/// The time from a login of a bot until it left.
struct Stay {
    bot: usize,
    /// When it had logged in.
    came: Instant,
    /// When it began to leave, and when its stream had ended.
    leaves: Instant,
    gone: Instant,
    /// It closed its stream without sending `unavailable`.
    vanished: bool,
}

/// Has all bots but the first leave and come back for so long, under load.
pub fn flap(cluster: &mut Cluster, length: Duration) {
    let kind = cluster.kind;
    let mark = cluster.mark();
    let load = cluster.load(RATE);
    cluster.wait_served(RATE);
    let end = Instant::now() + length;
    let stays: Vec<Stay> = thread::scope(|scope| {
        let book = &cluster.book;
        let start = |bot| scope.spawn(move || stays_until(end, bot, book));
        let flapping: Vec<_> = cluster.bots[1..].iter().map(|it| start(&**it)).collect();
        flapping.into_iter().flat_map(|it| it.join().expect("it ends")).collect()
    });
    let back = Instant::now();
    cluster.wait_bots_known();
    let known = back.elapsed();
    cluster.wait_served(RATE);
    load.stop();
    let account = cluster.account_of_rest(mark);
    println!("{kind}: {}", account.figures());
    let vanished: Vec<&Stay> = stays.iter().filter(|it| it.vanished).collect();
    println!("{kind}: {} stays, {} of which ended without notice", stays.len(), vanished.len());
    assert_excused(cluster, mark, &account, &vanished);
    assert_used(cluster, mark, &stays);
    println!("{kind}: all replicas knew all bots {known:.1?} after the last was back");
    assert!(known < USED * LOADED, "{known:.1?}");
}

/// Has a bot leave and come back until then; it is online when this returns.
fn stays_until(end: Instant, bot: &Client, book: &Book) -> Vec<Stay> {
    let mut stays = Vec::new();
    let mut came = Instant::now();
    // Bots begin at different turns, so that they do not leave together.
    for turn in bot.number.. {
        sleep(STAYS[turn % STAYS.len()]);
        let leaves = Instant::now();
        let vanished = turn % 4 == 0;
        if vanished {
            bot.vanish();
        } else {
            // In good order: it gets no more requests, and answers those that are under way.
            bot.send("<presence type='unavailable'/>");
            wait_until("an end of requests", || {
                let asked = book.ledger().last_asked(bot.number);
                asked.map_or(leaves, |it| it.max(leaves)).elapsed() > QUIET
            });
            bot.leave();
        }
        stays.push(Stay { bot: bot.number, came, leaves, gone: Instant::now(), vanished });
        sleep(AWAY[turn % AWAY.len()]);
        bot.go_home();
        came = Instant::now();
        if came > end {
            break;
        }
    }
    stays
}

/// Checks that no request failed or is lost but those that were inside a bot that vanished, or
/// under way to it.
fn assert_excused(cluster: &Cluster, mark: usize, account: &Account, vanished: &[&Stay]) {
    // Until the server has told the replicas.
    let times: Vec<_> = vanished.iter().map(|it| (it.leaves, it.gone + IS_TOLD)).collect();
    account.assert_none_lost_outside(&times);
    let ledger = cluster.book.ledger();
    for (request, lost) in account.lost.iter().map(|it| (ledger.request(it.number), it)) {
        let Some(asked) = &request.asked else { continue };
        let was_it = |it: &&Stay| it.bot == asked.bot && (it.came..=it.gone).contains(&asked.at);
        assert!(vanished.iter().any(was_it), "{lost:?}");
    }
    let on_way = account.on_way();
    let unexcused = |it: &&Request| {
        let inside = |(from, to): &(Instant, Instant)| (*from - on_way..=*to).contains(&it.sent);
        it.came.as_ref().is_some_and(|it| it.error.is_some()) && !times.iter().any(inside)
    };
    let failed = ledger.since(mark).filter(unexcused).count();
    assert_eq!(failed, 0, "failed at other times");
}

/// Checks that users of all hosts reached each bot soon after it had come back.
fn assert_used(cluster: &Cluster, mark: usize, stays: &[Stay]) {
    let ledger = cluster.book.ledger();
    let first = |stay: &Stay, host: usize| {
        let asked =
            ledger.since(mark).filter(|it| it.host == host).filter_map(|it| it.asked.as_ref());
        let mut of_stay = asked.filter(|it| it.bot == stay.bot && it.at >= stay.came);
        of_stay.next().map(|it| it.at).filter(|at| *at <= stay.gone)
    };
    let (mut used, mut unused) = (Vec::new(), Vec::new());
    for (stay, host) in stays.iter().flat_map(|it| (0..HOSTS).map(move |host| (it, host))) {
        match first(stay, host) {
            Some(at) => used.push(at - stay.came),
            None => unused.push((stay.bot, host, stay.leaves - stay.came)),
        }
    }
    used.sort_unstable();
    let at = |share: f64| used[((used.len() - 1) as f64 * share) as usize];
    println!(
        "{}: one that came back was asked from each host after {:.1?}/{:.1?}/{:.1?} (median, 99 %, \
         most); {} of {} times not before it left again",
        cluster.kind,
        at(0.5),
        at(0.99),
        at(1.0),
        unused.len(),
        unused.len() + used.len(),
    );
    unused.retain(|(_, _, stayed)| *stayed >= USED);
    assert!(unused.is_empty(), "bot, host and how long it stayed: {unused:?}");
}

/// How long a bot stays, and is away, in turn.
const STAYS: [Duration; 3] =
    [Duration::from_millis(1000), Duration::from_millis(1500), Duration::from_millis(2100)];
const AWAY: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1000)];
/// After so long without a request, a bot gets no more.
const QUIET: Duration = Duration::from_millis(300);
/// How long after the end of a bot's stream all replicas know of it.
const IS_TOLD: Duration = Duration::from_millis(200);
/// How long after its return a bot is used.
const USED: Duration = Duration::from_secs(2);
/// Requests a second: enough for the users of each host to ask each bot in that time.
const RATE: usize = 120;
