//! What stands on the stream: sizes, markup, broken bytes, cuts, and the end of it.

use std::time::Duration;

use jat_proxy::jat::reason::Direction::{Forward, Other, Revert};
use jat_proxy::jat::reason::Reason;
use jat_proxy::session::ending::Ending;
use jat_proxy::stanza::splitter::Fault;

use crate::fixture::{PING, Proxy, USER, get};

/// An IQ get to proxy.example with this payload.
fn with_payload(payload: &str) -> String {
    format!("<iq type='get' id='7' to='proxy.example' from='{USER}'>{payload}</iq>")
}

fn head() -> String {
    format!("<iq type='error' id='7' to='{USER}' from='proxy.example'>")
}

/// The payload goes to the client and comes back from it, both times as it is.
fn relayed(proxy: &mut Proxy, payload: &str) {
    let forwarded = proxy.forwarded(&with_payload(payload));
    let shown: String = payload.chars().take(200).collect();
    assert!(forwarded.xml.ends_with(&format!(">{payload}</iq>")), "{shown}");
    let user = proxy.reverted(&forwarded.answer("result", payload));
    assert_eq!(
        user.split_once('>').unwrap().1,
        forwarded.xml.split_once('>').unwrap().1,
        "{shown}"
    );
}

/// The payload is refused in a request, and becomes an error in a reply.
fn unsound(proxy: &mut Proxy, payload: &str) {
    proxy.refused(&with_payload(payload), &head(), "bad-request", Forward, Reason::BadNamespace);
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.refused(
        &forwarded.answer("result", payload),
        &head(),
        "bad-request",
        Revert,
        Reason::BadNamespace,
    );
}

/// Ends the stream after one good stanza, which is served.
fn ends(input: impl AsRef<[u8]>) -> Ending {
    let mut proxy = Proxy::new();
    let input = [get(USER, "proxy.example", "7").as_bytes(), input.as_ref()].concat();
    let said = proxy.exchange(input);
    assert_eq!(said.out.len(), 1, "{said:?}");
    said.ended.expect("an ending")
}

#[test]
fn nesting_is_relayed_up_to_the_limit_and_then_skipped() {
    // [28] The stanza itself is the first of 128 levels.
    let mut proxy = Proxy::new();
    let nested = |levels: usize| "<x>".repeat(levels) + &"</x>".repeat(levels);
    relayed(&mut proxy, &nested(100));
    relayed(&mut proxy, &nested(127));
    for levels in [128, 129, 5_000, 30_000] {
        let request = with_payload(&nested(levels));
        proxy.refused(&request, &head(), "policy-violation", Forward, Reason::OverLimit);
        let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
        let reply = forwarded.answer("result", &nested(levels));
        proxy.refused(&reply, &head(), "policy-violation", Revert, Reason::OverLimit);
    }
}

#[test]
fn long_values_and_names_are_relayed() {
    // [29]
    let mut proxy = Proxy::new();
    for length in [9_000, 400_000] {
        relayed(&mut proxy, &format!("<q xmlns='urn:q' a='{}'/>", "v".repeat(length)));
    }
    let long = "n".repeat(20_000);
    relayed(&mut proxy, &format!("<{long}>text</{long}>"));
    relayed(&mut proxy, &format!("<{long}:q xmlns:{long}='urn:q' {long}:a='1'/>"));
    relayed(&mut proxy, &format!("<q xmlns='{long}'/>"));
    let many: String = (0..2_000).map(|i| format!(" a{i}='{i}'")).collect();
    relayed(&mut proxy, &format!("<q{many}/>"));
}

#[test]
fn a_stanza_over_the_byte_limit_is_answered_and_skipped() {
    let mut proxy = Proxy::new();
    for length in [500_000, 700_000] {
        let request = with_payload(&format!("<q>{}</q>", "x &amp; <y/>".repeat(length / 12)));
        proxy.refused(&request, &head(), "policy-violation", Forward, Reason::OverLimit);
    }
    // Within the limit as it came, over it with the longer addresses.
    let request = with_payload("<q></q>");
    let fill = 500_000 - request.len();
    let request = with_payload(&format!("<q>{}</q>", "x".repeat(fill)));
    assert_eq!(request.len(), 500_000);
    proxy.refused(&request, &head(), "policy-violation", Forward, Reason::OverLimit);
}

