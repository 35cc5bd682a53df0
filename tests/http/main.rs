//! Metrics, health, readiness and status of the real program, without a server and with one.

mod answers;
mod faces;
mod flood;
mod limits;
mod metrics;
mod page;
mod requests;
mod screenshots;

use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::Value;
use test_support::daemon::Daemon;
use test_support::folder::{Folder, RunResult};
use test_support::http::{HttpAnswer, ask};
use test_support::port::free_address;
use test_support::watched::{self, configuration, server};

#[test]
fn without_a_server_it_is_healthy_but_not_ready_and_says_why() {
    let daemon = watched::start(free_address());
    assert_eq!(daemon.get("/healthz").body, "ok\n");
    let answer = daemon.wait_for("/readyz", |answer| !answer.body.contains("connecting"));
    assert_eq!(answer.status, 503);
    for domain in ["proxy.example", "fixed.example"] {
        let line = answer.body.lines().find(|l| l.starts_with(&format!("{domain}: not connected")));
        assert!(line.is_some_and(|l| l.contains("is the server running")), "{}", answer.body);
    }
    let status = status(&daemon);
    let component = &status["components"][0];
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(component["domain"], "proxy.example");
    assert_eq!(component["stream"]["state"], "down");
    assert_eq!(component["stream"]["cause"], "refused");
    assert!(component["failures"]["refused"].as_u64() > Some(0));
    assert_eq!(component["subscription"]["state"], "never");
    assert_eq!(status["components"][1]["subscription"], Value::Null);
    assert_eq!(component["keys"]["signing"], 1);
    assert_eq!(component["keys"]["next"]["id"], 2);
    assert_eq!(component["reply_ttl_seconds"], 3600);
}

#[test]
fn with_a_server_it_is_ready_once_somebody_can_be_forwarded_to() {
    let server = server::start();
    let daemon = watched::start(server.address);
    let pending = |answer: &HttpAnswer| {
        answer.body.contains("has not accepted the subscription yet")
            && answer.body.contains("fixed.example: ready\n")
    };
    assert_eq!(daemon.wait_for("/readyz", pending).status, 503);
    let says = "<presence type='subscribed' from='bot@some.example' to='proxy.example'/>\
                <presence from='bot@some.example/a' to='proxy.example'/>\
                <message from='user@some.example/x' to='proxy.example'><body/></message>";
    server.say("proxy.example", says);
    let answer = daemon.wait_for("/readyz", |answer| answer.status == 200);
    assert_eq!(answer.body, "proxy.example: ready\nfixed.example: ready\n");
    let series = "jat_proxy_stanzas_total{component=\"proxy.example\",stanza=\"message\",way=\"inward\",\
                  outcome=\"answered\",reason=\"message-refused\"} 1\n";
    let answer = daemon.wait_for("/metrics", |answer| answer.body.contains(series));
    for line in [
        "jat_proxy_stream_up{component=\"proxy.example\",stream=\"component\"} 1\n",
        "jat_proxy_resources{component=\"proxy.example\"} 1\n",
        "jat_proxy_subscription_state{component=\"proxy.example\",state=\"subscribed\"} 1\n",
        "jat_proxy_logins_total{component=\"fixed.example\",stream=\"component\"} 1\n",
    ] {
        assert!(answer.body.contains(line), "{line}{}", answer.body);
    }
    assert!(!answer.body.contains("jat_proxy_resources{component=\"fixed.example\"}"));
    let component = &status(&daemon)["components"][0];
    assert_eq!(component["resources"][0]["address"], "bot@some.example/a");
    assert_eq!(component.get("not_ready"), Some(&Value::Null));
    let refused = |c: &&Value| c["reason"] == "message-refused" && c["count"] == 1;
    assert!(component["counts"].as_array().is_some_and(|c| c.iter().any(|c| refused(&c))));
    let output = daemon.command(&["status"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("  resources     bot@some.example/a\n"), "{text}");
    assert!(text.contains("  subscription  subscribed since "), "{text}");
}

#[test]
fn a_reload_moves_the_address_or_leaves_it_where_it_is() {
    let server = free_address();
    let mut daemon = watched::start(server);
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    daemon
        .reload(&configuration(server, Some(address)), "the old one stays in use: can't listen on");
    assert_eq!(daemon.get("/healthz").status, 200);

    let old = daemon.http.replace(free_address()).expect("it had one");
    daemon.reload(&configuration(server, Some(daemon.http())), "configuration reloaded");
    daemon.wait_for("/healthz", |answer| answer.status == 200);
    TcpStream::connect(old).expect_err("nobody listens there any more");

    // All addresses with the same port, which its own listener uses.
    let all = SocketAddr::from(([0, 0, 0, 0], daemon.http().port()));
    daemon.reload(&configuration(server, Some(all)), "configuration reloaded");
    let other = SocketAddr::from(([127, 0, 0, 2], daemon.http().port()));
    let answer = ask(other, &format!("GET /healthz HTTP/1.1\r\nHost: {other}\r\n\r\n"));
    assert_eq!(answer.expect("it answers at every address").status, 200);

    daemon.reload(&configuration(server, None), "configuration reloaded");
    TcpStream::connect(daemon.http()).expect_err("HTTP is switched off");
}

#[test]
fn an_address_that_is_taken_is_an_error_with_a_remedy() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let http = taken.local_addr().expect("it is bound");
    let folder = Folder::new();
    folder.write("jat-proxy.toml", &configuration(free_address(), Some(http)));
    let RunResult { code, err: text, .. } = folder.run(&["run"]);
    assert_eq!(code, 69, "{text}");
    assert!(text.contains(&format!("ERROR can't listen on {http} for HTTP")), "{text}");
    assert!(text.contains("change [http] listen"), "{text}");
}

#[test]
fn status_on_the_command_line_says_what_the_daemon_sees() {
    let daemon = watched::start(free_address());
    daemon.wait_for("/status", |answer| answer.body.contains("\"cause\":\"refused\""));
    let output = daemon.command(&["status"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("\nproxy.example -> bot@some.example (dispatch random, "), "{text}");
    assert!(text.contains(": refused\n"), "{text}");
    let output = daemon.command(&["status", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["components"][1]["domain"], "fixed.example");
}

#[test]
fn status_tells_a_missing_daemon_from_a_missing_address() {
    let code = |http| {
        let folder = Folder::new();
        folder.write("jat-proxy.toml", &configuration(free_address(), http));
        let RunResult { code, err, .. } = folder.run(&["status"]);
        (code, err)
    };
    let (exit, text) = code(Some(free_address()));
    assert!(exit == 69 && text.contains("is it running"), "{exit} {text}");
    let (exit, text) = code(None);
    assert!(exit == 78 && text.contains("[http]"), "{exit} {text}");
}

fn status(daemon: &Daemon) -> Value {
    let answer = daemon.get("/status");
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    serde_json::from_str(&answer.body).expect("JSON")
}
