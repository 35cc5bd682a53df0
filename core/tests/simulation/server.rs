//! The server in the middle: it sends each stanza for the component's domain to a random
//! replica that has a stream, including one that has just closed its stream.
//!
//! Presence is sent to each replica's presence domain. Without presence domains every replica still
//! gets its own copy, at the component's domain.

use core_tests::xml::Stanza;

use crate::ledger::{Fate, How, Invariant, Loss, Reply};
use crate::replica::Replica;
use crate::stream::{Letter, State, What, own_stanzas};
use crate::traffic::{self, DOMAIN, PlannedReply, TARGET, TARGET_RESOURCES};
use crate::world::{Event, StreamPlace, World};

impl World {
    pub fn ask(&mut self) {
        let number = self.ledger.asks.len();
        let (ask, xml) = traffic::ask(number, &mut self.rng);
        self.log(|| format!("{} asks {:?}, id {:?}: Ask({number})", ask.user, ask.asked, ask.id));
        self.ledger.asks.push(ask);
        self.route(Letter { what: What::Ask(number), xml });
        if number % 40 == 1 {
            self.stray();
        }
    }

    /// A stanza that the component does not expect: a message; and, with presence domains, presence to
    /// the component's domain, or a message to a presence domain.
    fn stray(&mut self) {
        let message = |to: &str| Letter { what: What::Message, xml: traffic::message(to) };
        let replica = self.rng.usize(..self.replicas.len());
        let place = StreamPlace { replica, role: self.replicas[replica].subscriber() };
        match self.rng.u8(..3) {
            0 if place.role > 0 => {
                let resource = TARGET_RESOURCES[self.rng.usize(..TARGET_RESOURCES.len())];
                let xml = traffic::presence("", resource, DOMAIN);
                self.route(Letter { what: What::Available(resource), xml });
            }
            1 if place.role > 0 && self.stream(place).state != State::Away => {
                self.hand(place, message(&self.domain(place)));
            }
            // It would be relayed.
            _ if self.file.relays_all => {}
            _ => self.route(message(DOMAIN)),
        }
    }

    pub fn answer(&mut self, answer: PlannedReply) {
        let forwarded = &self.ledger.forwarded[answer.forwarded];
        if self.is_reached(forwarded.peer) || answer.how.is_forged() {
            self.reply(answer.forwarded, answer.how);
        }
    }

    fn reply(&mut self, forwarded: usize, how: How) {
        let number = self.ledger.replies.len();
        let xml = traffic::reply(number, &self.ledger.forwarded[forwarded], how, &mut self.rng);
        let error = Stanza::read(&xml).type_ == "error";
        self.ledger.replies.push(Reply { forwarded, how, error, due: None, fate: Fate::Underway });
        let ask = self.ledger.forwarded[forwarded].ask;
        self.log(|| format!("a reply to Ask({ask}), {how:?}: Reply({number})"));
        self.route(Letter { what: What::Reply(number), xml });
    }

    pub fn route(&mut self, letter: Letter) {
        let takes = |r: &Replica| r.streams[0].state != State::Away;
        let count = self.replicas.iter().filter(|r| takes(r)).count();
        if count == 0 {
            return self.lose(letter.what, Loss::NobodyConnected);
        }
        let chosen = self.rng.usize(..count);
        let mut replicas = self.replicas.iter().enumerate().filter(|(_, r)| takes(r));
        let (replica, _) = replicas.nth(chosen).expect("there are as many");
        self.hand(StreamPlace { replica, role: 0 }, letter);
    }

    /// Sends it on this stream.
    pub fn hand(&mut self, place: StreamPlace, letter: Letter) {
        self.stream(place).inbox.push_back(letter);
        self.read_later(place);
    }

    pub fn read_later(&mut self, place: StreamPlace) {
        let stream = self.stream(place);
        if !stream.inbox.is_empty() && !stream.will_read {
            stream.will_read = true;
            let after = self.rng.u64(1..300);
            self.schedule(after, Event::Read(place));
        }
    }

    /// A stanza of a replica arrives at the server.
    pub fn take(&mut self, place: StreamPlace, what: What, xml: &str) {
        match what {
            What::Own if xml == " " => {
                // It answers white space with white space, or each silent stream would send an echo.
                let (stream, mut turn) = self.replicas[place.replica].split(place.role, self.at);
                stream.read_space(&mut turn);
            }
            What::Own => own_stanzas(xml).into_iter().for_each(|xml| self.take_own(place, xml)),
            What::Ask(ask) => {
                let Some(forwarded) = self.ledger.asks[ask].forwarded else {
                    return self.lose(what, Loss::NobodyOnline);
                };
                self.ledger.asks[ask].fate = Fate::Arrived;
                if !self.is_reached(self.ledger.forwarded[forwarded].peer) {
                    return self.reply(forwarded, How::Missing);
                }
                for answer in traffic::answers(forwarded, &mut self.rng) {
                    self.schedule(answer.after, Event::Answer(answer));
                }
            }
            What::Talk(number) => self.take_talk(number, xml),
            What::Reply(_) => {
                self.log(|| format!("{what:?} reaches {}", Stanza::read(xml).to));
                self.ledger.deliver(xml);
            }
            _ => {}
        }
    }

    /// The target's server answers a subscription or a probe; an echo that a replica sends to itself
    /// comes back to one of them.
    fn take_own(&mut self, place: StreamPlace, xml: &str) {
        if xml.starts_with("<message") {
            let what = What::Echo(place, self.stream(place).serial);
            let letter = Letter { what, xml: xml.to_owned() };
            let shared = place.role == 0 && self.echoes_stray && self.at < LAST_STRAY;
            return if shared { self.route(letter) } else { self.hand(place, letter) };
        }
        let bug = self.replicas[place.replica].bug;
        if let (Some(bug), type_ @ ("subscribe" | "probe")) = (bug, Stanza::read(xml).type_) {
            let asked = &mut self.stream(place).asked;
            let kept = bug.keeps(type_, asked);
            asked.push(type_.to_owned());
            if kept {
                return;
            }
        }
        let domain = self.domain(place);
        let say = |type_, from| traffic::presence(type_, from, &domain);
        match Stanza::read(xml).type_ {
            "subscribe" => {
                let xml = say("subscribed", TARGET);
                self.hand(place, Letter { what: What::Subscribed, xml });
            }
            "probe" if self.reached().next().is_none() => {
                let xml = say("unavailable", TARGET);
                self.hand(place, Letter { what: What::AllGone, xml });
            }
            "probe" => {
                for resource in self.reached().collect::<Vec<_>>() {
                    let letter = Letter { what: What::Available(resource), xml: say("", resource) };
                    self.answer_probe(place, letter);
                }
            }
            "get" if xml.contains("<time xmlns='urn:xmpp:time'/>") => {
                let xml = traffic::time(Stanza::read(xml).id, &domain);
                self.hand(place, Letter { what: What::ServerTime, xml });
            }
            _ => self.ledger.report(Invariant::Cause, xml),
        }
    }

    pub fn domain(&self, place: StreamPlace) -> String {
        self.replicas[place.replica].streams[place.role].domain().to_string()
    }

    pub fn server_restart(&mut self) {
        let numbers = 0..self.replicas.len();
        for place in numbers.flat_map(|n| self.places(n)).collect::<Vec<_>>() {
            match self.stream(place).state {
                State::Connected => self.lose_stream(place, true),
                State::Closing => self.end(place),
                State::Away => {}
            }
        }
    }
}

/// Milliseconds of the schedule.
const LAST_STRAY: u64 = 100_000;
