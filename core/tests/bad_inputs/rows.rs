//! The order of the rows in the table of what is done with each stanza: for each pair of rows that
//! one stanza can match, the earlier one decides.

use core_tests::twin::{PING, Proxy, TARGET, USER, get, settings};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::{Message, Other, Presence, Reply, Request};
use jat_core::jat::traffic::{TARGET_REPLY, Traffic, USER_REQUEST};

/// Who writes.
const OWN: &str = "from='proxy.example/x'";
const NOBODY: &str = "from=''";
/// To where.
const OURS: &str = "to='proxy.example'";
const ELSEWHERE: &str = "to='other.example'";

fn from_user() -> String {
    format!("from='{USER}'")
}

/// Checks that nothing is sent, and how the stanza is counted.
fn silent(stanza: &str, traffic: Traffic, reason: Reason) {
    Proxy::new().silent(stanza, traffic, reason);
}

#[test]
fn a_stanza_in_a_foreign_namespace_comes_before_all() {
    for stanza in [
        format!("<iq xmlns='urn:x' {OURS} {OWN}/>"),
        format!("<iq xmlns='urn:x' {ELSEWHERE}/>"),
        format!("<message xmlns='urn:x' {OURS} {}/>", from_user()),
        "<foo/>".to_owned(),
    ] {
        silent(&stanza, Other.inward(), Reason::NotAStanza);
    }
}

#[test]
fn our_own_address_comes_before_everything_about_the_stanza() {
    for (stanza, traffic) in [
        (format!("<iq {OURS} {OWN}/>"), USER_REQUEST),
        (format!("<iq type='get' id='1' {ELSEWHERE} {OWN}>{PING}</iq>"), USER_REQUEST),
        (format!("<iq type='result' id='1' {OURS} {OWN}/>"), Reply.inward()),
        (format!("<message {OURS} {OWN}/>"), Message.inward()),
        (format!("<message id='jat-echo-0000000000000000-1' {OURS} {OWN}/>"), Message.inward()),
        (format!("<message type='error' {OURS} {OWN}/>"), Message.inward()),
        (format!("<presence type='subscribe' {OURS} {OWN}/>"), Presence.inward()),
    ] {
        silent(&stanza, traffic, Reason::OwnAddress);
    }
}

#[test]
fn a_missing_sender_comes_before_the_domain() {
    for from in ["", NOBODY] {
        silent(&format!("<iq {ELSEWHERE} {from}/>"), USER_REQUEST, Reason::NoFrom);
        silent(&format!("<iq type='error' id='1' {OURS} {from}/>"), Reply.inward(), Reason::NoFrom);
        silent(&format!("<message {OURS} {from}/>"), Message.inward(), Reason::NoFrom);
        silent(
            &format!("<presence type='subscribe' {OURS} {from}/>"),
            Presence.inward(),
            Reason::NoFrom,
        );
    }
}

#[test]
fn another_domain_comes_before_what_is_wrong_with_a_request() {
    let from = from_user();
    silent(&format!("<iq {ELSEWHERE} {from}/>"), USER_REQUEST, Reason::NotOurDomain);
    silent(&format!("<iq id='1' type='foo' {from}/>"), USER_REQUEST, Reason::NotOurDomain);
    silent(
        &format!("<iq id='1' type='result' {ELSEWHERE} {from}/>"),
        Reply.inward(),
        Reason::NotOurDomain,
    );
    silent(
        &format!("<message type='error' {ELSEWHERE} {from}/>"),
        Message.inward(),
        Reason::NotOurDomain,
    );
    let subscribe = format!("<presence type='subscribe' {ELSEWHERE} {from}/>");
    silent(&subscribe, Presence.inward(), Reason::NotOurDomain);
    let large = format!("<iq type='get' id='1' {ELSEWHERE} {from}>{}</iq>", "x".repeat(500_000));
    silent(&large, USER_REQUEST, Reason::NotOurDomain);
}

