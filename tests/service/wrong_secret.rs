//! The server refuses our secret: the log says where that is from.

use mock_server::{Options, Server};
use test_support::daemon::{DOMAIN, configuration};
use test_support::launch::Launch;

use crate::daemon::Daemon;

const OURS: &str = "not the server's";

/// Starts it with the secret given in this way; `prepare` returns the origin that the log has to name.
async fn the_log_names(secret: &str, prepare: impl FnOnce(&mut Launch) -> String) {
    let server = Server::start(Options::prosody(DOMAIN, "s")).await.unwrap();
    let text = configuration(server.address(), "");
    let text = text.replace("secret = \"s\"", &format!("secret = {secret}"));
    let mut origin = String::new();
    let daemon = Daemon::launch(&text, |mut launch| {
        origin = prepare(&mut launch);
        launch.start()
    });
    daemon.until_logged("not-authorized", 1).await;
    let log = daemon.log();
    assert!(log.contains(&format!("; our secret is from {origin}; compare")), "{log}");
    assert!(!log.contains(OURS), "{log}");
}

#[tokio::test]
async fn a_file() {
    let prepare = |launch: &mut Launch| {
        launch.folder.write("component.secret", OURS);
        "component.secret".into()
    };
    the_log_names("{ file = \"component.secret\" }", prepare).await;
}

#[tokio::test]
async fn a_credential_of_systemd() {
    let prepare = |launch: &mut Launch| {
        launch.folder.write("proxy-secret", OURS);
        launch.command.env("CREDENTIALS_DIRECTORY", launch.folder.path(""));
        launch.folder.path("proxy-secret").display().to_string()
    };
    the_log_names("{ credential = \"proxy-secret\" }", prepare).await;
}

#[tokio::test]
async fn a_variable_of_the_environment() {
    let prepare = |launch: &mut Launch| {
        launch.command.env("PROXY_SECRET", OURS);
        "the environment variable PROXY_SECRET".into()
    };
    the_log_names("{ env = \"PROXY_SECRET\" }", prepare).await;
}

#[tokio::test]
async fn the_configuration_itself() {
    the_log_names(&format!("\"{OURS}\""), |_| "the configuration itself".into()).await;
}

#[tokio::test]
async fn another_file_after_a_reload() {
    let server = Server::start(Options::prosody(DOMAIN, "s")).await.unwrap();
    let text = configuration(server.address(), "");
    let text = text.replace("secret = \"s\"", "secret = { file = \"one.secret\" }");
    let daemon = Daemon::launch(&text, |launch| {
        launch.folder.write("one.secret", OURS);
        launch.folder.write("two.secret", OURS);
        launch.start()
    });
    daemon.until_logged("; our secret is from one.secret; compare", 1).await;
    // The cause is the same, and yet it is news.
    daemon.reload(&text.replace("one.secret", "two.secret"), "configuration reloaded");
    daemon.until_logged("; our secret is from two.secret; compare", 1).await;
}
