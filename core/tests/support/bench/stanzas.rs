//! The stanzas that are measured.

use crate::xml::Stanza;

pub const USER: &str = "user@some-domain.example/abc";
pub const TARGET: &str = "some-user@some-domain.example";
pub const DOMAIN: &str = "proxy.domain.example";

/// An IQ request of the user with this child.
pub fn request(child: &str) -> String {
    format!("<iq type='get' id='1234' to='{DOMAIN}' from='{USER}'>{child}</iq>")
}

/// The reply to a forwarded request, with this child.
pub fn reply(forwarded: &str, child: &str) -> String {
    let Stanza { id, to, from, .. } = Stanza::read(forwarded);
    format!("<iq type='result' id='{id}' to='{from}' from='{to}'>{child}</iq>")
}

/// What makes a request of about 150 bytes.
pub fn disco_request() -> String {
    "<query xmlns='http://jabber.org/protocol/disco#info'/>".into()
}

/// A disco#info result of about 2 kB.
pub fn disco_reply() -> String {
    let features: String =
        (0..42).map(|n| format!("<feature var='urn:xmpp:example:{n}:{n}'/>")).collect();
    let identity = "<identity category='conference' type='text' name='Some room'/>";
    format!("<query xmlns='http://jabber.org/protocol/disco#info'>{identity}{features}</query>")
}

/// About so many bytes of small elements with attributes and text, like a list of results.
pub fn tags(bytes: usize) -> String {
    let item = |n| format!("<item jid='room{n}@rooms.example' name='Room {n}'>some text</item>");
    filled("<query xmlns='http://jabber.org/protocol/disco#items'>", bytes, item, "</query>")
}

/// About so many bytes of small elements, each with an address of the target.
pub fn own_addresses(bytes: usize) -> String {
    let item = |n| format!("<item jid='{TARGET}/{n}' name='Item {n}'>some text</item>");
    filled("<query xmlns='http://jabber.org/protocol/disco#items'>", bytes, item, "</query>")
}

/// About so many bytes of text with a reference here and there.
pub fn text(bytes: usize) -> String {
    let line = |_| "some text that goes on and on &amp; never ends, as it seems.\n".to_owned();
    filled("<data xmlns='urn:example:text'>", bytes, line, "</data>")
}

/// So many bytes of elements nested to this depth, repeated.
pub fn nested(depth: usize, bytes: usize) -> String {
    let tower = |_| "<a>".repeat(depth) + &"</a>".repeat(depth);
    filled("<q xmlns='urn:example:tower'>", bytes, tower, "</q>")
}

fn filled(head: &str, bytes: usize, piece: impl Fn(usize) -> String, tail: &str) -> String {
    let mut all = String::from(head);
    for n in 0.. {
        let next = piece(n);
        if all.len() + next.len() + tail.len() > bytes {
            break;
        }
        all += &next;
    }
    all + tail
}
