//! Hostile stanzas that a real server passes on: each is answered or counted, and the
//! same stream serves the next request.
//!
//! Deep nesting goes through Prosody only (docs/servers.md#deep-nesting).

use test_support::interop::client::{Client, is_request};
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

case!(undeclared_prefixes_do_not_end_the_stream: both);
fn undeclared_prefixes_do_not_end_the_stream(kind: Kind) {
    let scene = Scene::new(kind);
    let mut service = scene.service("a");
    let account = scene.server.new_account("user");
    // ejabberd passes on a prefix without its declaration on the stream header or on the IQ itself,
    // and ends the stream of the component that sends it back.
    let declared = "xmlns:p='urn:p'";
    let mut user = Client::login_declaring(scene.server, &account, "abc", declared);
    for (head, payload) in [
        ("", "<p:q/>"),
        ("", "<q xmlns='urn:1' p:a='1'/>"),
        ("", "<q xmlns='urn:1'><r><s p:a='1'><p:t/></s></r></q>"),
        ("", "<q xmlns='urn:1' xmlns:p='urn:other' p:a='1'/>"),
        ("p:a='1'", "<q xmlns='urn:1'/>"),
        ("xmlns:z='urn:z'", "<q xmlns='urn:1' z:a='1'/>"),
        ("", "<q xmlns='urn:1' xml:foo='1'/>"),
        ("", "<q xmlns='urn:1' xml:lang='de' xml:foo='1' xml:bar='2'/>"),
        ("xml:foo='1'", "<q xmlns='urn:1'/>"),
        ("", "<xml:q/>"),
        ("", "<q xmlns='urn:1'><r><xml:s/></r></q>"),
        ("", "<stream:q stream:a='1'/>"),
    ] {
        let shown = format!("{head} {payload}");
        user.send(format!("<iq type='get' id='r' to='{}' {head}>{payload}</iq>", scene.domain));
        let forwarded = relayed_or_refused(&shown, &mut user, &mut service);
        if let Some(request) = forwarded {
            service.answer(&request, "");
            user.receive_reply("r");
        }
        scene.round_trip(&mut user, &mut service);
    }
    assert_eq!(scene.proxy.logins(), 1);
    // The test must not pass because a server delivers none of them.
    assert!(scene.proxy.reason("bad-namespace") >= 3);
}

/// What the service got, or `None` if the user got `bad-request`.
fn relayed_or_refused(
    shown: &str,
    user: &mut Client,
    service: &mut Client,
) -> Option<test_support::interop::stanza::Stanza> {
    let start = std::time::Instant::now();
    while start.elapsed() < test_support::wait::PATIENCE {
        let limit = std::time::Duration::from_millis(10);
        if let Some(request) = service.try_receive_where(limit, is_request) {
            return Some(request);
        }
        if let Some(error) = user.try_receive_where(limit, |it| it.attr("id") == Some("r")) {
            assert_eq!(error.error().unwrap().0, "bad-request", "{shown}");
            return None;
        }
    }
    panic!("neither relayed nor refused: {shown}");
}

case!(replies_with_bad_namespaces_become_errors: both);
fn replies_with_bad_namespaces_become_errors(kind: Kind) {
    let scene = Scene::new(kind);
    let service = scene.service("a");
    let mut user = scene.user();
    scene.proxy.wait_online(&[&service.jid]);
    drop(service);
    scene.proxy.wait_offline(&format!("{}/a", scene.target));
    let declared = "xmlns:p='urn:p'";
    let mut service = Client::login_declaring(scene.server, &scene.target, "b", declared);
    service.available("");
    scene.proxy.wait_online(&[&service.jid]);
    for payload in ["<q xmlns='urn:1' p:a='1'/>", "<xml:q/>", "<q xmlns='urn:1' xml:foo='1'/>"] {
        user.ask(&scene.domain, "r");
        let request = service.receive_request();
        service.answer(&request, payload);
        let reply = user.receive_reply("r");
        assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));
        scene.round_trip(&mut user, &mut service);
    }
    assert!(scene.proxy.reason("bad-namespace") >= 1);
    assert_eq!(scene.proxy.logins(), 1);
}

