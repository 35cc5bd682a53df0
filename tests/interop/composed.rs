//! The server accepts every address that the proxy composes: names of all kinds, as node and resource
//! of the user and of the address that the user writes to, and as the bot's resource.
//!
//! Users and bots are at domains of other components, where any name is possible. Stanzas that the
//! server refuses from those never reach the proxy.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use core_tests::xml::escaped;
use fastrand::Rng;
use test_support::interop::client::{is_reply, is_request};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Kind, Server};
use test_support::interop::stanza::Stanza;
use test_support::wait::PATIENCE;

use crate::component::Component;
use crate::names::name;

case!(every_composed_address_is_taken: both);
fn every_composed_address_is_taken(kind: Kind) {
    let server = Server::shared(kind);
    let mut rng = Rng::with_seed(20_261_127);
    let bots = Bots::start(server, (0..BOTS).map(|_| name(&mut rng)).collect());
    let mut users = Component::login(server, &server.new_domain());
    let proxies = ["resource", "id"].map(|token_in| {
        let mut settings = Settings::new(&server.new_domain(), &bots.target);
        settings.component = format!("token-in = \"{token_in}\"");
        Proxy::start(server, settings)
    });
    for proxy in &proxies {
        proxy.wait_online(&[&format!("{}/plain", bots.target)]);
        let seen = judge(proxy, &mut users, &mut rng);
        let asked = bots.asked(&proxy.settings.domain);
        println!("{kind}, {}: {seen:?}, {} bots", proxy.settings.component, asked.bots.len());
        let count = |stanza: &str, outcome: &str| {
            let labels = [("stanza", stanza), ("outcome", outcome)];
            let labels = labels.map(|(name, value)| format!("{name}=\"{value}\""));
            proxy.count(&["jat_proxy_stanzas_total", &labels[0], &labels[1]])
        };
        // What was relayed arrived, in both directions, and so did every refusal.
        assert_eq!(count("request", "relayed"), asked.requests);
        assert_eq!(count("reply", "relayed"), asked.requests);
        assert_eq!(seen.results, asked.requests);
        assert_eq!(count("request", "answered"), seen.refused);
        assert_eq!(count("message", "answered"), seen.messages_refused);
        assert_eq!(proxy.reason("subscription-refused"), seen.unsubscribed);
        assert_eq!(proxy.logins(), 1, "no name ends the stream");
        // Enough of all of them for a meaningful result.
        assert!(seen.results > REQUESTS / 3, "{seen:?}");
        assert!(seen.messages_refused > REQUESTS / 3 && seen.unsubscribed > REQUESTS / 3);
        assert!(asked.bots.len() > BOTS / 3, "{} bots", asked.bots.len());
    }
    bots.end();
}

/// What the users got.
#[derive(Debug, Default)]
struct Seen {
    results: u64,
    /// Errors that the proxy made.
    refused: u64,
    messages_refused: u64,
    unsubscribed: u64,
    /// Stanzas of users that the server refused.
    by_server: u64,
}

/// Has a thousand users write to the proxy, and waits for all results.
fn judge(proxy: &Proxy, users: &mut Component, rng: &mut Rng) -> Seen {
    let mut seen = Seen::default();
    let domain = &proxy.settings.domain;
    for number in 0..REQUESTS {
        let (user, asked) = names(number, &users.domain, domain, rng);
        let from_to = format!("from='{}' to='{}'", escaped(&user), escaped(&asked));
        users.send(format!("<iq type='get' id='{number}' {from_to}>{ASK}</iq>"));
        users.send(format!("<message id='{number}' {from_to}><body>hi</body></message>"));
        users.send(format!("<presence type='subscribe' {from_to}/>"));
        if number % 20 == 0 {
            while let Some(stanza) = users.connection.try_receive(Duration::from_millis(1)) {
                seen.count(domain, &stanza);
            }
        }
    }
    // Stanzas of the bots and of the proxy arrive in order.
    let (user, message) = (format!("last@{}/r", users.domain), "<message type='chat' id='last'");
    users.send(format!("<iq type='get' id='last' from='{user}' to='{domain}'>{ASK}</iq>"));
    users.send(format!("{message} from='{user}' to='{domain}'/>"));
    let mut awaited = vec!["iq", "message"];
    while !awaited.is_empty() {
        let stanza = users.connection.try_receive(PATIENCE);
        let ended = users.connection.ended();
        let stanza = stanza.unwrap_or_else(|| panic!("no answer to the last; {ended:?}"));
        seen.count(domain, &stanza);
        if stanza.attr("id") == Some("last") {
            awaited.retain(|name| *name != stanza.name);
        }
    }
    seen
}

