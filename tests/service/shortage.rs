//! A shortage is one failed attempt, whose cause is named; everything else continues.

use std::fs;
use std::time::Instant;

use rustix::io::Errno;
use rustix::process::{Resource, Signal};
use tempfile::NamedTempFile;
use test_support::daemon::{self, DOMAIN, TARGET, configuration};
use test_support::launch::Launch;
use test_support::port::free_address;
use test_support::wait::{PATIENCE, comes_meanwhile};

use crate::daemon::{Daemon, server, serves};
use crate::shim::Shim;

/// A daemon that logs to a file, and in which functions of the C library fail.
struct Stage {
    daemon: Daemon,
    shim: Shim,
}

impl Stage {
    fn new(server: std::net::SocketAddr, more: &str) -> Self {
        let shim = Shim::new();
        Self { daemon: shim.daemon(&configuration(server, more)), shim }
    }

    fn log(&self) -> String {
        self.daemon.log()
    }

    async fn logs(&self, text: &str) {
        self.daemon.until_logged(text, 1).await;
    }

    async fn stops(&mut self) {
        self.daemon.signal(Signal::TERM);
        assert_eq!(self.daemon.ended().await.code(), Some(0));
        assert!(!self.log().contains("a bug"), "{}", self.log());
    }
}

#[tokio::test]
async fn no_socket_for_a_login() {
    let server = server().await;
    let mut it = Stage::new(server.address(), "");
    serves(&server).await;
    it.shim.fail("socket", Errno::MFILE);
    server.connections(DOMAIN)[0].cut();
    it.logs("Too many open files (os error 24); raise the limit that was reached: LimitNOFILE=")
        .await;
    it.logs("cause=\"shortage\"").await;
    it.shim.heal("socket");
    serves(&server).await;
    it.stops().await;
}

/// One component's name can't be looked up, and the other serves.
#[tokio::test]
async fn no_thread_for_a_name() {
    let server = server().await;
    let name = format!("localhost:{}", server.address().port());
    let other = format!(
        "[[component]]\ndomain = \"other.example\"\nserver = \"{name}\"\n\
         secret = \"s\"\ntarget-address = \"{TARGET}\"\n"
    );
    let mut it = Stage::new(server.address(), &other);
    serves(&server).await;
    // The server does not know this domain, so there is an attempt from time to time.
    it.logs("not connected, retrying").await;
    it.shim.fail("pthread_create", Errno::AGAIN);
    it.daemon.signal(Signal::HUP);
    it.logs("no thread for looking up names: Resource temporarily unavailable").await;
    assert!(it.log().contains("TasksMax="), "{}", it.log());
    serves(&server).await;
    it.shim.heal("pthread_create");
    it.stops().await;
}

#[tokio::test]
async fn no_descriptor_for_http() {
    let server = server().await;
    let http = free_address();
    let mut it = Stage::new(server.address(), &format!("[http]\nlisten = \"{http}\""));
    serves(&server).await;
    it.shim.fail("accept4", Errno::MFILE);
    let _waits = std::net::TcpStream::connect(http).unwrap();
    it.logs("can't accept HTTP connections, retrying: Too many open files (os error 24); raise")
        .await;
    serves(&server).await;
    it.shim.heal("accept4");
    it.logs("accepting HTTP connections again").await;
    assert!(it.daemon.get("/metrics").body.contains("jat_proxy_stream_up"));
    it.stops().await;
}

/// `LimitFSIZE=`, which a daemon that writes no file may have: an upgrade writes a memory file.
#[tokio::test]
async fn no_memory_file_for_an_upgrade() {
    let server = server().await;
    let http = format!("[http]\nlisten = \"{}\"", free_address());
    let mut it = Stage::new(server.address(), &http);
    serves(&server).await;
    // The log is a file, too, and a smaller one.
    it.daemon.limit(Resource::Fsize, 8_000);
    let long = "x".repeat(1_000);
    let resources: Vec<_> =
        (0..20).map(|n| server.client(&format!("{TARGET}/{long}{n}"))).collect();
    let known = format!("\"{TARGET}/{long}19\"");
    it.daemon.until("all resources", |it| it.get("/status").body.contains(&known)).await;
    it.daemon.signal(Signal::USR2);
    it.logs(
        "not upgraded, the old program keeps running: can't write the state that is to be \
         handed over",
    )
    .await;
    it.logs("File too large (os error 27); LimitFSIZE= in its unit").await;
    drop(resources);
    serves(&server).await;
    it.stops().await;
}

