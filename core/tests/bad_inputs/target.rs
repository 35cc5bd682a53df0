//! What the target sends: replies, forged and honest, and requests of its own.

use core_tests::oracle;
use core_tests::said::Forwarded;
use core_tests::session::{START, key};
use core_tests::twin::{PING, Proxy, TARGET, TTL, USER, get, settings};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::{Settings, TokenIn};
use jat_core::jat::target::Target;
use jat_core::jat::token::{self, Binding, Claims};
use jat_core::jat::traffic::Class::{Message, Reply, Request};
use jat_core::jat::traffic::TARGET_REPLY;

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz234567";

fn request(proxy: &mut Proxy) -> Forwarded {
    proxy.forwarded(&get(USER, "proxy.example", "7"))
}

/// An IQ result to proxy.example with this resource.
fn result_to(resource: &str, from: &str) -> String {
    format!("<iq type='result' id='7' to='proxy.example/{resource}' from='{from}'/>")
}

#[test]
fn forged_tokens_are_dropped_each_for_its_reason() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    let token = good.token();
    let claims = Claims::new(USER, "", "7").unwrap();
    let binding = Binding { asked: "proxy.example", peer: &good.to };
    let expires = START.unix + TTL;
    let flipped = |at: usize| {
        let mut text = token.as_bytes().to_vec();
        text[at] = if text[at] == b'a' { b'b' } else { b'a' };
        String::from_utf8(text).unwrap()
    };
    let sealed = |id, binding| token::seal(&key(id, None), &claims, expires, &binding);
    for (forged, reason) in [
        (flipped(0), Reason::TokenVersion),
        (flipped(4), Reason::UnknownKey),
        (flipped(8), Reason::TokenSignature),
        (flipped(30), Reason::TokenSignature),
        (flipped(token.len() - 3), Reason::TokenSignature),
        (sealed(2, binding), Reason::UnknownKey),
        // The same key, another proxy.
        (sealed(1, Binding { asked: "other.example", ..binding }), Reason::TokenSignature),
        // The same key, the same proxy, another address of it, another resource of the target.
        (sealed(1, Binding { asked: "n@proxy.example", ..binding }), Reason::TokenSignature),
        (sealed(1, Binding { peer: TARGET, ..binding }), Reason::TokenSignature),
        (token::seal(&key(1, None), &claims, START.unix, &binding), Reason::TokenExpired),
    ] {
        for type_ in ["result", "error"] {
            let reply = result_to(&forged, &good.to).replace("result", type_);
            proxy.silent(reply, TARGET_REPLY, reason);
        }
    }
    assert_eq!(sealed(1, binding), token);
    proxy.reverted(&good.result());
}

#[test]
fn a_token_opens_for_the_resource_that_got_it_only() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    let other = if good.to.ends_with('a') { "b" } else { "a" };
    for (from, reason) in [
        (format!("{TARGET}/{other}"), Reason::TokenSignature),
        (format!("{TARGET}/{}", other.to_uppercase()), Reason::TokenSignature),
        (TARGET.to_owned(), Reason::TokenSignature),
        (format!("{TARGET}/"), Reason::NoFrom),
        (format!("{}/x", good.to), Reason::TokenSignature),
        ("some.example".into(), Reason::NotFromTarget),
        ("other@some.example/a".into(), Reason::NotFromTarget),
        (format!("x{}", good.to), Reason::NotFromTarget),
    ] {
        let unknown = matches!(reason, Reason::NotFromTarget | Reason::NoFrom);
        let traffic = if unknown { Reply.inward() } else { TARGET_REPLY };
        proxy.silent(result_to(good.token(), &from), traffic, reason);
    }
    // It is not a token at another address of ours.
    for to in [format!("n@{}", good.from), format!("{}/x", good.from)] {
        let said = proxy.exchange(Forwarded { from: to, ..good.clone() }.result());
        assert!(said.out.is_empty(), "{said:?}");
    }
    // At the right address it opens any number of times.
    proxy.reverted(&good.result());
    proxy.reverted(&good.result());
}

