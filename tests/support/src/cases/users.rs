//! Hostile stanzas from users.

use super::*;

/// Those from users, none of them over 4 kB.
pub fn of_users(cast: &Cast<'_>) -> Vec<Case> {
    let Cast { domain, user, .. } = cast;
    let mut cases = Vec::new();
    let mut add = |xml: String, traffic, reason| {
        cases.push(Case::new(Sender::User, xml, traffic, reason));
    };
    let iq = |more: &str, to: &str, payload: &str| {
        format!("<iq type='get' to='{to}' {more}>{payload}</iq>")
    };
    // Served, however unusual.
    for id in ["", "'", "h\"<&", "h😀", "h]]>", "h\u{85}\u{2028}"] {
        add(iq(&format!("id='{}'", escaped(id)), domain, ASK), USER_REQUEST, Reason::Relayed);
    }
    for (node, resource) in [("", "/foo"), ("", "/'<😀 /@"), ("node@", ""), ("node@", "/res")] {
        let to = format!("{node}{domain}{}", escaped(resource));
        add(iq("id='h'", &to, ASK), USER_REQUEST, Reason::Relayed);
    }
    let fits = "h".repeat(MAX_CLAIM_BYTES - user.len());
    add(iq(&format!("id='{fits}'"), domain, ASK), USER_REQUEST, Reason::Relayed);
    for payload in [
        format!("text &amp; {ASK} text"),
        nested(127),
        format!("<q xmlns='urn:q' a='{}'/>", "v".repeat(3_500)),
        format!("<{0} xmlns='urn:q'/>", "n".repeat(3_500)),
        format!("<q xmlns='{}'/>", "u".repeat(3_500)),
        "<q xmlns='urn:q'>&#10;&#x1F600;&lt;&gt;&amp;\u{10ffff}\u{7f}\u{80}</q>".into(),
        "<q xmlns='urn:q' xml:lang='de' xml:space='preserve'/>".into(),
        "<error xmlns='urn:q'/>".into(),
    ] {
        add(iq("id='h'", domain, &payload), USER_REQUEST, Reason::Relayed);
    }
    for kept in ["xml:lang='de'", "foo='&#9;&quot;&gt;'", "To='x' From='y'"] {
        add(iq(&format!("id='h' {kept}"), domain, ASK), USER_REQUEST, Reason::Relayed);
    }
    // Answered.
    let long = format!("id='{fits}h'");
    add(iq(&long, domain, ASK), USER_REQUEST, Reason::TooLong);
    add(iq(&format!("id='{}'", "h".repeat(3_500)), domain, ASK), USER_REQUEST, Reason::TooLong);
    for levels in [128, 500] {
        add(iq("id='h'", domain, &nested(levels)), USER_REQUEST, Reason::OverLimit);
    }
    for type_ in ["", "type='chat'", "type='normal'", "type='headline'", "type='groupchat'"] {
        let message = format!("<message to='{domain}' id='h' {type_}><body>hi</body></message>");
        add(message, Message.inward(), Reason::MessageRefused);
    }
    // Never answered.
    for type_ in ["result", "error"] {
        for to in [domain.to_string(), format!("{domain}/garbage")] {
            let reply = format!("<iq type='{type_}' id='h' to='{to}'>{ERROR}</iq>");
            add(reply, Reply.inward(), Reason::NotFromTarget);
        }
    }
    for (type_, payload) in [
        ("", "<show>nonsense</show><priority>1000</priority>"),
        ("", "<show/><show/><priority>x</priority>"),
        ("type='unavailable'", ""),
    ] {
        let presence = format!("<presence to='{domain}' {type_}>{payload}</presence>");
        add(presence, Presence.inward(), Reason::PresenceIgnored);
    }
    let many: String = (0..64).map(|i| format!("a{i}='' ")).collect();
    add(iq(&format!("id='h' {many}"), domain, ASK), Other.inward(), Reason::HeadTooLarge);
    cases
}
