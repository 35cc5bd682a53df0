//! Good and hostile stanzas, each byte in a segment of its own.

use fastrand::Rng;
use test_support::cases::{self, Cast};
use test_support::daemon::DOMAIN;
use test_support::tally::shown;
use test_support::wait::comes_meanwhile;

use crate::replicas::{many, settled};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_come_one_by_one_do_what_they_do_together() {
    many(
        64,
        groups().into_iter().map(|group| async move {
            let (whole, single) = tokio::join!(said_to(&group, group.len()), said_to(&group, 1));
            assert_eq!(single, whole, "{group}");
        }),
    )
    .await;
}

/// All small cases and as many good requests, shuffled and cut into streams of some kilobytes.
fn groups() -> Vec<String> {
    let mut cases = cases::of_users(&CAST);
    cases.extend(cases::of_servers(&CAST));
    cases.extend(cases::of_service(&CAST));
    let mut stanzas: Vec<_> = cases.iter().map(|case| case.stamped(&CAST)).collect();
    for number in 0..stanzas.len() {
        stanzas.push(format!(
            "<iq type='get' id='{number}' from='user@some-domain.example/abc' to='{DOMAIN}'>\
             <ask>😀{number}</ask></iq>"
        ));
    }
    Rng::with_seed(1).shuffle(&mut stanzas);
    let mut groups = vec![String::new()];
    for stanza in stanzas {
        if groups.last().unwrap().len() > 2_000 {
            groups.push(String::new());
        }
        *groups.last_mut().unwrap() += &stanza;
    }
    groups
}

/// The output of a replica for these stanzas, without what depends on the time, and its counts.
async fn said_to(stanzas: &str, chunk: usize) -> (String, Vec<String>) {
    let it = settled().await;
    let connection = it.connection().await;
    let before = connection.received().len();
    let end = format!("<iq type='get' id='end' from='{END}' to='{DOMAIN}'/>");
    connection.inject_chunks((stanzas.to_owned() + &end).as_bytes(), chunk);
    let said = || String::from_utf8_lossy(&connection.received()[before..]).into_owned();
    assert!(comes_meanwhile(|| said().contains(END)).await, "no answer to the last one");
    let mut counts = shown(&it.replica.component().tally);
    counts.retain(|count| !count.contains(" echo "));
    assert_eq!(it.replica.component().stream().logins, 1);
    (without_time(&said()), counts)
}

/// The output without what depends on the time. Two tokens for one request differ if a second has
/// passed between them; white space and echoes are sent after a while without other output, and
/// probes when there is reason to doubt the presence.
fn without_time(said: &str) -> String {
    let mut stanzas = String::new();
    for part in said.split_inclusive('>') {
        let part = part.trim_start();
        if !part.starts_with("<message type='headline' id='jat-echo-") {
            stanzas += part;
        }
    }
    while let Some(probe) = stanzas.find(" type='probe'") {
        let begin = stanzas[..probe].rfind('<').unwrap();
        let end = stanzas[probe..].find('>').unwrap() + probe + 1;
        stanzas.replace_range(begin..end, "");
    }
    let mut output = String::new();
    for part in stanzas.split_inclusive(|c: char| !matches!(c, 'a'..='z' | '2'..='7')) {
        let token = part.len() > 64 && part.starts_with("ae");
        output += if token { "TOKEN'" } else { part };
    }
    output
}

const CAST: Cast<'_> = Cast {
    domain: DOMAIN,
    user: "hostile@some-domain.example/h",
    service: "service@some-domain.example/a",
    secret: 1,
};
const END: &str = "last@some-domain.example/z";
