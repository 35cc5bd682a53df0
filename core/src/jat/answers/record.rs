//! What happened to the requests to one resource.

use serde::{Deserialize, Serialize};

use crate::stanza::condition::DefinedCondition;

use super::{Event, Trouble};

/// The counters of one resource, and what they mean. Times are Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// In normal form.
    pub resource: String,
    /// Requests that it got.
    pub forwarded: u64,
    /// Its answers.
    pub results: u64,
    pub errors: u64,
    pub last_answer: Option<u64>,
    pub last_error: Option<DefinedCondition>,
    now: Recently,
}

/// Counts since the resource came online, or since something else happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Recently {
    results: u64,
    errors: u64,
    errors_since_result: u64,
    /// Requests since its last answer, and when it got the first of them.
    asked_since_answer: u64,
    first_asked: Option<u64>,
    /// Errors for a missing resource since it was last known to be online, and the time of the last.
    missing: u64,
    last_missing: u64,
    /// Presence showed that it is online after such an error, so it sends these errors itself.
    gives_such_errors: bool,
}

impl Record {
    pub fn new(resource: String) -> Self {
        Self { resource, ..Self::default() }
    }

    pub fn count(&mut self, event: Event, at: u64) {
        let now = &mut self.now;
        match event {
            Event::Asked => {
                self.forwarded += 1;
                now.asked_since_answer += 1;
                now.first_asked.get_or_insert(at);
                return;
            }
            Event::Result => {
                self.results += 1;
                now.results += 1;
                (now.errors_since_result, now.missing) = (0, 0);
            }
            Event::Error(condition) => {
                self.errors += 1;
                now.errors += 1;
                now.errors_since_result += 1;
                self.last_error = Some(condition);
                match condition.is_of_missing() && !now.gives_such_errors {
                    true => (now.missing, now.last_missing) = (now.missing + 1, at),
                    // Any other error can't be from a server.
                    false => now.missing = 0,
                }
            }
        }
        self.last_answer = Some(at);
        (now.asked_since_answer, now.first_asked) = (0, None);
    }

    /// Our stream is down, so requests without an answer mean nothing.
    pub fn disconnected(&mut self) {
        (self.now.asked_since_answer, self.now.first_asked) = (0, None);
    }

    /// Presence shows that it is online. `new`: it was offline before.
    pub fn seen(&mut self, new: bool) {
        if new {
            self.now = Recently::default();
        } else if self.now.missing > 0 {
            (self.now.missing, self.now.gives_such_errors) = (0, true);
        }
    }

    /// What is wrong with it. `enough`: so many errors for a missing resource mean that it is missing, for
    /// a minute, since without requests nothing shows that it is back. `hears_all`: whether all its
    /// answers come to us.
    pub fn trouble(&self, enough: u64, hears_all: bool, at: u64) -> Option<Trouble> {
        let Recently { results, errors, errors_since_result, .. } = self.now;
        let Recently { asked_since_answer, first_asked, missing, last_missing, .. } = self.now;
        let error = self.last_error.unwrap_or(DefinedCondition::UndefinedCondition);
        if missing >= enough && last_missing.abs_diff(at) < LASTS {
            return Some(Trouble::Missing(error));
        }
        if results == 0 && errors >= FEW || errors_since_result >= MANY {
            return Some(Trouble::OnlyErrors(error));
        }
        let seconds = at.saturating_sub(first_asked?);
        let silent = hears_all && asked_since_answer >= FEW && seconds >= PATIENCE;
        silent.then_some(Trouble::Silent { requests: asked_since_answer, seconds })
    }

    /// Whether its last answer was an error that servers send for a missing resource, and no presence has
    /// shown it online since.
    pub fn is_missing(&self) -> bool {
        self.now.missing > 0
    }

    /// When the last of these errors came.
    pub fn last_missing(&self) -> Option<u64> {
        self.is_missing().then_some(self.now.last_missing)
    }

    /// The time of the last news of it.
    pub fn touched(&self) -> u64 {
        self.last_answer.max(self.now.first_asked).unwrap_or_default()
    }
}

/// Errors of a resource that sent no result since it came online, or requests that it did not answer:
/// fewer may be chance.
const FEW: u64 = 3;
/// Errors in a row of one that also sends results: some requests may be unknown to it.
const MANY: u64 = 20;
/// Seconds that every answer may take.
const PATIENCE: u64 = 10;
/// Seconds for which an error means that a resource fails.
const LASTS: u64 = 60;
