//! What a replica had to do with each stanza that it read, and whether it did.

use core_tests::xml::{Stanza, unescaped};
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::TokenIn;
use jat_core::jat::traffic::{Class, TARGET_REPLY, Traffic, USER_REQUEST};

use crate::ledger::{Fate, Forwarded, How, Invariant, Loss};
use crate::replica::START;
use crate::stream::{Letter, State, What};
use crate::traffic::{TARGET_RESOURCES, TTL};
use crate::world::{StreamPlace, World};

impl World {
    /// A replica reads what has arrived, to the end or to somewhere within a stanza.
    pub fn read_some(&mut self, place: StreamPlace) {
        self.stream(place).will_read = false;
        while !self.stream(place).inbox.is_empty() {
            if self.rng.u8(..5) == 0 {
                let part = self.rng.usize(1..200);
                self.read(place, part);
                break;
            }
            self.read(place, usize::MAX);
        }
        self.collect(place);
        self.read_later(place);
    }

    pub fn read_all(&mut self, place: StreamPlace) {
        while !self.stream(place).inbox.is_empty() {
            self.read(place, usize::MAX);
        }
    }

    pub fn read(&mut self, place: StreamPlace, at_most: usize) {
        let replica = &self.replicas[place.replica];
        let fixed = replica.settings().subscriber().is_none();
        let must_forward = match self.loses_presence && !fixed {
            true => self.must_serve(&self.replicas[place.replica]),
            false => replica.view.must_know_somebody(replica.settings()),
        };
        let replica = &mut self.replicas[place.replica];
        let Some((letter, written)) = replica.read(place.role, at_most, self.at) else { return };
        let written = written.to_owned();
        let (traffic, reason) = self.judge(place, &letter, &written, must_forward);
        let says = if written.is_empty() { "is silent" } else { "writes" };
        self.log(|| format!("{place} reads {:?}, {} is due; {says}", letter.what, reason.name()));
        if !self.replicas[place.replica].must_count(traffic, reason) {
            let due = format!("{traffic} {}", reason.name());
            let text = format!("{place} has not counted {:?} as {due}", letter.what);
            self.ledger.report(Invariant::Tally, text);
        }
        let is_alone = place.role > 0 || !self.echoes_stray;
        if is_alone && self.stream(place).seems_shared() {
            self.ledger.report(Invariant::Alone, format!("{place} seems shared"));
        }
    }

    /// Checks what a replica did with a stanza, from what it wrote.
    fn judge(
        &mut self,
        place: StreamPlace,
        letter: &Letter,
        written: &str,
        must_forward: bool,
    ) -> (Traffic, Reason) {
        let replica = &mut self.replicas[place.replica];
        let stream = &replica.streams[place.role];
        let closing = stream.state == State::Closing;
        match letter.what {
            What::Ask(ask) if closing => {
                self.lose(What::Ask(ask), Loss::AfterClose);
                (USER_REQUEST, Reason::ArrivedAfterClose)
            }
            What::Ask(ask) => (USER_REQUEST, self.asked(place, ask, written, must_forward)),
            What::Reply(reply) => {
                let reason = self.replied(place, reply, written);
                // The result does not matter: it may also come too late.
                let of_target = self.ledger.replies[reply].how != How::OtherAccount;
                (if of_target { TARGET_REPLY } else { Class::Reply.inward() }, reason)
            }
            What::Talk(number) => self.judge_talk(place, number, written, must_forward),
            What::Echo(of, serial) => {
                let ours = of == place && serial == stream.serial;
                let reason = if ours { Reason::Echo } else { Reason::OwnAddress };
                (Class::Message.inward(), reason)
            }
            What::Message if closing => (Class::Message.inward(), Reason::ArrivedAfterClose),
            What::Message => {
                let refused = [Reason::MessageRefused, Reason::PresenceDomain][place.role];
                (Class::Message.inward(), refused)
            }
            What::ServerTime => (Class::Reply.inward(), Reason::ServerTime),
            What::Own => unreachable!("nobody sends these"),
            _ if closing => (Class::Presence.outward(), Reason::ArrivedAfterClose),
            presence => (Class::Presence.outward(), replica.hear(place.role, presence, self.at)),
        }
    }

