//! The server in the middle: it hands each stanza for the component's domain to a random
//! replica that has a stream, one that has just said goodbye included.
//!
//! Presence is the exception: every replica gets its own, as with a presence domain of its own.

use crate::ledger::{Fate, How, Loss, Reply, Wrong};
use crate::replica::{Letter, Replica, State, TARGET, What, full};
use crate::traffic::{self, Answer};
use crate::world::{Event, World};
use crate::xml;

impl World {
    pub fn ask(&mut self) {
        let number = self.ledger.asks.len();
        let (ask, xml) = traffic::ask(number, &mut self.rng);
        self.ledger.asks.push(ask);
        self.route(Letter { what: What::Ask(number), xml });
        if number.is_multiple_of(40) {
            self.route(Letter { what: What::Message, xml: traffic::message() });
        }
    }

    pub fn answer(&mut self, answer: Answer) {
        let forwarded = &self.ledger.forwarded[answer.forwarded];
        let is_there = self.online.iter().any(|r| full(r) == forwarded.peer);
        if is_there || answer.how.is_forged() {
            self.reply(answer.forwarded, answer.how);
        }
    }

    fn reply(&mut self, forwarded: usize, how: How) {
        let number = self.ledger.replies.len();
        let xml = traffic::reply(number, &self.ledger.forwarded[forwarded], how, &mut self.rng);
        self.ledger.replies.push(Reply { forwarded, how, due: None, fate: Fate::Underway });
        let after = self.rng.u64(1..200);
        self.schedule(after, Event::Route(Letter { what: What::Reply(number), xml }));
    }

    pub fn route(&mut self, letter: Letter) {
        let streams = |r: &Replica| matches!(r.state, State::Connected | State::Closing);
        let numbers: Vec<usize> =
            (0..self.replicas.len()).filter(|n| streams(&self.replicas[*n])).collect();
        if numbers.is_empty() {
            return self.lose(letter.what, Loss::NobodyConnected);
        }
        let number = numbers[self.rng.usize(..numbers.len())];
        self.hand(number, letter);
    }

    /// To this replica and no other.
    pub fn hand(&mut self, number: usize, letter: Letter) {
        self.replicas[number].inbox.push_back(letter);
        let after = self.rng.u64(1..600);
        self.schedule(after, Event::Read(number));
    }

    /// A resource of the target comes or goes.
    pub fn switch(&mut self, resource: &'static str) {
        let came = !self.online.remove(resource);
        if came {
            self.online.insert(resource);
        }
        for number in 0..self.replicas.len() {
            if self.replicas[number].state == State::Connected {
                let type_ = if came { "" } else { "unavailable" };
                let xml = traffic::presence(type_, Some(resource));
                let what =
                    if came { What::Available(resource) } else { What::Unavailable(resource) };
                self.hand(number, Letter { what, xml });
            }
        }
    }

    /// A stanza of a replica is at the server.
    pub fn take(&mut self, number: usize, what: What, xml: &str) {
        let to = xml::attribute(xml, "to").unwrap_or_default();
        match what {
            What::Own if xml.starts_with("<message") => {
                if self.echoes {
                    let what = What::Echo(number, self.replicas[number].stream);
                    self.route(Letter { what, xml: xml.to_owned() });
                }
            }
            What::Own => self.presence(number, &xml::attribute(xml, "type").unwrap_or_default()),
            What::Ask(ask) if to.starts_with(&format!("{TARGET}/")) => {
                self.ledger.asks[ask].fate = Fate::Arrived;
                let newest_first = self.ledger.forwarded.iter().rposition(|f| f.ask == ask);
                let forwarded = newest_first.expect("it was forwarded");
                if !self.online.iter().any(|r| full(r) == to) {
                    // Its server says so in its name.
                    return self.reply(forwarded, How::Honest);
                }
                for answer in traffic::answers(forwarded, &mut self.rng) {
                    self.schedule(answer.after, Event::Answer(answer));
                }
            }
            What::Ask(ask) => self.ledger.asks[ask].fate = Fate::Lost(Loss::NobodyOnline),
            What::Message => {}
            _ => self.ledger.deliver(xml),
        }
    }

    /// The target's server answers a subscription or a probe.
    fn presence(&mut self, number: usize, type_: &str) {
        let mut answers = Vec::new();
        match type_ {
            "subscribe" => {
                answers.push((What::Subscribed, traffic::presence("subscribed", None)));
            }
            "probe" if self.online.is_empty() => {
                answers.push((What::AllGone, traffic::presence("unavailable", None)));
            }
            "probe" => answers.extend(
                self.online.iter().map(|r| (What::Available(r), traffic::presence("", Some(r)))),
            ),
            _ => self.ledger.report(Wrong::Stray, format!("presence {type_}")),
        }
        for (what, xml) in answers {
            self.hand(number, Letter { what, xml });
        }
    }

    pub fn server_restart(&mut self) {
        for number in 0..self.replicas.len() {
            match self.replicas[number].state {
                State::Connected => self.lose_stream(number, true),
                State::Closing => self.end(number),
                State::Away | State::Dead => {}
            }
        }
    }
}
