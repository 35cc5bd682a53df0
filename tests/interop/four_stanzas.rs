//! The main function, as in the four stanzas of the README.

use std::collections::BTreeSet;

use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

use crate::bot::Bot;

case!(addresses_are_translated_there_and_back: all);
fn addresses_are_translated_there_and_back(kind: Kind) {
    let scene = Scene::new(kind);
    let mut service = scene.service("a");
    let mut user = scene.user();
    let domain = &scene.domain;

    user.send(format!("<iq type='get' id='1234' to='{domain}'><q xmlns='urn:example:q'/></iq>"));
    let request = service.receive_request();
    assert_eq!(request.attr("to"), Some(service.jid.as_str()));
    assert_eq!(request.attr("id"), Some("1234"));
    assert_eq!(request.attr("type"), Some("get"));
    let encoded_from = request.attr("from").unwrap().to_string();
    let token = encoded_from.strip_prefix(&format!("{domain}/")).expect("domain/TOKEN");
    let alphabet = |c: char| c.is_ascii_lowercase() || ('2'..='7').contains(&c);
    assert!(token.len() > 40 && token.chars().all(alphabet), "{token}");

    service.answer(&request, "<a xmlns='urn:example:q'/>");
    let reply = user.receive_reply("1234");
    assert_eq!(reply.attr("type"), Some("result"));
    assert_eq!(reply.attr("from"), Some(domain.as_str()));
    assert_eq!(reply.attr("to"), Some(user.jid.as_str()));
    assert_eq!(reply.child("a").unwrap().namespace, "urn:example:q");

    // Any number of times until the token expires: no state is kept.
    service.answer(&request, "<b xmlns='urn:example:q'/>");
    assert!(user.receive_reply("1234").child("b").is_some());
}

case!(slixmpp_on_both_ends_with_two_resources: both);
fn slixmpp_on_both_ends_with_two_resources(kind: Kind) {
    const REQUESTS: usize = 24;
    let scene = Scene::new(kind);
    let (a, b) = (format!("{}/a", scene.target), format!("{}/b", scene.target));
    let services = [&a, &b].map(|jid| Bot::start("service.py", scene.server, jid, &[]));
    for service in &services {
        // The subscription request may come before or after the roster.
        service.wait_report("ready");
    }
    scene.proxy.wait_online(&[&a, &b]);

    let account = scene.server.new_account("user");
    let full = format!("{account}/abc");
    let arguments = [scene.domain.as_str(), &REQUESTS.to_string()];
    let user = Bot::start("user.py", scene.server, &full, &arguments);
    assert_eq!(user.report("ready")["jid"], full.as_str());

    let mut used = BTreeSet::new();
    let prefix = format!("{}/", scene.domain);
    for _ in 0..REQUESTS {
        let reply = user.report("reply");
        assert_eq!(reply["from"], scene.domain.as_str());
        assert_eq!(reply["to"], full.as_str());
        assert_eq!(reply["same_id"], true);
        let resource = reply["resource"].as_str().unwrap();
        let (service, jid) = if resource == "a" { (&services[0], &a) } else { (&services[1], &b) };
        let request = service.wait_report("request");
        assert_eq!(request["to"], jid.as_str());
        assert!(request["from"].as_str().unwrap().starts_with(&prefix), "{request}");
        used.insert(resource.to_string());
    }
    // One in 8 million runs would choose one resource only.
    assert_eq!(used, BTreeSet::from(["a".into(), "b".into()]));
    let disco = user.report("disco");
    assert_eq!(disco["from"], scene.domain.as_str());
    let name = disco["names"][0].as_str().unwrap();
    assert!(used.contains(name), "{disco}");
    assert!(!services.iter().any(|service| service.has_more("request")));
}
