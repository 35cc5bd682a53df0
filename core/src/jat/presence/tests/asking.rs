//! When it probes by itself, and what it concludes from the answer.

use super::*;

#[test]
fn what_was_known_before_the_subscription_stays_for_a_minute() {
    let mut it = Fixture::with(&[A]);
    it.presence.start_over();
    it.after(0);
    it.until(59_000);
    assert_eq!(it.online(), [A]);
    it.until(1_500);
    assert!(it.online().is_empty());
    // A probe would cancel the request on some servers.
    assert!(!it.until(3_600_000).contains(&OwnPresence::Probe));
}

#[test]
fn an_unavailable_on_the_heels_of_an_available_is_looked_into() {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    for round in 0..20 {
        // The old session's end is reported after the new one's beginning.
        it.hear(A, AVAILABLE);
        it.hear(A, TargetPresence::Unavailable);
        assert_eq!(it.online(), [B]);
        assert_eq!(it.served(2_000, &[A, B]), 1, "{round}");
        assert_eq!(it.online(), [A, B]);
        it.served(2_000, &[A, B]);
    }
    // The other order causes a probe, too, but it is soon clear that it is the usual one.
    let mut probes = 0;
    for _ in 0..100 {
        it.hear(A, TargetPresence::Unavailable);
        it.hear(A, AVAILABLE);
        probes += it.served(6_000, &[A, B]);
    }
    assert!((5..25).contains(&probes), "{probes} in 600 s");
}

#[test]
fn while_nobody_is_online_it_asks_at_once_and_then_once_a_minute() {
    let mut it = Fixture::with(&[A]);
    it.after(60);
    it.hear(A, TargetPresence::Unavailable);
    let mut gaps = Vec::new();
    for _ in 0..10 {
        let begun = it.now.mono;
        while it.tick() != Some(OwnPresence::Subscribe) {
            it.now = it.now.plus(Duration::from_millis(100));
        }
        gaps.push((it.now.mono - begun).as_millis());
        it.hear(BARE, TargetPresence::Subscribed);
    }
    assert!((500..=2_100).contains(&gaps[0]) && (5_000..=14_000).contains(&gaps[1]), "{gaps:?}");
    assert!(gaps[6..].iter().all(|gap| (30_000..=64_000).contains(gap)), "{gaps:?}");
    assert_eq!(it.presence.subscription(), &Subscription::Subscribed);
}

#[test]
fn a_subscription_that_nobody_confirms_is_pending_again() {
    let mut it = Fixture::with(&[A]);
    it.after(60);
    it.hear(A, TargetPresence::Unavailable);
    assert!(it.until(2_100).contains(&OwnPresence::Subscribe));
    // Prosody says this of a request that waits for the account.
    it.hear(BARE, TargetPresence::Unavailable);
    it.until(5_000);
    assert_eq!(it.presence.subscription(), &Subscription::Pending);
    let asked = it.until(600_000);
    assert!((9..=15).contains(&asked.len()), "{} times in 10 min", asked.len());
    assert!(asked.iter().all(|sent| *sent == OwnPresence::Subscribe));
    it.hear(BARE, TargetPresence::Subscribed);
    it.hear(A, AVAILABLE);
    assert_eq!(it.online(), [A]);
}

#[test]
fn one_that_was_granted_and_is_no_more_is_asked_for_once_at_once() {
    let mut it = Fixture::with(&[A]);
    it.after(60);
    it.hear(BARE, TargetPresence::Unsubscribed);
    assert_eq!(it.presence.subscription(), &Subscription::Denied);
    assert_eq!(it.until(5_100), [OwnPresence::Subscribe]);
    it.hear(BARE, TargetPresence::Unsubscribed);
    assert_eq!(it.until(40_000), [], "this one was refused");
}

#[test]
fn an_error_in_the_name_of_a_resource_puts_it_in_doubt_and_the_answer_decides() {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    it.error(A, DefinedCondition::FeatureNotImplemented);
    it.error("bot@s.example/unknown", DefinedCondition::Gone);
    assert!(!it.presence.resources.has_doubtful());
    assert_eq!(it.until(2_000), []);

    it.error(A, DefinedCondition::ServiceUnavailable);
    assert_eq!(it.verified(), [B], "at once");
    assert_eq!(it.until(300), [OwnPresence::Probe]);
    it.hear(B, AVAILABLE);
    it.until(2_000);
    assert_eq!(it.online(), [B]);

    // One that sends such an error after its answer stays, too.
    it.error(B, DefinedCondition::Gone);
    assert_eq!(it.until(2_300), [OwnPresence::Probe]);
    it.hear(B, AVAILABLE);
    it.error(B, DefinedCondition::Gone);
    it.until(1_600);
    assert_eq!(it.online(), [B]);

    // A client that sends it itself stays, and causes fewer and fewer probes.
    let mut probes = 0;
    for second in 0..600 {
        it.error(B, DefinedCondition::ServiceUnavailable);
        probes += it.served(1_000, &[B]);
        assert_eq!(it.online(), [B], "after {second} s");
    }
    assert!((12..30).contains(&probes), "{probes} in 600 s");
}

