//! What users got: in the metrics, the status, the page and `check --connect`, and whether the daemon
//! is ready.

use serde_json::Value;
use test_support::daemon::Daemon;
use test_support::http::HttpAnswer;
use test_support::watched::server::{self, BotAnswer::Error, BotAnswer::Result, Server};
use test_support::watched::{self, configuration};

use super::status;

#[test]
fn a_resource_that_answers_only_errors_is_named() {
    let (server, daemon) = with_resources(&["a", "b"]);
    server.let_answer("bot@some.example/a", Some(Result));
    server.let_answer("bot@some.example/b", Some(Error("feature-not-implemented")));
    let [a, b] = ask_until_both_answered(&server, &daemon, 4);
    assert_eq!(errors(&daemon, "feature-not-implemented"), b);
    assert_eq!(replies(&daemon, "relayed-error"), b);
    assert_eq!(replies(&daemon, "relayed"), a);
    assert!(daemon.get("/metrics").body.contains(
        "jat_proxy_troubled_resources{component=\"proxy.example\",trouble=\"only-errors\"} 1\n"
    ));

    let resources = &status(&daemon)["components"][0]["resources"];
    assert_eq!(resources[0]["answers"]["results"], a);
    assert_eq!(resources[0]["trouble"], Value::Null);
    for count in ["forwarded", "errors"] {
        assert_eq!(resources[1]["answers"][count], b);
    }
    assert_eq!(resources[1]["answers"]["last_error"], "feature-not-implemented");
    assert!(resources[1]["answers"]["last_answer"].as_str().is_some_and(|at| at.ends_with('Z')));

    let text = output(&daemon, &["status"]);
    let line = format!(
        "bot@some.example/b: {b} requests, 0 results, {b} errors (feature-not-implemented), \
         last answer at 2"
    );
    assert!(text.contains(&line), "{line}\n{text}");
    let told = "bot@some.example/b answers only with errors, most recently \
                feature-not-implemented: does another program that does not know these requests";
    assert!(text.contains(told), "{text}");
    assert!(text.contains(&format!("error replies feature-not-implemented {b}\n")), "{text}");
    let checked = output(&daemon, &["check", "--connect"]);
    assert!(checked.contains(told) && !checked.contains("all is well"), "{checked}");
    assert!(!checked.contains("bot@some.example/a answers"), "{checked}");
    let page = daemon.get("/").body;
    assert!(page.contains(told), "{page}");
    assert!(page.contains(&format!("<td class=\"number\">{b}</td>")), "{page}");
    // A resource that refuses requests is online.
    assert_eq!(daemon.get("/readyz").status, 200);
    daemon.logs(told);

    // A resource that is excluded, or works again, is not in trouble either.
    let reload = |more: &str| {
        let target = "target-address = \"bot@some.example\"\n";
        let named = format!("{target}{more}");
        let all = configuration(server.address, Some(daemon.http()));
        daemon.reload(&all.replacen(target, &named, 1), "configuration reloaded");
        output(&daemon, &["check", "--connect"])
    };
    let checked = reload("resources = [\"a\"]\n");
    assert!(checked.contains("all is well"), "{checked}");
    let checked = reload("");
    assert!(checked.contains(told), "{checked}");
    server.let_answer("bot@some.example/b", Some(Result));
    ask_until(&server, &daemon, |_| output(&daemon, &["check", "--connect"]).contains("all is"));
}

#[test]
fn a_resource_that_answers_nothing_is_named() {
    let (server, daemon) = with_resources(&["a", "b"]);
    server.let_answer("bot@some.example/a", Some(Result));
    ask_until(&server, &daemon, |resources| {
        resources[1]["answers"]["forwarded"].as_u64() > Some(3)
    });
    let told = |answer: &HttpAnswer| answer.body.contains("has answered none of its last");
    daemon.wait_for("/status", told);
    let checked = output(&daemon, &["check", "--connect"]);
    assert!(checked.contains("bot@some.example/b has answered none of its last "), "{checked}");
    assert!(checked.contains("does it hang?") && !checked.contains("all is well"), "{checked}");
    assert!(!checked.contains("bot@some.example/a has"), "{checked}");
}

