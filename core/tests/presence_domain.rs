//! A component with a presence domain: two streams, one translator.

use std::time::Duration;

use core_tests::session::{self, Shared};
use core_tests::xml::Stanza;
use jat_core::jat::now::Now;
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::session::{Bounds, Session, Turn};
use jat_core::stanza::condition::DefinedCondition;
use jat_core::stanza::limits::Limits;

const START: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(1) };
const OWN: &str = "proxy.example";
const PRESENCE: &str = "a.proxy.example";
const ONLINE: &str = "<presence from='bot@s.example/x'";

#[test]
fn the_subscription_is_the_presence_domains() {
    let mut it = Replica::start();
    assert!(!it.said_first(OWN).contains("<presence"));
    let asked = it.said_first(PRESENCE);
    assert!(asked.contains("from='a.proxy.example'") && asked.contains("subscribe"), "{asked}");
    it.hear(OWN, &format!("{ONLINE} to='proxy.example'/>"));
    assert_eq!((it.online(), it.count(Reason::PresenceIgnored)), (0, 1));
    it.hear(PRESENCE, &format!("{ONLINE} to='a.proxy.example'/>"));
    assert_eq!(it.online(), 1);
    let ask = "<iq type='get' id='1' from='u@s.example/r' to='proxy.example'><q/></iq>";
    let forwarded = it.hear(OWN, ask);
    assert!(forwarded.contains("to='bot@s.example/x'"), "{forwarded}");
}

#[test]
fn the_presence_domain_answers_and_relays_nothing() {
    let mut it = Replica::start();
    it.hear(PRESENCE, &format!("{ONLINE} to='a.proxy.example'/>"));
    for (stanza, condition) in [
        ("<iq type='get' id='1' from='u@s.example/r' to='a.proxy.example'><q/></iq>", true),
        ("<iq type='set' id='1' from='bot@s.example/x' to='n@a.proxy.example/r'><q/></iq>", true),
        ("<message from='u@s.example/r' to='a.proxy.example'><body/></message>", true),
        ("<message type='error' from='u@s.example/r' to='a.proxy.example'/>", false),
        ("<iq type='result' id='1' from='bot@s.example/x' to='a.proxy.example/t'/>", false),
        ("<iq type='error' id='1' from='u@s.example/r' to='a.proxy.example'/>", false),
    ] {
        let said = it.hear(PRESENCE, stanza);
        assert_eq!(said.contains("<service-unavailable"), condition, "{stanza}: {said}");
        assert_eq!(said.is_empty(), !condition, "{stanza}: {said}");
    }
    assert_eq!(it.count(Reason::PresenceDomain), 3);
    assert_eq!(it.count(Reason::Relayed), 0);
    let said =
        it.hear(PRESENCE, "<presence type='subscribe' from='u@s.example' to='a.proxy.example'/>");
    assert!(said.contains("unsubscribed") && said.contains("from='a.proxy.example'"), "{said}");
}

/// Unlike the component's domain, this one answers none.
#[test]
fn a_ping_of_the_presence_domain_is_refused() {
    let mut it = Replica::start();
    let own_answers = session::own_answers();
    it.shared.services.reconfigure(Settings { own_answers, ..settings(Some(PRESENCE)) }.into());
    for payload in
        ["<ping xmlns='urn:xmpp:ping'/>", "<query xmlns='http://jabber.org/protocol/disco#info'/>"]
    {
        let ask =
            |to| format!("<iq type='get' id='1' from='u@s.example/r' to='{to}'>{payload}</iq>");
        let said = it.hear(PRESENCE, &ask(PRESENCE));
        assert!(said.contains("<service-unavailable"), "{said}");
        let said = it.hear(OWN, &ask(OWN));
        assert!(said.starts_with("<iq type='result' "), "{said}");
    }
    assert_eq!((it.count(Reason::PresenceDomain), it.count(Reason::OwnAnswer)), (2, 2));
}

#[test]
fn neither_stream_takes_what_is_for_the_other() {
    let mut it = Replica::start();
    let to = |domain| format!("<iq type='get' id='1' from='u@s.example/r' to='{domain}'><q/></iq>");
    assert_eq!(it.hear(OWN, &to(PRESENCE)), "");
    assert_eq!(it.hear(PRESENCE, &to(OWN)), "");
    assert_eq!(it.count(Reason::NotOurDomain), 2);
}

/// An address of ours may come back on either stream: relaying it would make loops.
#[test]
fn both_domains_are_our_own() {
    let mut it = Replica::start();
    for (at, from) in [(OWN, PRESENCE), (PRESENCE, OWN), (OWN, "x@A.Proxy.Example/r")] {
        let iq = format!("<iq type='get' id='1' from='{from}' to='{at}'><q/></iq>");
        assert_eq!(it.hear(at, &iq), "", "{iq}");
    }
    assert_eq!(it.count(Reason::OwnAddress), 3);
}