#[test]
fn one_that_answers_with_such_errors_itself_is_not_in_doubt_for_each() {
    let mut it = one_answers_so();
    it.error(A, DefinedCondition::ServiceUnavailable);
    it.error(A, DefinedCondition::ServiceUnavailable);
    assert_eq!(it.verified(), [A, B]);
    it.presence.answered(A, None, it.now, &mut it.rng);
    it.error(A, DefinedCondition::ServiceUnavailable);
    it.error(A, DefinedCondition::ServiceUnavailable);
    assert_eq!(it.verified(), [A, B]);
    it.error(A, DefinedCondition::ServiceUnavailable);
    assert_eq!(it.verified(), [B]);
    it.presence.answered(A, None, it.now, &mut it.rng);
    assert_eq!(it.verified(), [A, B], "a result proves that it is there");
}

#[test]
fn every_few_minutes_it_asks_anyway() {
    let mut it = Fixture::with(&[A, B]);
    it.presence.set_hearing(Hearing::All);
    let mut probes = 0;
    for _ in 0..3_600 {
        if it.until(1_000).contains(&OwnPresence::Probe) {
            probes += 1;
            it.hear(A, AVAILABLE);
            if probes > 1 {
                it.hear(B, AVAILABLE);
            }
        }
    }
    assert!((12..=26).contains(&probes), "{probes} in an hour");
    assert_eq!(it.online(), [A, B], "the lost answer was asked for again");
}

#[test]
fn silence_to_a_routine_question_is_believed_where_all_answers_come_to_us() {
    for hearing in [Hearing::All, Hearing::Likely, Hearing::Part] {
        let mut it = Fixture::with(&[A]);
        it.presence.set_hearing(hearing);
        it.until(310_000);
        let left: &[&str] = if hearing == Hearing::All { &[] } else { &[A] };
        assert_eq!(it.online(), left, "{hearing:?}");
        // Where answers are shared, what is missing from one is in doubt.
        let verified: &[&str] = if hearing == Hearing::Likely { &[A] } else { &[] };
        assert_eq!(it.verified(), verified, "{hearing:?}");
    }
}

#[test]
fn where_answers_are_shared_what_is_missing_is_asked_only_if_nothing_else_is_there() {
    let mut it = Fixture::with(&[A, B]);
    it.presence.set_hearing(Hearing::Part);
    it.served(310_000, &[B]);
    assert_eq!((it.online(), it.verified()), (vec![A, B], vec![B]));
}

#[test]
fn a_share_of_the_answers_empties_no_list() {
    let mut it = Fixture::with(&[A, B, "bot@s.example/c"]);
    it.presence.set_hearing(Hearing::Part);
    let mut lost = 0;
    for _ in 0..7_200 {
        if it.until(1_000).contains(&OwnPresence::Probe) {
            // One in three comes to us.
            for address in [A, B, "bot@s.example/c"] {
                if it.rng.u8(..3) == 0 {
                    it.hear(address, AVAILABLE);
                }
            }
        }
        lost += 3 - it.online().len();
    }
    assert_eq!(lost, 0);
    // One that has gone is removed in the end.
    for _ in 0..36_000 {
        if it.until(1_000).contains(&OwnPresence::Probe) {
            it.hear(A, AVAILABLE);
        }
    }
    assert_eq!(it.online(), [A]);
}

#[test]
fn many_resources_are_not_asked_for_often() {
    let mut it = Fixture::with(&[BARE; 0]);
    let names: Vec<String> = (0..2_000).map(|n| format!("{BARE}/{n}")).collect();
    it.hear_all(&names);
    it.until(60_000);
    let mut probes = 0;
    for second in 0..600 {
        // Some of them fail all the time, and others come and go.
        it.error(&names[second], DefinedCondition::ServiceUnavailable);
        it.hear(&names[second + 700], TargetPresence::Unavailable);
        it.hear(&names[second + 700], AVAILABLE);
        probes += it.served(1_000, &names);
    }
    assert!((4..=60).contains(&probes), "{probes} in 600 s");
    assert_eq!(it.online().len(), 2_000);
}

