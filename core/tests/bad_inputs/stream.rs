//! The stream itself: broken bytes, cuts, silence, and the end of it.

use std::time::Duration;

use core_tests::twin::{Proxy, USER, get};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::Message;
use jat_core::jat::traffic::{TARGET_REPLY, USER_REQUEST};
use jat_core::session::ending::Ending;
use jat_core::stanza::xml_error::XmlError;
use mock_server::STREAM_ERRORS;

/// Ends the stream after one good stanza, which is served.
fn ends(input: impl AsRef<[u8]>) -> Ending {
    let mut proxy = Proxy::new();
    let input = [get(USER, "proxy.example", "7").as_bytes(), input.as_ref()].concat();
    let said = proxy.exchange(input);
    assert_eq!(said.out.len(), 1, "{said:?}");
    said.ended.expect("an ending")
}

#[test]
fn what_no_server_may_send_ends_the_stream_after_what_came_before() {
    for (input, fault) in [
        ("<!-- x -->", XmlError::Comment),
        ("<iq><!-- x --></iq>", XmlError::Comment),
        ("<?x y?>", XmlError::ProcessingInstruction),
        ("<?xml version='1.0'?>", XmlError::ProcessingInstruction),
        ("<iq><?x y?></iq>", XmlError::ProcessingInstruction),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>", XmlError::Doctype),
        ("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><iq>&a;</iq>", XmlError::Doctype),
        ("<iq><!ENTITY a 'b'></iq>", XmlError::Doctype),
        ("<iq>&nbsp;</iq>", XmlError::Entity),
        ("<iq>&a;</iq>", XmlError::Entity),
        ("<iq>&#0;</iq>", XmlError::Entity),
        ("<iq>&#xD800;</iq>", XmlError::Entity),
        ("<iq>&#x110000;</iq>", XmlError::Entity),
        ("<iq>&#xFFFF;</iq>", XmlError::Entity),
        ("<iq>&#-1;</iq>", XmlError::Entity),
        ("<iq>& </iq>", XmlError::Entity),
        ("<iq a='&nbsp;'/>", XmlError::Tag),
        ("<iq a='<'/>", XmlError::Tag),
        ("<iq a='1' a='2'/>", XmlError::Tag),
        ("<iq a/>", XmlError::Tag),
        ("<iq></message>", XmlError::EndTag),
        ("</iq>", XmlError::EndTag),
        ("x", XmlError::Text),
        ("<![CDATA[x]]>", XmlError::Text),
        ("<stream:stream to='x'>", XmlError::SecondHeader),
        ("<stream:stream id='x' xmlns='jabber:component:accept'>", XmlError::SecondHeader),
        ("<iq>\u{0}</iq>", XmlError::Character),
        ("<iq a='\u{1f}'/>", XmlError::Character),
        ("<iq>\u{fffe}</iq>", XmlError::Character),
        ("<\u{0}", XmlError::Character),
    ] {
        assert_eq!(ends(input), Ending::Broken(fault), "{input}");
    }
}

#[test]
fn broken_utf_8_ends_the_stream() {
    // Characters that are merely cut are tested with the payloads.
    for broken in [
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xf0\x9f\x98<",
        b"\xf8\x88\x80\x80\x80",
        b"\xc3(",
    ] {
        for place in ["<iq>", "<iq a='", "<iq><![CDATA[", "<iq", ""] {
            let input = [place.as_bytes(), broken].concat();
            assert_eq!(ends(&input), Ending::Broken(XmlError::Utf8), "{place} {broken:?}");
        }
    }
}

#[test]
fn ten_thousand_stanzas_in_one_read() {
    // Every other exchange is also tried with one byte a read.
    let mut proxy = Proxy::new();
    let said = proxy.exchange(get(USER, "proxy.example", "7").repeat(10_000));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::Relayed, 10_000)]);
    assert_eq!(said.out.len(), 10_000);
    proxy.still_serves();
}

#[test]
fn stream_errors_are_named() {
    let ns = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
    for condition in STREAM_ERRORS.into_iter().chain(["unheard-of"]) {
        let with_text = format!(
            "<stream:error><{condition} {ns}/><text {ns}>Why &amp; how</text></stream:error>"
        );
        let named = |text: Option<&str>| Ending::StreamError {
            condition: condition.into(),
            text: text.map(str::to_owned),
        };
        assert_eq!(ends(&with_text), named(Some("Why & how")));
        assert_eq!(ends(format!("<stream:error><{condition} {ns}/></stream:error>")), named(None));
    }
    for empty in ["<stream:error/>", "<stream:error>text</stream:error>"] {
        let said = ends(empty).to_string();
        assert!(said.contains("undefined-condition"), "{said}");
    }
    // It is the same element without the prefix.
    let default = format!("<error xmlns='http://etherx.jabber.org/streams'><reset {ns}/></error>");
    assert!(matches!(ends(default), Ending::StreamError { condition, .. } if condition == "reset"));
}

#[test]
fn the_end_of_the_stream_ends_it() {
    assert_eq!(ends("</stream:stream>"), Ending::Closed);
    assert_eq!(ends("</stream>"), Ending::Closed);
    assert_eq!(ends("  \n</stream:stream\t>"), Ending::Closed);
    let mut proxy = Proxy::new();
    let said = proxy.exchange(format!("</stream:stream>{}", get(USER, "proxy.example", "7")));
    assert_eq!((said.out.len(), said.ended), (0, Some(Ending::Closed)));
}

