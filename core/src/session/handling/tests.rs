use std::sync::Arc;

use fastrand::Rng;
use zeroize::Zeroizing;

use crate::jat::access::{Pattern, Senders};
use crate::jat::keyring::{Key, Keyring};
use crate::jat::name_keys::{NameKey, NameKeys};
use crate::jat::now::Now;
use crate::jat::reason::Reason;
use crate::jat::services::Services;
use crate::jat::settings::Settings;
use crate::jat::tally::Tally;
use crate::jat::target::Target;
use crate::jat::traffic::{Class, Traffic};
use crate::jat::two_way::{Faces, MessagesTo, TwoWay};
use crate::session::witness::Witness;
use crate::session::{Bounds, Session, Turn};

const NOW: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(100) };
const D: &str = "proxy.domain.example";
const T: &str = "some-user@some-domain.example";
const M: &str = r"user\40some-domain.example@proxy.domain.example";

use super::*;

struct Proxy {
    session: Session,
    services: Services,
    tally: Tally,
}

impl Proxy {
    /// A component that relays both ways, with these name keys.
    fn new(name_keys: &[u8]) -> Self {
        let secret = |id: u8| Zeroizing::new(vec![id; 32]);
        let names = name_keys.iter().map(|id| NameKey::new(*id, &secret(*id)).unwrap());
        let keyring = Keyring::new(vec![Key::new(1, &secret(1), None).unwrap()]).unwrap();
        let target = Target::new(T.parse().unwrap());
        let mut settings = Settings::new(D.parse().unwrap(), target, Arc::new(keyring));
        settings.two_way = Some(Arc::new(TwoWay {
            messages: true,
            presence: true,
            requests: true,
            faces: Faces::default(),
            initiate: Arc::new(Senders::new([Pattern::Everybody])),
            messages_to: MessagesTo::Resource,
            account_queries: Arc::default(),
            names: Arc::new(NameKeys::new(names.collect()).unwrap()),
            own: Arc::default(),
        }));
        let bounds = Bounds::default();
        let mut services = Services::new(settings.into());
        let (mut rng, mut tally, mut witness) =
            (Rng::with_seed(1), Tally::default(), Witness::default());
        let mut turn = Turn {
            services: &mut services,
            tally: &mut tally,
            rng: &mut rng,
            witness: &mut witness,
            now: NOW,
        };
        let mut session = Session::new(D.parse().unwrap(), bounds, &mut turn);
        let said = session.output().len();
        session.sent(said, NOW);
        Self { session, services, tally }
    }

    fn say(&mut self, stanza: &str) -> String {
        let mut turn = Turn {
            services: &mut self.services,
            tally: &mut self.tally,
            rng: &mut Rng::with_seed(1),
            witness: &mut Witness::default(),
            now: NOW,
        };
        self.session.input().extend(stanza.as_bytes());
        self.session.process(&mut turn).unwrap();
        let said = String::from_utf8(self.session.output().to_vec()).unwrap();
        self.session.sent(said.len(), NOW);
        said.trim_end().to_owned()
    }

    fn counted(&self) -> Vec<(Traffic, Reason, u64)> {
        self.tally.iter().filter(|(.., count)| *count > 0).collect()
    }
}

#[test]
fn the_targets_address_is_taken_out_of_what_its_server_writes() {
    let mut proxy = Proxy::new(&[1]);
    let delay = "<show>away</show><delay xmlns='urn:xmpp:delay' from='SOME-user@some-domain.example/A' stamp='s'/>";
    let told = proxy.say(&format!("<presence to='{M}' from='{T}/a'>{delay}</presence>"));
    let (head, payload) = told.split_once('>').unwrap();
    assert!(
        head.starts_with(&format!("<presence to='user@some-domain.example' from='{D}/")),
        "{told}"
    );
    assert_eq!(payload, "<show>away</show><delay xmlns='urn:xmpp:delay' stamp='s'/></presence>");
    let event = format!("<address jid='{T}'/>");
    let told = proxy.say(&format!("<message to='{M}' from='{T}'>{event}</message>"));
    assert_eq!(
        told,
        format!("<message to='user@some-domain.example' from='{D}'><address jid='{D}'/></message>")
    );
    // A resource may reveal it.
    let told = proxy.say(&format!("<message to='{M}' from='{T}/a'>{event}</message>"));
    assert!(told.ends_with(&format!(">{event}</message>")), "{told}");
    // There is nothing to remove.
    proxy.say(&format!("<presence to='{M}' from='{T}/a'><show>away</show></presence>"));
    let outward = |class: Class| class.outward();
    assert_eq!(
        proxy.counted(),
        [
            (outward(Class::Message), Reason::Relayed, 1),
            (outward(Class::Message), Reason::Scrubbed, 1),
            (outward(Class::Presence), Reason::Relayed, 1),
            (outward(Class::Presence), Reason::Scrubbed, 1),
        ]
    );
}

#[test]
fn a_stanza_under_several_names_counts_once() {
    let mut proxy = Proxy::new(&[2, 1]);
    let told = proxy.say(&format!(
        "<presence type='unavailable' to='{M}' from='{T}/a'><delay xmlns='urn:xmpp:delay' from='{T}'/></presence>"
    ));
    assert_eq!(
        told.matches("<presence type='unavailable' to='user@some-domain.example'").count(),
        2
    );
    assert_eq!(told.matches("<delay xmlns='urn:xmpp:delay'/>").count(), 2);
    assert_eq!(proxy.counted(), [(Class::Presence.outward(), Reason::Scrubbed, 1)]);
}

#[test]
fn an_error_has_the_id_of_its_message_or_none() {
    let mut proxy = Proxy::new(&[1]);
    let told = proxy.say(&format!("<message id='7' to='x\\40@{D}' from='{T}/a'/>"));
    let begin = format!("<message type='error' id='7' to='{T}/a' from='x\\40@{D}'><error ");
    assert!(told.starts_with(&begin), "{told}");
    assert!(told.contains(&format!(" by='{D}'>")), "{told}");
    let told = proxy.say(&format!("<message to='x\\40@{D}/r' from='{T}/a'/>"));
    let begin = format!("<message type='error' to='{T}/a' from='x\\40@{D}/r'><error ");
    assert!(told.starts_with(&begin), "{told}");
    let told = proxy.say(&format!("<presence type='subscribe' to='x\\40@{D}/r' from='{T}/a'/>"));
    assert_eq!(told, format!("<presence type='unsubscribed' to='{T}' from='x\\40@{D}'/>"));
}

#[test]
fn what_grows_too_large_is_refused_as_its_kind_is() {
    let mut proxy = Proxy::new(&[1]);
    proxy.session.set_bounds(Bounds {
        limits: crate::stanza::limits::Limits { max_bytes: 2_200, ..Default::default() },
        ..Bounds::default()
    });
    // Under the limit, until its sender's mirror is written.
    let user = r"\40".repeat(200);
    let stanza = |name: &str, type_: &str| {
        format!("<{name} type='{type_}' id='1' to='{D}' from='{user}@s.example/r'><x/></{name}>")
    };
    let told = proxy.say(&stanza("message", "chat"));
    assert!(
        told.starts_with("<message type='error'") && told.contains("policy-violation"),
        "{told}"
    );
    assert_eq!(proxy.say(&stanza("presence", "unavailable")), "");
    let inward = |class: Class| class.inward();
    assert_eq!(
        proxy.counted(),
        [
            (inward(Class::Message), Reason::OverLimit, 1),
            (inward(Class::Presence), Reason::OverLimit, 1),
        ]
    );
}
