//! The dashboard, the alerts and the documented set-up, with the daemon, `promtool` and a Prometheus
//! that scrapes.

mod expressions;
mod names;
mod prometheus;
mod scrape;

use std::fs;

use core_tests::interpreter::run;
use test_support::watched::{self, server};

#[test]
#[ignore = "needs promtool"]
fn alerts_fire_when_they_should_and_not_otherwise() {
    run("promtool", &["check", "rules", "config/alerts.yml"], "");
    let cases = "tests/prometheus/alerts-test.yml";
    run("promtool", &["test", "rules", cases], "");
    let cases = fs::read_to_string(cases).expect("the cases");
    for alert in expressions::alerts() {
        assert!(
            cases.contains(&format!("alertname=\"{}\"", alert.name)),
            "{} never fires",
            alert.name
        );
    }
}

#[test]
#[ignore = "needs promtool"]
fn the_documented_configuration_is_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy("config/alerts.yml", folder.path().join("alerts.yml")).expect("the alerts");
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, prometheus::documented()).expect("the folder is ours");
    run("promtool", &["check", "config", file.to_str().expect("UTF-8")], "");
}

#[test]
#[ignore = "needs promtool"]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let daemon = watched::with_every_metric(server::with_a_clock());
    run("promtool", &["check", "metrics"], &daemon.get("/metrics").body);
}

/// Every alert says what to do, and where to read more.
#[test]
fn alerts_name_a_remedy_and_a_document() {
    let alerts = expressions::alerts();
    assert!(!alerts.is_empty());
    for alert in &alerts {
        let name = &alert.name;
        assert!(["critical", "warning", "info"].contains(&alert.severity.as_str()), "{name}");
        assert!(alert.summary.len() > 20 && alert.description.len() > 40, "{name}");
        let (file, anchor) = alert.docs.split_once('#').unwrap_or((&alert.docs, ""));
        let document = fs::read_to_string(file).unwrap_or_else(|e| panic!("{name}: {file}: {e}"));
        let slug =
            |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let there = document.lines().any(|l| l.starts_with('#') && slug(l) == anchor);
        assert!(anchor.is_empty() || there, "{name}: no heading {anchor} in {file}");
    }
}
