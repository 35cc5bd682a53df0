//! The guided tour as a newcomer runs it.

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use core_tests::xml::Stanza;

#[test]
fn the_tour_shows_the_main_job_and_loses_nothing() {
    let run = Command::cargo_bin("jat-proxy")
        .unwrap()
        .arg("demo")
        .timeout(Duration::from_secs(60))
        .assert()
        .success();
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(run.get_output().stderr.is_empty());
    assert!(!text.contains('\u{1b}'), "escape codes in a pipe");
    let (_, behind) = text
        .split_once("\nrequests 6, replies 6, lost 0; messages 2; forged replies 2, delivered 0\n")
        .unwrap();
    let named: Vec<_> = behind.split_whitespace().filter(|word| word.ends_with(".md")).collect();
    assert_eq!(named, ["docs/first-steps-prosody.md", "docs/first-steps-ejabberd.md"], "{behind}");
    assert!(named.iter().all(|page| Path::new(page).exists()));

    let mut rest = text.as_str();
    let mut stanza_behind = |label: &str| {
        let (_, behind) = rest.split_once(&format!("\n{label}\n")).unwrap();
        let lines = behind.lines().take_while(|line| line.starts_with(' '));
        rest = behind;
        lines.map(str::trim).collect::<Vec<_>>().join(" ")
    };
    let forwarded =
        [stanza_behind("user -> component"), stanza_behind("component -> implementing client")];
    let reverted =
        [stanza_behind("implementing client -> component"), stanza_behind("component -> user")];

    let ping = "<ping xmlns='urn:xmpp:ping'/></iq>";
    let user = "user@some-domain.example/abc";
    let asked = format!("<iq type='get' id='1234' to='proxy.domain.example' from='{user}'> {ping}");
    assert_eq!(forwarded[0], asked);
    let Stanza { to: client, from: token, .. } = Stanza::read(&forwarded[1]);
    assert!(client.starts_with("some-user@some-domain.example/"), "{client}");
    assert!(token.starts_with("proxy.domain.example/") && token.len() > 100, "{token}");
    assert_eq!(
        forwarded[1],
        format!("<iq type='get' id='1234' to='{client}' from='{token}'> {ping}")
    );
    assert_eq!(reverted[0], format!("<iq type='result' id='1234' to='{token}' from='{client}'/>"));
    assert_eq!(
        reverted[1],
        format!("<iq type='result' id='1234' to='{user}' from='proxy.domain.example'/>")
    );

    for shown in ["is killed", "key 1)", "key 2)", "as token-signature:", "as not-from-target:"] {
        assert!(text.contains(shown), "{shown} is not in\n{text}");
    }
}
