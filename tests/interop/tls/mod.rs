//! ejabberd with `tls: true`: certificates good and bad, load, and all that ends a stream.
//!
//! Prosody's port for components has no TLS.

mod accounts;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::encryption::authority::{Authority, Identity, Valid};
use crate::load::{Answerer, Asker, alone};
use crate::process::free_ports;
use crate::proxy::{Proxy, Settings};
use crate::scene::Scene;
use crate::server::{Each, Kind, SECRET, Server, Suite, fresh_folder};

const NAME: &str = "xmpp.example";

/// An ejabberd with a port for each certificate, and the CA that signed those that are good.
struct Stage {
    server: Server,
    folder: PathBuf,
    /// For [`NAME`], for 127.0.0.1, for another name, expired, and of another CA.
    named: u16,
    numbered: u16,
    other: u16,
    expired: u16,
    untrusted: u16,
}

impl Stage {
    fn shared(kind: Kind) -> &'static Self {
        static STAGES: Each<Stage> = Each::new(Stage::start);
        STAGES.of(kind)
    }

    fn start(kind: Kind) -> Self {
        let folder = fresh_folder("tls");
        let (ca, stranger) = (Authority::new("CA"), Authority::new("stranger"));
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        fs::write(folder.join("stranger.pem"), stranger.pem()).unwrap();
        let ports @ [named, numbered, other, expired, untrusted] = free_ports();
        let identities = [
            ca.sign(&[NAME], Valid::Now),
            ca.sign(&["127.0.0.1"], Valid::Now),
            ca.sign(&["other.example"], Valid::Now),
            ca.sign(&[NAME], Valid::Before),
            stranger.sign(&[NAME], Valid::Now),
        ];
        let listener = |(port, identity): (u16, &Identity)| listener(&folder, port, identity);
        let listeners: String = ports.into_iter().zip(&identities).map(listener).collect();
        let server = Server::start_with(kind, &listeners);
        Self { server, folder, named, numbered, other, expired, untrusted }
    }

    /// Settings for this port, with these lines more for TLS.
    fn settings(&self, port: u16, tls: &str) -> Settings {
        let target = self.server.new_account("service");
        let mut settings = Settings::new(&self.server.new_domain(), &target);
        settings.server_port = Some(port);
        settings.server = tls.to_owned();
        settings
    }

    fn ca_file(&self, name: &str) -> String {
        format!("tls = true\nca-file = {:?}\n", self.folder.join(name))
    }

    /// As it should be.
    fn good(&self) -> Settings {
        let name = format!("server-name = \"{NAME}\"\n");
        self.settings(self.named, &(self.ca_file("ca.pem") + &name))
    }

    fn scene(&'static self) -> Scene {
        let settings = self.good();
        let (domain, target) = (settings.domain.clone(), settings.target.clone());
        let proxy = Proxy::start(&self.server, settings);
        Scene { server: &self.server, proxy, domain, target }
    }
}

/// A listener for ejabberd's configuration, as config/ejabberd.yml has it.
fn listener(folder: &std::path::Path, port: u16, identity: &Identity) -> String {
    let file = folder.join(format!("{port}.pem"));
    fs::write(&file, identity.pem()).unwrap();
    listening(port, &file)
}

fn listening(port: u16, file: &std::path::Path) -> String {
    let mut text = String::new();
    write!(
        text,
        "  -\n    port: {port}\n    ip: \"127.0.0.1\"\n    module: ejabberd_service\n    \
         tls: true\n    certfile: {file:?}\n    password: \"{SECRET}\"\n"
    )
    .unwrap();
    text
}

