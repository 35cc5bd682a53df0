use crate::jat::target::Target;
use crate::jat::two_way::MessagesTo;

use super::super::testing::{A, AH, D, M, MH, Proxy, T, U, senders};

/// A message of this type from the user.
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
    // A resource that is not an alias is dispatched.
    let told = proxy.judge(&message("chat", &format!("{D}/resource")));
    assert_eq!(told, format!("relayed: {M}/abc -> {T}/a"));
}

#[test]
fn an_alias_names_the_resource_that_gets_it() {
    let mut offline = Proxy::offline(|_, two_way| {
        two_way.messages_to = MessagesTo::Account;
    });
    for type_ in ["chat", "groupchat", "headline"] {
        let told = offline.judge(&message(type_, &format!("helper@{D}/{AH}")));
        assert_eq!(told, format!("relayed: {MH}/abc -> {T}/a"), "whatever our list says");
    }
    let error = offline.judge(&message("error", &format!("{D}/{A}")));
    assert_eq!(error, format!("relayed-error: {M}/abc -> {T}/a"));
    // It is the alias of another face.
    let told = offline.judge(&message("groupchat", &format!("{D}/{AH}")));
    assert_eq!(told, "groupchat-refused: service-unavailable to sender");
}

#[test]
fn a_message_that_nobody_online_gets_is_left_to_the_account() {
    let mut offline = Proxy::offline(|_, _| {});
    assert_eq!(offline.judge(&message("chat", D)), format!("to-account: {M}/abc -> {T}"));
    let mut account = Proxy::with(|_, two_way| {
        two_way.messages_to = MessagesTo::Account;
    });
    assert_eq!(account.judge(&message("chat", D)), format!("relayed: {M}/abc -> {T}"));
    assert_eq!(account.judge(&message("error", D)), "error-unrouted: nothing");
    let groupchat = account.judge(&message("groupchat", D));
    assert_eq!(groupchat, "groupchat-refused: service-unavailable to sender");
}