impl Seen {
    fn count(&mut self, domain: &str, stanza: &Stanza) {
        let by = stanza.child("error").and_then(|error| error.attr("by"));
        match (stanza.name.as_str(), stanza.attr("type"), by) {
            ("iq", Some("result"), _) => self.results += 1,
            ("iq", Some("error"), Some(by)) if by == domain => self.refused += 1,
            ("message", Some("error"), Some(by)) if by == domain => self.messages_refused += 1,
            ("presence", Some("unsubscribed"), _) => self.unsubscribed += 1,
            (_, Some("error"), _) => self.by_server += 1,
            // Prosody returns it to its sender if the recipient's address is not valid.
            _ if stanza.attr("from").is_some_and(|from| !from.contains(domain)) => {
                self.by_server += 1;
            }
            _ => panic!("{:?}", String::from_utf8_lossy(&stanza.bytes)),
        }
    }
}

/// A user, and the address that it writes to: generated names as one part of both, as two, or as all.
fn names(number: u64, users: &str, domain: &str, rng: &mut Rng) -> (String, String) {
    let mut part = |parts: &[u64], plain: &str| {
        if parts.contains(&(number % 6)) { name(rng) } else { plain.to_owned() }
    };
    let resource = part(&[1, 4, 5], "abc");
    // Text before one of these would be another domain, and the server would end the stream.
    let mut node = |parts, plain: &str| part(parts, plain).replace(['@', '/'], "-");
    let (node, asked_node) = (node(&[0, 4, 5], &format!("user{number}")), node(&[2, 5], ""));
    let asked_resource = part(&[3, 5], "");
    let at = if asked_node.is_empty() { "" } else { "@" };
    let slash = if asked_resource.is_empty() { "" } else { "/" };
    let asked = format!("{asked_node}{at}{domain}{slash}{asked_resource}");
    (format!("{node}@{users}/{resource}"), asked)
}

/// A target with many resources, each of which answers.
struct Bots {
    target: String,
    orders: Sender<String>,
    answers: Receiver<BotsReached>,
    thread: thread::JoinHandle<()>,
}

/// What the bots got from one proxy.
#[derive(Default)]
struct BotsReached {
    requests: u64,
    bots: BTreeSet<String>,
}

impl Bots {
    fn start(server: &Server, names: Vec<String>) -> Bots {
        let component = Component::login(server, &server.new_domain());
        let target = format!("bot@{}", component.domain);
        let (orders, received) = channel::<String>();
        let (answering, answers) = channel();
        let bot = target.clone();
        let thread = thread::spawn(move || answer(component, &bot, &names, &received, &answering));
        Bots { target, orders, answers, thread }
    }

    /// What the bots got so far, up to the last answer.
    fn asked(&self, domain: &str) -> BotsReached {
        self.orders.send(domain.to_owned()).unwrap();
        self.answers.recv_timeout(PATIENCE).expect("the bots are there")
    }

    /// Checks that none of them lost its stream.
    fn end(self) {
        drop(self.orders);
        self.thread.join().expect("the bots' stream stays up");
    }
}

fn answer(
    mut component: Component,
    target: &str,
    names: &[String],
    orders: &Receiver<String>,
    answers: &Sender<BotsReached>,
) {
    let mut heard: Vec<(String, String)> = Vec::new();
    loop {
        match orders.try_recv() {
            Ok(domain) => {
                let mut asked = BotsReached::default();
                for (_, bot) in heard.iter().filter(|(from, _)| *from == domain) {
                    asked.requests += 1;
                    asked.bots.insert(bot.clone());
                }
                answers.send(asked).unwrap();
            }
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
        }
        let Some(stanza) = component.connection.try_receive(Duration::from_millis(20)) else {
            assert_eq!(component.connection.ended(), None);
            continue;
        };
        let from = stanza.attr("from").unwrap_or_default();
        let (to, kind) = (stanza.attr("to").unwrap_or_default(), stanza.attr("type"));
        if is_request(&stanza) {
            let id = escaped(stanza.attr("id").unwrap());
            let (asker, bot) = (escaped(from), escaped(to));
            component.send(format!("<iq type='result' id='{id}' from='{bot}' to='{asker}'/>"));
            // The proxy asks the server for the time, too.
            if stanza.child("ask").is_some() {
                heard.push((bare_domain(from), to.to_owned()));
            }
        } else if stanza.name == "presence" && kind == Some("subscribe") {
            component.send(format!("<presence type='subscribed' from='{target}' to='{from}'/>"));
        } else if stanza.name == "presence" && kind == Some("probe") {
            for name in names.iter().map(String::as_str).chain(["plain"]) {
                let bot = escaped(&format!("{target}/{name}"));
                component.send(format!("<presence from='{bot}' to='{from}'/>"));
            }
        } else {
            // The server refused a name.
            assert!(!is_reply(&stanza), "an answer was refused: {stanza:?}");
        }
    }
}

fn bare_domain(address: &str) -> String {
    let bare = address.split('/').next().unwrap_or_default();
    bare.rsplit('@').next().unwrap_or_default().to_owned()
}

const REQUESTS: u64 = 1_000;
const BOTS: usize = 150;
const ASK: &str = "<ask xmlns='urn:example:ask'/>";