#[test]
fn the_target_is_a_user_but_not_at_the_address_of_a_token() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    for type_ in ["get", "set"] {
        let head = format!("<iq type='error' id='7' to='{}' from='{}'>", good.to, good.from);
        proxy.refused(
            &good.answer(type_, PING),
            &head,
            "feature-not-implemented",
            Request.outward(),
            Reason::RequestToToken,
        );
    }
    let own = proxy.forwarded(&get(&good.to, "proxy.example", "own"));
    let reply = proxy.reverted(&own.result());
    assert_eq!(
        reply,
        format!("<iq type='result' id='own' to='{}' from='proxy.example'></iq>", good.to)
    );
    // Another user's request to the token's address is forwarded like any other.
    let nested = proxy.forwarded(&get(USER, &good.from, "8"));
    let reply = proxy.reverted(&nested.result());
    assert!(reply.contains(&format!(" from='{}'", good.from)), "{reply}");
}

#[test]
fn errors_are_relayed_as_they_are() {
    let mut proxy = Proxy::new();
    for payload in [
        "",
        "text only",
        "<error/>",
        "<error type='foo'><no-such-condition xmlns='urn:x'/></error>",
        "<error type='cancel'/><error type='wait'/>",
        &format!(
            "{PING}<error type='modify'><bad-request \
            xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        ),
        "<![CDATA[<error/>]]>&#10;&lt;",
        "<p:error xmlns:p='urn:p' p:type='x' xml:lang='de'/>",
    ] {
        for type_ in ["error", "result"] {
            let good = request(&mut proxy);
            assert_eq!(
                proxy.reverted(&good.answer(type_, payload)),
                format!(
                    "<iq type='{type_}' id='7' to='{USER}' from='proxy.example'>{payload}</iq>"
                )
            );
        }
    }
    let foo = request(&mut proxy).answer("foo", "");
    let said = proxy.exchange(foo);
    assert_eq!(said.counted, [(Request.outward(), Reason::BadType, 1)]);
    proxy.still_serves();
}

#[test]
fn misspelt_tokens_are_dropped() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    let token = good.token();
    let last = ALPHABET.find(token.chars().next_back().unwrap()).unwrap();
    let bits = token.len() * 5 % 8;
    // The bits after the last byte must be zero; some lengths have none.
    let trailing = format!("{}{}", &token[..token.len() - 1], &ALPHABET[last + 1..last + 2]);
    let odd = if bits == 0 { Reason::TokenSignature } else { Reason::TokenEncoding };
    for (spelt, reason) in [
        (token.to_uppercase(), Reason::TokenEncoding),
        (format!("{token}="), Reason::TokenEncoding),
        (format!("{token}======"), Reason::TokenEncoding),
        (format!(" {token}"), Reason::TokenEncoding),
        (format!("{token}&#10;"), Reason::TokenEncoding),
        (format!("{token}\u{200b}"), Reason::TokenEncoding),
        (trailing, odd),
        ("a".into(), Reason::TokenLength),
        (token[..40].into(), Reason::TokenLength),
        ("a".repeat(10_000), Reason::TokenLength),
        ("a".repeat(1024), Reason::TokenLength),
        ("a".repeat(64), Reason::TokenVersion),
        (String::new(), Reason::NoToken),
    ] {
        proxy.silent(result_to(&spelt, &good.to), TARGET_REPLY, reason);
    }
    proxy.silent(
        format!("<iq type='result' id='7' to='proxy.example' from='{}'/>", good.to),
        TARGET_REPLY,
        Reason::NoToken,
    );
    proxy.reverted(&good.result());
}

#[test]
fn the_id_of_a_reply_is_not_trusted() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    for id in ["", " id=''", " id='other'", " id='&lt;'", &format!(" id='{}'", "x".repeat(30_000))]
    {
        let reply = format!("<iq type='result'{id} to='{}' from='{}'/>", good.from, good.to);
        let user = proxy.reverted(&reply);
        assert!(user.contains(" id='7'") && user.len() < 200, "{user}");
    }
}

