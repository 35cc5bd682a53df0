//! When the target is asked who is online, and when its answer counts as complete.
//!
//! Presence alone can't be trusted, since servers lose it, or deliver it in the wrong order
//! (docs/servers.md#dead-node, docs/servers.md#late-unavailable). A *question* is a probe, or a request
//! for the subscription, whose answer leads to a probe.

use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::pace::{Pace, SHORTEST_PAUSE};

/// The schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct Probing {
    pace: Pace,
    round: Option<Round>,
    /// When each cause wants a question, if it does.
    due: [Option<Duration>; CAUSES],
    /// When each last had one, and the pause after it, which grows while nothing changes.
    last: [Option<Duration>; CAUSES],
    pause: [Duration; CAUSES],
    /// When the last question was sent.
    asked: Option<Duration>,
    /// How many questions had no answer while nobody was online.
    vain: u32,
}

/// Why the target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeCause {
    /// An error that servers send for a resource that they do not find.
    Error,
    /// A resource left just after it came online.
    Left,
    /// A resource came online just after it had left.
    Came,
    /// The target accepted a subscription that was not asked for.
    Accepted,
    /// The last question removed some: they have left, or an answer was lost.
    Loss,
    /// Nobody is online.
    Empty,
    /// There was no question for some minutes.
    Routine,
    /// The first answer on a new stream is complete: part of it may have gone to the one before,
    /// whose end the server had not noticed.
    Login,
    /// The stream is new, or an operator wants to know.
    Order,
}

/// A question whose answer is not complete yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// When it is evaluated, and when at the latest.
    ends: Duration,
    latest: Duration,
    /// Whether it has been answered.
    pub answered: bool,
    /// How many unknown resources have appeared meanwhile.
    pub found: usize,
    /// Whether the question may be repeated: a single lost answer must not empty the list.
    pub once_more: bool,
    /// Whether the probe was sent, and not only the request for the subscription.
    pub probed: bool,
    causes: [bool; CAUSES],
}

/// A round on its way to another process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Open {
    pub ends_in: Duration,
    pub answered: bool,
    pub once_more: bool,
    pub probed: bool,
    /// Whether it had no other cause than the time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub routine: bool,
}

impl Round {
    /// Whether it had no other cause than the time.
    pub(super) fn is_routine(&self) -> bool {
        let mut others = self.causes;
        others[ProbeCause::Routine as usize] = false;
        others[ProbeCause::Login as usize] = false;
        !others.contains(&true)
    }
}

impl Probing {
    /// Continues with a question of another process, whose answer comes to this one, and asks the next
    /// one soon if it is `wanted`.
    pub(super) fn resume(open: Option<Open>, wanted: bool, now: Duration) -> Self {
        let mut probing = Self::default();
        if let Some(Open { ends_in, answered, once_more, probed, routine }) = open {
            let cause = if routine { ProbeCause::Routine } else { ProbeCause::Order };
            probing.ask(cause, probed, ends_in, once_more, now);
            probing.round.iter_mut().for_each(|round| round.answered = answered);
        }
        if wanted {
            // The cause without a pause, since it may be this one.
            probing.due[ProbeCause::Left as usize] = Some(now + SOON);
        }
        probing
    }

    /// The open question, for another process.
    pub(super) fn hand_over(&self, now: Duration) -> Option<Open> {
        let round = self.round?;
        let Round { ends, answered, once_more, probed, .. } = round;
        let (ends_in, routine) = (ends.saturating_sub(now), round.is_routine());
        Some(Open { ends_in, answered, once_more, probed, routine })
    }

    /// Whether some event needs a question.
    pub(super) fn is_wanted(&self) -> bool {
        use ProbeCause::{Accepted, Came, Error, Left, Login, Loss, Order};
        [Error, Left, Came, Accepted, Loss, Login, Order]
            .iter()
            .any(|cause| self.due[*cause as usize].is_some())
    }

