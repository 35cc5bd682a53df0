//! A daemon that is observed by HTTP: it has two components, one with an account as its target and
//! one with a fixed destination, and two keys, one of which is for later.

pub mod server;

use std::net::SocketAddr;
use std::time::Duration;

use crate::daemon::Daemon;
use crate::launch::Launch;
use crate::port::free_address;

/// On a `server`, once it answers.
pub fn start(server: SocketAddr) -> Daemon {
    start_with(|http| configuration(server, Some(http)), 1024)
}

/// With a configuration for its HTTP address, and so many descriptors at most.
pub fn start_with(configuration: impl Fn(SocketAddr) -> String, descriptors: u32) -> Daemon {
    let limit = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    let launch = Launch::new(&configuration(free_address())).behind(&["sh", "-c", &limit]);
    let daemon = launch.start();
    daemon.wait_for("/healthz", |answer| answer.status == 200);
    daemon
}

/// On a server with a clock, when it has a series of each metric.
pub fn with_every_metric(server: SocketAddr) -> Daemon {
    let daemon = start_with(|http| with_keys(server, http), 1024);
    daemon.wait_for("/metrics", |it| it.body.contains("\njat_proxy_clock_offset_seconds{"));
    daemon
}

pub fn configuration(server: SocketAddr, http: Option<SocketAddr>) -> String {
    let http = http.map_or_else(String::new, |http| format!("[http]\nlisten = \"{http}\"\n"));
    format!(
        "[server]\naddress = \"{server}\"\n{http}\
         [[component]]\ndomain = \"proxy.example\"\nsecret = \"s\"\n\
         target-address = \"bot@some.example\"\n\
         [[component]]\ndomain = \"fixed.example\"\nsecret = \"s\"\n\
         target-address = \"bot@some.example/a\"\n\
         [[key]]\nid = 1\nsecret = \"{}=\"\n\
         [[key]]\nid = 2\nsecret = \"{}=\"\nnot-before = \"{}\"\n",
        "A".repeat(43),
        "B".repeat(42) + "A",
        jiff::Timestamp::now() + Duration::from_secs(3600),
    )
}

/// As above, but the signing key has a `not-before`, and the first component a face.
pub fn with_keys(server: SocketAddr, http: SocketAddr) -> String {
    let since = "id = 1\nnot-before = \"2026-01-01T00:00:00Z\"\n";
    let own = "target-address = \"bot@some.example\"\n";
    let face = format!(
        "{own}[[component.face]]\nnode = \"room-*\"\ntarget-address = \"rooms@some.example\"\n"
    );
    let configuration = configuration(server, Some(http)).replacen("id = 1\n", since, 1);
    configuration.replacen(own, &face, 1)
}
