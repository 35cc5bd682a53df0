//! Which questions are asked and when, and who is considered online.

use super::*;
use crate::jat::reason::Reason;

mod asking;
mod pace;
mod resumed;

const START: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(100) };

struct Fixture {
    presence: Presence,
    rng: Rng,
    now: Now,
}

impl Fixture {
    fn new() -> Self {
        Self { presence: Presence::new(), rng: Rng::with_seed(1), now: START }
    }

    /// One with these online, after two probes.
    fn with(online: &[&str]) -> Self {
        let mut it = Self::connected();
        it.hear(BARE, TargetPresence::Subscribed);
        it.hear_all(online);
        assert_eq!(it.until(2_000), []);
        if !online.is_empty() {
            assert_eq!(it.served(8_000, online), 1);
        }
        it
    }

    fn connected() -> Self {
        let mut it = Self::new();
        assert_eq!(it.presence.tick(it.now, &mut it.rng), Some(OwnPresence::Subscribe));
        it
    }

    fn hear(&mut self, from: &str, heard: TargetPresence) -> Reaction {
        self.presence.hear(&Address::new(from), heard, self.now, &mut self.rng)
    }

    fn hear_all(&mut self, online: &[impl AsRef<str>]) {
        for address in online {
            assert_eq!(self.hear(address.as_ref(), AVAILABLE), Reaction::Used(&[]));
        }
    }

    fn after(&mut self, seconds: u64) -> Option<OwnPresence> {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.presence.tick(self.now, &mut self.rng)
    }

    fn tick(&mut self) -> Option<OwnPresence> {
        self.presence.tick(self.now, &mut self.rng)
    }

    /// Its questions within so many milliseconds.
    fn until(&mut self, milliseconds: u64) -> Vec<OwnPresence> {
        let end = self.now.mono + Duration::from_millis(milliseconds);
        let mut asked = Vec::new();
        while let Some(at) = self.presence.deadline().filter(|at| *at <= end) {
            self.now = self.now.plus(at.saturating_sub(self.now.mono));
            asked.extend(self.tick());
        }
        self.now = self.now.plus(end - self.now.mono);
        asked
    }

    /// Lets a server with these online answer at once for so many milliseconds; returns how many probes it
    /// got.
    fn served(&mut self, milliseconds: u64, online: &[impl AsRef<str>]) -> usize {
        let mut probes = 0;
        for _ in 0..milliseconds / 100 {
            for presence in self.until(100) {
                if presence == OwnPresence::Probe {
                    probes += 1;
                } else {
                    self.hear(BARE, TargetPresence::Subscribed);
                }
                self.hear_all(online);
            }
        }
        probes
    }

    fn error(&mut self, from: &str, condition: DefinedCondition) {
        self.presence.answered(from, Some(condition), self.now, &mut self.rng);
    }

    fn verified(&self) -> Vec<&str> {
        let verified = self.presence.resources.iter().filter(|r| r.verified);
        verified.map(|r| r.address()).collect()
    }

    fn online(&self) -> Vec<&str> {
        self.presence.resources.iter().map(|r| r.address()).collect()
    }
}

/// A and B are online, and A was also online after such an error, so it sent that itself.
fn one_answers_so() -> Fixture {
    let mut it = Fixture::with(&[A, B]);
    it.after(60);
    it.error(A, DefinedCondition::ServiceUnavailable);
    it.until(300);
    it.hear_all(&[A, B]);
    it.until(2_000);
    it
}

const BARE: &str = "bot@s.example";
const A: &str = "bot@s.example/a";
const B: &str = "bot@s.example/b";
const C: &str = "bot@s.example/c";
const AVAILABLE: TargetPresence = TargetPresence::Available { dnd: false, priority: 0 };

#[test]
fn it_probes_only_once_subscribed() {
    let mut it = Fixture::connected();
    assert_eq!(it.presence.subscription(), &Subscription::Pending);
    // Prosody says this while the request is pending.
    assert_eq!(it.hear(BARE, TargetPresence::Unavailable), Reaction::Used(&[]));
    assert_eq!(it.presence.subscription(), &Subscription::Pending);
    assert_eq!(it.hear(BARE, TargetPresence::Subscribed), Reaction::Used(&[OwnPresence::Probe]));
    assert_eq!(it.presence.subscription(), &Subscription::Subscribed);
    assert_eq!(it.presence.retry_at(), None);
}

