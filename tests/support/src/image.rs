//! The container image, without a container engine: the program, built as in the Containerfile, as
//! the only file of a root folder, for a user without an entry in any file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{executable, scratch};

/// A user without an entry in any file of the image.
pub const USER: u32 = 65532;

/// An image's files.
pub struct Image(TempDir);

impl Image {
    /// # Panics
    /// When it can't be built, or not as in the Containerfile.
    pub fn build() -> Self {
        assert!(rustix::process::geteuid().is_root(), "only root can change the root folder");
        let root = TempDir::new_in(scratch()).unwrap();
        fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        executable::copy(&program(), &root.path().join("jat-proxy"));
        let folder = root.path().join("etc/jat-proxy");
        fs::create_dir_all(&folder).unwrap();
        chown(folder, Some(USER), Some(USER)).unwrap();
        // Container engines add /proc and /dev. (A static program's random numbers may come from
        // /dev.)
        fs::create_dir(root.path().join("proc")).unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        for (name, minor) in [("random", "8"), ("urandom", "9")] {
            let path = root.path().join("dev").join(name);
            let mut mknod = Command::new("mknod");
            mknod.args(["-m", "666"]).arg(path).args(["c", "1", minor]);
            assert!(mknod.status().unwrap().success());
        }
        Self(root)
    }

    /// The root folder of its containers.
    pub fn root(&self) -> &Path {
        self.0.path()
    }
}

/// The static program.
fn program() -> PathBuf {
    let file = fs::read_to_string("packaging/Containerfile").unwrap();
    assert!(file.contains("RUN packaging/static --release"), "it is built in another way");
    let user = format!("USER {USER}:{USER}");
    for line in ["FROM scratch", &user, "ENTRYPOINT [\"/jat-proxy\"]", "CMD [\"run\"]"] {
        assert!(file.lines().any(|found| found == line), "{line}");
    }
    // Without optimisation, which takes minutes and makes no difference here.
    let output = Command::new("packaging/static").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let machine = Command::new("uname").arg("-m").output().unwrap().stdout;
    let machine = String::from_utf8(machine).unwrap();
    let folder = format!("{}-unknown-linux-gnu/debug/jat-proxy", machine.trim());
    scratch().with_file_name(folder)
}

/// unshare(1), whose child is process 1 of a container. Both end when this is dropped.
pub struct Container(pub Child);

impl Container {
    /// The id of its process 1 on this machine, while there is one.
    pub fn init(&self) -> Option<Pid> {
        let pid = self.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // unshare's own --kill-child does not end a process that has changed its user.
        if let Some(init) = self.init() {
            let _ = kill_process(init, Signal::KILL);
        }
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
