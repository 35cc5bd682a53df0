//! Hostile stanzas that only servers can send.

use super::*;

/// Those that real servers would answer themselves or change, and anything else that a stream can
/// contain.
pub fn of_servers(cast: &Cast<'_>) -> Vec<Case> {
    let Cast { domain, user, service, .. } = cast;
    let target = service.split_once('/').unwrap().0;
    let mut cases = Vec::new();
    let mut add = |sender, xml: String, traffic, reason| {
        cases.push(Case::new(sender, xml, traffic, reason));
    };
    let addressed = format!("type='get' id='h' to='{domain}'");
    for (request, reason) in [
        (format!("<iq type='get' to='{domain}'>{ASK}</iq>"), Reason::NoId),
        (format!("<iq id='h' to='{domain}'>{ASK}</iq>"), Reason::BadType),
        (format!("<iq type='foo' id='h' to='{domain}'>{ASK}</iq>"), Reason::BadType),
        (format!("<iq {addressed}/>"), Reason::ChildCount),
        (format!("<iq {addressed}>text</iq>"), Reason::ChildCount),
        (format!("<iq {addressed}>{ASK}{ASK}</iq>"), Reason::ChildCount),
        (format!("<iq {addressed}><p:q/></iq>"), Reason::BadNamespace),
        (format!("<iq {addressed}><q xmlns='u' p:a='1'/></iq>"), Reason::BadNamespace),
        (format!("<iq {addressed}><xml:q/></iq>"), Reason::BadNamespace),
        (format!("<iq {addressed} p:a='1'>{ASK}</iq>"), Reason::BadNamespace),
        (format!("<iq {addressed} xmlns='jabber:client'>{ASK}</iq>"), Reason::Relayed),
        (format!("<iq {addressed} xmlns='jabber:server'>{ASK}</iq>"), Reason::Relayed),
        (format!("<iq {addressed} xmlns:p='u' p:a='1'>{ASK}</iq>"), Reason::Relayed),
        (format!("<iq type='get' id='h' to='other.example'>{ASK}</iq>"), Reason::NotOurDomain),
        (format!("<iq type='get' id='h'>{ASK}</iq>"), Reason::NotOurDomain),
    ] {
        add(Sender::User, request, USER_REQUEST, reason);
    }
    let weird = format!("<message to='{domain}' type='weird'/>");
    add(Sender::User, weird, Message.inward(), Reason::MessageRefused);
    for type_ in ["weird", "probe", "error", "subscribed", "unsubscribe", "unsubscribed"] {
        let presence = format!("<presence to='{domain}' type='{type_}'/>");
        add(Sender::User, presence, Presence.inward(), Reason::PresenceIgnored);
    }
    let subscribe = format!("<presence to='{domain}' type='subscribe'/>");
    add(Sender::User, subscribe, Presence.inward(), Reason::SubscriptionRefused);
    for foreign in [
        "<foo/>".into(),
        "<foo><iq/></foo>".into(),
        format!("<iq xmlns='urn:x' {addressed} from='{user}'>{ASK}</iq>"),
        "<handshake/>".into(),
        "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>".into(),
        "<stream:features><x xmlns='urn:x'/></stream:features>".into(),
        "<r xmlns='urn:xmpp:sm:3'/>".into(),
    ] {
        add(Sender::Server, foreign, Other.inward(), Reason::NotAStanza);
    }
    let longest = ["n", "d", "r"].map(|c| c.repeat(1023));
    let [node, host, resource] = &longest;
    for (from, reason) in [
        (format!("from='{domain}'"), Reason::OwnAddress),
        (format!("from='n@{domain}/r'"), Reason::OwnAddress),
        (String::new(), Reason::NoFrom),
        ("from=''".into(), Reason::NoFrom),
        (format!("from='{node}@{host}/{resource}'"), Reason::TooLong),
    ] {
        add(Sender::Server, format!("<iq {addressed} {from}>{ASK}</iq>"), USER_REQUEST, reason);
    }
    // Presence that does not change the list of resources.
    let mut presence = |from: &str, type_: &str, payload: &str, reason| {
        let type_ = if type_.is_empty() { String::new() } else { format!(" type='{type_}'") };
        let xml = format!("<presence to='{domain}' from='{from}'{type_}>{payload}</presence>");
        let of_target = from.starts_with(target);
        let traffic = if of_target { Presence.outward() } else { Presence.inward() };
        add(Sender::Server, xml, traffic, reason);
    };
    for resource in (0..30).map(|n| format!("r{n}")).chain(["r".repeat(1023), "😀 /@".into()]) {
        let full = format!("{target}/{resource}");
        presence(&full, "", "<show>dnd</show>", Reason::PresenceUsed);
        presence(&full, "unavailable", "", Reason::PresenceUsed);
    }
    presence(&format!("{target}/unknown"), "unavailable", "", Reason::PresenceUsed);
    presence(service, "probe", "", Reason::PresenceUsed);
    presence(service, "", "<show>nonsense</show><p:undeclared/>", Reason::PresenceUsed);
    presence(target, "", "", Reason::PresenceIgnored);
    presence(service, "error", "", Reason::PresenceIgnored);
    presence(service, "weird", "", Reason::PresenceIgnored);
    for (liar, reason) in [
        (&*format!("x{service}"), Reason::PresenceIgnored),
        ("service", Reason::PresenceIgnored),
        ("@some-domain.example/a", Reason::NoFrom),
    ] {
        for type_ in ["", "unavailable", "unsubscribed"] {
            presence(liar, type_, "", reason);
        }
    }
    // A good token from others, and one that is too long for an address.
    let token = cast.token(1, token::MAX_EXPIRY, domain, service);
    for from in
        [&format!("{service}x"), service.split_once('/').unwrap().0, &format!("{service}/x")]
    {
        let xml = format!("<iq type='result' id='h' to='{domain}/{token}' from='{from}'/>");
        cases.push(Case::new(Sender::Server, xml, TARGET_REPLY, Reason::TokenSignature));
    }
    for from in ["some-domain.example", "other@some-domain.example/a"] {
        let xml = format!("<iq type='result' id='h' to='{domain}/{token}' from='{from}'/>");
        cases.push(Case::new(Sender::Server, xml, Reply.inward(), Reason::NotFromTarget));
    }
    // Prosody holds back these errors.
    let empty = format!("<iq type='error' id='h' to='{domain}/{token}'/>");
    cases.push(Case::new(Sender::Service, empty, TARGET_REPLY, Reason::RelayedError));
    let error = format!("<message type='error' to='{domain}' id='h'>{ERROR}</message>");
    cases.push(Case::new(Sender::User, error, Message.inward(), Reason::ErrorIgnored));
    let beyond = format!("<iq type='result' id='h' to='{domain}/{}'/>", "a".repeat(3_000));
    cases.push(Case::new(Sender::Service, beyond, TARGET_REPLY, Reason::TokenLength));
    // It goes and comes back before anybody else sends anything.
    for gone in [target, service] {
        cases.push(Case {
            sender: Sender::Server,
            xml: format!(
                "<presence to='{domain}' from='{gone}' type='unavailable'/>\
                 <presence to='{domain}' from='{service}'/>"
            ),
            counts: vec![(Presence.outward(), Reason::PresenceUsed); 2],
        });
    }
    cases
}
