use super::super::testing::{A, AH, D, M, MH, Proxy, T, U, senders};

/// A message of the user of this type.
fn message(type_: &str, to: &str) -> String {
    format!("<message type='{type_}' to='{to}' from='{U}'><body>x</body></message>")
}

#[test]
fn a_message_goes_to_a_resource_from_the_mirror() {
    let mut proxy = Proxy::new();
    for type_ in ["chat", "normal", "headline", "unheard-of"] {
        let told = proxy.judge(&message(type_, "helper@proxy.domain.example"));
        assert_eq!(told, format!("relayed: {MH}/abc -> {T}/a"));
    }
    let bare = format!("<message to='{D}' from='{U}'/>");
    assert_eq!(proxy.judge(&bare), format!("relayed: {M}/abc -> {T}/a"));
    // What is no alias is dispatched.
    let told = proxy.judge(&message("chat", &format!("{D}/resource")));
    assert_eq!(told, format!("relayed: {M}/abc -> {T}/a"));
}

#[test]
fn an_alias_names_the_resource_that_gets_it() {
    let mut offline = Proxy::offline(|_, two_way| {
        two_way.messages_to = crate::jat::two_way::MessagesTo::Account;
    });
    for type_ in ["chat", "groupchat", "headline"] {
        let told = offline.judge(&message(type_, &format!("helper@{D}/{AH}")));
        assert_eq!(told, format!("relayed: {MH}/abc -> {T}/a"), "whatever our list says");
    }
    let error = offline.judge(&message("error", &format!("{D}/{A}")));
    assert_eq!(error, format!("relayed-error: {M}/abc -> {T}/a"));
    // It is of another face.
    let told = offline.judge(&message("groupchat", &format!("{D}/{AH}")));
    assert_eq!(told, "groupchat-refused: service-unavailable to sender");
}

#[test]
fn a_message_that_nobody_online_gets_is_left_to_the_account() {
    let mut offline = Proxy::offline(|_, _| {});
    assert_eq!(offline.judge(&message("chat", D)), format!("to-account: {M}/abc -> {T}"));
    let mut account = Proxy::with(|_, two_way| {
        two_way.messages_to = crate::jat::two_way::MessagesTo::Account;
    });
    assert_eq!(account.judge(&message("chat", D)), format!("relayed: {M}/abc -> {T}"));
    assert_eq!(account.judge(&message("error", D)), "error-unrouted: nothing");
    let groupchat = account.judge(&message("groupchat", D));
    assert_eq!(groupchat, "groupchat-refused: service-unavailable to sender");
}

#[test]
fn a_face_is_named_and_no_mirror() {
    let mut proxy = Proxy::new();
    for (node, told) in [
        (r"victim\40some-domain.example", "face-reserved"),
        // Full width; prepared it is the same.
        ("v\\\u{ff14}\u{ff10}x", "face-reserved"),
        ("other", "no-such-face"),
        (r"helper\2Fx", "no-such-face"),
    ] {
        let to = format!("{node}@{D}");
        let told = format!("{told}: item-not-found to sender");
        assert_eq!(proxy.judge(&message("chat", &to)), told);
        let ping = format!("<iq type='get' id='1' to='{to}' from='{U}'><ping/></iq>");
        assert_eq!(proxy.judge(&ping), told);
        for silent in [
            format!("<message type='error' to='{to}' from='{U}'/>"),
            format!("<iq type='result' id='1' to='{to}' from='{U}'/>"),
            format!("<presence type='subscribe' to='{to}' from='{U}'/>"),
        ] {
            assert!(proxy.judge(&silent).ends_with(": nothing"), "{silent}");
        }
    }
    assert!(proxy.judge(&message("chat", "HELPER@Proxy.domain.example")).starts_with("relayed"));
}

