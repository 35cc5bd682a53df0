//! docs/kubernetes.md: its commands are run, with a stand-in for those that need a cluster, and the
//! objects that they would apply are checked.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use test_support::pages;
use test_support::{program, repository};

use crate::manifests::{FOLDER, Objects, build, container, installed};

const DOCUMENT: &str = "docs/kubernetes.md";

/// Where they run: a copy of the repository's files that they use.
pub struct Page {
    folder: TempDir,
}

impl Page {
    pub fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut copy = Command::new("cp");
        copy.args(["-r", "packaging", "config"]).arg(folder.path()).current_dir(repository());
        assert!(copy.status().unwrap().success());
        let commands = folder.path().join("commands");
        fs::create_dir(&commands).unwrap();
        symlink(program(), commands.join("jat-proxy")).unwrap();
        for name in ["kubectl", "podman"] {
            let stand_in = Path::new(repository()).join("tests/kubernetes/stand_in").join(name);
            symlink(stand_in, commands.join(name)).unwrap();
        }
        Self { folder }
    }

    /// Runs the block with this beginning, and returns what it would apply.
    pub fn run(&self, begins: &str) -> Objects {
        let block = text(begins);
        let applied = self.path("applied");
        fs::write(&applied, "").unwrap();
        let commands = self.path("commands");
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &block])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", commands.display()))
            .env("KUBECTL", installed("kubectl"))
            .env("APPLIED", &applied)
            .env("CALLS", self.path("calls"))
            // Not a cluster of the user's own.
            .env("KUBECONFIG", "/dev/null")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{block}\n{output:?}");
        Objects::read(&fs::read_to_string(applied).unwrap())
    }

    /// The Secret that its commands make from the output of `init`.
    pub fn secret(&self) -> Objects {
        self.run("jat-proxy init")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The calls for a cluster.
    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

fn text(begins: &str) -> String {
    let blocks = pages::blocks(DOCUMENT).into_iter().filter(|it| it.text.starts_with(begins));
    let [block] = blocks.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{begins}"));
    block.text
}

#[test]
#[ignore = "needs kubectl, which tests/kubernetes/install gets"]
fn the_commands_lead_from_nothing_to_three_nodes() {
    let page = Page::new();
    page.run("podman build");
    let secrets = page.secret();
    assert!(secrets.find("Secret", "jat-proxy").is_some());
    assert_ne!(secrets.get("Secret", "ejabberd")["data"]["cookie"], "");

    let sidecar = page.run("kubectl apply -k packaging/kubernetes/sidecar");
    assert_named(&page, &sidecar);
    page.run("kubectl exec ejabberd-0 -c jat-proxy");
    assert_named(&page, &sidecar);

    let added = page.run("jat-proxy keys add");
    let [secret] = &added.0[..] else { panic!("one Secret") };
    let before = secrets.get("Secret", "jat-proxy");
    assert_eq!(secret["data"]["proxy.secret"], before["data"]["proxy.secret"]);
    assert_ne!(secret["data"]["keys.toml"], before["data"]["keys.toml"]);

    let beside = page.run("kubectl apply -k packaging/kubernetes/beside");
    assert_named(&page, &beside);
    assert!(page.calls().is_empty());
}

/// Checks that all that the commands refer to is in the cluster.
fn assert_named(page: &Page, objects: &Objects) {
    let calls = page.calls();
    assert!(!calls.is_empty());
    for call in calls.lines() {
        let words: Vec<&str> = call.split(' ').collect();
        match &words[..] {
            ["rollout", _, name] => {
                let name = name.strip_prefix("statefulset/").expect(call);
                objects.get("StatefulSet", name);
            }
            ["exec", pod, "-c", name, "--", rest @ ..] => {
                let command = &container(pod_of(objects, pod), name)["image"];
                let ours = command.as_str().unwrap().contains("jat-proxy");
                assert_eq!(ours, rest[0] == "/jat-proxy", "{call}");
                // Commands in our image are commands of the program.
                let known = !ours || rest[1..] == ["check", "--connect"];
                assert!(known, "{call}");
            }
            ["logs", pod, "-c", name] => drop(container(pod_of(objects, pod), name)),
            _ => panic!("what is {call}?"),
        }
    }
    fs::write(page.path("calls"), "").unwrap();
}

/// The template of a pod.
fn pod_of<'o>(objects: &'o Objects, pod: &str) -> &'o Value {
    let (set, number) = pod.rsplit_once('-').unwrap();
    let set = &objects.get("StatefulSet", set)["spec"];
    assert!(number.parse::<u64>().unwrap() < set["replicas"].as_u64().unwrap(), "{pod}");
    &set["template"]["spec"]
}

#[test]
#[ignore = "needs kubectl, which tests/kubernetes/install gets"]
fn monitoring_is_added_to_both_layouts() {
    let page = Page::new();
    let lines = text("components:");
    let second = lines.lines().last().unwrap();
    for (layout, lines) in [("sidecar", &*lines), ("beside", &format!("components:\n{second}\n"))] {
        let folder = page.path(FOLDER).join(layout);
        let file = folder.join("kustomization.yaml");
        let text = fs::read_to_string(&file).unwrap().replace("components:\n  - ../replica\n", "");
        fs::write(&file, text + lines).unwrap();
        let objects = Objects::read(&build(&folder));
        let monitor = objects.get("ServiceMonitor", "jat-proxy");
        let labels = &monitor["spec"]["selector"]["matchLabels"];
        let service = objects.get("Service", "jat-proxy-metrics");
        assert_eq!(&service["metadata"]["labels"], labels);
        let port = &service["spec"]["ports"][0];
        assert_eq!(monitor["spec"]["endpoints"][0]["port"], port["name"]);
        // Pods with a replica in them, and only those.
        let chosen = &service["spec"]["selector"];
        for set in objects.of_kind("StatefulSet") {
            let template = &set["spec"]["template"];
            let labelled = template["metadata"]["labels"]["jat-proxy"] == chosen["jat-proxy"];
            let mut containers = template["spec"]["containers"].as_array().unwrap().iter();
            assert_eq!(labelled, containers.any(|it| it["name"] == "jat-proxy"), "{layout}");
        }
    }
}
