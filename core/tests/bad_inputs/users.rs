//! What users send.

use std::time::Duration;

use core_tests::oracle;
use core_tests::session::START;
use core_tests::twin::{PING, Proxy, TTL, USER, get};
use core_tests::xml::escaped;
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::{Message, Presence, Reply};
use jat_core::jat::traffic::{TARGET_REPLY, USER_REQUEST};

/// Start tag of an error about an IQ to proxy.example.
fn error_head(id: &str) -> String {
    format!("<iq type='error' id='{}' to='{USER}' from='proxy.example'>", escaped(id))
}

/// Forwards an IQ with this id and reverts its reply; the id that the user gets back.
fn id_there_and_back(proxy: &mut Proxy, id: &str) -> String {
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", id));
    assert_eq!(forwarded.id, id);
    let user = proxy.reverted(&forwarded.result());
    oracle::attribute(&user, "id").unwrap()
}

#[test]
fn iq_without_id_is_a_bad_request() {
    // ejabberd drops an answer without an id.
    let mut proxy = Proxy::new();
    let request = format!("<iq type='get' to='proxy.example' from='{USER}'>{PING}</iq>");
    proxy.refused(&request, &error_head(""), "bad-request", USER_REQUEST, Reason::NoId);
}

#[test]
fn ids_come_back_exactly() {
    // Every character of ASCII, and those that look like line ends.
    let mut proxy = Proxy::new();
    for id in ["", " ", "'\"<&>", "😀", "a\nb", "a\tb", "\r\n", "&amp;", "]]>", "\u{85}\u{2028}"]
    {
        assert_eq!(id_there_and_back(&mut proxy, id), id);
    }
    let all: String = ('\u{20}'..'\u{a0}').chain(['\t', '\n', '\r', '\u{fffd}']).collect();
    assert_eq!(id_there_and_back(&mut proxy, &all), all);
    proxy.still_serves();
}

#[test]
fn raw_white_space_in_an_id_is_what_the_user_wrote() {
    // Prosody resolves the user's `&#10;` and writes it raw.
    let mut proxy = Proxy::new();
    let request = get(USER, "proxy.example", "x").replace("id='x'", "id='a\nb\tc'");
    let said = proxy.exchange(&request);
    assert!(said.out[0].contains(" id='a\nb\tc' "), "{said:?}");
    let [to, from] = ["to", "from"].map(|n| oracle::attribute(&said.out[0], n).unwrap());
    let reply = format!("<iq type='result' id='a b c' to='{from}' from='{to}'/>");
    let user = proxy.reverted(&reply);
    assert_eq!(
        user,
        format!("<iq type='result' id='a&#10;b&#9;c' to='{USER}' from='proxy.example'/>")
    );
}

#[test]
fn id_of_20_000_bytes_does_not_fit_a_token() {
    let mut proxy = Proxy::new();
    let id = "x".repeat(20_000);
    let request = get(USER, "proxy.example", &id);
    let text = proxy.refused(
        &request,
        &error_head(&id),
        "policy-violation",
        USER_REQUEST,
        Reason::TooLong,
    );
    assert!(text.contains("611 bytes"), "{text}");
}

#[test]
fn iq_of_no_known_type_is_a_bad_request() {
    let mut proxy = Proxy::new();
    for type_ in ["", " type=''", " type='foo'", " type='GET'", " type='get '"] {
        let request = format!("<iq{type_} id='7' to='proxy.example' from='{USER}'>{PING}</iq>");
        proxy.refused(&request, &error_head("7"), "bad-request", USER_REQUEST, Reason::BadType);
    }
}

#[test]
fn request_without_exactly_one_child_is_a_bad_request() {
    let mut proxy = Proxy::new();
    let two = format!("{PING}{PING}");
    for payload in ["", "text", "<![CDATA[<ping/>]]>", "&lt;ping/>", &two, "<a/> <b><c/></b>"] {
        for type_ in ["get", "set"] {
            let request = format!(
                "<iq type='{type_}' id='7' to='proxy.example' from='{USER}'>{payload}</iq>"
            );
            proxy.refused(
                &request,
                &error_head("7"),
                "bad-request",
                USER_REQUEST,
                Reason::ChildCount,
            );
        }
    }
    let empty = format!("<iq type='get' id='7' to='proxy.example' from='{USER}'/>");
    proxy.refused(&empty, &error_head("7"), "bad-request", USER_REQUEST, Reason::ChildCount);
}

#[test]
fn text_between_children_is_no_child() {
    let mut proxy = Proxy::new();
    let payload = format!("\n  text &amp; <![CDATA[<x/>]]> {PING}\t ");
    let request = format!("<iq type='get' id='7' to='proxy.example' from='{USER}'>{payload}</iq>");
    assert!(proxy.forwarded(&request).xml.ends_with(&format!("{payload}</iq>")));
    proxy.still_serves();
}

#[test]
fn replies_of_strangers_are_dropped() {
    let mut proxy = Proxy::new();
    let token = proxy.forwarded(&get(USER, "proxy.example", "7")).token().to_owned();
    for type_ in ["result", "error"] {
        for to in ["proxy.example", "proxy.example/garbage", &format!("proxy.example/{token}")] {
            for from in [USER, "some.example", "proxy.example.org", "service@some.example.org/a"] {
                let reply = format!("<iq type='{type_}' id='7' to='{to}' from='{from}'/>");
                proxy.silent(reply, Reply.inward(), Reason::NotFromTarget);
            }
        }
    }
}

