//! Stanzas that are not relayed: answered with the right error, or dropped and counted, and the
//! stream serves the next request.

use test_support::interop::client::{Client, SILENCE};
use test_support::interop::scene::Scene;
use test_support::interop::server::{HOST, Kind, ROUTED, Server};

case!(requests_that_are_no_requests_get_bad_request: both);
fn requests_that_are_no_requests_get_bad_request(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let domain = &scene.domain;
    let child = "<q xmlns='urn:1'/>";
    for (head, payload) in [
        ("id='r' type='foo'", child),
        ("id='r'", child),
        ("id='r' type='get'", ""),
        ("id='r' type='set'", "text"),
        ("id='r' type='get'", "<q xmlns='urn:1'/><q xmlns='urn:2'/>"),
        ("type='get'", child),
    ] {
        user.send(format!("<iq {head} to='{domain}/res'>{payload}</iq>"));
        let what = format!("an error for {head} {payload}");
        let reply = user.receive_where(&what, |it| it.attr("type") == Some("error"));
        // Some of these the server itself refuses, in place of the component.
        assert_eq!(reply.attr("from"), Some(format!("{domain}/res").as_str()), "{what}");
        assert_eq!(reply.error().unwrap().0, "bad-request", "{what}");
        let error = reply.child("error").unwrap();
        assert_eq!(error.attr("type"), Some("modify"), "{what}");
    }
    service.hears_no_iq();

    user.send(format!("<iq type='get' id='r' to='{domain}'> text {child} text </iq>"));
    let request = service.receive_request();
    service.answer(&request, "");
    user.receive_reply("r");
}