case!(requests_large_and_many_go_through: ejabberd);
fn requests_large_and_many_go_through(kind: Kind) {
    let _alone = alone();
    let scene = Stage::shared(kind).scene();
    let (mut service, mut user) = (scene.service("a"), scene.user());
    scene.round_trip(&mut user, &mut service);
    let text = "x".repeat(400_000);
    user.send(format!(
        "<iq type='get' id='large' to='{}'><ask xmlns='urn:example:ask'>{text}</ask></iq>",
        scene.domain
    ));
    let request = service.receive_request();
    assert_eq!(request.child("ask").unwrap().text(), text);
    service.answer(&request, &format!("<answer xmlns='urn:example:ask'>{text}</answer>"));
    assert_eq!(user.receive_reply("large").child("answer").unwrap().text(), text);

    let before = scene.proxy.count(&RELAYED);
    let client = Answerer::start(service, Duration::ZERO);
    let user = Asker::in_flight(user, &scene.domain, 64);
    while user.heard() < 5_000 {
        sleep(Duration::from_millis(5));
    }
    let account = user.finish();
    client.finish();
    println!("{}", account.figures());
    assert_eq!(account.answered.len(), account.sent(), "missing: {:?}", account.missing);
    let relayed = scene.proxy.count(&RELAYED) - before;
    assert_eq!(relayed, 2 * account.sent() as u64, "each request and each reply once");
    assert_eq!(scene.proxy.logins(), 1);
    let with = format!("with TLS ({NAME})");
    assert!(scene.proxy.cli(&["check"]).contains(&with), "{}", scene.proxy.cli(&["check"]));
    assert!(scene.proxy.cli(&["status"]).contains(&with), "{}", scene.proxy.cli(&["status"]));
}

case!(an_ip_address_in_the_certificate_is_a_name_too: ejabberd);
fn an_ip_address_in_the_certificate_is_a_name_too(kind: Kind) {
    let stage = Stage::shared(kind);
    Proxy::start(&stage.server, stage.settings(stage.numbered, &stage.ca_file("ca.pem")));
}

case!(what_is_wrong_is_named: ejabberd);
fn what_is_wrong_is_named(kind: Kind) {
    let stage = Stage::shared(kind);
    let (ca, name) = (stage.ca_file("ca.pem"), format!("server-name = \"{NAME}\"\n"));
    let named = format!("{ca}{name}");
    for (port, tls, said) in [
        (
            stage.other,
            &named,
            "the server's certificate is not for xmpp.example, but for other.example; connect",
        ),
        (
            stage.named,
            &ca,
            "the server's certificate is not for 127.0.0.1, but for xmpp.example; connect",
        ),
        (
            stage.expired,
            &named,
            "the server's certificate expired at 2020-01-02T00:00:00Z; renew it",
        ),
        (
            stage.untrusted,
            &named,
            "the server's certificate comes from a CA that the ca-file does not name; name",
        ),
        (stage.server.component_port, &named, "the server does not speak TLS there; let"),
        (
            stage.named,
            &String::new(),
            // 23.01 closes without a word, newer ones send an alert.
            if kind.suite == Suite::Debian12 {
                "before it had said anything; does `tls` say what it speaks there"
            } else {
                "the server speaks TLS there, and we do not; set tls = true"
            },
        ),
    ] {
        let proxy = Proxy::launch(&stage.server, stage.settings(port, tls));
        let log = |proxy: &Proxy| proxy.log().join("\n");
        proxy.wait_until("a line about it", |it| log(it).contains("no stream"));
        assert!(log(&proxy).contains(said), "{said}: {}", log(&proxy));
        assert_eq!(proxy.logins(), 0);
    }
}

