//! The program of the container image, with nothing else around it.

use std::fs;
use std::process::{Child, Command, Output, Stdio};

use mock_server::{Options, RosterState, Server};
use test_support::crowd::Crowd;
use test_support::daemon::{DOMAIN, TARGET};
use test_support::image::{Container, Image, USER};
use test_support::port::free_address;
use test_support::wait::comes_meanwhile;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, sleep};

#[tokio::test]
#[ignore = "builds the program once more, static, and needs root"]
async fn the_static_program_serves_where_nothing_else_is() {
    let server = Server::start(Options::ejabberd("s")).await.unwrap();
    server.set_subscription(TARGET, DOMAIN, RosterState::From);
    let mut crowd = Crowd::of(&server, TARGET);
    let image = spawn_blocking(Image::build).await.unwrap();

    // As in the Containerfile.
    let init = ["init", "--domain", DOMAIN, "--target", TARGET, "/etc/jat-proxy"];
    let output = run(&image, &init);
    assert!(output.status.success(), "{output:?}");
    let file = image.root().join("etc/jat-proxy/jat-proxy.toml");
    let http = free_address();
    let text = fs::read_to_string(&file).unwrap();
    // A name that is only in /etc/hosts, which container engines write.
    let text = text.replace("127.0.0.1:5347", &format!("xmpp.test:{}", server.address().port()));
    fs::write(&file, text.replace("127.0.0.1:9114", &http.to_string())).unwrap();
    fs::write(image.root().join("etc/jat-proxy/proxy.secret"), "s\n").unwrap();
    fs::write(image.root().join("etc/hosts"), "127.0.0.1 localhost xmpp.test\n").unwrap();
    let output = run(&image, &["check"]);
    assert!(output.status.success(), "{output:?}");
    // The health check, when no daemon runs.
    assert_eq!(run(&image, &["status"]).status.code(), Some(69));

    let _daemon = Container(start(&image, &["run"]));
    let ready =
        |status: &Output| String::from_utf8_lossy(&status.stdout).contains("ready         yes");
    let comes = comes_meanwhile(|| ready(&run(&image, &["status"]))).await;
    assert!(comes, "{:?}", run(&image, &["status"]));
    crowd.asks_while(sleep(Duration::from_millis(500))).await;
}

fn run(image: &Image, arguments: &[&str]) -> Output {
    start(image, arguments).wait_with_output().unwrap()
}

fn start(image: &Image, arguments: &[&str]) -> Child {
    // Process 1 with its own /proc, as in a container.
    Command::new("/usr/bin/unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc=/proc", "--root"])
        .arg(image.root())
        .args([format!("--setgid={USER}"), format!("--setuid={USER}")])
        .arg("/jat-proxy")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare is part of util-linux")
}
