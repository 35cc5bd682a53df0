//! From mod_client_proxy to jat-proxy and back, exactly as on the page, with a client that reads the
//! user's address as Jicofo does and does not change meanwhile.
//!
//! The module is a stand-in; `MOD_CLIENT_PROXY=folder` names a folder with the real one.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use test_support::interop::client::{Client, is_reply};
use test_support::interop::client_proxy;
use test_support::interop::server::{HOST, Kind, Server};
use test_support::interop::stanza::Stanza;
use test_support::pages::block;
use test_support::wait::PATIENCE;

use crate::bot::Bot;
use crate::terminal::Terminal;

const PAGE: &str = "docs/migrating-from-mod_client_proxy.md";
const DOMAIN: &str = "focus.meet.example.com";

case!(the_steps_lead_there_and_back: prosody);
fn the_steps_lead_there_and_back(kind: Kind) {
    let mut stage = Stage::before(kind);
    let jicofo = stage.jicofo();
    let mut user = stage.user("abc");
    assert_eq!(ask(&mut user, "before").attr("from"), Some(DOMAIN));

    stage.prepare();
    let there = stage.under_load(|stage| {
        stage.configure(&stage.before.clone(), &stage.after.clone());
        stage.terminal.run(&block(PAGE, "2. Switch", "console"));
        stage.wait_ready();
    });
    println!("switched to jat-proxy: {there}");
    stage.terminal.run(&block(PAGE, "3. Check", "console"));
    ask(&mut user, "after");
    // The token is in the id, so this is not mod_client_proxy at work.
    assert_eq!(jicofo.report("request")["id"], "before");
    jicofo.wait_report_where("request", |it| it["id"].as_str().unwrap().len() > 70);

    let back = stage.under_load(|stage| {
        stage.configure(&stage.after.clone(), &stage.before.clone());
        stage.terminal.run(&block(PAGE, "Back", "console"));
        // The module needs the client's presence first.
        ask(&mut user, "back");
    });
    println!("switched back: {back}");
    ask(&mut user, "back");
    jicofo.wait_report_where("request", |it| it["id"] == "back");
}

case!(a_restart_of_the_server_leads_there_too: prosody);
fn a_restart_of_the_server_leads_there_too(kind: Kind) {
    let mut stage = Stage::before(kind);
    let _jicofo = stage.jicofo();
    ask(&mut stage.user("abc"), "before");
    stage.prepare();
    stage.configure(&stage.before.clone(), &stage.after.clone());
    let began = Instant::now();
    stage.terminal.run(&block(PAGE, "With a restart instead", "console"));
    stage.wait_ready();
    ask(&mut stage.user("def"), "after");
    println!("restarted: the first answer after {:.1?}", began.elapsed());
}

case!(named_by_its_full_address_it_needs_no_presence: prosody);
fn named_by_its_full_address_it_needs_no_presence(kind: Kind) {
    let mut stage = Stage::before(kind);
    let jicofo = stage.jicofo();
    stage.prepare();
    stage.terminal.run(&block(PAGE, "Without a subscription", "console"));
    stage.configure(&stage.before.clone(), &stage.after.clone());
    stage.terminal.run(&block(PAGE, "2. Switch", "console"));
    stage.terminal.wait_log("logged in");
    ask(&mut stage.user("abc"), "after");
    jicofo.wait_report_where("request", |it| it["id"].as_str().unwrap().len() > 70);
    let status = stage.terminal.execute("jat-proxy status -c jat-proxy.toml");
    assert!(status.contains("(this resource only, token in the id)"), "{status}");
    assert!(!status.contains("subscription") && !status.contains("presence"), "{status}");
}

/// Prosody with the component of the page before the migration, and the steps on it.
struct Stage {
    terminal: Terminal,
    before: String,
    after: String,
}

impl Stage {
    fn before(kind: Kind) -> Stage {
        let mut server = Server::start(kind);
        server.register("focus");
        // A server that has just started may ignore SIGTERM.
        server.kill();
        let mut terminal = Terminal::new(server, &[("auth.meet.example.com", HOST)]);
        let before = terminal.here(&block(PAGE, "Step by step", "lua").text);
        let after = terminal.here(&block(PAGE, "2. Switch", "lua").text);
        terminal.server.reconfigure(|text| client_proxy::with(&text, &before));
        terminal.server.resume();
        // The entry in the roster, which comes with an installation of Jitsi.
        client_proxy::first_login(&terminal.server, "focus", "roster", DOMAIN);
        Stage { terminal, before, after }
    }

