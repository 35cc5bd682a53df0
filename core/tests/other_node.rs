//! Processes on two nodes of a cluster: each node gives what it routes to its own connection.

use std::time::Duration;

use core_tests::session::{START, Side, settings};
use core_tests::xml::{self, Stanza};
use jat_core::jat::now::Now;
use jat_core::jat::settings::Settings;
use jat_core::session::Bounds;
use jat_core::session::Session;
use jat_core::session::snapshot::SessionSnapshot;

const DOMAIN: &str = "proxy.example";

/// A process that is alone on its node, and has not sent a probe yet.
struct Process {
    side: Side,
    now: Now,
}

impl Process {
    fn new(presence_domain: Option<&str>, seed: u64, now: Now) -> Self {
        let presence_domain = presence_domain.map(|it| it.parse().unwrap());
        let settings = Settings { presence_domain, ..settings(DOMAIN, "bot@s.example") };
        let mut one = Self { side: Side::begun(settings, Bounds::default(), seed, now), now };
        one.exchange();
        one
    }

    /// The server answers, with echoes and `subscribed`, and nobody is online on this node. Returns the
    /// addresses that other probes came from.
    fn exchange(&mut self) -> Vec<String> {
        let mut probes = Vec::new();
        loop {
            let said = String::from_utf8(self.side.output(self.now)).unwrap();
            if said.trim().is_empty() {
                return probes;
            }
            for stanza in xml::split(&said) {
                let Stanza { type_, from, .. } = Stanza::read(stanza);
                match type_ {
                    "headline" => self.hear(stanza),
                    "subscribe" => self.hear(&format!(
                        "<presence type='subscribed' from='bot@s.example' to='{from}'/>"
                    )),
                    "probe" if from != DOMAIN => probes.push(from.to_owned()),
                    _ => {}
                }
            }
        }
    }

    fn hear(&mut self, stanza: &str) {
        assert_eq!(self.side.take(stanza.as_bytes(), self.now), None);
    }

    /// The bot, which is on this node, answers a probe.
    fn answer(&mut self, to: &str) {
        self.hear(&format!("<presence id='p' from='bot@s.example/x' to='{to}'/>"));
    }

    fn until(&mut self, seconds: u64) -> Vec<String> {
        let end = START.plus(Duration::from_secs(seconds));
        let mut probes = Vec::new();
        loop {
            let deadline = self.side.session.deadline(&self.side.shared.services);
            if deadline > end.mono {
                self.now = end;
                return probes;
            }
            self.now = self.now.plus(deadline.saturating_sub(self.now.mono));
            assert_eq!(self.side.due(self.now), None);
            probes.extend(self.exchange());
        }
    }

    fn upgrade(&mut self) {
        let from: SessionSnapshot = self.side.session.hand_over(self.now.mono).unwrap();
        let mut turn = self.side.shared.turn(self.now);
        let domain = DOMAIN.parse().unwrap();
        self.side.session = Session::resume(domain, Bounds::default(), from, &mut turn);
    }

    fn finds(&self) -> bool {
        self.side.session.is_shared_elsewhere()
    }
}

/// Whether or not the one that notices has a presence domain.
#[test]
fn who_has_no_presence_domain_is_found_by_another_node() {
    for presence_domain in [None, Some("b.proxy.example")] {
        let mut a = Process::new(None, 1, START);
        let mut b = Process::new(presence_domain, 2, START);
        let mut found = Vec::new();
        for seconds in [14, 16, 89, 91, 389, 391] {
            for from in a.until(seconds) {
                b.until(seconds);
                b.answer(&from);
            }
            found.push((seconds, b.finds()));
        }
        let expected =
            [(14, false), (16, false), (89, false), (91, true), (389, true), (391, true)];
        assert_eq!(found, expected, "{presence_domain:?}");
        assert!(!a.finds());
        let online = b.side.shared.translator().presence().resources.len();
        assert_eq!(online, 0, "an answer to another one tells nothing");
        b.upgrade();
        assert!(b.finds());
        // The first process has ended.
        b.until(1_000);
        assert!(b.finds());
        b.until(1_100);
        assert!(!b.finds());
    }
}

#[test]
fn who_has_a_presence_domain_asks_nothing_so() {
    assert_eq!(Process::new(Some("b.proxy.example"), 2, START).until(1_000), [""; 0]);
}

/// It gets its own answers, before an upgrade and after it, and a user's presence has no effect.
#[test]
fn a_process_that_is_alone_finds_nobody() {
    let mut one = Process::new(None, 1, START);
    for seconds in (100..2_000).step_by(100) {
        for from in one.until(seconds) {
            one.answer(&from);
        }
        one.hear(&format!(
            "<presence from='mallory@s.example/x' to='{DOMAIN}/jat-probe-{:016x}-{seconds}'/>",
            7
        ));
        if seconds % 500 == 0 {
            one.upgrade();
        }
        assert!(!one.finds(), "after {seconds} s");
    }
}

/// It is killed and restarted many times; answers to the probes of one process reach the next.
#[test]
fn a_process_that_is_started_again_finds_nobody() {
    let mut before = Vec::new();
    for round in 0..20 {
        let now = START.plus(Duration::from_secs(200 * round));
        let mut one = Process::new(None, round, now);
        before.drain(..).for_each(|from: String| one.answer(&from));
        before = one.until(200 * round + 199);
        assert_eq!(before.len(), 2);
        assert!(!one.finds());
    }
}