#[test]
fn a_mirror_that_is_too_long_is_refused() {
    let mut proxy = Proxy::new();
    let long = |node: usize| {
        let user = format!("{}@example", "u".repeat(node));
        format!("<message to='{D}' from='{user}/r'/>")
    };
    let fits = 1023 - r"\40example".len();
    assert!(proxy.judge(&long(fits)).starts_with("relayed: "));
    let told = proxy.judge(&long(fits + 1));
    assert_eq!(told, "mirror-too-long: policy-violation to sender");
}

#[test]
fn strangers_have_signed_mirrors() {
    let mut proxy = Proxy::with(|_, two_way| two_way.initiate = senders(&[]));
    let told = proxy.judge(&message("chat", D));
    let signed = r"user\40some-domain.example\2f\2fyypzockqmpmvo6qq@proxy.domain.example";
    assert_eq!(told, format!("relayed: {signed}/abc -> {T}/a"));
}

#[test]
fn who_may_not_write_costs_the_target_nothing() {
    let mut proxy = Proxy::with(|settings, _| {
        settings.access.allow = Some(senders(&["some-domain.example"]));
    });
    let from = "from='u@else.example/r'";
    let refused = proxy.judge(&format!("<message to='{D}' {from}/>"));
    assert_eq!(refused, "forbidden: forbidden to sender");
    for type_ in ["subscribe", "probe", "unavailable", "unsubscribed"] {
        let told = proxy.judge(&format!("<presence type='{type_}' to='{D}' {from}/>"));
        assert_eq!(told, "forbidden: nothing");
    }
    assert_eq!(proxy.judge(&format!("<presence to='{D}' {from}/>")), "forbidden: nothing");
    for judged in [
        format!("<message type='error' to='{D}/{A}' {from}/>"),
        format!("<iq type='result' id='1' to='{D}/{A}' {from}/>"),
        format!("<presence type='error' to='{D}/{A}' {from}/>"),
    ] {
        assert!(!proxy.judge(&judged).starts_with("forbidden"), "{judged}");
    }
    // The target is no user.
    let to = r"user\40some-domain.example@proxy.domain.example";
    let own = proxy.judge(&format!("<message to='{to}' from='{T}/a'/>"));
    assert!(own.starts_with("relayed"), "{own}");
}

#[test]
fn what_may_not_go_on_is_answered_if_it_asks_for_it() {
    let mut proxy = Proxy::new();
    let head = |name: &str, type_: &str, to: &str| {
        format!("<{name} type='{type_}' id='1' to='{to}' from='{U}'>")
    };
    let told = proxy.judge_too_large(&head("message", "chat", D));
    assert_eq!(told, "over-limit: policy-violation to sender");
    let told = proxy.judge_too_large(&head("message", "error", &format!("{D}/{A}")));
    assert_eq!(told, "over-limit: nothing");
    let told = proxy.judge_too_large(&head("presence", "unavailable", D));
    assert_eq!(told, "over-limit: nothing");
    let told = proxy.judge_too_large(&head("presence", "subscribe", D));
    assert_eq!(told, "over-limit: unsubscribed to sender");
    let told = proxy.judge_too_large(&head("iq", "result", &format!("{D}/{A}")));
    assert_eq!(told, format!("over-limit: policy-violation {M}/abc -> {T}/a"), "who asked");
    let bad = proxy.judge(&format!("<message to='{D}' from='{U}'><x:y/></message>"));
    assert_eq!(bad, "bad-namespace: bad-request to sender");
}

#[test]
fn messages_are_refused_where_they_are_not_relayed() {
    let mut proxy = Proxy::with(|_, two_way| two_way.messages = false);
    let told = proxy.judge(&message("chat", D));
    assert_eq!(told, "message-refused: feature-not-implemented to sender");
    assert_eq!(proxy.judge(&message("error", D)), "error-ignored: nothing");
}

#[test]
fn messages_are_not_booked_as_requests() {
    let mut proxy = Proxy::new();
    proxy.judge(&message("chat", D));
    proxy.judge(&message("error", &format!("{D}/{A}")));
    assert!(proxy.translator().answers().of("a").is_none());
}