#[test]
fn a_bad_request_comes_before_the_token_the_limits_and_nobody() {
    let mut proxy = Proxy::new();
    let good = proxy.forwarded(&get(USER, "proxy.example", "7"));
    let head =
        |id: &str| format!("<iq type='error' id='{id}' to='{}' from='{}'>", good.to, good.from);
    // From the target, to the address of a token.
    let to_token = format!("to='{}' from='{}'", good.from, good.to);
    for (stanza, id, reason) in [
        (format!("<iq type='get' {to_token}>{PING}</iq>"), "", Reason::NoId),
        (format!("<iq type='foo' {to_token}>{PING}</iq>"), "", Reason::NoId),
        (format!("<iq type='foo' id='1' {to_token}/>"), "1", Reason::BadType),
        (format!("<iq type='get' id='1' {to_token}/>"), "1", Reason::ChildCount),
        (format!("<iq type='get' id='1' {to_token}><x:a/><b/></iq>"), "1", Reason::ChildCount),
    ] {
        proxy.refused(&stanza, &head(id), "bad-request", Request.outward(), reason);
    }
    let mut offline = Proxy::connected(settings());
    for (stanza, reason) in [
        (format!("<iq type='get' {OURS} from='{USER}'>{PING}</iq>"), Reason::NoId),
        (format!("<iq id='1' {OURS} from='{USER}'>{PING}</iq>"), Reason::BadType),
        (format!("<iq type='get' id='1' {OURS} from='{USER}'/>"), Reason::ChildCount),
        (format!("<iq {OURS} from='{USER}'>{}</iq>", "x".repeat(500_000)), Reason::NoId),
        (
            format!("<iq type='get' id='{}' {OURS} from='{USER}'><x:a/></iq>", "x".repeat(700)),
            Reason::BadNamespace,
        ),
        (
            format!("<iq type='get' id='1' {OURS} from='{USER}'>{}</iq>", "x".repeat(500_000)),
            Reason::OverLimit,
        ),
    ] {
        let said = offline.exchange(&stanza);
        assert_eq!(said.counted, [(USER_REQUEST, reason, 1)]);
        assert_eq!(said.out.len(), 1);
    }
}

#[test]
fn a_token_on_a_request_of_the_target_comes_before_the_limits() {
    let mut proxy = Proxy::new();
    let good = proxy.forwarded(&get(USER, "proxy.example", "7"));
    let head = format!("<iq type='error' id='7' to='{}' from='{}'>", good.to, good.from);
    for payload in ["<p:x/>", &format!("<x>{}</x>", "x".repeat(500_000))] {
        proxy.refused(
            &good.answer("get", payload),
            &head,
            "feature-not-implemented",
            Request.outward(),
            Reason::RequestToToken,
        );
    }
}

#[test]
fn a_reply_that_opens_no_token_is_never_answered_however_large() {
    let mut proxy = Proxy::new();
    let large = "x".repeat(500_000);
    for (to, from, reason) in [
        ("proxy.example/x", USER, Reason::NotFromTarget),
        ("proxy.example/x", &format!("{TARGET}/a"), Reason::TokenLength),
        ("proxy.example", &format!("{TARGET}/a"), Reason::NoToken),
    ] {
        for payload in ["<p:x/>", &large] {
            for type_ in ["result", "error"] {
                proxy.silent(
                    format!("<iq type='{type_}' to='{to}' from='{from}'>{payload}</iq>"),
                    if from == USER { Reply.inward() } else { TARGET_REPLY },
                    reason,
                );
            }
        }
    }
}

#[test]
fn nobody_online_and_too_long_are_told_apart() {
    let long = "x".repeat(700);
    let mut offline = Proxy::connected(settings());
    let said = offline.exchange(get(USER, "proxy.example", &long));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::TooLong, 1)], "the limit holds for ever");
}

#[test]
fn a_large_message_is_refused_like_any_other() {
    let mut proxy = Proxy::new();
    let body = "x".repeat(500_000);
    let head = format!("<message type='error' id='' to='{USER}' from='proxy.example'>");
    proxy.refused(
        &format!("<message {OURS} from='{USER}'><body>{body}</body></message>"),
        &head,
        "feature-not-implemented",
        Message.inward(),
        Reason::MessageRefused,
    );
    proxy.silent(
        format!("<message type='error' {OURS} from='{USER}'><body>{body}</body></message>"),
        Message.inward(),
        Reason::ErrorIgnored,
    );
}
