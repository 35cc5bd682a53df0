//! How often a target with a long list is probed.

use super::*;

/// One with so many online, in its second minute.
fn with_many(resources: usize) -> (Fixture, Vec<String>) {
    let mut it = Fixture::with(&[BARE; 0]);
    let names: Vec<String> = (0..resources).map(|n| format!("{BARE}/{n}")).collect();
    it.hear_all(&names);
    it.served(100_000, &names);
    (it, names)
}

#[test]
fn in_the_long_run_each_asks_for_four_answers_a_second_at_most() {
    for (resources, shortest) in [(1, 150), (600, 150), (1_000, 250), (4_000, 1_000)] {
        let (mut it, names) = with_many(resources);
        let (mut probes, seconds) = (0, 40 * shortest);
        for _ in 0..seconds {
            for presence in it.until(1_000) {
                assert_eq!(presence, OwnPresence::Probe);
                probes += 1;
                it.hear_all(&names);
            }
        }
        assert!((18..=40).contains(&probes), "{probes} of {resources} in {seconds} s");
    }
}

#[test]
fn one_of_many_is_not_worth_a_question_each_time() {
    let asked = |resources| {
        let (mut it, names) = with_many(resources);
        let mut probes = 0;
        for _ in 0..100 {
            it.hear(&names[0], AVAILABLE);
            probes += it.served(1_000, &names);
            it.hear(&names[0], TargetPresence::Unavailable);
            probes += it.served(5_000, &names[1..]);
        }
        probes
    };
    let (few, many) = (asked(400), asked(401));
    assert!(few >= 95, "{few} for 100 that may be there");
    assert!((4..=30).contains(&many), "{many} for 100 that may be there");
}

#[test]
fn many_that_are_gone_are_looked_into_whatever_was_asked_in_vain_before() {
    let (mut it, names) = with_many(1_200);
    for second in 0..600 {
        // All send such errors themselves.
        it.error(&names[second * 2], DefinedCondition::ServiceUnavailable);
        it.error(&names[second * 2 + 1], DefinedCondition::ServiceUnavailable);
        it.served(1_000, &names);
    }
    it.served(90_000, &names);
    let mut waited = 0;
    for errors in 0.. {
        for name in &names[..400] {
            it.error(name, DefinedCondition::ServiceUnavailable);
        }
        if it.served(1_000, &names[400..]) > 0 {
            break;
        }
        waited = errors;
    }
    assert!(waited <= 61, "{waited} s");
    it.served(2_000, &names[400..]);
    assert_eq!(it.online().len(), 800);
}

/// They have the same list, and one of its resources was not found.
#[test]
fn replicas_do_not_ask_for_a_long_list_at_the_same_time() {
    let mut moments = Vec::new();
    for seed in 0..30 {
        let (mut it, names) = with_many(1_000);
        it.rng = Rng::with_seed(seed);
        it.error(&names[0], DefinedCondition::ServiceUnavailable);
        let begun = it.now.mono;
        while it.tick() != Some(OwnPresence::Probe) {
            it.now = it.now.plus(Duration::from_millis(50));
        }
        moments.push((it.now.mono - begun).as_millis());
    }
    let [first, last] = [moments.iter().min(), moments.iter().max()].map(|it| *it.unwrap());
    assert!((2_500..3_500).contains(&first) && (4_000..=5_050).contains(&last), "{moments:?}");
}
