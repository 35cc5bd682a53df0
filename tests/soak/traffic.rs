//! Users who send at a constant rate, and the implementing clients.

use std::collections::VecDeque;
use std::time::Duration;

use core_tests::xml::Stanza;
use mock_server::{Client, Server};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::book::Shared;
use crate::talk::{Step, Talk};

/// The users of each talk.
pub const USERS: usize = 4;
/// So many requests may wait for their replies: the held ones, and 10 s of all others.
pub const MAX_UNDERWAY: usize = 30_000;

/// The implementing client answers one of so many late, so that there are always replies to
/// requests from before a fault.
const HELD_ONE_OF: usize = 8;
pub const HELD_FOR: Duration = Duration::from_secs(3);

pub fn is_held(number: usize) -> bool {
    number.is_multiple_of(HELD_ONE_OF)
}

/// A user who sends.
pub struct User {
    client: Client,
    talk: Talk,
    user: usize,
    book: Shared,
    count: usize,
}

impl User {
    /// All users, who send `count` requests or messages together.
    pub fn all(server: &Server, talk: Talk, book: &Shared, count: usize) -> Vec<Self> {
        let user = |user| Self {
            client: server.client(&talk.user(user)),
            talk,
            user,
            book: book.clone(),
            count: count / USERS,
        };
        (0..USERS).map(user).collect()
    }

    /// Sends, and records the answers, until it is aborted.
    pub async fn ask(mut self) {
        let (began, rate) = (Instant::now(), self.talk.rate() / USERS as f64);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        loop {
            tokio::select! {
                _ = tick.tick(), if sent < self.count => {
                    let due = (began.elapsed().as_secs_f64() * rate) as usize;
                    sent += self.send(due.min(self.count) - sent);
                    let late = began.elapsed().as_secs_f64() - sent as f64 / rate;
                    let mut book = self.book.lock().unwrap();
                    let ledger = book.of(self.talk);
                    ledger.late = ledger.late.max(Duration::from_secs_f64(late.max(0.0)));
                }
                heard = self.client.recv_within(LONG) => {
                    if let Some(stanza) = heard {
                        self.book.lock().unwrap().of(self.talk).hear(self.user, &stanza);
                    }
                }
            }
        }
    }

    /// Sends what is due, as far as it may be under way.
    fn send(&self, due: usize) -> usize {
        for sent in 0..due {
            let number = self.book.lock().unwrap().of(self.talk).ask(self.user);
            let Some(number) = number else { return sent };
            self.client.send(&self.talk.ask(number)).unwrap();
        }
        due
    }
}

/// A resource of an implementing client, and another one, not available, that forges its replies:
/// only the resource that was asked may reply. Messages may come from any resource.
pub struct Service {
    client: Client,
    forger: Client,
    talk: Talk,
}

impl Service {
    pub fn new(server: &Server, talk: Talk, resource: &str) -> Self {
        let target = talk.target();
        let forger = server.client(&format!("{target}/not-{resource}"));
        forger.send("<presence type='unavailable'/>").unwrap();
        Self { client: server.client(&format!("{target}/{resource}")), forger, talk }
    }

    /// Answers until it is aborted.
    pub async fn serve(mut self) {
        let mut held = VecDeque::<(Instant, String)>::new();
        loop {
            let now = Instant::now();
            while held.front().is_some_and(|(due, _)| *due <= now) {
                let (_, reply) = held.pop_front().expect("it is there");
                self.client.send(&reply).unwrap();
            }
            let wait = held.front().map_or(LONG, |(due, _)| *due - now);
            let Some(asked) = self.client.recv_within(wait).await else { continue };
            let asked = Stanza::read(&asked);
            let Some(number) = self.talk.asked(&asked) else { continue };
            let answer = |step| self.talk.answer(&asked, number, step);
            if self.talk == Talk::Requests && number.is_multiple_of(FORGED_ONE_OF) {
                self.forger.send(&answer(Step::Forgery)).unwrap();
            }
            if is_held(number) {
                held.push_back((now + HELD_FOR, answer(Step::Answer)));
            } else {
                self.client.send(&answer(Step::Answer)).unwrap();
            }
        }
    }
}

/// The time between two writes of a user.
const TICK: Duration = Duration::from_millis(5);
/// A timeout that is never reached.
const LONG: Duration = Duration::from_secs(3600);
const FORGED_ONE_OF: usize = 50;
