//! `jat-proxy check --connect`: what works, component by component, and what to do where it
//! does not.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::daemon::connect_check;
use crate::daemon::status::Status;

use super::findings::{Finding, findings, target};
use super::status::{self, NoStatus};
use super::{Exit, complain, say};

/// Asks the daemon that runs with this configuration, or connects in its place. With `wait`,
/// repeats that until all is well, at most for that many seconds.
pub(super) fn run(config: &Config, wait: Option<Option<u32>>) -> Exit {
    let listen = config.http.as_ref().map(|http| http.listen);
    let mut waiting = wait.map(|seconds| Waiting::new(config, seconds));
    loop {
        let seen = match running(listen) {
            Ok(Some(status)) => Ok((status, DAEMON)),
            Ok(None) => in_its_place(config, listen, &mut waiting).map(|status| (status, "")),
            Err(problem) => Err(problem),
        };
        let (status, whose) = match seen {
            Ok(seen) => seen,
            Err(problem) => {
                complain(&problem);
                return Exit::Unavailable;
            }
        };
        if !waiting.as_mut().is_some_and(|waiting| waiting.goes_on(&status)) {
            return say(whose).and(report(config, &status));
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Stays connected until nothing more is to be expected, or until what is waited for has happened:
/// all is well, or the daemon has started.
fn in_its_place(
    config: &Config,
    listen: Option<SocketAddr>,
    waiting: &mut Option<Waiting<'_>>,
) -> Result<Status, String> {
    let seconds = connect_check::LIMIT.as_secs();
    complain(&match waiting {
        None => format!("connecting, for at most {seconds} s\n"),
        Some(_) => "no daemon is running: connecting in its place until one is\n".to_owned(),
    });
    let is_enough = |status: &Status| {
        let goes_on = waiting.as_mut().is_some_and(|waiting| waiting.goes_on(status));
        !goes_on || !matches!(running(listen), Ok(None))
    };
    connect_check::run(config, LOOK_EVERY, is_enough)
        .map_err(|error| format!("error: can't connect: {error}\n"))
}

/// What `--wait` waits for.
struct Waiting<'c> {
    config: &'c Config,
    deadline: Option<Instant>,
    /// What was printed last.
    told: String,
}

impl<'c> Waiting<'c> {
    fn new(config: &'c Config, seconds: Option<u32>) -> Self {
        let deadline = seconds.map(|s| Instant::now() + Duration::from_secs(s.into()));
        Self { config, deadline, told: String::new() }
    }

    /// Whether there is still something to wait for, and time left; prints what is waited for when
    /// that changes.
    fn goes_on(&mut self, status: &Status) -> bool {
        let problems: String = findings(self.config, status)
            .flat_map(|(_, findings)| findings)
            .filter(|finding| finding.remedy.is_some())
            .map(|finding| finding.show())
            .collect();
        let goes_on = !problems.is_empty() && self.deadline.is_none_or(|it| Instant::now() < it);
        if goes_on && is_news(&problems, &self.told) {
            complain(&format!("waiting:\n{problems}"));
            self.told = problems;
        }
        goes_on
    }
}

/// Whether more than times has changed, such as that of the next attempt.
fn is_news(problems: &str, told: &str) -> bool {
    let timeless = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    timeless(problems) != timeless(told)
}

/// What the running daemon sees; `None` when there is none that could be asked. We must not
/// connect next to a connected daemon: the server would refuse us, or give us some of its stanzas.
fn running(http: Option<SocketAddr>) -> Result<Option<Status>, String> {
    let Some(listen) = http else { return Ok(None) };
    match status::of_daemon(listen) {
        Ok(status) => Ok(Some(status)),
        Err(NoStatus::Unreachable(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Ok(None)
        }
        Err(NoStatus::Unreachable(error)) => Err(format!(
            "error: can't ask the daemon at {listen} ([http] listen): {error}\n  help: is that an \
             address of this machine?\n"
        )),
        Err(NoStatus::Mute) => Err(format!(
            "error: the process that listens at {listen} ([http] listen) does not answer\n  help: \
             if it is the daemon, it hangs or has too many HTTP connections: see its log\n"
        )),
        Err(error) => Err(format!(
            "error: the process that listens at {listen} ([http] listen) is not a jat-proxy of \
             this version: {error}\n  help: stop it, or change [http] listen\n"
        )),
    }
}

fn report(config: &Config, status: &Status) -> Exit {
    let mut problems = 0;
    let mut text = String::new();
    for (component, findings) in findings(config, status) {
        let domain = component.settings.domain.as_str();
        let target = target(component);
        let shown = if target.is_empty() { "its faces" } else { target };
        text += &format!("\n{domain} -> {shown}\n");
        text.extend(findings.iter().map(Finding::show));
        problems += findings.iter().filter(|f| f.remedy.is_some()).count();
    }
    text += &match problems {
        0 => "\nall is well\n".to_owned(),
        1 => "\n1 problem\n".to_owned(),
        count => format!("\n{count} problems\n"),
    };
    say(&text).and(if problems == 0 { Exit::Success } else { Exit::Unavailable })
}

const DAEMON: &str = "\nThe daemon is running. This is what it sees:\n";
/// While waiting.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_time_is_no_news() {
        let told = "pending since 2026-11-28T20:50:55Z, next request at 2026-11-28T20:51:46Z";
        assert!(!is_news(&told.replace("51:46", "52:07"), told));
        assert!(is_news(&told.replace("pending", "refused"), told));
        assert!(is_news(told, ""));
    }
}
