//! Virtual time, and the server: who is told what.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use core_tests::xml::{Stanza, unescaped};
use fastrand::Rng;
use jat_core::jat::dispatch::Dispatch;

use crate::bots::{self, Bot, available, unavailable, write_available};
use crate::expense::{Expense, Kind};
use crate::replica::{DOMAIN, Replica, Role, Said};

#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub nodes: usize,
    pub replicas: usize,
    pub resources: usize,
}

pub struct Cluster {
    pub size: Size,
    /// Milliseconds since the beginning.
    pub at: u64,
    pub rng: Rng,
    pub replicas: Vec<Replica>,
    pub bots: Vec<Bot>,
    pub expense: Expense,
    /// Requests a second for each replica while users send some, each from a random one of a million.
    pub requests: f64,
    /// Requests a second for all replicas, at the moment.
    rate: f64,
    /// How many of the nodes, counted from the first, the others can't reach.
    pub cut_off: usize,
    /// Until then nodes do not notice that, or that a host is dead, and stanzas sent there are lost.
    pub unnoticed_until: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    scheduled: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A replica does what is due.
    Wake(usize),
    /// A replica logs in.
    Connect(usize),
    /// Each resource answers the probe of a replica.
    Answer(usize),
    /// One stanza to a replica, on the stream of its presence domain or of the component.
    Deliver {
        replica: usize,
        presence: bool,
        xml: String,
    },
    /// A user asks.
    Request,
    /// A bot logs in, or is disconnected.
    Come(usize),
    Go(usize),
    /// The end of a bot's last session is reported late, when it has another one.
    GoLate(usize),
}

