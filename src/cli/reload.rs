//! `jat-proxy reload`: has the running daemon read its configuration again, and prints the result.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::daemon::reload_outcome::ReloadOutcome;
use crate::misleading;

use super::processes::{self, Found, Process};
use super::{ConfigFile, Exit, complain, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let path = &arguments.config.path;
    let found = match find(path) {
        Ok(found) => found,
        Err(error) => {
            complain(&format!(
                "error: can't look for the daemon in /proc: {error}\n  help: send it a SIGHUP, and \
                 see its log\n"
            ));
            return Exit::Unavailable;
        }
    };
    if found.processes.is_empty() {
        complain(&nobody(&found, &path.display().to_string()));
        return Exit::Unavailable;
    }
    let end = Instant::now() + PATIENCE;
    let asked: Vec<_> = found.processes.into_iter().map(ask).collect();
    asked.into_iter().map(|asked| told(asked, end)).fold(Exit::Success, Exit::and)
}

/// The daemons that run the configuration at `path`. In the middle of an upgrade there is none for
/// a moment.
fn find(path: &Path) -> io::Result<Found> {
    let began = Instant::now();
    loop {
        let found = processes::running(path)?;
        let wait = if found.mute.is_some() { STARTING_TIME } else { GAP };
        if !found.processes.is_empty() || began.elapsed() >= wait {
            return Ok(found);
        }
        sleep(STEP);
    }
}

fn nobody(Found { hidden, mute, .. }: &Found, path: &str) -> String {
    match (hidden, mute) {
        (_, Some(pid)) => format!(
            "error: process {0} is a jat-proxy with the configuration {path}, but does not report \
             the result of a reload: it is an older version, or is still starting\n  help: send it \
             a SIGHUP and see its log: kill -HUP {0}\n",
            pid.as_raw_nonzero()
        ),
        (Some(pid), None) => format!(
            "error: process {0} is a jat-proxy that this user may not inspect\n  help: run this as \
             root, or as the user that it runs as; or send it a SIGHUP and see its log: kill -HUP \
             {0}\n",
            pid.as_raw_nonzero()
        ),
        (None, None) => format!(
            "error: no running jat-proxy has the configuration {path}\n  help: is it running, and \
             is that its -c? In a container run this command there, for example: docker exec NAME \
             /jat-proxy reload\n"
        ),
    }
}

/// A process that was asked to reload.
struct AskedDaemon {
    process: Process,
    /// How many of its reloads had begun before it was asked.
    begun: io::Result<u64>,
}

fn ask(process: Process) -> AskedDaemon {
    let begun = process.outcome().and_then(|outcome| {
        kill_process(process.pid, Signal::HUP)?;
        Ok(outcome.begun)
    });
    AskedDaemon { process, begun }
}

/// Prints the result.
fn told(asked: AskedDaemon, end: Instant) -> Exit {
    let pid = asked.process.pid.as_raw_nonzero();
    // Any program may say this.
    let printable = |text: &str| -> String {
        text.lines().map(|line| misleading::printable(line) + "\n").collect()
    };
    match wait(asked, end) {
        Ok(outcome) if outcome.taken => {
            complain(&printable(&outcome.problems));
            let summary = misleading::printable(&outcome.summary);
            say(&format!("process {pid} has reloaded: {summary}\n"))
        }
        Ok(outcome) => {
            complain(&printable(&outcome.problems));
            complain(&format!(
                "error: process {pid} has not reloaded; the old configuration stays in use\n"
            ));
            if outcome.passing { Exit::Unavailable } else { Exit::Config }
        }
        Err(error) => {
            complain(&format!(
                "error: the result of the reload of process {pid} is not known: {error}\n  help: \
                 see its log\n"
            ));
            Exit::Unavailable
        }
    }
}

/// Waits for the end of a reload that began after we asked.
fn wait(
    AskedDaemon { mut process, begun }: AskedDaemon,
    end: Instant,
) -> io::Result<ReloadOutcome> {
    let mut begun = begun?;
    loop {
        match process.outcome() {
            Ok(outcome) if outcome.ended > begun => return Ok(outcome),
            Ok(_) | Err(_) => sleep(STEP),
        }
        if process.has_ended() {
            return Err(io::Error::other("it has ended"));
        }
        if let Ok(Some(successor)) = process.successor() {
            // The program was replaced meanwhile, and it is not known which of the two got the
            // signal.
            let asked = ask(successor);
            (process, begun) = (asked.process, asked.begun?);
        }
        if Instant::now() >= end {
            let seconds = PATIENCE.as_secs();
            return Err(io::Error::other(format!("not finished within {seconds} s")));
        }
    }
}

/// How long to wait for the result: longer than an upgrade, since a reload waits for that.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a daemon may take to start.
const STARTING_TIME: Duration = Duration::from_secs(10);
/// How long no daemon need be visible during an upgrade.
const GAP: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);
