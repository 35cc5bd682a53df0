//! The container image, without a container engine: the program, built the way the Containerfile
//! builds it, as the only file of a root folder, for a user that no file knows.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use mock_server::{Options, RosterState, Server};
use tempfile::TempDir;
use test_support::daemon::{DOMAIN, TARGET};
use test_support::wait::comes_meanwhile;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, sleep};

use crate::service::Crowd;

/// An image's files and who it runs as.
struct Image {
    root: TempDir,
}

#[tokio::test]
#[ignore = "builds the program once more, static, and needs root"]
async fn the_static_program_serves_where_nothing_else_is() {
    let server = Server::start(Options::ejabberd("s")).await.unwrap();
    server.set_subscription(TARGET, DOMAIN, RosterState::From);
    let mut crowd = Crowd::of(&server);
    let image = spawn_blocking(Image::build).await.unwrap();

    // As the Containerfile says.
    let init = ["init", "--domain", DOMAIN, "--target", TARGET, "/etc/jat-proxy"];
    let output = image.run(&init);
    assert!(output.status.success(), "{output:?}");
    let file = image.root.path().join("etc/jat-proxy/jat-proxy.toml");
    let http = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    // A name that only /etc/hosts has, which container engines write.
    let text = text.replace("127.0.0.1:5347", &format!("xmpp.test:{}", server.address().port()));
    fs::write(&file, text.replace("127.0.0.1:9114", &http.to_string())).unwrap();
    fs::write(image.root.path().join("etc/jat-proxy/proxy.secret"), "s\n").unwrap();
    fs::write(image.root.path().join("etc/hosts"), "127.0.0.1 localhost xmpp.test\n").unwrap();
    let output = image.run(&["check"]);
    assert!(output.status.success(), "{output:?}");
    // The health check, when nobody is there.
    assert_eq!(image.run(&["status"]).status.code(), Some(69));

    let _daemon = Daemon(image.start(&["run"]));
    let ready =
        |status: &Output| String::from_utf8_lossy(&status.stdout).contains("ready         yes");
    let comes = comes_meanwhile(|| ready(&image.run(&["status"]))).await;
    assert!(comes, "{:?}", image.run(&["status"]));
    let asked = crowd.asks_while(sleep(Duration::from_millis(500))).await;
    assert!(asked > 100, "{asked}");
}

/// Ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // unshare's own --kill-child ends nobody who has become another user since.
        let pid = self.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let child = child.parse().ok().and_then(rustix::process::Pid::from_raw);
            let _ = rustix::process::kill_process(child.unwrap(), rustix::process::Signal::KILL);
        }
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Image {
    fn build() -> Self {
        assert!(rustix::process::geteuid().is_root(), "only root can change the root folder");
        let file = fs::read_to_string("packaging/Containerfile").unwrap();
        // Without optimisation, which takes minutes and changes nothing about what is looked for.
        let flags = "RUSTFLAGS=\"-C target-feature=+crt-static\"";
        let build = "cargo build --locked --release --target \"$(uname -m)-unknown-linux-gnu\"";
        assert!(file.contains(flags) && file.contains(build), "it is built in another way");
        for line in ["FROM scratch", "USER 65532:65532", "ENTRYPOINT [\"/jat-proxy\"]"] {
            assert!(file.lines().any(|found| found == line), "{line}");
        }
        let build = format!("{flags} {}", build.replace("--release ", ""));
        let output = Command::new("sh").args(["-c", &build]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let machine = Command::new("uname").arg("-m").output().unwrap().stdout;
        let machine = String::from_utf8(machine).unwrap();
        let folder = format!("{}-unknown-linux-gnu/debug/jat-proxy", machine.trim());
        let program: PathBuf = target.join(folder);

        let root = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        fs::copy(program, root.path().join("jat-proxy")).unwrap();
        let folder = root.path().join("etc/jat-proxy");
        fs::create_dir_all(&folder).unwrap();
        chown(folder, Some(USER), Some(USER)).unwrap();
        // Container engines bring /proc and /dev along. (Statically linked, the C library's random numbers are
        // not found, and come from there.)
        fs::create_dir(root.path().join("proc")).unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        for (name, minor) in [("random", "8"), ("urandom", "9")] {
            let path = root.path().join("dev").join(name);
            let mut mknod = Command::new("mknod");
            mknod.args(["-m", "666"]).arg(path).args(["c", "1", minor]);
            assert!(mknod.status().unwrap().success());
        }
        Self { root }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments).wait_with_output().unwrap()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        // Process 1 with its own /proc, as in a container.
        Command::new("/usr/bin/unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc=/proc", "--root"])
            .arg(self.root.path())
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
}

/// Who no file of the image names.
const USER: u32 = 65532;
