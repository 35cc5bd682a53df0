//! Alone or with other processes, with connections left over from a quick restart, and on slow
//! servers.

use super::*;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// After the login at 0: numbers from 0 are out.
fn logged_in() -> SelfTest {
    let mut test = SelfTest::new(Sharing::Unknown, at(0.0));
    assert!(test.tick(0, at(0.0)));
    test
}

/// Echoes 0 and 2 have come, and the second round, from 16, is out since 4 s.
fn doubting() -> SelfTest {
    let mut test = logged_in();
    hear(&mut test, [0, 2]);
    assert_eq!(run(&mut test, 16, 10.0), Some(at(4.0)));
    test
}

fn hear(test: &mut SelfTest, numbers: impl IntoIterator<Item = u64>) {
    numbers.into_iter().for_each(|number| test.own(number));
}

/// Ticks when due until a round goes out, and returns when that was.
fn run(test: &mut SelfTest, base: u64, until: f64) -> Option<Duration> {
    while let Some(due) = test.deadline().filter(|due| *due <= at(until)) {
        let due = due.max(test.now);
        if test.tick(base, due) {
            return Some(due);
        }
        assert!(test.deadline() > Some(due), "due {due:?} for ever: {test:?}");
    }
    None
}

/// Like [`run`], while other stanzas come every second.
fn run_busy(test: &mut SelfTest, base: u64, until: f64) -> Option<Duration> {
    let mut second = test.now.as_secs_f64().ceil();
    while second <= until {
        let round = run(test, base, second);
        if round.is_some() {
            return round;
        }
        test.input(at(second));
        test.other();
        second += 1.0;
    }
    run(test, base, until)
}

#[test]
fn a_complete_round_means_alone_at_once() {
    let mut test = logged_in();
    hear(&mut test, 0..15);
    assert_eq!(test.sharing(), Sharing::Unknown);
    hear(&mut test, [15]);
    assert_eq!((test.sharing(), test.deadline()), (Sharing::Alone, None));
}

#[test]
fn one_sign_leads_to_a_second_round_and_to_no_judgement() {
    let signs: [fn(&mut SelfTest); 4] = [
        |test| hear(test, [0, 2]),
        |test| hear(test, 0..15),
        SelfTest::foreign,
        |test| {
            test.foreign();
            hear(test, 0..16);
        },
    ];
    for sign in signs {
        let mut test = logged_in();
        sign(&mut test);
        assert_eq!(run(&mut test, 16, 10.0), Some(at(4.0)));
        // What the previous process sent still arrives, and then our share of the echoes while its
        // connection existed.
        test.foreign();
        hear(&mut test, [15]);
        assert_eq!(test.sharing(), Sharing::Unknown);
        hear(&mut test, 16..32);
        assert_eq!((test.sharing(), test.deadline()), (Sharing::Alone, None));
    }
}

#[test]
fn a_sign_in_the_second_round_means_shared() {
    let mut test = doubting();
    hear(&mut test, [17]);
    assert_eq!(test.sharing(), Sharing::Shared);
    let mut test = doubting();
    hear(&mut test, [16]);
    test.foreign();
    assert_eq!(test.sharing(), Sharing::Shared);
}

#[test]
fn what_does_not_come_within_ten_seconds_while_others_do_means_shared() {
    for heard in [16..16, 16..31] {
        let mut test = doubting();
        hear(&mut test, heard);
        run_busy(&mut test, 32, 8.9);
        assert_eq!(test.sharing(), Sharing::Unknown);
        run_busy(&mut test, 32, 9.5);
        assert_eq!(test.sharing(), Sharing::Shared);
    }
}

