//! The bots of docs/clients/ and of the first steps, run as printed there, with each version of their
//! library: that of the server's Debian, and the newest in the language's registry.

mod chat;
mod door;
mod launch;
mod versions;
mod webhook;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use core_tests::xml::escaped;
use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::Scene;
use test_support::interop::server::{HOST, Kind, Server, Suite, fresh_folder};
use test_support::pages::{block, first};
use test_support::process::Process;
use test_support::tls::authority::{Authority, Identity, Valid, self_signed};
use test_support::wait::{PATIENCE, wait_within};

use door::Door;
use launch::{BotOptions, Source, Way, first_steps, put};

case!(the_bot_for_slixmpp: prosody);
fn the_bot_for_slixmpp(kind: Kind) {
    for source in sources(kind.suite) {
        serves_users_of_the_proxy_only(kind, &|options| slixmpp(options, source));
    }
}

// sid has neither aioxmpp nor, for the tests, go-xmpp.
case!(the_bot_for_aioxmpp: [prosody] []);
fn the_bot_for_aioxmpp(kind: Kind) {
    for source in sources_of_aioxmpp(kind.suite) {
        serves_users_of_the_proxy_only(kind, &|options| aioxmpp(options, source));
    }
}

case!(the_bot_for_xmpp_js: prosody);
fn the_bot_for_xmpp_js(kind: Kind) {
    serves_users_of_the_proxy_only(kind, &xmpp_js);
}

case!(the_bot_for_go_xmpp: [prosody] []);
fn the_bot_for_go_xmpp(kind: Kind) {
    serves_users_of_the_proxy_only(kind, &go_xmpp);
}

case!(bots_come_back_after_their_server: [prosody] []);
fn bots_come_back_after_their_server(kind: Kind) {
    let mut server = Server::start(kind);
    let newest = |options: &BotOptions| aioxmpp(options, Source::Registry);
    let mut launches: Vec<(&str, &Launch)> =
        vec![("aioxmpp", &newest), ("xmpp.js", &xmpp_js), ("go-xmpp", &go_xmpp)];
    let of_slixmpp = sources(kind.suite).into_iter();
    let of_slixmpp: Vec<_> =
        of_slixmpp.map(|source| move |options: &BotOptions| slixmpp(options, source)).collect();
    launches.extend(of_slixmpp.iter().map(|it| ("slixmpp", it as &Launch)));
    let bots: Vec<_> = launches
        .into_iter()
        .map(|(name, launch)| {
            let (domain, target) = (server.new_domain(), server.new_account("service"));
            let proxy = Proxy::start(&server, Settings::new(&domain, &target));
            let bot = launch(&BotOptions::plain(&server, &target, &domain));
            proxy.wait_online(&[&format!("{target}/a")]);
            (name, domain, target, proxy, bot)
        })
        .collect();
    server.stop();
    for (.., proxy, _) in &bots {
        proxy.wait_until("the stream to end", |proxy| !proxy.is_connected());
    }
    server.resume();
    let account = server.new_account("user");
    let mut user = Client::login(&server, &account, "abc");
    for (name, domain, target, proxy, _bot) in &bots {
        wait_within(3 * PATIENCE, &format!("an answer of {name}"), || {
            who(&mut user, domain, "again");
            // After many requests while nobody is online, the user gets no more errors.
            let reply = user.try_receive_where(A_WHILE, |it| it.attr("id") == Some("again"));
            reply.is_some_and(|it| it.attr("type") == Some("result"))
        });
        proxy.wait_online(&[&format!("{target}/a")]);
    }
}

case!(the_bot_and_the_user_of_the_first_steps: prosody);
fn the_bot_and_the_user_of_the_first_steps(kind: Kind) {
    let scene = Scene::new(kind);
    let server = scene.server;
    for source in sources(kind.suite) {
        let options = BotOptions::plain(server, &scene.target, &scene.domain);
        let mut bot = options.slixmpp(source, &first_steps("4. Start the bot"));
        let resource = format!("{}/a", scene.target);
        scene.proxy.wait_online(&[&resource]);

        let account = server.new_account("user");
        let code = put(&first_steps("6. Ask"), "proxy.domain.example", &scene.domain);
        let code = put(&code, "user@some-domain.example/abc", &format!("{account}/abc"));
        let code = put(&code, "the user's password", "password");
        let folder = fresh_folder("first-steps-user");
        let status = options.start_slixmpp(source, &folder, &code).wait(3 * PATIENCE);
        let said = fs::read_to_string(folder.join("log")).unwrap();
        assert!(status.is_some_and(|status| status.success()), "{source:?}: {said}");
        assert!(said.contains("my service") && said.contains("jabber:iq:version"), "{said}");
        bot.kill();
        scene.proxy.wait_offline(&resource);
    }
}