#[test]
fn with_the_token_in_the_id_a_service_sees_who_asks() {
    let mut proxy = Proxy::with(Settings { token_in: TokenIn::Id, ..settings() });
    let good = proxy.forwarded(&get(USER, "n@proxy.example/r", "7"));
    assert_eq!(good.from, format!("n@proxy.example/{USER}"));
    assert_eq!(
        proxy.reverted(&good.answer("error", PING)),
        format!("<iq type='error' id='7' to='{USER}' from='n@proxy.example/r'>{PING}</iq>")
    );
    for (reply, reason) in [
        (Forwarded { to: format!("{TARGET}/z"), ..good.clone() }, Reason::TokenSignature),
        (Forwarded { id: "7".into(), ..good.clone() }, Reason::TokenLength),
        (Forwarded { id: good.id.to_uppercase(), ..good.clone() }, Reason::TokenLength),
        (Forwarded { id: String::new(), ..good.clone() }, Reason::TokenLength),
    ] {
        let said = proxy.exchange(reply.result());
        assert!(said.out.is_empty() && said.counted[0].0 == TARGET_REPLY, "{reason:?} {said:?}");
        proxy.still_serves();
    }
    let again = good.answer("set", PING);
    let said = proxy.exchange(again);
    assert_eq!(said.counted, [(Request.outward(), Reason::RequestToToken, 1)]);
    proxy.still_serves();
}

#[test]
fn settings_may_change_between_request_and_reply() {
    let in_id = Settings { token_in: TokenIn::Id, ..settings() };
    for (before, after) in [(settings(), in_id.clone()), (in_id, settings())] {
        let mut proxy = Proxy::with(before);
        let good = request(&mut proxy);
        assert!(proxy.reconfigure(&after).out.is_empty());
        let user = proxy.reverted(&good.result());
        assert_eq!(
            user,
            format!("<iq type='result' id='7' to='{USER}' from='proxy.example'></iq>")
        );
    }
}

#[test]
fn another_target_gets_none_of_the_old_ones_tokens() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    let target = Target::new("other@some.example".parse().unwrap());
    let said = proxy.reconfigure(&Settings { target, ..settings() });
    let [subscribe] = &said.out[..] else { panic!("{said:?}") };
    let attribute = |name| oracle::attribute(subscribe, name).unwrap();
    assert_eq!(
        (attribute("to"), attribute("type")),
        ("other@some.example".into(), "subscribe".into())
    );
    let said = proxy.exchange(good.result());
    assert_eq!(
        (said.out.len(), said.counted),
        (0, vec![(Reply.inward(), Reason::NotFromTarget, 1)])
    );
    let forged = Forwarded { to: good.to.replace("service", "other"), ..good.clone() };
    let said = proxy.exchange(forged.result());
    assert_eq!(
        (said.out.len(), said.counted),
        (0, vec![(TARGET_REPLY, Reason::TokenSignature, 1)])
    );
    // With the old target back, its earlier requests can be answered.
    proxy.reconfigure(&settings());
    proxy.reverted(&good.result());
}

#[test]
fn a_fixed_resource_is_served_without_any_subscription() {
    let target = Target::new(format!("{TARGET}/only").parse().unwrap());
    let mut proxy = Proxy::fixed(Settings { target, ..settings() });
    let good = request(&mut proxy);
    assert_eq!(good.to, format!("{TARGET}/only"));
    proxy.reverted(&good.result());
    proxy.silent(
        result_to(good.token(), &format!("{TARGET}/other")),
        TARGET_REPLY,
        Reason::TokenSignature,
    );
}

#[test]
fn messages_of_the_target_are_refused_too() {
    let mut proxy = Proxy::new();
    let good = request(&mut proxy);
    let message = format!("<message id='7' to='{}' from='{}'/>", good.from, good.to);
    let head = format!("<message type='error' id='7' to='{}' from='{}'>", good.to, good.from);
    proxy.refused(
        &message,
        &head,
        "feature-not-implemented",
        Message.outward(),
        Reason::MessageRefused,
    );
}

#[test]
fn a_target_elsewhere_fails_with_the_errors_of_servers() {
    // The errors come from the full JID that was written to, with or without a copy of the request.
    let target = Target::new("bot@elsewhere.example/a".parse().unwrap());
    let mut proxy = Proxy::fixed(Settings { target, ..settings() });
    let good = request(&mut proxy);
    for condition in ["remote-server-not-found", "remote-server-timeout", "service-unavailable"] {
        let payload = format!(
            "{PING}<error type='cancel'><{condition} \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        );
        assert_eq!(
            proxy.reverted(&good.answer("error", &payload)),
            format!("<iq type='error' id='7' to='{USER}' from='proxy.example'>{payload}</iq>")
        );
    }
    // Only from the target's address; the server's own address is not the target.
    let server = Forwarded { to: "elsewhere.example".into(), ..good };
    proxy.silent(server.answer("error", ""), Reply.inward(), Reason::NotFromTarget);
}
