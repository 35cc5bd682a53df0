//! Too little of something is one failed attempt, with a name; what works goes on.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Signal};
use tempfile::NamedTempFile;
use tokio::time::{Instant, sleep};

use crate::daemon::{DOMAIN, Daemon, TARGET, free_address, server, serves};
use crate::shim::Shim;

/// A daemon that logs to a file, and in which functions of the C library fail.
struct Stage {
    daemon: Daemon,
    shim: Shim,
    log: NamedTempFile,
}

impl Stage {
    fn new(server: std::net::SocketAddr, more: &str) -> Self {
        let (log, shim) = (NamedTempFile::new().unwrap(), Shim::new());
        let file = File::options().append(true).open(log.path()).unwrap();
        let attach = |command: &mut Command| shim.attach(command);
        let daemon = Daemon::start_with(server, more, file, attach);
        Self { daemon, shim, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    async fn logs(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stops(&mut self) {
        self.daemon.signal(Signal::TERM);
        assert_eq!(self.daemon.ended(Duration::from_secs(60)).await.code(), Some(0));
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
    it.logs("Too many open files (os error 24); raise the limit that is reached: LimitNOFILE=")
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
    // It does not know the domain: there is an attempt from time to time.
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
    it.logs("can't take HTTP connections, retrying: Too many open files (os error 24); raise")
        .await;
    serves(&server).await;
    it.shim.heal("accept4");
    it.logs("HTTP connections can be taken again").await;
    assert!(it.daemon.metrics().contains("jat_proxy_stream_up"));
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
    let deadline = Instant::now() + Duration::from_secs(60);
    while !it.daemon.ask("/status").contains(&known) {
        assert!(Instant::now() < deadline, "it does not know of them");
        sleep(Duration::from_millis(10)).await;
    }
    it.daemon.signal(Signal::USR2);
    it.logs("not upgraded, going on as before: can't write down what is to be handed over").await;
    it.logs("File too large (os error 27); LimitFSIZE= in its unit").await;
    drop(resources);
    serves(&server).await;
    it.stops().await;
}

/// At its start it says what is missing, and ends so that systemd starts it again.
#[tokio::test]
async fn no_thread_to_begin_with() {
    let shim = Shim::new();
    shim.fail("pthread_create", Errno::AGAIN);
    let log = NamedTempFile::new().unwrap();
    let attach = |command: &mut Command| shim.attach(command);
    let mut daemon = Daemon::start_with(free_address(), "", log.reopen().unwrap(), attach);
    assert_eq!(daemon.ended(Duration::from_secs(60)).await.code(), Some(70));
    let said = fs::read_to_string(log.path()).unwrap();
    let reason = "error: can't start: no thread for the log: Resource temporarily unavailable \
                  (os error 11); raise TasksMax= or LimitNPROC= in its unit\n";
    assert_eq!(said, reason);
}

/// Nobody has to correct the configuration then, so it says that it is to be tried again.
#[tokio::test]
async fn no_descriptor_for_the_certificates_of_the_system() {
    let shim = Shim::new();
    let certificates = NamedTempFile::with_suffix(".pem").unwrap();
    let ca = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    fs::write(certificates.path(), ca.cert.pem()).unwrap();
    let log = NamedTempFile::new().unwrap();
    let attach = |command: &mut Command| {
        shim.attach(command);
        command.env("SSL_CERT_FILE", certificates.path()).env_remove("SSL_CERT_DIR");
        command.env("LIMIT", "sed -i 's/^address.*/&\\ntls = true/' \"$1\"");
    };
    let start = || {
        let file = File::options().append(true).open(log.path()).unwrap();
        Daemon::start_with(free_address(), "", file, attach)
    };
    let said = || fs::read_to_string(log.path()).unwrap();
    for (errno, code) in [(Errno::MFILE, 69), (Errno::HOSTDOWN, 69), (Errno::ACCESS, 78)] {
        shim.fail("open64-pem", errno);
        let code_seen = start().ended(Duration::from_secs(60)).await.code();
        assert_eq!(code_seen, Some(code), "{errno:?}: {}", said());
    }
    assert!(said().contains("LimitNOFILE="), "{}", said());
    shim.heal("open64-pem");
    let mut daemon = start();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !said().contains("not connected, retrying") {
        assert!(Instant::now() < deadline, "{}", said());
        sleep(Duration::from_millis(5)).await;
    }
    // On a reload the configuration in use stays.
    shim.fail("open64-pem", Errno::MFILE);
    let out = daemon.command(&["reload"]);
    assert_eq!(out.status.code(), Some(69), "{out:?} {}", said());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended(Duration::from_secs(60)).await.code(), Some(0));
}

/// It ends, with what to do about it, or it serves: with any number.
#[tokio::test]
async fn few_descriptors_to_begin_with() {
    let server = server().await;
    let (mut ended, mut served) = (0, 0);
    for count in 5..=16 {
        let log = NamedTempFile::new().unwrap();
        let file = File::options().append(true).open(log.path()).unwrap();
        let mut daemon = Daemon::start_with(server.address(), "", file, |command| {
            command.env("LIMIT", format!("ulimit -n {count}"));
        });
        let said = || fs::read_to_string(log.path()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "{}", said());
            if !daemon.is_running() {
                let code = daemon.ended(Duration::from_secs(60)).await.code();
                assert!(said().contains("Too many open files"), "{count}: {}", said());
                assert!(said().contains("LimitNOFILE="), "{count}: {}", said());
                assert!(matches!(code, Some(69 | 70)), "{count}: {code:?} {}", said());
                ended += 1;
                break;
            }
            if ["logged in to", "cause=\"shortage\""].iter().any(|text| said().contains(text)) {
                daemon.signal(Signal::TERM);
                assert_eq!(daemon.ended(Duration::from_secs(60)).await.code(), Some(0));
                served += u8::from(said().contains("logged in to"));
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        assert!(!said().contains("a bug") && !said().contains("panicked"), "{}", said());
    }
    assert!(ended > 0 && served > 0, "{ended} ended, {served} served");
}

/// SIGHUP and SIGUSR2 as early as a process can hold them back, and SIGUSR1 at any time.
#[tokio::test]
async fn signals_that_others_take_for_harmless() {
    let server = server().await;
    for signal in [Signal::HUP, Signal::USR2, Signal::USR1] {
        let mut it = Stage::new(server.address(), "");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !it.daemon.holds_back(signal) {
            assert!(Instant::now() < deadline, "{signal:?} is never held back");
        }
        it.daemon.signal(signal);
        serves(&server).await;
        it.daemon.signal(Signal::USR1);
        it.logs("SIGUSR1 does nothing").await;
        serves(&server).await;
        it.logs(match signal {
            Signal::HUP => "configuration reloaded",
            Signal::USR2 => "upgraded in place",
            _ => "SIGUSR1 does nothing",
        })
        .await;
        it.stops().await;
    }
}
