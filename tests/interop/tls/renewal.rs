//! Certificates and CAs that are exchanged while servers and proxies run.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::server::{Kind, fresh_folder};
use test_support::port::free_ports;
use test_support::tls::authority::{Authority, Identity, Valid};

use super::{NAME, Stage, start, write};

// At a reload Prosody reads it again for clients that send a host name; others get the one from its
// start (docs/servers.md#old-certificate). ejabberd reads the file for each connection.
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
case!(a_new_ca_with_a_key_of_another_kind: both);
fn a_new_ca_with_a_key_of_another_kind(kind: Kind) {
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
                    signed it: was the CA created again?; name the certificate";
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
    // The same one again, a broken one, and then another valid one.
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
    // From a new CA with the same name.
    server.kill();
    write(&folder, port, &anew.sign(&["127.0.0.1"], Valid::Now));
    server.resume();
    let said = "was the CA created again?";
    proxy.wait_until("the cause", |it| it.log().join("\n").contains(said));
    fs::write(&file, anew.pem()).unwrap();
    proxy.signal(Signal::HUP);
    proxy.wait_until("the third login", |it| it.logins() == 3 && it.is_connected());
}

const RELOADED: &str = "configuration reloaded";
