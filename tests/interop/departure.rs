//! Replicas leave a fleet under load: stanzas that they read before their closing tag are relayed,
//! later ones are counted.

use std::collections::HashSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use test_support::interop::proxy::Proxy;
use test_support::interop::server::{Kind, Server};

use crate::fleet::{Fleet, SIZE, rate};
use crate::load::{Account, Answerer, Asker, Seen, alone, carried};
use crate::tap::{Passed, Tap};
use crate::wire::{Class, Iq};

const DEPARTURES: usize = 20;

case!(what_departing_replicas_lose_is_counted: both);
fn what_departing_replicas_lose_is_counted(kind: Kind) {
    let _alone = alone();
    let run = carried(|| Run::new(kind, Fleet::fixed(kind, |_, _| ()), leave));
    let late = run.late();
    let dropped = run.account.missing.len().checked_sub(late);
    println!(
        "{kind}: {DEPARTURES} departures: {}; {late} arrived after our closing tag ({:?}), and {} the \
         server dropped itself",
        run.account.figures(),
        run.departures.iter().map(|it| it.late).collect::<Vec<_>>(),
        dropped.expect("what came too late was answered by nobody else")
    );
}

// Taps distinguish what the server dropped from what we lost. Every replica is stopped for a while
// before it has to leave, so that it has much to read.
case!(what_departing_replicas_have_read_is_relayed: both);
fn what_departing_replicas_have_read_is_relayed(kind: Kind) {
    let _alone = alone();
    let port = Server::shared(kind).component_port;
    let (run, records) = carried(|| {
        let taps = [(); SIZE].map(|()| Tap::start(port));
        let fleet =
            Fleet::fixed(kind, |number, settings| settings.server_port = Some(taps[number].port));
        let run = Run::new(kind, fleet, |replica| {
            replica.signal(Signal::STOP);
            sleep(Duration::from_millis(100));
            leave(replica)
        })?;
        Ok((run, taps.map(Tap::finish)))
    });
    let up = |class| -> HashSet<usize> {
        of(class, records.iter().flat_map(|tap| &tap.up)).map(number).collect()
    };
    let (forwarded, reverted) = (up(Class::Request), up(Class::Result));

    // All that we wrote has arrived.
    let seen: HashSet<usize> = run.seen.iter().map(|it| id(&it.request)).collect();
    assert!(forwarded.is_subset(&seen), "forwarded, but not at the client");
    let answered: HashSet<usize> = run.account.answered.iter().copied().collect();
    assert!(reverted.is_subset(&answered), "reverted, but not at the user");

    // All that we did not write came after the order to leave, and was counted.
    let mut given = [0, 0];
    let mut late = [0, 0];
    for (replica, record) in records.iter().enumerate() {
        let kinds = [(Class::Request, &forwarded), (Class::Result, &reverted)];
        for (which, (class, relayed)) in kinds.into_iter().enumerate() {
            for passed in of(class, &record.down) {
                given[which] += 1;
                if !relayed.contains(&number(passed)) {
                    late[which] += 1;
                    let own = run.departures.iter().filter(|it| it.replica == replica);
                    let excused =
                        |it: &Departure| passed.done >= it.told && passed.begun <= it.gone;
                    assert!(own.clone().any(excused), "it could have been read: {:?}", passed.iq);
                }
            }
        }
    }
    assert_eq!(late.iter().sum::<usize>(), run.late(), "what the logs say: {late:?}");

    let dropped = [run.account.sent() - given[0], seen.len() - given[1]];
    println!(
        "{kind}: {DEPARTURES} departures through taps: {}; after our closing tag arrived {} requests and \
         {} replies; the server itself dropped {} requests and {} replies",
        run.account.figures(),
        late[0],
        late[1],
        dropped[0],
        dropped[1]
    );
    let lost: usize = late.iter().chain(&dropped).sum();
    assert_eq!(run.account.missing.len(), lost, "each lost request has its cause");
}

/// A fleet under load, whose replicas have left and come back, one after another.
struct Run {
    account: Account,
    /// What the implementing client got.
    seen: Vec<Seen>,
    departures: Vec<Departure>,
}

struct Departure {
    replica: usize,
    /// When it got the order, and when it had ended.
    told: Instant,
    gone: Instant,
    /// How many stanzas it counted as arrived after its closing tag.
    late: usize,
}

impl Run {
    fn new(
        kind: Kind,
        mut fleet: Fleet,
        leave: impl Fn(&mut Proxy) -> (Instant, usize),
    ) -> Result<Run, String> {
        let client = Answerer::start(fleet.service("a"), Duration::ZERO);
        let user = Asker::start(fleet.user(), &fleet.domain, rate(kind));
        let mut departures = Vec::new();
        for number in 0..DEPARTURES {
            // All are connected. The moments differ, relative to the load.
            sleep(Duration::from_millis(200 + 7 * number as u64));
            let replica = number % SIZE;
            let (told, late) = leave(&mut fleet.replicas[replica]);
            departures.push(Departure { replica, told, gone: Instant::now(), late });
            fleet.replicas[replica].restart();
        }
        sleep(Duration::from_millis(300));
        let account = user.finish();
        let (_, seen) = client.finish();
        for replica in &mut fleet.replicas {
            assert_eq!(leave(replica).1, 0, "there was nothing left that could come too late");
        }
        account.check_rate(rate(kind))?;
        let Account { repeated, refused, .. } = &account;
        assert!(repeated.is_empty(), "more than one reply: {repeated:?}");
        assert!(refused.is_empty(), "there is always somebody to relay: {refused:?}");
        Ok(Run { account, seen, departures })
    }

    fn late(&self) -> usize {
        self.departures.iter().map(|it| it.late).sum()
    }
}

/// SIGTERM; returns when, and the number of stanzas that came too late, from the log.
fn leave(replica: &mut Proxy) -> (Instant, usize) {
    let lines = replica.log().len();
    replica.signal(Signal::TERM);
    let told = Instant::now();
    assert_eq!(replica.stop_with(Signal::CONT).code(), Some(0));
    let said = replica.log().split_off(lines).join("\n");
    let late =
        said.split("arrived_after_close=").nth(1).and_then(|it| it.split_whitespace().next());
    (told, late.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no figure: {said}")))
}

fn of<'a>(
    class: Class,
    passed: impl IntoIterator<Item = &'a Passed>,
) -> impl Iterator<Item = &'a Passed> {
    passed.into_iter().filter(move |it| it.iq.class == class)
}

fn number(passed: &Passed) -> usize {
    id(&passed.iq)
}

fn id(iq: &Iq) -> usize {
    iq.id.parse().unwrap()
}
