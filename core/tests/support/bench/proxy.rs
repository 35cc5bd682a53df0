//! A logged-in stream without its socket.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jat_core::jat::keyring::{Key, Keyring};
use jat_core::jat::now::Now;
use jat_core::jat::reason::{Reason, Tally};
use jat_core::jat::settings::Settings;
use jat_core::jat::target::Target;
use jat_core::jat::traffic::{FORWARD, REVERT};
use jat_core::jat::translator::Translator;
use jat_core::session::witness::Witness;
use jat_core::session::{Bounds, Session, Turn};
use mock_server::Responder;
use zeroize::Zeroizing;

use super::stanzas::{DOMAIN, TARGET};

const NOW: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(100) };

/// A stream whose target has two resources online.
pub struct Proxy {
    session: Session,
    responder: Responder,
    translator: Translator,
    tally: Tally,
    rng: Rng,
    witness: Witness,
}

impl Proxy {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// One whose settings were changed before it began.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let key = Key::new(1, &Zeroizing::new(vec![1; 32]), None).expect("long enough");
        let mut settings = Settings::new(
            DOMAIN.parse().expect("a domain"),
            Target::new(TARGET.parse().expect("an address")),
            Arc::new(Keyring::new(vec![key]).expect("one key that signs")),
        );
        change(&mut settings);
        let mut translator = Translator::new(settings);
        let (mut tally, mut rng) = (Tally::default(), Rng::with_seed(7));
        let bounds = Bounds::default();
        let mut witness = Witness::default();
        let mut turn = Turn {
            translator: &mut translator,
            tally: &mut tally,
            rng: &mut rng,
            witness: &mut witness,
            now: NOW,
        };
        let session = Session::new(DOMAIN.parse().expect("a domain"), bounds, &mut turn);
        let responder = Responder::new(DOMAIN);
        let mut proxy = Self { session, responder, translator, tally, rng, witness };
        proxy.settle();
        proxy
    }

    /// The target's resources come online, and what the stream says for itself is answered, until
    /// it has nothing more to say.
    fn settle(&mut self) {
        let _online = ["a", "b"].map(|name| self.responder.client(&format!("{TARGET}/{name}")));
        loop {
            let mut said = self.session.output();
            while !said.trim_ascii().is_empty() {
                let end = self.responder.take(said).expect("a sound stanza").expect("a whole one");
                said = &said[end..];
            }
            self.session.sent(self.session.output().len(), NOW);
            let mut answers = Vec::new();
            self.responder.output(&mut answers);
            if answers.is_empty() {
                // What was counted until now is not what is measured.
                self.tally = Tally::default();
                return;
            }
            self.take(&answers);
        }
    }

    /// What one wakeup of a stream does, without the socket; gives how much went out.
    pub fn turn(&mut self, input: &[u8]) -> usize {
        self.take(input);
        let count = black_box(self.session.output()).len();
        self.session.sent(count, NOW);
        count
    }

    /// Like [`Self::turn`]; gives what went out.
    pub fn relay(&mut self, input: &str) -> String {
        self.take(input.as_bytes());
        let output = str::from_utf8(self.session.output()).expect("UTF-8").to_owned();
        self.session.sent(output.len(), NOW);
        output
    }

    fn take(&mut self, input: &[u8]) {
        let Self { session, translator, tally, rng, witness, .. } = self;
        let mut turn = Turn { translator, tally, rng, witness, now: NOW };
        session.input().extend_from_slice(input);
        session.received(NOW);
        session.process(&mut turn).expect("the stream goes on");
    }

    /// Requests and replies that were relayed, and those that were not.
    pub fn counts(&self) -> (u64, u64) {
        let count = |relayed: bool| -> u64 {
            let fits = |r: Reason| (r == Reason::Relayed) == relayed;
            self.tally
                .iter()
                .filter(|(t, r, _)| [FORWARD, REVERT].contains(t) && fits(*r))
                .map(|(.., n)| n)
                .sum()
        };
        (count(true), count(false))
    }

    pub fn assert_all_relayed(&self) {
        let (relayed, not) = self.counts();
        assert!(relayed > 0 && not == 0, "{relayed} stanzas were relayed, {not} were not");
    }
}
