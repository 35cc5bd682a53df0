//! Keys are rotated in a fleet under load, as documented and too early.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use test_support::interop::proxy::{Proxy, key};
use test_support::interop::server::{Kind, fresh_folder};
use test_support::wait::PATIENCE;

use crate::fleet::{FORWARDED, Fleet, REVERTED, rate};
use crate::keys::key_id;
use crate::load::{Account, Answerer, Asker, Seen, alone, answer, carried};
use crate::wire::{Class, Iq, Wire};

/// The time between a request and its reply, so that many are in flight when the keys change.
const DELAY: Duration = Duration::from_millis(700);

case!(a_rotation_under_load_loses_nothing: both);
fn a_rotation_under_load_loses_nothing(kind: Kind) {
    let _alone = alone();
    carried(|| rotate(kind));
}

/// An error means that the machine was too slow for it.
fn rotate(kind: Kind) -> Result<(), String> {
    let (fleet, key_file) = fleet(kind);
    let client = Answerer::start(fleet.service("a"), DELAY);
    let user = Asker::start(fleet.user(), &fleet.domain, rate(kind));
    sleep(Duration::from_millis(500));

    let said = fleet.replicas[0].cli(&["keys", "add", "--in", "5s"]);
    assert!(said.contains("key 2"), "{said}");
    let switch = not_before(&key_file);
    for replica in &fleet.replicas {
        sleep(Duration::from_millis(600));
        assert_quiet(&reload(replica));
    }
    let in_time = SystemTime::now() < switch;
    while SystemTime::now() < switch + 2 * DELAY {
        sleep(Duration::from_millis(50));
    }
    // For the keys an hour has passed: no token of key 1 is in flight.
    let forwarded = fleet.count(FORWARDED);
    fleet.replicas[0].wait_until("the older replies", |_| fleet.count(REVERTED) >= forwarded);
    sleep(DELAY);
    back_date(&key_file);
    fleet.replicas.iter().for_each(|replica| assert_quiet(&reload(replica)));
    let said = fleet.replicas[0].cli(&["keys", "prune"]);
    assert!(said.contains("key 1 removed"), "{said}");
    for replica in &fleet.replicas {
        sleep(Duration::from_millis(300));
        assert_quiet(&reload(replica));
    }
    sleep(DELAY);

    let account = user.finish();
    let (_, seen) = client.finish();
    account.check_rate(rate(kind))?;
    if !in_time {
        return Err("not all replicas had the key before it signed".into());
    }
    let kids = [1, 2].map(|kid| seen.iter().filter(|it| signed_by(&it.request) == kid).count());
    let crossing = |it: &&Seen| it.at < switch && it.at + DELAY > switch;
    println!(
        "{kind}: rotation: {}; signed by key 1: {}, by key 2: {}; in flight at the switch: {}",
        account.figures(),
        kids[0],
        kids[1],
        seen.iter().filter(crossing).count()
    );
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    assert_eq!(fleet.count(UNKNOWN_KEY), 0);
    assert_eq!(fleet.count(&["logins_total"]), fleet.replicas.len() as u64, "a stream was lost");
    judge_switch(&account, &seen, switch);
    Ok(())
}

/// The clock decides when tokens change their key, whenever the replicas got it.
fn judge_switch(account: &Account, seen: &[Seen], switch: SystemTime) {
    for Seen { request, at } in seen {
        let sent = account.sent_at[request.id.parse::<usize>().unwrap()];
        match signed_by(request) {
            // Tokens from between these two moments may have either key.
            1 => assert!(sent < switch, "key 1 signed after the switch"),
            2 => assert!(*at >= switch, "key 2 signed before the switch"),
            other => panic!("signed by key {other}"),
        }
    }
}

