//! The daemon: one link for each component, signals, reload, HTTP, the service manager.

mod endpoint;
mod host;
pub mod http;
pub mod links;
mod logging;
mod memory_file;
pub mod metrics;
mod program;
mod reload;
mod service;
mod signals;
pub mod status;
pub mod upgrade;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::clock::unix_now;
use crate::config::{Config, Problem};

use endpoint::Endpoint;
use links::Links;
use program::Program;
use signals::Signal;
use upgrade::{HANDOVER_VERSION, Legacy};

/// Why the daemon did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(
        "can't listen on {address} for HTTP: {error}; another process has it, or change [http] listen"
    )]
    Listen { address: SocketAddr, error: io::Error },
    #[error("can't start: {0}")]
    System(#[from] io::Error),
    #[error("what the program before this one handed over can't be used: {0}")]
    Legacy(io::Error),
    #[error("the task of component {0} ended by itself: this is a bug")]
    TaskEnded(String),
}

/// Runs the daemon on `config`, which was read from `path`, until it is told to stop.
pub fn run(path: &Path, config: Config, warnings: &[Problem]) -> Result<(), DaemonError> {
    let logging = logging::start(config.log);
    reload::log_problems(warnings);
    let legacy = Legacy::inherited().map_err(DaemonError::Legacy)?;
    let program = Program::of_this_process()?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().on_thread_start(signals::block).build()?;
    runtime.block_on(serve(path.to_owned(), config, logging, program, legacy))
}

async fn serve(
    path: PathBuf,
    config: Config,
    logging: logging::Handle,
    program: Program,
    legacy: Option<Legacy>,
) -> Result<(), DaemonError> {
    let mut signals = signals::Signals::listen()?;
    let mut config = Arc::new(config);
    let links = Arc::new(Links::new(legacy.as_ref().map_or_else(unix_now, |l| l.started)));
    let mut http = Endpoint::new(Arc::clone(&links));
    if let Some(mut legacy) = legacy {
        if let Some(socket) = legacy.take_http() {
            http.resume(socket).await?;
        }
        for domain in links.resume(&config, legacy.components) {
            warn!(component = domain, "stream closed: it is not in the configuration any more");
        }
    }
    http.listen(config.http).await?;
    info!(version = env!("CARGO_PKG_VERSION"), components = config.components.len(), "starting");
    links.apply(&config);
    watchdog::start(Arc::clone(&links));
    let mut service = service::Service::new();
    let mut checking: Option<JoinHandle<Result<(), String>>> = None;
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => break,
                Signal::Reload => {
                    if let Some(new) = reload::reload(&path, &config, &links, &mut http).await {
                        logging.set(new.log);
                        config = Arc::new(new);
                    }
                }
                Signal::Upgrade => {
                    let check = program.clone().check(path.clone(), HANDOVER_VERSION);
                    checking.get_or_insert_with(|| tokio::spawn(check));
                }
            },
            checked = ended(&mut checking) => {
                checking = None;
                let error = match checked {
                    Ok(()) => {
                        // Components that are gone are closed by who knows them.
                        if let Some(new) = reload::reload(&path, &config, &links, &mut http).await {
                            config = Arc::new(new);
                        }
                        upgrade::hand_over(&program, &links, &http, &mut signals).await.to_string()
                    }
                    Err(reason) => reason,
                };
                error!("not upgraded, going on as before: {error}");
            }
            () = service.tick(&links) => {}
            domain = links.unexpected_end() => return Err(DaemonError::TaskEnded(domain)),
        }
    }
    service.stopping();
    info!("stopping");
    let within = config.shutdown_timeout;
    if timeout(within + GRACE, links.stop(within)).await.is_err() {
        warn!("a stream did not close within {} s (shutdown-timeout)", within.as_secs_f64());
    }
    info!("stopped");
    Ok(())
}

/// Waits for the verdict of the program that is to take over, if one is asked.
async fn ended(checking: &mut Option<JoinHandle<Result<(), String>>>) -> Result<(), String> {
    match checking {
        Some(task) => task.await.unwrap_or_else(|error| Err(error.to_string())),
        None => std::future::pending().await,
    }
}

/// For what a link has to say after its time is up.
const GRACE: Duration = Duration::from_millis(250);
