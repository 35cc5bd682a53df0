//! A stream with TLS, which can't be handed over: it is closed only when the new program has shown
//! that it can take over everything else.

use std::fs;

use rustix::process::Signal;
use test_support::daemon::{DOMAIN, component};
use test_support::stage::Stage;
use test_support::tls::authority::{Authority, Valid};
use test_support::tls::terminator::Terminator;

use crate::changes::script;

const NAME: &str = "server.example";

#[tokio::test]
async fn an_upgrade_that_fails_costs_it_nothing() {
    let mut it = Stage::new().await;
    let authority = Authority::new("ca");
    let tls = Terminator::start(it.server.address(), &authority.sign(&[NAME], Valid::Now));
    fs::write(it.daemon.folder.path("ca.pem"), authority.pem()).unwrap();
    let encrypted = format!(
        "server = \"{}\"\ntls = true\nca-file = \"ca.pem\"\nserver-name = \"{NAME}\"\n",
        tls.address
    );
    it.daemon.configure(&(component(DOMAIN) + &component("two.example") + &encrypted));
    it.daemon.signal(Signal::HUP);
    it.daemon.until("both are ready", |d| d.is_ready(2)).await;
    let before = it.server.accepted();
    let refusals = [
        script("rehearse", "before() { echo the reason >&2; exit 3; }"),
        script("rehearse", "after() { rm \"$0\"; }"),
        script("no", "[ $step = run ] || rm \"$0\""),
    ];
    for (n, refusal) in refusals.iter().enumerate() {
        it.daemon.replace_with_script(refusal);
        it.daemon.signal(Signal::USR2);
        it.daemon.until_logged("not upgraded", n + 1).await;
        it.serves().await;
        it.serves_at("two.example").await;
        assert_eq!(it.server.accepted(), before, "{}", it.daemon.log());
    }
    it.daemon.replace_with_built();
    it.upgrade().await;
    it.daemon.until("both are ready", |d| d.is_ready(2)).await;
    it.serves().await;
    it.serves_at("two.example").await;
    assert_eq!(it.server.accepted(), before + 1, "{}", it.daemon.log());
    let log = it.daemon.log();
    println!("{}", log.split("not upgraded").last().unwrap());
}
