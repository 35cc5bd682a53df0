//! None of our stanzas gets stuck in a server that defers tags which arrive in pieces
//! (docs/servers.md#reparse-deferral), wherever the network, or the server itself, cuts them.

use std::time::{Duration, Instant};

use test_support::interop::client::Client;
use test_support::interop::proxy::Settings;
use test_support::interop::scene::{Scene, accept_subscription};
use test_support::interop::server::{Kind, Server};
use test_support::wait::{PATIENCE, wait_within};

use crate::knife::Knife;
use crate::load::{Answerer, Asker, alone};

// Every so many bytes there is a cut; `EVERY_CUT=1` tries all of them, which takes minutes.
const STEP: usize = 11;

case!(a_stanza_cut_anywhere_arrives: all);
fn a_stanza_cut_anywhere_arrives(kind: Kind) {
    let mut stage = Stage::new(kind);
    let step = if std::env::var_os("EVERY_CUT").is_some() { 1 } else { STEP };
    // The start tag of the stanza is the longest, or that of its payload is.
    for attribute in [0, 100, 700] {
        stage.knife.take_longest();
        stage.request(attribute);
        let length = stage.knife.take_longest();
        for cut in (1..length).step_by(step) {
            stage.knife.cut_behind(cut);
            stage.request(attribute);
        }
        stage.knife.cut_behind(0);
        println!("{kind}: {length} bytes, cut at {} places", length.div_ceil(step));
    }
    assert!(stage.knife.cuts() > 50, "it was cut {} times", stage.knife.cuts());
    stage.kept_its_stream();
}

// In jabberd2 such a tag gets stuck between its own programs as well (docs/servers.md#slow-inside).
case!(a_long_tag_cut_anywhere_arrives: both);
fn a_long_tag_cut_anywhere_arrives(kind: Kind) {
    let mut stage = Stage::new(kind);
    for attribute in [1_100, 4_000, 9_000, 60_000, 150_000, 240_000] {
        for cut in [0, attribute / 2, attribute - 100, attribute + 200] {
            stage.knife.cut_behind(cut);
            stage.request(attribute);
        }
        stage.knife.cut_behind(0);
    }
    stage.kept_its_stream();
}

case!(what_one_user_says_delays_nobody_else: both);
fn what_one_user_says_delays_nobody_else(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut hostile = Client::login(stage.server, &stage.server.new_account("hostile"), "x");
    let mut slowest = Duration::ZERO;
    for payload in hostile_payloads() {
        for _ in 0..3 {
            hostile.send(format!("<iq type='get' id='x' to='{}'>{payload}</iq>", stage.domain));
        }
        // These come first; the client answers none of them.
        let began = Instant::now();
        stage.request(0);
        slowest = slowest.max(began.elapsed());
    }
    println!("{kind}: others were served after {slowest:.2?} at most");
    stage.kept_its_stream();
}

case!(what_is_cut_under_load_arrives: all);
fn what_is_cut_under_load_arrives(kind: Kind) {
    const REQUESTS: usize = 1_000;
    let _alone = alone();
    let stage = Stage::new(kind);
    stage.knife.cut_anywhere();
    let answerer = Answerer::start(stage.service, Duration::ZERO);
    let asker = Asker::in_flight(stage.user, &stage.domain, 20);
    wait_within(4 * PATIENCE, "the requests to be answered", || asker.heard() > REQUESTS);
    let account = asker.finish();
    answerer.finish();
    println!("{kind}: {} answered, cut {} times", account.answered.len(), stage.knife.cuts());
    assert_eq!((account.missing, account.refused, account.repeated), (vec![], vec![], vec![]));
    assert!(account.answered.len() > REQUESTS && stage.knife.cuts() > 100);
    assert_eq!(stage.scene.proxy.logins(), 1);
}

/// 25 payloads with long tags of every kind.
fn hostile_payloads() -> Vec<String> {
    let repeated =
        |count: usize, of: &dyn Fn(usize) -> String| -> String { (0..count).map(of).collect() };
    let mut all = Vec::new();
    for size in [150, 500, 1_000, 2_500, 8_100, 8_192, 20_000] {
        all.push(format!("<p xmlns='u' a='{}'/>", "v".repeat(size)));
        all.push(format!("<p xmlns='{}'/>", "u".repeat(size)));
        all.push(format!("<p xmlns='u'><{0}>x</{0}></p>", "n".repeat(size)));
    }
    all.push(format!("<p xmlns='u' {}/>", repeated(2_000, &|i| format!("a{i}='1' "))));
    all.push(format!("<p xmlns='u' {}/>", repeated(1_000, &|i| format!("xmlns:a{i}='u{i}' "))));
    all.push(format!("<p xmlns='u' a='{}'/>", "&lt;".repeat(3_000)));
    all.push(format!("<p xmlns='u'>{}</p>", repeated(300, &|i| format!("<q a='{i:0>200}'/>"))));
    assert_eq!(all.len(), 25);
    all
}

/// A replica whose connection to the server goes through a [`Knife`], its client, and a user.
struct Stage {
    server: &'static Server,
    domain: String,
    knife: Knife,
    scene: Scene,
    service: Client,
    user: Client,
    asked: usize,
}

impl Stage {
    fn new(kind: Kind) -> Stage {
        let server = Server::shared(kind);
        let knife = Knife::start(server.component_port);
        let scene = Scene::with(kind, |settings: &mut Settings| {
            settings.server_port = Some(knife.port);
        });
        let mut service = Client::login(server, &scene.target, "a");
        service.available("");
        accept_subscription(&mut service, &scene.domain);
        scene.proxy.wait_online(&[&service.jid]);
        let user = scene.user();
        Stage { server, domain: scene.domain.clone(), knife, scene, service, user, asked: 0 }
    }

    /// A request with so many bytes in an attribute of its payload, and the reply to it.
    fn request(&mut self, attribute: usize) {
        self.asked += 1;
        let id = format!("r{}", self.asked);
        let value = "v".repeat(attribute);
        self.user.send(format!(
            "<iq type='get' id='{id}' to='{}'><q xmlns='urn:q' a='{value}'/></iq>",
            self.domain
        ));
        let request = self.service.receive_where("the request", |it| {
            it.name == "iq" && it.attr("id") == Some(id.as_str())
        });
        self.service.answer(&request, &format!("<r xmlns='urn:q' a='{value}'/>"));
        let reply = self.user.receive_reply(&id);
        assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    }

    fn kept_its_stream(&self) {
        assert_eq!(self.scene.proxy.logins(), 1);
        assert_eq!(self.scene.proxy.count(&["jat_proxy_stream_standstills_total"]), 0);
    }
}
