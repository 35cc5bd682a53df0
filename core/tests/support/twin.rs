//! A logged-in proxy at proxy.example whose target service@some.example has two resources
//! online, and a twin. The first gets all input whole, the twin gets it byte by byte.

use std::sync::Arc;
use std::time::Duration;

use jat_core::jat::address::Address;
use jat_core::jat::arrangement::Arrangement;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::now::Now;
use jat_core::jat::reason::Reason;
use jat_core::jat::services::Services;
use jat_core::jat::settings::Settings;
use jat_core::jat::traffic::{TARGET_REPLY, Traffic, USER_REQUEST};
use jat_core::jat::translator::Translator;
use jat_core::session::{Bounds, Session};
use jat_core::stanza::limits::Limits;

use crate::oracle;
use crate::said::{Forwarded, Said};
use crate::session::{self, START, Side};
use crate::xml::escaped;

pub const TTL: u64 = 3600;
pub const USER: &str = "user@some-domain.example/abc";
pub const TARGET: &str = "service@some.example";
pub const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";

pub fn settings() -> Settings {
    Settings { reply_ttl: TTL, ..session::settings("proxy.example", TARGET) }
}

/// The same, with everything relayed, for every face; the target may write first to nobody.
pub fn both_ways() -> Settings {
    Settings {
        dispatch: Dispatch::Sticky,
        two_way: Some(Arc::new(session::two_way(&[1]))),
        ..settings()
    }
}

/// The same, with pings and service discovery answered.
pub fn answering() -> Settings {
    Settings { own_answers: session::own_answers(), ..settings() }
}

/// A proxy and its twin.
pub struct Proxy {
    whole: Side,
    cut: Side,
    pub now: Now,
}

impl Proxy {
    pub fn new() -> Self {
        Self::with(settings())
    }

    /// With both resources of the target online.
    pub fn with(settings: Settings) -> Self {
        let mut proxy = Self::connected(settings);
        proxy.bring_online();
        proxy
    }

    /// With several services, each target of which has the resources `a` and `b` online.
    pub fn arranged(arrangement: &Arrangement) -> Self {
        let mut proxy = Self::fresh(arrangement.clone());
        proxy.exchange("");
        proxy.bring_targets_online();
        proxy
    }

    /// With a stream without any input or output yet.
    fn fresh(services: impl Into<Arrangement> + Clone) -> Self {
        let [whole, cut] = [services.clone(), services].map(|it| Side::new(it, Bounds::default()));
        Self { whole, cut, now: START }
    }

    /// Each target grants its subscription, and has two resources.
    fn bring_targets_online(&mut self) {
        let all = self.services().translators().iter().map(|it| it.settings());
        let accounts = all.filter(|it| it.subscriber().is_some());
        let accounts: Vec<String> = accounts.map(|it| it.target.bare().to_string()).collect();
        for target in accounts {
            let at = format!("to='proxy.example' from='{target}");
            let online = ["a", "b"].map(|name| format!("<presence {at}/{name}'/>"));
            self.exchange(format!("<presence type='subscribed' {at}'/>") + &online.concat());
        }
    }

    /// Changes to other services; new targets come online.
    pub fn rearrange(&mut self, arrangement: &Arrangement) {
        let now = self.now;
        for side in [&mut self.whole, &mut self.cut] {
            side.shared.services.reconfigure(arrangement.clone());
            side.due(now);
        }
        self.exchange("");
        self.bring_targets_online();
    }

    pub fn services(&self) -> &Services {
        &self.whole.shared.services
    }

    fn bring_online(&mut self) {
        self.exchange(format!("<presence type='subscribed' to='proxy.example' from='{TARGET}'/>"));
        self.answer_probe();
    }

    /// Sends the presence of both resources of the target.
    pub fn answer_probe(&mut self) -> Said {
        let online = |r: &str| format!("<presence to='proxy.example' from='{TARGET}/{r}'/>");
        self.exchange(online("a") + &online("b"))
    }

    /// Just after a login: subscription requested, nobody online.
    pub fn connected(settings: Settings) -> Self {
        let mut proxy = Self::fresh(settings);
        // The self-test's echoes, the first subscription, and the time query.
        let first = proxy.exchange("").out;
        let echoes: Vec<&String> = first.iter().filter(|s| s.contains("headline")).collect();
        assert_eq!((echoes.len(), first.len()), (16, 18));
        proxy
    }

