//! Users, and the faces that they write to, as servers pass them on and in normal form.

use proptest::prelude::*;
use proptest::sample::select;

/// A user's address as a server passes it on, and with each part in normal form.
#[derive(Clone, Debug)]
pub struct Person {
    pub stamped: String,
    /// `node@domain`, or the domain alone.
    pub bare: String,
    pub resource: String,
}

impl Person {
    pub fn full(&self) -> String {
        match self.resource.as_str() {
            "" => self.bare.clone(),
            resource => format!("{}/{resource}", self.bare),
        }
    }
}

/// Parts of nodes as they are typed, and in normal form.
const NODES: [(&str, &str); 16] = [
    ("a", "a"),
    ("B", "b"),
    ("\u{ff43}", "c"),
    ("O\u{308}", "ö"),
    ("f\u{307}", "\u{1e1f}"),
    (r"\40", r"\40"),
    (r"\5C40", r"\5c40"),
    (r"\5c5c", r"\5c5c"),
    (r"\2F", r"\2f"),
    (r"\", r"\"),
    ("40", "40"),
    ("5C", "5c"),
    ("%", "%"),
    (".", "."),
    ("ß", "ss"),
    ("yypzockqmpmvo6qq", "yypzockqmpmvo6qq"),
];

/// Nodes that only some servers allow: right-to-left letters, and those that nodeprep refuses, which
/// are used unchanged.
const WHOLE_NODES: [&str; 5] = ["אב", "😀", "😀B", "\u{1e9e}", ""];

const DOMAINS: [(&str, &str); 7] = [
    ("a.example", "a.example"),
    ("B.Example", "b.example"),
    ("\u{ff43}.example", "c.example"),
    ("BÜ.example", "bü.example"),
    ("xn--B-xga.example", "xn--b-xga.example"),
    ("[::1]", "[::1]"),
    ("a", "a"),
];

const FACES: [(&str, &str); 8] = [
    ("", ""),
    ("helper", "helper"),
    ("NoDe", "node"),
    (r"a\2Fb", r"a\2fb"),
    ("\u{307}x", "\u{307}x"),
    ("אב", "אב"),
    ("😀", "😀"),
    (r"x\5c40", r"x\5c40"),
];

pub fn person() -> impl Strategy<Value = Person> {
    let parts = prop::collection::vec(select(NODES.to_vec()), 1..6);
    let node = prop_oneof![
        4 => parts.prop_map(|parts| {
            let (typed, normal): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            (typed.concat(), normal.concat())
        }),
        1 => select(WHOLE_NODES.to_vec()).prop_map(|node| (node.to_owned(), node.to_owned())),
    ];
    let resource = select(vec!["", "abc", "a b", "/", "a@b/c", "'\"<&>", "😀", "é\u{301}"]);
    (node, select(DOMAINS.to_vec()), resource).prop_map(
        |((typed, node), (spelt, domain), resource)| {
            let at = if node.is_empty() { "" } else { "@" };
            let slash = if resource.is_empty() { "" } else { "/" };
            Person {
                stamped: format!("{typed}{at}{spelt}{slash}{resource}"),
                bare: format!("{node}{at}{domain}"),
                resource: resource.to_owned(),
            }
        },
    )
}

/// The face as typed, and in normal form, both as addresses.
pub fn face() -> impl Strategy<Value = (String, String)> {
    let address = |node: &str, domain: &str| match node {
        "" => domain.to_owned(),
        node => format!("{node}@{domain}"),
    };
    (select(FACES.to_vec()), select(vec!["proxy.example", "PROXY.Example"])).prop_map(
        move |((typed, node), domain)| (address(typed, domain), address(node, "proxy.example")),
    )
}
