//! A server whose limit for stanzas from a component is lower than the proxy's.

use test_support::interop::client::Client;
use test_support::interop::proxy::{Proxy, Settings};
use test_support::interop::scene::{first_login, round_trip};
use test_support::interop::server::{Kind, Server, Software};

case!(a_lower_limit_of_the_server_is_found_out: both);
fn a_lower_limit_of_the_server_is_found_out(kind: Kind) {
    let server = Server::start_changed(kind, |text| limited(kind, &text));
    let target = server.new_account("service");
    let settings = Settings::new(&server.new_domain(), &target);
    let domain = settings.domain.clone();
    let proxy = Proxy::start(&server, settings);
    let mut service = first_login(&server, &proxy, "a");
    let mut user = Client::login(&server, &server.new_account("user"), "abc");

    let large = |id: usize, size: usize| {
        let payload = format!("<q xmlns='urn:q'>{}</q>", "x".repeat(size));
        format!("<iq type='get' id='{id}' to='{domain}'>{payload}</iq>")
    };
    // Half the size of a stanza that was too large may still be too large.
    let mut ended = 0;
    while proxy.reason("over-limit") == 0 {
        let logins = proxy.logins();
        user.send(large(1, 2 * LIMIT));
        proxy.wait_until("a refusal, or another login", |proxy| {
            proxy.reason("over-limit") > 0 || proxy.logins() > logins
        });
        ended = proxy.logins() - 1;
        assert!(ended <= 2, "any user can end the stream");
        proxy.wait_online(&[&service.jid]);
    }
    assert!(ended > 0, "the server took it");
    println!("{kind}: the stream was ended {ended} times");
    for size in [LIMIT, 2 * LIMIT, LIMIT + LIMIT / 2] {
        user.send(large(size, size));
        let (condition, _) = user.receive_reply(&size.to_string()).error().unwrap();
        assert_eq!(condition, "policy-violation");
    }
    round_trip(&domain, &mut user, &mut service);
    assert_eq!(proxy.logins(), ended + 1);
    let line = proxy.wait_log(0, "cause=\"server-limit\"");
    assert!(line.contains("max-stanza-bytes"), "{line}");
    let warnings = proxy.status()["components"][0]["warnings"].to_string();
    assert!(warnings.contains("max-stanza-bytes"), "{warnings}");
}

/// A configuration with a lower limit for components.
fn limited(kind: Kind, text: &str) -> String {
    let (before, line) = match kind.software {
        Software::Prosody => ("\nVirtualHost ", format!("\ncomponent_stanza_size_limit = {LIMIT}")),
        Software::Ejabberd => ("\n    password: ", format!("\n    max_stanza_size: {LIMIT}")),
        Software::Jabberd2 => unreachable!("it has none"),
    };
    assert!(text.contains(before));
    text.replacen(before, &format!("{line}{before}"), 1)
}

const LIMIT: usize = 100_000;
