//! Hostile stanzas, and what each must count as. The numbers in brackets are those of the list
//! of bad inputs that `core/tests/bad_inputs` is made from, which looks at every answer.

use core_tests::xml::escaped;
use jat_core::jat::keyring::Key;
use jat_core::jat::reason::{Outcome, Reason, Tally};
use jat_core::jat::token::{self, Binding, Claims, MAX_CLAIM_BYTES};
use jat_core::jat::traffic::Class::{self, Message, Other, Presence, Reply, Request};
use jat_core::jat::traffic::{TARGET_REPLY, Traffic, USER_REQUEST};
use zeroize::Zeroizing;

/// Who takes part.
pub struct Cast<'a> {
    /// The component's.
    pub domain: &'a str,
    /// The hostile user's full JID.
    pub user: &'a str,
    /// The implementing client's full JID.
    pub service: &'a str,
    /// Every byte of the secret of the key with the id 1.
    pub secret: u8,
}

impl Cast<'_> {
    /// A token for a request of the user with the id h, signed with the key of this id.
    fn token(&self, kid: u8, expires: u64, asked: &str, peer: &str) -> String {
        let key = Key::new(kid, &Zeroizing::new(vec![self.secret; 32]), None).unwrap();
        let claims = Claims::new(self.user, "", "h").unwrap();
        token::seal(&key, &claims, expires, &Binding { asked, peer })
    }
}

/// A hostile stanza, or some that belong together.
#[derive(Clone, Debug)]
pub struct Case {
    pub sender: Sender,
    /// As the sender writes it.
    pub xml: String,
    /// What it counts as.
    pub counts: Vec<(Traffic, Reason)>,
}

/// Who writes a hostile stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    User,
    Service,
    /// Whoever the stanza says; only a server can write that.
    Server,
}

impl Case {
    fn new(sender: Sender, xml: String, traffic: Traffic, reason: Reason) -> Self {
        Self { sender, xml, counts: vec![(traffic, reason)] }
    }

    /// As a server writes it on the component's stream.
    pub fn stamped(&self, cast: &Cast<'_>) -> String {
        let from = match self.sender {
            Sender::User => cast.user,
            Sender::Service => cast.service,
            Sender::Server => return self.xml.clone(),
        };
        let name_end = self.xml.find([' ', '/', '>']).unwrap();
        let (name, rest) = self.xml.split_at(name_end);
        format!("{name} from='{}'{rest}", escaped(from))
    }

    /// Whether the service gets a request that it replies to.
    pub fn is_forwarded(&self) -> bool {
        self.counts.contains(&(USER_REQUEST, Reason::Relayed))
    }

    /// Whether its sender gets an error for it.
    pub fn is_refused(&self) -> bool {
        let refused = |(traffic, reason): &(Traffic, Reason)| {
            matches!(traffic.class, Class::Request | Class::Message)
                && matches!(reason.outcome(), Outcome::Answered(_))
        };
        self.counts.iter().any(refused)
    }

    /// Adds what it and the reply to it count as.
    pub fn account(&self, tally: &mut Tally) {
        for (traffic, reason) in &self.counts {
            tally.count(*traffic, *reason);
        }
        if self.is_forwarded() {
            tally.count(TARGET_REPLY, Reason::Relayed);
        }
    }

    /// How many IQs and messages come back to the hostile user for it.
    pub fn answers(&self) -> usize {
        let told = |(traffic, reason): &&(Traffic, Reason)| {
            let told = matches!(reason.outcome(), Outcome::Answered(_) | Outcome::Relayed);
            told && match self.sender {
                Sender::User => traffic.class != Class::Presence,
                Sender::Service => *traffic == TARGET_REPLY,
                Sender::Server => false,
            }
        };
        self.counts.iter().filter(told).count()
    }
}

