//! Pictures of the page in a real browser, to be looked at: `tests/screenshots` makes them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

use test_support::port::free_address;
use test_support::watched::server::{self, BotAnswer, Server};
use test_support::watched::{self, configuration};

#[test]
#[ignore = "needs chromium; tests/screenshots runs it"]
fn of_a_lively_daemon_in_light_dark_and_narrow() {
    let server = server::start();
    let daemon = watched::start_with(|http| four_components(server.address, http), 1024);
    daemon.wait_for("/readyz", |answer| answer.body.contains("fixed.example: ready\n"));
    server.say("proxy.example", PRESENCE);
    // One answers all, one refuses all, the fixed one and the others are silent.
    server.let_answer("bot@some.example/a", Some(BotAnswer::Result));
    server.let_answer("bot@some.example/phone", Some(BotAnswer::Error("feature-not-implemented")));
    let seconds = env::var("SCREENSHOT_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(45);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        traffic(&server, began.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
    fs::create_dir_all(&folder).expect("the target folder is ours");
    for (name, size, option) in [
        ("light", "1280,3200", "--blink-settings=preferredColorScheme=1"),
        ("dark", "1280,3200", "--blink-settings=preferredColorScheme=0"),
        ("narrow", "500,5200", "--blink-settings=preferredColorScheme=1"),
        ("narrow-dark", "500,5200", "--blink-settings=preferredColorScheme=0"),
    ] {
        let file = folder.join(format!("{name}.png"));
        // One of an earlier run would look like success.
        let _ = fs::remove_file(&file);
        shoot(&format!("http://{}/", daemon.http()), &file, size, option);
        let picture = fs::read(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{name} is no picture");
        println!("{}", file.canonicalize().expect("it is there").display());
    }
}

fn shoot(url: &str, file: &Path, size: &str, option: &str) {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("chromium")
        // The page is ours, and root has no sandbox.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", file.display()))
        .arg(format!("--window-size={size}"))
        .args([option, url])
        .output()
        .expect("chromium is installed by tests/screenshots");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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

/// More in the middle of each half minute than at its ends, a few refusals, a burst of them.
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
