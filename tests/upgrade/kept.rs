//! The new program continues with what the old one has learned and counted.

use mock_server::RosterState;
use rustix::process::Signal;
use serde_json::json;
use test_support::daemon::{DOMAIN, Daemon, TARGET, component};
use test_support::stage::Stage;

/// Otherwise after each upgrade any user could end the stream again.
#[tokio::test]
async fn the_limit_of_the_server_is_known_after_an_upgrade_until_a_reload() {
    let mut it = Stage::new().await;
    ask(&it, LARGE);
    it.service.recv_iq().await.expect("the request");
    it.server.connections(DOMAIN)[0].fail("policy-violation", "XML stanza is too big");
    it.daemon.until("a stream again", |d| logins(&d.status()) == 2 && d.is_ready(1)).await;
    refuses(&mut it).await;
    let warnings = it.daemon.status()["components"][0]["warnings"].to_string();
    assert!(warnings.contains("because of a large stanza"), "{warnings}");
    // It fails when the configuration has already been applied.
    it.daemon.replace_with_script(&crate::changes::script("rehearse", "after() { exit 1; }"));
    let failed = it.daemon.logged("not upgraded");
    it.daemon.signal(Signal::USR2);
    it.daemon.until_logged("not upgraded", failed + 1).await;
    refuses(&mut it).await;
    it.daemon.replace_with_built();
    for _ in 0..2 {
        it.upgrade().await;
        refuses(&mut it).await;
    }
    it.daemon.signal(Signal::HUP);
    let forgotten = |d: &Daemon| d.status()["components"][0]["warnings"] == json!([]);
    it.daemon.until("no warning", forgotten).await;
    ask(&it, LARGE);
    it.service.recv_iq().await.expect("the request, as before");
    assert_eq!(logins(&it.daemon.status()), 2, "{}", it.daemon.log());
}

#[tokio::test]
async fn counters_outlast_another_presence_domain() {
    let mut it = Stage::new().await;
    it.server.set_subscription(TARGET, "b.proxy.example", RosterState::From);
    let with = |name: &str| component(DOMAIN) + &format!("presence-domain = \"{name}\"\n");
    it.daemon.configure(&with("a.proxy.example"));
    it.daemon.signal(Signal::HUP);
    let told = |domain: &'static str| {
        move |d: &Daemon| {
            let presence = d.status()["components"][0]["presence"].take();
            presence["domain"] == domain && d.is_ready(1)
        }
    };
    it.daemon.until("the first presence domain", told("a.proxy.example")).await;
    it.serves().await;
    it.daemon.configure(&with("b.proxy.example"));
    it.upgrade().await;
    it.daemon.until("the second presence domain", told("b.proxy.example")).await;
    it.serves().await;
    let component = it.daemon.status()["components"][0].take();
    assert_eq!(component["resources"][0]["answers"]["results"], 2, "{component}");
    let counts = component["counts"].as_array().unwrap().iter();
    let relayed = counts.filter(|count| count["reason"] == "relayed");
    assert!(relayed.map(|count| &count["count"]).eq([2, 2]), "{component}");
}

const LARGE: usize = 15_000;

fn ask(it: &Stage, size: usize) {
    let text = "x".repeat(size);
    let request = format!("<iq type='get' id='large' to='{DOMAIN}'><ask>{text}</ask></iq>");
    it.user.send(&request).unwrap();
}

async fn refuses(it: &mut Stage) {
    ask(it, LARGE);
    let refused = it.user.recv_iq().await.expect("an answer");
    assert!(refused.contains("policy-violation"), "{refused}; {}", it.daemon.log());
    it.serves().await;
}

fn logins(status: &serde_json::Value) -> u64 {
    status["components"][0]["logins"].as_u64().unwrap_or_default()
}
