//! The PromQL in the alerts and in the dashboard.

use std::fs;

use serde_json::Value;

/// An alerting rule.
pub struct Alert {
    pub name: String,
    pub expression: String,
    pub severity: String,
    pub summary: String,
    pub description: String,
    pub docs: String,
}

/// The rules of config/alerts.yml, which has each key on one line.
pub fn alerts() -> Vec<Alert> {
    let text = fs::read_to_string("config/alerts.yml").expect("the alerts");
    let rules = text.split("- alert: ").skip(1).map(|rule| {
        let value = |key: &str| {
            let line = rule.lines().find_map(|l| l.trim().strip_prefix(&format!("{key}: ")));
            line.unwrap_or_else(|| panic!("no {key} in {rule}")).trim_matches('"').to_owned()
        };
        let severity = value("labels");
        Alert {
            name: rule.lines().next().expect("a name").trim().to_owned(),
            expression: value("expr"),
            severity: severity.trim_matches(['{', '}', ' ']).replace("severity: ", ""),
            summary: value("summary"),
            description: value("description"),
            docs: value("docs"),
        }
    });
    rules.collect()
}

/// The expression of a panel of the dashboard, and the panel's title.
pub struct Panel {
    pub title: String,
    pub expression: String,
}

pub fn dashboard() -> Value {
    let text = fs::read_to_string("config/grafana-dashboard.json").expect("the dashboard");
    serde_json::from_str(&text).expect("JSON")
}

pub fn panels() -> Vec<Panel> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(move |t| Panel { title: text(&panel["title"]), expression: text(&t["expr"]) })
    });
    targets.collect()
}

/// A metric in an expression, with its label matchers: label, operator, value.
#[derive(Debug)]
pub struct Selector {
    pub metric: String,
    pub matchers: Vec<(String, String, String)>,
}

/// The metrics that `expression` selects.
pub fn selectors(expression: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = expression;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '"') {
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('"') {
            rest = text.split_once('"').expect("the quotes end").1;
            continue;
        }
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        rest = after;
        let ours = name.starts_with("jat_proxy_") || name.starts_with("process_") || name == "up";
        if !ours {
            continue;
        }
        let mut matchers = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            let (list, after) = inside.split_once('}').expect("the braces end");
            for matcher in list.split("\",") {
                let at = matcher.find(['=', '!']).expect("an operator");
                let (label, value) = matcher.split_at(at);
                let (operator, value) = value.split_once('"').expect("a value");
                let value = value.trim_end_matches('"');
                matchers.push((label.to_owned(), operator.to_owned(), value.to_owned()));
            }
            rest = after;
        }
        found.push(Selector { metric: name.to_owned(), matchers });
    }
    found
}

/// The labels that `expression` groups and joins by.
pub fn groupings(expression: &str) -> Vec<String> {
    let words = ["by (", "on (", "group_left (", "without (", "ignoring ("];
    let lists = words.iter().flat_map(|word| expression.split(word).skip(1));
    let labels = lists.flat_map(|rest| rest.split(')').next().unwrap_or_default().split(','));
    labels.map(|label| label.trim().to_owned()).collect()
}

#[test]
fn selectors_are_found_with_their_labels() {
    let found = selectors(
        "sum by (a) (rate(jat_proxy_x_total{b=~\"c|d\",e!=\"jat_proxy_f\"}[5m])) / up == 1",
    );
    let shown = format!("{found:?}");
    assert_eq!(found.len(), 2, "{shown}");
    assert_eq!(found[0].matchers[0], ("b".into(), "=~".into(), "c|d".into()));
    assert_eq!(found[0].matchers[1], ("e".into(), "!=".into(), "jat_proxy_f".into()));
    assert_eq!((found[1].metric.as_str(), found[1].matchers.len()), ("up", 0));
    assert_eq!(groupings("sum by (a, b) (x) * on (c) group_left (d) y"), ["a", "b", "c", "d"]);
}
