//! A logged-in stream without its socket.

use std::hint::black_box;

use jat_core::jat::arrangement::Arrangement;
use jat_core::jat::reason::Outcome;
use jat_core::jat::settings::Settings;
use jat_core::jat::tally::Tally;
use jat_core::session::Bounds;
use mock_server::Responder;

use super::stanzas::{DOMAIN, TARGET};
use crate::session::{START, Side, settings};

/// A stream whose target has two resources online.
pub struct Proxy {
    side: Side,
    responder: Responder,
}

impl Proxy {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// One with changed settings.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(DOMAIN, TARGET);
        change(&mut settings);
        Self::of(settings)
    }

    /// One with these services.
    pub fn of(arrangement: impl Into<Arrangement>) -> Self {
        let side = Side::new(arrangement, Bounds::default());
        let mut proxy = Self { side, responder: Responder::new(DOMAIN) };
        proxy.settle();
        proxy
    }

    /// The target's resources come online, and what the stream sends by itself is answered, until
    /// it sends nothing more.
    fn settle(&mut self) {
        let _online = ["a", "b"].map(|name| self.responder.client(&format!("{TARGET}/{name}")));
        loop {
            let mut said = self.side.session.output();
            while !said.trim_ascii().is_empty() {
                let end = self.responder.take(said).expect("a sound stanza").expect("a whole one");
                said = &said[end..];
            }
            self.side.session.sent(self.side.session.output().len(), START);
            let mut answers = Vec::new();
            self.responder.output(&mut answers);
            if answers.is_empty() {
                // What was counted until now is not measured.
                self.side.shared.tally = Tally::default();
                return;
            }
            self.take(&answers);
        }
    }

    /// One wake-up of a stream, without the socket; returns the number of bytes of output.
    pub fn turn(&mut self, input: &[u8]) -> usize {
        self.take(input);
        let count = black_box(self.side.session.output()).len();
        self.side.session.sent(count, START);
        count
    }

    /// Like [`Self::turn`]; returns the output.
    pub fn relay(&mut self, input: &str) -> String {
        self.take(input.as_bytes());
        let output = str::from_utf8(self.side.session.output()).expect("UTF-8").to_owned();
        self.side.session.sent(output.len(), START);
        output
    }

    fn take(&mut self, input: &[u8]) {
        assert_eq!(self.side.take(input, START), None, "the stream goes on");
    }

    /// Stanzas that were relayed, and those that were not.
    pub fn counts(&self) -> (u64, u64) {
        let tally = self.side.shared.tally.iter();
        tally.fold((0, 0), |(relayed, not), (_, reason, count)| match reason.outcome() {
            Outcome::Relayed => (relayed + count, not),
            _ => (relayed, not + count),
        })
    }

    pub fn assert_all_relayed(&self) {
        let (relayed, not) = self.counts();
        assert!(relayed > 0 && not == 0, "{relayed} stanzas were relayed, {not} were not");
    }
}
