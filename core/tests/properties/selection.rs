//! Which resource serves: the table of docs/dispatch.md, compared with what is chosen.

use fastrand::Rng;
use jat_core::jat::address::Address;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::glob::Glob;
use jat_core::jat::resources::{Asked, Known, Resources};
use jat_core::jat::selection::Selection;
use proptest::prelude::*;
use proptest::sample::select;

/// A resource as its presence shows it.
#[derive(Clone, Debug)]
struct Shown {
    name: String,
    dnd: bool,
    priority: i8,
    verified: bool,
}

fn shown() -> impl Strategy<Value = Shown> {
    ("[ab]{1,3}", any::<bool>(), select(vec![-128, -1, 0, 1, 127]), any::<bool>())
        .prop_map(|(name, dnd, priority, verified)| Shown { name, dnd, priority, verified })
}

/// The place of the first pattern that fits.
fn place(patterns: &[String], name: &str) -> Option<usize> {
    if patterns.is_empty() { Some(0) } else { patterns.iter().position(|it| fits(it, name)) }
}

/// Slow, but simple.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.as_bytes(), name.as_bytes()) {
        ([], []) => true,
        ([b'*', ..], _) => {
            fits(&pattern[1..], name) || !name.is_empty() && fits(pattern, &name[1..])
        }
        ([p, ..], [n, ..]) => (*p == b'?' || p == n) && fits(&pattern[1..], &name[1..]),
        _ => false,
    }
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn those_serve_that_the_table_names(
        all in prop::collection::vec(shown(), 0..8),
        patterns in prop::collection::vec("[ab*?]{1,3}", 0..4),
        dispatch in select(Dispatch::ALL.to_vec()),
        late in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let globs = patterns.iter().map(|text| Glob::new(text).unwrap()).collect();
        let selection = Selection { patterns: globs, dispatch };
        let mut resources = Resources::default();
        let put = |resources: &mut Resources, it: &Shown| {
            let address = format!("bot@s.example/{}", it.name);
            let Shown { dnd, priority, verified, .. } = *it;
            let known = Known { dnd, priority, verified, confirmed: true };
            resources.put(&Address::new(&address), known);
        };
        if !late {
            resources.select([selection.clone()]);
        }
        all.iter().for_each(|it| put(&mut resources, it));
        if late {
            resources.select([selection]);
        }
        // The latest presence of each.
        let mut known: Vec<&Shown> = Vec::new();
        for it in all.iter().rev() {
            if !known.iter().any(|other| other.name == it.name) {
                known.push(it);
            }
        }
        let counts = dispatch == Dispatch::Priority;
        let mut left: Vec<&Shown> = known
            .iter()
            .copied()
            .filter(|it| place(&patterns, &it.name).is_some() && !(counts && it.priority < 0))
            .collect();
        let eligible = left.len();
        type Rule = fn(&Shown, &[String]) -> i64;
        let rules: [Rule; 4] = [
            |it, _| i64::from(it.verified),
            |it, _| i64::from(!it.dnd),
            |it, patterns| -(place(patterns, &it.name).unwrap() as i64),
            |it, _| i64::from(it.priority),
        ];
        for rule in &rules[..if counts { 4 } else { 3 }] {
            let best = left.iter().map(|it| rule(it, &patterns)).max();
            left.retain(|it| Some(rule(it, &patterns)) == best);
        }
        let mut first: Vec<&str> = left.iter().map(|it| it.name.as_str()).collect();
        first.sort_unstable();

        let name = |address: &str| address.split_once('/').unwrap().1.to_owned();
        let asked = |wanted| -> Vec<String> {
            let fits = resources.asked(0).filter(|(_, asked)| *asked == wanted);
            fits.map(|(resource, _)| name(resource.address())).collect()
        };
        prop_assert_eq!(asked(Asked::Now), &first[..]);
        prop_assert_eq!(asked(Asked::Never).len(), known.len() - eligible);
        prop_assert_eq!(resources.eligible(0), eligible);
        let mut rng = Rng::with_seed(seed);
        for user in ["u@a.example/r", "v@b.example"] {
            let chosen = resources.choose(0, &Address::new(user), &mut rng);
            let chosen = chosen.map(|it| name(it.address()));
            prop_assert_eq!(chosen.is_some(), eligible > 0);
            prop_assert!(chosen.iter().all(|it| first.contains(&it.as_str())));
        }
    }
}
