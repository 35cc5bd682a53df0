use std::sync::Arc;

use zeroize::Zeroizing;

use crate::jat::name_keys::{NameKey, NameKeys};
use crate::jat::own_addresses::OwnAddresses;
use crate::jat::two_way::Faces;

use super::super::testing::{A, AH, D, M, MH, Proxy, T, U, senders};

const BARE_U: &str = "user@some-domain.example";

/// A message of the target.
fn message(to: &str, from: &str) -> String {
    format!("<message to='{to}' from='{from}'><body>x</body></message>")
}

#[test]
fn a_message_goes_to_the_user_from_the_alias() {
    let mut proxy = Proxy::new();
    let from = format!("{T}/a");
    for (to, told) in [
        (format!("{MH}/abc"), format!("relayed: helper@{D}/{AH} -> {U}")),
        (format!("{M}/x y"), format!("relayed: {D}/{A} -> {BARE_U}/x y")),
        (MH.to_owned(), format!("relayed: helper@{D}/{AH} -> {BARE_U}")),
        (
            r"USER\40Some-Domain.example\2FHELPER@PROXY.domain.example/abc".to_owned(),
            format!("relayed: helper@{D}/{AH} -> {U}"),
        ),
    ] {
        assert_eq!(proxy.judge(&message(&to, &from)), told);
    }
    // From its server.
    let told = proxy.judge(&message(MH, T));
    assert_eq!(told, format!("relayed: helper@{D} -> {BARE_U} disguised"));
    let bounce = format!("<message type='error' to='{MH}/abc' from='{from}'/>");
    assert_eq!(proxy.judge(&bounce), format!("relayed-error: helper@{D}/{AH} -> {U}"));
}

#[test]
fn a_resource_that_is_too_long_is_left_out() {
    let mut proxy = Proxy::new();
    let from = |bytes| format!("{T}/{}", "r".repeat(bytes));
    assert!(proxy.judge(&message(M, &from(620))).starts_with(&format!("relayed: {D}/")));
    let told = proxy.judge(&message(M, &from(621)));
    assert_eq!(told, format!("alias-too-long: {D} -> {BARE_U}"));
    let request = format!("<iq type='get' id='1' to='{M}' from='{}'><q/></iq>", from(621));
    assert_eq!(proxy.judge(&request), "no-reply-address: policy-violation to sender");
}

#[test]
fn addresses_that_are_not_mirrors_are_refused() {
    let mut proxy = Proxy::new();
    for node in [
        r"a\5cx\40b",
        r"\40\40ab",
        r"\40",
        r"x\40",
        r"user\40dom\2fa\2fb",
        r"user\40dom\2fa\40b",
        r"a\40b\40dom",
        r"u\40dom\2f",
        r"u\40\20x",
        r"u\40a\26b",
    ] {
        let told = proxy.judge(&message(&format!("{node}@{D}"), &format!("{T}/a")));
        assert_eq!(told, "mirror-malformed: item-not-found to sender", "{node}");
    }
    let told = proxy.judge(&message(&format!("{M}/"), &format!("{T}/a")));
    assert_eq!(told, "mirror-malformed: item-not-found to sender");
    let subscribe = format!("<presence type='subscribe' to='x\\40@{D}' from='{T}'/>");
    assert_eq!(proxy.judge(&subscribe), "mirror-malformed: unsubscribed to sender");
}

