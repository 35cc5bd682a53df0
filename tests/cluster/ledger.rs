//! What happened to each request.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// The records of all requests, by number.
#[derive(Default)]
pub struct Ledger {
    requests: Vec<Request>,
    /// Descriptions of what must never happen, whatever dies.
    wrong: Vec<String>,
    /// When the last stanza reached anybody.
    heard: Option<Instant>,
    /// When each bot was last asked.
    last_asked: BTreeMap<usize, Instant>,
}

/// A request, from when it was sent.
pub struct Request {
    /// The number of the user, and the host.
    pub user: usize,
    pub host: usize,
    /// The number of the user's stream.
    session: u32,
    pub sent: Instant,
    pub asked: Option<Asked>,
    /// When the bot answered.
    pub answered: Option<Instant>,
    pub came: Option<Came>,
    /// The user's stream ended before an answer came.
    orphaned: bool,
}

/// What a bot saw.
pub struct Asked {
    pub bot: usize,
    pub at: Instant,
    /// The key that its token is signed with.
    pub key: u8,
}

/// What the user got.
pub struct Came {
    pub at: Instant,
    /// The condition and text; nothing for a result.
    pub error: Option<String>,
}

/// Whose reply it is, as the bot wrote into it.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    pub number: Option<usize>,
    pub user: &'a str,
}

impl Ledger {
    /// The number of a new request.
    pub fn ask(&mut self, user: usize, host: usize, session: u32) -> usize {
        self.requests.push(Request {
            user,
            host,
            session,
            sent: Instant::now(),
            asked: None,
            answered: None,
            came: None,
            orphaned: false,
        });
        self.requests.len() - 1
    }

    /// A request reaches a bot. Returns whether it was sent by the user whom its token names, and has
    /// not reached a bot before.
    pub fn reaches(&mut self, number: Option<usize>, asker: usize, bot: usize, key: u8) -> bool {
        self.heard = Some(Instant::now());
        let known = number.and_then(|number| self.requests.get_mut(number));
        let Some(request) = known else {
            self.wrong.push(format!("bot {bot} is asked {number:?}, which nobody asked"));
            return false;
        };
        if request.user != asker {
            let user = request.user;
            self.wrong.push(format!("{number:?} of user {user} is said to be of {asker}"));
        }
        if request.asked.is_some() {
            self.wrong.push(format!("bot {bot} is asked {number:?}, which was asked before"));
            return false;
        }
        let at = Instant::now();
        request.asked = Some(Asked { bot, at, key });
        self.last_asked.insert(bot, at);
        true
    }

    /// A bot sends its reply.
    pub fn answers(&mut self, number: usize) {
        self.requests[number].answered = Some(Instant::now());
    }

    /// A reply reaches the user with this address, from the address that was asked or another one.
    pub fn comes(
        &mut self,
        number: Option<usize>,
        user: (usize, &str),
        signed: Result<Signature<'_>, String>,
        from_asked: bool,
    ) {
        self.heard = Some(Instant::now());
        let (user, address) = user;
        let known = number.and_then(|number| self.requests.get_mut(number));
        let Some(request) = known.filter(|it| it.user == user) else {
            self.wrong
                .push(format!("user {user} gets a reply to {number:?}, which he never asked"));
            return;
        };
        if request.came.is_some() {
            self.wrong.push(format!("user {user} gets a second reply to {number:?}"));
            return;
        }
        if !from_asked {
            self.wrong.push(format!("user {user} gets a reply to {number:?} from elsewhere"));
        }
        let error = match signed {
            Ok(signature) => {
                if signature != (Signature { number, user: address }) {
                    self.wrong
                        .push(format!("user {user} gets for {number:?} what is {signature:?}"));
                }
                if request.answered.is_none() {
                    self.wrong.push(format!("user {user} gets for {number:?} what nobody sent"));
                }
                None
            }
            Err(error) => Some(error),
        };
        request.came = Some(Came { at: Instant::now(), error });
    }

    /// A user's stream has ended: nothing more can come to it.
    pub fn ends(&mut self, user: usize, session: u32) {
        let its = |it: &&mut Request| it.user == user && it.session == session;
        for request in self.requests.iter_mut().filter(its) {
            request.orphaned |= request.came.is_none();
        }
    }

    /// How many there are. Later ones are counted from here.
    pub fn mark(&self) -> usize {
        self.requests.len()
    }

    /// How many since then are not finished yet.
    pub fn underway(&self, since: usize) -> usize {
        self.since(since).filter(|it| it.came.is_none() && !it.orphaned).count()
    }

    /// The request with this number.
    pub fn request(&self, number: usize) -> &Request {
        &self.requests[number]
    }

    /// When this bot was last asked.
    pub fn last_asked(&self, bot: usize) -> Option<Instant> {
        self.last_asked.get(&bot).copied()
    }

    /// For how long no stanza has reached anybody.
    pub fn silence(&self) -> Duration {
        self.heard.map_or(Duration::MAX, |at| at.elapsed())
    }

    pub fn since(&self, mark: usize) -> impl Iterator<Item = &Request> {
        self.requests[mark..].iter()
    }

