//! What users got is counted, and resources that do not really answer are named.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use core_tests::xml::escaped;
use test_support::interop::between::{in_front_of, pass_all, pass_on};
use test_support::interop::client::{Client, SILENCE, is_request};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{Scene, accept_subscription, round_trip};
use test_support::interop::server::{Kind, Server, Software, prosody};
use test_support::wait::wait_until;

use crate::connect::check;

/// Enough that each of two resources gets at least three, except once in 50,000 runs.
const REQUESTS: usize = 24;

case!(two_programs_share_the_account: both);
fn two_programs_share_the_account(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut focus, mut other) = (scene.service("focus"), scene.another("other"));
    let mut user = scene.user();
    let mut refused = 0;
    for number in 0..REQUESTS {
        let id = format!("r{number}");
        user.ask(&scene.domain, &id);
        refused += u64::from(serve_one(&mut focus, &mut other));
        user.receive_reply(&id);
    }
    let answered = REQUESTS as u64 - refused;
    assert!(refused >= 3 && answered >= 3, "{refused} of {REQUESTS}");

    let errors = |condition: &str| {
        scene.proxy.count(&["jat_proxy_error_replies_total", &format!("condition=\"{condition}\"")])
    };
    assert_eq!(errors("feature-not-implemented"), refused);
    assert_eq!((scene.proxy.reason("relayed-error"), errors("")), (refused, 0));
    let status = scene.proxy.status();
    for resource in status["components"][0]["resources"].as_array().unwrap() {
        let expected = if resource["address"] == focus.jid { [answered, 0] } else { [0, refused] };
        let answers = &resource["answers"];
        let counted = ["results", "errors"].map(|it| answers[it].as_u64().unwrap());
        assert_eq!(counted, expected, "{resource}");
        assert_eq!(answers["forwarded"].as_u64().unwrap(), expected[0] + expected[1]);
    }
    let checked = check(&scene.proxy.configuration());
    let told =
        format!("{} answers only with errors, most recently feature-not-implemented", other.jid);
    assert!(checked.code == 69 && checked.out.contains(&told), "{}", checked.out);
    assert!(!checked.out.contains(&format!("{} answers", focus.jid)), "{}", checked.out);
    // Both are online, and one of them serves.
    assert_eq!(scene.proxy.try_get("/readyz").unwrap().0, 200);
}

/// One of them gets a request; returns whether it is the one that refuses.
fn serve_one(focus: &mut Client, other: &mut Client) -> bool {
    for _ in 0..6_000 {
        let limit = Duration::from_millis(5);
        if let Some(request) = focus.try_receive_where(limit, is_request) {
            focus.answer(&request, "");
            return false;
        }
        if let Some(request) = other.try_receive_where(limit, is_request) {
            let [from, id] = ["from", "id"].map(|name| escaped(request.attr(name).unwrap()));
            other.send(format!(
                "<iq type='error' id='{id}' to='{from}'><error type='cancel'>\
                 <feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 </error></iq>"
            ));
            return true;
        }
    }
    panic!("nobody got the request");
}

// It takes as long as a bot may take to answer.
case!(a_suspended_session_is_named: both);
fn a_suspended_session_is_named(kind: Kind) {
    let server = Server::start_changed(kind, |text| match kind.software {
        Software::Prosody => prosody::with_module(&text, "smacks", "smacks_hibernation_time = 300"),
        _ => format!("{text}  mod_stream_mgmt: {{}}\n"),
    });
    let target = server.new_account("service");
    let proxy = Proxy::start(&server, Settings::new(&server.new_domain(), &target));
    let domain = &proxy.settings.domain;
    let mut asleep = Client::login(&server, &target, "a");
    asleep.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    asleep.receive_where("stream management", |it| it.name == "enabled");
    asleep.available("");
    accept_subscription(&mut asleep, domain);
    proxy.wait_online(&[&asleep.jid]);
    // The connection breaks, and the bot comes back with another resource.
    let gone = asleep.jid.clone();
    drop(asleep);
    let mut service = Client::login(&server, &target, "b");
    service.available("");
    proxy.wait_online(&[&gone, &service.jid]);
    let mut user = Client::login(&server, &server.new_account("user"), "abc");
    let answers = |jid: &str| {
        let status = proxy.status();
        let resources = status["components"][0]["resources"].as_array().unwrap().clone();
        let found = resources.into_iter().find(|it| it["address"] == jid);
        found.unwrap_or_else(|| panic!("{jid} is listed"))["answers"].clone()
    };
    // Chance decides who is asked.
    for number in 0..200 {
        user.ask(domain, &format!("r{number}"));
        if let Some(request) = service.try_receive_where(Duration::from_millis(100), is_request) {
            service.answer(&request, "");
        }
        if answers(&gone)["forwarded"].as_u64() >= Some(3) {
            break;
        }
    }
    assert!(answers(&gone)["forwarded"].as_u64() >= Some(3), "{}", proxy.status());
    let silent = format!("{gone} has answered none of its last ");
    proxy.wait_until("the silence to be told", |proxy| {
        check(&proxy.configuration()).out.contains(&silent)
    });
    assert_eq!(answers(&gone)["results"], 0);
    assert!(!check(&proxy.configuration()).out.contains(&format!("{} has", service.jid)));
}

