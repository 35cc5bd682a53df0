//! Faces come and go by a reload, and the stream stays.

use serde_json::Value;
use test_support::daemon::Daemon;
use test_support::watched::server::{self, BotAnswer::Result, Server};
use test_support::watched::{self, configuration};

use super::status;

#[test]
fn a_reload_adds_and_takes_away_faces_and_the_stream_stays() {
    let server = server::start();
    for target in ["some.example/rooms", "some.example/more"] {
        server.let_answer(target, Some(Result));
    }
    let daemon = watched::start(server.address);
    let faces = |faces: &[(&str, &str)]| {
        let own = "target-address = \"bot@some.example\"\n";
        let table = |(node, target): &(&str, &str)| {
            format!("[[component.face]]\nnode = \"{node}\"\ntarget-address = \"{target}\"\n")
        };
        let tables: String = faces.iter().map(table).collect();
        let all = configuration(server.address, Some(daemon.http()));
        daemon.reload(&all.replacen(own, &format!("{own}{tables}"), 1), "configuration reloaded");
    };
    faces(&[("room-*", "some.example/rooms")]);
    ask_until_answered(&server, &daemon, 0, "room-1");

    faces(&[("room-*", "some.example/rooms"), ("more", "some.example/more")]);
    let before = face(&daemon, 0)["relayed_outward"].as_u64();
    assert!(before > Some(0), "the face that stays goes on counting");
    ask_until_answered(&server, &daemon, 1, "more");
    assert_eq!(face(&daemon, 0)["relayed_outward"].as_u64(), before, "it was not asked");

    faces(&[("more", "some.example/more")]);
    let after = face(&daemon, 0);
    assert_eq!((&after["node"], &after["target"]), (&"more".into(), &"some.example/more".into()));
    assert!(after["relayed_outward"].as_u64() > Some(0));
    assert_eq!(face(&daemon, 1), Value::Null);
    let checked = daemon.folder.run(&["check", "--connect"]).out;
    assert!(checked.contains("face             more -> some.example/more: one "), "{checked}");

    faces(&[]);
    assert_eq!(face(&daemon, 0), Value::Null);
    // Once for each component.
    assert_eq!(daemon.logged("logged in to "), 2, "{}", daemon.log());
}

/// Sends requests to the address of the face with this number until one is answered.
fn ask_until_answered(server: &Server, daemon: &Daemon, number: usize, node: &str) {
    daemon.wait_for("/status", |_| {
        let request = format!(
            "<iq type='get' id='1' from='user@some.example/x' to='{node}@proxy.example'><q/></iq>"
        );
        server.say("proxy.example", &request);
        face(daemon, number)["relayed_outward"].as_u64() > Some(0)
    });
}

fn face(daemon: &Daemon, number: usize) -> Value {
    status(daemon)["components"][0]["faces"][number].clone()
}