    /// Schedules a question within this time; later if its cause had one recently.
    pub(super) fn want(
        &mut self,
        cause: ProbeCause,
        within: Duration,
        now: Duration,
        rng: &mut Rng,
    ) {
        self.want_at(cause, self.soon(within, now, rng).max(self.rests_until(cause)));
    }

    /// The same, however often its cause had one: a new event must not wait because of others. On a long
    /// list it does, since one resource matters little there.
    pub(super) fn need(
        &mut self,
        cause: ProbeCause,
        within: Duration,
        now: Duration,
        rng: &mut Rng,
    ) {
        match self.pace.minds_one() {
            true => self.want_at(cause, self.soon(within, now, rng)),
            false => self.want(cause, within, now, rng),
        }
    }

    /// A moment within that time from now.
    fn soon(&self, within: Duration, now: Duration, rng: &mut Rng) -> Duration {
        now + self.pace.spread(within).mul_f64(1.0 - rng.f64() / 2.0)
    }

    fn want_at(&mut self, cause: ProbeCause, at: Duration) {
        let due = &mut self.due[cause as usize];
        *due = Some(due.map_or(at, |due| due.min(at)));
    }

    /// Whether a question for this cause may be sent at once; if so, it is counted.
    pub(super) fn takes_turn(&mut self, cause: ProbeCause, now: Duration) -> bool {
        let takes = self.rests_until(cause) <= now;
        if takes {
            self.last[cause as usize] = Some(now);
        }
        takes
    }

    fn rests_until(&self, cause: ProbeCause) -> Duration {
        let pause = self.pause[cause as usize].max(SHORTEST_PAUSE);
        self.last[cause as usize].map_or(Duration::ZERO, |last| last + pause)
    }

    /// It is no longer wanted.
    pub(super) fn drop(&mut self, cause: ProbeCause) {
        self.due[cause as usize] = None;
    }

    /// Called after each change, while subscribed, with how many are online.
    pub(super) fn plan(&mut self, resources: usize, now: Duration, rng: &mut Rng) {
        self.pace = Pace::of(resources);
        if resources > 0 {
            self.vain = 0;
            self.drop(ProbeCause::Empty);
        } else if self.due[ProbeCause::Empty as usize].is_none() && self.round.is_none() {
            let wait = match self.vain {
                0 => FIRST_IF_NOBODY,
                vain => {
                    let wait = NEXT_IF_NOBODY * 2u32.pow(vain.min(8) - 1);
                    wait.min(self.pace.longest_pause())
                }
            };
            // With a pause of its own: a resource that has come meanwhile must not wait for the old one.
            self.need(ProbeCause::Empty, wait, now, rng);
        }
        if self.due[ProbeCause::Routine as usize].is_none() {
            self.want(ProbeCause::Routine, self.pace.routine(), now, rng);
        }
    }

    /// Cancels all questions, while there is no stream or no subscription.
    pub(super) fn rest(&mut self) {
        let Self { pace, last, pause, .. } = *self;
        *self = Self { pace, last, pause, ..Self::default() };
    }

    /// A question is sent now, for this cause and all others that are due.
    pub(super) fn ask(
        &mut self,
        cause: ProbeCause,
        probed: bool,
        answer_time: Duration,
        once_more: bool,
        now: Duration,
    ) {
        let mut causes = self.due.map(|due| due.is_some_and(|due| due <= now));
        causes[cause as usize] = true;
        for cause in (0..CAUSES).filter(|cause| causes[*cause]) {
            self.due[cause] = None;
            self.last[cause] = Some(now);
        }
        self.vain = self.vain.saturating_add(u32::from(causes[ProbeCause::Empty as usize]));
        self.asked = Some(now);
        let ends = now + answer_time;
        let (answered, found, latest) = (false, 0, ends + self.pace.spread(LONGEST_ANSWER));
        self.round = Some(Round { ends, latest, answered, found, once_more, probed, causes });
    }

