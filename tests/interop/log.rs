//! Refused stanzas in the log: with the words of the metrics, once a minute, and nothing secret.

use rustix::process::Signal;
use serde_json::Value;
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, SECRET};

case!(refusals_are_logged_once_and_summed_up: both);
fn refusals_are_logged_once_and_summed_up(kind: Kind) {
    let mut scene = Scene::new(kind);
    let mut user = scene.user();
    for number in 0..5 {
        let id = format!("n{number}");
        user.ask(&scene.domain, &id);
        user.receive_reply(&id);
    }
    let lines = |scene: &Scene| {
        let log = scene.proxy.log();
        let kind = "stanza=\"request\" way=\"inward\" outcome=\"answered\" reason=\"subscription-pending\"";
        log.into_iter().filter(|line| line.contains(kind)).collect::<Vec<_>>()
    };
    scene.proxy.wait_log(0, "subscription-pending");
    let first = lines(&scene);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].contains(" INFO answered: Nobody to forward to: "), "{first:?}");
    assert!(first[0].ends_with(" stanzas=1"), "{first:?}");
    // The sum that was held back is logged at the end.
    assert!(scene.proxy.stop_with(Signal::TERM).success());
    let all = lines(&scene);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[1].ends_with(" stanzas=4"), "{all:?}");
}

case!(as_json_each_line_is_an_event_with_the_words_of_the_metrics: all);
fn as_json_each_line_is_an_event_with_the_words_of_the_metrics(kind: Kind) {
    let mut scene = Scene::with(kind, |settings| {
        settings.top = "log = { level = \"debug\", format = \"json\" }".into();
    });
    let mut service = scene.service("a");
    let mut user = scene.user();
    user.ask(&scene.domain, "kept");
    let request = service.receive_request();
    let token = request.attr("from").unwrap().split_once('/').unwrap().1.to_owned();
    service.answer(&request, "<answer xmlns='urn:example:ask'/>");
    user.receive_reply("kept");
    // To an address that only looks like a token.
    let (head, tail) = token.split_at(40);
    let letter = if tail.starts_with('a') { "b" } else { "a" };
    let forged = format!("{head}{letter}{}", &tail[1..]);
    let domain = &scene.domain;
    service.send(format!("<iq type='result' id='kept' to='{domain}/{forged}'/>"));
    scene.proxy.wait_reason("token-signature", 1);
    scene.proxy.stop_with(Signal::TERM);
    let log = scene.proxy.log();
    let events: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let dropped = |event: &&Value| event["reason"] == "token-signature" && event["level"] == "WARN";
    let event = events.iter().find(dropped).unwrap_or_else(|| panic!("{log:#?}"));
    assert_eq!(event["component"], scene.domain.as_str());
    assert_eq!(event["stanza"], "reply");
    assert_eq!(event["outcome"], "dropped");
    assert_eq!(event["stanzas"], 1);
    assert!(event["message"].as_str().unwrap().contains("copy its key file"), "{event}");
    let text = log.join("\n");
    for secret in [SECRET, &token, &forged, "AAAAAAAA"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
