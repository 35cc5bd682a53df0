//! A target whose account is on another server than the component.

use std::fs;
use std::time::{Duration, Instant};

use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{accept_subscription, asked_once, round_trip};
use test_support::interop::server::{Kind, Software};
use test_support::wait::{PATIENCE, wait_until, wait_within};

use crate::two_servers::TwoServers;

case!(a_target_on_another_server_that_dies: both);
fn a_target_on_another_server_that_dies(kind: Kind) {
    let servers = TwoServers::start([kind, kind], 1, |_, text| text);
    let domain = servers.new_domain();
    let TwoServers { near, mut far, .. } = servers;
    let target = far.new_account("service");
    let proxy = Proxy::start(&near, Settings::new(&domain, &target));
    let mut user = Client::login(&near, &near.new_account("user"), "abc");
    let mut stays = Client::login(&far, &target, "stays");
    stays.available("");
    accept_subscription(&mut stays, &domain);
    let mut dies = Client::login(&far, &target, "dies");
    dies.available("");
    proxy.wait_online(&[&stays.jid, &dies.jid]);

    // A bot is killed: its server notices the end of the connection, and sends presence.
    let killed = Instant::now();
    let gone = dies.jid.clone();
    drop(dies);
    let mut failed = errors_until_gone(&proxy, &domain, &mut user, &mut stays, &gone);
    println!("{kind}: a killed bot cost {failed} requests within {:.1?}", killed.elapsed());
    round_trip(&domain, &mut user, &mut stays);

    // Its server is killed, without notice.
    let (killed, gone) = (Instant::now(), stays.jid.clone());
    far.kill();
    failed = errors_until_gone(&proxy, &domain, &mut user, &mut stays, &gone);
    println!("{kind}: its killed server cost {failed} requests within {:.1?}", killed.elapsed());
    user.ask(&domain, "nobody");
    let (_, text) = user.receive_reply("nobody").error().expect("nobody is there");
    assert!(text.contains("offline"), "{text}");

    // ejabberd has lost the latest changes, so this starts over.
    if kind.is(Software::Ejabberd) {
        let folder = far.configuration().with_file_name("mnesia");
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        far.resume();
        far.register(target.split('@').next().unwrap());
    } else {
        far.resume();
    }
    let back = Instant::now();
    let mut again = Client::login(&far, &target, "again");
    again.fetch_roster();
    again.available("");
    // The subscription is requested at least once a minute.
    wait_within(2 * PATIENCE, "an answer from there", || {
        asked_once(&domain, &mut user, &mut again, ONE_REQUEST).is_ok()
    });
    println!("{kind}: an answer {:.1?} after its server was back", back.elapsed());
}

/// Sends requests until this resource is no longer listed; returns how many failed.
fn errors_until_gone(
    proxy: &Proxy,
    domain: &str,
    user: &mut Client,
    service: &mut Client,
    gone: &str,
) -> u32 {
    let mut failed = 0;
    wait_until(&format!("{gone} to leave the list"), || {
        failed += u32::from(asked_once(domain, user, service, ONE_REQUEST).is_err());
        !proxy.status().to_string().contains(gone)
    });
    failed
}

/// To another server and back.
const ONE_REQUEST: Duration = Duration::from_secs(5);