    /// # Panics
    /// Something came twice, to the wrong one, or from nobody.
    pub fn assert_right(&self) {
        assert!(self.wrong.is_empty(), "{} wrong: {:#?}", self.wrong.len(), first(&self.wrong));
    }

    pub fn account(&self, mark: usize) -> Account {
        let mut account = Account::default();
        for (number, request) in self.requests.iter().enumerate().skip(mark) {
            account.sent += 1;
            match (&request.came, request.orphaned) {
                (Some(Came { error: None, at }), _) => {
                    account.answered += 1;
                    account.latencies.push(*at - request.sent);
                }
                (Some(Came { error: Some(error), .. }), _) => {
                    *account.errors.entry(error.clone()).or_default() += 1;
                }
                (None, true) => account.orphaned += 1,
                (None, false) => account.lost.push(Lost {
                    number,
                    host: request.host,
                    bot: request.asked.as_ref().map(|it| it.bot),
                    sent: request.sent,
                    answered: request.answered,
                }),
            }
        }
        account.latencies.sort_unstable();
        account
    }
}

/// What happened to some requests.
#[derive(Default)]
pub struct Account {
    pub sent: usize,
    pub answered: usize,
    pub errors: BTreeMap<String, usize>,
    /// The user's stream ended first.
    pub orphaned: usize,
    pub lost: Vec<Lost>,
    pub latencies: Vec<Duration>,
}

/// A request without an answer, though its user was there.
pub struct Lost {
    pub number: usize,
    /// The user's host.
    pub host: usize,
    /// The bot that it reached.
    pub bot: Option<usize>,
    pub sent: Instant,
    pub answered: Option<Instant>,
}

impl fmt::Debug for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of host {}", self.number, self.host)?;
        match self.bot {
            Some(bot) => write!(f, " that bot {bot} read"),
            None => write!(f, " that no bot read"),
        }?;
        write!(f, ", {:.1?} ago", self.sent.elapsed())
    }
}

impl Account {
    pub fn refused(&self) -> usize {
        self.errors.values().sum()
    }

    /// Those that were not under way, to a bot or back, at that moment or before.
    pub fn lost_after(&self, moment: Instant) -> Vec<&Lost> {
        let later = |it: &&Lost| it.answered.unwrap_or(it.sent) > moment;
        self.lost.iter().filter(later).collect()
    }

    /// Those whose request or reply was neither sent in one of these periods, nor so shortly before
    /// that it was still under way.
    pub fn lost_outside(&self, times: &[(Instant, Instant)]) -> Vec<&Lost> {
        let on_way = self.on_way();
        let inside = |it: &Lost| {
            let sent = it.answered.unwrap_or(it.sent);
            times.iter().any(|(from, to)| (*from - on_way..=*to).contains(&sent))
        };
        self.lost.iter().filter(|it| !inside(it)).collect()
    }

    /// For how long one of these may have been under way; a busy machine is slow.
    pub fn on_way(&self) -> Duration {
        self.latencies.last().copied().unwrap_or_default().max(ON_WAY)
    }

    /// Checks that nothing failed.
    pub fn assert_whole(&self) {
        assert!(self.errors.is_empty(), "{:?}", self.errors);
        assert!(self.lost.is_empty(), "{} lost: {:#?}", self.lost.len(), first(&self.lost));
    }

    /// Checks that only what was sent in one of these periods is lost.
    pub fn assert_none_lost_outside(&self, times: &[(Instant, Instant)]) {
        let lost = self.lost_outside(times);
        assert!(lost.is_empty(), "{} lost at other times: {:#?}", lost.len(), first(&lost));
    }

    /// Checks that only what was under way at that moment, or before, is lost.
    pub fn assert_none_lost_after(&self, moment: Instant) {
        let lost = self.lost_after(moment);
        assert!(lost.is_empty(), "{} lost later: {:#?}", lost.len(), first(&lost));
    }

    /// The figures, in one line.
    pub fn figures(&self) -> String {
        let back = self.lost.iter().filter(|it| it.answered.is_some()).count();
        let at = |share: f64| {
            let at = (self.latencies.len().saturating_sub(1) as f64 * share) as usize;
            self.latencies.get(at).copied().unwrap_or_default().as_millis()
        };
        format!(
            "{} sent, {} answered, {} errors {:?}, lost {} requests and {} replies, {} of users who \
             went; {}/{}/{} ms (median, 99 %, most)",
            self.sent,
            self.answered,
            self.refused(),
            self.errors,
            self.lost.len() - back,
            back,
            self.orphaned,
            at(0.5),
            at(0.99),
            at(1.0),
        )
    }
}

/// For how long a stanza is under way, at least.
const ON_WAY: Duration = Duration::from_millis(500);