impl Cluster {
    /// A cluster whose replicas are not connected, and whose bots are all online.
    pub fn new(size: Size, requests: f64) -> Self {
        let Size { nodes, replicas, resources } = size;
        let replica = |number| Replica::new(number, number % nodes, Dispatch::Random);
        let bot = |number| Bot { online: true, node: number % nodes, errs: false };
        Self {
            size,
            at: 0,
            rng: Rng::with_seed(1),
            replicas: (0..replicas).map(replica).collect(),
            bots: (0..resources).map(bot).collect(),
            expense: Expense::default(),
            requests,
            rate: 0.0,
            cut_off: 0,
            unnoticed_until: 0,
            queue: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    pub fn schedule(&mut self, after: u64, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse((self.at + after, self.scheduled, event)));
    }

    /// Lets so many seconds pass.
    pub fn run(&mut self, seconds: u64) {
        let end = self.at + seconds * 1_000;
        while let Some(Reverse((at, ..))) = self.queue.peek()
            && *at <= end
        {
            let Reverse((at, _, event)) = self.queue.pop().expect("it was there");
            self.at = at;
            self.happen(event);
        }
        self.at = end;
        self.expense.end(end);
    }

    /// Users ask from now on, so many times a second.
    pub fn ask(&mut self, rate: f64) {
        let silent = self.rate == 0.0;
        self.rate = rate;
        if silent && rate > 0.0 {
            self.schedule(0, Event::Request);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(replica) => {
                if self.replicas[replica].wakes.take_if(|wakes| *wakes <= self.at).is_some() {
                    let said = self.replicas[replica].tick(self.at);
                    self.take(replica, said);
                }
            }
            Event::Connect(replica) => {
                let said = self.replicas[replica].connect(self.at);
                self.take(replica, said);
            }
            Event::Answer(replica) => {
                let node = self.replicas[replica].node;
                let reached = (0..self.bots.len()).filter(|bot| self.reaches(node, *bot));
                let to = &self.replicas[replica].domain;
                let (mut answers, mut text) = (0, String::new());
                for bot in reached {
                    answers += 1;
                    write_available(bot, to, &mut text);
                }
                self.expense.add(Kind::Answer, answers, self.at);
                self.read(replica, Role::Presence, text.as_bytes());
            }
            Event::Deliver { replica, presence, xml } => {
                let role = if presence { Role::Presence } else { Role::Component };
                self.read(replica, role, xml.as_bytes());
            }
            Event::Request => self.request(),
            Event::Come(bot) => {
                self.bots[bot].online = true;
                self.tell(bot, available);
            }
            Event::Go(bot) => {
                self.bots[bot].online = false;
                self.tell(bot, unavailable);
            }
            Event::GoLate(bot) => self.tell(bot, unavailable),
        }
    }

    /// Sends all subscribers that can be reached the presence of a bot that came or went.
    fn tell(&mut self, bot: usize, presence: fn(usize, &str) -> String) {
        let own = self.bots.iter().filter(|bot| bot.online).count();
        self.expense.add(Kind::OwnChange, own, self.at);
        let node = self.bots[bot].node;
        for replica in 0..self.replicas.len() {
            let told = &self.replicas[replica];
            if told.is_connected() && self.joins(told.node, node) {
                self.expense.add(Kind::Change, 1, self.at);
                let xml = presence(bot, &told.domain);
                self.read(replica, Role::Presence, xml.as_bytes());
            }
        }
    }

    /// Whether two nodes reach each other.
    fn joins(&self, one: usize, other: usize) -> bool {
        (one < self.cut_off) == (other < self.cut_off)
    }

    fn reaches(&self, node: usize, bot: usize) -> bool {
        self.bots[bot].online && self.joins(node, self.bots[bot].node)
    }

    fn read(&mut self, replica: usize, role: Role, bytes: &[u8]) {
        let said = self.replicas[replica].read(role, bytes, self.at);
        self.take(replica, said);
    }

    /// Stanzas of a replica arrive at the server.
    fn take(&mut self, replica: usize, said: Vec<Said>) {
        for Said { role, xml } in said {
            self.take_one(replica, role, &xml);
        }
        let deadline = self.replicas[replica].deadline().max(self.at + 1);
        if self.replicas[replica].wakes.is_none_or(|wakes| deadline < wakes) {
            self.replicas[replica].wakes = Some(deadline);
            self.schedule(deadline - self.at, Event::Wake(replica));
        }
    }

    fn take_one(&mut self, replica: usize, role: Role, xml: &str) {
        let stanza = Stanza::read(xml);
        let delay = self.rng.u64(5..50);
        let domain = self.replicas[replica].domain.clone();
        let presence = |type_: &str| {
            format!("<presence type='{type_}' from='{}' to='{domain}'/>", bots::TARGET)
        };
        if xml.starts_with("<presence") {
            let (kind, answer) = match stanza.type_ {
                "probe" => (Kind::Probe, Event::Answer(replica)),
                "subscribe" => {
                    let xml = presence("subscribed");
                    (Kind::Subscription, Event::Deliver { replica, presence: true, xml })
                }
                other => unreachable!("nobody asked for {other}"),
            };
            self.expense.add(kind, 1, self.at);
            self.schedule(delay, answer);
        } else if xml.starts_with("<message") {
            // To itself: on the component's stream it goes to a connection of the replica's node.
            self.expense.add(Kind::SelfTest, 1, self.at);
            let to_presence = stanza.to == domain;
            let shared = role == Role::Component && !to_presence;
            let to = if shared { self.near(self.replicas[replica].node) } else { Some(replica) };
            let presence = to_presence || role == Role::Presence;
            let xml = xml.to_owned();
            if let Some(replica) = to {
                // All after the same time: servers keep the order of what they pass on.
                self.schedule(ECHO, Event::Deliver { replica, presence, xml });
            }
        } else if xml.contains("'urn:xmpp:time'") {
            self.expense.add(Kind::SelfTest, 1, self.at);
            let xml = format!(
                "<iq type='result' id='{}' from='{}' to='{}'><time xmlns='urn:xmpp:time'>\
                 <tzo>Z</tzo><utc>2027-01-15T08:00:00Z</utc></time></iq>",
                stanza.id, stanza.to, stanza.from
            );
            let presence = role == Role::Presence;
            self.schedule(delay, Event::Deliver { replica, presence, xml });
        } else if stanza.type_ == "error" {
            self.expense.add(Kind::Failed, 1, self.at);
        } else if stanza.type_ == "get" {
            self.forwarded(replica, &stanza, delay);
        }
    }

    /// A user of a random node asks.
    fn request(&mut self) {
        if self.rate == 0.0 {
            return;
        }
        let gap = -self.rng.f64().max(f64::MIN_POSITIVE).ln() / self.rate * 1e3;
        self.schedule(gap.round() as u64, Event::Request);
        let user = self.rng.usize(..1_000_000);
        let Some(replica) = self.near(user % self.size.nodes) else { return };
        self.expense.add(Kind::Request, 1, self.at);
        let xml = format!(
            "<iq type='get' id='1' from='user{user}@some-domain.example/abc' to='{DOMAIN}'><q/></iq>"
        );
        self.read(replica, Role::Component, xml.as_bytes());
    }

    /// A request is forwarded to a bot. The bot's answer goes to a replica of its node; an error that a
    /// server sends for a bot that is gone, to a replica of the node that looked for the bot.
    fn forwarded(&mut self, replica: usize, request: &Stanza<'_>, delay: u64) {
        let bot = bots::number(request.to);
        let node = self.replicas[replica].node;
        let reached = self.reaches(node, bot);
        if !reached && self.at < self.unnoticed_until {
            return self.expense.add(Kind::Lost, 1, self.at);
        }
        let Bot { errs, node: of_bot, .. } = self.bots[bot];
        let to = self.near(if reached { of_bot } else { node });
        let (type_, payload) = match reached && !errs {
            true => ("result", ""),
            false => ("error", NOT_THERE),
        };
        let xml = format!(
            "<iq type='{type_}' id='{}' from='{}' to='{}'>{payload}</iq>",
            request.id,
            unescaped(request.to),
            unescaped(request.from)
        );
        if let Some(replica) = to {
            self.schedule(delay, Event::Deliver { replica, presence: false, xml });
        }
    }

    /// The replica that a node gives a stanza to: one of its own, else any that it reaches.
    fn near(&mut self, node: usize) -> Option<usize> {
        let Size { nodes, replicas, .. } = self.size;
        let own = replicas / nodes + usize::from(node < replicas % nodes);
        if own > 0 {
            let replica = node + nodes * self.rng.usize(..own);
            return self.replicas[replica].is_connected().then_some(replica);
        }
        let replica = self.rng.usize(..replicas);
        let other = &self.replicas[replica];
        (other.is_connected() && self.joins(node, other.node)).then_some(replica)
    }
}

/// Milliseconds until a message to oneself is back.
const ECHO: u64 = 20;
/// What servers answer for a resource that they do not find.
const NOT_THERE: &str = "<error type='cancel'>\
    <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