#[test]
fn messages_are_refused_but_for_errors() {
    let mut proxy = Proxy::new();
    let head = format!("<message type='error' id='7' to='{USER}' from='n@proxy.example/r'>");
    for type_ in [
        "",
        "type='chat'",
        "type='normal'",
        "type='groupchat'",
        "type='headline'",
        "type='weird'",
        "type=''",
    ] {
        let message = format!(
            "<message {type_} id='7' to='n@proxy.example/r' from='{USER}'><body>hi</body></message>"
        );
        proxy.refused(
            &message,
            &head,
            "feature-not-implemented",
            Message.inward(),
            Reason::MessageRefused,
        );
        // Errors to one sender are limited.
        proxy.after(Duration::from_secs(1));
    }
    let without_id = format!("<message to='proxy.example' from='{USER}'/>");
    let head = format!("<message type='error' id='' to='{USER}' from='proxy.example'>");
    proxy.refused(
        &without_id,
        &head,
        "feature-not-implemented",
        Message.inward(),
        Reason::MessageRefused,
    );
    let error = format!("<message type='error' id='7' to='proxy.example' from='{USER}'/>");
    proxy.silent(error, Message.inward(), Reason::ErrorIgnored);
}

#[test]
fn presence_of_users_is_ignored_but_for_subscriptions() {
    let mut proxy = Proxy::new();
    for (type_, payload) in [
        ("", ""),
        ("", "<show>dnd</show>"),
        ("", "<show>nonsense</show><priority>1000</priority>"),
        ("", "<show/><show/><priority>x</priority>"),
        ("type='weird'", ""),
        ("type='probe'", ""),
        ("type='error'", ""),
        ("type='unavailable'", ""),
        ("type='subscribed'", ""),
        ("type='unsubscribe'", ""),
        ("type='unsubscribed'", ""),
    ] {
        let presence =
            format!("<presence {type_} to='proxy.example' from='{USER}'>{payload}</presence>");
        proxy.silent(presence, Presence.inward(), Reason::PresenceIgnored);
    }
    let said = proxy.exchange(
        "<presence type='subscribe' to='proxy.example' from='some-&lt;user@some-domain.example'/>",
    );
    assert_eq!(
        said.out,
        [
            "<presence type='unsubscribed' to='some-&lt;user@some-domain.example' from='proxy.example'/>"
        ]
    );
    assert_eq!(said.counted, [(Presence.inward(), Reason::SubscriptionRefused, 1)]);
    proxy.still_serves();
}

#[test]
fn subscription_to_a_node_is_refused_by_that_node() {
    // RFC 6121 section 3.1.3: the refusal comes from the address that was asked.
    let mut proxy = Proxy::new();
    let said = proxy
        .exchange("<presence type='subscribe' id='s1' to='n@PROXY.example' from='u@some.domain'/>");
    let from = oracle::attribute(&said.out[0], "from").unwrap();
    assert_eq!(from, "n@proxy.example", "{said:?}");
}

#[test]
fn no_answer_is_larger_than_what_may_go_out() {
    // One byte of a quote or of raw white space takes up to six in an answer; a server whose
    // own limit is exceeded ends the stream.
    for c in ["\"", ">", "\n", "x"] {
        for length in [90_000, 499_500] {
            let mut proxy = Proxy::new();
            let id = c.repeat(length);
            for stanza in ["iq type='get'", "message", "iq"] {
                let name = stanza.split(' ').next().unwrap();
                let request =
                    format!("<{stanza} id='{id}' to='proxy.example' from='u@s'></{name}>");
                let said = proxy.exchange_whole(request.as_bytes());
                let bytes: usize = said.out.iter().map(String::len).sum();
                assert!(bytes <= 500_000, "{stanza} {c:?}: {bytes}");
                assert_eq!(said.counted.len(), 1, "{:?}", said.counted);
                if bytes == 0 {
                    assert_eq!(said.counted[0].1, Reason::HeadTooLarge);
                }
            }
            proxy.still_serves();
        }
    }
}

#[test]
fn answers_are_small() {
    // What a user can make us send is at most one stanza, less than 700 bytes longer than its
    // own, and only to the address that the server stamped on it.
    let mut proxy = Proxy::new();
    let smallest = [
        "<iq to='proxy.example' from='u@s'/>",
        "<iq id='' to='proxy.example' from='u@s'/>",
        "<iq type='get' id='' to='proxy.example' from='u@s'/>",
        "<message to='proxy.example' from='u@s'/>",
        "<presence type='subscribe' to='proxy.example' from='u@s'/>",
        "<iq type='get' id='' to='proxy.example' from='u@s'><x/></iq>",
    ];
    for stanza in smallest {
        let said = proxy.exchange(stanza);
        let [answer] = &said.out[..] else { panic!("{said:?}") };
        assert!(answer.len() < stanza.len() + 700, "{} bytes: {answer}", answer.len());
    }
}

#[test]
fn a_token_lives_exactly_its_time() {
    let mut proxy = Proxy::new();
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.now.unix = START.unix + TTL - 1;
    proxy.reverted(&forwarded.result());
    proxy.now.unix = START.unix + TTL;
    proxy.silent(forwarded.result(), TARGET_REPLY, Reason::TokenExpired);
}
