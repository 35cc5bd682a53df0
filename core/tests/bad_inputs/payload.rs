//! The content of stanzas: sizes, depth, markup and namespaces.

use core_tests::twin::{PING, Proxy, USER, get};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::Other;
use jat_core::jat::traffic::{TARGET_REPLY, USER_REQUEST};

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
fn bad_namespaces(proxy: &mut Proxy, payload: &str) {
    proxy.refused(
        &with_payload(payload),
        &head(),
        "bad-request",
        USER_REQUEST,
        Reason::BadNamespace,
    );
    let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
    proxy.refused(
        &forwarded.answer("result", payload),
        &head(),
        "bad-request",
        TARGET_REPLY,
        Reason::BadNamespace,
    );
}

#[test]
fn nesting_is_relayed_up_to_the_limit_and_then_skipped() {
    // The stanza itself is the first of 128 levels.
    let mut proxy = Proxy::new();
    let nested = |levels: usize| "<x>".repeat(levels) + &"</x>".repeat(levels);
    relayed(&mut proxy, &nested(100));
    relayed(&mut proxy, &nested(127));
    for levels in [128, 129, 5_000, 30_000] {
        let request = with_payload(&nested(levels));
        proxy.refused(&request, &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
        let forwarded = proxy.forwarded(&get(USER, "proxy.example", "7"));
        let reply = forwarded.answer("result", &nested(levels));
        proxy.refused(&reply, &head(), "policy-violation", TARGET_REPLY, Reason::OverLimit);
    }
}

#[test]
fn long_values_and_names_are_relayed() {
    let mut proxy = Proxy::new();
    for length in [9_000, 240_000] {
        relayed(&mut proxy, &format!("<q xmlns='urn:q' a='{}'/>", "v".repeat(length)));
    }
    let long = "n".repeat(20_000);
    relayed(&mut proxy, &format!("<{long}>text</{long}>"));
    relayed(&mut proxy, &format!("<{long}:q xmlns:{long}='urn:q' {long}:a='1'/>"));
    relayed(&mut proxy, &format!("<q xmlns='{long}'/>"));
    let many: String = (0..2_000).map(|i| format!(" a{i}='{i}'")).collect();
    relayed(&mut proxy, &format!("<q{many}/>"));
}

// A server may have to see a tag's own length after it, and counts that too.
#[test]
fn a_tag_of_half_the_byte_limit_is_too_long() {
    let mut proxy = Proxy::new();
    let with = |length| with_payload(&format!("<q xmlns='urn:q' a='{}'/>", "v".repeat(length)));
    let fits = 250_000 - with(0).len();
    proxy.refused(&with(fits + 200), &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
    proxy.forwarded(&with(fits - 200));
    // A name occurs twice, in both tags, and a reference once.
    let name = "n".repeat(249_000);
    let long = with_payload(&format!("<{name}/>"));
    proxy.forwarded(&long);
    let twice = with_payload(&format!("<{name}></{name}>"));
    proxy.refused(&twice, &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
    let zeros = with_payload(&format!("<q>&#{}65;</q>", "0".repeat(260_000)));
    proxy.refused(&zeros, &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
}

#[test]
fn a_tag_over_a_limit_of_its_own_is_answered_and_skipped() {
    let mut proxy = Proxy::new();
    proxy.limit_tags(8_000);
    let with = |length| with_payload(&format!("<q xmlns='urn:q' a='{}'/>", "v".repeat(length)));
    proxy.refused(&with(8_000), &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
    proxy.forwarded(&with(7_900));
    proxy.forwarded(&with_payload(&format!("<q>{}</q>", "<r a='1'/>".repeat(2_000))));
    let long = format!(
        "<iq type='get' from='{USER}' to='proxy.example' id='1' a='{}'><q/></iq>",
        "v".repeat(8_000)
    );
    proxy.silent(&long, Other.inward(), Reason::HeadTooLarge);
}

#[test]
fn a_stanza_over_the_byte_limit_is_answered_and_skipped() {
    let mut proxy = Proxy::new();
    for length in [500_000, 700_000] {
        let request = with_payload(&format!("<q>{}</q>", "x &amp; <y/>".repeat(length / 12)));
        proxy.refused(&request, &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
    }
    // Within the limit as it came, over it with the longer addresses.
    let request = with_payload("<q></q>");
    let fill = 500_000 - request.len();
    let request = with_payload(&format!("<q>{}</q>", "x".repeat(fill)));
    assert_eq!(request.len(), 500_000);
    proxy.refused(&request, &head(), "policy-violation", USER_REQUEST, Reason::OverLimit);
}

#[test]
fn the_answer_does_not_wait_for_the_end_of_what_is_too_large() {
    let mut proxy = Proxy::new();
    let request = with_payload(&"x".repeat(499_900));
    let said = proxy.exchange(request.trim_end_matches("</iq>"));
    assert_eq!(said.counted, []);
    let said = proxy.exchange("x".repeat(100));
    assert_eq!(said.counted, [(USER_REQUEST, Reason::OverLimit, 1)], "{said:?}");
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
        proxy.silent(with(&more), Other.inward(), Reason::HeadTooLarge);
    }
    let fits: String = (0..60).map(|i| format!(" a{i}='1'")).collect();
    assert!(proxy.forwarded(&with(&fits)).xml.contains(&fits));
}

#[test]
fn attributes_of_the_start_tag_are_kept() {
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
        proxy.silent(foreign, Other.inward(), Reason::NotAStanza);
    }
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
        "<x é='😀' xmlns='ü'>😀\u{10ffff}\u{7f}\u{80}\u{fdd0}</x>",
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
        bad_namespaces(&mut proxy, payload);
    }
    for on_head in [&format!("xmlns:ns1='{xml}' ns1:foo='1'"), "foo:a='1'"] {
        let request = with_payload(PING).replace("<iq", &format!("<iq {on_head}"));
        proxy.refused(&request, &head(), "bad-request", USER_REQUEST, Reason::BadNamespace);
    }
}