/// A server or firewall drops what a component sends to itself.
#[test]
fn no_echo_at_all_is_no_sign_of_a_sibling() {
    let mut test = logged_in();
    assert_eq!(run_busy(&mut test, 16, 10.0), Some(at(4.0)));
    run_busy(&mut test, 32, 10.0);
    assert!(test.is_unheard() && test.sharing() == Sharing::Unknown);
    // It is tried again, and what comes then counts.
    assert_eq!(run_busy(&mut test, 32, 100.0), Some(at(64.0)));
    assert!(test.is_unheard());
    hear(&mut test, 32..48);
    assert!(!test.is_unheard() && test.sharing() == Sharing::Alone);
    let mut test = logged_in();
    run_busy(&mut test, 16, 10.0);
    run_busy(&mut test, 32, 10.0);
    test.foreign();
    assert!(!test.is_unheard());
    assert_eq!(run_busy(&mut test, 32, 100.0), Some(at(64.0)));
    run_busy(&mut test, 48, 75.0);
    assert_eq!(test.sharing(), Sharing::Shared, "somebody gets ours");
}

#[test]
fn silence_is_no_sign_and_the_round_is_repeated() {
    let mut test = doubting();
    assert_eq!(run(&mut test, 32, 100.0), Some(at(64.0)));
    assert_eq!(run(&mut test, 48, 200.0), Some(at(124.0)));
    assert_eq!(test.sharing(), Sharing::Unknown);
}

#[test]
fn a_server_that_stood_still_gets_time() {
    let mut test = doubting();
    run_busy(&mut test, 32, 5.0);
    assert_eq!(run(&mut test, 32, 30.0), None);
    test.input(at(30.0));
    run_busy(&mut test, 32, 31.0);
    assert_eq!(test.sharing(), Sharing::Unknown);
    hear(&mut test, 16..32);
    assert_eq!(test.sharing(), Sharing::Alone);
}

#[test]
fn time_in_which_nobody_looked_is_no_sign() {
    let mut test = doubting();
    run_busy(&mut test, 32, 5.0);
    assert!(!test.tick(32, at(30.0)));
    test.input(at(30.0));
    test.other();
    assert!(!test.tick(32, at(30.0)));
    assert_eq!(test.sharing(), Sharing::Unknown);
    hear(&mut test, 16..32);
    assert_eq!(test.sharing(), Sharing::Alone);
}

#[test]
fn a_slow_server_gets_the_time_it_needs() {
    let mut test = logged_in();
    assert_eq!(run_busy(&mut test, 16, 10.0), Some(at(4.0)));
    run_busy(&mut test, 32, 8.0);
    hear(&mut test, [0, 2]);
    run_busy(&mut test, 32, 19.0);
    assert_eq!(test.sharing(), Sharing::Unknown);
    hear(&mut test, 16..32);
    assert_eq!(test.sharing(), Sharing::Alone);
}

#[test]
fn shared_is_forgotten_after_a_complete_round() {
    let mut test = doubting();
    hear(&mut test, [17]);
    assert_eq!(run(&mut test, 32, 100.0), Some(at(64.0)));
    hear(&mut test, [33]);
    assert_eq!(run(&mut test, 48, 200.0), Some(at(124.0)));
    assert_eq!(test.sharing(), Sharing::Shared);
    hear(&mut test, 48..64);
    assert_eq!((test.sharing(), test.deadline()), (Sharing::Alone, None));
}

#[test]
fn a_sibling_may_come_later() {
    let mut test = logged_in();
    hear(&mut test, 0..16);
    test.input(at(1_000.0));
    test.foreign();
    assert_eq!(test.sharing(), Sharing::Alone);
    assert_eq!(run(&mut test, 16, 2_000.0), Some(at(1_004.0)));
    hear(&mut test, [18]);
    assert_eq!(test.sharing(), Sharing::Shared);
}

#[test]
fn what_was_known_before_an_upgrade_is_still_known() {
    let due = |sharing| {
        let mut test = SelfTest::new(sharing, at(7.0));
        assert_eq!(test.sharing(), sharing);
        run(&mut test, 99, 1_000.0)
    };
    assert_eq!(due(Sharing::Unknown), Some(at(7.0)));
    assert_eq!(due(Sharing::Alone), None);
    assert_eq!(due(Sharing::Shared), Some(at(67.0)));
}