#[test]
fn it_asks_again_ever_more_slowly() {
    let mut it = Fixture::connected();
    let mut gaps = Vec::new();
    for _ in 0..12 {
        let wait = it.presence.retry_at().unwrap() - it.now.mono;
        gaps.push(wait.as_secs());
        assert_eq!(it.after(wait.as_secs() + 1), Some(OwnPresence::Subscribe));
    }
    // The first answer may have gone to the previous stream.
    assert!((3..=5).contains(&gaps[0]), "{gaps:?}");
    assert!((45..=60).contains(&gaps[1]) && (90..=120).contains(&gaps[2]), "{gaps:?}");
    assert!(gaps[9..].iter().all(|g| (2700..=3600).contains(g)), "{gaps:?}");
}

#[test]
fn causes_of_nobody_online_are_told_apart() {
    let reason = |it: &Fixture| it.presence.subscription().reason_for_nobody();
    assert_eq!(Presence::new().subscription().reason_for_nobody(), Reason::NeverSubscribed);
    let mut it = Fixture::connected();
    assert_eq!(reason(&it), Reason::SubscriptionPending);
    it.hear(BARE, TargetPresence::Error("remote-server-not-found".into()));
    assert_eq!(reason(&it), Reason::NeverSubscribed);
    assert!(it.presence.retry_at().unwrap() - it.now.mono <= Duration::from_secs(5));
    it.hear(BARE, TargetPresence::Unsubscribed);
    assert_eq!(reason(&it), Reason::SubscriptionDenied);
    // An unrequested consent proves nothing, unlike the answer to our new request.
    let again = it.hear(BARE, TargetPresence::Subscribed);
    assert_eq!(
        (again, reason(&it)),
        (Reaction::Used(&[OwnPresence::Subscribe]), Reason::SubscriptionPending)
    );
    it.hear(BARE, TargetPresence::Subscribed);
    assert_eq!(reason(&it), Reason::Offline);
}

#[test]
fn asked_to_ask_again_it_does_at_once_and_waits_as_after_a_login() {
    let mut it = Fixture::connected();
    for _ in 0..5 {
        assert_eq!(it.after(3600), Some(OwnPresence::Subscribe));
    }
    it.hear(BARE, TargetPresence::Unsubscribed);
    assert_eq!(it.after(1), None);
    it.presence.ask_again();
    assert_eq!(it.after(0), Some(OwnPresence::Subscribe));
    assert_eq!(it.presence.subscription(), &Subscription::Pending);
    assert!(it.presence.retry_at().unwrap() - it.now.mono <= Duration::from_secs(60));

    // A granted one stays while it is requested again.
    it.hear(BARE, TargetPresence::Subscribed);
    it.presence.ask_again();
    assert_eq!(it.after(0), Some(OwnPresence::Subscribe));
    assert_eq!(it.presence.subscription(), &Subscription::Subscribed);

    it.presence.disconnected();
    it.presence.ask_again();
    assert_eq!(it.presence.retry_at(), None, "a login asks anyway");
}

#[test]
fn an_error_changes_neither_a_subscription_nor_the_list() {
    let mut it = Fixture::connected();
    it.hear(BARE, TargetPresence::Subscribed);
    it.hear(A, AVAILABLE);
    it.hear(BARE, TargetPresence::Error("remote-server-timeout".into()));
    assert_eq!(it.presence.subscription(), &Subscription::Subscribed);
    assert_eq!(it.hear(A, TargetPresence::Error("bad-request".into())), Reaction::Ignored);
    assert_eq!(it.online(), [A]);
    it.hear(BARE, TargetPresence::Unsubscribed);
    assert!(it.online().is_empty());
}

#[test]
fn after_a_reconnect_what_the_probe_does_not_confirm_goes() {
    let mut it = Fixture::with(&[A, B]);
    it.presence.disconnected();
    it.after(1000);
    assert!(it.presence.resources.has_doubtful() && !it.presence.is_settled());
    it.hear(BARE, TargetPresence::Subscribed);
    it.hear(A, AVAILABLE);
    assert_eq!(it.until(900), []);
    assert_eq!(it.online(), [A, B]);
    it.until(700);
    assert_eq!(it.online(), [A]);
    assert!(it.presence.is_settled());

    // A missing answer counts, too, the second time.
    it.presence.disconnected();
    it.after(0);
    it.hear(BARE, TargetPresence::Subscribed);
    assert_eq!(it.until(2_900), []);
    assert_eq!(it.until(200), [OwnPresence::Probe]);
    assert_eq!(it.online(), [A]);
    it.until(3_000);
    assert!(it.online().is_empty());
    assert_eq!(it.presence.lapsed(), 2);
}

