use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn limit(rate: &str, burst: u32) -> Limit {
    Limit { rate: Rate::parse(rate).unwrap(), burst }
}

/// How many of so many stanzas pass, at each of these times.
fn passing(limit: Limit, each: usize, times: &[u64]) -> Vec<usize> {
    let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(1));
    let mut at = |millis: &u64| {
        let now = NOW + Duration::from_millis(*millis);
        let mut admit = || askers.admit(&limit, &Address::new("u@s.example/r"), now, &mut rng);
        (0..each).filter(|_| admit()).count()
    };
    times.iter().map(&mut at).collect()
}

#[test]
fn a_burst_passes_and_then_the_rate() {
    assert_eq!(passing(limit("20/s", 40), 100, &[0, 49, 50, 1050, 60_000]), [40, 0, 1, 20, 40]);
    assert_eq!(passing(limit("1/s", 1), 9, &[0, 999, 1000, 9000]), [1, 0, 1, 1]);
    assert_eq!(passing(limit("100/min", 2), 9, &[0, 600, 60_000]), [2, 1, 2]);
    assert_eq!(passing(limit("1/h", 1), 9, &[0, 3_599_999, 3_600_000]), [1, 0, 1]);
    // A third of a second is not a whole number of nanoseconds.
    assert_eq!(passing(limit("3/s", 3), 9, &[0, 334, 667, 1001]), [3, 1, 1, 1]);
    let most = limit("1000000/h", MOST);
    assert_eq!(passing(most, MOST as usize + 9, &[0, 3_600_000]), [MOST as usize; 2]);
}

#[test]
fn a_rate_is_a_number_and_a_time() {
    for good in ["20/s", "1/h", "100/min", "1000000/s"] {
        assert_eq!(Rate::parse(good).unwrap().to_string(), good);
    }
    let bad = [
        "",
        "20",
        "/s",
        "20/",
        "0/s",
        "-1/s",
        "+1/s",
        "1.5/s",
        "20 /s",
        "20/ s",
        "20/S",
        "20/m",
        "20/sec",
        "20s",
        "1000001/s",
        "99999999999999999999/s",
        "20/s/s",
        "20r/s",
        "2\u{b2}/s",
    ];
    for bad in bad {
        assert_eq!(Rate::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_table_has_the_size_that_the_documents_say() {
    assert_eq!(ASKERS * size_of::<(u64, Duration)>(), 192 << 10);
}

/// From a million addresses: each is served, memory stays, and the one that has used up the limit
/// is still over it.
#[test]
fn a_million_askers_take_no_more_memory_and_push_out_nobody_who_is_over() {
    let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(1));
    let mut admit = |from: &str| askers.admit(&limit("1/h", 2), &Address::new(from), NOW, &mut rng);
    assert!(admit("u@s.example/r") && admit("u@s.example/r"));
    assert!((0..1_000_000).all(|n| admit(&format!("u{n}@crowd.example/r"))));
    assert!(!admit("u@s.example/r"));
    assert!(admit("v@s.example/r"));
    assert_eq!(askers.recent.unwrap().capacity(), ASKERS);
}

/// A sender that is pushed out starts over, so that nobody who keeps to the rate is ever refused.
#[test]
fn an_asker_within_the_rate_is_served_while_the_table_overflows() {
    let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(1));
    let limit = limit("1/min", 1);
    for round in 0..20 {
        let now = NOW + Duration::from_secs(60 * round);
        assert!(askers.admit(&limit, &Address::new("u@s.example"), now, &mut rng), "{round}");
        for other in 0..2 * ASKERS {
            let from = format!("u{other}@{round}.example");
            let mut admit = || askers.admit(&limit, &Address::new(&from), now, &mut rng);
            assert!(admit() && !admit(), "{from}");
        }
    }
}

/// Somebody over the limit is pushed out only by others who have used up theirs too, and later, and by
/// about as many as the table has room for.
#[test]
fn an_asker_over_the_rate_is_forgotten_only_after_a_full_table_of_others() {
    let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(1));
    // Returns how many of `domain` are already over the limit; afterwards all are.
    let mut come = |domain: &str, numbers: std::ops::Range<usize>, millis: usize| {
        let now = NOW + Duration::from_millis(millis as u64);
        let mut is_over = |number: usize| {
            let from = format!("u{number}@{domain}");
            let mut admit = || askers.admit(&limit("1/h", 2), &Address::new(&from), now, &mut rng);
            !(admit() && admit())
        };
        numbers.filter(|number| is_over(*number)).count()
    };
    assert_eq!(come("s.example", 0..100, 0), 0);
    assert_eq!(come("s.example", 0..100, 1), 100);
    assert_eq!(come("crowd.example", 0..ASKERS / 4, 2), 0);
    let after_few = come("s.example", 0..100, 3);
    assert!((90..=100).contains(&after_few), "{after_few}");
    for round in 1..=10 {
        assert_eq!(come("crowd.example", round * ASKERS..(round + 1) * ASKERS, 3 + round), 0);
    }
    assert_eq!(come("s.example", 0..100, 100), 0);
}
