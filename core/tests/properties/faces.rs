//! Which target gets a request, and whose reply goes to the user: a plain search, compared with the
//! output of a stream with several services.

use core_tests::faces::{arrangement, face};
use core_tests::oracle;
use core_tests::said::Said;
use core_tests::session::{START, Side};
use core_tests::twin::{USER, get};
use jat_core::jat::reason::Reason;
use jat_core::session::Bounds;
use proptest::prelude::*;
use proptest::sample::select;

/// Fixed destinations, which need no presence.
const TARGETS: [&str; 3] = ["one@bots.example/r", "two@bots.example/r", "three@bots.example/r"];

/// Slow, but simple.
fn fits(pattern: &[u8], node: &[u8]) -> bool {
    match (pattern, node) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => fits(rest, node) || !node.is_empty() && fits(pattern, &node[1..]),
        ([p, rest @ ..], [n, others @ ..]) => (*p == b'?' || p == n) && fits(rest, others),
        _ => false,
    }
}

/// The place of the face that this node belongs to: the name, else the pattern with the most
/// letters, of two with as many the first.
fn place(faces: &[(String, usize)], node: &str) -> Option<usize> {
    let mut best = None;
    for (place, (text, _)) in faces.iter().enumerate() {
        let letters = text.bytes().filter(|byte| byte.is_ascii_lowercase()).count();
        let is_pattern = text.contains(['*', '?']);
        let rank = match is_pattern {
            false if text == node => usize::MAX,
            true if !node.is_empty() && fits(text.as_bytes(), node.as_bytes()) => letters,
            _ => continue,
        };
        if best.is_none_or(|(_, most)| rank > most) {
            best = Some((place, rank));
        }
    }
    best.map(|(place, _)| place)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn each_stanza_finds_its_service(
        faces in prop::collection::btree_map("[ab*?]{0,4}", 0..TARGETS.len(), 1..8),
        order in any::<u64>(),
        own in prop::option::of(0..TARGETS.len()),
        all in any::<bool>(),
        nodes in prop::collection::vec("[abAB]{0,4}", 1..8),
        replier in select(TARGETS.to_vec()),
    ) {
        let mut faces: Vec<(String, usize)> = faces.into_iter().collect();
        // Two of the domain itself are refused before they come here.
        faces.retain(|(text, _)| own.is_none() || !text.is_empty());
        fastrand::Rng::with_seed(order).shuffle(&mut faces);
        prop_assume!(own.is_some() || !faces.is_empty());
        let named: Vec<(&str, &str)> =
            faces.iter().map(|(text, target)| (text.as_str(), TARGETS[*target])).collect();
        // Leave out the face of the short form where the other rules already cover every node.
        let all = all && own.is_none();
        let arrangement = arrangement(own.map(|it| TARGETS[it]), &named, all);
        let mut side = Side::new(arrangement, Bounds::default());
        Said::to(&mut side, [&b""[..]], START);
        for node in &nodes {
            let at = if node.is_empty() { "" } else { "@" };
            let said = Said::to(
                &mut side,
                [get(USER, &format!("{node}{at}proxy.example"), "7").as_bytes()],
                START,
            );
            let found = place(&faces, &node.to_lowercase());
            let target = found.map(|it| faces[it].1).or(own).map(|it| TARGETS[it]);
            let text = found.map_or("", |it| &faces[it].0);
            let before = side.shared.services.faces().find(|(name, ..)| *name == text);
            let Some(target) = target else {
                prop_assert_eq!(said.counted[0].1, Reason::NoSuchFace);
                prop_assert!(said.out[0].contains("item-not-found"));
                continue;
            };
            let inward = before.map(|(_, counts, _)| counts.inward);
            prop_assert!(inward > Some(0), "{node:?} counts for {text:?}: {inward:?}");
            let [to, from, id] =
                ["to", "from", "id"].map(|it| oracle::attribute(&said.out[0], it).unwrap());
            prop_assert_eq!(&to, target, "{:?} of {:?}", node, face(text));
            let reply = format!("<iq type='result' id='{id}' to='{from}' from='{replier}'/>");
            let said = Said::to(&mut side, [reply.as_bytes()], START);
            prop_assert_eq!(said.out.len(), usize::from(replier == target), "{}", reply);
            if replier == target {
                let user = oracle::attribute(&said.out[0], "to");
                prop_assert_eq!(user.as_deref(), Some(USER));
            }
        }
    }
}