/// At its start it reports the shortage, and ends with a code after which systemd restarts it.
#[tokio::test]
async fn no_thread_to_begin_with() {
    let shim = Shim::new();
    shim.fail("pthread_create", Errno::AGAIN);
    let mut daemon = shim.daemon(&configuration(free_address(), ""));
    assert_eq!(daemon.ended().await.code(), Some(70));
    let said = daemon.log();
    let reason = "error: can't start: no thread for the log: Resource temporarily unavailable \
                  (os error 11); raise TasksMax= or LimitNPROC= in its unit\n";
    assert_eq!(said, reason);
}

/// The configuration is not wrong then, so the exit code is one after which it is restarted.
#[tokio::test]
async fn no_descriptor_for_the_certificates_of_the_system() {
    let shim = Shim::new();
    let certificates = NamedTempFile::with_suffix(".pem").unwrap();
    let ca = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    fs::write(certificates.path(), ca.cert.pem()).unwrap();
    let config = configuration(free_address(), "").replace("[[comp", "tls = true\n[[comp");
    let start = || {
        Daemon::launch(&config, |mut it| {
            shim.attach(&mut it.command);
            it.command.env("SSL_CERT_FILE", certificates.path()).env_remove("SSL_CERT_DIR");
            it.start()
        })
    };
    for (errno, code) in [(Errno::MFILE, 69), (Errno::HOSTDOWN, 69), (Errno::ACCESS, 78)] {
        shim.fail("open64-pem", errno);
        let mut daemon = start();
        let code_seen = daemon.ended().await.code();
        assert_eq!(code_seen, Some(code), "{errno:?}: {}", daemon.log());
        let said = daemon.log();
        assert!(errno != Errno::MFILE || said.contains("LimitNOFILE="), "{said}");
    }
    shim.heal("open64-pem");
    let mut daemon = start();
    daemon.until_logged("not connected, retrying", 1).await;
    // On a reload the configuration in use stays.
    shim.fail("open64-pem", Errno::MFILE);
    let out = daemon.command(&["reload"]);
    assert_eq!(out.status.code(), Some(69), "{out:?} {}", daemon.log());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().await.code(), Some(0));
}

/// With any number of descriptors it either serves, or ends with a remedy.
#[tokio::test]
async fn few_descriptors_to_begin_with() {
    let server = server().await;
    let (mut ended, mut served) = (0, 0);
    for count in 5..=16 {
        let limit = format!("ulimit -n {count} && exec \"$0\" \"$@\"");
        let limited = |it: Launch| it.behind(&["sh", "-c", &limit]).start();
        let mut daemon = Daemon::launch(&configuration(server.address(), ""), limited);
        let runs = |it: &daemon::Daemon| {
            ["logged in to", "cause=\"shortage\""].iter().any(|text| it.log().contains(text))
        };
        let fate = comes_meanwhile(|| runs(&daemon) || !daemon.is_running()).await;
        assert!(fate, "{}", daemon.log());
        if daemon.is_running() {
            daemon.signal(Signal::TERM);
            assert_eq!(daemon.ended().await.code(), Some(0));
            served += u8::from(daemon.log().contains("logged in to"));
        } else {
            let (code, said) = (daemon.ended().await.code(), daemon.log());
            assert!(said.contains("Too many open files"), "{count}: {said}");
            assert!(said.contains("LimitNOFILE="), "{count}: {said}");
            assert!(matches!(code, Some(69 | 70)), "{count}: {code:?} {said}");
            ended += 1;
        }
        let said = daemon.log();
        assert!(!said.contains("a bug") && !said.contains("panicked"), "{said}");
    }
    assert!(ended > 0 && served > 0, "{ended} ended, {served} served");
}

/// SIGHUP and SIGUSR2 as early as the process blocks them, and SIGUSR1 at any time.
#[tokio::test]
async fn sigusr1_has_no_effect() {
    let server = server().await;
    for signal in [Signal::HUP, Signal::USR2, Signal::USR1] {
        let mut it = Stage::new(server.address(), "");
        // As early as possible, by polling without a pause.
        let began = Instant::now();
        while !it.daemon.holds_back(signal) {
            assert!(began.elapsed() < PATIENCE, "{signal:?} is never held back");
        }
        it.daemon.signal(signal);
        serves(&server).await;
        it.daemon.signal(Signal::USR1);
        it.logs("SIGUSR1 has no effect").await;
        serves(&server).await;
        it.logs(match signal {
            Signal::HUP => "configuration reloaded",
            Signal::USR2 => "upgraded in place",
            _ => "SIGUSR1 has no effect",
        })
        .await;
        it.stops().await;
    }
}