#[test]
fn nothing_comes_back_to_the_target() {
    let mut proxy = Proxy::with(|_, two_way| {
        two_way.initiate = senders(&["*"]);
        let domains = ["other.domain.example".parse().unwrap()];
        let targets = ["other@some-domain.example".parse().unwrap()];
        two_way.own = Arc::new(OwnAddresses::new(domains, targets));
    });
    for (node, told) in [
        (r"some-user\40some-domain.example", "own-mirror"),
        (r"x\40proxy.domain.example", "own-mirror"),
        (r"\40proxy.domain.example", "own-mirror"),
        (r"x\40other.domain.example", "own-mirror"),
        (r"other\40some-domain.example", "own-mirror"),
        ("helper", "own-face"),
        (r"\2fhelper", "own-face"),
    ] {
        let to = format!("{node}@{D}");
        let from = format!("{T}/a");
        let refused = proxy.judge(&message(&to, &from));
        assert_eq!(refused, format!("{told}: not-allowed to sender"), "{node}");
        for type_ in ["error", "unavailable"] {
            let name = if type_ == "error" { "message" } else { "presence" };
            let stanza = format!("<{name} type='{type_}' to='{to}' from='{from}'/>");
            assert_eq!(proxy.judge(&stanza), format!("{told}: nothing"));
        }
    }
}

#[test]
fn only_users_who_wrote_or_are_in_initiate_can_be_written_to() {
    let mut proxy = Proxy::with(|_, two_way| two_way.initiate = senders(&[]));
    let from = format!("{T}/a");
    assert_eq!(proxy.judge(&message(M, &from)), "not-initiated: forbidden to sender");
    let signed = r"user\40some-domain.example\2f\2fyypzockqmpmvo6qq";
    let to = format!("{signed}@{D}");
    assert_eq!(proxy.judge(&message(&to, &from)), format!("relayed: {D}/{A} -> {BARE_U}"));
    let full = proxy.judge(&message(&format!("{to}/abc"), &from));
    assert_eq!(full, format!("relayed: {D}/{A} -> {U}"));
    let forged = to.replace("yypz", "yypy");
    for (stanza, told) in [
        (message(&forged, &from), "forbidden to sender"),
        (
            format!("<presence type='subscribe' to='{forged}' from='{T}'/>"),
            "unsubscribed to sender",
        ),
        (format!("<presence to='{forged}' from='{from}'/>"), "nothing"),
        (format!("<message type='error' to='{forged}' from='{from}'/>"), "nothing"),
    ] {
        assert_eq!(proxy.judge(&stanza), format!("mirror-signature: {told}"));
    }
    let subscribe = format!("<presence type='subscribe' to='{M}' from='{T}'/>");
    assert_eq!(proxy.judge(&subscribe), "not-initiated: unsubscribed to sender");
    // A bounce is an answer.
    let bounce = format!("<message type='error' to='{M}' from='{from}'/>");
    assert_eq!(proxy.judge(&bounce), format!("relayed-error: {D}/{A} -> {BARE_U}"));
    // A signed mirror can always be answered.
    proxy.change(|two_way| two_way.initiate = senders(&["some-domain.example"]));
    assert_eq!(proxy.judge(&message(&to, &from)), format!("relayed: {D}/{A} -> {BARE_U}"));
    proxy.change(|two_way| two_way.faces = Default::default());
    let told = proxy.judge(&message(MH, &from));
    assert_eq!(told, "no-such-face: item-not-found to sender");
}

#[test]
fn only_the_fixed_destination_writes() {
    let mut proxy = Proxy::offline(|settings, _| {
        settings.target = crate::jat::target::Target::new(format!("{T}/a").parse().unwrap());
    });
    let told = proxy.judge(&message(M, &format!("{T}/b")));
    assert_eq!(told, "not-target: not-allowed to sender");
    let told = proxy.judge(&message(M, &format!("{T}/a")));
    assert_eq!(told, format!("relayed: {D}/{A} -> {BARE_U}"));
    assert_eq!(proxy.judge(&message(M, T)), format!("relayed: {D} -> {BARE_U} disguised"));
}

#[test]
fn what_is_not_relayed_is_refused() {
    let mut proxy = Proxy::with(|_, two_way| {
        (two_way.messages, two_way.requests, two_way.presence) = (false, false, false);
    });
    let told = proxy.judge(&message(M, &format!("{T}/a")));
    assert_eq!(told, "message-refused: feature-not-implemented to sender");
    let request = format!("<iq type='get' id='1' to='{M}/abc' from='{T}/a'><q/></iq>");
    assert_eq!(proxy.judge(&request), "request-refused: feature-not-implemented to sender");
}

