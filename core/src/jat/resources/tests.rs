use super::*;
use crate::jat::glob::Glob;

fn online(addresses: &[(&str, bool)]) -> Resources {
    let mut resources = Resources::default();
    addresses.iter().for_each(|(a, dnd)| {
        resources.add(&Address::new(a), *dnd, 0);
    });
    resources
}

fn selection(patterns: &[&str], dispatch: Dispatch) -> Selection {
    let patterns = patterns.iter().map(|text| Glob::new(text).unwrap()).collect();
    Selection { patterns, dispatch }
}

/// The resources that 200 users are sent to.
fn chosen(resources: &Resources) -> Vec<&str> {
    let mut rng = Rng::with_seed(1);
    let mut chosen: Vec<&str> = (0..200)
        .filter_map(|i| {
            let user = format!("u{i}@s.example");
            resources.choose(0, &Address::new(&user), &mut rng)
        })
        .map(|r| r.address())
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

#[test]
fn each_way_of_dispatch_reaches_every_resource() {
    let mut resources = online(&[("bot@s/a", false), ("bot@s/b", false), ("BOT@s/b", false)]);
    for dispatch in Dispatch::ALL {
        resources.select([selection(&[], dispatch)]);
        assert_eq!(chosen(&resources), ["BOT@s/b", "bot@s/a"]);
    }
}

#[test]
fn a_resource_that_drains_gets_requests_only_when_all_do() {
    for dispatch in Dispatch::ALL {
        let mut resources = online(&[("bot@s/a", true), ("bot@s/b", false)]);
        resources.select([selection(&[], dispatch)]);
        assert_eq!(chosen(&resources), ["bot@s/b"]);
        resources.add(&Address::new("bot@s/b"), true, 0);
        assert_eq!(chosen(&resources), ["bot@s/a", "bot@s/b"]);
    }
}

#[test]
fn the_first_pattern_with_somebody_online_serves_and_others_are_never_asked() {
    let mut resources =
        online(&[("b@s/green-1", false), ("b@s/blue-1", false), ("b@s/phone", false)]);
    resources.select([selection(&["blue-*", "green-*"], Dispatch::Random)]);
    let asked = |it: &Resources| it.asked(0).map(|(_, asked)| asked).collect::<Vec<_>>();
    assert_eq!(asked(&resources), [Asked::Now, Asked::Later, Asked::Never]);
    assert_eq!(resources.eligible(0), 2);
    resources.add(&Address::new("b@s/blue-2"), false, 0);
    assert_eq!(chosen(&resources), ["b@s/blue-1", "b@s/blue-2"]);
    ["b@s/blue-1", "b@s/blue-2"].iter().for_each(|it| resources.remove(&Address::new(it)));
    assert_eq!(chosen(&resources), ["b@s/green-1"]);
    resources.remove(&Address::new("b@s/green-1"));
    assert_eq!(chosen(&resources), [""; 0]);
    assert_eq!((resources.len(), resources.eligible(0)), (1, 0));
}

#[test]
fn the_highest_priority_serves_and_a_negative_one_never() {
    let mut resources = Resources::default();
    resources.select([selection(&[], Dispatch::Priority)]);
    for (address, priority) in [("b@s/a", 5), ("b@s/b", 5), ("b@s/c", 0), ("b@s/d", -1)] {
        resources.add(&Address::new(address), false, priority);
    }
    assert_eq!(chosen(&resources), ["b@s/a", "b@s/b"]);
    // Ties are decided for each user, whatever the random numbers.
    let user = Address::new("u@s");
    let pick = |seed| resources.choose(0, &user, &mut Rng::with_seed(seed)).unwrap().normal();
    assert!((0..50).all(|seed| pick(seed) == pick(0)));
    ["b@s/a", "b@s/b", "b@s/c"].iter().for_each(|it| resources.remove(&Address::new(it)));
    assert_eq!((chosen(&resources), resources.eligible(0)), (vec![], 0));
    // With other kinds of dispatch they do not count.
    resources.select([selection(&[], Dispatch::Random)]);
    assert_eq!(chosen(&resources), ["b@s/d"]);
}

/// The table of docs/dispatch.md.
#[test]
fn confirmed_comes_first_then_not_dnd_then_the_pattern_then_the_priority() {
    let mut resources = Resources::default();
    resources.select([selection(&["blue", "green", "b*", "g*"], Dispatch::Priority)]);
    let mut order = vec![];
    for verified in [true, false] {
        for dnd in [false, true] {
            for (name, priority) in [("blue", 1), ("green", 9), ("b1", 3), ("b2", 2)] {
                order.push((format!("b@s/{name}"), verified, dnd, priority));
            }
        }
    }
    // Each comes online after the next one in the order, and replaces it.
    for better in order.windows(2) {
        resources.clear();
        for (address, verified, dnd, priority) in better {
            // Two with the same resource differ by their addresses.
            let address = address.replace("b@s", &format!("b@{verified}-{dnd}"));
            let (dnd, priority, verified) = (*dnd, *priority, *verified);
            let known = Known { dnd, priority, verified, confirmed: true };
            resources.put(&Address::new(&address), known);
        }
        let (address, verified, dnd, _) = &better[0];
        let first = address.replace("b@s", &format!("b@{verified}-{dnd}"));
        assert_eq!(chosen(&resources), [first], "{better:?}");
    }
}

#[test]
fn a_resource_in_doubt_gets_requests_only_when_all_are() {
    for dispatch in Dispatch::ALL {
        let mut resources = online(&[("bot@s/a", false), ("bot@s/b", false), ("bot@s/c", false)]);
        resources.select([selection(&[], dispatch)]);
        resources.doubt();
        assert_eq!(chosen(&resources), ["bot@s/a", "bot@s/b", "bot@s/c"]);
        // Even one that drains is better than one that may not be there.
        resources.add(&Address::new("bot@s/b"), true, 0);
        assert_eq!(chosen(&resources), ["bot@s/b"]);
    }
}

#[test]
fn sticky_is_the_same_in_every_replica() {
    let mut one = online(&[("bot@s/a", false), ("bot@s/b", false), ("bot@s/c", false)]);
    let mut other = online(&[("bot@s/c", false), ("BOT@s/a", false), ("bot@s/b", false)]);
    for resources in [&mut one, &mut other] {
        resources.select([selection(&[], Dispatch::Sticky)]);
    }
    for user in (0..100).map(|i| format!("u{i}@s.example")) {
        let pick = |r: &Resources| {
            let user = Address::new(&user);
            let chosen = r.choose(0, &user, &mut Rng::with_seed(1)).unwrap();
            chosen.normal.clone()
        };
        assert_eq!(pick(&one), pick(&other));
    }
}

#[test]
fn an_address_is_as_the_server_passed_it_on_last() {
    let mut resources = Resources::default();
    for address in ["bot@s/A", "Bot@s/A", "BOT@s/A", "bot@s/A"] {
        resources.add(&Address::new(address), false, 0);
        let listed: Vec<_> = resources.iter().map(|it| (it.address(), it.normal())).collect();
        assert_eq!(listed, [(address, "bot@s/A")]);
    }
}

#[test]
fn what_a_list_holds_is_bounded_in_bytes() {
    let mut resources = Resources::default();
    let longest = "r".repeat(resourcepart::MAX_BYTES - 4);
    for number in 0..MOST_ONLINE + 100 {
        resources.add(&Address::new(&format!("bot@s/{longest}{number:04x}")), false, 0);
        resources.add(&Address::new(&format!("bot@s/{longest}{number:05x}")), false, 0);
    }
    assert_eq!(resources.len(), MOST_ONLINE);
    let held = |resources: &Resources| {
        let bytes = |r: &Resource| r.normal.len() + r.passed_on.as_deref().map_or(0, str::len);
        resources.iter().map(bytes).sum::<usize>()
    };
    let most = MOST_ONLINE * (6 + resourcepart::MAX_BYTES);
    assert_eq!(held(&resources), most);
    // Another spelling is kept in addition.
    for number in 0..MOST_ONLINE {
        resources.add(&Address::new(&format!("Bot@s/{longest}{number:04x}")), false, 0);
    }
    assert_eq!((resources.len(), held(&resources)), (MOST_ONLINE, 2 * most));
    let long_bare = format!("{}@s/a", "B".repeat(MAX_ADDRESS));
    let mut resources = Resources::default();
    resources.add(&Address::new(&long_bare), false, 0);
    assert!(resources.is_empty());
}

#[test]
fn resources_that_a_probe_does_not_confirm_are_removed() {
    let mut resources = online(&[("bot@s/a", false), ("bot@s/b", false)]);
    resources.doubt();
    resources.begin_round();
    resources.add(&Address::new("bot@s/b"), false, 0);
    assert_eq!(chosen(&resources), ["bot@s/b"]);
    assert_eq!(resources.end_round(1), Gone { all: 1, steady: 0 });
    assert_eq!(resources.iter().map(Resource::address).collect::<Vec<_>>(), ["bot@s/b"]);
    resources.remove(&Address::new("bot@s/unknown"));
    assert_eq!(resources.len(), 1);
    for dispatch in Dispatch::ALL {
        let mut nobody = online(&[]);
        nobody.select([selection(&[], dispatch)]);
        assert!(chosen(&nobody).is_empty());
    }
}

/// Updates for single resources give the same result as looking at all of them.
#[test]
fn who_is_asked_is_the_same_however_the_list_came_about() {
    let mut rng = Rng::with_seed(1);
    let selections = || {
        [
            selection(&[], Dispatch::Random),
            selection(&["1*", "2*"], Dispatch::Sticky),
            selection(&[], Dispatch::Priority),
        ]
    };
    let mut resources = Resources::default();
    resources.select(selections());
    for _ in 0..3_000 {
        let name = format!("b@s/{}", rng.u8(..40));
        let address = Address::new(&name);
        match rng.u8(..100) {
            0..60 => _ = resources.add(&address, rng.bool(), rng.i8(-1..3)),
            60..80 => resources.remove(&address),
            80..90 => _ = resources.suspect(&name),
            90..95 => resources.vouch(&name),
            95 => resources.begin_round(),
            96 => _ = resources.end_round(2),
            97 => resources.doubt(),
            98 => resources.select(selections()),
            _ => resources.clear(),
        }
        let mut anew = Resources::default();
        anew.select(selections());
        anew.put_all(resources.iter().map(|it| {
            let Resource { dnd, priority, verified, confirmed, .. } = *it;
            (it.address(), Known { dnd, priority, verified, confirmed })
        }));
        let names = |it: &Resources| it.iter().map(|r| r.normal.clone()).collect::<Vec<_>>();
        assert_eq!(names(&resources), names(&anew));
        assert!(resources.iter().is_sorted_by_key(|it| &it.normal));
        assert_eq!(resources.has_doubtful(), resources.iter().any(|it| !it.verified));
        for service in 0..3 {
            let first = |it: &Resources| {
                let members = it.views[service].first().iter();
                let mut names: Vec<_> = members.map(|m| it.online[m.at].normal.clone()).collect();
                names.sort_unstable();
                names
            };
            let asked = resources.asked(service).filter(|(_, asked)| *asked == Asked::Now);
            let asked: Vec<_> = asked.map(|(it, _)| it.normal.clone()).collect();
            assert_eq!(first(&resources), asked);
            assert_eq!(first(&resources), first(&anew));
            assert_eq!(resources.eligible(service), anew.eligible(service));
        }
    }
}
