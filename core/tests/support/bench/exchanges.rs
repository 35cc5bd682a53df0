//! Each kind of stanza that is relayed, with a stream that relays it any number of times.

use std::sync::Arc;

use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::dispatch::Dispatch;

use super::proxy::Proxy;
use super::stanzas::{self, DOMAIN, TARGET, USER};
use crate::session::two_way;
use crate::xml::Stanza;

/// A stanza and its stream.
pub struct Exchange {
    proxy: Proxy,
    stanza: String,
}

/// A kind of stanza, and how its exchange begins.
pub struct Kind {
    pub name: &'static str,
    pub begin: fn() -> Exchange,
}

/// A user's request and its reply, where nothing else is relayed; then all kinds, where everything
/// is. Names have no dots, since they are used for files.
pub const KINDS: [Kind; 14] = [
    Kind { name: "request-alone", begin: || Exchange::request(Proxy::new(), "") },
    Kind { name: "reply-alone", begin: || Exchange::reply(Proxy::new(), "") },
    Kind { name: "request-clear", begin: || Exchange::request(proxy(Mirrors::Clear), "helper@") },
    Kind { name: "request-signed", begin: || Exchange::request(proxy(Mirrors::Signed), "helper@") },
    Kind { name: "reply-clear", begin: || Exchange::reply(proxy(Mirrors::Clear), "helper@") },
    Kind { name: "message-in-clear", begin: || Exchange::message_inward(Mirrors::Clear) },
    Kind { name: "message-in-signed", begin: || Exchange::message_inward(Mirrors::Signed) },
    Kind { name: "message-out-clear", begin: || Exchange::message_outward(Mirrors::Clear) },
    Kind { name: "message-out-signed", begin: || Exchange::message_outward(Mirrors::Signed) },
    Kind { name: "own-request", begin: || Exchange::own_request(Mirrors::Clear) },
    Kind { name: "own-reply", begin: || Exchange::own_reply(Mirrors::Clear) },
    Kind { name: "presence-in", begin: Exchange::presence_inward },
    Kind { name: "presence-out", begin: || Exchange::presence_outward("") },
    Kind { name: "presence-scrubbed", begin: || Exchange::presence_outward(DELAY) },
];

/// How users appear to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrors {
    Clear,
    Signed,
}

impl Exchange {
    /// Relays the stanza once more; returns the number of bytes of output.
    pub fn turn(&mut self) -> usize {
        self.proxy.turn(self.stanza.as_bytes())
    }

    /// The same; returns the output.
    pub fn relay(&mut self) -> String {
        self.proxy.relay(&self.stanza)
    }

    pub fn assert_all_relayed(&self) {
        self.proxy.assert_all_relayed();
    }

    /// A request with this child, where nothing but requests is relayed.
    pub fn with_payload(child: &str) -> Self {
        Self { proxy: Proxy::new(), stanza: stanzas::request(child) }
    }

    /// A request to the face with this node.
    pub fn with_face(proxy: Proxy, node: &str) -> Self {
        Self::request(proxy, &format!("{node}@"))
    }

    fn request(proxy: Proxy, face: &str) -> Self {
        let stanza = stanzas::request(&stanzas::disco_request());
        Self { proxy, stanza: stanza.replacen("to='", &format!("to='{face}"), 1) }
    }

    fn reply(proxy: Proxy, face: &str) -> Self {
        let mut request = Self::request(proxy, face);
        let forwarded = request.relay();
        let stanza = stanzas::reply(&forwarded, &stanzas::disco_request());
        Self { stanza, ..request }
    }

    fn message_inward(mirrors: Mirrors) -> Self {
        let to = format!("helper@{DOMAIN}");
        Self { proxy: proxy(mirrors), stanza: message(&to, USER) }
    }

    fn message_outward(mirrors: Mirrors) -> Self {
        let (proxy, mirror) = Self::message_inward(mirrors).mirror();
        Self { proxy, stanza: message(&mirror, &format!("{TARGET}/a")) }
    }

    fn own_request(mirrors: Mirrors) -> Self {
        let (proxy, mirror) = Self::message_inward(mirrors).mirror();
        let child = stanzas::disco_request();
        let stanza =
            format!("<iq type='get' id='1234' to='{mirror}' from='{TARGET}/a'>{child}</iq>");
        Self { proxy, stanza }
    }

    fn own_reply(mirrors: Mirrors) -> Self {
        let mut request = Self::own_request(mirrors);
        let asked = request.relay();
        Self { stanza: stanzas::reply(&asked, &stanzas::disco_request()), ..request }
    }

    fn presence_inward() -> Self {
        let stanza = format!("<presence to='helper@{DOMAIN}' from='{USER}'>{CAPS}</presence>");
        Self { proxy: proxy(Mirrors::Clear), stanza }
    }

    fn presence_outward(more: &str) -> Self {
        let (proxy, stanza) = presence_outward(&format!("{CAPS}{more}"));
        Self { proxy, stanza }
    }

    /// The mirror of the user.
    fn mirror(mut self) -> (Proxy, String) {
        let forwarded = self.relay();
        let Stanza { from, .. } = Stanza::read(&forwarded);
        assert!(from.contains(r"\40"), "{forwarded}");
        (self.proxy, from.to_owned())
    }
}

/// Presence of the target with these children, and its stream.
pub fn presence_outward(children: &str) -> (Proxy, String) {
    let (proxy, mirror) = Exchange::message_inward(Mirrors::Clear).mirror();
    let from = format!("{TARGET}/a");
    (proxy, format!("<presence to='{mirror}' from='{from}'>{children}</presence>"))
}

/// A stream of a component that relays everything.
fn proxy(mirrors: Mirrors) -> Proxy {
    Proxy::with(|settings| {
        let mut two_way = two_way(&[1]);
        if mirrors == Mirrors::Clear {
            two_way.initiate = Arc::new(Senders::new([Pattern::Everybody]));
        }
        settings.dispatch = Dispatch::Sticky;
        settings.two_way = Some(Arc::new(two_way));
    })
}

/// With the same child as a request, for comparison.
fn message(to: &str, from: &str) -> String {
    let child = stanzas::disco_request();
    format!("<message type='chat' id='1234' to='{to}' from='{from}'>{child}</message>")
}

const CAPS: &str = "<show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
    node='http://slixmpp.com/ver/1.8.3' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>";
/// As ejabberd adds it.
pub const DELAY: &str = "<delay xmlns='urn:xmpp:delay' from='some-user@some-domain.example/a' \
    stamp='2024-05-01T10:00:00Z'/>";
