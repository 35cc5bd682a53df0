//! `jat-proxy reload`: has the running daemon read its configuration again, and says what came of
//! it.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::daemon::outcome::Outcome;

use super::processes::{self, Found, Process};
use super::{ConfigFile, Exit, complain, say};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
}

pub fn run(arguments: &Arguments) -> Exit {
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
    // Usually there is one.
    found.processes.into_iter().map(reload).fold(Exit::Success, Exit::and)
}

/// Those that run the configuration at `path`. Between two programs of an upgrade there is none for
/// a moment.
fn find(path: &Path) -> io::Result<Found> {
    let began = Instant::now();
    loop {
        let found = processes::running(path)?;
        let wait = if found.starting { STARTING_TIME } else { GAP };
        if !found.processes.is_empty() || began.elapsed() >= wait {
            return Ok(found);
        }
        sleep(STEP);
    }
}

fn nobody(Found { hidden, .. }: &Found, path: &str) -> String {
    match hidden {
        Some(pid) => format!(
            "error: process {0} is a jat-proxy that this user may not look into\n  help: be root, or \
             the user that it runs as; or send it a SIGHUP and see its log: kill -HUP {0}\n",
            pid.as_raw_nonzero()
        ),
        None => format!(
            "error: no running jat-proxy has the configuration {path}\n  help: is it running, and is \
             that its -c? In a container run this command there, as in: docker exec NAME jat-proxy \
             reload\n"
        ),
    }
}

fn reload(process: Process) -> Exit {
    let pid = process.pid.as_raw_nonzero();
    match ask(process) {
        Ok(outcome) if outcome.taken => {
            complain(&outcome.problems);
            say(&format!("process {pid} has reloaded: {}\n", outcome.summary))
        }
        Ok(outcome) => {
            complain(&outcome.problems);
            complain(&format!("error: process {pid} has not reloaded; the old one stays\n"));
            Exit::Config
        }
        Err(error) => {
            complain(&format!(
                "error: what a reload of process {pid} came to is not known: {error}\n  help: see its \
                 log\n"
            ));
            Exit::Unavailable
        }
    }
}

/// Has it reload, and waits for the end of one that began afterwards.
fn ask(mut process: Process) -> io::Result<Outcome> {
    let end = Instant::now() + PATIENCE;
    let mut begun = process.outcome()?.begun;
    kill_process(process.pid, Signal::HUP)?;
    loop {
        match process.outcome() {
            Ok(outcome) if outcome.ended > begun => return Ok(outcome),
            Ok(_) | Err(_) => sleep(STEP),
        }
        if process.has_ended() {
            return Err(io::Error::other("it has ended"));
        }
        if let Ok(Some(successor)) = process.successor() {
            // The program was replaced meanwhile, and nobody knows which of the two heard us.
            process = successor;
            begun = process.outcome()?.begun;
            kill_process(process.pid, Signal::HUP)?;
        }
        if Instant::now() >= end {
            let seconds = PATIENCE.as_secs();
            return Err(io::Error::other(format!("no end of it within {seconds} s")));
        }
    }
}

/// Longer than an upgrade that a reload waits for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a daemon may take to begin.
const STARTING_TIME: Duration = Duration::from_secs(10);
/// How long there may be none, as far as can be seen.
const GAP: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);
