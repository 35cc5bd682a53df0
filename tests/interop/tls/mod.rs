//! ejabberd with `tls: true`, and Prosody with mod_net_multiplex: certificates good and bad, load,
//! and all that ends a stream.

mod accounts;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::Scene;
use test_support::interop::server::{
    Each, HOST, Kind, SECRET, Server, Software, Suite, fresh_folder, paste, prosody,
};
use test_support::port::free_ports;
use test_support::tls::authority::{Authority, Identity, Valid};

use crate::load::{Answerer, Asker, alone};

/// Prosody knows no other name than those of its hosts.
const NAME: &str = HOST;

/// A server with a port for each certificate, and the CA that signed those that are good.
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
        let file = |(port, identity): (u16, &Identity)| (port, write(&folder, port, identity));
        let files: Vec<_> = ports.into_iter().zip(&identities).map(file).collect();
        let server = start(kind, &files);
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

/// Puts a certificate where the server looks for that of this port.
fn write(folder: &Path, port: u16, identity: &Identity) -> PathBuf {
    let file = folder.join(format!("{port}.pem"));
    fs::write(&file, identity.pem()).unwrap();
    file
}

/// A server with ports that speak TLS, each with the certificate in a file.
fn start(kind: Kind, files: &[(u16, PathBuf)]) -> Server {
    let each = |line: &dyn Fn(u16, &PathBuf) -> String| {
        files.iter().map(|(port, file)| line(*port, file)).collect::<String>()
    };
    Server::start_changed(kind, |text| match kind.software {
        Software::Prosody => {
            let ports = each(&|port, _| format!("{port}; "));
            let keys = each(&|port, file| format!("[{port}] = {file:?}; "));
            let lines =
                format!("ssl_ports = {{ {ports} }}\nmultiplex_ssl_certificate = {{ {keys} }}\n");
            prosody::with_module(&text, "net_multiplex", &lines)
        }
        _ => {
            let listeners = each(&|port, file| {
                format!(
                    "  -\n    port: {port}\n    ip: \"127.0.0.1\"\n    \
                     module: ejabberd_service\n    tls: true\n    certfile: {file:?}\n    \
                     password: \"{SECRET}\"\n"
                )
            });
            paste(kind, &text, &listeners)
        }
    })
}

case!(requests_large_and_many_go_through: both);
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

case!(an_ip_address_in_the_certificate_is_a_name_too: both);
fn an_ip_address_in_the_certificate_is_a_name_too(kind: Kind) {
    let stage = Stage::shared(kind);
    Proxy::start(&stage.server, stage.settings(stage.numbered, &stage.ca_file("ca.pem")));
}

case!(what_is_wrong_is_named: both);
fn what_is_wrong_is_named(kind: Kind) {
    let stage = Stage::shared(kind);
    let (ca, name) = (stage.ca_file("ca.pem"), format!("server-name = \"{NAME}\"\n"));
    let named = format!("{ca}{name}");
    for (port, tls, said) in [
        (
            stage.other,
            &named,
            "the server's certificate is not for host.example, but for other.example; connect",
        ),
        (
            stage.named,
            &ca,
            "the server's certificate is not for 127.0.0.1, but for host.example; connect",
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
            // ejabberd after 23.01 sends an alert, the others close without a word.
            if kind.is(Software::Prosody) || kind.suite == Suite::Debian12 {
                "before it had said anything; is it the server's port for components (XEP-0114), does `tls`"
            } else {
                "the server speaks TLS there, and we do not; set tls = true"
            },
        ),
    ] {
        let proxy = Proxy::launch(&stage.server, stage.settings(port, tls));
        let log = |proxy: &Proxy| proxy.log().join("\n");
        proxy.wait_until("a line about it", |it| log(it).contains("not connected"));
        assert!(log(&proxy).contains(said), "{said}: {}", log(&proxy));
        assert_eq!(proxy.logins(), 0);
    }
}

