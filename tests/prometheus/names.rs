//! Dashboard and alerts use only names that the daemon serves: metrics, labels and their values.

use std::collections::{BTreeMap, BTreeSet};

use test_support::watched::server::with_a_clock;
use test_support::watched::with_every_metric;

use super::expressions::{alerts, dashboard, groupings, panels, selectors};

/// The values of each label of each metric.
type Served = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[test]
fn dashboard_and_alerts_name_what_is_served() {
    let daemon = with_every_metric(with_a_clock());
    let served = read(&daemon.get("/metrics").body);
    let alerts = alerts().into_iter().map(|a| (a.name, a.expression));
    let panels = panels().into_iter().map(|p| (p.title, p.expression));
    let mut used = BTreeSet::new();
    for (name, expression) in alerts.chain(panels) {
        let selectors = selectors(&expression);
        assert!(!selectors.is_empty(), "{name} asks for nothing of ours: {expression}");
        for selector in selectors {
            let labels = served.get(&selector.metric);
            let labels = labels.unwrap_or_else(|| panic!("{name}: no metric {}", selector.metric));
            for (label, operator, value) in &selector.matchers {
                let values = labels.get(label);
                let values = values.unwrap_or_else(|| {
                    panic!("{name}: no label {label} of {}: {expression}", selector.metric)
                });
                // Variables of the dashboard and Prometheus' own labels can have any value.
                if value.starts_with('$') || ["job", "instance"].contains(&label.as_str()) {
                    continue;
                }
                assert!(["=", "!=", "=~", "!~"].contains(&operator.as_str()), "{name}: {operator}");
                for one in value.split('|') {
                    assert!(values.contains(one), "{name}: {label} is never {one:?}: {expression}");
                }
            }
            used.insert(selector.metric);
        }
        let known = |label: &String| served.values().any(|labels| labels.contains_key(label));
        for label in groupings(&expression) {
            assert!(known(&label), "{name}: no label {label}: {expression}");
        }
    }
    for metric in served.keys().filter(|metric| *metric != "up") {
        assert!(used.contains(metric), "nobody looks at {metric}");
    }
}

#[test]
fn the_dashboard_can_be_imported_anywhere() {
    let dashboard = dashboard();
    let mut sources = Vec::new();
    collect(&dashboard, "datasource", &mut sources);
    assert!(sources.len() > 20 && sources.iter().all(|s| s["uid"] == "${datasource}"));
    let variables = dashboard["templating"]["list"].as_array().expect("variables").iter();
    let names: Vec<_> = variables.map(|v| v["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["datasource", "component", "instance"]);
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|p| p["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["description"].as_str().is_some_and(|d| d.len() > 20), "{}", panel["title"]);
    }
}

fn collect<'v>(value: &'v serde_json::Value, key: &str, found: &mut Vec<&'v serde_json::Value>) {
    if let Some(map) = value.as_object() {
        found.extend(map.get(key));
    }
    let inside = value.as_object().into_iter().flat_map(|map| map.values());
    inside.chain(value.as_array().into_iter().flatten()).for_each(|v| collect(v, key, found));
}

/// Reads what the daemon serves, and adds the names that Prometheus adds.
fn read(text: &str) -> Served {
    let mut served = Served::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect(line);
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let metric = served.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once("=\"").expect(line);
            let values = metric.entry(label.to_owned()).or_default();
            values.insert(value.trim_end_matches('"').to_owned());
        }
    }
    served.insert("up".to_owned(), BTreeMap::new());
    for labels in served.values_mut() {
        labels.extend(["job", "instance"].map(|label| (label.to_owned(), BTreeSet::new())));
    }
    // Streams of presence domains exist only in some configurations.
    for labels in served.values_mut() {
        if let Some(streams) = labels.get_mut("stream") {
            streams.insert("presence".to_owned());
        }
    }
    served
}