#[test]
fn users_write_to_faces_and_not_to_mirrors() {
    let mut proxy = Proxy::new();
    for (node, told) in [
        (r"victim\40some-domain.example", "face-reserved"),
        // Full width, which is the same in normal form.
        ("v\\\u{ff14}\u{ff10}x", "face-reserved"),
        ("other", "no-such-face"),
        (r"helper\2Fx", "no-such-face"),
    ] {
        let to = format!("{node}@{D}");
        let told = format!("{told}: item-not-found to sender");
        assert_eq!(proxy.judge(&message("chat", &to)), told);
        let ping = format!("<iq type='get' id='1' to='{to}' from='{U}'><ping/></iq>");
        assert_eq!(proxy.judge(&ping), told);
        // The target may have sent its request from a face that existed before.
        let result = proxy.judge(&format!("<iq type='result' id='1' to='{to}' from='{U}'/>"));
        assert_eq!(result.starts_with("relayed: "), told.starts_with("no-such-face"), "{result}");
        for silent in [
            format!("<message type='error' to='{to}' from='{U}'/>"),
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
fn a_user_who_may_not_write_costs_the_target_nothing() {
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
    // The target is not a user.
    let to = r"user\40some-domain.example@proxy.domain.example";
    let own = proxy.judge(&format!("<message to='{to}' from='{T}/a'/>"));
    assert!(own.starts_with("relayed"), "{own}");
}

#[test]
fn what_may_not_be_relayed_is_answered_if_it_asks_for_an_answer() {
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

fn request(to: &str) -> String {
    format!("<iq type='get' id='1234' to='{to}' from='{U}'><q xmlns='urn:q'/></iq>")
}

/// The target's result with this id.
fn result(id: &str, to: &str, from: &str) -> String {
    format!("<iq type='result' id='{id}' to='{to}' from='{from}'/>")
}

/// The id with which a request was relayed.
fn token(told: &str) -> &str {
    told.split_once(" id ").unwrap().1
}

#[test]
fn a_request_has_its_token_as_id_and_its_reply_comes_from_the_address_asked() {
    let mut proxy = Proxy::new();
    for (to, mirror) in [(D.to_owned(), M), (format!("helper@{D}"), MH), (format!("{D}/x"), M)] {
        let told = proxy.judge(&request(&to));
        let token = token(&told);
        assert_eq!(told, format!("relayed: {mirror}/abc -> {T}/a id {token}"));
        // Whatever the resource that it is sent to.
        for resource in ["/abc", "", "/x"] {
            let reply =
                proxy.judge(&result(token, &format!("{mirror}{resource}"), &format!("{T}/a")));
            assert_eq!(reply, format!("relayed: {to} -> {U} id 1234"));
        }
        let other = if mirror == M { MH } else { M };
        for (to, from) in [(mirror, format!("{T}/b")), (other, format!("{T}/a"))] {
            let reply = proxy.judge(&result(token, to, &from));
            assert_eq!(reply, "token-signature: nothing");
        }
        // As before more was relayed.
        let reply = proxy.judge(&result(
            "1234",
            &format!("{}/{token}", to.trim_end_matches("/x")),
            &format!("{T}/a"),
        ));
        assert_eq!(reply, format!("relayed: {to} -> {U} id 1234"));
    }
    assert_eq!(proxy.judge(&result("1", M, &format!("{T}/a"))), "token-length: nothing");
    assert_eq!(proxy.judge(&result("1", r"x\40@proxy.domain.example", T)), "no-token: nothing");
    let record = proxy.translator().answers().of("a");
    assert!(record.is_some(), "requests are booked");
}

#[test]
fn the_target_asks_at_its_own_service() {
    let mut proxy = Proxy::new();
    let own = format!("<iq type='get' id='1' to='helper@{D}' from='{T}/a'><q xmlns='urn:q'/></iq>");
    let told = proxy.judge(&own);
    let token = token(&told);
    let mirror = r"some-user\40some-domain.example\2fhelper@proxy.domain.example";
    assert_eq!(told, format!("relayed: {mirror}/a -> {T}/a id {token}"));
    let reply = proxy.judge(&result(token, &format!("{mirror}/a"), &format!("{T}/a")));
    assert_eq!(reply, format!("relayed: helper@{D} -> {T}/a id 1"));
}

#[test]
fn a_malformed_request_is_refused_first() {
    let mut proxy = Proxy::new();
    let told = proxy.judge(&format!("<iq type='get' id='1' to='x\\40@{D}' from='{U}'/>"));
    assert_eq!(told, "child-count: bad-request to sender");
    let id = "i".repeat(612 - U.len());
    let long = request(D).replace("1234", &id);
    assert_eq!(proxy.judge(&long), "too-long: policy-violation to sender");
    let mut offline = Proxy::offline(|_, _| {});
    let told = offline.judge(&request(D));
    assert!(told.starts_with("never-subscribed: service-unavailable"), "{told}");
}

#[test]
fn a_request_to_an_alias_goes_there() {
    let mut offline = Proxy::offline(|_, _| {});
    let told = offline.judge(&request(&format!("{D}/{A}")));
    let token = token(&told);
    assert_eq!(told, format!("relayed: {M}/abc -> {T}/a id {token}"));
    let reply = offline.judge(&result(token, &format!("{M}/abc"), &format!("{T}/a")));
    assert_eq!(reply, format!("relayed: {D}/{A} -> {U} id 1234"));
    let mut fixed = Proxy::offline(|settings, _| {
        settings.target = Target::new(format!("{T}/b").parse().unwrap());
    });
    let told = fixed.judge(&request(&format!("{D}/{A}")));
    assert!(told.contains(&format!("-> {T}/b ")), "{told}");
}

#[test]
fn the_account_answers_account_queries() {
    let mut proxy = Proxy::with(|_, two_way| {
        two_way.account_queries = ["vcard-temp".to_owned()].into();
    });
    let vcard = |to: &str| {
        format!("<iq type='get' id='25' to='{to}' from='{U}'><v:vCard xmlns:v='vcard-temp'/></iq>")
    };
    let told = proxy.judge(&vcard(&format!("helper@{D}")));
    let token = token(&told);
    assert_eq!(told, format!("relayed: {MH}/abc -> {T} id {token}"));
    let reply = proxy.judge(&result(token, &format!("{MH}/abc"), T));
    assert_eq!(reply, format!("relayed: helper@{D} -> {U} id 25 disguised"));
    assert_eq!(proxy.judge(&result(token, MH, &format!("{T}/a"))), "token-signature: nothing");
    // To a client, with an alias or not.
    for to in [format!("{D}/{A}"), format!("{D}/x")] {
        assert!(proxy.judge(&vcard(&to)).contains(&format!("-> {T}/a ")));
    }
    assert!(proxy.judge(&request(D)).contains(&format!("-> {T}/a ")));
    let answers = proxy.translator().answers();
    assert!(answers.of("").is_none(), "the account is no resource");
    assert_eq!(proxy.translator().unlisted_replies(), 0);
}

#[test]
fn a_reply_goes_to_the_resource_that_asked() {
    let mut proxy = Proxy::with(|_, two_way| two_way.requests = false);
    assert_eq!(
        proxy.judge(&result("v", &format!("{D}/{A}"), U)),
        format!("relayed: {M}/abc -> {T}/a")
    );
    let mallory = proxy.judge(&result("v", &format!("{D}/{A}"), "mallory@evil.example/x"));
    assert_eq!(mallory, format!("relayed: mallory\\40evil.example@{D}/x -> {T}/a"));
    let bit = A.replace("aebac3", "aebac4");
    assert_eq!(proxy.judge(&result("v", &format!("{D}/{bit}"), U)), "no-alias: nothing");
    // The server sends requests, too.
    let told = proxy.judge(&result("d", &format!("helper@{D}"), U));
    assert_eq!(told, format!("relayed: {MH}/abc -> {T}"));
    let error = format!("<iq type='error' id='v' to='{D}/{A}' from='{U}'/>");
    assert_eq!(proxy.judge(&error), format!("relayed-error: {M}/abc -> {T}/a"));
    assert!(proxy.translator().answers().of("a").is_none(), "nobody asked it");
}

fn presence(type_: &str, to: &str) -> String {
    let type_ = if type_.is_empty() { String::new() } else { format!("type='{type_}' ") };
    format!("<presence {type_}to='{to}' from='{U}'/>")
}

#[test]
fn subscriptions_and_probes_are_between_accounts() {
    let mut proxy = Proxy::new();
    for type_ in ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"] {
        for to in [format!("helper@{D}"), format!("helper@{D}/{AH}")] {
            assert_eq!(proxy.judge(&presence(type_, &to)), format!("relayed: {MH} -> {T}"));
        }
    }
}

#[test]
fn presence_goes_to_the_account_or_the_alias() {
    let mut proxy = Proxy::new();
    for type_ in ["", "unavailable"] {
        assert_eq!(proxy.judge(&presence(type_, D)), format!("relayed: {M}/abc -> {T}"));
        let told = proxy.judge(&presence(type_, &format!("{D}/{A}")));
        assert_eq!(told, format!("relayed: {M}/abc -> {T}/a"));
    }
    assert_eq!(proxy.judge(&presence("odd", D)), "presence-ignored: nothing");
    let error = presence("error", &format!("{D}/{A}"));
    assert_eq!(proxy.judge(&error), format!("relayed-error: {M}/abc -> {T}/a"));
    proxy.change(|two_way| two_way.initiate = senders(&[]));
    assert_eq!(proxy.judge(&error), "presence-error: nothing");
    assert!(proxy.translator().presence().resources.len() == 1, "users change nothing");
}

#[test]
fn presence_is_refused_where_it_is_not_relayed() {
    let mut proxy = Proxy::with(|_, two_way| two_way.presence = false);
    assert_eq!(
        proxy.judge(&presence("subscribe", D)),
        "subscription-refused: unsubscribed to sender"
    );
    assert_eq!(proxy.judge(&presence("probe", D)), "probe-refused: unavailable to sender");
    for type_ in ["", "unavailable", "subscribed", "error"] {
        assert_eq!(proxy.judge(&presence(type_, D)), "presence-ignored: nothing");
    }
    let probe = presence("probe", &format!("other@{D}"));
    assert_eq!(proxy.judge(&probe), "no-such-face: nothing");
}
