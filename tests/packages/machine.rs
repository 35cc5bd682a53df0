//! A clean Debian that runs: its own systemd as process 1, in namespaces.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// It ends, and is removed, when this is dropped.
pub struct Machine {
    unshare: Child,
    /// The id of its process 1, on this machine.
    init: String,
    folder: TempDir,
}

/// The result of a command in the machine.
#[derive(Debug)]
pub struct CommandResult {
    pub good: bool,
    /// Standard output and error.
    pub said: String,
}

impl Machine {
    /// A copy of target/debian-12 or -13, which tests/run makes, booted.
    pub fn boot() -> Self {
        assert!(rustix::process::geteuid().is_root(), "only root can boot a system");
        let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let base = tmp.parent().expect("a target folder").join(format!("debian-{}", release()));
        assert!(base.is_dir(), "{} is missing: tests/run makes it", base.display());
        let folder = TempDir::new_in(tmp).unwrap();
        let root = folder.path().join("root");
        let copied = Command::new("cp").arg("-a").arg(base).arg(&root).status().unwrap();
        assert!(copied.success());
        let unshare = Command::new("unshare")
            .args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"])
            .args(["sh", "-c", include_str!("boot.sh"), "sh"])
            .arg(root)
            .arg(cgroup(&folder))
            .stdin(Stdio::null())
            .spawn()
            .expect("unshare starts");
        let mut machine = Self { unshare, init: String::new(), folder };
        let children = format!("/proc/{0}/task/{0}/children", machine.unshare.id());
        machine.until("process 1", || !fs::read_to_string(&children).unwrap().is_empty());
        fs::read_to_string(&children).unwrap().trim().clone_into(&mut machine.init);
        let up = || machine.run("systemctl is-system-running").said.trim() == "running";
        machine.until("the system is up", up);
        machine
    }

    /// Runs a line of shell as root.
    pub fn run(&self, line: &str) -> CommandResult {
        let output = Command::new("nsenter")
            .args(["--target", &self.init, "--all", "/bin/sh", "-c", &format!("exec 2>&1; {line}")])
            .env_clear()
            .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/root")])
            .envs([("LC_ALL", "C.UTF-8"), ("DEBIAN_FRONTEND", "noninteractive")])
            .stdin(Stdio::null())
            .output()
            .expect("nsenter is part of util-linux, as unshare is");
        let text = [output.stdout, output.stderr].concat();
        CommandResult {
            good: output.status.success(),
            said: String::from_utf8_lossy(&text).trim_end().to_owned(),
        }
    }

    /// Runs a line of shell that must succeed, and returns its output.
    pub fn does(&self, line: &str) -> String {
        let CommandResult { good, said } = self.run(line);
        let journal = || self.run("journalctl -n 30 --no-pager").said;
        assert!(good, "{line}: {said}\n{}", journal());
        said
    }

    /// Copies a file into its /srv.
    pub fn take(&self, file: &Path) -> PathBuf {
        let name = Path::new("/srv").join(file.file_name().expect("a file"));
        fs::copy(file, self.outside(&name)).unwrap();
        name
    }

    /// The path of one of its files on this machine; not for its /tmp and /run.
    pub fn outside(&self, path: &Path) -> PathBuf {
        self.folder.path().join("root").join(path.strip_prefix("/").expect("an absolute path"))
    }

    /// All permanent files, without those that the running system itself writes.
    pub fn files(&self) -> BTreeSet<String> {
        // dpkg's and man's own lists, journals, and the backups of the lists of accounts.
        let find = "find / -xdev -path /var/log -prune -o -path /var/cache -prune -o \
                    -path /var/lib/dpkg -prune -o -path /var/lib/systemd -prune -o \
                    -path /srv -prune -o -name '*-' -path '/etc/*' -prune -o -print";
        self.does(find).lines().map(ToOwned::to_owned).collect()
    }

    pub fn until(&self, what: &str, is: impl Fn() -> bool) {
        let deadline = Instant::now() + LONG;
        while !is() {
            let journal =
                || self.run("systemctl --failed --no-legend; journalctl -n 50 --no-pager");
            assert!(Instant::now() < deadline, "not within {LONG:?}: {what}; {:?}", journal());
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // This kills its process 1 too, and with that all others.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        // The cgroups of its services are in its own, and can be removed after the last process.
        let mut remove = Command::new("find");
        remove
            .args(["/sys/fs/cgroup", "-depth", "-type", "d", "-path"])
            .arg(format!("*/{}*", cgroup(&self.folder)))
            .args(["-exec", "rmdir", "{}", "+"])
            .stderr(Stdio::null());
        let deadline = Instant::now() + Duration::from_secs(10);
        while !remove.status().is_ok_and(|it| it.success()) && Instant::now() < deadline {
            sleep(Duration::from_millis(20));
        }
    }
}

/// The release in `CLEAN_DEBIAN`, else that of this system: a package does not run on an older one
/// than it was built on.
fn release() -> String {
    std::env::var("CLEAN_DEBIAN").unwrap_or_else(|_| {
        let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let is_12 = text.contains("ID=debian\n") && text.contains("VERSION_ID=\"12\"");
        if is_12 { "12" } else { "13" }.into()
    })
}

/// A name that no other machine has.
fn cgroup(folder: &TempDir) -> String {
    let name = folder.path().file_name().expect("a name").to_string_lossy();
    format!("jat-proxy-test-{}", name.trim_start_matches('.'))
}

/// For things that take a busy machine seconds.
const LONG: Duration = Duration::from_secs(120);
