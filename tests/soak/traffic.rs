//! Users who ask at a constant rate, and the implementing client.

use std::collections::VecDeque;
use std::time::Duration;

use core_tests::xml::Stanza;
use mock_server::{Client, Server};
use test_support::daemon::{DOMAIN, TARGET};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::ledger::Shared;

/// Requests a second, of all users.
pub const RATE: f64 = 2_000.0;
pub const USERS: usize = 4;
/// So many requests may wait for their replies: what is held, and 10 s of all else.
pub const MAX_UNDERWAY: usize = 30_000;

/// The implementing client answers one of so many late, so that there are always replies to
/// requests from before whatever was done.
const HELD_ONE_OF: usize = 8;
pub const HELD_FOR: Duration = Duration::from_secs(3);

pub fn is_held(number: usize) -> bool {
    number.is_multiple_of(HELD_ONE_OF)
}

/// One of those who ask.
pub struct User {
    client: Client,
    user: usize,
    ledger: Shared,
    requests: usize,
}

impl User {
    /// All of them, and how many `requests` they make together.
    pub fn all(server: &Server, ledger: &Shared, requests: usize) -> Vec<Self> {
        let user = |user| Self {
            client: server.client(&format!("user-{user}@some-domain.example/abc")),
            user,
            ledger: ledger.clone(),
            requests: requests / USERS,
        };
        (0..USERS).map(user).collect()
    }

    /// Asks, and enters the replies into the ledger, for ever.
    pub async fn ask(mut self) {
        let (began, rate) = (Instant::now(), RATE / USERS as f64);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        loop {
            tokio::select! {
                _ = tick.tick(), if sent < self.requests => {
                    let due = (began.elapsed().as_secs_f64() * rate) as usize;
                    sent += self.send(due.min(self.requests) - sent);
                    let late = began.elapsed().as_secs_f64() - sent as f64 / rate;
                    let mut ledger = self.ledger.lock().unwrap();
                    ledger.late = ledger.late.max(Duration::from_secs_f64(late.max(0.0)));
                }
                iq = self.client.recv_iq_within(LONG) => {
                    if let Some(iq) = iq {
                        self.ledger.lock().unwrap().hear(self.user, &iq);
                    }
                }
            }
        }
    }

    /// Sends what is due, at most as much as may be underway.
    fn send(&self, due: usize) -> usize {
        for sent in 0..due {
            let Some(number) = self.ledger.lock().unwrap().ask(self.user) else { return sent };
            let request =
                format!("<iq type='get' id='{number}' to='{DOMAIN}'><ask n='{number}'/></iq>");
            self.client.send(&request).unwrap();
        }
        due
    }
}

/// A resource of the implementing client, and another one, not available, that forges its
/// replies: only the resource that was asked may reply.
pub struct Service {
    client: Client,
    forger: Client,
}

impl Service {
    pub fn new(server: &Server, resource: &str) -> Self {
        let forger = server.client(&format!("{TARGET}/not-{resource}"));
        forger.send("<presence type='unavailable'/>").unwrap();
        Self { client: server.client(&format!("{TARGET}/{resource}")), forger }
    }

    /// Answers, for ever.
    pub async fn serve(mut self) {
        let mut held = VecDeque::<(Instant, String)>::new();
        loop {
            let now = Instant::now();
            while held.front().is_some_and(|(due, _)| *due <= now) {
                let (_, reply) = held.pop_front().expect("it is there");
                self.client.send(&reply).unwrap();
            }
            let wait = held.front().map_or(LONG, |(due, _)| *due - now);
            let Some(request) = self.client.recv_iq_within(wait).await else { continue };
            let request = Stanza::read(&request);
            let number = payload(request.content, "ask").expect("it was sent by a user");
            let reply = |name: &str| {
                let Stanza { id, from, .. } = request;
                format!("<iq type='result' id='{id}' to='{from}'><{name} n='{number}'/></iq>")
            };
            if number.is_multiple_of(FORGED_ONE_OF) {
                self.forger.send(&reply(FORGED)).unwrap();
            }
            if is_held(number) {
                held.push_back((now + HELD_FOR, reply("answer")));
            } else {
                self.client.send(&reply("answer")).unwrap();
            }
        }
    }
}

/// The number in the payload of an IQ that has this payload and no other.
pub fn payload(content: &str, name: &str) -> Option<usize> {
    let rest = content.strip_prefix('<')?.strip_prefix(name)?.strip_prefix(" n='")?;
    rest.strip_suffix("'/></iq>")?.parse().ok()
}

pub fn is_forged(reply: &Stanza<'_>) -> bool {
    payload(reply.content, FORGED).is_some()
}

/// Between two writes of a user.
const TICK: Duration = Duration::from_millis(5);
/// Until something comes.
const LONG: Duration = Duration::from_secs(3600);
const FORGED: &str = "forged";
const FORGED_ONE_OF: usize = 50;
