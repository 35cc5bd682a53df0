//! A Prometheus scrapes the daemon, and evaluates the expressions of alerts and dashboard.

use std::thread;
use std::time::{Duration, Instant};

use test_support::wait::PATIENCE;
use test_support::watched::server::{self, Server};
use test_support::watched::{self, with_keys};

use super::expressions::{alerts, panels};
use super::prometheus::Prometheus;

#[test]
#[ignore = "needs prometheus"]
fn a_prometheus_scrapes_the_daemon() {
    let server = server::start();
    let daemon = watched::start_with(|http| with_keys(server.address, http), 1024);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    server.say(
        "proxy.example",
        "<presence type='subscribed' from='bot@some.example' to='proxy.example'/>\
         <presence from='bot@some.example/a' to='proxy.example'/>",
    );
    server.let_answer("bot@some.example/a", Some(server::BotAnswer::Error("forbidden")));
    let prometheus = Prometheus::start(daemon.http());
    let began = Instant::now();
    // A rate needs two scrapes with something between.
    let rates = "sum(rate(jat_proxy_stanzas_total{reason=\"offline\"}[1m]))";
    let rates = [rates.replace("offline", "no-id"), rates.replace("offline", "no-token")];
    while !rates.iter().all(|rate| positive(&prometheus, rate)) {
        assert!(began.elapsed() < PATIENCE, "no rates: {}", prometheus.api("targets"));
        traffic(&server);
        thread::sleep(Duration::from_millis(300));
    }

    let targets = prometheus.api("targets");
    let target = &targets["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    // Only OpenMetrics has units and this type.
    let metadata = |metric: &str| prometheus.api(&format!("targets/metadata?metric={metric}"));
    assert_eq!(metadata("jat_proxy_backlog_bytes")[0]["unit"], "bytes");
    assert_eq!(metadata("jat_proxy_build")[0]["type"], "info");

    for alert in alerts() {
        prometheus.query(&alert.expression);
    }
    let groups = prometheus.api("rules");
    let rules = groups["groups"][0]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), alerts().len());
    assert!(rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");

    for panel in panels() {
        let expression = panel
            .expression
            .replace("$component", ".+")
            .replace("$instance", ".+")
            .replace("$__rate_interval", "1m")
            .replace("$__range", "1m");
        let series = prometheus.query(&expression);
        let quiet = QUIET.contains(&panel.title.as_str());
        assert_eq!(series.is_empty(), quiet, "{}: {expression}", panel.title);
    }
}

/// Panels that stay empty here; this server does not send its time.
const QUIET: [&str; 2] = ["Failures by cause", "Clock of the server"];

/// A relayed request, which the target refuses, a refused one, a refused message, and a reply without
/// a token.
fn traffic(server: &Server) {
    server.say(
        "proxy.example",
        "<iq type='get' id='1' from='user@some.example/x' to='proxy.example'><q xmlns='q'/></iq>\
         <iq type='get' from='user@some.example/x' to='proxy.example'><q xmlns='q'/></iq>\
         <message from='user@some.example/x' to='proxy.example'><body/></message>\
         <iq type='result' id='1' from='bot@some.example/a' to='proxy.example'/>",
    );
}

fn positive(prometheus: &Prometheus, expression: &str) -> bool {
    !prometheus.query(&format!("{expression} > 0")).is_empty()
}
