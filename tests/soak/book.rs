//! The records of all requests and messages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_server::Passed;

use crate::ledger::Ledger;
use crate::talk::Talk;

pub type Shared = Arc<Mutex<Book>>;

/// A ledger for each kind of talk.
pub struct Book {
    pub requests: Ledger,
    pub messages: Ledger,
}

impl Book {
    pub fn shared() -> Shared {
        let [requests, messages] = Talk::ALL.map(Ledger::new);
        Arc::new(Mutex::new(Self { requests, messages }))
    }

    pub fn of(&mut self, talk: Talk) -> &mut Ledger {
        match talk {
            Talk::Requests => &mut self.requests,
            Talk::Messages => &mut self.messages,
        }
    }

    fn all(&mut self) -> [&mut Ledger; 2] {
        [&mut self.requests, &mut self.messages]
    }

    /// A stanza passes between the server and a replica.
    pub fn pass(&mut self, passed: &Passed) {
        self.all().into_iter().for_each(|ledger| ledger.pass(passed));
    }

    /// The replica of this connection is about to be killed.
    pub fn kill(&mut self, connection: u64) {
        self.all().into_iter().for_each(|ledger| ledger.kill(connection));
    }

    /// All connections except these have ended.
    pub fn settle(&mut self, connected: &[u64]) {
        self.all().into_iter().for_each(|ledger| ledger.settle(connected));
    }

    /// At the end: everything that is not accounted for by now is lost.
    pub fn close(&mut self) {
        self.all().into_iter().for_each(Ledger::close);
    }

    /// Records a fault of the replicas.
    pub fn fault(&mut self, what: &str) {
        self.all().into_iter().for_each(|ledger| ledger.violations.fault(what));
    }

    /// The maximum delay of users behind their rate, since the last call.
    pub fn take_late(&mut self) -> Duration {
        let [requests, messages] = self.all().map(|ledger| std::mem::take(&mut ledger.late));
        requests.max(messages)
    }

    /// How many are finished.
    pub fn answered(&self) -> usize {
        self.requests.answered() + self.messages.answered()
    }

    pub fn sent(&self) -> usize {
        self.requests.sent() + self.messages.sent()
    }

    pub fn underway(&self) -> usize {
        self.requests.underway() + self.messages.underway()
    }
}