/// What a user can send [1 to 18, 28 to 31], none of it over 4 kB.
pub fn of_users(cast: &Cast<'_>) -> Vec<Case> {
    let Cast { domain, user, .. } = cast;
    let mut cases = Vec::new();
    let mut add = |xml: String, traffic, reason| {
        cases.push(Case::new(Sender::User, xml, traffic, reason));
    };
    let iq = |more: &str, to: &str, payload: &str| {
        format!("<iq type='get' to='{to}' {more}>{payload}</iq>")
    };
    // Served, however odd.
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

/// The like that real servers answer themselves or change, and what the stream can bring besides
/// [1, 5 to 7, 12, 33, 47, 48].
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
    // Presence that leaves the service where it is.
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
    // A good token from others, and one that no address has room for.
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
    // Prosody keeps back these errors.
    let empty = format!("<iq type='error' id='h' to='{domain}/{token}'/>");
    cases.push(Case::new(Sender::Service, empty, TARGET_REPLY, Reason::RelayedError));
    let error = format!("<message type='error' to='{domain}' id='h'>{ERROR}</message>");
    cases.push(Case::new(Sender::User, error, Message.inward(), Reason::ErrorIgnored));
    let beyond = format!("<iq type='result' id='h' to='{domain}/{}'/>", "a".repeat(3_000));
    cases.push(Case::new(Sender::Service, beyond, TARGET_REPLY, Reason::TokenLength));
    // It goes and is back before anybody else has a word.
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

/// What the implementing client can send [19 to 27], and others with a token of it.
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
    // The user itself, and a good token again and again.
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

/// What is over a limit, or large and within all of them [3, 27 to 29], where `most` bytes are
/// allowed.
pub fn large(cast: &Cast<'_>, most: usize) -> Vec<Case> {
    let Cast { domain, service, .. } = cast;
    let good = &format!("{domain}/{}", cast.token(1, token::MAX_EXPIRY, domain, service));
    let iq =
        |id: &str, payload: &str| format!("<iq type='get' to='{domain}' id='{id}'>{payload}</iq>");
    let text = |length: usize| format!("<q xmlns='urn:q'>{}</q>", "x&amp;".repeat(length / 6));
    let result = |payload: &str| format!("<iq type='result' id='h' to='{good}'>{payload}</iq>");
    let many: String = (0..2_000).map(|i| format!("a{i}='' ")).collect();
    let from_user = [
        (iq("h", &text(most + most / 50)), USER_REQUEST, Reason::OverLimit),
        (iq("h", &text(most * 2)), USER_REQUEST, Reason::OverLimit),
        (iq("h", &nested(most / 17)), USER_REQUEST, Reason::OverLimit),
        (
            iq("h", &format!("<q xmlns='u' a='{}'/>", "v".repeat(most))),
            USER_REQUEST,
            Reason::OverLimit,
        ),
        (iq(&"h".repeat(most), ASK), Other.inward(), Reason::HeadTooLarge),
        (
            iq("h", ASK).replacen("<iq ", &format!("<iq {many}"), 1),
            Other.inward(),
            Reason::HeadTooLarge,
        ),
        (iq(&"h".repeat(most / 25), ASK), USER_REQUEST, Reason::TooLong),
        // As much again may have to follow a tag.
        (
            iq("h", &format!("<q xmlns='u' a='{}'/>", "v".repeat(most / 5 * 4))),
            USER_REQUEST,
            Reason::OverLimit,
        ),
        (
            iq("h", &format!("<q xmlns='u' a='{}'/>", "v".repeat(most / 5 * 2))),
            USER_REQUEST,
            Reason::Relayed,
        ),
        (iq("h", &format!("<{}/>", "n".repeat(most / 25))), USER_REQUEST, Reason::Relayed),
    ];
    let from_service = [
        (result(&text(most + most / 50)), TARGET_REPLY, Reason::OverLimit),
        (result(&nested(most / 17)), TARGET_REPLY, Reason::OverLimit),
        (result(&text(most / 5 * 4)), TARGET_REPLY, Reason::Relayed),
    ];
    let of = |sender| move |(xml, traffic, reason)| Case::new(sender, xml, traffic, reason);
    let users = from_user.into_iter().map(of(Sender::User));
    users.chain(from_service.into_iter().map(of(Sender::Service))).collect()
}

/// The like that only a server can bring.
pub fn large_of_servers(cast: &Cast<'_>, most: usize) -> Vec<Case> {
    let domain = cast.domain;
    // Too large only when it is answered.
    let id = "\"".repeat(most / 5);
    let quotes = format!("<iq type='get' to='{domain}' id='{id}'>{ASK}</iq>");
    let beyond = format!("<iq type='result' id='h' to='{domain}/{}'/>", "a".repeat(10_000));
    vec![
        Case::new(Sender::User, quotes, USER_REQUEST, Reason::HeadTooLarge),
        Case::new(Sender::Service, beyond, TARGET_REPLY, Reason::TokenLength),
    ]
}

/// A million levels (28).
pub fn deepest(cast: &Cast<'_>) -> Case {
    let payload = nested(1_000_000);
    let xml = format!("<iq type='get' id='h' to='{}'>{payload}</iq>", cast.domain);
    Case::new(Sender::User, xml, USER_REQUEST, Reason::OverLimit)
}

/// An element with so many levels.
pub fn nested(levels: usize) -> String {
    format!("<q xmlns='urn:q'>{}{}</q>", "<x>".repeat(levels - 1), "</x>".repeat(levels - 1))
}

const ERROR: &str = "<error/>";
const ASK: &str = "<ask xmlns='urn:example:ask'/>";