    fn asked(&mut self, place: StreamPlace, ask: usize, written: &str, must: bool) -> Reason {
        let replica = &self.replicas[place.replica];
        let stanza = match written {
            "" => {
                self.ledger.report(Invariant::Accounted, format!("Ask({ask}) led to nothing"));
                return Reason::Relayed;
            }
            written => Stanza::read(written),
        };
        if stanza.type_ == "error" {
            let due = replica.view.due_for_nobody();
            if must {
                let broken =
                    if self.loses_presence { Invariant::Served } else { Invariant::Dispatch };
                self.ledger.report(broken, format!("somebody is online: {written}"));
            }
            self.ledger.check_refusal(ask, &stanza);
            return due;
        }
        let to = unescaped(stanza.to);
        let known = TARGET_RESOURCES.into_iter().find(|peer| *peer == to);
        let Some(peer) = known.filter(|peer| replica.view.may_know(peer, replica.settings()))
        else {
            self.ledger.report(Invariant::Dispatch, format!("not online: {written}"));
            return Reason::Relayed;
        };
        if self.must_not_ask(replica, peer) {
            self.ledger.report(Invariant::Stale, format!("{peer} has gone: {written}"));
        }
        let mirrored = self.file.relays_all;
        let name_key = mirrored.then(|| replica.naming());
        let forwarded = Forwarded {
            ask,
            peer,
            encoded_from: unescaped(stanza.from).into_owned(),
            id: unescaped(stanza.id).into_owned(),
            token_in: if mirrored { TokenIn::Id } else { replica.settings().token_in },
            asked: self.ledger.asks[ask].asked.clone(),
            mirrored,
            key: replica.signing(self.at),
            expires: replica.unix(self.at) + TTL,
        };
        self.ledger.check_forward(&forwarded, &stanza, name_key);
        let (key, until) = (forwarded.key, forwarded.expires - START);
        self.log(|| format!("{place} forwards Ask({ask}) to {peer}, key {key}, until {until} s"));
        self.ledger.asks[ask].forwarded = Some(self.ledger.forwarded.len());
        self.ledger.forwarded.push(forwarded);
        Reason::Relayed
    }

    fn replied(&mut self, place: StreamPlace, number: usize, written: &str) -> Reason {
        let reply = &mut self.ledger.replies[number];
        let forwarded = &self.ledger.forwarded[reply.forwarded];
        let replica = &self.replicas[place.replica];
        let due = replica.due_for_reply(reply, forwarded, self.at);
        reply.due = Some(due);
        let missing =
            (reply.how == How::Missing && due == Reason::RelayedError).then_some(forwarded.peer);
        if !written.is_empty() {
            if let Some(peer) = missing {
                self.note_missing(place.replica, peer);
            }
            return due;
        }
        let has_expired = replica.unix(self.at) >= forwarded.expires;
        let event = match due {
            Reason::ArrivedAfterClose => Some(Loss::AfterClose),
            Reason::Relayed | Reason::RelayedError => None,
            _ if reply.how.is_forged() => Some(Loss::ForgeryRefused),
            Reason::TokenLength => Some(Loss::IdThrownAway),
            _ if has_expired => Some(Loss::Expired),
            _ if self.file.pruned_early.contains(&forwarded.key) => Some(Loss::KeyPrunedEarly),
            _ if self.file.is_late(forwarded.key, place.replica) => Some(Loss::KeyLate),
            _ => None,
        };
        match event {
            Some(event) => self.lose(What::Reply(number), event),
            None => {
                let text = format!("{place} is silent on Reply({number}), {} is due", due.name());
                self.ledger.report(Invariant::Accounted, text);
            }
        }
        due
    }

    pub fn lose(&mut self, what: What, loss: Loss) {
        match what {
            What::Ask(ask) => self.ledger.asks[ask].fate = Fate::Lost(loss),
            What::Reply(reply) => self.ledger.replies[reply].fate = Fate::Lost(loss),
            What::Talk(talk) => self.ledger.talks[talk].fate = Fate::Lost(loss),
            _ => return,
        }
        self.log(|| format!("{what:?} is lost: {loss:?}"));
    }

    /// At the end its tally must add up.
    pub fn settle(&mut self, number: usize) {
        for miscount in self.replicas[number].miscounts() {
            self.ledger.report(Invariant::Tally, format!("replica {number}: {miscount:?}"));
        }
    }
}
