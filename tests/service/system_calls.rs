//! Each system call of the daemon fails, always and from the start: it ends with a reason and a code
//! after which systemd restarts it, or it works without it.

use std::process::{Child, Command};
use std::thread;

use libc::*;
use mock_server::Server;
use rustix::process::Signal;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use test_support::daemon::configuration;
use test_support::launch::Launch;
use test_support::port::free_address;
use test_support::wait::comes_meanwhile;

use crate::daemon::{Daemon, server};

/// Those that `strace` shows, except those that the C library or the runtime needs: memory, loading
/// libraries, signal handling, and bytes on a socket.
const CALLS: [(&str, c_long, c_int); 31] = [
    ("accept4", SYS_accept4, EMFILE),
    ("bind", SYS_bind, ENOBUFS),
    ("clock_nanosleep", SYS_clock_nanosleep, EINTR),
    ("connect", SYS_connect, ENOBUFS),
    ("epoll_create1", SYS_epoll_create1, EMFILE),
    ("epoll_ctl", SYS_epoll_ctl, ENOSPC),
    ("eventfd2", SYS_eventfd2, EMFILE),
    ("fstat", SYS_fstat, EIO),
    ("getcwd", SYS_getcwd, ENOMEM),
    ("getpeername", SYS_getpeername, ENOBUFS),
    ("getrandom", SYS_getrandom, ENOSYS),
    ("getsockname", SYS_getsockname, ENOBUFS),
    ("getsockopt", SYS_getsockopt, ENOBUFS),
    ("gettid", SYS_gettid, EPERM),
    ("ioctl", SYS_ioctl, ENOTTY),
    ("listen", SYS_listen, EADDRINUSE),
    ("madvise", SYS_madvise, ENOMEM),
    ("memfd_create", SYS_memfd_create, EMFILE),
    ("pidfd_open", SYS_pidfd_open, EMFILE),
    ("pipe2", SYS_pipe2, EMFILE),
    ("poll", SYS_poll, ENOMEM),
    ("prctl", SYS_prctl, EPERM),
    ("readlink", SYS_readlink, ENOMEM),
    ("sched_getaffinity", SYS_sched_getaffinity, ENOMEM),
    ("setpgid", SYS_setpgid, EPERM),
    ("setsockopt", SYS_setsockopt, ENOBUFS),
    ("sigaltstack", SYS_sigaltstack, ENOMEM),
    ("socket", SYS_socket, EMFILE),
    ("socketpair", SYS_socketpair, EMFILE),
    ("statx", SYS_statx, EIO),
    ("uname", SYS_uname, EFAULT),
];

#[tokio::test]
async fn each_may_fail() {
    let mut wrong = Vec::new();
    for calls in CALLS.chunks(4) {
        let mut running = Vec::new();
        for call in calls {
            running.push(Run::start(*call).await);
        }
        for run in &mut running {
            if let Err(what) = run.lives_or_says_why().await {
                wrong.push(format!("{} fails: {what}\n{}", run.name, run.log()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Run {
    name: &'static str,
    _server: Server,
    daemon: Daemon,
}

impl Run {
    async fn start((name, call, errno): (&'static str, c_long, c_int)) -> Self {
        let server = server().await;
        let more = format!("[http]\nlisten = \"{}\"", free_address());
        let spawn = |command| spawn_without(command, call, errno);
        let launch = |it: Launch| it.start_by(spawn);
        let daemon = Daemon::launch(&configuration(server.address(), &more), launch);
        Self { name, _server: server, daemon }
    }

    async fn lives_or_says_why(&mut self) -> Result<(), String> {
        let code = if self.says(&["logged in to", "not connected, retrying"]).await? {
            self.daemon.signal(Signal::HUP);
            let goes_on = self.says(&["configuration reloaded", "was not reloaded"]).await? && {
                self.daemon.signal(Signal::USR2);
                self.says(&["upgraded in place", "not upgraded, the old program keeps running"])
                    .await?
            };
            if !goes_on {
                return Err(format!("{:?}", self.daemon.ended().await));
            }
            self.daemon.signal(Signal::TERM);
            let code = self.daemon.ended().await.code();
            (code == Some(0)).then_some(()).ok_or(format!("a stop gives {code:?}"))
        } else {
            let code = self.daemon.ended().await.code();
            let explained = self.log().to_lowercase().contains("error");
            let good = explained && matches!(code, Some(69 | 70));
            good.then_some(()).ok_or(format!("it ends with {code:?}"))
        };
        let said = self.log();
        let panicked = said.contains("a bug") || said.contains("panicked");
        code.and(if panicked { Err("it panicked".to_owned()) } else { Ok(()) })
    }

    /// Waits until it logs one of these; returns false if it ends before that.
    async fn says(&mut self, texts: &[&str]) -> Result<bool, String> {
        let said = |it: &Self| texts.iter().any(|text| it.log().contains(text));
        match comes_meanwhile(|| said(self) || !self.daemon.is_running()).await {
            true => Ok(said(self)),
            false => Err(format!("it never says one of {texts:?}")),
        }
    }

    fn log(&self) -> String {
        self.daemon.log()
    }
}

/// Starts a process in which, and in whose children, `call` fails: children inherit the filter of a
/// thread.
fn spawn_without(mut command: Command, call: c_long, errno: c_int) -> Child {
    let spawn = move || {
        let (rest, failing) = (SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()));
        let calls = [(call, Vec::new())].into_iter().collect();
        let arch = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(calls, rest, failing, arch).unwrap();
        apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
        command.spawn().unwrap()
    };
    thread::spawn(spawn).join().unwrap()
}