#[test]
fn a_reload_moves_the_subscription() {
    let mut it = Replica::start();
    it.hear(PRESENCE, &format!("{ONLINE} to='a.proxy.example'/>"));
    it.shared.services.reconfigure(settings(None).into());
    let asked = it.tick(OWN);
    assert!(asked.contains("from='proxy.example'") && asked.contains("subscribe"), "{asked}");
    assert_eq!(it.tick(PRESENCE), "", "its link is about to close this stream");
    // The list stays until the new subscription delivers presence, or for a minute.
    assert_eq!(it.online(), 1);
    it.now = it.now.plus(Duration::from_secs(61));
    it.tick(OWN);
    assert_eq!(it.online(), 0);
    it.hear(OWN, &format!("{ONLINE} to='proxy.example'/>"));
    assert_eq!(it.online(), 1);
}

#[test]
fn a_lost_component_stream_leaves_the_list_alone() {
    let mut it = Replica::start();
    it.hear(PRESENCE, "<presence type='subscribed' from='bot@s.example' to='a.proxy.example'/>");
    it.hear(PRESENCE, &format!("{ONLINE} to='a.proxy.example'/>"));
    let far = Duration::from_secs(1000);
    it.shared.services.disconnected(&OWN.parse().unwrap());
    it.now = it.now.plus(far);
    it.tick(PRESENCE);
    assert_eq!(it.online(), 1);
}

/// Another replica, on another node of a cluster, gets the presence instead.
#[test]
fn replies_of_resources_that_nobody_told_of_are_counted() {
    let mut it = Replica::start();
    it.hear(PRESENCE, "<presence type='subscribed' from='bot@s.example' to='a.proxy.example'/>");
    it.hear(PRESENCE, &format!("{ONLINE} to='a.proxy.example'/>"));
    it.now = it.now.plus(Duration::from_secs(61));
    it.tick(PRESENCE);
    let ask = "<iq type='get' id='1' from='u@s.example/r' to='proxy.example'><q/></iq>";
    let forwarded = it.hear(OWN, ask);
    let token = Stanza::read(&forwarded).from;
    let reply = |type_| format!("<iq type='{type_}' id='1' from='bot@s.example/x' to='{token}'/>");
    it.hear(OWN, &reply("result"));
    assert_eq!(it.shared.translator().unlisted_replies(), 0);
    let gone = "<presence type='unavailable' from='bot@s.example/x' to='a.proxy.example'/>";
    it.hear(PRESENCE, gone);
    // The server answers for a resource that has gone.
    it.hear(OWN, &reply("error"));
    assert_eq!(it.shared.translator().unlisted_replies(), 0);
    it.hear(OWN, &reply("result"));
    assert_eq!((it.shared.translator().unlisted_replies(), it.count(Reason::Relayed)), (1, 3));
    assert_eq!(it.count(Reason::RelayedError), 1);
}

/// The id has one byte for each quote on the way to us, and six on the way to the user.
#[test]
fn a_reply_that_is_too_large_only_for_the_user_is_counted_once() {
    let mut it = Replica::start();
    it.hear(PRESENCE, "<presence type='subscribed' from='bot@s.example' to='a.proxy.example'/>");
    it.hear(PRESENCE, &format!("{ONLINE} to='a.proxy.example'/>"));
    it.now = it.now.plus(Duration::from_secs(61));
    it.tick(PRESENCE);
    let id = "'".repeat(400);
    let ask =
        format!("<iq type='get' id=\"{id}\" from='u@s.example/r' to='proxy.example'><q/></iq>");
    let forwarded = it.hear(OWN, &ask);
    let token = Stanza::read(&forwarded).from;
    let gone = "<presence type='unavailable' from='bot@s.example/x' to='a.proxy.example'/>";
    it.hear(PRESENCE, gone);
    let text = "x".repeat(Limits::default().max_bytes - 1_000);
    let head = format!("<iq type='result' id='1' from='bot@s.example/x' to='{token}'>");
    let refused = it.hear(OWN, &format!("{head}<q>{text}</q></iq>"));
    assert!(refused.contains("policy-violation") && refused.contains("to='u@s.example/r'"));
    assert_eq!((it.shared.translator().unlisted_replies(), it.count(Reason::OverLimit)), (1, 1));
    // It is counted as the error that the user got, not as a result.
    let answers = it.shared.translator().answers();
    let error = (DefinedCondition::PolicyViolation, 1);
    assert_eq!(answers.errors().iter().find(|(_, count)| *count > 0), Some(error));
    let record = answers.of("x").unwrap();
    assert_eq!((record.results, record.errors), (0, 1));
    it.hear(OWN, &format!("{head}<q/></iq>"));
    assert_eq!((it.shared.translator().unlisted_replies(), it.count(Reason::OverLimit)), (2, 1));
}