fn presence(type_: &str, to: &str, from: &str) -> String {
    let type_ = if type_.is_empty() { String::new() } else { format!("type='{type_}' ") };
    format!("<presence {type_}to='{to}' from='{from}'/>")
}

#[test]
fn subscriptions_are_between_bare_addresses() {
    let mut proxy = Proxy::new();
    for type_ in ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"] {
        for (to, from) in [(MH.to_owned(), T.to_owned()), (format!("{MH}/abc"), format!("{T}/a"))] {
            let told = proxy.judge(&presence(type_, &to, &from));
            assert_eq!(told, format!("relayed: helper@{D} -> {BARE_U} disguised"));
        }
    }
}

#[test]
fn presence_comes_from_the_alias() {
    let mut proxy = Proxy::new();
    let from = format!("{T}/a");
    for type_ in ["", "unavailable"] {
        let told = proxy.judge(&presence(type_, MH, &from));
        assert_eq!(told, format!("relayed: helper@{D}/{AH} -> {BARE_U} disguised"));
        let told = proxy.judge(&presence(type_, &format!("{MH}/abc"), &from));
        assert_eq!(told, format!("relayed: helper@{D}/{AH} -> {U} disguised"));
    }
    // Nobody is online.
    let told = proxy.judge(&presence("unavailable", MH, T));
    assert_eq!(told, format!("relayed: helper@{D} -> {BARE_U} disguised"));
    assert_eq!(proxy.judge(&presence("error", MH, &from)), "presence-error: nothing");
    assert_eq!(proxy.judge(&presence("odd", MH, &from)), "presence-ignored: nothing");
    // To one of its own addresses, or for the list of resources.
    let told = proxy.judge(&presence("", &format!("helper@{D}"), &from));
    assert_eq!(told, "own-face: nothing");
    assert_eq!(proxy.judge(&presence("", D, &from)), "presence-used: ours");
}

#[test]
fn unavailable_is_said_under_every_name_key() {
    let key = |id: u8| NameKey::new(id, &Zeroizing::new(vec![id; 32])).unwrap();
    let mut proxy = Proxy::with(|_, two_way| {
        two_way.names = Arc::new(NameKeys::new([2, 1, 3].map(key).into()).unwrap());
    });
    let from = format!("{T}/a");
    let first = proxy.judge(&presence("", M, &from));
    let newest = first.split(' ').nth(1).unwrap();
    let told = proxy.judge(&presence("unavailable", M, &from));
    let (addresses, to) = told.split_once(" -> ").unwrap();
    let addresses: Vec<_> = addresses.split(' ').skip(1).collect();
    assert_eq!((addresses.len(), to, addresses[2]), (3, BARE_U, newest));
    assert!(addresses[0] != addresses[1] && addresses[1] != addresses[2]);
    let long = format!("{T}/{}", "r".repeat(621));
    let told = proxy.judge(&presence("unavailable", M, &long));
    assert_eq!(told, format!("alias-too-long: {D} -> {BARE_U} disguised"));
}

#[test]
fn a_new_name_key_makes_new_aliases_at_once() {
    let mut proxy = Proxy::new();
    let from = format!("{T}/a");
    let key = |secret: u8| NameKey::new(1, &Zeroizing::new(vec![secret; 32])).unwrap();
    let before = proxy.judge(&message(M, &from));
    assert_eq!(proxy.judge(&message(M, &from)), before);
    proxy.change(|two_way| two_way.names = Arc::new(NameKeys::new(vec![key(7)]).unwrap()));
    let after = proxy.judge(&message(M, &from));
    assert_ne!(after, before);
    assert_eq!(proxy.judge(&message(M, &from)), after);
}