case!(a_reload_takes_another_ca: ejabberd);
fn a_reload_takes_another_ca(kind: Kind) {
    let stage = Stage::shared(kind);
    let file = stage.folder.join("changing.pem");
    fs::copy(stage.folder.join("stranger.pem"), &file).unwrap();
    let tls = stage.ca_file("changing.pem") + &format!("server-name = \"{NAME}\"\n");
    let proxy = Proxy::launch(&stage.server, stage.settings(stage.named, &tls));
    let failed = |it: &Proxy| it.log().join("\n").contains("certificate-untrusted");
    proxy.wait_until("the CA is refused", failed);
    fs::copy(stage.folder.join("ca.pem"), &file).unwrap();
    proxy.signal(Signal::HUP);
    proxy.wait_connected();
    let reload = |times: usize| {
        proxy.signal(Signal::HUP);
        proxy.wait_until("a reload", |it| it.log().join("\n").matches(RELOADED).count() == times);
    };
    // The same again, a broken one, and then another one that does as well.
    reload(2);
    fs::write(&file, "garbage").unwrap();
    proxy.signal(Signal::HUP);
    let refused = |it: &Proxy| it.log().join("\n").contains("there is no certificate in it");
    proxy.wait_until("a refusal", refused);
    assert_eq!((proxy.logins(), proxy.is_connected()), (1, true));
    let both = ["ca.pem", "stranger.pem"].map(|it| fs::read_to_string(stage.folder.join(it)));
    fs::write(&file, both.map(Result::unwrap).concat()).unwrap();
    reload(3);
    proxy.wait_until("another login", |it| it.logins() == 2 && it.is_connected());
}

case!(a_server_that_comes_back_with_another_certificate: ejabberd);
fn a_server_that_comes_back_with_another_certificate(kind: Kind) {
    let folder = fresh_folder("tls-replaced");
    let (ca, anew) = (Authority::new("CA"), Authority::new("CA"));
    let [port] = free_ports();
    let file = folder.join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    let snippet = listener(&folder, port, &ca.sign(&["127.0.0.1"], Valid::Now));
    let mut server = Server::start_with(kind, &snippet);
    let mut settings = Settings::new(&server.new_domain(), "service@host.example");
    settings.server_port = Some(port);
    settings.server = format!("tls = true\nca-file = {file:?}\n");
    let proxy = Proxy::start(&server, settings);
    // Renewed by the same CA: nothing to do.
    server.kill();
    listener(&folder, port, &ca.sign(&["127.0.0.1", "renewed.example"], Valid::Now));
    server.resume();
    proxy.wait_until("another login", |it| it.logins() == 2 && it.is_connected());
    // From a CA of the same name that was made anew.
    server.kill();
    listener(&folder, port, &anew.sign(&["127.0.0.1"], Valid::Now));
    server.resume();
    let said = "was the CA made anew?";
    proxy.wait_until("the cause", |it| it.log().join("\n").contains(said));
    fs::write(&file, anew.pem()).unwrap();
    proxy.signal(Signal::HUP);
    proxy.wait_until("the third login", |it| it.logins() == 3 && it.is_connected());
}

