use super::*;
use crate::jat::address::Address;

const T: u64 = 1_800_000_000;
const GONE: Event = Event::Error(DefinedCondition::ServiceUnavailable);
const REFUSED: Event = Event::Error(DefinedCondition::FeatureNotImplemented);

fn count(answers: &mut Answers, resource: &str, events: &[Event], at: u64) {
    for event in events {
        answers.prepare(Some(resource), *event, &Resources::default());
        answers.relayed(at);
    }
}

fn fails(answers: &Answers, at: u64) -> bool {
    let trouble = answers.of("a").and_then(|record| record.trouble(1, false, at));
    matches!(trouble, Some(Trouble::Missing(_)))
}

fn gives_only_errors(answers: &Answers, resource: &str) -> bool {
    let trouble = answers.of(resource).unwrap().trouble(1, true, T);
    matches!(trouble, Some(Trouble::OnlyErrors(DefinedCondition::FeatureNotImplemented)))
}

#[test]
fn what_was_not_relayed_does_not_count() {
    let mut answers = Answers::default();
    answers.prepare(Some("a"), Event::Asked, &Resources::default());
    answers.forget();
    answers.relayed(T);
    answers.prepare(Some("a"), GONE, &Resources::default());
    answers.relayed(T);
    answers.relayed(T);
    let record = answers.of("a").unwrap();
    assert_eq!((record.forwarded, record.errors, record.last_answer), (0, 1, Some(T)));
    assert_eq!(answers.errors().iter().map(|(_, n)| n).sum::<u64>(), 1);
}

#[test]
fn a_resource_that_gives_only_errors_or_nothing_is_named() {
    let mut answers = Answers::default();
    count(&mut answers, "a", &[Event::Asked, REFUSED, Event::Asked, REFUSED], T);
    assert!(!gives_only_errors(&answers, "a"));
    count(&mut answers, "a", &[Event::Asked, REFUSED], T);
    assert!(gives_only_errors(&answers, "a"));
    // One that sends results may have more errors.
    count(&mut answers, "b", &[Event::Result], T);
    count(&mut answers, "b", &[REFUSED; 19], T);
    assert!(!gives_only_errors(&answers, "b"));
    count(&mut answers, "b", &[REFUSED], T);
    assert!(gives_only_errors(&answers, "b"));
    count(&mut answers, "b", &[Event::Result], T);
    assert!(!gives_only_errors(&answers, "b"));

    count(&mut answers, "c", &[Event::Asked; 3], T);
    let trouble = |answers: &Answers, at| answers.of("c").unwrap().trouble(1, true, at);
    let silent = Some(Trouble::Silent { requests: 3, seconds: 10 });
    assert_eq!((trouble(&answers, T + 9), trouble(&answers, T + 10)), (None, silent));
    // Its answers may come to another replica.
    assert_eq!(answers.of("c").unwrap().trouble(1, false, T + 10), None);
    count(&mut answers, "c", &[Event::Result, Event::Asked, Event::Asked], T + 11);
    assert_eq!(trouble(&answers, T + 99), None);
}

#[test]
fn requests_left_unanswered_by_our_own_outage_do_not_count_against_a_resource() {
    let mut answers = Answers::default();
    count(&mut answers, "a", &[Event::Asked; 3], T);
    let trouble = |answers: &Answers, at| answers.of("a").unwrap().trouble(1, true, at);
    assert!(trouble(&answers, T + 10).is_some());
    answers.disconnected();
    assert_eq!(trouble(&answers, T + 10), None);
    assert_eq!(answers.of("a").unwrap().forwarded, 3);
    count(&mut answers, "a", &[Event::Asked; 3], T + 20);
    assert_eq!(trouble(&answers, T + 29), None);
    let silent = Some(Trouble::Silent { requests: 3, seconds: 10 });
    assert_eq!(trouble(&answers, T + 30), silent);
}

#[test]
fn a_resource_that_comes_back_keeps_its_counters_and_gets_another_chance() {
    let mut answers = Answers::default();
    count(&mut answers, "a", &[Event::Asked, REFUSED, REFUSED, REFUSED], T);
    assert!(gives_only_errors(&answers, "a"));
    answers.seen("a", true);
    assert!(!gives_only_errors(&answers, "a"));
    let record = answers.of("a").unwrap();
    assert_eq!((record.forwarded, record.errors), (1, 3));
}

