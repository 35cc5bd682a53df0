//! The metrics, compared with the rules of OpenMetrics and with the document that describes them.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use core_tests::interpreter;
use jat_proxy::daemon::metrics::Format;
use jat_proxy::jat::reason::{Answer, Outcome, Reason};
use jat_proxy::jat::traffic::{Class, Traffic};
use jat_proxy::link::cause::Cause;
use test_support::daemon::Daemon;
use test_support::http::{HttpAnswer, ask};
use test_support::port::free_address;
use test_support::watched::with_every_metric;
use test_support::watched::{self, server};

#[test]
fn the_exposition_keeps_the_rules_and_the_document_describes_it() {
    let daemon = with_every_metric(server::with_a_clock());
    let answer = open_metrics(&daemon);
    let type_ = format!("content-type: {}\r\n", Format::OpenMetrics.content_type());
    assert!(answer.head.contains(&type_), "{}", answer.head);
    let families = parse(&answer.body);
    let row = |f: &Family| {
        let labels: Vec<_> = f.labels.iter().map(|l| format!("`{l}`")).collect();
        let (name, type_, labels) = (&f.sample, &f.type_, labels.join(", "));
        format!("| `{name}` | {type_} | {labels} | {} |\n", f.help)
    };
    documented("metrics", families.iter().map(row).collect());
}

#[test]
fn who_does_not_ask_for_openmetrics_gets_the_older_format() {
    let daemon = watched::start(free_address());
    let with = |accept: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n");
        ask(daemon.http(), &request).expect("an answer")
    };
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    for accept in ["", "Accept: */*\r\n", "Accept: text/plain;version=0.0.4\r\n", browser] {
        let answer = with(accept);
        let type_ = format!("content-type: {}\r\n", Format::Classic.content_type());
        assert!(answer.head.contains(&type_), "{}", answer.head);
        assert!(!answer.body.contains("# EOF") && !answer.body.contains("# UNIT"));
        assert!(answer.body.contains("# TYPE jat_proxy_stanzas_total counter\n"));
        assert!(answer.body.contains("# TYPE jat_proxy_build_info gauge\n"));
    }
    let prometheus = "Accept: application/openmetrics-text;version=1.0.0,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
    assert!(with(prometheus).body.ends_with("\n# EOF\n"));
    // The same samples.
    let samples = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|l| !l.starts_with('#'));
        lines.map(|l| l.rsplit_once(' ').expect("a value").0.to_owned()).collect()
    };
    assert_eq!(samples(&with("").body), samples(&with(prometheus).body));
}

/// An independent parser, which refuses violations of the rules.
#[test]
#[ignore = "needs python3-prometheus-client"]
fn the_parser_of_others_takes_it() {
    let daemon = with_every_metric(server::with_a_clock());
    let ours = parse(&open_metrics(&daemon).body);
    let ours: Vec<_> = ours.iter().map(|family| family.sample.clone()).collect();
    let read = interpreter::run(
        interpreter::PYTHON,
        &["-c", PARSE_OPENMETRICS],
        &open_metrics(&daemon).body,
    );
    assert_eq!(read.lines().collect::<Vec<_>>(), ours);
    let read =
        interpreter::run(interpreter::PYTHON, &["-c", PARSE_CLASSIC], &daemon.get("/metrics").body);
    assert_eq!(read.lines().collect::<Vec<_>>(), ours);
}

#[test]
fn the_document_lists_every_reason() {
    let row = |r: &Reason| {
        let (name, outcome, error, given) = (r.name(), r.outcome(), answer(*r), stanzas(*r));
        let (outcome, log, meaning) = (outcome.name(), log(*r), r.describe());
        format!("| `{name}` | {outcome} | {error} | {given} | {log} | {meaning} |\n")
    };
    documented("reasons", Reason::ALL.iter().map(row).collect());
}

/// What the sender gets for this reason.
fn answer(reason: Reason) -> String {
    match reason.outcome() {
        Outcome::Answered(Answer::Error { condition, .. }) => format!("`{}`", condition.name()),
        Outcome::Answered(Answer::Unsubscribed) => "`unsubscribed`".to_owned(),
        Outcome::Answered(Answer::Unavailable) => "`unavailable`".to_owned(),
        _ => String::new(),
    }
}

/// The stanzas that a reason applies to.
fn stanzas(reason: Reason) -> String {
    listed(|traffic| reason.occurs_in(traffic))
}

/// Which of them are in the log.
fn log(reason: Reason) -> String {
    let told = |traffic| reason.occurs_in(traffic) && !reason.is_quiet(traffic);
    match listed(told) {
        _ if !reason.is_refusal() => "no".to_owned(),
        told if told.is_empty() => "no".to_owned(),
        told if told == stanzas(reason) => "yes".to_owned(),
        told => told,
    }
}

/// A class without a way means both ways.
fn listed(has: impl Fn(Traffic) -> bool) -> String {
    let of = |class: Class| match (has(class.inward()), has(class.outward())) {
        (true, true) => Some(class.name().to_owned()),
        (true, false) => Some(class.inward().to_string()),
        (false, true) => Some(class.outward().to_string()),
        (false, false) => None,
    };
    Class::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_document_lists_every_cause() {
    let row = |c: &Cause| match c.remedy() {
        "" => format!("| `{}` | it tries again by itself |\n", c.name()),
        remedy => format!("| `{}` | {remedy} |\n", c.name()),
    };
    documented("causes", Cause::ALL.iter().map(row).collect());
}

fn open_metrics(daemon: &Daemon) -> HttpAnswer {
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\
                   Accept: application/openmetrics-text; version=1.0.0\r\n\r\n";
    ask(daemon.http(), request).expect("an answer")
}

/// Checks that exactly these rows are between the markers of this name.
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

/// Reads an exposition in OpenMetrics 1.0, and panics if it violates a rule.
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

const PARSE_OPENMETRICS: &str = r#"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.buffer.read().decode()):
    assert family.documentation and family.samples, family
    print(*{sample.name for sample in family.samples})
"#;

const PARSE_CLASSIC: &str = r#"
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.buffer.read().decode()):
    assert family.documentation and family.samples, family
    print(*{sample.name for sample in family.samples})
"#;
