//! Every object fits the schemas of Kubernetes, in its five newest versions; unknown fields are
//! errors.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::manifests::{FOLDER, Objects, answer, build, examine, installed};
use crate::page::Page;

#[test]
#[ignore = "needs kubectl and schemas, which tests/kubernetes/install gets"]
fn every_layout_fits_the_newest_versions() {
    let page = fs::read_to_string("docs/kubernetes.md").unwrap();
    for (layout, count) in [("ejabberd", 6), ("replicas", 7), ("sidecar", 8), ("beside", 13)] {
        let found = examine(&build(&Path::new(FOLDER).join(layout)), &["newest=5"]);
        assert_eq!(found["faults"], json!([]), "{layout}");
        assert_eq!(found["without_schema"], json!([]), "{layout}");
        assert_eq!(found["objects"].as_array().unwrap().len(), count, "{layout}");
        let versions = found["versions"].as_array().unwrap();
        let minor = |at: usize| versions[at].as_str().unwrap().trim_end_matches(".0").to_owned();
        let words = format!("schemas of Kubernetes {} to {}", minor(0), minor(4));
        assert!(page.contains(&words), "docs/kubernetes.md: {words}");
    }
}

#[test]
#[ignore = "needs kubectl and schemas, which tests/kubernetes/install gets"]
fn slips_are_found() {
    let good = build(&Path::new(FOLDER).join("beside"));
    for (right, wrong) in [
        ("readOnlyRootFilesystem:", "readOnlyRootFileSystem:"),
        ("runAsUser: 65532", "runAsUser: nobody"),
        ("terminationGracePeriodSeconds: 30", "terminationGracePeriod: 30"),
        ("maxUnavailable: 1", "maxUnavailable: [1]"),
        ("serviceName: jat-proxy", "service: jat-proxy"),
        ("matchLabelKeys:", "matchLabelsKeys:"),
    ] {
        assert!(good.contains(right), "{right}");
        let found = examine(&good.replace(right, wrong), &["newest=1"]);
        assert_ne!(found["faults"], json!([]), "nobody noticed {wrong}");
    }
}

/// Those for the operator, including the alerts, as docs/kubernetes.md makes them.
#[test]
#[ignore = "needs Node.js, and types that tests/kubernetes/install gets"]
fn what_is_for_the_prometheus_operator_fits_its_types() {
    let monitor = fs::read_to_string(format!("{FOLDER}/monitoring/service-monitor.yaml"));
    let monitor = monitor.unwrap();
    let faults = |yaml: &str| operator(&Objects::read(yaml).0);
    assert_eq!(faults(&monitor), json!([]));
    for (right, wrong) in [
        ("interval: 15s", "intervall: 15s"),
        ("interval: 15s", "interval: 15"),
        ("path: /metrics", "path: 5"),
        ("targetLabel: job", "target: job"),
        ("selector:", "selectors:"),
    ] {
        assert!(monitor.contains(right), "{right}");
        assert_ne!(faults(&monitor.replace(right, wrong)), json!([]), "nobody noticed {wrong}");
    }
    let alerts = Page::new().run("(printf").0;
    assert!(alerts.len() == 1 && alerts[0]["kind"] == "PrometheusRule", "{alerts:?}");
    assert_eq!(operator(&alerts), json!([]));
}

/// The errors in these objects.
fn operator(objects: &[Value]) -> Value {
    let folder = installed("node_modules").parent().unwrap().to_owned();
    // A newer one, if Debian's is too old.
    let newer = folder.with_file_name("clients").join("node");
    let node = if newer.exists() { newer } else { "node".into() };
    let mut command = Command::new(node);
    command.arg("tests/kubernetes/operator.mjs").arg(folder);
    answer(&mut command, &serde_json::to_string(objects).unwrap())
}
