//! What a program does that has taken the place of another: it continues with what that one left.
//!
//! The same was done a moment before, for a trial, in a separate process. So this can fail only
//! for a shortage, or because of a file that an older program did not hand over; both may pass
//! soon.

use std::io;
use std::os::fd::RawFd;
use std::panic;
use std::path::Path;

use tracing::{error, warn};

use crate::config::{self, Config, Log, LogFormat, Problem};
use crate::link::snapshot::ComponentSnapshot;
use crate::shortage::{explain, patiently};
use crate::time::unix_now;

use super::components::Components;
use super::handover_file::{HandoverFile, PATIENCE};
use super::{DaemonError, Prepared, logging, reload, serve, told};

/// Continues with `handover`, with the configuration at `path`, until it is told to stop.
pub(crate) fn run(path: &Path, handover: HandoverFile) -> Result<(), DaemonError> {
    told(go_on(path, handover))
}

fn go_on(path: &Path, handover: HandoverFile) -> Result<(), DaemonError> {
    let loaded = patiently(PATIENCE, || configuration(path, &handover));
    let log = loaded.as_ref().map_or(DEFAULT_LOG, |(config, _)| config.log);
    // Without a thread that writes them, lines wait for one.
    let (logging, _) = logging::start(log);
    handover.announce();
    let (config, warnings) = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => {
            reload::log_problems(&problems);
            return Err(give_up(handover, "the configuration can't be read"));
        }
    };
    reload::log_problems(&warnings);
    match patiently(PATIENCE, prepared) {
        Ok(prepared) => serve(path, config, logging, prepared, Some(handover)),
        Err(error) => Err(give_up(handover, &explain(&error))),
    }
}

/// Takes over what is in the memory file of this number, for a trial: from the first to the last
/// step that can fail, and without a byte from or to a server.
///
/// # Errors
/// Why it can't, for people.
pub(crate) fn rehearse(path: &Path, number: RawFd) -> Result<(), String> {
    let mut handover =
        HandoverFile::given(number).map_err(|error| format!("no hand-over: {error}"))?;
    let (config, _) =
        configuration(path, &handover).map_err(|problems| config::render(&problems))?;
    let prepared = Prepared::new().map_err(|error| explain(&error))?;
    // No task of a link gets to run, since nothing here waits.
    let _inside = prepared.runtime.enter();
    Components::new(handover.started).resume(&config, &mut handover.components);
    match handover.components.iter().flat_map(|component| &component.lost).next() {
        Some((domain, error)) => {
            Err(format!("the stream of {domain} can't be taken over: {error}"))
        }
        None => Ok(()),
    }
}

/// The runtime panics when it lacks something and can't say what.
fn prepared() -> io::Result<Prepared> {
    let panicked = |_| Err(io::Error::other("the runtime did not start"));
    panic::catch_unwind(Prepared::new).unwrap_or_else(panicked)
}

/// Logs which streams are left in `from` after [`Components::resume`], and closes them.
pub(crate) fn close_rest(from: Vec<ComponentSnapshot>) {
    for mut component in from {
        for (domain, error) in component.lost.drain(..) {
            error!(component = domain, "the stream can't be taken over: {error}");
        }
        for domain in component.close_rest() {
            warn!(
                component = domain,
                "stream closed: the configuration no longer has such a stream"
            );
        }
    }
}

/// The configuration that was checked before; what an older program did not hand over is read from
/// disk.
fn configuration(
    path: &Path,
    handover: &HandoverFile,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    match &handover.snapshot {
        Some(snapshot) => snapshot.load(path),
        None => config::load(path, unix_now()),
    }
}

/// There is no way back. When this program is restarted, the server knows that its streams have
/// ended.
fn give_up(handover: HandoverFile, reason: &str) -> DaemonError {
    handover.close();
    DaemonError::TakeOver(reason.to_owned())
}

const DEFAULT_LOG: Log = Log { level: tracing::Level::INFO, format: LogFormat::Text };