// ejabberd shows its certificate to whoever asks for another host, too.
case!(a_name_that_is_no_host_of_the_server: prosody);
fn a_name_that_is_no_host_of_the_server(kind: Kind) {
    let stage = Stage::shared(kind);
    let tls = stage.ca_file("ca.pem") + "server-name = \"other.example\"\n";
    let proxy = Proxy::launch(&stage.server, stage.settings(stage.other, &tls));
    let log = |it: &Proxy| it.log().join("\n");
    proxy.wait_until("a line about it", |it| log(it).contains("not connected"));
    let said = "the server has no host of the name other.example; connect";
    assert!(log(&proxy).contains(said), "{}", log(&proxy));
    assert!(log(&proxy).contains("cause=\"certificate-name\""), "{}", log(&proxy));
}

// A reload makes Prosody read it again for those that name a host; others get the one from its
// start (docs/servers.md#old-certificate). ejabberd looks at the file for each connection.
case!(a_certificate_that_is_renewed_while_the_server_runs: prosody);
fn a_certificate_that_is_renewed_while_the_server_runs(kind: Kind) {
    let (folder, ca) = (fresh_folder("tls-renewed"), Authority::new("CA"));
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    let [port] = free_ports();
    let certificate = write(&folder, port, &ca.sign(&[NAME, "127.0.0.1"], Valid::Before));
    let mut server = start(kind, &[(port, certificate)]);
    let tls = format!("tls = true\nca-file = {:?}\n", folder.join("ca.pem"));
    let [named, numbered] = [format!("{tls}server-name = \"{NAME}\"\n"), tls].map(|tls| {
        let mut settings = Settings::new(&server.new_domain(), "service@host.example");
        settings.server_port = Some(port);
        settings.server = tls;
        Proxy::launch(&server, settings)
    });
    let expired = |it: &Proxy| {
        it.count(&["jat_proxy_stream_failures_total", "cause=\"certificate-expired\""])
    };
    for proxy in [&named, &numbered] {
        proxy.wait_until("the cause", |it| expired(it) > 0);
    }
    write(&folder, port, &ca.sign(&[NAME, "127.0.0.1"], Valid::Now));
    server.reload();
    // Each reload of ours is an attempt; Prosody's takes a moment.
    named.wait_until("its stream", |it| {
        it.signal(Signal::HUP);
        sleep(Duration::from_millis(500));
        it.is_connected()
    });
    let before = expired(&numbered);
    numbered.signal(Signal::HUP);
    numbered.wait_until("the next attempt", |it| expired(it) > before);
    assert_eq!(numbered.logins(), 0);
    server.stop();
    server.resume();
    for proxy in [named, numbered] {
        proxy.signal(Signal::HUP);
        proxy.wait_connected();
    }
}

// A signature can't even be checked with a key of another kind.
case!(a_ca_that_was_made_anew_with_a_key_of_another_kind: both);
fn a_ca_that_was_made_anew_with_a_key_of_another_kind(kind: Kind) {
    let folder = fresh_folder("tls-kinds");
    let openssl = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = std::process::Command::new("openssl").args(openssl).output().unwrap();
    let rsa = Authority::with_key("CA", &String::from_utf8(made.stdout).unwrap());
    let curve = Authority::new("CA");
    let ports @ [by_rsa, by_curve] = free_ports();
    let identities = [&rsa, &curve].map(|ca| ca.sign(&["127.0.0.1"], Valid::Now));
    let file = |(port, identity): (u16, &Identity)| (port, write(&folder, port, identity));
    let files: Vec<_> = ports.into_iter().zip(&identities).map(file).collect();
    let server = start(kind, &files);
    for (port, before, now) in [(by_rsa, &curve, &rsa), (by_curve, &rsa, &curve)] {
        let mut settings = Settings::new(&server.new_domain(), "service@host.example");
        let file = folder.join(format!("{port}-ca.pem"));
        fs::write(&file, before.pem()).unwrap();
        settings.server_port = Some(port);
        settings.server = format!("tls = true\nca-file = {file:?}\n");
        let proxy = Proxy::launch(&server, settings);
        let log = |it: &Proxy| it.log().join("\n");
        proxy.wait_until("a line about it", |it| log(it).contains("not connected"));
        let said = "the server's certificate names a CA that is trusted, but another key has \
                    signed it: was the CA made anew?; name the certificate";
        assert!(log(&proxy).contains(said), "{}", log(&proxy));
        fs::write(&file, now.pem()).unwrap();
        proxy.signal(Signal::HUP);
        proxy.wait_connected();
    }
}