    /// With a full JID as target, for which no presence is needed.
    pub fn fixed(settings: Settings) -> Self {
        let mut proxy = Self::fresh(settings);
        assert_eq!(proxy.exchange("").out.len(), 17);
        proxy
    }

    /// Also returns the echoes; when they come back, it is alone on its domain.
    pub fn with_echoes() -> (Self, String) {
        let mut proxy = Self::fresh(settings());
        let first = Said::to(&mut proxy.whole, [], START).out;
        Said::to(&mut proxy.cut, [], START);
        proxy.bring_online();
        (proxy, first[..16].concat())
    }

    /// Feeds `input` and returns the result, after checking that the twin did the same.
    pub fn exchange(&mut self, input: impl AsRef<[u8]>) -> Said {
        let input = input.as_ref();
        let whole = Said::to(&mut self.whole, [input], self.now);
        let cut = Said::to(&mut self.cut, input.chunks(1), self.now);
        assert_eq!(whole, cut, "cut at every byte");
        for (traffic, reason, _) in &whole.counted {
            assert!(reason.occurs_in(*traffic), "the table says that {traffic} has no {reason:?}");
        }
        whole
    }

    /// Only whole input, where single bytes would take too long.
    pub fn exchange_whole(&mut self, input: &[u8]) -> Said {
        Said::to(&mut self.whole, [input], self.now)
    }

    /// Only feeds input, and ignores the output.
    pub fn feed_in_pieces(&mut self, input: &[u8], size: usize) {
        let now = self.now;
        let (session, mut turn) = self.whole.split(now);
        for piece in input.chunks(size) {
            session.input().extend(piece);
            session.received(now);
            session.process(&mut turn).unwrap();
            session.sent(session.output().len(), now);
        }
    }

    /// A request that is forwarded, with only its addresses changed.
    pub fn forwarded(&mut self, request: &str) -> Forwarded {
        let said = self.exchange(request);
        assert_eq!(said.counted, [(USER_REQUEST, Reason::Relayed, 1)], "{request}: {said:?}");
        let [xml] = &said.out[..] else { panic!("{said:?}") };
        let [to, from, id] = ["to", "from", "id"].map(|name| oracle::attribute(xml, name).unwrap());
        assert!(self.translator().settings().target.owns(&Address::new(&to)), "{xml}");
        Forwarded { xml: xml.clone(), to, from, id }
    }

    /// A reply that is reverted; returns what the user gets.
    pub fn reverted(&mut self, reply: &str) -> String {
        let said = self.exchange(reply);
        let error = oracle::attribute(reply, "type").as_deref() == Some("error");
        let reason = if error { Reason::RelayedError } else { Reason::Relayed };
        assert_eq!(said.counted, [(TARGET_REPLY, reason, 1)], "{reply}: {said:?}");
        let [xml] = &said.out[..] else { panic!("{said:?}") };
        xml.clone()
    }

    /// Something that gets no answer and is counted once, for `reason`.
    pub fn silent(&mut self, input: impl AsRef<[u8]>, traffic: Traffic, reason: Reason) {
        self.silent_only(input, traffic, reason);
        self.still_serves();
    }

    /// The same, at a moment when a good request would not be served.
    pub fn silent_only(&mut self, input: impl AsRef<[u8]>, traffic: Traffic, reason: Reason) {
        let said = self.exchange(&input);
        let shown = String::from_utf8_lossy(&input.as_ref()[..input.as_ref().len().min(300)]);
        assert_eq!(said.out, Vec::<String>::new(), "{shown}");
        assert_eq!(said.counted, [(traffic, reason, 1)], "{shown}");
        assert_eq!(said.ended, None);
    }

    /// Something that gets a stanza error with exactly this start tag and is counted once.
    pub fn refused(
        &mut self,
        input: &str,
        head: &str,
        condition: &str,
        traffic: Traffic,
        reason: Reason,
    ) -> String {
        let said = self.exchange(input);
        let shown: String = input.chars().take(300).collect();
        assert_eq!(said.counted, [(traffic, reason, 1)], "{shown}: {said:?}");
        let [answer] = &said.out[..] else { panic!("{shown}: {said:?}") };
        let text = assert_error(answer, head, condition);
        self.still_serves();
        text
    }

