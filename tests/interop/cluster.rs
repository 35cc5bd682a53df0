//! A cluster of two ejabberds, one of which dies with the clients that are logged in to it.

use std::time::{Duration, Instant};

use test_support::interop::client::{Client, is_reply, is_request};
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::accept_subscriptions;
use test_support::interop::server::{Kind, Server};

// ejabberd tells nobody that the sessions of the dead node are gone (docs/servers.md#dead-node).
case!(a_node_dies_with_its_clients: ejabberd);
fn a_node_dies_with_its_clients(kind: Kind) {
    let [first, mut second] = Server::start_cluster(kind);
    let (domain, target) = (first.new_domain(), first.new_account("service"));
    let replicas = ["a", "b"].map(|name| {
        let mut settings = Settings::new(&domain, &target);
        settings.component = format!("presence-domain = \"{name}.{domain}\"");
        Proxy::start(&first, settings)
    });
    let mut stays = Client::login(&first, &target, "stays");
    stays.available("");
    accept_subscriptions(
        &mut stays,
        ["a", "b"].map(|it| format!("{it}.{domain}")).iter().map(|it| &**it),
    );
    let mut dies = Client::login(&second, &target, "dies");
    dies.available("");
    replicas.iter().for_each(|it| it.wait_online(&[&stays.jid, &dies.jid]));
    let mut user = Client::login(&first, &first.new_account("user"), "abc");

    second.kill();
    let killed = Instant::now();
    let (mut failed, mut last, mut in_a_row) = (0, Duration::ZERO, 0);
    while in_a_row < 50 {
        assert!(killed.elapsed() < Duration::from_secs(60), "{failed} failed, no end to it");
        if is_served(&domain, &mut user, &mut stays) {
            in_a_row += 1;
        } else {
            (failed, last, in_a_row) = (failed + 1, killed.elapsed(), 0);
        }
    }
    println!("{kind}: {failed} requests failed, the last one after {last:.1?}");
    replicas.iter().for_each(|it| it.wait_offline(&dies.jid));
}

/// Sends a request, and lets the client answer. Stanzas to the dead node are lost.
fn is_served(domain: &str, user: &mut Client, client: &mut Client) -> bool {
    user.ask(domain, "one");
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(3) {
        let limit = Duration::from_millis(5);
        if let Some(request) = client.try_receive_where(limit, is_request) {
            client.answer(&request, "");
        }
        if let Some(reply) = user.try_receive_where(limit, is_reply) {
            return reply.error().is_none();
        }
    }
    false
}