#[test]
fn what_the_first_answer_after_a_login_lacks_is_found_within_seconds() {
    let mut it = Fixture::connected();
    for _ in 0..2 {
        it.hear(BARE, TargetPresence::Subscribed);
        // The rest went to the previous connection.
        it.hear(A, AVAILABLE);
        assert_eq!(it.served(8_000, &[A, B]), 1);
        assert_eq!(it.online(), [A, B]);
        assert_eq!(it.served(60_000, &[A, B]), 0, "once is enough");
        it.presence.disconnected();
        it.presence.start_over();
        it.hear(A, TargetPresence::Unavailable);
        it.hear(B, TargetPresence::Unavailable);
        assert_eq!(it.after(0), Some(OwnPresence::Subscribe));
    }
}

#[test]
fn silence_to_the_question_after_a_login_changes_nothing() {
    let mut it = Fixture::connected();
    it.hear(BARE, TargetPresence::Subscribed);
    it.hear_all(&[A, B]);
    assert_eq!(it.until(2_000), []);
    assert_eq!(it.until(20_000), [OwnPresence::Probe; 2]);
    assert_eq!(it.verified(), [A, B], "none is preferred to the others");
}

#[test]
fn the_target_may_ask_for_our_presence() {
    let mut it = Fixture::connected();
    let both = Reaction::Used(&[OwnPresence::Subscribed, OwnPresence::Available]);
    assert_eq!(it.hear(BARE, TargetPresence::Subscribe), both);
    assert_eq!(it.hear(A, TargetPresence::Probe), Reaction::Used(&[OwnPresence::Available]));
    assert_eq!(it.hear(BARE, AVAILABLE), Reaction::Ignored);
}

/// Two of them, which the server no longer names after it had named them twice.
#[test]
fn what_goes_without_a_word_is_counted_if_it_had_been_there_for_long() {
    for (hearing, at_login, expected) in [
        (Hearing::All, &[A, B, C][..], 2),
        // They may have come out of order during the only probe that named them.
        (Hearing::All, &[C], 0),
        // Another process may have got the answers.
        (Hearing::Likely, &[A, B, C], 0),
        (Hearing::Part, &[A, B, C], 0),
    ] {
        let mut it = Fixture::with(at_login);
        it.presence.set_hearing(hearing);
        it.after(60);
        it.presence.ask_again();
        it.served(3_000, &[A, B, C]);
        it.error(A, DefinedCondition::ServiceUnavailable);
        it.served(20_000, &[C]);
        let vanished = it.presence.vanished();
        assert_eq!(vanished.total, expected, "{hearing:?} {at_login:?}");
        let lately = Some(expected).filter(|count| *count > 0);
        assert_eq!(vanished.lately(it.now.unix), lately);
        assert_eq!(vanished.lately(it.now.unix + 900), None);
        let now = it.now;
        let resumed = Presence::resume(it.presence.hand_over(now), now);
        assert_eq!(resumed.vanished(), vanished);
    }
}

/// The account may be a new one with the same name, or have lost its subscriptions.
#[test]
fn silence_to_all_questions_says_nothing_of_what_vanished() {
    let mut it = Fixture::with(&[A, B]);
    it.presence.set_hearing(Hearing::All);
    it.after(60);
    it.presence.ask_again();
    it.served(3_000, &[A, B]);
    it.error(A, DefinedCondition::ServiceUnavailable);
    it.until(60_000);
    assert!(it.online().is_empty());
    assert_eq!(it.presence.vanished(), Vanished::default());
}

/// It sent `unavailable`, or the stream was down meanwhile.
#[test]
fn what_goes_with_a_word_is_not_counted() {
    let mut it = Fixture::with(&[A, B]);
    it.presence.set_hearing(Hearing::All);
    it.after(60);
    it.presence.ask_again();
    it.served(3_000, &[A, B]);
    it.hear(A, TargetPresence::Unavailable);
    it.served(10_000, &[B]);
    it.presence.disconnected();
    it.served(20_000, &[C]);
    assert_eq!(it.online(), [C]);
    assert_eq!(it.presence.vanished(), Vanished::default());
}