case!(a_reload_takes_another_ca: both);
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

case!(a_server_that_comes_back_with_another_certificate: both);
fn a_server_that_comes_back_with_another_certificate(kind: Kind) {
    let folder = fresh_folder("tls-replaced");
    let (ca, anew) = (Authority::new("CA"), Authority::new("CA"));
    let [port] = free_ports();
    let file = folder.join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    let certificate = write(&folder, port, &ca.sign(&["127.0.0.1"], Valid::Now));
    let mut server = start(kind, &[(port, certificate)]);
    let mut settings = Settings::new(&server.new_domain(), "service@host.example");
    settings.server_port = Some(port);
    settings.server = format!("tls = true\nca-file = {file:?}\n");
    let proxy = Proxy::start(&server, settings);
    // Renewed by the same CA: nothing to do.
    server.kill();
    write(&folder, port, &ca.sign(&["127.0.0.1", "renewed.example"], Valid::Now));
    server.resume();
    proxy.wait_until("another login", |it| it.logins() == 2 && it.is_connected());
    // From a CA of the same name that was made anew.
    server.kill();
    write(&folder, port, &anew.sign(&["127.0.0.1"], Valid::Now));
    server.resume();
    let said = "was the CA made anew?";
    proxy.wait_until("the cause", |it| it.log().join("\n").contains(said));
    fs::write(&file, anew.pem()).unwrap();
    proxy.signal(Signal::HUP);
    proxy.wait_until("the third login", |it| it.logins() == 3 && it.is_connected());
}

case!(an_upgrade_in_place_loses_nothing_that_was_translated: both);
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
    let late = |proxy: &Proxy| {
        let of = |stanza| proxy.count(&["reason=\"arrived-after-close\"", stanza]);
        of("stanza=\"request\"") + of("stanza=\"reply\"")
    };
    let late_before = late(&scene.proxy);

    let client = Answerer::start(service, Duration::ZERO);
    let user = Asker::start(user, &scene.domain, 500);
    let relayed = |proxy: &Proxy| proxy.count(&RELAYED);
    // A server that is busy may be slow to close its side, and then it drops much.
    let relays = |stanzas| {
        let before = relayed(&scene.proxy);
        scene.proxy.wait_until("more relayed", |it| relayed(it) >= before + stanzas);
    };
    for number in 2..=UPGRADES {
        relays(200);
        upgrade(&scene.proxy, number);
    }
    relays(200);
    let account = user.finish();
    let (_, seen) = client.finish();
    let relayed = scene.proxy.count(&RELAYED) - before;
    let late = late(&scene.proxy) - late_before;
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
    assert!(account.answered.len() > 100, "and there was enough of it");
    let last = |it: &Proxy| it.log().join("\n").matches("logged in again to").count() == UPGRADES;
    scene.proxy.wait_until("the last login to be said", last);
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
case!(the_commands_of_the_document_make_good_certificates: both);
fn the_commands_of_the_document_make_good_certificates(kind: Kind) {
    let folder = fresh_folder("tls-document");
    let document = include_str!("../../../docs/operating.md");
    let (_, from) = document.split_once("and a certificate for the server:\n\n").unwrap();
    let (commands, _) = from.split_once("\n\n").unwrap();
    let file = folder.join("server-and-key.pem");
    let commands = commands.replace("/etc/ejabberd/xmpp.example.pem", file.to_str().unwrap());
    let commands = commands.replace("xmpp.example", NAME);
    let shell = std::process::Command::new("sh")
        .args(["-e", "-c", &commands])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(shell.status.success(), "{}", String::from_utf8_lossy(&shell.stderr));
    let [port] = free_ports();
    let server = start(kind, &[(port, file)]);
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

case!(an_upgrade_that_fails_opens_the_stream_again: both);
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

const RELAYED: [&str; 2] = ["jat_proxy_stanzas_total", "outcome=\"relayed\""];
const RELOADED: &str = "configuration reloaded";