#[test]
fn the_answer_does_not_wait_for_the_end_of_what_is_too_large() {
    let mut proxy = Proxy::new();
    let request = with_payload(&"x".repeat(499_900));
    let said = proxy.exchange(request.trim_end_matches("</iq>"));
    assert_eq!(said.counted, []);
    let said = proxy.exchange("x".repeat(100));
    assert_eq!(said.counted, [(Forward, Reason::OverLimit, 1)], "{said:?}");
    assert_eq!(said.out.len(), 1);
    let said = proxy.exchange("</iq>");
    assert_eq!(said.out.len(), 0);
    proxy.still_serves();
}

#[test]
fn a_start_tag_over_a_limit_is_not_answered() {
    let mut proxy = Proxy::new();
    let attributes: String = (0..61).map(|i| format!(" a{i}='1'")).collect();
    let with = |more: &str| with_payload(PING).replace("<iq", &format!("<iq{more}"));
    assert!(proxy.exchange(with(&attributes)).out.is_empty());
    proxy.still_serves();
    let long = format!(" a='{}'", "x".repeat(500_000));
    for more in [attributes + " z='1'", long] {
        proxy.silent(with(&more), Other, Reason::HeadTooLarge);
    }
    let fits: String = (0..60).map(|i| format!(" a{i}='1'")).collect();
    assert!(proxy.forwarded(&with(&fits)).xml.contains(&fits));
}

#[test]
fn attributes_of_the_start_tag_are_kept() {
    // [31]
    let mut proxy = Proxy::new();
    for kept in [
        "xmlns:p='urn:p' p:a='1'",
        "xml:lang='de'",
        "xml:space='preserve'",
        "xml:base='http://x/'",
        "xml:id='a'",
        "xml:lang=\"a'b\"",
        "foo='&#10;&quot;>'",
        "TO='x' From='y' p.to='z'",
        "xmlns:to='urn:x' to:from='1' to:to='2' to:id='3'",
    ] {
        let request = with_payload(PING).replace("<iq", &format!("<iq {kept}"));
        let forwarded = proxy.forwarded(&request);
        assert!(forwarded.xml.starts_with(&format!("<iq {kept} type=")), "{}", forwarded.xml);
        let reply = forwarded.result().replace("<iq", &format!("<iq {kept}"));
        let user = proxy.reverted(&reply);
        assert!(user.starts_with(&format!("<iq {kept} type=")), "{user}");
    }
    proxy.still_serves();
}

#[test]
fn stanzas_are_known_by_their_namespace() {
    // [33]
    let mut proxy = Proxy::new();
    for ours in ["jabber:server", "jabber:client", "jabber:component:accept", "jabber:&#99;lient"] {
        let request = with_payload(PING).replace("<iq", &format!("<iq xmlns='{ours}'"));
        let forwarded = proxy.forwarded(&request);
        assert!(forwarded.xml.starts_with("<iq type="), "{}", forwarded.xml);
    }
    let addressed = format!("type='get' id='7' to='proxy.example' from='{USER}'");
    for foreign in [
        format!("<iq xmlns='urn:x' {addressed}>{PING}</iq>"),
        format!("<iq xmlns='' {addressed}>{PING}</iq>"),
        format!("<x:iq xmlns:x='jabber:client' {addressed}>{PING}</x:iq>"),
        format!("<IQ {addressed}>{PING}</IQ>"),
        format!("<message xmlns='jabber:client ' {addressed}/>"),
        "<foo/>".into(),
        "<foo><iq/></foo>".into(),
        "<handshake/>".into(),
        "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>".into(),
        "<stream:features><x xmlns='urn:x'/></stream:features>".into(),
        "<r xmlns='urn:xmpp:sm:3'/>".into(),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into(),
        "<stream/>".into(),
    ] {
        // [44] too.
        proxy.silent(foreign, Other, Reason::NotAStanza);
    }
}

