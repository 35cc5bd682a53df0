//! The daemon: one link for each component, signals, reload, HTTP, the service manager.

mod endpoint;
mod host;
pub mod http;
pub mod links;
mod logging;
pub mod metrics;
mod reload;
mod service;
mod signals;
pub mod status;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::{Config, Problem};

use endpoint::Endpoint;
use links::Links;
use signals::Signal;

/// Why the daemon did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(
        "can't listen on {address} for HTTP: {error}; another process has it, or change [http] listen"
    )]
    Listen { address: SocketAddr, error: io::Error },
    #[error("can't start: {0}")]
    System(#[from] io::Error),
    #[error("the task of component {0} ended by itself: this is a bug")]
    TaskEnded(String),
}

/// Runs the daemon on `config`, which was read from `path`, until it is told to stop.
pub fn run(path: &Path, config: Config, warnings: &[Problem]) -> Result<(), DaemonError> {
    let logging = logging::start(config.log);
    reload::log_problems(warnings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(path.to_owned(), config, logging))
}

async fn serve(path: PathBuf, config: Config, logging: logging::Handle) -> Result<(), DaemonError> {
    let mut signals = signals::Signals::listen()?;
    let mut config = Arc::new(config);
    let links = Arc::new(Links::new());
    let mut http = Endpoint::new(Arc::clone(&links));
    http.listen(config.http).await?;
    info!(version = env!("CARGO_PKG_VERSION"), components = config.components.len(), "starting");
    links.apply(&config);
    watchdog::start(Arc::clone(&links));
    let mut service = service::Service::new();
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
                    warn!("this version can't upgrade in place; nothing was done");
                }
            },
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

/// For what a link has to say after its time is up.
const GRACE: Duration = Duration::from_millis(250);
