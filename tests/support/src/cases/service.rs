//! Hostile stanzas from the implementing client, and from others with one of its tokens.

use super::*;

/// Those from the implementing client, and from others with one of its tokens.
pub fn of_service(cast: &Cast<'_>) -> Vec<Case> {
    let Cast { domain, service, .. } = cast;
    let sealed = |id, expires, asked: &str, peer: &str| cast.token(id, expires, asked, peer);
    let for_ever = token::MAX_EXPIRY;
    let token = &sealed(1, for_ever, domain, service);
    let mut cases = Vec::new();
    let mut reply = |sender, type_: &str, resource: &str, payload: &str, reason| {
        let xml = format!("<iq type='{type_}' id='h' to='{domain}/{resource}'>{payload}</iq>");
        let traffic = if reason == Reason::NotFromTarget { Reply.inward() } else { TARGET_REPLY };
        cases.push(Case::new(sender, xml, traffic, reason));
    };
    let flipped = |at: usize| {
        let other = if &token[at..=at] == "a" { "b" } else { "a" };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    };
    for (forged, reason) in [
        (flipped(0), Reason::TokenVersion),
        (flipped(4), Reason::UnknownKey),
        (flipped(8), Reason::TokenSignature),
        (flipped(30), Reason::TokenSignature),
        (flipped(token.len() - 3), Reason::TokenSignature),
        (sealed(2, for_ever, domain, service), Reason::UnknownKey),
        (sealed(1, for_ever, "other.example", service), Reason::TokenSignature),
        (sealed(1, for_ever, &format!("n@{domain}"), service), Reason::TokenSignature),
        (sealed(1, for_ever, domain, &format!("{service}x")), Reason::TokenSignature),
        (sealed(1, 1, domain, service), Reason::TokenExpired),
        (token.to_uppercase(), Reason::TokenEncoding),
        (format!("{token}="), Reason::TokenEncoding),
        ("a".into(), Reason::TokenLength),
        (token[..40].into(), Reason::TokenLength),
        ("a".repeat(1_023), Reason::TokenVersion),
        ("a".repeat(64), Reason::TokenVersion),
    ] {
        for type_ in ["result", "error"] {
            reply(Sender::Service, type_, &forged, ERROR, reason);
        }
    }
    // The user itself, and a good token several times.
    reply(Sender::User, "result", token, "", Reason::NotFromTarget);
    for (type_, payload) in [
        ("result", ""),
        ("result", "text only"),
        ("result", ERROR),
        ("error", ERROR),
        ("error", "<error type='foo'><no-such-condition xmlns='urn:x'/></error>"),
        ("error", "<error type='cancel'/><error type='wait'/>"),
    ] {
        let error = type_ == "error";
        let reason = if error { Reason::RelayedError } else { Reason::Relayed };
        reply(Sender::Service, type_, token, payload, reason);
    }
    reply(Sender::Service, "result", token, &nested(128), Reason::OverLimit);
    let mut add = |xml, traffic, reason| {
        cases.push(Case::new(Sender::Service, xml, traffic, reason));
    };
    add(format!("<iq type='result' id='h' to='{domain}'/>"), TARGET_REPLY, Reason::NoToken);
    add(
        format!("<iq type='set' id='h' to='{domain}/{token}'>{ASK}</iq>"),
        Request.outward(),
        Reason::RequestToToken,
    );
    add(
        format!("<message id='h' to='{domain}/{token}'/>"),
        Message.outward(),
        Reason::MessageRefused,
    );
    cases
}
