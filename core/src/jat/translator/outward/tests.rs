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
    // Its server.
    let told = proxy.judge(&message(MH, T));
    assert_eq!(told, format!("relayed: helper@{D} -> {BARE_U}"));
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
fn what_is_no_mirror_is_refused() {
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
        two_way.own_domains = ["other.domain.example".parse().unwrap()].into();
    });
    for (node, told) in [
        (r"some-user\40some-domain.example", "own-mirror"),
        (r"x\40proxy.domain.example", "own-mirror"),
        (r"\40proxy.domain.example", "own-mirror"),
        (r"x\40other.domain.example", "own-mirror"),
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
fn only_who_wrote_or_is_named_can_be_written_to() {
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
    // Whom it answers, it answers for ever.
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
    assert_eq!(proxy.judge(&message(M, T)), format!("relayed: {D} -> {BARE_U}"));
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
