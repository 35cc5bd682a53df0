//! Who may ask: another spelling of an address is the same sender.

use jat_core::jat::access::{Access, Mode, Pattern, Senders};
use jat_core::jat::address::Address;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

/// Labels that have one form only, and some of their spellings.
const LABELS: [&[&str]; 4] = [
    &["a", "A", "ａ", "Ａ"],
    &["bc", "bC", "BC", "ｂc"],
    &["münchen", "MÜNCHEN", "mu\u{308}nchen", "xn--mnchen-3ya", "XN--Mnchen-3YA"],
    &["x-y", "X-Y", "x-\u{ff59}"],
];

/// A domain, by the places of its labels, and another spelling of it.
fn domain() -> impl Strategy<Value = (Vec<usize>, String)> {
    let label = (0..LABELS.len(), any::<prop::sample::Index>());
    (prop::collection::vec(label, 1..5), select(vec!["", "."])).prop_map(|(labels, dot)| {
        let spelled = labels.iter().map(|(at, how)| LABELS[*at][how.index(LABELS[*at].len())]);
        let spelled = spelled.collect::<Vec<_>>().join(".") + dot;
        (labels.into_iter().map(|(at, _)| at).collect(), spelled)
    })
}

fn plain(labels: &[usize]) -> String {
    labels.iter().map(|at| LABELS[*at][0]).collect::<Vec<_>>().join(".")
}

fn list(pattern: &str) -> Arc<Senders> {
    Arc::new(Senders::new([Pattern::new(pattern).unwrap()]))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn a_sender_is_in_a_list_however_it_and_the_list_are_spelled(
        (sender, spelled) in domain(),
        (named, pattern) in domain(),
        (node, node_spelled) in select(vec![("u", "U"), ("ö", "Ö"), ("", ""), ("n.m", "N.M")]),
        resource in select(vec!["", "/r", "/R@x.example", "/😀"]),
        subdomains in any::<bool>(),
    ) {
        let at = if node.is_empty() { "" } else { "@" };
        let from = format!("{node_spelled}{at}{spelled}{resource}");
        let star = if subdomains { "*." } else { "" };
        let is_in = match subdomains {
            true => sender.len() > named.len() && sender.ends_with(&named),
            false => sender == named,
        };
        for pattern in [format!("{star}{pattern}"), format!("{star}{}", plain(&named))] {
            let deny = Access { allow: None, deny: list(&pattern), mode: Mode::Enforce };
            prop_assert_eq!(deny.permits(&Address::new(&from)), !is_in, "{} {}", pattern, from);
            let deny = Arc::default();
            let allow = Access { allow: Some(list(&pattern)), deny, mode: Mode::Enforce };
            prop_assert_eq!(allow.permits(&Address::new(&from)), is_in, "{} {}", pattern, from);
        }
        if !node.is_empty() {
            let account = list(&format!("{node}@{}", plain(&named)));
            let deny = Access { allow: None, deny: account, mode: Mode::Enforce };
            prop_assert_eq!(deny.permits(&Address::new(&from)), sender != named);
        }
    }
}
