//! What a replica had to make of each stanza that it read, and whether it did.

use jat_proxy::jat::reason::{Direction, Reason};

use crate::ledger::{Fate, Forwarded, Loss, Wrong};
use crate::replica::{Letter, State, What};
use crate::traffic::TTL;
use crate::world::World;
use crate::xml;

impl World {
    pub fn read(&mut self, number: usize) {
        let cut = self.rng.u8(..4) == 0;
        let must_forward = self.replicas[number].must_know_somebody();
        let Some((letter, written)) = self.replicas[number].read(cut, self.at) else { return };
        let (direction, reason) = self.judge(number, &letter, &written, must_forward);
        if !self.replicas[number].must_count(direction, reason) {
            let text = format!("no {direction:?} {reason:?} for {}", letter.xml);
            self.ledger.report(Wrong::Tally, text);
        }
        self.put(number, letter.what, written);
    }

    /// What a replica had to make of a stanza, given what it wrote.
    fn judge(
        &mut self,
        number: usize,
        letter: &Letter,
        written: &[String],
        must_forward: bool,
    ) -> (Direction, Reason) {
        let closing = self.replicas[number].state == State::Closing;
        let after_close = |reason| if closing { Reason::ArrivedAfterClose } else { reason };
        match letter.what {
            What::Ask(ask) if closing => {
                self.lose(What::Ask(ask), Loss::AfterClose);
                (Direction::Forward, Reason::ArrivedAfterClose)
            }
            What::Ask(ask) => (Direction::Forward, self.asked(number, ask, written, must_forward)),
            What::Reply(reply) => (Direction::Revert, self.replied(number, reply, written)),
            What::Echo(of, stream) => {
                let ours = of == number && stream == self.replicas[number].stream;
                let reason = if ours { Reason::Echo } else { Reason::OwnAddress };
                (Direction::Message, after_close(reason))
            }
            What::Message => (Direction::Message, after_close(Reason::MessageRefused)),
            What::Own => unreachable!("nobody sends these"),
            presence if !closing => (Direction::Presence, self.replicas[number].heard(presence)),
            _ => (Direction::Presence, Reason::ArrivedAfterClose),
        }
    }

    fn asked(&mut self, number: usize, ask: usize, written: &[String], must: bool) -> Reason {
        let replica = &self.replicas[number];
        let [stanza] = written else {
            self.ledger.report(Wrong::Unaccounted, format!("request {ask} led to {written:?}"));
            return Reason::Relayed;
        };
        let get = |name| xml::attribute(stanza, name).unwrap_or_default();
        if get("type") == "error" {
            let due = replica.due_for_nobody();
            if must {
                self.ledger.report(Wrong::Dispatch, format!("somebody is online: {stanza}"));
            }
            self.ledger.check_refusal(ask, stanza);
            return due;
        }
        let forwarded = Forwarded {
            ask,
            peer: get("to"),
            encoded_from: get("from"),
            id: get("id"),
            token_in: replica.settings().token_in,
            key: replica.signing(self.at),
            expires: replica.unix(self.at) + TTL,
        };
        if !replica.may_know(&forwarded.peer) {
            self.ledger.report(Wrong::Dispatch, format!("not online: {stanza}"));
        }
        self.ledger.check_forward(&forwarded, stanza);
        self.ledger.forwarded.push(forwarded);
        Reason::Relayed
    }

    fn replied(&mut self, number: usize, number_of_reply: usize, written: &[String]) -> Reason {
        let reply = &mut self.ledger.replies[number_of_reply];
        let forwarded = &self.ledger.forwarded[reply.forwarded];
        let replica = &self.replicas[number];
        let due = replica.due_for_reply(reply, forwarded, self.at);
        reply.due = Some(due);
        if written.is_empty() {
            let has_expired = replica.unix(self.at) >= forwarded.expires;
            let event = match due {
                Reason::ArrivedAfterClose => Some(Loss::AfterClose),
                Reason::Relayed => None,
                _ if reply.how.is_forged() => Some(Loss::ForgeryRefused),
                Reason::TokenLength => Some(Loss::IdThrownAway),
                _ if has_expired => Some(Loss::Expired),
                _ if self.file.pruned_early.contains(&forwarded.key) => Some(Loss::KeyPrunedEarly),
                _ if self.file.late.contains(&forwarded.key) => Some(Loss::KeyLate),
                _ => None,
            };
            if let Some(event) = event {
                reply.fate = Fate::Lost(event);
            }
        }
        due
    }

    /// At the end its tally must add up.
    pub fn settle(&mut self, number: usize) {
        for miscount in self.replicas[number].miscounts() {
            self.ledger.report(Wrong::Tally, format!("replica {number}: {miscount:?}"));
        }
    }
}