case!(a_key_that_goes_too_early_takes_its_replies_with_it: both);
fn a_key_that_goes_too_early_takes_its_replies_with_it(kind: Kind) {
    const HELD: usize = 200;
    let (fleet, key_file) = fleet(kind);
    let mut service = Wire::new(fleet.service("a"));
    let mut user = fleet.user();
    let mut hold = |kid: u8| {
        (0..HELD).for_each(|number| user.ask(&fleet.domain, &format!("{kid}-{number}")));
        let (mut held, start) = (Vec::new(), Instant::now());
        while held.len() < HELD {
            assert!(start.elapsed() < PATIENCE, "{} of {HELD} requests", held.len());
            service.read(Duration::from_millis(50), |iq| held.push(iq));
        }
        assert!(held.iter().all(|iq| iq.class == Class::Request && signed_by(iq) == kid));
        held
    };
    let old = hold(1);
    fleet.replicas[0].cli(&["keys", "add", "--now"]);
    fleet.replicas.iter().for_each(|replica| assert_quiet(&reload(replica)));
    let new = hold(2);

    let both = fs::read_to_string(&key_file).unwrap();
    let second = both.rfind("[[key]]").unwrap();
    fs::write(&key_file, &both[second..]).unwrap();
    let warned = fleet.replicas.iter().map(reload).filter(|said| {
        said.iter().any(|line| {
            line.contains("WARN a key that live tokens may carry was removed")
                && line.contains("key=1")
        })
    });
    assert_eq!(warned.count(), fleet.replicas.len());

    for request in old.iter().chain(&new) {
        service.write(&answer(request));
    }
    let mut replies = Vec::new();
    while replies.len() < HELD {
        replies.push(user.receive_where("the replies", test_support::interop::client::is_reply));
    }
    fleet.replicas[0].wait_until("the affected replies to be counted", |_| {
        fleet.count(UNKNOWN_KEY) >= HELD as u64
    });
    user.hears_no_iq();
    assert!(replies.iter().all(|it| it.attr("id").unwrap().starts_with("2-")));
    let counts: Vec<u64> = fleet.replicas.iter().map(|it| it.count(UNKNOWN_KEY)).collect();
    println!(
        "a key that went too early: {HELD} replies under another key arrived, and of {HELD} under \
         this one {counts:?} were counted as unknown-key"
    );
    assert_eq!(counts.iter().sum::<u64>(), HELD as u64);
    assert_eq!(fleet.count(REVERTED), HELD as u64);
}

/// Replicas that share a key file.
fn fleet(kind: Kind) -> (Fleet, PathBuf) {
    let key_file = fresh_folder("shared-keys").join("keys.toml");
    let fleet = Fleet::fixed(kind, |_, settings| {
        settings.keys = key(1, 'A', Some("2020-01-01T00:00:00Z"));
        settings.key_file = key_file.clone();
    });
    (fleet, key_file)
}

/// SIGHUP; returns the log lines up to the result.
fn reload(replica: &Proxy) -> Vec<String> {
    let before = replica.log().len();
    replica.signal(Signal::HUP);
    let reloaded = |line: &String| line.contains("INFO configuration reloaded");
    replica.wait_until("the reload", |it| it.log()[before..].iter().any(reloaded));
    replica.log().split_off(before)
}

fn assert_quiet(lines: &[String]) {
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

/// When the last key of the file takes over.
fn not_before(key_file: &Path) -> SystemTime {
    let text = fs::read_to_string(key_file).unwrap();
    let moment = text.rsplit("not-before = \"").next().unwrap().split('"').next().unwrap();
    moment.parse::<jiff::Timestamp>().unwrap().into()
}

/// Changes the file so that the last key took over long ago.
fn back_date(key_file: &Path) {
    let text = fs::read_to_string(key_file).unwrap();
    let at = text.rfind("not-before").unwrap();
    fs::write(key_file, text[..at].to_string() + "not-before = \"2021-01-01T00:00:00Z\"\n")
        .unwrap();
}

fn signed_by(request: &Iq) -> u8 {
    key_id(&request.from)
}

const UNKNOWN_KEY: &[&str] = &["reason=\"unknown-key\""];