case!(messages_and_presence_of_users: both);
fn messages_and_presence_of_users(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let domain = &scene.domain;
    for type_ in ["", "type='normal'", "type='chat'", "type='groupchat'", "type='headline'"] {
        user.send(format!("<message {type_} id='m' to='n@{domain}/r'><body>hi</body></message>"));
        let error = user.receive_where(&format!("an error for {type_}"), |it| it.name == "message");
        assert_eq!(error.attr("type"), Some("error"));
        assert_eq!(error.attr("from"), Some(format!("n@{domain}/r").as_str()));
        assert_eq!(error.attr("id"), Some("m"));
        assert_eq!(error.error().unwrap().0, "feature-not-implemented");
    }
    user.send(format!(
        "<message type='error' id='m' to='{domain}'><error type='cancel'>\
         <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    ));
    scene.proxy.wait_reason("error-ignored", 1);

    for presence in ["", "type='unavailable'", "type='probe'", "type='unsubscribe'"] {
        user.send(format!("<presence {presence} to='{domain}'/>"));
    }
    user.send(format!(
        "<presence type='error' to='{domain}'><error type='cancel'>\
         <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    ));
    assert!(user.try_receive(SILENCE).is_none(), "presence of others gets no answer");
    user.fetch_roster();
    user.available("");
    user.send(format!("<presence type='subscribe' to='{domain}'/>"));
    user.receive_where("the refusal", |it| {
        it.name == "presence"
            && it.attr("type") == Some("unsubscribed")
            && it.attr("from") == Some(domain.as_str())
    });
    scene.round_trip(&mut user, &mut service);
    assert_eq!(scene.proxy.reason("message-refused"), 5);
    // A user who sends presence is not a resource of the target.
    assert!(!scene.proxy.status().to_string().contains(&user.jid));
}

case!(forged_replies_are_dropped_with_their_reason: all);
fn forged_replies_are_dropped_with_their_reason(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let mut sibling = scene.another("b");
    let mut stranger = scene.user();
    let domain = scene.domain.as_str();
    // Only the other resource may get the request.
    sibling.send("<presence><show>dnd</show></presence>");
    scene.proxy.wait_dnd(&sibling.jid, true);
    user.ask(domain, "r");
    let request = service.receive_request();
    let address = request.attr("from").unwrap().to_string();
    let token = address.split_once('/').unwrap().1.to_string();
    let flipped = |at: usize| {
        let other = if token.as_bytes()[at] == b'a' { "b" } else { "a" };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    };
    let mut heard = 0;
    let mut dropped = |client: &mut Client, to: &str, reason: &str| {
        let before = scene.proxy.reason(reason);
        client.send(format!("<iq type='result' id='r' to='{to}'/>"));
        scene.proxy.wait_reason(reason, before + 1);
        client.send(format!(
            "<iq type='error' id='r' to='{to}'><error type='cancel'>\
             <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        ));
        scene.proxy.wait_reason(reason, before + 2);
        heard += 2;
    };
    dropped(&mut sibling, &address, "token-signature");
    dropped(&mut stranger, &address, "not-from-target");
    dropped(&mut user, &address, "not-from-target");
    dropped(&mut user, domain, "not-from-target");
    dropped(&mut service, domain, "no-token");
    dropped(&mut service, &format!("{domain}/garbage"), "token-length");
    dropped(&mut service, &format!("{domain}/x"), "token-length");
    dropped(&mut service, &format!("{domain}/{}", flipped(30)), "token-signature");
    dropped(&mut service, &format!("{domain}/{}", flipped(token.len() - 10)), "token-signature");
    dropped(&mut service, &format!("{domain}/{}", token.to_uppercase()), "token-encoding");
    dropped(&mut service, &format!("{domain}/{token}="), "token-encoding");
    dropped(&mut service, &format!("{domain}/{}", "!".repeat(token.len())), "token-encoding");
    dropped(&mut service, &format!("node@{address}"), "token-signature");
    user.hears_no_iq();
    assert_eq!(
        scene.proxy.count(&["jat_proxy_stanzas_total", "outcome=\"dropped\"", "stanza=\"reply\""]),
        heard
    );

    service.answer(&request, "");
    assert_eq!(user.receive_reply("r").attr("type"), Some("result"));
}

case!(a_token_of_one_component_is_worthless_at_another: all);
fn a_token_of_one_component_is_worthless_at_another(kind: Kind) {
    // Both proxies have the same key and the same target.
    let one = Scene::new(kind);
    let other = Scene::with(kind, |settings| settings.target = one.target.clone());
    let mut service = one.service("a");
    service.send(format!("<presence type='subscribed' to='{}'/>", other.domain));
    other.proxy.wait_online(&[&service.jid]);
    let mut user = one.user();
    user.ask(&one.domain, "r");
    let request = service.receive_request();
    let token = request.attr("from").unwrap().split_once('/').unwrap().1;
    service.send(format!("<iq type='result' id='r' to='{}/{token}'/>", other.domain));
    other.proxy.wait_reason("token-signature", 1);
    user.hears_no_iq();
    service.answer(&request, "");
    user.receive_reply("r");
}

case!(the_targets_own_requests: all);
fn the_targets_own_requests(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(&scene.domain, "r");
    let request = service.receive_request();
    let address = request.attr("from").unwrap().to_string();
    for type_ in ["get", "set"] {
        service.send(format!("<iq type='{type_}' id='t' to='{address}'><q xmlns='urn:1'/></iq>"));
        assert_eq!(service.receive_reply("t").error().unwrap().0, "feature-not-implemented");
    }
    // To the component itself the target is a user like any other.
    service.ask(&scene.domain, "own");
    let own = service.receive_request();
    assert_eq!(own.attr("id"), Some("own"));
    service.answer(&own, "<a xmlns='urn:1'/>");
    assert_eq!(service.receive_reply("own").attr("from"), Some(scene.domain.as_str()));
    service.answer(&request, "");
    user.receive_reply("r");
}

case!(errors_that_the_server_makes_for_a_gone_client_are_reverted: both);
fn errors_that_the_server_makes_for_a_gone_client_are_reverted(kind: Kind) {
    let scene = Scene::with(kind, |settings| settings.target.push_str("/fixed"));
    let mut user = scene.user();
    // A fixed full JID that is not logged in: the server itself answers.
    user.ask(&scene.domain, "r");
    let reply = user.receive_reply("r");
    assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));
    assert_eq!(reply.error().unwrap().0, "service-unavailable");
    assert_eq!(
        scene.proxy.count(&[
            "jat_proxy_stanzas_total",
            "stanza=\"reply\"",
            "reason=\"relayed-error\""
        ]),
        1
    );

    let bare = scene.target.clone();
    let mut service = Client::login(scene.server, &bare, "fixed");
    scene.round_trip(&mut user, &mut service);
    assert!(service.jid.ends_with(&format!("@{HOST}/fixed")));
    // It got no subscription request.
    service.available("");
    let subscribe = service.try_receive_where(SILENCE, |it| it.attr("type") == Some("subscribe"));
    assert!(subscribe.is_none());
}

case!(errors_from_beyond_the_server_are_reverted: both);
fn errors_from_beyond_the_server_are_reverted(kind: Kind) {
    // This server may not connect to others, and answers from the target's address.
    let scene = Scene::with(kind, |settings| settings.target = "bot@nowhere.example/fixed".into());
    let mut user = scene.user();
    user.ask(&scene.domain, "r");
    let reply = user.receive_reply("r");
    assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));
    assert!(reply.error().is_some(), "{reply:?}");
    assert_eq!(
        scene.proxy.count(&[
            "jat_proxy_stanzas_total",
            "stanza=\"reply\"",
            "reason=\"relayed-error\""
        ]),
        1
    );
}

case!(stanzas_for_other_domains_are_dropped: ejabberd);
fn stanzas_for_other_domains_are_dropped(kind: Kind) {
    let server = Server::shared(kind);
    let scene = Scene::with(kind, |settings| {
        settings.server_port = Some(server.routing_port);
        settings.domain = ROUTED[0].into();
    });
    let (mut service, mut user) = (scene.service("a"), scene.user());
    user.ask(ROUTED[1], "astray");
    scene.proxy.wait_reason("not-our-domain", 1);
    user.hears_no_iq();
    scene.round_trip(&mut user, &mut service);
    // The log names the remedy, once a minute.
    user.ask(ROUTED[1], "astray");
    scene.proxy.wait_reason("not-our-domain", 2);
    scene.proxy.wait_log(0, "global_routes");
    let said = scene.proxy.log().iter().filter(|line| line.contains("global_routes")).count();
    assert_eq!(said, 1);
}