case!(an_upgrade_in_place_loses_nothing_that_was_translated: ejabberd);
fn an_upgrade_in_place_loses_nothing_that_was_translated(kind: Kind) {
    const UPGRADES: usize = 5;
    let _alone = alone();
    let scene = Stage::shared(kind).scene();
    let (mut service, mut user) = (scene.service("a"), scene.user());
    // Nothing is under way: then nothing at all is lost, and the first request after it is served.
    scene.round_trip(&mut user, &mut service);
    upgrade(&scene.proxy, 1);
    scene.proxy.wait_online(&[&service.jid]);
    scene.round_trip(&mut user, &mut service);
    let before = scene.proxy.count(&RELAYED);
    let late_before = scene.proxy.reason("arrived-after-close");

    let client = Answerer::start(service, Duration::ZERO);
    let user = Asker::start(user, &scene.domain, 500);
    for number in 2..=UPGRADES {
        sleep(Duration::from_millis(400));
        upgrade(&scene.proxy, number);
    }
    sleep(Duration::from_millis(400));
    let account = user.finish();
    let (_, seen) = client.finish();
    let relayed = scene.proxy.count(&RELAYED) - before;
    let late = scene.proxy.reason("arrived-after-close") - late_before;
    println!(
        "{} upgrades with TLS: {}; the client saw {}, relayed {relayed}, {late} came after our \
         closing tag",
        UPGRADES - 1,
        account.figures(),
        seen.len()
    );
    assert!(account.repeated.is_empty());
    // ejabberd itself may have dropped some while there was no component.
    assert!(account.missing.len() >= late as usize);
    assert_eq!(relayed as usize, seen.len() + account.answered.len(), "relayed is arrived");
    assert!(account.answered.len() > account.sent() / 2, "and there was enough of it");
    let log = scene.proxy.log().join("\n");
    assert_eq!(log.matches("a stream with TLS can't be handed over").count(), UPGRADES);
    // What one program has said the next does not say again.
    for (said, times) in [("accepted", 1), ("is online", 1), ("logged in again to", UPGRADES)] {
        assert_eq!(log.matches(said).count(), times, "{said}: {log}");
    }
    assert!(!log.contains("stanzas=") && !log.contains("replies come from"), "{log}");
    assert!(!log.contains("unsent_bytes"), "{log}");
    assert_eq!(scene.proxy.logins(), 1 + UPGRADES as u64);
    let closed = scene.proxy.count(&["jat_proxy_stream_failures_total", "cause=\"upgrade\""]);
    assert_eq!(closed, UPGRADES as u64);
}

// The commands that docs/operating.md shows make a CA and a certificate that work.
case!(the_commands_of_the_document_make_good_certificates: ejabberd);
fn the_commands_of_the_document_make_good_certificates(kind: Kind) {
    let folder = fresh_folder("tls-document");
    let document = include_str!("../../../docs/operating.md");
    let (_, from) = document.split_once("and a certificate for the server:\n\n").unwrap();
    let (commands, _) = from.split_once("\n\n").unwrap();
    let file = folder.join("xmpp.example.pem");
    let commands = commands.replace("/etc/ejabberd/xmpp.example.pem", file.to_str().unwrap());
    let shell = std::process::Command::new("sh")
        .args(["-e", "-c", &commands])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
    let [port] = free_ports();
    let server = Server::start_with(kind, &listening(port, &file));
    let mut settings = Settings::new(&server.new_domain(), &server.new_account("service"));
    settings.server_port = Some(port);
    let ca = folder.join("ca.pem");
    settings.server = format!("tls = true\nca-file = {ca:?}\nserver-name = \"{NAME}\"\n");
    Proxy::start(&server, settings);
}

/// SIGUSR2, until the next program has its stream.
fn upgrade(proxy: &Proxy, number: usize) {
    proxy.signal(Signal::USR2);
    let done = |log: String| log.matches("upgraded in place").count() == number;
    proxy.wait_until("the upgrade", |it| done(it.log().join("\n")));
    proxy.wait_until("its stream", |it| it.is_connected() && it.logins() == 1 + number as u64);
}

case!(an_upgrade_that_fails_opens_the_stream_again: ejabberd);
fn an_upgrade_that_fails_opens_the_stream_again(kind: Kind) {
    let stage = Stage::shared(kind);
    let mut settings = stage.good();
    // The configuration turns bad in the midst of it: the child that checks it refuses.
    settings.top = "reply-ttl = \"1h\"".to_owned();
    let mut proxy = Proxy::start(&stage.server, settings);
    proxy.settings.top = "reply-ttl = 1".to_owned();
    proxy.rewrite();
    proxy.signal(Signal::USR2);
    let said = |it: &Proxy| it.log().join("\n").contains("`reply-ttl` must be");
    proxy.wait_until("the refusal", said);
    sleep(Duration::from_millis(300));
    assert_eq!((proxy.logins(), proxy.is_connected()), (1, true), "nothing was closed for it");
}

const RELAYED: [&str; 2] = ["jat_proxy_stanzas_total", "reason=\"relayed\""];
const RELOADED: &str = "configuration reloaded";