case!(bots_trust_what_they_are_told: [prosody] []);
fn bots_trust_what_they_are_told(kind: Kind) {
    let mut bots: Vec<(Option<Duration>, Box<Launch>)> =
        vec![(A_SECOND, Box::new(xmpp_js)), (A_SECOND, Box::new(go_xmpp))];
    for source in sources(kind.suite) {
        let bot = first_steps("4. Start the bot");
        bots.push((FIVE_SECONDS, Box::new(move |options| options.slixmpp(source, &bot))));
        bots.push((FIVE_SECONDS, Box::new(move |options| slixmpp(options, source))));
    }
    for source in sources_of_aioxmpp(kind.suite) {
        bots.push((None, Box::new(move |options| aioxmpp(options, source))));
    }
    let authority = Authority::new("our own");
    let ours = Encrypting::start(kind, &authority.sign(&[HOST], Valid::Now), &authority.pem());
    let refused = bots.iter().map(|(pause, launch)| (ours.refused(&**launch), pause));
    for (refused, pause) in refused.collect::<Vec<_>>() {
        refused.tries_again_after(*pause);
    }
    let alone = self_signed(HOST);
    let alone = Encrypting::start(kind, &alone, &alone.certificate);
    for server in [&ours, &alone] {
        let told = bots.iter().map(|(_, launch)| server.told(&**launch));
        for bot in told.collect::<Vec<_>>() {
            bot.serves();
        }
    }
}

type Launch<'a> = dyn Fn(&BotOptions) -> Process + 'a;

/// The available versions of slixmpp.
fn sources(suite: Suite) -> Vec<Source> {
    match suite {
        Suite::Debian12 | Suite::Debian13 => vec![Source::Debian, Source::Registry],
        Suite::Sid => vec![Source::Debian],
    }
}

fn sources_of_aioxmpp(suite: Suite) -> Vec<Source> {
    match suite {
        Suite::Debian12 => vec![Source::Debian, Source::Registry],
        _ => vec![Source::Registry],
    }
}

fn slixmpp(options: &BotOptions, source: Source) -> Process {
    options.slixmpp(source, &first("docs/clients/slixmpp.md", "python").text)
}

fn aioxmpp(options: &BotOptions, source: Source) -> Process {
    options.aioxmpp(source, &first("docs/clients/aioxmpp.md", "python").text)
}

fn xmpp_js(options: &BotOptions) -> Process {
    options.xmpp_js(&first("docs/clients/xmpp.js.md", "javascript").text)
}

fn go_xmpp(options: &BotOptions) -> Process {
    let page = "docs/clients/go-xmpp.md";
    options.go_xmpp(&block(page, "The bot", "go").text, &block(page, "The decoder", "go"))
}

/// The bot accepts the proxy and nobody else, answers a user of the proxy with the address in the
/// token, believes no token from anybody else, and answers unknown requests.
fn serves_users_of_the_proxy_only(kind: Kind, launch: &Launch) {
    let scene = Scene::new(kind);
    let jid = format!("{}/a", scene.target);
    // Its resource is the token of the README, which names user@some-domain.example/abc.
    let account = scene.server.new_account("stranger");
    let mut stranger = Client::login(scene.server, &account, TOKEN);
    stranger.available("");
    // Sent before the bot logs in, so that it is the first stanza that the bot gets.
    stranger.send(format!("<presence type='subscribe' to='{}'/>", scene.target));
    let _bot = launch(&BotOptions::plain(scene.server, &scene.target, &scene.domain));
    scene.proxy.wait_online(&[&jid]);

    let mut user = scene.user();
    who(&mut user, &scene.domain, "it's <1>");
    let reply = user.receive_reply("it's <1>");
    let payload = reply.child("who").unwrap_or_else(|| panic!("{reply:?}"));
    assert_eq!(payload.attr("user"), Some(user.jid.as_str()));
    assert_eq!(reply.attr("from"), Some(scene.domain.as_str()));

    user.ask(&scene.domain, "unknown");
    let reply = user.receive_reply("unknown");
    assert_eq!(reply.attr("type"), Some("error"), "{reply:?}");

    // A bot refuses a subscription or does not answer it; either way, before it answers this.
    who(&mut stranger, &jid, "direct");
    let presence = RefCell::new(Vec::new());
    let reply = stranger.receive_where("the answer", |it| {
        if it.name == "presence" && it.attr("from").is_some_and(|at| at.starts_with(&scene.target))
        {
            presence.borrow_mut().push(it.attr("type").unwrap_or("available").to_owned());
        }
        it.name == "iq" && it.attr("id") == Some("direct")
    });
    let presence = presence.into_inner();
    let payload = reply.child("who").unwrap_or_else(|| panic!("{reply:?}"));
    assert_eq!(payload.attr("user"), Some(stranger.jid.as_str()));
    let let_in = ["subscribed", "available"];
    assert!(!presence.iter().any(|it| let_in.contains(&it.as_str())), "{presence:?}");
}

