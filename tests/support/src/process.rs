//! Child processes that never outlive the test.
//!
//! A `Process` is killed when it is dropped, also while a test panics. The servers that all tests
//! share are in statics, which are never dropped, and a test run can itself be killed. So the kernel
//! kills every child with us (`PR_SET_PDEATHSIG`, set by `setpriv`, which needs no unsafe code).

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command made by [`command`], both outputs appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Process {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let err = out.try_clone().unwrap();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let shown = format!("{command:?}");
        let child = spawn(command).unwrap_or_else(|error| panic!("{shown}: {error}"));
        Process { child }
    }

    /// As `start`, with standard output left to the caller.
    pub fn start_piped(mut command: Command, log: &Path) -> (Process, std::process::ChildStdout) {
        let err = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err);
        let mut child = spawn(command).unwrap();
        let out = child.stdout.take().unwrap();
        (Process { child }, out)
    }

    /// As `start_piped`, with standard input left to the caller, too.
    pub fn start_dialogue(
        mut command: Command,
        log: &Path,
    ) -> (Process, std::process::ChildStdin, std::process::ChildStdout) {
        let err = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(err);
        let mut child = spawn(command).unwrap();
        let (stdin, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        (Process { child }, stdin, out)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// The exit status, or `None` if the process still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command whose process the kernel kills when this test run ends.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Forks on a thread of its own that lives as long as the test run: the parent
/// whose death the kernel watches is the forking thread, not the process, and
/// libtest ends a thread with each test.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (reply, child) = mpsc::channel();
    SPAWNER.lock().unwrap().send((command, reply)).unwrap();
    child.recv().unwrap()
}
