//! The program on its two streams.

use std::time::Duration;

use core_tests::session::{Shared, settings};
use core_tests::xml;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::now::Now;
use jat_core::jat::settings::Settings;
use jat_core::session::echo::Sharing;
use jat_core::session::{Bounds, Session};

use crate::bots::TARGET;

/// One of its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Component,
    Presence,
}

pub struct Replica {
    pub node: usize,
    /// Its presence domain.
    pub domain: String,
    /// When it wakes up next, if it does.
    pub wakes: Option<u64>,
    shared: Shared,
    /// Those of the component and of the presence domain, while it is connected.
    streams: Option<[Session; 2]>,
}

/// A stanza that it sends.
pub struct Said {
    pub role: Role,
    pub xml: String,
}

impl Replica {
    /// A replica that is not connected yet.
    pub fn new(number: usize, node: usize, dispatch: Dispatch) -> Self {
        let domain = format!("r{number}.{DOMAIN}");
        let presence_domain = Some(domain.parse().expect("a domain"));
        let settings = Settings { presence_domain, dispatch, ..settings(DOMAIN, TARGET) };
        let shared = Shared::new(settings, number as u64);
        Self { node, domain, wakes: None, shared, streams: None }
    }

    pub fn is_connected(&self) -> bool {
        self.streams.is_some()
    }

    /// Whether it takes another process for one that has its presence domain, too.
    pub fn shares_its_presence_domain(&self) -> bool {
        let streams = self.streams.iter().flatten();
        streams.skip(1).any(|presence| presence.sharing() == Sharing::Shared)
    }

    /// Resources in its list.
    pub fn online(&self) -> usize {
        self.shared.translator().presence().resources.len()
    }

    /// Logs in, again if it is connected.
    pub fn connect(&mut self, at: u64) -> Vec<Said> {
        let domains = [DOMAIN, &self.domain].map(|domain| domain.parse().expect("a domain"));
        if self.streams.take().is_some() {
            domains.iter().for_each(|domain| self.shared.services.disconnected(domain));
        }
        let open = |domain| Session::new(domain, Bounds::default(), &mut self.shared.turn(now(at)));
        self.streams = Some(domains.map(open));
        self.said(at)
    }

    /// Reads what arrived on a stream.
    pub fn read(&mut self, role: Role, bytes: &[u8], at: u64) -> Vec<Said> {
        let mut said = Vec::new();
        // As much as one read of a socket gives, which is what a stream keeps room for.
        for part in bytes.chunks(16_384) {
            let stream = &mut self.streams.as_mut().expect("it is connected")[role as usize];
            stream.input().extend(part);
            stream.received(now(at));
            stream.process(&mut self.shared.turn(now(at))).expect("the stream goes on");
            said.extend(self.said(at));
        }
        said
    }

    /// Does what is due by time.
    pub fn tick(&mut self, at: u64) -> Vec<Said> {
        for stream in self.streams.as_mut().expect("it is connected") {
            stream.tick(&mut self.shared.turn(now(at))).expect("the server answers");
        }
        self.said(at)
    }

    /// When something is due.
    pub fn deadline(&self) -> u64 {
        let streams = self.streams.as_ref().expect("it is connected");
        let deadline = streams.iter().map(|stream| stream.deadline(&self.shared.services)).min();
        let micros = deadline.expect("it has two").as_micros();
        u64::try_from(micros.div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    fn said(&mut self, at: u64) -> Vec<Said> {
        let mut said = Vec::new();
        for role in [Role::Component, Role::Presence] {
            let stream = &mut self.streams.as_mut().expect("it is connected")[role as usize];
            let output = stream.output().len();
            if output == 0 {
                continue;
            }
            let text = str::from_utf8(stream.output()).expect("text");
            let signs_of_life = !text.contains('<');
            said.extend(xml::split(text).into_iter().map(|xml| Said { role, xml: xml.to_owned() }));
            stream.sent(output, now(at));
            if signs_of_life {
                // The server answers in kind.
                stream.input().push(b' ');
                stream.received(now(at));
                stream.process(&mut self.shared.turn(now(at))).expect("the stream goes on");
            }
        }
        said
    }
}

fn now(at: u64) -> Now {
    Now { unix: START + at / 1_000, mono: Duration::from_millis(at) }
}

/// Unix second at which every cluster begins.
const START: u64 = 1_800_000_000;
pub const DOMAIN: &str = "proxy.example";
