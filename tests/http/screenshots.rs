//! Pictures of the page in a real browser, for people to look at: `tests/screenshots` makes them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use test_support::browser;
use test_support::port::free_address;
use test_support::watched::server::{self, BotAnswer, Server};
use test_support::watched::{self, configuration};

#[test]
#[ignore = "needs chromium; tests/screenshots runs it"]
fn of_a_busy_daemon_in_light_dark_and_narrow() {
    let server = server::start();
    let daemon = watched::start_with(|http| four_components(server.address, http), 1024);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    server.say("proxy.example", PRESENCE);
    // One answers all requests, one refuses all, the fixed one and the others do not answer.
    server.let_answer("bot@some.example/a", Some(BotAnswer::Result));
    server.let_answer("bot@some.example/phone", Some(BotAnswer::Error("feature-not-implemented")));
    browser::for_a_while(|at| traffic(&server, at));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
    fs::create_dir_all(&folder).expect("the target folder is ours");
    let page = format!("http://{}/", daemon.http());
    for (name, size, option) in [
        ("light", "1280,3200", browser::LIGHT),
        ("dark", "1280,3200", browser::DARK),
        ("narrow", "500,5200", browser::LIGHT),
        ("narrow-dark", "500,5200", browser::DARK),
    ] {
        browser::shoot(&page, &folder.join(format!("{name}.png")), size, option);
    }
}

/// One that works, one without a stream, one whose subscription nobody accepts, and one with a
/// fixed destination.
fn four_components(server: SocketAddr, http: SocketAddr) -> String {
    let nobody = free_address();
    configuration(server, Some(http)).replacen(
        "[[key]]\n",
        &format!(
            "[[component]]\ndomain = \"down.example\"\nsecret = \"s\"\nserver = \"{nobody}\"\n\
             target-address = \"bot@some.example\"\n\
             [[component]]\ndomain = \"lonely.example\"\nsecret = \"s\"\n\
             target-address = \"other-bot@some.example\"\n\
             [[key]]\n"
        ),
        1,
    )
}

/// More traffic in the middle of each half minute than at its ends, a few refusals, and a burst of
/// them.
fn traffic(server: &Server, at: Duration) {
    let wave = (at.as_secs_f64() / 30.0 * std::f64::consts::TAU).sin() + 1.2;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 100")]
    let requests = (wave * 20.0) as usize;
    server.say("proxy.example", &REQUEST.repeat(requests));
    if at.as_secs().is_multiple_of(7) {
        server.say("proxy.example", REFUSED);
        server.say("lonely.example", &REQUEST.replace("proxy", "lonely"));
    }
    if (20..23).contains(&at.as_secs()) {
        server.say("proxy.example", &REFUSED.repeat(10));
    }
}

const REQUEST: &str = "<iq type='get' id='1' from='user@some.example/x' to='proxy.example'>\
                       <query xmlns='jabber:iq:version'/></iq>";
const REFUSED: &str = "<message from='user@some.example/x' to='proxy.example'><body/></message>\
                       <iq type='get' from='user@some.example/x' to='proxy.example'><q xmlns='q'/></iq>\
                       <iq type='result' id='1' from='bot@some.example/a' to='proxy.example/x'/>";
const PRESENCE: &str = "\
    <presence type='subscribed' from='bot@some.example' to='proxy.example'/>\
    <presence from='bot@some.example/a' to='proxy.example'/>\
    <presence from='bot@some.example/b' to='proxy.example'><show>dnd</show></presence>\
    <presence from='bot@some.example/phone' to='proxy.example'/>\
    <presence from='bot@some.example/&lt;script&gt;alert(1)&lt;/script&gt;' to='proxy.example'/>\
    <presence from='bot@some.example/abc\u{202e}nimda' to='proxy.example'/>\
    <presence from='bot@some.example/\u{5e9}\u{5dc}\u{5d5}\u{5dd} 7' to='proxy.example'/>\
    <presence from='bot@some.example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' \
    to='proxy.example'/>";