    fn jicofo(&self) -> Bot {
        let jid = format!("focus@{HOST}/focus");
        let jicofo = Bot::start("jicofo.py", &self.terminal.server, &jid, &[DOMAIN]);
        jicofo.report("ready");
        jicofo
    }

    fn user(&self, resource: &str) -> Client {
        let account = self.terminal.server.new_account("user");
        Client::login(&self.terminal.server, &account, resource)
    }

    /// Step 1, after which nothing has changed for anybody.
    fn prepare(&mut self) {
        self.terminal.run(&block(PAGE, "1. Prepare", "console"));
        let table = self.terminal.here(&block(PAGE, "1. Prepare", "toml").text);
        let written = self.terminal.read("jat-proxy.toml");
        assert!(written.contains(&table), "{written} has not {table}");
        let secret = self.terminal.read("proxy.secret");
        self.after = self.after.replace("the content of proxy.secret", secret.trim());
    }

    fn configure(&self, old: &str, new: &str) {
        self.terminal.server.reconfigure(|text| {
            assert_eq!(text.matches(old).count(), 1, "{old}");
            text.replace(old, new)
        });
    }

    /// Waits until jat-proxy knows a resource to forward to.
    fn wait_ready(&self) {
        self.terminal.wait_log("the target is online");
    }

    /// Sends a request every 20 ms from a second before `act` to a second after it; returns the results.
    fn under_load(&mut self, act: impl FnOnce(&mut Stage)) -> Traffic {
        let mut user = self.user("load");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = scope.spawn(|| load(&mut user, &over));
            std::thread::sleep(Duration::from_secs(1));
            act(self);
            std::thread::sleep(Duration::from_secs(1));
            over.store(true, Ordering::Relaxed);
            load.join().expect("the load goes on")
        })
    }
}

#[derive(Default)]
struct Traffic {
    answered: usize,
    refused: usize,
    lost: usize,
    /// The time between the last answered request before the gap and the first after it.
    gap: Duration,
}

impl std::fmt::Display for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Traffic { answered, refused, lost, gap } = self;
        write!(f, "{answered} answered, {refused} refused, {lost} lost; gap {gap:.2?}")
    }
}

fn load(user: &mut Client, over: &AtomicBool) -> Traffic {
    let mut sent = Vec::new();
    let mut replies = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let id = format!("load-{}", sent.len());
        sent.push(Instant::now());
        request(user, &id);
        let next = sent[sent.len() - 1] + Duration::from_millis(20);
        while let Some(left) = next.checked_duration_since(Instant::now()) {
            replies.extend(user.try_receive(left).filter(is_reply));
        }
    }
    // The last one comes last, and on a busy machine late.
    let last = format!("load-{}", sent.len() - 1);
    while !replies.iter().any(|it: &Stanza| it.attr("id") == Some(&last)) {
        let reply = user.try_receive(PATIENCE).expect("the reply to the last request");
        replies.extend(Some(reply).filter(is_reply));
    }
    let mut traffic = Traffic::default();
    let mut last = sent[0];
    let ends = [0, sent.len() - 1];
    for (number, at) in sent.iter().enumerate() {
        let id = format!("load-{number}");
        let reply = replies.iter().find(|it| it.attr("id") == Some(&id));
        match reply.and_then(|it| it.attr("type")) {
            Some("result") => {
                assert_eq!(read_user(reply.unwrap()), user.jid);
                traffic.answered += 1;
                traffic.gap = traffic.gap.max(*at - last);
                last = *at;
                continue;
            }
            Some(_) => traffic.refused += 1,
            None => traffic.lost += 1,
        }
        assert!(!ends.contains(&number), "{id} should be answered: {reply:?}");
    }
    traffic
}

/// Sends a request as Jitsi Meet does; returns the answer, which names the right user.
fn ask(user: &mut Client, id: &str) -> Stanza {
    let end = Instant::now() + PATIENCE;
    loop {
        request(user, id);
        let reply = user.receive_reply(id);
        if reply.attr("type") == Some("result") {
            assert_eq!(read_user(&reply), user.jid);
            return reply;
        }
        // The client takes a moment to come back after its server.
        assert!(Instant::now() < end, "{reply:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn request(user: &mut Client, id: &str) {
    let mut iq = format!("<iq type='set' id='{id}' to='{DOMAIN}'>");
    let xmlns = "http://jitsi.org/protocol/focus";
    write!(iq, "<conference xmlns='{xmlns}' room='r@muc.example' machine-uid='1'/></iq>").unwrap();
    user.send(iq);
}

/// The user as the client read it from the request.
fn read_user(reply: &Stanza) -> String {
    let conference = reply.child("conference").expect("a conference");
    let property = conference.child("property").expect("a property");
    property.attr("value").expect("a value").to_owned()
}