case!(with_nobody_alive_it_is_not_ready: both);
fn with_nobody_alive_it_is_not_ready(kind: Kind) {
    let way = Way::start(Server::shared(kind).component_port);
    let scene = Scene::with(kind, |settings| settings.server_port = Some(way.port));
    let mut user = scene.user();
    let mut service = scene.service("a");
    scene.round_trip(&mut user, &mut service);
    assert_eq!(scene.proxy.try_get("/readyz").unwrap().0, 200);

    // It leaves, and its `unavailable` is lost.
    way.loses_departures.store(true, Ordering::Relaxed);
    service.send("<presence type='unavailable'/></stream:stream>");
    while service.try_receive(SILENCE).is_some() {}
    drop(service);
    wait_until("it to be not ready", || {
        user.ask(&scene.domain, "gone");
        let (code, text) = scene.proxy.try_get("/readyz").unwrap();
        code == 503 && text.contains(": Nobody to forward to: ")
    });
    assert!(scene.proxy.count(&["error_replies_total", "\"service-unavailable\""]) > 0);
    assert_eq!(scene.proxy.count(&["jat_proxy_ready"]), 0);

    way.loses_departures.store(false, Ordering::Relaxed);
    let mut service = scene.another("b");
    scene.proxy.wait_until("it to be ready", |it| it.try_get("/readyz").unwrap().0 == 200);
    wait_until("somebody to be served", || {
        user.ask(&scene.domain, "served");
        let request = service.try_receive_where(SILENCE, is_request);
        request.is_some_and(|request| request.attr("id") == Some("served"))
    });
}

case!(a_fixed_destination_that_is_gone_is_not_ready: both);
fn a_fixed_destination_that_is_gone_is_not_ready(kind: Kind) {
    let scene = Scene::with(kind, |settings| settings.target += "/focus");
    let mut user = scene.user();
    for number in 0..3 {
        user.ask(&scene.domain, &format!("r{number}"));
        let reply = user.receive_reply(&format!("r{number}"));
        assert!(reply.child("error").unwrap().child("service-unavailable").is_some(), "{reply:?}");
    }
    let (code, text) = scene.proxy.try_get("/readyz").unwrap();
    assert!(code == 503 && text.contains("seems to be gone"), "{text}");
    let checked = check(&scene.proxy.configuration());
    let told = format!("{}/focus seems to be gone: requests to it end with ", scene.target);
    assert!(checked.code == 69 && checked.out.contains(&told), "{}", checked.out);

    let mut service = Client::login(scene.server, &scene.target, "focus");
    round_trip(&scene.domain, &mut user, &mut service);
    assert_eq!(scene.proxy.try_get("/readyz").unwrap().0, 200);
    assert_eq!(check(&scene.proxy.configuration()).code, 0);
}

/// A connection from the server to the component that can lose `unavailable`.
struct Way {
    port: u16,
    loses_departures: Arc<AtomicBool>,
}

impl Way {
    fn start(server_port: u16) -> Way {
        let loses_departures = Arc::new(AtomicBool::new(false));
        let loses = Arc::clone(&loses_departures);
        let port = in_front_of(server_port, move |component, server| {
            pass_all(component, server);
            pass_on(server, component, 64 * 1024, Arc::clone(&loses), |loses, to, bytes| {
                let mut text = bytes.to_vec();
                if loses.load(Ordering::Relaxed) {
                    // Replaced by a type without a meaning. The server writes a small stanza at once.
                    while let Some(at) = memchr::memmem::find(&text, GONE) {
                        text[at..at + GONE.len()].copy_from_slice(NOTHING);
                    }
                }
                to.write_all(&text)
            });
        });
        Way { port, loses_departures }
    }
}

const GONE: &[u8] = b"type='unavailable'";
const NOTHING: &[u8] = b"type='nothing-new'";