fn first<T>(all: &[T]) -> &[T] {
    &all[..all.len().min(10)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: (usize, &str) = (3, "u@h/r");

    /// User 3 has sent a request, which bot 1 has answered.
    fn answered() -> Ledger {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.ask(3, 0, 7), 0);
        assert!(ledger.reaches(Some(0), 3, 1, 1));
        ledger.answers(0);
        ledger.assert_right();
        ledger
    }

    fn good<'a>() -> Result<Signature<'a>, String> {
        Ok(Signature { number: Some(0), user: USER.1 })
    }

    fn is_wrong(ledger: &Ledger, words: &str) {
        let said = ledger.wrong.join("\n");
        assert!(said.contains(words), "{said}");
        assert!(std::panic::catch_unwind(|| ledger.assert_right()).is_err());
    }

    #[test]
    fn what_is_answered_is_no_violation() {
        let mut ledger = answered();
        assert_eq!(ledger.underway(0), 1);
        ledger.comes(Some(0), USER, good(), true);
        ledger.assert_right();
        let account = ledger.account(0);
        account.assert_whole();
        assert_eq!((ledger.underway(0), account.sent, account.answered), (0, 1, 1));
    }

    #[test]
    fn each_violation_is_found() {
        let mut twice = answered();
        twice.comes(Some(0), USER, good(), true);
        twice.comes(Some(0), USER, good(), true);
        is_wrong(&twice, "a second reply to Some(0)");

        let mut error_after_result = answered();
        error_after_result.comes(Some(0), USER, good(), true);
        error_after_result.comes(Some(0), USER, Err("gone".into()), true);
        is_wrong(&error_after_result, "a second reply");

        let mut asked_twice = answered();
        assert!(!asked_twice.reaches(Some(0), 3, 2, 1));
        is_wrong(&asked_twice, "which was asked before");

        for (number, user) in [(None, USER), (Some(1), USER), (Some(0), (4, "v@h/r"))] {
            let mut others = answered();
            others.comes(number, user, good(), true);
            is_wrong(&others, "which he never asked");
            assert_eq!(others.underway(0), 1);
        }

        let mut elsewhere = answered();
        elsewhere.comes(Some(0), USER, good(), false);
        is_wrong(&elsewhere, "from elsewhere");

        for signature in [
            Signature { number: Some(1), user: USER.1 },
            Signature { number: Some(0), user: "v@h/r" },
            Signature { number: None, user: "" },
        ] {
            let mut changed = answered();
            changed.comes(Some(0), USER, Ok(signature), true);
            is_wrong(&changed, "gets for Some(0) what is");
        }

        let mut of_nobody = Ledger::default();
        of_nobody.ask(3, 0, 7);
        of_nobody.comes(Some(0), USER, good(), true);
        is_wrong(&of_nobody, "what nobody sent");

        let mut unasked = Ledger::default();
        assert!(!unasked.reaches(Some(0), 3, 1, 1));
        is_wrong(&unasked, "which nobody asked");

        let mut misnamed = Ledger::default();
        misnamed.ask(3, 0, 7);
        misnamed.reaches(Some(0), 4, 1, 1);
        is_wrong(&misnamed, "is said to be of 4");
    }

    #[test]
    fn what_is_lost_or_refused_is_told_apart() {
        let mut ledger = answered();
        let before = Instant::now() - Duration::from_secs(9);
        ledger.ask(3, 0, 7);
        let account = ledger.account(0);
        assert_eq!(account.lost.iter().map(|it| it.number).collect::<Vec<_>>(), [0, 1]);
        assert!(account.figures().contains("lost 1 requests and 1 replies"));
        assert_eq!(account.lost_after(before).len(), 2);
        assert_eq!(account.lost_after(Instant::now()).len(), 0);
        assert!(std::panic::catch_unwind(|| account.assert_whole()).is_err());
        assert!(std::panic::catch_unwind(|| account.assert_none_lost_after(before)).is_err());
        account.assert_none_lost_after(Instant::now());
        let (now, whole) = (Instant::now(), (before, Instant::now()));
        // They are still under way.
        account.assert_none_lost_outside(&[(now, now)]);
        account.assert_none_lost_outside(&[(before, before), whole]);
        let later = now + Duration::from_secs(9);
        for times in [&[][..], &[(before, before)], &[(later, later)]] {
            assert!(std::panic::catch_unwind(|| account.assert_none_lost_outside(times)).is_err());
        }
        // If another one took longer, they may too.
        let slow = Account { latencies: vec![Duration::from_secs(20)], ..account };
        slow.assert_none_lost_outside(&[(later, later)]);

        ledger.comes(Some(1), USER, Err("gone".into()), true);
        let account = ledger.account(1);
        assert_eq!((account.refused(), account.lost.len()), (1, 0));
        assert!(std::panic::catch_unwind(|| account.assert_whole()).is_err());
        ledger.assert_right();
    }

    /// A missing answer is excused only by the end of the stream on which the request was sent.
    #[test]
    fn a_user_who_goes_misses_what_he_asked_on_that_stream() {
        let mut ledger = answered();
        ledger.ask(3, 0, 8);
        ledger.ask(4, 0, 7);
        ledger.ends(3, 7);
        let account = ledger.account(0);
        assert_eq!((account.orphaned, account.lost.len(), ledger.underway(0)), (1, 2, 2));
        let mut came = answered();
        came.comes(Some(0), USER, good(), true);
        came.ends(3, 7);
        assert_eq!(came.account(0).answered, 1);
    }
}
