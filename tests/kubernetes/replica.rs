//! A replica in a pod of each layout, from its start to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use mock_server::{Options, RosterState, Server};
use test_support::crowd::Crowd;
use test_support::daemon::DOMAIN;
use test_support::wait::{comes, wait_until};
use tokio::task::spawn_blocking;

use crate::manifests::Objects;
use crate::page::Page;
use crate::pod::{Pod, network};

#[test]
#[ignore = "needs root and kubectl, and builds the program once more, static"]
fn a_replica_works_in_a_pod_of_ejabberd() {
    network(|| lives("sidecar", "ejabberd", 1));
}

#[test]
#[ignore = "needs root and kubectl, and builds the program once more, static"]
fn a_replica_works_in_a_pod_of_its_own() {
    network(|| lives("beside", "jat-proxy", 2));
}

async fn lives(layout: &'static str, set: &'static str, number: u64) {
    let page = Arc::new(Page::new());
    let mut objects = Objects::of(layout);
    objects.0.extend(page.secret().0);
    let secret = &objects.get("Secret", "jat-proxy")["data"]["proxy.secret"];
    let secret = Base64::decode_vec(secret.as_str().unwrap()).unwrap();
    let secret = String::from_utf8(secret).unwrap();
    let options = Options { record: false, ..Options::ejabberd(secret.trim_end()) };
    let server = Server::start_at(5347, options).await.unwrap();
    let presence_domain = format!("{set}-{number}.{DOMAIN}");
    server.set_subscription(TARGET, &presence_domain, RosterState::From);
    let mut crowd = Crowd::of(&server, TARGET);

    let mut pod = spawn_blocking(move || Pod::new(&objects, set, number)).await.unwrap();
    pod.start();
    let pod = Arc::new(pod);
    let seen = pod.clone();
    let alive = spawn_blocking(move || {
        let ready = || seen.get("/readyz").is_some_and(|(status, _)| status == 200);
        assert!(comes(ready), "{}", seen.said());
        assert!(seen.probe("livenessProbe"));
        if !seen.replica["readinessProbe"].is_null() {
            assert!(seen.probe("readinessProbe"));
        }
        // As the user in the manifest.
        for (field, words) in [("Uid", "65532"), ("Gid", "65532"), ("CapEff", "0000000000000000")] {
            assert!(seen.process(field).starts_with(words), "{field}");
        }
        let group = seen.spec["securityContext"]["fsGroup"].to_string();
        assert_eq!(seen.process("Groups"), group);
        assert_eq!(seen.process("NoNewPrivs"), "1");
        // The only warning is about [http], which the network policy restricts.
        let checked = seen.exec(&["check"]);
        let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
        assert!(checked.status.success() && said.matches("warning").count() == 1, "{said}");
        assert!(said.contains("can be read from other machines"), "{said}");
    });
    alive.await.unwrap();
    // Named after the pod.
    assert!(server.connected(&presence_domain, 1).await.is_some());

    // A key is added, under load.
    let changed = pod.clone();
    let rotated = spawn_blocking(move || {
        assert!(!next_key(&changed), "no key is to come");
        changed.update(&page.run("jat-proxy keys add"));
        wait_until("the key has come", || next_key(&changed));
    });
    let asked = crowd.asks_while(async { rotated.await.unwrap() }).await;
    assert!(asked > 100, "{asked}");
    assert!(server.connected(DOMAIN, 1).await.is_some());

    let resident = |field: &str| kibibytes(&pod.process(field));
    let limit = pod.replica["resources"]["limits"]["memory"].as_str().unwrap();
    let limit: u64 = limit.strip_suffix("Mi").unwrap().parse().unwrap();
    let most = resident("VmHWM");
    println!("{layout}: {asked} answered, {} KiB, {most} KiB at the most", resident("VmRSS"));
    assert!(most < limit * 1024, "{most} KiB");

    let mut pod = Arc::into_inner(pod).expect("nobody else looks at it");
    let grace = Duration::from_secs(pod.spec["terminationGracePeriodSeconds"].as_u64().unwrap());
    let told = Instant::now();
    let (code, said) = spawn_blocking(move || (pod.terminate(), pod.said())).await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert!(told.elapsed() < grace, "{:?}", told.elapsed());
    println!("{layout}: ended after {:?}", told.elapsed());
    assert!(said.lines().all(|line| line.starts_with('{')), "the log is JSON: {said}");
}

/// Whether there is a key that will sign later, which docs/kubernetes.md has the operator check.
fn next_key(pod: &Pod) -> bool {
    pod.get("/metrics").is_some_and(|(_, text)| text.contains("\njat_proxy_key_next_seconds{"))
}

fn kibibytes(text: &str) -> u64 {
    text.strip_suffix(" kB").unwrap().trim().parse().unwrap()
}

/// The bot of jat-proxy.toml.
const TARGET: &str = "bot@some-domain.example";