#[test]
fn what_no_server_may_send_ends_the_stream_after_what_came_before() {
    // [34, 44]
    for (input, fault) in [
        ("<!-- x -->", Fault::Comment),
        ("<iq><!-- x --></iq>", Fault::Comment),
        ("<?x y?>", Fault::ProcessingInstruction),
        ("<?xml version='1.0'?>", Fault::ProcessingInstruction),
        ("<iq><?x y?></iq>", Fault::ProcessingInstruction),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>", Fault::Doctype),
        ("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><iq>&a;</iq>", Fault::Doctype),
        ("<iq><!ENTITY a 'b'></iq>", Fault::Doctype),
        ("<iq>&nbsp;</iq>", Fault::Entity),
        ("<iq>&a;</iq>", Fault::Entity),
        ("<iq>&#0;</iq>", Fault::Entity),
        ("<iq>&#xD800;</iq>", Fault::Entity),
        ("<iq>&#x110000;</iq>", Fault::Entity),
        ("<iq>&#xFFFF;</iq>", Fault::Entity),
        ("<iq>&#-1;</iq>", Fault::Entity),
        ("<iq>& </iq>", Fault::Entity),
        ("<iq a='&nbsp;'/>", Fault::Tag),
        ("<iq a='<'/>", Fault::Tag),
        ("<iq a='1' a='2'/>", Fault::Tag),
        ("<iq a/>", Fault::Tag),
        ("<iq></message>", Fault::EndTag),
        ("</iq>", Fault::EndTag),
        ("x", Fault::Text),
        ("<![CDATA[x]]>", Fault::Text),
        ("<stream:stream to='x'>", Fault::SecondHeader),
        ("<stream:stream id='x' xmlns='jabber:component:accept'>", Fault::SecondHeader),
        ("<iq>\u{0}</iq>", Fault::Character),
        ("<iq a='\u{1f}'/>", Fault::Character),
        ("<iq>\u{fffe}</iq>", Fault::Character),
        ("<\u{0}", Fault::Character),
    ] {
        assert_eq!(ends(input), Ending::Broken(fault), "{input}");
    }
}

#[test]
fn broken_utf_8_ends_the_stream_and_a_cut_character_does_not() {
    // [36] Every exchange of these tests is also cut at every byte.
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
            assert_eq!(ends(&input), Ending::Broken(Fault::Utf8), "{place} {broken:?}");
        }
    }
    let mut proxy = Proxy::new();
    relayed(&mut proxy, "<x é='😀' xmlns='ü'>😀\u{10ffff}\u{7f}\u{80}\u{fdd0}</x>");
}

#[test]
fn other_well_formed_content_is_relayed() {
    let mut proxy = Proxy::new();
    for payload in [
        "<x><![CDATA[<&]]]]><![CDATA[>]]></x>",
        "<x>&#10;&#x1F600;&#00065;&lt;&gt;&amp;&quot;&apos;</x>",
        "<x\n\ta = '1'\r\nb=\">'/>\"\n/>",
        "<x></x\n>",
        "<x xmlns=''/>",
        "<z xmlns='jabber:client'/>",
        "<z xmlns='jabber:client'><iq xmlns='urn:x'><iq/></iq></z>",
        "<stream:stream/>",
        "<stream:error/>",
        "<x><stream:stream><a/></stream:stream></x>",
        "<p:x xmlns:p='urn:p'><p:y p:a='1' a='2'/><y xmlns:p='urn:q'><p:z/></y></p:x>",
        "<x xml:lang='de' xml:space='preserve'/>",
        "<_ _='1'/>",
        "<x.-·9/>",
        "<x a='\n\t\r'/>",
        "<x>\r\n\r</x>",
        "<x>]] > ]</x>",
        "<\u{10000}/>",
    ] {
        relayed(&mut proxy, payload);
    }
}

#[test]
fn what_would_end_the_stream_of_its_receiver_is_not_relayed() {
    // Each was delivered by a server that ends the stream on which it comes back.
    let mut proxy = Proxy::new();
    let xml = "http://www.w3.org/XML/1998/namespace";
    for payload in [
        "<foo:bar/>",
        "<q xmlns='urn:q' foo:y='2'/>",
        "<q xmlns='urn:q'><r><s foo:y='2'/></r></q>",
        "<q><r xmlns:foo='urn:f'/><foo:s/></q>",
        "<xml:bar/>",
        "<q><xml:bar/></q>",
        &format!("<bar xmlns='{xml}'/>"),
        &format!("<q xmlns:ns1='{xml}' ns1:foo='1'/>"),
        "<q xmlns:xml='urn:x'/>",
        "<q xmlns:p=''/>",
        "<q xmlns:xmlns='urn:x'/>",
        "<q xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<xmlns:q/>",
    ] {
        unsound(&mut proxy, payload);
    }
    for on_head in [&format!("xmlns:ns1='{xml}' ns1:foo='1'"), "foo:a='1'"] {
        let request = with_payload(PING).replace("<iq", &format!("<iq {on_head}"));
        proxy.refused(&request, &head(), "bad-request", Forward, Reason::BadNamespace);
    }
}

