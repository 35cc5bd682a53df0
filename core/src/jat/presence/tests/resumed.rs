//! What another process continues with.

use super::*;

#[test]
fn a_question_that_is_wanted_is_asked_by_the_next_process() {
    let mut it = one_answers_so();
    // It sends such errors itself, so this does not put it in doubt.
    it.error(A, DefinedCondition::ServiceUnavailable);
    assert_eq!(it.verified(), [A, B]);
    let presence = Presence::resume(it.presence.hand_over(it.now), it.now);
    let mut next = Fixture { presence, now: it.now, ..Fixture::new() };
    assert_eq!(next.until(300), [OwnPresence::Probe]);
}

#[test]
fn what_the_process_before_heard_may_be_on_the_heels_of_what_this_one_hears() {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    it.hear(A, AVAILABLE);
    let presence = Presence::resume(it.presence.hand_over(it.now), it.now);
    let mut next = Fixture { presence, now: it.now, ..Fixture::new() };
    // The old session's end, reported late.
    next.hear(A, TargetPresence::Unavailable);
    assert_eq!(next.online(), [B]);
    assert_eq!(next.served(2_000, &[A, B]), 1);
    assert_eq!(next.online(), [A, B]);
}

#[test]
fn the_next_process_looks_into_the_first_answer_after_a_login_too() {
    for judged in [false, true] {
        let mut it = Fixture::connected();
        it.hear(BARE, TargetPresence::Subscribed);
        it.hear(A, AVAILABLE);
        it.until(if judged { 2_000 } else { 500 });
        let presence = Presence::resume(it.presence.hand_over(it.now), it.now);
        let mut next = Fixture { presence, now: it.now, ..Fixture::new() };
        assert_eq!(next.served(8_000, &[A, B]), 1, "{judged}");
        assert_eq!(next.online(), [A, B]);
    }
}

#[test]
fn what_is_handed_over_is_judged_as_if_nothing_had_happened() {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    it.error(A, DefinedCondition::ServiceUnavailable);
    for asked in [false, true] {
        if asked {
            assert_eq!(it.until(300), [OwnPresence::Probe]);
            it.hear(B, AVAILABLE);
        }
        let handed = it.presence.hand_over(it.now);
        let mut next = Fixture { presence: Presence::resume(handed, it.now), ..Fixture::new() };
        next.now = it.now;
        assert_eq!((next.online(), next.verified()), (vec![A, B], vec![B]));
        if !asked {
            assert_eq!(next.until(300), [OwnPresence::Probe]);
            next.hear(B, AVAILABLE);
        }
        next.until(2_000);
        assert_eq!(next.online(), [B]);
    }
}

#[test]
fn silence_to_a_routine_question_says_as_little_to_the_next_process() {
    let mut it = Fixture::with(&[A]);
    let mut asked = 0;
    while asked == 0 {
        asked = it.until(1_000).len();
    }
    let presence = Presence::resume(it.presence.hand_over(it.now), it.now);
    let mut next = Fixture { presence, now: it.now, ..Fixture::new() };
    next.until(20_000);
    assert_eq!((next.online(), next.verified()), (vec![A], vec![A]));
}