#[test]
fn an_acceptance_that_is_told_again_and_again_is_no_reason_to_ask_each_time() {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    let mut probes = 0;
    for _ in 0..6_000 {
        probes += usize::from(
            it.hear(BARE, TargetPresence::Subscribed) == Reaction::Used(&[OwnPresence::Probe]),
        );
        probes += it.served(100, &[A]);
    }
    assert!((10..30).contains(&probes), "{probes} in 600 s");
    assert_eq!(it.online(), [A], "no question was held open");
}

#[test]
fn acceptances_and_denials_in_turn_are_no_reason_to_ask_each_time() {
    let mut it = Fixture::with(&[A]);
    it.after(60);
    let mut sent = 0;
    for _ in 0..600 {
        for heard in
            [TargetPresence::Unsubscribed, TargetPresence::Subscribed, TargetPresence::Subscribed]
        {
            let Reaction::Used(presence) = it.hear(BARE, heard) else { unreachable!() };
            sent += presence.len();
        }
        sent += it.until(100).len();
    }
    assert!((20..=60).contains(&sent), "{sent} in 60 s");
}

#[test]
fn errors_one_after_the_other_do_not_put_off_the_next_attempt() {
    let mut it = Fixture::connected();
    let mut asked = 0;
    for _ in 0..600 {
        it.hear(BARE, TargetPresence::Error("remote-server-timeout".into()));
        asked += it.until(1_000).len();
    }
    assert!((5..=10).contains(&asked), "{asked} in 600 s");
}

#[test]
fn without_a_subscription_nobody_stays_who_is_not_heard_of() {
    let error = TargetPresence::Error("remote-server-timeout".into());
    for heard in [TargetPresence::Other, error, TargetPresence::Unsubscribed] {
        let mut it = Fixture::connected();
        it.hear(BARE, heard);
        it.until(100_000);
        it.hear_all(&[A, B]);
        for _ in 0..20 {
            assert!(!it.until(10_000).contains(&OwnPresence::Probe), "it can cancel the request");
            it.presence.answered(A, None, it.now, &mut it.rng);
        }
        assert_eq!(it.online(), [A], "{:?}", it.presence.subscription());
        it.until(120_000);
        assert_eq!(it.online(), [""; 0], "{:?}", it.presence.subscription());
    }
}

/// A is online alone, and its server reports the end of its last session so late; returns for how many
/// milliseconds it is considered gone.
fn absence(it: &mut Fixture, late: u64) -> u64 {
    it.hear(A, AVAILABLE);
    it.served(late, &[A]);
    it.hear(A, TargetPresence::Unavailable);
    let begun = it.now.mono;
    while it.online().is_empty() {
        it.served(100, &[A]);
    }
    (it.now.mono - begun).as_millis() as u64
}

#[test]
fn one_whose_end_is_told_late_is_missed_for_three_seconds_at_most() {
    for (up, down) in [(300, 300), (1_000, 1_000), (2_000, 5_000), (6_000, 1_000), (6_000, 9_000)] {
        for late in [100, 700, 2_000, 6_000] {
            let mut it = Fixture::with(&[A]);
            it.after(60);
            // It crashes all the time, which each probe confirms.
            for round in 0..100 {
                it.hear(A, AVAILABLE);
                it.served(up, &[A]);
                it.hear(A, TargetPresence::Unavailable);
                it.served(down, &[""; 0]);
                if round % 10 == 0 {
                    let missed = absence(&mut it, late);
                    assert!(missed <= 3_000, "{missed} ms, {up} {down} {late}, {round}");
                    it.served(1_000, &[A]);
                }
            }
        }
    }
}

#[test]
fn others_that_come_and_go_meanwhile_make_that_no_longer() {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    let mut longest = 0;
    for round in 0..200 {
        // B is online for 200 ms, and offline for 200 ms.
        let mut up = round % 2 == 0;
        it.hear(A, AVAILABLE);
        it.hear(A, TargetPresence::Unavailable);
        let begun = it.now.mono;
        while !it.online().contains(&A) {
            up = !up;
            it.hear(B, if up { AVAILABLE } else { TargetPresence::Unavailable });
            it.served(200, if up { &[A, B] } else { &[A] });
        }
        longest = longest.max((it.now.mono - begun).as_millis());
        for _ in 0..round % 7 {
            up = !up;
            it.hear(B, if up { AVAILABLE } else { TargetPresence::Unavailable });
            it.served(200, if up { &[A, B] } else { &[A] });
        }
    }
    assert!(longest <= 3_000, "{longest} ms");
}
