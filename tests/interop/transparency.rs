//! Promise 2: apart from addresses, what arrives through the proxy is what the same
//! server delivers between the same two clients directly.
//!
//! Servers themselves rewrite stanzas (prefixes, references, unknown attributes), so each case is sent
//! twice, directly and through the proxy.

use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;
use test_support::interop::stanza::{Element, XML};

const PAYLOADS: &[&str] = &[
    "<q xmlns='urn:example:q'>text</q>",
    "<p:q xmlns:p='urn:1' p:a='1'><p:r/><z xmlns='urn:2' p:b='2'><p:y/></z></p:q>",
    "<p:q xmlns:p='urn:1' p:x='1'><p:z xmlns:p='urn:2' p:x='2'><y xmlns=''/></p:z></p:q>",
    "<q xmlns='urn:1'><q xmlns='urn:2'><q xmlns='urn:1'/></q><q xmlns=''/></q>",
    "<q xmlns='urn:1'><z xmlns='jabber:client'/><z xmlns='jabber:component:accept'/></q>",
    "<q xmlns='jabber:client'/>",
    "<q xmlns=''/>",
    "<q xmlns='urn:1' xmlns:p='urn:p' type='p:int'>p:name</q>",
    "<q xmlns='urn:1'><![CDATA[<a>&b;]]]]><![CDATA[>]]> <![CDATA[]]></q>",
    "<q xmlns='urn:1' a='&#x1F600;&#65;&lt;&quot;&apos;&amp;amp;'>&#x1F600;&#0000065;&amp;lt;]]&gt;</q>",
    "<q xmlns='urn:1' a='1>2' b=\"it's\" c='&#xD;&#10;&#9;x'>1>2 \"it's\"&#xD;</q>",
    "<q xmlns='urn:1' xml:lang='de'><z xml:space='preserve' xml:id='i'> \n\t <y/> tail </z></q>",
    "<q xmlns='urn:&apos;&quot;&lt; x'>\u{7f}\u{80}\u{FDD0}\u{10FFFF}\u{5d0}\u{202e}</q>",
    "<\u{e9}l xmlns='urn:1' \u{fc}='1'/>",
    "<body xmlns='urn:1'>   </body>",
    "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>",
    "<error xmlns='urn:1'><error/></error>",
];

/// Additional attributes of the stanza itself.
const ATTRIBUTES: &[&str] = &[
    "",
    "xml:lang='de'",
    "foo='bar'",
    "xmlns:p='urn:p' p:a='1' p:to='nobody@nowhere.example' p:id='x'",
    "xml:space='preserve' xml:base='http://example/'",
    "xmlns='jabber:client'",
];

case!(requests_arrive_as_sent: both);
fn requests_arrive_as_sent(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let mut check = |attributes: &str, payload: &str| {
        let mut sent_to = |to: &str| {
            user.send(format!("<iq type='set' id='r' to='{to}' {attributes}>{payload}</iq>"));
            service.receive_request().without_addresses()
        };
        let direct = sent_to(&format!("{}/a", scene.target));
        assert_eq!(sent_to(&scene.domain), direct, "{attributes} {payload}");
        direct
    };
    PAYLOADS.iter().for_each(|payload| drop(check("", payload)));
    ATTRIBUTES.iter().for_each(|attributes| drop(check(attributes, PAYLOADS[0])));

    // To see that the comparison can fail: these infosets are not empty.
    let seen = check("xml:lang='de'", "<p:q xmlns:p='urn:1' p:a='1'>&lt;</p:q>");
    assert_eq!(seen.attr_in(XML, "lang"), Some("de"));
    let payload = seen.child("q").unwrap();
    assert_eq!((payload.namespace.as_str(), payload.text().as_str()), ("urn:1", "<"));
    assert_eq!(payload.attr_in("urn:1", "a"), Some("1"));
}

case!(replies_arrive_as_sent: both);
fn replies_arrive_as_sent(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let errors = [
        // With a copy of the request in addition to the error.
        "<q xmlns='urn:1'>echo</q><error type='cancel' by='x.example'><conflict \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xml:lang='de' \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>nein</text><app xmlns='urn:app'/></error>",
        "<error type='wait' code='500'><strange xmlns='urn:1'/></error>",
        "<error type='foo'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        "<error/><error/>",
        // Without an error element.
        "<q xmlns='urn:1'/>",
    ];
    let results = PAYLOADS.iter().map(|payload| ("result", *payload));
    let errors = errors.iter().map(|payload| ("error", *payload));
    for (kind, payload) in results.chain(errors).chain([("result", ""), ("result", " text ")]) {
        for attributes in [ATTRIBUTES[0], ATTRIBUTES[1], ATTRIBUTES[3]] {
            let shown = format!("{kind} {attributes} {payload}");
            let direct = reply(&mut service, &mut user, None, kind, attributes, payload);
            let relayed =
                reply(&mut service, &mut user, Some(&scene.domain), kind, attributes, payload);
            assert_eq!(relayed, direct, "{shown}");
        }
    }
}

/// Sends one reply, to a request through the proxy or a direct one; returns what arrived.
fn reply(
    service: &mut Client,
    user: &mut Client,
    domain: Option<&String>,
    kind: &str,
    attributes: &str,
    payload: &str,
) -> Element {
    let to = domain.cloned().unwrap_or(service.jid.clone());
    user.ask(&to, "r");
    let request = service.receive_request();
    let to = request.attr("from").unwrap();
    service.send(format!("<iq type='{kind}' id='r' to='{to}' {attributes}>{payload}</iq>"));
    let reply = user.receive_reply("r");
    let expected = domain.unwrap_or(&service.jid);
    assert_eq!(reply.attr("from"), Some(expected.as_str()));
    reply.without_addresses()
}

case!(large_payloads_pass_up_to_the_limit: both);
fn large_payloads_pass_up_to_the_limit(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let long = |count: usize| "v".repeat(count);
    for payload in [
        // Relays that parse stanzas into types refuse 9 kB in one attribute.
        format!("<q xmlns='urn:1' a='{}'/>", long(9_000)),
        format!("<q xmlns='urn:1' a='{}'/>", long(200_000)),
        format!("<{0} xmlns='urn:1'><b xmlns='urn:{0}'/></{0}>", long(20_000)),
        format!("<{0}:q xmlns:{0}='urn:1' {0}:a='1'/>", long(20_000)),
        format!("<q xmlns='urn:1'>{}</q>", long(200_000)),
        format!("<q xmlns='urn:1'>{}</q>", "<a/>".repeat(20_000)),
        format!(
            "<q xmlns='urn:1' {}/>",
            (0..2000).map(|i| format!("a{i}='' ")).collect::<String>()
        ),
    ] {
        user.send(format!("<iq type='get' id='r' to='{}'>{payload}</iq>", scene.domain));
        let request = service.receive_request();
        service.answer(&request, &payload);
        let reply = user.receive_reply("r");
        assert_eq!(reply.nodes, request.nodes, "{} bytes", payload.len());
    }
}