fn who(user: &mut Client, to: &str, id: &str) {
    let id = escaped(id);
    user.send(format!("<iq type='get' id='{id}' to='{to}'><who xmlns='urn:example:who'/></iq>"));
}

/// A Prosody with a certificate that `ca` has signed.
struct Encrypting {
    server: Server,
    ca: PathBuf,
}

/// A bot and its proxy.
struct Running {
    proxy: Proxy,
    door: Door,
    target: String,
    bot: Process,
}

impl Encrypting {
    fn start(kind: Kind, identity: &Identity, ca: &str) -> Self {
        let mut server = Server::start(kind);
        let beside = server.configuration();
        fs::write(beside.with_file_name(format!("{HOST}.crt")), &identity.certificate).unwrap();
        fs::write(beside.with_file_name(format!("{HOST}.key")), &identity.key).unwrap();
        let file = fresh_folder("certificates").join("ca.pem");
        fs::write(&file, ca).unwrap();
        server.stop();
        server.reconfigure(|text| {
            let text = put(&text, "\"register_ibr\"", "\"register_ibr\"; \"tls\"");
            put(&text, "\"s2s\"; \"tls\";", "\"s2s\";")
        });
        server.resume();
        Self { server, ca: file }
    }

    /// A bot that does not trust the certificate.
    fn refused(&self, launch: &Launch) -> Running {
        self.launch(launch, None)
    }

    /// A bot that trusts it.
    fn told(&self, launch: &Launch) -> Running {
        self.launch(launch, Some(&self.ca))
    }

    fn launch(&self, launch: &Launch, ca: Option<&Path>) -> Running {
        let server = &self.server;
        let (domain, target) = (server.new_domain(), server.new_account("service"));
        let proxy = Proxy::start(server, Settings::new(&domain, &target));
        let door = Door::before(server.client_port);
        let options = BotOptions::plain(server, &target, &domain);
        let bot = launch(&BotOptions { port: door.port, way: Way::Tls(ca), ..options });
        Running { proxy, door, target, bot }
    }
}

impl Running {
    /// `pause`: `None` if the bot has to end instead.
    fn tries_again_after(mut self, pause: Option<Duration>) {
        match pause {
            Some(pause) => self.door.is_visited_with_pauses_of(pause),
            None => assert!(self.bot.wait(2 * PATIENCE).is_some_and(|it| !it.success())),
        }
        let status = self.proxy.status();
        assert_eq!(status["components"][0]["subscription"]["state"], "pending", "{status}");
    }

    fn serves(self) {
        self.proxy.wait_online(&[&format!("{}/a", self.target)]);
    }
}

/// A server answers within this time; otherwise the answer was withheld.
const A_WHILE: Duration = Duration::from_secs(1);
const A_SECOND: Option<Duration> = Some(Duration::from_secs(1));
const FIVE_SECONDS: Option<Duration> = Some(Duration::from_secs(5));

/// The token of the README, of user@some-domain.example/abc.
const TOKEN: &str = "aeaqcadljhqbaaa4ovzwk4saonxw2zjnmrxw2yljnyxgk6dbnvygyzjpmfrggaaagezdgnh4aa7ulrg472rfhjdbc5h77sj3";
