//! Upgrades while something else changes too.

use std::net::TcpListener;
use std::time::Duration;

use mock_server::{Options, Server};
use rustix::process::Signal;
use test_support::daemon::{DOMAIN, Daemon, component};
use test_support::launch::Launch;
use test_support::stage::{Stage, configuration};
use tokio::time::sleep;

use crate::changes::script;

/// The new program's check does not notice, but the old one does when it reloads.
#[tokio::test]
async fn http_is_to_move_to_an_address_that_is_taken() {
    let mut it = Stage::new().await;
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let http = it.daemon.http().to_string();
    it.daemon.reconfigure(&http, &taken.local_addr().unwrap().to_string());
    it.daemon.signal(Signal::USR2);
    it.daemon
        .until_logged("the old program keeps running: the configuration was not reloaded", 1)
        .await;
    it.serves().await;
    assert_eq!(it.server.accepted(), 1);
}

/// The program that keeps running must not die because the reader of its log has gone.
#[tokio::test]
async fn a_failed_upgrade_leaves_the_process_as_it_was() {
    let it = Stage::new().await;
    let state = |it: &Stage| ["SigIgn", "SigBlk"].map(|field| it.daemon.process_status(field));
    let before = state(&it);
    it.daemon.replace_with_script(&script("rehearse", "after() { rm \"$0\"; }"));
    it.daemon.signal(Signal::USR2);
    it.daemon.until_logged("can't execute", 1).await;
    it.daemon.until("the state from before", |_| state(&it) == before).await;
}

/// The old program sends its output for the old server, and closes the stream there.
#[tokio::test]
async fn another_server_behind_a_backlog() {
    const REQUESTS: usize = 40_000;
    let it = Stage::new().await;
    let other = Server::start(Options::ejabberd("s")).await.unwrap();
    let connection = it.server.connections(DOMAIN).remove(0);
    connection.set_reading(false);
    // One sender gets few errors.
    let from = |n| format!("other-{}@some-domain.example/abc", n % 1_000);
    let request = |n| format!("<iq type='get' id='n' from='{}' to='{DOMAIN}'/>", from(n));
    connection.inject((0..REQUESTS).map(request).collect::<String>().as_bytes());
    let waits =
        |d: &Daemon| d.status()["components"][0]["backlog_bytes"].as_u64().unwrap_or(0) > 1_000_000;
    it.daemon.until("a backlog", waits).await;
    let server = it.server.address().to_string();
    it.daemon.reconfigure(&server, &other.address().to_string());
    it.daemon.signal(Signal::USR2);
    sleep(Duration::from_millis(300)).await;
    connection.set_reading(true);
    // A slow server may delay the upgrade for too long; then it is refused.
    let done = |d: &Daemon| d.logged("upgraded in place") + d.logged("not upgraded") == 1;
    it.daemon.until("a decision", done).await;
    it.daemon.until("the new server", |_| !other.connections(DOMAIN).is_empty()).await;
    let said = String::from_utf8(connection.received()).unwrap();
    assert_eq!(said.matches(" id='n'").count(), REQUESTS);
    assert!(said.ends_with("</stream:stream>"));
}

/// The task that closes the old stream must not report for the new one.
#[tokio::test]
async fn a_presence_domain_comes_back_while_its_stream_is_being_closed() {
    let it = Stage::new().await;
    let with = component(DOMAIN) + "presence-domain = \"a.proxy.example\"\n";
    let presence = |d: &Daemon| d.status()["components"][0]["presence"]["stream"].clone();
    let up = |d: &Daemon| presence(d)["state"] == "up";
    it.daemon.configure(&with);
    it.daemon.signal(Signal::HUP);
    it.daemon.until("its stream", up).await;
    // This connection does not read the closing tag.
    it.server.connections("a.proxy.example")[0].set_reading(false);
    it.daemon.reconfigure("[server]", "shutdown-timeout = \"2s\"\n[server]");
    it.daemon.configure(&component(DOMAIN));
    it.daemon.signal(Signal::HUP);
    it.daemon.until_logged("configuration reloaded", 2).await;
    it.daemon.configure(&with);
    it.daemon.signal(Signal::HUP);
    it.daemon.until_logged("configuration reloaded", 3).await;
    it.daemon.until("its stream again", up).await;
    it.daemon.until_logged("the server did not close its side in time", 1).await;
    assert!(up(&it.daemon), "{}", presence(&it.daemon));
    let before = it.server.accepted();
    it.upgrade().await;
    assert!(up(&it.daemon), "{}", presence(&it.daemon));
    assert_eq!(it.server.accepted(), before);
}

#[tokio::test]
async fn a_warning_that_was_given_is_not_given_again() {
    let it = Stage::new().await;
    let other = Launch::new(&configuration(&it.server)).start();
    it.daemon.until_logged("another process is connected", 1).await;
    for _ in 0..2 {
        it.upgrade().await;
        sleep(Duration::from_millis(300)).await;
        assert_eq!(it.daemon.status()["components"][0]["sharing"], "shared");
    }
    assert_eq!(it.daemon.logged("another process is connected"), 1, "{}", it.daemon.log());
    drop(other);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_upgrade_that_waits() {
    let it = Stage::new().await;
    it.daemon.configure(&(component(DOMAIN) + &component("two.example")));
    it.daemon.signal(Signal::HUP);
    it.daemon.until("both are ready", |d| d.is_ready(2)).await;
    it.server.connections("two.example")[0].set_reading(false);
    it.user.send("<iq type='get' id='p1' to='two.example'><ask/></iq>").unwrap();
    it.daemon.configure(&component(DOMAIN));
    it.daemon.signal(Signal::USR2);
    it.daemon.until_logged("configuration reloaded", 2).await;
    it.daemon.signal(Signal::TERM);
    it.daemon.until_logged("stopping", 1).await;
    // Otherwise it would be the new program that stops.
    assert_eq!(it.daemon.logged("upgraded in place"), 0);
}