    /// Another probe is sent for a resource that left, whatever the answer to the open question is.
    pub(super) fn ask_also(&mut self, now: Duration) {
        self.drop(ProbeCause::Left);
        self.last[ProbeCause::Left as usize] = Some(now);
        self.asked = Some(now);
    }

    /// The question of this round is repeated, or the probe follows its request.
    pub(super) fn go_on(&mut self, probed: bool, once_more: bool, now: Duration) {
        match &mut self.round {
            None => self.ask(ProbeCause::Order, probed, ANSWER_TIME, once_more, now),
            Some(round) => {
                (round.probed, round.once_more) = (probed, once_more);
                round.ends = now + ANSWER_TIME;
                round.latest = round.ends + self.pace.spread(LONGEST_ANSWER);
            }
        }
    }

    /// An answer arrived, and others may follow.
    pub(super) fn answered(&mut self, new: bool, now: Duration, rng: &mut Rng) {
        if let Some(round) = self.round.as_mut().filter(|round| round.probed) {
            round.answered = true;
            round.found += usize::from(new);
            round.ends = (now + SETTLE.mul_f64(1.0 + rng.f64() / 2.0)).min(round.latest);
        }
    }

    /// The round to evaluate now.
    pub(super) fn ended(&mut self, now: Duration) -> Option<Round> {
        self.round.filter(|round| round.ends <= now)
    }

    /// It was evaluated, and so many were considered gone.
    pub(super) fn judged(&mut self, lost: usize, now: Duration, rng: &mut Rng) {
        let Some(round) = self.round.take() else { return };
        let news = self.pace.minds(lost + round.found);
        let (shortest, longest) = (self.pace.shortest_pause(), self.pace.longest_pause());
        for cause in (0..CAUSES).filter(|cause| round.causes[*cause]) {
            let doubled = (self.pause[cause] * 2).min(longest);
            self.pause[cause] = if news { shortest } else { doubled.max(shortest) };
        }
        self.drop(ProbeCause::Routine);
        if self.pace.minds(lost) {
            self.want(ProbeCause::Loss, NEXT_IF_NOBODY, now, rng);
        }
    }

    /// When to send a question.
    pub(super) fn due(&self) -> Option<Duration> {
        let first = match self.round {
            None => self.due.iter().flatten().min().copied()?,
            // The resource may be online, and others that come and go can delay the end of the round.
            Some(round) if round.probed => self.due[ProbeCause::Left as usize]?,
            Some(_) => return None,
        };
        let rested = self.asked.map_or(Duration::ZERO, |at| at + self.pace.shortest_pause());
        Some(rested.max(first))
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let ends = self.round.map(|round| round.ends);
        [ends, self.due()].into_iter().flatten().min()
    }

    /// Whether the subscription was requested, and the probe follows once it is confirmed.
    pub(super) fn is_to_be_probed(&self) -> bool {
        self.round.is_some_and(|round| !round.probed)
    }

    pub(super) fn is_open(&self) -> bool {
        self.round.is_some()
    }
}

const CAUSES: usize = ProbeCause::Order as usize + 1;

/// How long the answer to a probe may take. ejabberd sends none while nobody is online.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(3);
/// The same for a request for a subscription, which may have to go to another server.
pub(super) const GRANT_TIME: Duration = Duration::from_secs(5);
/// The time after the last answer in which more are expected; up to half as long again, at random.
const SETTLE: Duration = Duration::from_secs(1);
/// How long answers may keep coming.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);
/// Immediate questions are spread a little, since all replicas, and all components with the same
/// target, notice a failure at the same time.
pub(super) const SOON: Duration = Duration::from_millis(200);
/// The end of a session may be reported after its successor's beginning; a probe is right after this.
pub(super) const AFTER_HEELS: Duration = Duration::from_secs(1);
/// No running server takes longer to notice that the previous stream is dead.
pub(super) const AFTER_LOGIN: Duration = Duration::from_secs(5);
const FIRST_IF_NOBODY: Duration = Duration::from_secs(2);
const NEXT_IF_NOBODY: Duration = Duration::from_secs(10);
