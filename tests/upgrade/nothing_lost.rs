//! What an upgrade must preserve.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use test_support::daemon::{DOMAIN, Daemon, TARGET, component};
use test_support::launch::Launch;
use test_support::stage::{Stage, configuration, reply_to};
use test_support::wait::PATIENCE;
use tokio::time::sleep;

#[tokio::test]
async fn what_is_known_and_counted_stays() {
    let mut it = Stage::new().await;
    it.serves().await;
    let before = it.daemon.status();
    it.upgrade().await;
    it.serves().await;
    let after = it.daemon.status();
    assert_eq!(after["started"], before["started"]);
    let [before, after] = [before, after].map(|mut s| s["components"][0].take());
    for field in ["stream", "logins", "sharing", "subscription", "failures"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let [was, is] = [&before, &after].map(|of| &of["resources"][0]);
    for field in ["address", "dnd", "verified"] {
        assert_eq!(is[field], was[field], "{field}");
    }
    for count in ["forwarded", "results"] {
        assert_eq!(
            [was, is].map(|of| of["answers"][count].as_u64()),
            [Some(1), Some(2)],
            "{count}"
        );
    }
    assert_eq!(before["logins"], 1);
    let relayed = |of: &serde_json::Value| -> u64 {
        let counts = of["counts"].as_array().unwrap().iter();
        counts.filter(|c| c["reason"] == "relayed").map(|c| c["count"].as_u64().unwrap()).sum()
    };
    assert_eq!((relayed(&before), relayed(&after)), (2, 4));
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
    let said = it.server.connections(DOMAIN)[0].received();
    assert_eq!(String::from_utf8(said).unwrap().matches("type='subscribe'").count(), 1);
}

#[tokio::test]
async fn a_stanza_that_an_upgrade_cuts_in_two_is_whole() {
    let mut it = Stage::new().await;
    let connection = it.server.connections(DOMAIN).remove(0);
    let stanza = format!(
        "<iq type='get' id='cüt' from='user@some-domain.example/abc' to='{DOMAIN}'>\
         <ask xmlns='urn:x'>ö&lt;<![CDATA[ü]]></ask></iq>"
    );
    // At each byte, also within a character.
    for cut in 1..stanza.len() {
        // Whatever else the server says comes behind the rest, not within the stanza.
        connection.hold_back(stanza.len() - cut);
        connection.inject(stanza.as_bytes());
        // Some are read before the upgrade, some wait in the socket.
        sleep(Duration::from_millis(cut as u64 % 3)).await;
        it.upgrade().await;
        connection.hold_back(0);
        let Some(request) = it.service.recv_iq().await else {
            panic!("cut at {cut}: no request: {} {}", it.daemon.status(), it.daemon.log());
        };
        assert!(request.contains("ö&lt;<![CDATA[ü]]></ask>"), "{cut}: {request}");
        assert!(request.contains("id='cüt'"), "{cut}: {request}");
    }
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

#[tokio::test]
async fn output_that_was_not_yet_written_is_written_once() {
    const REQUESTS: usize = 40_000;
    let mut it = Stage::new().await;
    let connection = it.server.connections(DOMAIN).remove(0);
    let already = connection.received().len();
    connection.set_reading(false);
    for id in 0..REQUESTS {
        // One sender gets few errors.
        let from = format!("other-{}@some-domain.example/abc", id % 1_000);
        connection
            .inject(format!("<iq type='get' id='n{id}' from='{from}' to='{DOMAIN}'/>").as_bytes());
    }
    let waits =
        |d: &Daemon| d.status()["components"][0]["backlog_bytes"].as_u64().unwrap_or(0) > 1_000_000;
    it.daemon.until("a backlog", waits).await;
    for _ in 0..3 {
        it.upgrade().await;
        it.daemon.until("the backlog is there again", waits).await;
    }
    connection.set_reading(true);
    let answers = || String::from_utf8(connection.received()[already..].to_vec()).unwrap();
    it.daemon.until("all answers", |_| answers().matches("</iq>").count() >= REQUESTS).await;
    let answers = answers();
    let ids = answers.split(" id='n").skip(1).map(|rest| rest.split('\'').next().unwrap());
    let ids: Vec<usize> = ids.map(|id| id.parse().unwrap()).collect();
    assert!(ids.into_iter().eq(0..REQUESTS), "each once, and in order");
    it.serves().await;
    assert_eq!(it.server.accepted(), 1);
}

/// Three streams, and requests all the time.
#[tokio::test]
async fn twenty_upgrades_under_load_lose_nothing() {
    const IN_FLIGHT: usize = 64;
    let mut it = Stage::new().await;
    let presence = "presence-domain = \"a.proxy.example\"\n";
    it.daemon.configure(&format!("{}{presence}{}", component(DOMAIN), component("two.example")));
    it.daemon.signal(rustix::process::Signal::HUP);
    it.daemon.until("both are ready", |d| d.is_ready(2)).await;
    let over = AtomicBool::new(false);
    let Stage { user, service, daemon, .. } = &mut it;
    let ask = |user: &mock_server::Client, id: usize| {
        let domain = if id.is_multiple_of(3) { "two.example" } else { DOMAIN };
        user.send(&format!("<iq type='get' id='{id}' to='{domain}'><ask/></iq>")).unwrap();
    };
    let asking = async {
        let (mut asked, mut answered) = (0, 0);
        while !over.load(Ordering::Relaxed) || answered < asked {
            while asked - answered < IN_FLIGHT && !over.load(Ordering::Relaxed) {
                ask(user, asked);
                asked += 1;
            }
            let reply = user.recv_iq().await.expect("a reply");
            assert!(reply.contains("<answer/>"), "{reply}");
            answered += 1;
        }
        asked
    };
    let answering = async {
        loop {
            let request = service.recv_iq_within(PATIENCE).await.expect("a request");
            service.send(&reply_to(&request)).unwrap();
        }
    };
    let upgrading = async {
        for n in 1..=20 {
            daemon.signal(rustix::process::Signal::USR2);
            daemon.until_logged("upgraded in place", n).await;
            sleep(Duration::from_millis(20)).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let asked = tokio::select! {
        (asked, ()) = async { tokio::join!(asking, upgrading) } => asked,
        () = answering => unreachable!("it goes on"),
    };
    println!("{asked} requests, 20 upgrades, all answered");
    assert!(asked > 20 * IN_FLIGHT, "{asked}");
    assert_eq!(it.server.accepted(), 3, "{}", it.daemon.log());
}

#[tokio::test]
async fn whoever_asks_by_http_meanwhile_is_answered() {
    let it = Stage::new().await;
    let (http, over) = (it.daemon.http(), Arc::new(AtomicBool::new(false)));
    let connected = Arc::new(AtomicUsize::new(0));
    let (stop, count) = (over.clone(), connected.clone());
    let asking = std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            TcpStream::connect(http).expect("somebody listens");
            count.fetch_add(1, Ordering::Relaxed);
            // Connections may arrive faster than they are accepted.
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let mut upgrades = 0;
    while upgrades < 5 || connected.load(Ordering::Relaxed) < 100 {
        it.upgrade().await;
        upgrades += 1;
    }
    over.store(true, Ordering::Relaxed);
    asking.join().expect("no connection was refused");
    assert!(it.daemon.try_get("/healthz").is_some());
}

/// The running file is then "deleted", and another one is at its path.
#[tokio::test]
async fn another_version_takes_over() {
    let mut it = Stage::new().await;
    let program = fs::read(it.daemon.program()).unwrap();
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let mut other = program.clone();
    for at in 0..other.len() - version.len() {
        if &other[at..at + version.len()] == version {
            other[at + version.len() - 1] = b'9';
        }
    }
    assert_ne!(other, program);
    let new = it.daemon.folder.path("new");
    fs::write(&new, other).unwrap();
    fs::set_permissions(&new, fs::metadata(it.daemon.program()).unwrap().permissions()).unwrap();
    fs::rename(new, it.daemon.program()).unwrap();
    it.upgrade().await;
    let other_version = format!("{}9", &env!("CARGO_PKG_VERSION")[..version.len() - 1]);
    assert_eq!(it.daemon.status()["version"], *other_version);
    it.serves().await;
    // And back again.
    it.daemon.replace_with_built();
    it.upgrade().await;
    assert_eq!(it.daemon.status()["version"], env!("CARGO_PKG_VERSION"));
    it.serves().await;
    assert_eq!(it.server.accepted(), 1);
}

#[tokio::test]
async fn a_link_to_the_program_may_lead_elsewhere_by_then() {
    let it = Stage::new().await;
    let releases = it.daemon.folder.path("");
    let link = releases.join("current");
    std::os::unix::fs::symlink(it.daemon.program(), &link).unwrap();
    let other = Launch::new(&configuration(&it.server)).under(&link).start();
    other.until("it is up", |d| d.status()["components"][0]["stream"]["state"] == "up").await;
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/nowhere/jat-proxy", &link).unwrap();
    other.signal(rustix::process::Signal::USR2);
    other.until_logged("not upgraded", 1).await;
    assert!(other.log().contains("current: No such file"), "{}", other.log());
}

#[tokio::test]
async fn a_component_that_was_added_or_removed_meanwhile() {
    let mut it = Stage::new().await;
    let connection = it.server.connections(DOMAIN).remove(0);
    it.daemon.configure(&component("two.example"));
    it.upgrade().await;
    it.daemon
        .until("the new one is ready", |d| {
            let component = &d.status()["components"][0];
            component["domain"] == "two.example" && d.is_ready(1)
        })
        .await;
    let said = String::from_utf8(connection.received()).unwrap();
    assert!(said.ends_with("</stream:stream>"), "the old one was closed in good order: {said}");
    it.serves_at("two.example").await;
    it.daemon.configure(&(component("two.example") + &component(DOMAIN)));
    it.upgrade().await;
    it.daemon.until("both are ready", |d| d.is_ready(2)).await;
    it.serves().await;
    it.serves_at("two.example").await;
    assert_eq!(it.server.accepted(), 3);
}

#[tokio::test]
async fn another_target_holds_after_an_upgrade() {
    let mut it = Stage::new().await;
    it.daemon.configure(&component(DOMAIN).replace(TARGET, "other@some-domain.example"));
    it.upgrade().await;
    let status = it.daemon.status();
    assert_eq!(status["components"][0]["target"], "other@some-domain.example");
    assert_eq!(status["components"][0]["resources"].as_array().map(Vec::len), Some(0));
    it.daemon.configure(&component(DOMAIN));
    it.upgrade().await;
    it.daemon.until("ready", |d| d.is_ready(1)).await;
    it.serves().await;
    assert_eq!(it.server.accepted(), 1, "the stream is the same all the time");
}

/// The old program applies the new configuration first, and closes its stream cleanly.
#[tokio::test]
async fn another_server_holds_after_an_upgrade() {
    let it = Stage::new().await;
    let mut other = Stage::new().await;
    let connection = it.server.connections(DOMAIN).remove(0);
    let server = format!("server = \"{}\"\n", other.server.address());
    it.daemon.configure(&(component(DOMAIN) + &server));
    other.daemon.signal(rustix::process::Signal::TERM);
    assert!(other.daemon.ended().await.success());
    it.upgrade().await;
    it.daemon.until("it is at the other", |d| d.is_ready(1)).await;
    let said = String::from_utf8(connection.received()).unwrap();
    assert!(said.ends_with("</stream:stream>"), "{said}");
    other.daemon = it.daemon;
    other.serves().await;
}

/// For a stanza over a limit only its depth, and the position in it, are handed over.
#[tokio::test]
async fn a_stanza_that_is_skipped_is_skipped_to_its_end() {
    let mut it = Stage::new().await;
    let connection = it.server.connections(DOMAIN).remove(0);
    let end = "<b c='>'><![CDATA[</iq>]]></b></a></iq>";
    for cut in 0..end.len() {
        // Whatever else the server says comes behind the end, not within the stanza.
        connection.hold_back(end.len() - cut);
        let large = format!("{}{}{end}", large_head(), "x".repeat(30_000));
        connection.inject(large.as_bytes());
        let refused = it.user.recv_iq().await.expect("the refusal");
        assert!(refused.contains("policy-violation"), "{refused}");
        it.upgrade().await;
        connection.hold_back(0);
        it.serves().await;
    }
    assert_eq!(it.server.accepted(), 1, "{}", it.daemon.log());
}

/// The beginning of a request that becomes too large.
fn large_head() -> String {
    format!("<iq type='get' id='l' from='user@some-domain.example/abc' to='{DOMAIN}'><a>")
}

#[tokio::test]
async fn without_a_stream_the_next_program_goes_on_trying() {
    let mut it = Stage::new().await;
    it.server.stop_listening().await;
    it.server.connections(DOMAIN)[0].cut();
    it.daemon.until("down", |d| d.status()["components"][0]["stream"]["state"] == "down").await;
    it.upgrade().await;
    it.server.listen_again().await.unwrap();
    it.daemon.until("up", |d| d.is_ready(1)).await;
    it.serves().await;
}
