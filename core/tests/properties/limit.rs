//! A limit for each asker, compared with a token bucket for each.

use std::time::Duration;

use fastrand::Rng;
use jat_core::jat::address::Address;
use jat_core::jat::limit::{Askers, Limit, Rate};
use proptest::prelude::*;
use proptest::sample::select;

/// Rates whose pause is a whole number of nanoseconds.
const RATES: [(&str, u64); 8] = [
    ("1/s", 1_000_000_000),
    ("5/s", 200_000_000),
    ("20/s", 50_000_000),
    ("1000/s", 1_000_000),
    ("1/min", 60_000_000_000),
    ("100/min", 600_000_000),
    ("1/h", 3_600_000_000_000),
    ("1000/h", 3_600_000_000),
];
const START: Duration = Duration::from_secs(1000);

fn limit((rate, _): (&str, u64), burst: u32) -> Limit {
    Limit { rate: Rate::parse(rate).unwrap(), burst }
}

/// A full bucket holds `burst` tokens; all in nanoseconds.
struct Bucket {
    pause: u64,
    most: u64,
    level: u64,
    last: Duration,
}

impl Bucket {
    fn new(pause: u64, burst: u32) -> Self {
        let most = pause * u64::from(burst);
        Self { pause, most, level: most, last: START }
    }

    fn take(&mut self, now: Duration) -> bool {
        let passed = u64::try_from((now - self.last).as_nanos()).unwrap();
        self.level = self.most.min(self.level + passed);
        self.last = now;
        let is_enough = self.level >= self.pause;
        self.level -= if is_enough { self.pause } else { 0 };
        is_enough
    }
}

proptest! {
    #![proptest_config(crate::cases())]

    /// A stanza passes if the bucket has a token. In any period at most the burst passes, and what
    /// the rate allows for the period.
    #[test]
    fn an_asker_gets_what_a_bucket_of_tokens_gives(
        rate in select(RATES.to_vec()),
        burst in 1..50_u32,
        // In eighths of a pause; mostly close together.
        gaps in prop::collection::vec(prop_oneof![3 => 0..4_u64, 1 => 0..200_u64], 1..200),
    ) {
        let (limit, pause) = (limit(rate, burst), rate.1);
        let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(7));
        let mut bucket = Bucket::new(pause, burst);
        let (mut now, mut passed) = (START, Vec::new());
        for gap in gaps {
            now += Duration::from_nanos(gap * pause / 8);
            let admits = askers.admit(&limit, &Address::new("u@s.example/r"), now, &mut rng);
            prop_assert_eq!(admits, bucket.take(now), "{:?} after {:?}", limit, now - START);
            passed.extend(admits.then_some(now));
        }
        for (first, begin) in passed.iter().enumerate() {
            for (last, end) in passed.iter().enumerate().skip(first) {
                let count = u128::try_from(last - first + 1).unwrap();
                let meanwhile = (*end - *begin).as_nanos() / u128::from(pause);
                prop_assert!(count <= u128::from(burst) + meanwhile);
            }
        }
    }

    /// Whoever keeps to the rate is never refused, whatever others send.
    #[test]
    fn who_keeps_to_the_rate_is_never_refused_whatever_others_do(
        rate in select(RATES.to_vec()),
        burst in 1..5_u32,
        gaps in prop::collection::vec(8..16_u64, 1..10),
        crowd in select(vec![0, 10, 500]),
        seed in any::<u64>(),
    ) {
        let limit = limit(rate, burst);
        let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(seed));
        let mut now = START;
        for (round, gap) in gaps.into_iter().enumerate() {
            for number in 0..crowd / 5 {
                let other = format!("u{}@crowd.example", (round * crowd / 5 + number) % crowd);
                for _ in 0..=burst {
                    askers.admit(&limit, &Address::new(&other), now, &mut rng);
                }
            }
            now += Duration::from_nanos(gap * rate.1 / 8);
            prop_assert!(askers.admit(&limit, &Address::new("u@s.example/r"), now, &mut rng));
        }
    }

    /// While there is room, no asker's count is touched by others.
    #[test]
    fn askers_do_not_share_a_count(
        senders in prop::collection::vec(0..20_usize, 1..400),
        burst in 1..6_u32,
    ) {
        let limit = limit(("1/h", 0), burst);
        let (mut askers, mut rng) = (Askers::default(), Rng::with_seed(7));
        let mut sent = [0; 20];
        for sender in senders {
            let from = format!("u{sender}@s.example");
            let admits = askers.admit(&limit, &Address::new(&from), START, &mut rng);
            prop_assert_eq!(admits, sent[sender] < burst);
            sent[sender] += 1;
        }
    }
}
