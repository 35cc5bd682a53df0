//! The metrics, against the rules of OpenMetrics and against the document that describes them.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use jat_proxy::daemon::metrics::{CONTENT_TYPE, directions};
use jat_proxy::demo::server::{Options, Server};
use jat_proxy::jat::reason::Reason;
use jat_proxy::link::cause::Cause;

use super::daemon::{Answer, Daemon};

#[test]
fn the_exposition_keeps_the_rules_and_the_document_describes_it() {
    // A family that has no series yet would not show its labels.
    let daemon = Daemon::start(server_with_a_clock());
    let told = |answer: &Answer| answer.body.contains("\njat_proxy_clock_offset_seconds{");
    let answer = daemon.wait_for("/metrics", told);
    assert!(answer.head.contains(&format!("content-type: {CONTENT_TYPE}")), "{}", answer.head);
    let families = parse(&answer.body);
    let row = |f: &Family| {
        let labels: Vec<_> = f.labels.iter().map(|l| format!("`{l}`")).collect();
        let (name, type_, labels) = (&f.sample, &f.type_, labels.join(", "));
        format!("| `{name}` | {type_} | {labels} | {} |\n", f.help)
    };
    documented("metrics", families.iter().map(row).collect());
}

/// Runs until the test ends.
fn server_with_a_clock() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let options = Options { hosts: vec!["some.example".into()], ..Options::ejabberd("s") };
            let server = Server::start(options).await.expect("a free port");
            tell.send(server.address()).expect("the test waits for it");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("it starts")
}

#[test]
fn the_document_lists_every_reason() {
    let row = |r: &Reason| {
        let directions: Vec<_> = directions(*r).iter().map(|d| d.name()).collect();
        let (name, outcome, directions) = (r.name(), r.outcome().name(), directions.join(", "));
        format!("| `{name}` | {outcome} | {directions} | {} |\n", r.describe())
    };
    documented("reasons", Reason::ALL.iter().map(row).collect());
}

#[test]
fn the_document_lists_every_cause() {
    let row = |c: &Cause| match c.remedy() {
        "" => format!("| `{}` | it tries again by itself |\n", c.name()),
        remedy => format!("| `{}` | {remedy} |\n", c.name()),
    };
    documented("causes", Cause::ALL.iter().map(row).collect());
}

/// Do exactly these rows stand between the markers of this name?
fn documented(name: &str, rows: String) {
    let document = fs::read_to_string("docs/metrics.md").expect("the document");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let block = document.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
    let table = block.and_then(|(table, _)| table.split_once("|---|\n"));
    let rows_there = table.map(|(_, rows)| rows.trim_end());
    assert_eq!(rows_there, Some(rows.trim_end()), "docs/metrics.md should have:\n{rows}");
}

struct Family {
    sample: String,
    type_: String,
    labels: Vec<String>,
    help: String,
}

/// Reads an exposition in OpenMetrics 1.0, and panics where it breaks a rule.
fn parse(text: &str) -> Vec<Family> {
    let lines = text.strip_suffix("# EOF\n").expect("the end is marked").lines();
    let mut helps: BTreeMap<&str, &str> = BTreeMap::new();
    let mut families: Vec<(&str, Family)> = Vec::new();
    let mut seen = HashSet::new();
    for line in lines {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            assert!(helps.insert(name, help).is_none(), "two families {name}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, type_) = rest.split_once(' ').expect(line);
            let suffix = match type_ {
                "counter" => "_total",
                "info" => "_info",
                "gauge" => "",
                _ => panic!("unknown type in {line}"),
            };
            let help = helps.get(name).expect("HELP stands before TYPE").to_string();
            let (sample, type_) = (format!("{name}{suffix}"), type_.to_owned());
            families.push((name, Family { sample, type_, labels: Vec::new(), help }));
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect(line);
            assert!(name.ends_with(&format!("_{unit}")), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect(line);
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(series), "twice: {line}");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let family = &mut families.last_mut().expect("TYPE stands before samples").1;
            assert_eq!(name, family.sample, "each sample stands below its family");
            let labels = labels.strip_suffix('}').expect(line).split(',').filter(|l| !l.is_empty());
            family.labels = labels.map(|l| l.split_once("=\"").expect(line).0.to_owned()).collect();
        }
    }
    families.into_iter().map(|(_, family)| family).collect()
}
