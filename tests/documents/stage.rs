//! Where commands of the documents run: three machines in a folder, and stand-ins for programs that
//! would change a real one.
//!
//! A block is run by bash, with some paths and words replaced by [`Stage::adapted`].
//! `jat-proxy` is the real program; [`STAND_INS`] do what `stand_in` says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use test_support::interop::server::{HOST, fresh_folder};
use test_support::port::free_ports;
use test_support::process::{Process, command};
use test_support::wait::comes;

const PROGRAM: &str = env!("CARGO_BIN_EXE_jat-proxy");

const STAND_INS: [&str; 12] = [
    "jat-proxy",
    "cargo",
    "curl",
    "install",
    "journalctl",
    "rsync",
    "ssh",
    "sudo",
    "systemctl",
    "useradd",
    "vi",
    "stand_in",
];

pub struct Stage {
    pub folder: PathBuf,
}

impl Stage {
    pub fn new() -> Stage {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stage = Stage { folder: fresh_folder("documents") };
        let folder = &stage.folder;
        for machine in ["a", "b", "c"] {
            fs::create_dir_all(folder.join(machine).join("etc/systemd/system")).unwrap();
            fs::create_dir_all(folder.join(machine).join("usr/local/bin")).unwrap();
        }
        fs::create_dir(folder.join("commands")).unwrap();
        for name in STAND_INS {
            let path = folder.join("commands").join(name);
            symlink(root.join("tests/documents/stand_in"), path).unwrap();
        }
        // The built copy of the repository that the documents assume.
        fs::create_dir_all(folder.join("repository/target/release")).unwrap();
        symlink(root.join("config"), folder.join("repository/config")).unwrap();
        symlink(PROGRAM, folder.join("repository/target/release/jat-proxy")).unwrap();
        stage
    }

    /// Runs a block on machine a; returns its output and its errors.
    ///
    /// # Panics
    /// When a command of it fails.
    pub fn run(&self, shown: &str, block: &str) -> String {
        let script = format!("exec 2>&1\n{}", self.adapted(block));
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(self.folder.join("repository"))
            .env("STAGE", &self.folder)
            .env("PROGRAM", PROGRAM)
            .env("CARGO", env!("CARGO"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.join("commands").display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shown}: {}\n{script}\n{said}", output.status);
        said
    }

    /// The block with the changes for this stage.
    pub fn adapted(&self, block: &str) -> String {
        let a = self.folder.join("a");
        block
            .replace("/etc/", &format!("{}/etc/", a.display()))
            .replace("/usr/local", &format!("{}/usr/local", a.display()))
            .replace("some-domain.example", HOST)
            .replace("-c FILE", "-c \"$STAGE/a/etc/jat-proxy/jat-proxy.toml\"")
            .replace("--domain D ", "--domain proxy.example ")
            .replace("--target T ", "--target bot@some-domain.example ")
    }

    pub fn path(&self, machine: &str, name: &str) -> PathBuf {
        self.folder.join(machine).join(name)
    }

    pub fn read(&self, machine: &str, name: &str) -> String {
        fs::read_to_string(self.path(machine, name)).unwrap()
    }

    /// Gives the machine's configuration ports of its own. Nobody listens on the first, so the daemon
    /// keeps retrying.
    pub fn change_ports(&self, machine: &str) {
        let [server, http] = free_ports();
        let file = self.path(machine, "etc/jat-proxy/jat-proxy.toml");
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("127.0.0.1:5347", &format!("127.0.0.1:{server}"));
        fs::write(file, text.replace("127.0.0.1:9114", &format!("127.0.0.1:{http}"))).unwrap();
        fs::write(self.path(machine, "port"), http.to_string()).unwrap();
    }

    /// Starts the daemon of a machine, as its unit would, and waits until it answers.
    pub fn start(&self, machine: &str) -> Process {
        let root = self.folder.join(machine);
        let mut shell = command("bash");
        shell.args(["-c", "echo $$ >pid; exec usr/local/bin/jat-proxy run -c \"$0\""]);
        shell.arg(root.join("etc/jat-proxy/jat-proxy.toml")).current_dir(&root);
        let process = Process::start(shell, &root.join("log"));
        self.wait_status(machine, "since");
        process
    }

    /// Waits until the machine's status has these words.
    pub fn wait_status(&self, machine: &str, words: &str) {
        let file = self.path(machine, "etc/jat-proxy/jat-proxy.toml");
        let status = || {
            let output = Command::new(PROGRAM).args(["status", "-c"]).arg(&file).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let mut last = String::new();
        let comes = comes(|| {
            last = status();
            last.contains(words)
        });
        assert!(comes, "no {words:?} in the status of {machine}:\n{last}");
    }
}