#[test]
fn on_a_shared_domain_the_presence_domain_is_the_witness() {
    let mut it = Replica::start();
    // Another replica got the last of sixteen echoes, so nothing on this stream is conclusive.
    let echoes = it.said_first(OWN);
    let (first, _) = echoes.rsplit_once("<message").unwrap();
    it.hear(OWN, &first[first.find("<message").unwrap()..]);
    it.shared.witness.listens = true;
    let mut proofs = 0;
    for second in 0..30 {
        for proof in it.wait_a_second(OWN).split_inclusive("/>").filter(|s| s.contains(PROOF)) {
            assert!(proof.contains("to='a.proxy.example' from='proxy.example'"), "{proof}");
            assert_eq!(it.hear(PRESENCE, proof.trim()), "");
            proofs += 1;
        }
        let ask = format!("<iq type='get' id='{second}' from='u@s.example/r' to='{OWN}'><q/></iq>");
        it.hear(OWN, &ask);
    }
    assert!(proofs >= 5, "{proofs} proofs in half a minute");
    assert_eq!(it.count(Reason::Echo), 15 + proofs, "each counts as an echo");
    assert_eq!(it.own.as_ref().unwrap().standstill(), None);
    for _ in 0..17 {
        it.wait_a_second(OWN);
    }
    let still = it.own.as_ref().unwrap().standstill();
    assert!(still >= Some(Duration::from_secs(10)), "{still:?}");
    // Without a witness nothing is known.
    it.shared.witness.listens = false;
    it.wait_a_second(OWN);
    assert_eq!(it.own.as_ref().unwrap().standstill(), None);
}

const PROOF: &str = "jat-proof-";

struct Replica {
    shared: Shared,
    now: Now,
    own: Option<Session>,
    presence: Option<Session>,
}

impl Replica {
    fn start() -> Self {
        let mut it = Self {
            shared: Shared::new(settings(Some(PRESENCE)), 1),
            now: START,
            own: None,
            presence: None,
        };
        let bounds = Bounds { max_backlog: 1 << 20, ..Bounds::default() };
        let start = |domain: &str, turn: &mut Turn<'_>| {
            Some(Session::new(domain.parse().unwrap(), bounds, turn))
        };
        (it.own, it.presence) = (start(OWN, &mut it.turn()), start(PRESENCE, &mut it.turn()));
        it
    }

    fn turn(&mut self) -> Turn<'_> {
        self.shared.turn(self.now)
    }

    /// What goes out on the stream of this domain in the next second.
    fn wait_a_second(&mut self, at: &str) -> String {
        self.now = self.now.plus(Duration::from_secs(1));
        self.with(at, |session, turn| session.tick(turn).unwrap())
    }

    fn with(&mut self, at: &str, work: impl FnOnce(&mut Session, &mut Turn<'_>)) -> String {
        let slot = |it: &mut Self| if at == OWN { it.own.take() } else { it.presence.take() };
        let mut session = slot(self).unwrap();
        work(&mut session, &mut self.turn());
        let said = String::from_utf8(session.output().to_vec()).unwrap();
        session.sent(session.output().len(), self.now);
        *(if at == OWN { &mut self.own } else { &mut self.presence }) = Some(session);
        said
    }

    /// What it sends when the stream is up.
    fn said_first(&mut self, at: &str) -> String {
        self.with(at, |_, _| ())
    }

    fn tick(&mut self, at: &str) -> String {
        self.with(at, |session, turn| session.tick(turn).unwrap())
    }

    /// What it sends in response to a stanza that arrives on the stream of `at`.
    fn hear(&mut self, at: &str, stanza: &str) -> String {
        self.said_first(at);
        self.with(at, |session, turn| {
            session.input().extend(stanza.bytes());
            session.process(turn).unwrap();
        })
    }

    fn online(&self) -> usize {
        self.shared.translator().presence().resources.len()
    }

    fn count(&self, reason: Reason) -> u64 {
        self.shared.tally.total(reason)
    }
}

fn settings(presence_domain: Option<&str>) -> Settings {
    let presence_domain = presence_domain.map(|domain| domain.parse().unwrap());
    Settings { presence_domain, ..session::settings(OWN, "bot@s.example") }
}
