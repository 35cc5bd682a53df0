//! Stanzas as the proxy makes them with each setting, for honest users and for others, with their
//! senders.

use std::sync::Arc;

use core_tests::oracle;
use core_tests::session::two_way;
use core_tests::twin::{self, Proxy};
use core_tests::vectors::Vectors;
use core_tests::xml::escaped;
use jat_proxy::jat::access::{Pattern, Senders};
use jat_proxy::jat::address::Address;
use jat_proxy::jat::settings::{Settings, TokenIn};
use serde_json::{Value, json};

/// Requests, all of which are forwarded. Where the sender is unclear a reader may say so;
/// otherwise it has to name the sender.
pub fn requests() -> Vec<Value> {
    let mut requests = Vec::new();
    for settings in [twin::settings(), in_the_id()] {
        let mut proxy = Proxy::with(settings);
        // If only requests are relayed, users may write to any node.
        let nodes = ["", "helper", VICTIMS, VICTIMS_FACE, r"x\40y", r"\40\40ab"];
        for (user, node) in users().iter().flat_map(|user| nodes.map(|node| (user, node))) {
            for id in ids() {
                let (sender, token) = forwarded(&mut proxy, user, node, &id);
                let in_resource = token == id;
                let unclear = in_resource && id.len() >= 45;
                requests.push(json!({
                    "sender": sender, "id": token, "user": user, "face": node, "unclear": unclear
                }));
            }
        }
    }
    for settings in [twin::both_ways(), initiating()] {
        let mut proxy = Proxy::with(settings);
        for (user, node) in users().iter().flat_map(|user| ["", "helper"].map(|it| (user, it))) {
            for id in ids() {
                let (sender, token) = forwarded(&mut proxy, user, node, &id);
                requests.push(json!({
                    "sender": sender, "id": token, "user": user, "face": node, "unclear": false
                }));
            }
        }
    }
    requests
}

/// Messages, where they are relayed.
pub fn messages() -> Vec<Value> {
    let mut messages = Vec::new();
    for settings in [twin::both_ways(), initiating()] {
        let mut proxy = Proxy::with(settings);
        for (user, node) in users().iter().flat_map(|user| ["", "helper"].map(|it| (user, it))) {
            for id in ids() {
                let [from, id, to] = [user, &id, &at(node)].map(|it| escaped(it));
                let message =
                    format!("<message from='{from}' to='{to}' id='{id}'><body/></message>");
                let said = proxy.exchange(&message);
                let [xml] = &said.out[..] else { panic!("{message}: {said:?}") };
                let sender = oracle::attribute(xml, "from").unwrap();
                let user = Address::new(user).normal().into_owned();
                messages.push(json!({ "sender": sender, "user": user, "face": node }));
            }
        }
    }
    messages
}

fn in_the_id() -> Settings {
    Settings { token_in: TokenIn::Id, ..twin::settings() }
}

/// Both ways, with mirrors in clear.
fn initiating() -> Settings {
    let initiate = Senders::new([Pattern::Everybody]);
    let two_way = jat_proxy::jat::two_way::TwoWay { initiate: initiate.into(), ..two_way(&[1]) };
    Settings { two_way: Some(Arc::new(two_way)), ..twin::both_ways() }
}

/// `from` and `id` of the request as the client gets it.
fn forwarded(proxy: &mut Proxy, user: &str, node: &str, id: &str) -> (String, String) {
    let forwarded = proxy.forwarded(&twin::get(user, &at(node), id));
    (forwarded.from, forwarded.id)
}

fn at(node: &str) -> String {
    let domain = "proxy.example";
    if node.is_empty() { domain.to_owned() } else { format!("{node}@{domain}") }
}

/// The last ones have resources that look like somebody else's address.
fn users() -> Vec<String> {
    let token = &Vectors::load().valid[0].token;
    let honest = [
        "user@some-domain.example/abc",
        "user@some-domain.example",
        "some-domain.example",
        "comp.example/r",
        "USER@Some-Domain.Example/Abc",
        r"a\40b@evil.example/x",
        "zoë@bücher.example/шаблон 😀",
        "user@some-domain.example/a/b@c\\40 ü",
        "אב@example/x",
        "אב@example",
    ];
    let others = [
        format!("mallory@evil.example/{token}"),
        format!("evil.example/{token}"),
        "mallory@evil.example/user@some-domain.example/abc".to_owned(),
        format!("mallory@evil.example/{VICTIMS}@proxy.example"),
    ];
    honest.map(str::to_owned).into_iter().chain(others).collect()
}

/// The second one is a token of somebody else, with the id 1234.
fn ids() -> Vec<String> {
    vec!["1234".to_owned(), Vectors::load().valid[0].token.clone(), String::new()]
}

/// The node of the mirror of user@some-domain.example.
const VICTIMS: &str = r"user\40some-domain.example";
const VICTIMS_FACE: &str = r"user\40some-domain.example\2fhelper";
