//! ejabberd with `tls: true`, and Prosody with mod_net_multiplex.

mod accounts;
mod renewal;
mod upgrade;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::Scene;
use test_support::interop::server::{
    Each, HOST, Kind, SECRET, Server, Software, Suite, fresh_folder, paste, prosody,
};
use test_support::port::free_ports;
use test_support::tls::authority::{Authority, Identity, Valid};

use crate::load::{Answerer, Asker, alone};

/// Prosody accepts only the names of its hosts.
const NAME: &str = HOST;

/// A server with a port for each certificate, and the CA that signed the valid ones.
struct Stage {
    server: Server,
    folder: PathBuf,
    /// Ports with a certificate for [`NAME`], for 127.0.0.1, for another name, an expired one, and one
    /// from another CA.
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

    /// Settings for this port, with these additional lines for TLS.
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

    /// The settings that work.
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

/// Writes a certificate to the file that the server uses for this port.
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
        (stage.server.component_port, &named, "the server does not speak TLS there; configure"),
        (
            stage.named,
            &String::new(),
            // ejabberd after 23.01 sends an alert, the others just close.
            if kind.is(Software::Prosody) || kind.suite == Suite::Debian12 {
                "before it had sent anything; is it the server's port for components (XEP-0114), is `tls`"
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

// ejabberd uses its certificate for other host names, too.
case!(a_name_that_is_no_host_of_the_server: prosody);
fn a_name_that_is_no_host_of_the_server(kind: Kind) {
    let stage = Stage::shared(kind);
    let tls = stage.ca_file("ca.pem") + "server-name = \"other.example\"\n";
    let proxy = Proxy::launch(&stage.server, stage.settings(stage.other, &tls));
    let log = |it: &Proxy| it.log().join("\n");
    proxy.wait_until("a line about it", |it| log(it).contains("not connected"));
    let said = "the server has no host named other.example; connect";
    assert!(log(&proxy).contains(said), "{}", log(&proxy));
    assert!(log(&proxy).contains("cause=\"certificate-name\""), "{}", log(&proxy));
}

// The commands in docs/tls.md make a CA and a certificate that work.
case!(the_commands_of_the_document_make_good_certificates: both);
fn the_commands_of_the_document_make_good_certificates(kind: Kind) {
    let folder = fresh_folder("tls-document");
    let document = include_str!("../../../docs/tls.md");
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

const RELAYED: [&str; 2] = ["jat_proxy_stanzas_total", "outcome=\"relayed\""];