case!(nesting_is_bounded: prosody);
fn nesting_is_bounded(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let nested = |levels: usize| {
        let inner = "<a>".repeat(levels - 1) + &"</a>".repeat(levels - 1);
        format!("<q xmlns='urn:1'>{inner}</q>")
    };
    // The stanza itself is the first level of the default of 128.
    for levels in [100, 127] {
        user.send(format!("<iq type='get' id='r' to='{}'>{}</iq>", scene.domain, nested(levels)));
        let request = service.receive_request();
        service.answer(&request, &nested(levels));
        assert_eq!(user.receive_reply("r").nodes, request.nodes);
    }
    for levels in [128, 1_000, 5_000, 30_000] {
        let payload = nested(levels);
        user.send(format!("<iq type='get' id='r' to='{}'>{payload}</iq>", scene.domain));
        let (condition, _) = user.receive_reply("r").error().unwrap();
        assert_eq!(condition, "policy-violation", "{levels} levels");

        user.ask(&scene.domain, "deep-reply");
        let request = service.receive_request();
        service.answer(&request, &payload);
        let reply = user.receive_reply("deep-reply");
        assert_eq!(reply.error().unwrap().0, "policy-violation", "{levels} levels");

        user.send(format!("<message to='{}'>{payload}</message>", scene.domain));
        user.receive_where("an answer to the message", |it| it.name == "message");
        service.available(&payload);
        scene.round_trip(&mut user, &mut service);
    }
    assert_eq!(scene.proxy.reason("over-limit"), 8);
    assert_eq!(scene.proxy.logins(), 1);
}

case!(stanzas_over_the_byte_limit: both);
fn stanzas_over_the_byte_limit(kind: Kind) {
    let limits = "[limits]\nmax-stanza-bytes = 20000\n";
    let scene = Scene::with(kind, |settings| settings.top = limits.into());
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let big = format!("<q xmlns='urn:1'>{}</q>", "x".repeat(100_000));
    for _ in 0..20 {
        user.send(format!("<iq type='get' id='r' to='{}'>{big}</iq>", scene.domain));
        assert_eq!(user.receive_reply("r").error().unwrap().0, "policy-violation");
        user.ask(&scene.domain, "big-reply");
        let request = service.receive_request();
        service.answer(&request, &big);
        let reply = user.receive_reply("big-reply");
        assert_eq!(reply.error().unwrap().0, "policy-violation");
        assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));
    }
    let in_id = "i".repeat(100_000);
    user.send(format!("<iq type='get' id='{in_id}' to='{}'><q xmlns='urn:1'/></iq>", scene.domain));
    scene.proxy.wait_reason("head-too-large", 1);
    service.hears_no_iq();
    scene.round_trip(&mut user, &mut service);
    assert_eq!(scene.proxy.reason("over-limit"), 40);
    assert_eq!(scene.proxy.logins(), 1);
}

// ejabberd leaves out attributes that it does not know (docs/servers.md#unknown-attributes).
case!(attributes_of_the_stanza_are_bounded: prosody);
fn attributes_of_the_stanza_are_bounded(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let ask = |user: &mut Client, count: usize| {
        let many: String = (0..count).map(|i| format!("a{i}='' ")).collect();
        user.send(format!(
            "<iq type='get' id='r' to='{}' {many}><q xmlns='u'/></iq>",
            scene.domain
        ));
    };
    ask(&mut user, 50);
    let request = service.receive_request();
    assert!(request.attr("a49").is_some());
    service.answer(&request, "");
    user.receive_reply("r");
    ask(&mut user, 2_000);
    // A start tag over a limit is not answered.
    scene
        .proxy
        .wait_until("the count", |it| it.reason("head-too-large") + it.reason("over-limit") == 1);
    user.hears_no_iq();
    scene.round_trip(&mut user, &mut service);
    assert_eq!(scene.proxy.logins(), 1);
}

case!(characters_that_xml_allows: both);
fn characters_that_xml_allows(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    for text in [
        "\u{7f}\u{80}\u{9f}\u{FDD0}\u{1FFFE}\u{10FFFF}".to_string(),
        "]]&gt;".into(),
        format!("&#x{}41;", "0".repeat(3_000)),
        "a\u{301}\u{200d}\u{FEFF}".into(),
        "\u{10FFFF}".repeat(5_000),
        "&quot;".repeat(5_000),
    ] {
        let payload = format!("<q xmlns='urn:1' a='{text}'>{text}</q>");
        user.send(format!("<iq type='get' id='r' to='{}'>{payload}</iq>", scene.domain));
        let request = service.receive_request();
        service.answer(&request, &payload);
        assert_eq!(user.receive_reply("r").nodes, request.nodes);
    }
    assert_eq!(scene.proxy.logins(), 1);
}

case!(a_burst_is_served_in_order: both);
fn a_burst_is_served_in_order(kind: Kind) {
    const BURST: usize = 2_000;
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    let burst: String = (0..BURST)
        .map(|i| format!("<iq type='get' id='{i}' to='{}'><q xmlns='u'/></iq>", scene.domain))
        .collect();
    user.send(burst);
    for number in 0..BURST {
        let request = service.receive_request();
        assert_eq!(request.attr("id"), Some(number.to_string().as_str()));
        service.answer(&request, "");
    }
    for number in 0..BURST {
        user.receive_reply(&number.to_string());
    }
}
