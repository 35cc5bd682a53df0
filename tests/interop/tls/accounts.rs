//! The ends of a stream with TLS under load, with a man in the middle who can read it.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use test_support::interop::proxy::Proxy;
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, Server, fresh_folder};
use test_support::tls::authority::{Authority, Identity, Valid};
use test_support::tls::terminator::Terminator;

use super::upgrade::upgrade;
use crate::fleet::Fleet;
use crate::load::{Answerer, Asker, alone};
use crate::tap::{Passed, Tap};
use crate::wire::Class;

case!(upgrades_under_load_account_for_every_stanza: ejabberd);
fn upgrades_under_load_account_for_every_stanza(kind: Kind) {
    const UPGRADES: usize = 10;
    let _alone = alone();
    let load = Load::start(kind, "tls-upgrades");
    for number in 1..=UPGRADES {
        sleep(Duration::from_millis(300));
        upgrade(&load.scene.proxy, number);
    }
    sleep(Duration::from_millis(300));
    load.finish(|proxy| {
        let late = proxy.reason("arrived-after-close") as usize;
        assert_eq!(proxy.stop_with(Signal::TERM).code(), Some(0));
        late
    });
}

// While one replica with TLS is upgraded, the others serve.
case!(an_upgrade_beside_other_replicas: both);
fn an_upgrade_beside_other_replicas(kind: Kind) {
    const UPGRADES: usize = 5;
    let _alone = alone();
    let (folder, ca) = (fresh_folder("tls-fleet"), Authority::new("CA"));
    fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    let port = Server::shared(kind).component_port;
    let port = terminate(port, ca.sign(&["127.0.0.1"], Valid::Now));
    let fleet = Fleet::fixed(kind, |_, settings| {
        settings.server_port = Some(port);
        settings.server = format!("tls = true\nca-file = {:?}\n", folder.join("ca.pem"));
    });
    let client = Answerer::start(fleet.service("a"), Duration::ZERO);
    let user = Asker::start(fleet.user(), &fleet.domain, 300);
    for number in 1..=UPGRADES {
        sleep(Duration::from_millis(500));
        upgrade(&fleet.replicas[0], number);
    }
    sleep(Duration::from_millis(500));
    let account = user.finish();
    client.finish();
    println!("{UPGRADES} upgrades with TLS beside two replicas: {}", account.figures());
    assert!(account.repeated.is_empty());
    assert_eq!(account.refused.len(), 0, "somebody is connected all the time");
    // Some were sent to the one that leaves, after its closing tag; and ejabberd itself drops some.
    let late = fleet.replicas[0].reason("arrived-after-close") as usize;
    let missing = account.missing.len();
    assert!(missing <= late + account.sent() / 100, "{missing}, {late} of them late");
}

case!(a_stop_under_load_leaves_in_good_order: ejabberd);
fn a_stop_under_load_leaves_in_good_order(kind: Kind) {
    let _alone = alone();
    let mut load = Load::start(kind, "tls-stop");
    while load.user.heard() < 1_000 {
        sleep(Duration::from_millis(5));
    }
    assert_eq!(load.scene.proxy.stop_with(Signal::TERM).code(), Some(0));
    load.finish(|proxy| {
        let log = proxy.log().join("\n");
        assert!(log.contains("stream closed") && !log.contains("unsent_bytes"), "{log}");
        let late = log.split("arrived_after_close=").nth(1);
        late.map_or(0, |it| it.split_whitespace().next().unwrap().parse().unwrap())
    });
}

/// A thousand requests a second through a stream with TLS, and a man in the middle who can read it.
struct Load {
    scene: Scene,
    tap: Tap,
    client: Answerer,
    user: Asker,
}

impl Load {
    fn start(kind: Kind, name: &str) -> Self {
        let (folder, ca) = (fresh_folder(name), Authority::new("CA"));
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        let tap = Tap::start(Server::shared(kind).component_port);
        let port = terminate(tap.port, ca.sign(&["127.0.0.1"], Valid::Now));
        let scene = Scene::with(kind, |settings| {
            settings.server_port = Some(port);
            settings.server = format!("tls = true\nca-file = {:?}\n", folder.join("ca.pem"));
        });
        let (service, user) = (scene.service("a"), scene.user());
        let client = Answerer::start(service, Duration::ZERO);
        let user = Asker::start(user, &scene.domain, 1_000);
        Self { scene, tap, client, user }
    }

    /// Checks that each stanza from ejabberd was relayed, or came too late and was counted, and that
    /// each request without a reply has a cause. `stop` stops the proxy, if necessary, and returns how
    /// many came after its closing tag.
    fn finish(self, stop: impl FnOnce(&mut Proxy) -> usize) {
        let Self { mut scene, tap, client, user } = self;
        let account = user.finish();
        let (_, mut seen) = client.finish();
        // ejabberd sends roster pushes of its own.
        seen.retain(|it| it.request.from.starts_with(&scene.domain));
        let late = stop(&mut scene.proxy);
        let record = tap.finish();
        let count = |of: &[Passed], class| of.iter().filter(|it| it.iq.class == class).count();
        let given = [Class::Request, Class::Result].map(|class| count(&record.down, class));
        let relayed = [Class::Request, Class::Result].map(|class| count(&record.up, class));
        let dropped = [account.sent() - account.refused.len() - given[0], seen.len() - given[1]];
        println!(
            "{}; ejabberd gave {given:?} requests and replies, {relayed:?} were relayed, {late} \
             came after our closing tag; ejabberd itself dropped {dropped:?}",
            account.figures()
        );
        assert!(account.repeated.is_empty());
        assert_eq!(relayed[0], seen.len(), "what we wrote arrived");
        assert_eq!(relayed[1], account.answered.len());
        assert_eq!(given[0] + given[1], relayed[0] + relayed[1] + late, "relayed, or counted");
        assert_eq!(account.missing.len(), late + dropped[0] + dropped[1], "each has its cause");
    }
}

/// A port that speaks TLS in front of this one, until the end of the test run.
fn terminate(port: u16, identity: Identity) -> u16 {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let terminator = Terminator::start(([127, 0, 0, 1], port).into(), &identity);
            sender.send(terminator.address.port()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    address.recv().unwrap()
}