#[test]
fn presence_that_ends_something_is_always_relayed() {
    let mut proxy = Proxy::with(|_, two_way| two_way.presence = false);
    let from = format!("{T}/a");
    for type_ in ["unavailable", "unsubscribe", "unsubscribed"] {
        assert!(proxy.judge(&presence(type_, M, &from)).starts_with("relayed: "), "{type_}");
    }
    assert_eq!(
        proxy.judge(&presence("subscribe", M, T)),
        "subscription-refused: unsubscribed to sender"
    );
    for type_ in ["", "subscribed", "probe"] {
        assert_eq!(proxy.judge(&presence(type_, M, &from)), "presence-ignored: nothing");
    }
    // Neither the user nor the face need be allowed.
    proxy.change(|two_way| {
        two_way.initiate = senders(&[]);
        two_way.faces = Faces::default();
    });
    assert!(proxy.judge(&presence("unavailable", MH, &from)).starts_with("relayed: "));
    proxy.change(|two_way| two_way.presence = true);
    assert_eq!(proxy.judge(&presence("", MH, &from)), "not-initiated: nothing");
}

#[test]
fn a_request_of_the_target_keeps_its_id() {
    let mut proxy = Proxy::new();
    let request = |to: &str, from: &str| {
        format!("<iq type='get' id='v' to='{to}' from='{from}'><q xmlns='urn:q'/></iq>")
    };
    let told = proxy.judge(&request(&format!("{M}/abc"), &format!("{T}/a")));
    assert_eq!(told, format!("relayed: {D}/{A} -> {U}"));
    let told = proxy.judge(&request(MH, T));
    assert_eq!(told, format!("relayed: helper@{D} -> {BARE_U} disguised"));
    let bad = format!("<iq type='get' to='{M}' from='{T}/a'><q xmlns='urn:q'/></iq>");
    assert_eq!(proxy.judge(&bad), "no-id: bad-request to sender");
    assert!(proxy.translator().answers().of("a").is_none());
}

#[test]
fn a_request_goes_to_the_present_address_only() {
    let key = |id: u8| NameKey::new(id, &Zeroizing::new(vec![id; 32])).unwrap();
    let mut proxy = Proxy::with(|_, two_way| {
        two_way.initiate = senders(&[]);
        two_way.names = Arc::new(NameKeys::new(vec![key(1)]).unwrap());
    });
    let told = proxy.judge(&format!("<message to='{D}' from='{U}'/>"));
    let signed = told.split(' ').nth(1).unwrap();
    let request =
        format!("<iq type='get' id='v' to='{signed}' from='{T}/a'><q xmlns='urn:q'/></iq>");
    assert!(proxy.judge(&request).starts_with("relayed: "));
    proxy.change(|two_way| {
        two_way.names = Arc::new(NameKeys::new(vec![key(2), key(1)]).unwrap());
    });
    assert_eq!(proxy.judge(&request), "mirror-old-key: gone to sender");
    assert!(proxy.judge(&message(signed, &format!("{T}/a"))).starts_with("relayed: "));
    // The user's reply would come from the clear one.
    proxy.change(|two_way| {
        two_way.names = Arc::new(NameKeys::new(vec![key(1)]).unwrap());
        two_way.initiate = senders(&["*"]);
    });
    assert_eq!(proxy.judge(&request), "mirror-old-key: gone to sender");
    // The key was removed.
    proxy.change(|two_way| two_way.names = Arc::new(NameKeys::new(vec![key(2)]).unwrap()));
    assert_eq!(proxy.judge(&request), "mirror-signature: forbidden to sender");
}

#[test]
fn the_target_is_told_what_is_wrong_with_its_stanza() {
    let mut proxy = Proxy::new();
    let head =
        |name: &str, type_: &str| format!("<{name} type='{type_}' id='1' to='{M}' from='{T}/a'>");
    let over = |proxy: &mut Proxy, name, type_| proxy.judge_too_large(&head(name, type_));
    assert_eq!(over(&mut proxy, "message", "chat"), "over-limit: policy-violation to sender");
    assert_eq!(over(&mut proxy, "iq", "set"), "over-limit: policy-violation to sender");
    assert_eq!(over(&mut proxy, "message", "error"), "over-limit: nothing");
    assert_eq!(over(&mut proxy, "presence", "unavailable"), "over-limit: nothing");
}
