//! Relaying more than users' requests: it works after a reload and after an upgrade in place, on the
//! same stream, and a program that does not know its keys does not take over.

use mock_server::Client;
use rustix::process::Signal;
use serde_json::{Value, json};
use test_support::daemon::{DOMAIN, Daemon, component};
use test_support::program;
use test_support::stage::Stage;

use crate::older::older;
use crate::refused::is_refused;

const NAME_KEY: &str =
    "[[name-key]]\nid = 1\nsecret = \"U0VDUkVULUMtU0VDUkVULUMtU0VDUkVULUMtU0VDUkU=\"\n";

/// The component with these keys, and a name key.
fn with(keys: &str) -> String {
    component(DOMAIN) + keys + NAME_KEY
}

/// What it relays, and how.
fn two_way(daemon: &Daemon) -> Value {
    let mut component = daemon.status()["components"][0].take();
    let mut two_way = component["two_way"].take();
    if two_way.is_object() {
        two_way["relay"] = component["relay"].take();
    }
    two_way
}

/// Reloads with these keys of the component, and waits until the status shows them.
async fn reload(it: &mut Stage, keys: &str, expected: &Value) {
    it.daemon.configure(&with(keys));
    let before = it.daemon.logged("configuration reloaded");
    it.daemon.signal(Signal::HUP);
    it.daemon.until_logged("configuration reloaded", before + 1).await;
    assert_eq!(two_way(&it.daemon), *expected, "{keys}");
    it.serves().await;
}

const ALL: &str = "relay = [\"iq\", \"messages\", \"presence\", \"requests\"]\n\
                   allow-from = [\"*\"]\n";

fn all() -> Value {
    json!({
        "relay": ["iq", "messages", "presence", "requests"], "faces": [], "initiate": 0,
        "messages_to": "resource", "account_queries": [], "name_keys": [1],
    })
}

#[tokio::test]
async fn each_key_is_taken_by_a_reload_and_the_stream_stays() {
    let mut it = Stage::new().await;
    it.serves().await;
    let mut expected = all();
    reload(&mut it, ALL, &expected).await;
    let mut keys = ALL.to_owned();
    for (key, name, value) in [
        ("faces = [\"Helper\"]", "faces", json!(["helper"])),
        ("initiate = [\"a.example\", \"*.b.example\"]", "initiate", json!(2)),
        ("messages-to = \"account\"", "messages_to", json!("account")),
        ("account-queries = [\"vcard-temp\"]", "account_queries", json!(["vcard-temp"])),
    ] {
        keys += &format!("{key}\n");
        expected[name] = value;
        reload(&mut it, &keys, &expected).await;
    }
    expected = all();
    expected["relay"] = json!(["iq", "requests"]);
    reload(&mut it, "relay = [\"iq\", \"requests\"]\n", &expected).await;
    reload(&mut it, "", &Value::Null).await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
    assert_eq!(it.daemon.status()["components"][0]["logins"], 1);
}

/// The effect of each key for users and the client.
#[tokio::test]
async fn each_key_is_at_work_after_a_reload() {
    let mut it = Stage::new().await;
    let hello =
        |to: &str| format!("<message type='chat' id='m' to='{to}'><body>x</body></message>");
    let (mirror, face) =
        (r"user\40some-domain.example\2fhelper@proxy.example", "helper@proxy.example");
    let mut expected = all();

    it.user.send(&hello(DOMAIN)).unwrap();
    hears(&mut it.user, &["<message", "feature-not-implemented"]).await;
    reload(&mut it, ALL, &expected).await;
    it.user.send(&hello(DOMAIN)).unwrap();
    let signed = r"from='user\40some-domain.example\2f\2f";
    hears(&mut it.service, &["<message", signed, "to='service@some-domain.example/a'"]).await;

    it.user.send(&hello(face)).unwrap();
    hears(&mut it.user, &["<message", "item-not-found"]).await;
    let mut keys = format!("{ALL}faces = [\"helper\"]\n");
    expected["faces"] = json!(["helper"]);
    reload(&mut it, &keys, &expected).await;
    it.user.send(&hello(face)).unwrap();
    hears(&mut it.service, &["<message", r"from='user\40some-domain.example\2fhelper\2f"]).await;

    it.service.send(&hello(mirror)).unwrap();
    hears(&mut it.service, &["<message", "forbidden"]).await;
    keys += "initiate = [\"some-domain.example\"]\n";
    expected["initiate"] = json!(1);
    reload(&mut it, &keys, &expected).await;
    it.service.send(&hello(mirror)).unwrap();
    hears(&mut it.user, &["<message", "from='helper@proxy.example/ae", "<body>x</body>"]).await;

    keys += "messages-to = \"account\"\n";
    expected["messages_to"] = json!("account");
    reload(&mut it, &keys, &expected).await;
    it.user.send(&hello(face)).unwrap();
    let clear = format!("from='{mirror}/abc'");
    hears(&mut it.service, &["<message", &clear, "to='service@some-domain.example'"]).await;

    let others = "allow-from = [\"other.example\"]";
    let keys = ALL.replace("allow-from = [\"*\"]", others);
    it.daemon.configure(&with(&keys));
    let before = it.daemon.logged("configuration reloaded");
    it.daemon.signal(Signal::HUP);
    it.daemon.until_logged("configuration reloaded", before + 1).await;
    it.user.send(&hello(DOMAIN)).unwrap();
    hears(&mut it.user, &["<message", "forbidden"]).await;
    reload(&mut it, "", &Value::Null).await;
    it.user.send(&hello(DOMAIN)).unwrap();
    hears(&mut it.user, &["<message", "feature-not-implemented"]).await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

/// Waits for a stanza that contains all of this.
async fn hears(client: &mut Client, parts: &[&str]) {
    let mut others = Vec::new();
    loop {
        let stanza =
            client.recv().await.unwrap_or_else(|| panic!("{parts:?} in none of {others:#?}"));
        if parts.iter().all(|part| stanza.contains(part)) {
            return;
        }
        others.push(stanza);
    }
}

#[tokio::test]
async fn the_next_program_reads_the_relay_settings_again() {
    let mut it = Stage::new().await;
    reload(&mut it, ALL, &all()).await;
    it.upgrade().await;
    assert_eq!(two_way(&it.daemon), all());
    it.serves().await;
    // A configuration that was written since then.
    it.daemon.configure(&with(""));
    it.upgrade().await;
    assert_eq!(two_way(&it.daemon), Value::Null);
    it.serves().await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

/// In both directions; each time the running one keeps running.
#[tokio::test]
#[ignore = "needs the older program, which tests/older builds"]
async fn an_older_program_does_not_know_the_keys() {
    let older = older();
    let mut it = Stage::of(&older).await;
    it.serves().await;
    it.daemon.replace_with(&program());
    // It reads the configuration itself before the upgrade.
    it.daemon.configure(&with(ALL));
    is_refused(&mut it, "the configuration was not reloaded").await;
    assert!(
        it.daemon.log().contains("unknown key `relay` in [[component]]"),
        "{}",
        it.daemon.log()
    );
    it.daemon.configure(&component(DOMAIN));
    it.upgrade().await;
    reload(&mut it, ALL, &all()).await;
    it.daemon.replace_with(&older);
    is_refused(&mut it, "unknown key `relay`").await;
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}