#[test]
fn ten_thousand_stanzas_in_one_read() {
    // [38] One byte a read is what every exchange does besides.
    let mut proxy = Proxy::new();
    let said = proxy.exchange(get(USER, "proxy.example", "7").repeat(10_000));
    assert_eq!(said.counted, [(Forward, Reason::Relayed, 10_000)]);
    assert_eq!(said.out.len(), 10_000);
    proxy.still_serves();
}

#[test]
fn stream_errors_are_named() {
    // [40]
    const DEFINED: [&str; 25] = [
        "bad-format",
        "bad-namespace-prefix",
        "conflict",
        "connection-timeout",
        "host-gone",
        "host-unknown",
        "improper-addressing",
        "internal-server-error",
        "invalid-from",
        "invalid-namespace",
        "invalid-xml",
        "not-authorized",
        "not-well-formed",
        "policy-violation",
        "remote-connection-failed",
        "reset",
        "resource-constraint",
        "restricted-xml",
        "see-other-host",
        "system-shutdown",
        "undefined-condition",
        "unsupported-encoding",
        "unsupported-feature",
        "unsupported-stanza-type",
        "unsupported-version",
    ];
    let ns = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'";
    for condition in DEFINED.into_iter().chain(["unheard-of"]) {
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
    // Without the prefix it is the same element.
    let default = format!("<error xmlns='http://etherx.jabber.org/streams'><reset {ns}/></error>");
    assert!(matches!(ends(default), Ending::StreamError { condition, .. } if condition == "reset"));
}

#[test]
fn the_end_of_the_stream_ends_it() {
    // [40]
    assert_eq!(ends("</stream:stream>"), Ending::Closed);
    assert_eq!(ends("</stream>"), Ending::Closed);
    assert_eq!(ends("  \n</stream:stream\t>"), Ending::Closed);
    let mut proxy = Proxy::new();
    let said = proxy.exchange(format!("</stream:stream>{}", get(USER, "proxy.example", "7")));
    assert_eq!((said.out.len(), said.ended), (0, Some(Ending::Closed)));
}

#[test]
fn white_space_is_a_sign_of_life() {
    // [45] For ten minutes, and a good deal of it at once.
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
    // [45] Nobody answers an echo reliably there; a space is still sent.
    let mut proxy = Proxy::new();
    let said = proxy.after(Duration::from_secs(600));
    assert_eq!((said.out.len(), said.ended), (0, None));
    proxy.still_serves();
}

#[test]
fn on_a_stream_of_our_own_silence_is_asked_and_then_death() {
    // [45]
    let (mut proxy, echoes) = Proxy::with_echoes();
    assert_eq!(proxy.exchange(echoes).out.len(), 0);
    let said = proxy.after(Duration::from_secs(60));
    assert_eq!((said.out.len(), said.ended), (1, None));
    let echo = said.out[0].clone();
    proxy.after(Duration::from_secs(14));
    assert!(proxy.exchange(&echo).counted.iter().all(|(_, reason, _)| *reason == Reason::Echo));
    proxy.still_serves();
    let said = proxy.after(Duration::from_secs(60));
    assert_eq!(said.out.len(), 1);
    assert_eq!(proxy.after(Duration::from_secs(15)).ended, Some(Ending::Silent));
}

#[test]
fn what_comes_after_our_goodbye_is_counted_and_nothing_more_is_said() {
    let (mut proxy, echoes) = Proxy::with_echoes();
    proxy.exchange(echoes);
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.close();
    let said = proxy.exchange(get(USER, "proxy.example", "8"));
    assert_eq!((said.out.len(), said.counted), (0, vec![(Forward, Reason::ArrivedAfterClose, 1)]));
    let said = proxy.exchange(forwarded.result());
    assert_eq!((said.out.len(), said.counted), (0, vec![(Revert, Reason::ArrivedAfterClose, 1)]));
    // Neither a sign of life nor presence may follow a closing tag.
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
    // Nor while the server takes not even the space that is sent in silence.
    let now = proxy.now;
    proxy.withhold(Duration::from_secs(31));
    let now_at_most = now.mono + Duration::from_secs(31);
    assert!(proxy.deadline() > now_at_most, "{:?}, {now_at_most:?}", proxy.deadline());
}
