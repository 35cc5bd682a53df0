//! The two streams of a component with a presence domain lead to the same server.

use std::time::Duration;

use jat_proxy::config::ComponentConfig;
use jat_proxy::session::echo::Sharing;
use mock_server::{Options, RosterState, Server};
use test_support::daemon::{DOMAIN, TARGET};
use tokio::time::{Instant, sleep};

use crate::fixture::{Fixture, SECRET, component};

/// If the host is gone, an idle stream would otherwise show it a minute later.
#[tokio::test]
async fn when_one_stream_dies_the_other_is_asked_at_once() {
    for (dies, lives) in [(PRESENCE, DOMAIN), (DOMAIN, PRESENCE)] {
        let it = Fixture::with(Options::ejabberd(SECRET), with_presence_domain).await;
        it.server.set_subscription(TARGET, PRESENCE, RosterState::From);
        it.until("each is ours alone", |r| {
            let component = r.component();
            let own = component.stream().sharing;
            let presence = component.presence_stream().map(|stream| stream.sharing);
            (own, presence) == (Sharing::Alone, Some(Sharing::Alone))
        })
        .await;
        // An echo follows some seconds after other output, and after the first sixteen.
        it.until("nothing is left to ask about", |_| {
            let said = said(&it, lives);
            let last = said.rfind("jat-echo-");
            echoes(&it, lives) > 16 && last > said.rfind("<iq").max(said.rfind("<presence"))
        })
        .await;
        let before = echoes(&it, lives);
        it.server.connections(dies)[0].reset();
        // Otherwise it would be a minute after the last one.
        let deadline = Instant::now() + Duration::from_secs(40);
        while echoes(&it, lives) == before {
            assert!(Instant::now() < deadline, "{lives} was not asked: {}", said(&it, lives));
            sleep(Duration::from_millis(5)).await;
        }
    }
}

fn with_presence_domain(server: &Server) -> ComponentConfig {
    let mut config = component(server);
    config.settings.presence_domain = Some(PRESENCE.parse().unwrap());
    config
}

fn said(it: &Fixture, domain: &str) -> String {
    let connections = it.server.connections(domain);
    let received = connections.first().map(|connection| connection.received());
    String::from_utf8(received.unwrap_or_default()).unwrap()
}

fn echoes(it: &Fixture, domain: &str) -> usize {
    said(it, domain).matches("jat-echo-").count()
}

const PRESENCE: &str = "a.proxy.example";