#[test]
fn an_error_of_a_missing_resource_marks_it_as_failing_for_a_minute() {
    let mut answers = Answers::default();
    count(&mut answers, "a", &[REFUSED; 9], T);
    assert!(!fails(&answers, T), "whoever refuses is there");
    count(&mut answers, "a", &[GONE], T);
    assert!(fails(&answers, T) && fails(&answers, T + 59) && answers.is_any_missing(T + 59));
    assert!(!fails(&answers, T + 60));
    // Nor does it last longer if the clock was wrong.
    assert!(!fails(&answers, T - 60));
    for answer in [Event::Result, REFUSED] {
        count(&mut answers, "a", &[GONE, answer], T);
        assert!(!fails(&answers, T), "{answer:?}");
    }
    count(&mut answers, "a", &[GONE], T);
    let trouble = answers.of("a").unwrap().trouble(3, false, T);
    assert!(!matches!(trouble, Some(Trouble::Missing(_))), "once is not thrice");
}

#[test]
fn a_resource_that_is_online_and_sends_such_errors_itself_does_not_fail() {
    let mut answers = Answers::default();
    count(&mut answers, "a", &[GONE], T);
    answers.seen("a", false);
    assert!(!fails(&answers, T));
    count(&mut answers, "a", &[GONE; 9], T);
    assert!(!fails(&answers, T), "it was there the first time, too");
    // After it was away it may be another client.
    answers.seen("a", true);
    count(&mut answers, "a", &[GONE], T);
    assert!(fails(&answers, T));
}

#[test]
fn several_missing_at_once_are_noticed_and_one_by_one_are_not() {
    let mut answers = Answers::default();
    count(&mut answers, "a", &[GONE, GONE], T);
    count(&mut answers, "b", &[REFUSED], T);
    assert_eq!(answers.outage().of_several(T + 5), None);
    count(&mut answers, "c", &[GONE], T + 2);
    assert_eq!(answers.outage().of_several(T + 2), None, "a probe may say otherwise");
    assert_eq!(answers.outage().of_several(T + 5), Some((T, 2)));
    answers.seen("c", false);
    assert_eq!(answers.outage().of_several(T + 5), None);

    // The probe for the first error is no longer under way.
    answers.unconfirmed(3, T + 4);
    assert_eq!(answers.outage().of_several(T + 5), Some((T, 3)));
    // A minute later everything starts over.
    count(&mut answers, "d", &[GONE], T + 100);
    count(&mut answers, "e", &[GONE], T + 115);
    assert_eq!(answers.outage().of_several(T + 120), None);
}

#[test]
fn memory_is_bounded_and_the_listed_ones_are_kept() {
    let mut listed = Resources::default();
    listed.add(&Address::new("bot@s.example/kept"), false, 0);
    let mut answers = Answers::default();
    let ask = |answers: &mut Answers, resource: &str, at| {
        answers.prepare(Some(resource), Event::Asked, &listed);
        answers.relayed(at);
    };
    ask(&mut answers, "kept", T);
    for number in 0..40_000 {
        ask(&mut answers, &format!("r{number}"), T + number);
        assert!(answers.records.len() <= MOST);
    }
    assert!(answers.of("kept").is_some() && answers.of("r39999").is_some());
    assert!(answers.of("r0").is_none());
    let order: Vec<&str> = answers.records.iter().map(|r| r.resource.as_str()).collect();
    assert!(order.is_sorted());
    ask(&mut answers, &"ä".repeat(512), T);
    assert!(answers.of(&"ä".repeat(512)).is_none());
}

#[test]
fn counters_survive_a_handover() {
    let mut answers = Answers::default();
    count(&mut answers, "b", &[Event::Asked, GONE], T);
    count(&mut answers, "a", &[Event::Asked, Event::Result], T);
    let text = serde_json::to_string(&answers.hand_over()).unwrap();
    let resumed = Answers::resume(serde_json::from_str(&text).unwrap());
    for resource in ["a", "b"] {
        assert_eq!(resumed.of(resource), answers.of(resource));
    }
    assert!(resumed.errors().iter().eq(answers.errors().iter()));
    assert!(resumed.is_any_missing(T + 9) && !resumed.is_any_missing(T + 99));
}
