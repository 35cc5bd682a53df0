//! Everything that the objects refer to exists and fits, which schemas don't check.

use std::fs;

use serde_json::{Value, json};
use test_support::image::USER;

use crate::manifests::{Objects, container};
use crate::page::Page;

const LAYOUTS: [&str; 2] = ["sidecar", "beside"];

#[test]
#[ignore = "needs kubectl, which tests/kubernetes/install gets"]
fn what_the_objects_name_exists() {
    let secrets = Page::new().secret();
    for layout in LAYOUTS {
        let objects = Objects::of(layout);
        for set in objects.of_kind("StatefulSet") {
            let (spec, template) = (&set["spec"], &set["spec"]["template"]);
            assert_eq!(spec["replicas"], 3);
            objects.get("Service", text(&spec["serviceName"]));
            assert!(selects(&spec["selector"]["matchLabels"], template), "{set}");
            let named = |key| every(&template["spec"], key);
            for it in named("configMap") {
                objects.get("ConfigMap", text(&it["name"]));
            }
            for it in named("secret") {
                secrets.get("Secret", text(&it["name"]));
            }
            for it in named("secretKeyRef") {
                let secret = secrets.get("Secret", text(&it["name"]));
                assert!(secret["data"][text(&it["key"])].is_string(), "{it}");
            }
            for it in named("volumeMounts").iter().flat_map(|it| it.as_array().unwrap()) {
                let mut volumes = named("volumes").into_iter().chain(every(spec, "metadata"));
                let known = volumes.any(|all| {
                    all["name"] == it["name"]
                        || all
                            .as_array()
                            .is_some_and(|all| all.iter().any(|v| v["name"] == it["name"]))
                });
                assert!(known, "no volume: {it}");
            }
            for probe in ["livenessProbe", "readinessProbe"].into_iter().flat_map(named) {
                let port = every(&probe, "port").pop().unwrap();
                assert!(ports(template).contains(&port), "{probe}");
            }
        }
        let pods = || objects.of_kind("StatefulSet").map(|it| &it["spec"]["template"]);
        for it in objects.of_kind("Service") {
            let pods: Vec<&Value> =
                pods().filter(|pod| selects(&it["spec"]["selector"], pod)).collect();
            assert!(!pods.is_empty(), "{it}");
            for port in every(it, "targetPort") {
                assert!(pods.iter().all(|pod| ports(pod).contains(&port)), "{it}");
            }
        }
        let choosing = ["PodDisruptionBudget", "NetworkPolicy"];
        for it in choosing.into_iter().flat_map(|kind| objects.of_kind(kind)) {
            for chosen in every(it, "selector").into_iter().chain(every(it, "podSelector")) {
                assert!(pods().any(|pod| selects(&chosen["matchLabels"], pod)), "{it}");
            }
            for port in every(it, "port").into_iter().filter(|port| *port != json!(53)) {
                assert!(pods().any(|pod| ports(pod).contains(&port)), "{port}: {it}");
            }
        }
    }
}

/// A replica's node has the name that it uses, and the listener the port.
#[test]
#[ignore = "needs kubectl, which tests/kubernetes/install gets"]
fn replicas_and_nodes_find_each_other() {
    let objects = Objects::of("beside");
    let replica = &objects.get("StatefulSet", "jat-proxy")["spec"]["template"]["spec"];
    let env = container(replica, "jat-proxy")["env"].as_array().unwrap();
    assert_eq!(env[1]["value"], "ejabberd-$(INDEX).ejabberd");
    let nodes = &objects.get("StatefulSet", "ejabberd")["spec"];
    assert_eq!(nodes["serviceName"], "ejabberd");
    let node = container(&nodes["template"]["spec"], "ejabberd");
    assert!(
        node["env"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "EJABBERD_MACRO_COMPONENT_IP", "value": "::"}))
    );
    let ours = text(&objects.get("ConfigMap", "jat-proxy")["data"]["jat-proxy.toml"]).to_owned();
    let theirs = text(&objects.get("ConfigMap", "ejabberd")["data"]["ejabberd.yml"]).to_owned();
    assert!(
        ours.contains("{env:SERVER}:5347") && theirs.contains("port: 5347\n    ip: COMPONENT_IP")
    );
    // With replicas in the same pods, the listener is for them alone.
    let env = Objects::of("sidecar");
    let env = &container(
        &env.get("StatefulSet", "ejabberd")["spec"]["template"]["spec"],
        "ejabberd",
    )["env"];
    assert!(
        !env.to_string().contains("COMPONENT_IP") && theirs.contains("COMPONENT_IP: \"127.0.0.1\"")
    );
}

#[test]
#[ignore = "needs kubectl, which tests/kubernetes/install gets"]
fn a_replica_may_do_nothing_and_has_time_to_end() {
    let example = fs::read_to_string("config/jat-proxy.toml").unwrap();
    let (_, default) = example.split_once("#shutdown-timeout = \"").expect("the key");
    let shutdown: u64 = default.split_once("s\"").unwrap().0.parse().unwrap();
    for (layout, set) in [("sidecar", "ejabberd"), ("beside", "jat-proxy")] {
        let objects = Objects::of(layout);
        let config = &objects.get("ConfigMap", "jat-proxy")["data"]["jat-proxy.toml"];
        assert!(!text(config).contains("shutdown-timeout"), "the default is compared");
        let pod = &objects.get("StatefulSet", set)["spec"]["template"]["spec"];
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 2 * shutdown, "{layout}");
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert!(pod["hostNetwork"].is_null() && pod["hostPID"].is_null());
        let replica = container(pod, "jat-proxy");
        let context = json!({
            "runAsNonRoot": true,
            "runAsUser": USER,
            "runAsGroup": USER,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        });
        assert_eq!(replica["securityContext"], context, "{layout}");
        // A bot that is offline must not make ejabberd lose its users.
        assert_eq!(replica["readinessProbe"].is_null(), set == "ejabberd", "{layout}");
    }
}

/// Whether labels select a pod.
fn selects(labels: &Value, template: &Value) -> bool {
    let of_pod = &template["metadata"]["labels"];
    let labels = labels.as_object().expect("labels");
    !labels.is_empty() && labels.iter().all(|(name, value)| of_pod[name] == *value)
}

/// The ports of a pod, by name and number.
fn ports(template: &Value) -> Vec<Value> {
    let ports = every(&template["spec"]["containers"], "ports");
    let ports = ports.iter().flat_map(|it| it.as_array().unwrap());
    ports.flat_map(|it| [it["name"].clone(), it["containerPort"].clone()]).collect()
}

/// All values of a key, however deep.
fn every(value: &Value, key: &str) -> Vec<Value> {
    match value {
        Value::Array(list) => list.iter().flat_map(|it| every(it, key)).collect(),
        Value::Object(fields) => {
            let own = fields.get(key).cloned();
            own.into_iter().chain(fields.values().flat_map(|it| every(it, key))).collect()
        }
        _ => Vec::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