#[test]
fn white_space_is_a_sign_of_life() {
    // For ten minutes, and much of it at once.
    let mut proxy = Proxy::new();
    for _ in 0..60 {
        let said = proxy.after(Duration::from_secs(10));
        assert_eq!(said.ended, None);
        assert_eq!(proxy.exchange(" \r\n\t").out.len(), 0);
    }
    assert_eq!(proxy.exchange(" ".repeat(700_000)).ended, None);
    assert!(proxy.session().input().is_empty());
    proxy.still_serves();
}

#[test]
fn on_a_shared_stream_silence_is_no_death() {
    // Echoes may not come back there, so they are sent, but not waited for.
    let mut proxy = Proxy::new();
    for _ in 0..10 {
        let said = proxy.after(Duration::from_secs(60));
        // The queries for the time and for presence are not answered either.
        let asks = ["jat-echo-", "jat-time-", "type='probe'", "type='subscribe'"];
        let ours = |stanza: &String| asks.iter().any(|ask| stanza.contains(ask));
        assert!(said.out.iter().all(ours), "{said:?}");
        assert_eq!(said.ended, None);
    }
    proxy.still_serves();
}

#[test]
fn on_a_stream_of_our_own_an_echo_that_does_not_come_is_death() {
    let (mut proxy, echoes) = Proxy::with_echoes();
    assert_eq!(proxy.exchange(echoes).out.len(), 0);
    // An echo follows the presence that it was sent, and another one the probe after a login.
    let (mut asked, mut probes) = (proxy.within(5).out, 0);
    while !asked.is_empty() {
        for stanza in asked {
            let is_probe = stanza.contains("type='probe'");
            let said = if is_probe { proxy.answer_probe() } else { proxy.exchange(stanza) };
            let due = if is_probe { Reason::PresenceUsed } else { Reason::Echo };
            assert!(said.counted.iter().all(|(_, r, _)| *r == due));
            probes += usize::from(is_probe);
        }
        asked = proxy.within(59).out;
    }
    // The one after the login, and the one that shows other processes that we use the domain.
    assert_eq!(probes, 2);
    let said = proxy.within(1);
    assert_eq!((said.out.len(), said.ended), (1, None), "nothing was said for a minute");
    // Other stanzas are no answer.
    for _ in 0..9 {
        assert_eq!(proxy.session().standstill(), None);
        proxy.after(Duration::from_secs(1));
        proxy.forwarded(&get(USER, "proxy.example", "7"));
    }
    proxy.after(Duration::from_secs(1));
    assert_eq!(proxy.session().standstill(), Some(Duration::from_secs(10)));
    for second in 11..30 {
        assert_eq!(proxy.after(Duration::from_secs(1)).ended, None, "after {second} s");
    }
    assert_eq!(proxy.after(Duration::from_secs(1)).ended, Some(Ending::Silent));
}

#[test]
fn a_server_that_works_again_is_forgiven() {
    let (mut proxy, echoes) = Proxy::with_echoes();
    proxy.exchange(echoes);
    let echo = proxy.within(5).out.concat();
    for _ in 0..29 {
        proxy.after(Duration::from_secs(1));
    }
    assert_eq!(proxy.session().standstill(), Some(Duration::from_secs(29)));
    proxy.exchange(echo);
    assert_eq!(proxy.session().standstill(), None);
    proxy.still_serves();
}

#[test]
fn what_comes_after_our_closing_tag_is_counted_and_nothing_more_is_sent() {
    let (mut proxy, echoes) = Proxy::with_echoes();
    proxy.exchange(&echoes);
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.close();
    // No echo was lost.
    let said = proxy.exchange(echoes);
    assert_eq!((said.out.len(), said.counted), (0, vec![(Message.inward(), Reason::Echo, 16)]));
    let said = proxy.exchange(get(USER, "proxy.example", "8"));
    assert_eq!(
        (said.out.len(), said.counted),
        (0, vec![(USER_REQUEST, Reason::ArrivedAfterClose, 1)])
    );
    let said = proxy.exchange(forwarded.result());
    assert_eq!(
        (said.out.len(), said.counted),
        (0, vec![(TARGET_REPLY, Reason::ArrivedAfterClose, 1)])
    );
    // Neither white space nor presence may follow a closing tag.
    for _ in 0..3 {
        assert_eq!(proxy.after(Duration::from_secs(61)).out.len(), 0);
        assert_eq!(proxy.exchange(" ").out.len(), 0);
        let deadline = proxy.deadline();
        assert!(deadline > proxy.now.mono, "due {deadline:?}, it is {:?}", proxy.now.mono);
    }
    assert_eq!(proxy.exchange("</stream:stream>").ended, Some(Ending::Closed));
}

#[test]
fn what_is_due_is_never_in_the_past() {
    // A deadline that a tick does not move makes its caller spin.
    let mut proxy = Proxy::new();
    proxy.after(Duration::from_secs(31));
    for _ in 0..100 {
        let deadline = proxy.deadline();
        assert!(deadline > proxy.now.mono, "due {deadline:?}, it is {:?}", proxy.now.mono);
        proxy.after(deadline - proxy.now.mono);
    }
    // Also while the server does not even read the white space that is sent when idle.
    let now = proxy.now;
    proxy.withhold(Duration::from_secs(31));
    let now_at_most = now.mono + Duration::from_secs(31);
    assert!(proxy.deadline() > now_at_most, "{:?}, {now_at_most:?}", proxy.deadline());
}