    /// The same stream forwards a good request and reverts its reply.
    pub fn still_serves(&mut self) {
        let forwarded = self.forwarded(&get(USER, "proxy.example", "good"));
        let user = self.reverted(&forwarded.result());
        assert_eq!(
            user,
            format!("<iq type='result' id='good' to='{USER}' from='proxy.example'></iq>")
        );
    }

    /// Lets time pass; returns the output.
    pub fn after(&mut self, time: Duration) -> Said {
        self.now = self.now.plus(time);
        let now = self.now;
        let [whole, cut] = [&mut self.whole, &mut self.cut]
            .map(|side| Said::after(side, now, |side| side.due(now)));
        assert_eq!(whole, cut);
        whole
    }

    /// As [`Self::after`], second by second, until there is output.
    pub fn within(&mut self, seconds: u64) -> Said {
        let mut said = self.after(Duration::ZERO);
        for _ in 0..seconds {
            if !said.out.is_empty() || said.ended.is_some() {
                break;
            }
            said = self.after(Duration::from_secs(1));
        }
        said
    }

    pub fn reconfigure(&mut self, settings: &Settings) -> Said {
        let now = self.now;
        let [whole, cut] = [&mut self.whole, &mut self.cut].map(|side| {
            side.shared.services.reconfigure(settings.clone().into());
            Said::after(side, now, |side| side.due(now))
        });
        assert_eq!(whole, cut);
        whole
    }

    /// Sets these limits on bytes and depth.
    pub fn limit(&mut self, max_bytes: usize, max_depth: usize) {
        self.set_limits(Limits { max_bytes, max_depth, ..Limits::default() });
    }

    /// Sets this limit on the bytes of a start tag.
    pub fn limit_tags(&mut self, max_tag: usize) {
        self.set_limits(Limits { max_tag, ..Limits::default() });
    }

    fn set_limits(&mut self, limits: Limits) {
        for side in [&mut self.whole, &mut self.cut] {
            side.session.set_bounds(Bounds { limits, ..Bounds::default() });
        }
    }

    /// Lets time pass while the server reads nothing.
    pub fn withhold(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        let now = self.now;
        for side in [&mut self.whole, &mut self.cut] {
            let (session, mut turn) = side.split(now);
            session.tick(&mut turn).unwrap();
            session.blocked(now);
        }
    }

    /// Closes the stream.
    pub fn close(&mut self) {
        for side in [&mut self.whole, &mut self.cut] {
            side.session.close();
            let output = side.session.output();
            assert_eq!(output.trim_ascii_start(), b"</stream:stream>");
            side.session.sent(output.len(), self.now);
        }
    }

    pub fn session(&mut self) -> &mut Session {
        &mut self.whole.session
    }

    pub fn translator(&self) -> &Translator {
        self.whole.shared.translator()
    }

    /// Addresses of the online resources.
    pub fn online(&self) -> Vec<&str> {
        self.translator().presence().resources.iter().map(|r| r.address()).collect()
    }

    pub fn deadline(&self) -> Duration {
        self.whole.session.deadline(&self.whole.shared.services)
    }
}

/// An IQ get with a ping in it.
pub fn get(from: &str, to: &str, id: &str) -> String {
    let [from, to, id] = [from, to, id].map(escaped);
    format!("<iq type='get' id='{id}' to='{to}' from='{from}'>{PING}</iq>")
}

/// The text of `answer`, which is a stanza error of ours with this start tag.
pub fn assert_error(answer: &str, head: &str, condition: &str) -> String {
    let start = &answer[..=answer.find('>').unwrap()];
    assert_eq!(start, head);
    let [error] = &oracle::children(answer)[..] else { panic!("{answer}") };
    let type_ = match condition {
        "bad-request" | "policy-violation" => "modify",
        "forbidden" => "auth",
        _ => "cancel",
    };
    assert_eq!(oracle::attribute(error, "type").as_deref(), Some(type_), "{answer}");
    assert_eq!(oracle::attribute(error, "by").as_deref(), Some("proxy.example"), "{answer}");
    let [defined, text] = &oracle::children(error)[..] else { panic!("{answer}") };
    let stanzas = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'";
    assert!(defined.starts_with(&format!("<{condition} ")), "{condition}: {answer}");
    assert!(defined.contains(stanzas) && text.contains(stanzas), "{answer}");
    assert!(text.starts_with("<text ") && text.contains("lang='en'"), "{answer}");
    let (_, text) = text.split_once('>').unwrap();
    text.strip_suffix("</text>").unwrap().to_owned()
}
