//! Sessions without their sockets: bytes, time and random numbers are the test's.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jat_core::jat::arrangement::Arrangement;
use jat_core::jat::glob::Glob;
use jat_core::jat::keyring::{Key, Keyring};
use jat_core::jat::name_keys::{NameKey, NameKeys};
use jat_core::jat::now::Now;
use jat_core::jat::own_answers::{Discovery, OwnAnswers};
use jat_core::jat::services::Services;
use jat_core::jat::settings::Settings;
use jat_core::jat::tally::Tally;
use jat_core::jat::target::Target;
use jat_core::jat::translator::Translator;
use jat_core::jat::two_way::{Faces, MessagesTo, TwoWay};
use jat_core::session::ending::Ending;
use jat_core::session::witness::Witness;
use jat_core::session::{Bounds, Session, Turn};
use jat_core::stanza::discovery::{Identity, Item};
use jid::DomainPart;
use zeroize::Zeroizing;

/// When tests begin, by default.
pub const START: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(100) };

/// A key whose secret is derived from its id.
pub fn key(id: u8, not_before: Option<u64>) -> Key {
    Key::new(id, &Zeroizing::new(vec![id; 32]), not_before).expect("a long secret")
}

pub fn ring(keys: Vec<Key>) -> Arc<Keyring> {
    Arc::new(Keyring::new(keys).expect("a good ring"))
}

/// Settings of a component with these addresses and key 1, and otherwise the defaults.
pub fn settings(domain: &str, target: &str) -> Settings {
    let target = Target::new(target.parse().expect("an address"));
    Settings::new(domain.parse().expect("a domain"), target, ring(vec![key(1, None)]))
}

/// Relays everything, for every face; the target may write first to nobody. The name keys have
/// these ids, and the first makes names.
pub fn two_way(name_keys: &[u8]) -> TwoWay {
    let key = |id: &u8| NameKey::new(*id, &Zeroizing::new(vec![*id; 32])).expect("a long secret");
    let names = NameKeys::new(name_keys.iter().map(key).collect()).expect("a good ring");
    TwoWay {
        messages: true,
        presence: true,
        requests: true,
        faces: Faces([Glob::new("*").expect("a glob")].into()),
        initiate: Arc::default(),
        messages_to: MessagesTo::default(),
        account_queries: Arc::default(),
        own: Arc::default(),
        names: Arc::new(names),
    }
}

/// Answers pings and service discovery; the identity needs escaping.
pub fn own_answers() -> Option<Arc<OwnAnswers>> {
    let discovery = Discovery {
        identity: Identity { name: Some("Q & A <\"'>".into()), ..Identity::default() },
        features: vec!["jabber:iq:version".into(), "urn:x?a&b".into()],
        items: vec![
            Item { address: "helper@proxy.example".into(), name: Some("<Help>".into()) },
            Item { address: "o&apos;hara@proxy.example".into(), name: None },
        ],
    };
    OwnAnswers::new(true, Some(discovery)).map(Arc::new)
}

/// What the streams of a process share.
pub struct Shared {
    pub services: Services,
    pub tally: Tally,
    pub rng: Rng,
    pub witness: Witness,
}

impl Shared {
    pub fn new(arrangement: impl Into<Arrangement>, seed: u64) -> Self {
        Self {
            services: Services::new(arrangement.into()),
            tally: Tally::default(),
            rng: Rng::with_seed(seed),
            witness: Witness::default(),
        }
    }

    pub fn turn(&mut self, now: Now) -> Turn<'_> {
        let Self { services, tally, rng, witness } = self;
        Turn { services, tally, rng, witness, now }
    }

    /// The translator of the first target.
    pub fn translator(&self) -> &Translator {
        &self.services.translators()[0]
    }
}

/// A process with one stream.
pub struct Side {
    pub session: Session,
    pub shared: Shared,
}

impl Side {
    /// Just after a login, with its first output.
    pub fn new(arrangement: impl Into<Arrangement>, bounds: Bounds) -> Self {
        Self::begun(arrangement, bounds, 7, START)
    }

    /// One that has just logged in, with random numbers of its own.
    pub fn begun(arrangement: impl Into<Arrangement>, bounds: Bounds, seed: u64, now: Now) -> Self {
        let mut shared = Shared::new(arrangement, seed);
        let domain: DomainPart = shared.services.settings().domain.clone();
        Self { session: Session::new(domain, bounds, &mut shared.turn(now)), shared }
    }

    pub fn split(&mut self, now: Now) -> (&mut Session, Turn<'_>) {
        (&mut self.session, self.shared.turn(now))
    }

    /// Processes what arrives at once; returns why the stream has ended, if it has.
    pub fn take(&mut self, piece: &[u8], now: Now) -> Option<Ending> {
        let (session, mut turn) = self.split(now);
        session.input().extend(piece);
        session.received(now);
        session.process(&mut turn).err()
    }

    /// Takes all output.
    pub fn output(&mut self, now: Now) -> Vec<u8> {
        let output = self.session.output().to_vec();
        self.session.sent(output.len(), now);
        output
    }

    /// Handles timers; returns why the stream has ended, if it has.
    pub fn due(&mut self, now: Now) -> Option<Ending> {
        let (session, mut turn) = self.split(now);
        session.tick(&mut turn).err()
    }
}
