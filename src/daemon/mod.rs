//! The daemon: one link for each component, signals, reload, HTTP, the service manager.

pub(crate) mod components;
pub(crate) mod connect_check;
mod consequences;
mod event_loop;
pub(crate) mod handover_file;
pub(crate) mod history;
pub(crate) mod http;
pub(crate) mod loading;
mod log_queue;
mod logging;
mod memory_file;
pub mod metrics;
mod notify;
pub(crate) mod priority;
mod program;
pub(crate) mod question;
pub(crate) mod recorder;
mod reload;
pub(crate) mod reload_outcome;
mod service;
pub(crate) mod signals;
pub(crate) mod status;
mod successor;
pub(crate) mod takeover;
mod upgrade;
mod watch;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tokio::runtime::Runtime;
use tracing::error;

use crate::config::{Config, Problem};
use crate::descriptor;
use crate::shortage::{explain, is_shortage};

use handover_file::HandoverFile;
use program::Program;
use signals::Signals;

/// Why the daemon did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error("can't listen on {address} for HTTP: {}", why_not(error))]
    Listen { address: SocketAddr, error: io::Error },
    #[error("can't start: {}", explain(.0))]
    System(#[from] io::Error),
    /// This one can't be logged.
    #[error("can't start: {}", explain(.0))]
    Log(io::Error),
    #[error(
        "the previous program has handed over its streams, but this one can't continue with them: \
         {0}"
    )]
    TakeOver(String),
    /// The log has said which one.
    #[error("ended by a bug")]
    Panicked,
}

/// Runs the daemon on `config`, which was read from `path`, until it is told to stop.
pub fn run(path: &Path, config: Config, warnings: &[Problem]) -> Result<(), DaemonError> {
    let (logging, writes) = logging::start(config.log);
    reload::log_problems(warnings);
    handover_file::warn_of_stray_variable();
    let ended = match (writes, Prepared::new()) {
        (Ok(()), Ok(prepared)) => serve(path, config, logging, prepared, None),
        (Err(error), _) => Err(DaemonError::Log(error)),
        (_, Err(error)) => Err(error.into()),
    };
    told(ended)
}

/// Makes sure that the log says why the daemon ends.
fn told(ended: Result<(), DaemonError>) -> Result<(), DaemonError> {
    if let Err(error) = &ended {
        error!("{error}");
    }
    logging::flush();
    ended
}

/// What the system has to provide before the first stream.
struct Prepared {
    runtime: Runtime,
    signals: Signals,
    program: Program,
}

impl Prepared {
    fn new() -> io::Result<Self> {
        // Without these the runtime would panic.
        descriptor::room_for(NEEDED)?;
        drop(UnixStream::pair()?);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().on_thread_start(signals::block).build()?;
        let inside = runtime.enter();
        let signals = Signals::listen()?;
        drop(inside);
        Ok(Self { runtime, signals, program: Program::of_this_process() })
    }
}

/// Runs the daemon, with all that the program before this one left, until it is told to stop.
fn serve(
    path: &Path,
    config: Config,
    logging: logging::Handle,
    prepared: Prepared,
    handover: Option<HandoverFile>,
) -> Result<(), DaemonError> {
    let Prepared { runtime, signals, program } = prepared;
    let work =
        || runtime.block_on(event_loop::run(path, config, logging, signals, program, handover));
    let ended = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(DaemonError::Panicked));
    // Threads that hang are not waited for.
    runtime.shutdown_background();
    ended
}

fn why_not(error: &io::Error) -> String {
    if is_shortage(error) {
        explain(error)
    } else {
        format!("{error}; stop the process that uses it, or change [http] listen")
    }
}

/// Descriptors: those of the runtime, and one or two to begin with.
const NEEDED: usize = 8;