#[test]
fn with_nobody_alive_it_is_not_ready_until_a_good_answer_or_presence() {
    let (server, daemon) = with_resources(&["a", "b"]);
    let ready = |answer: &HttpAnswer| answer.body.contains("proxy.example: ready\n");
    let gone = |answer: &HttpAnswer| !ready(answer);
    for resource in ["a", "b"] {
        let resource = format!("bot@some.example/{resource}");
        server.let_answer(&resource, Some(Error("service-unavailable")));
    }
    ask(&server, 20);
    let answer = daemon.wait_for("/readyz", gone);
    assert!(answer.body.contains("proxy.example: Nobody to forward to: "), "{}", answer.body);
    assert!(
        daemon.get("/metrics").body.contains("jat_proxy_ready{component=\"proxy.example\"} 0\n")
    );

    daemon.logs("several resources of the target seem to be gone at once");

    server.say("proxy.example", "<presence from='bot@some.example/b' to='proxy.example'/>");
    daemon.wait_for("/readyz", ready);
    // It has sent presence, so these errors are its own.
    let before = errors(&daemon, "service-unavailable");
    ask(&server, 20);
    daemon.wait_for("/metrics", |_| errors(&daemon, "service-unavailable") >= before + 10);
    assert!(ready(&daemon.get("/readyz")));
}

#[test]
fn a_fixed_destination_that_is_gone_is_not_ready_until_a_good_answer() {
    let (server, daemon) = with_resources(&[]);
    let request = REQUEST.replace("proxy.example", "fixed.example");
    let ready = |answer: &HttpAnswer| answer.body.contains("fixed.example: ready\n");
    assert!(ready(&daemon.get("/readyz")));
    server.let_answer("bot@some.example/a", Some(Error("service-unavailable")));
    server.say("fixed.example", &request.repeat(3));
    daemon.wait_for("/readyz", |answer| !ready(answer));
    let text = output(&daemon, &["status"]);
    let line = "resources     bot@some.example/a: 3 requests, 0 results, 3 errors \
                (service-unavailable), last answer at ";
    assert!(text.contains(line), "{text}");
    daemon.logs("every resource of bot@some.example seems to be gone");
    server.let_answer("bot@some.example/a", Some(Result));
    server.say("fixed.example", &request);
    daemon.wait_for("/readyz", ready);
    daemon.logs("bot@some.example no longer seems to be gone");
}

/// Its target has these resources online.
fn with_resources(resources: &[&str]) -> (Server, Daemon) {
    let server = server::start();
    let daemon = watched::start(server.address);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    let mut presence =
        "<presence type='subscribed' from='bot@some.example' to='proxy.example'/>".to_owned();
    for resource in resources {
        presence += &format!("<presence from='bot@some.example/{resource}' to='proxy.example'/>");
    }
    server.say("proxy.example", &presence);
    daemon.wait_for("/status", |_| {
        status(&daemon)["components"][0]["resources"].as_array().map(Vec::len)
            == Some(resources.len())
    });
    (server, daemon)
}

fn ask(server: &Server, requests: usize) {
    server.say("proxy.example", &REQUEST.repeat(requests));
}

/// Sends requests until there are enough, since the resource is chosen at random.
fn ask_until(server: &Server, daemon: &Daemon, enough: impl Fn(&Value) -> bool) {
    daemon.wait_for("/status", |_| {
        ask(server, 1);
        enough(&status(daemon)["components"][0]["resources"])
    });
}

/// Sends requests until both resources got at least so many, and answered all; returns how many.
fn ask_until_both_answered(server: &Server, daemon: &Daemon, least: u64) -> [u64; 2] {
    ask_until(server, daemon, |resources| {
        [0, 1].iter().all(|n| resources[n]["answers"]["forwarded"].as_u64() >= Some(least))
    });
    let counted = |name: &str| {
        let component = status(daemon)["components"][0].clone();
        [0, 1].map(|n: usize| component["resources"][n]["answers"][name].as_u64().unwrap())
    };
    let answered = || [counted("results"), counted("errors")].concat().iter().sum::<u64>();
    let asked = || counted("forwarded").iter().sum::<u64>();
    daemon.wait_for("/status", |_| asked() == answered());
    counted("forwarded")
}

fn errors(daemon: &Daemon, condition: &str) -> u64 {
    sample(
        daemon,
        &format!("jat_proxy_error_replies_total{{{COMPONENT},condition=\"{condition}\"}}"),
    )
}

fn replies(daemon: &Daemon, reason: &str) -> u64 {
    let labels =
        format!("stanza=\"reply\",way=\"outward\",outcome=\"relayed\",reason=\"{reason}\"");
    sample(daemon, &format!("jat_proxy_stanzas_total{{{COMPONENT},{labels}}}"))
}

fn sample(daemon: &Daemon, series: &str) -> u64 {
    let body = daemon.get("/metrics").body;
    let value = body.lines().find_map(|line| line.strip_prefix(series)).expect(series);
    value.trim().parse().expect("a number")
}

fn output(daemon: &Daemon, arguments: &[&str]) -> String {
    String::from_utf8(daemon.command(arguments).stdout).expect("UTF-8")
}

const COMPONENT: &str = "component=\"proxy.example\"";
const REQUEST: &str = "<iq type='get' id='1' from='user@some.example/x' to='proxy.example'>\
                       <query xmlns='jabber:iq:version'/></iq>";
