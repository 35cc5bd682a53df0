//! The main loop of the process, which does one thing at a time: it handles signals, and the
//! results of work that runs alongside the relay.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::shortage::explain;
use crate::time::unix_now;

use super::components::Components;
use super::handover_file::HandoverFile;
use super::http::endpoint::Endpoint;
use super::loading::{self, Loaded};
use super::program::Program;
use super::recorder::Recorder;
use super::reload_outcome::Notice;
use super::service::Service;
use super::signals::{Signal, Signals};
use super::successor::Successor;
use super::upgrade::{self, UpgradeError};
use super::watch::Watch;
use super::{DaemonError, logging, reload, takeover, watchdog};

/// Runs until it is told to stop, with everything that the previous program left.
pub(super) async fn run(
    path: &Path,
    config: Config,
    logging: logging::Handle,
    signals: Signals,
    program: Program,
    handover: Option<HandoverFile>,
) -> Result<(), DaemonError> {
    let mut daemon = Daemon::start(path, config, logging, signals, program, handover).await?;
    daemon.work().await;
    daemon.stop().await;
    Ok(())
}

/// Everything that the process does.
struct Daemon {
    /// Where the configuration is.
    path: PathBuf,
    config: Config,
    program: Program,
    components: Arc<Components>,
    recorder: Arc<Recorder>,
    http: Endpoint,
    logging: logging::Handle,
    signals: Signals,
    service: Service,
    notice: Notice,
    watch: Watch,
    /// The configuration that is being read, if any.
    reading: Option<JoinHandle<Loaded>>,
    /// The check by the program that is to take over whether it can; `None` if no program is being
    /// asked.
    check: Option<JoinHandle<Result<Successor, String>>>,
    /// A reload was asked for meanwhile: it follows the one that is under way, or the upgrade,
    /// which has read the files already.
    reload_later: bool,
}

impl Daemon {
    async fn start(
        path: &Path,
        config: Config,
        logging: logging::Handle,
        signals: Signals,
        program: Program,
        handover: Option<HandoverFile>,
    ) -> Result<Self, DaemonError> {
        let components =
            Arc::new(Components::new(handover.as_ref().map_or_else(unix_now, |left| left.started)));
        let recorder = Recorder::start(Arc::clone(&components));
        let mut http = Endpoint::new(Arc::clone(&recorder));
        let resumed = handover.is_some();
        let reload_later = handover.as_ref().is_some_and(|handover| handover.reload_later);
        if let Some(mut handover) = handover {
            if let Some((socket, connections)) = handover.take_http() {
                http.resume(socket, connections).await;
            }
            components.resume(&config, &mut handover.components);
            takeover::close_rest(handover.components);
            // Streams that were taken over are worth more than HTTP.
            if let Err(error) = http.listen(config.http.as_ref()).await {
                error!("{error}");
            }
        } else {
            http.listen(config.http.as_ref()).await?;
        }
        let version = env!("CARGO_PKG_VERSION");
        info!(version, components = config.components.len(), "starting");
        components.apply(&config);
        recorder.record();
        match watchdog::start(Arc::clone(&components)) {
            Ok(()) => {}
            // The relay is worth more than its watchdog.
            Err(error) if resumed => warn!(
                "the watchdog has not started, so a hang would go unnoticed: {}",
                explain(&error)
            ),
            Err(error) => return Err(error.into()),
        }
        let (notice, watch) = (Notice::new(path), Watch::new(path, config.watch));
        let (path, service) = (path.to_owned(), Service::new());
        Ok(Self {
            path,
            config,
            program,
            components,
            recorder,
            http,
            logging,
            signals,
            service,
            notice,
            watch,
            reading: None,
            check: None,
            reload_later,
        })
    }

    /// Runs until it is told to stop.
    async fn work(&mut self) {
        self.reload_if_asked();
        loop {
            tokio::select! {
                signal = self.signals.next() => match signal {
                    Signal::Stop => return,
                    Signal::Reload => self.reload_when_possible(),
                    Signal::Upgrade => self.ask_successor(),
                    Signal::Nothing => info!("SIGUSR1 has no effect: SIGUSR2 starts an upgrade"),
                },
                read = ended(&mut self.reading) => {
                    self.reading = None;
                    // The task can't be cancelled, and does not panic.
                    if let Ok(loaded) = read && self.reload(loaded).await {
                        // A target that accepts now may have denied it before.
                        self.components.ask_again();
                    }
                    self.reload_if_asked();
                }
                checked = ended(&mut self.check) => {
                    self.check = None;
                    // The configuration being read now may be older than the one that the next
                    // program checked.
                    self.reload_later |= self.reading.take().is_some();
                    let checked = checked.unwrap_or_else(|error| Err(error.to_string()));
                    let reason = match checked {
                        Ok(successor) => match self.hand_over(&successor).await {
                            UpgradeError::Stopped => return,
                            error => error.to_string(),
                        },
                        Err(reason) => reason,
                    };
                    error!("not upgraded, the old program keeps running: {reason}");
                    self.reload_if_asked();
                }
                () = self.watch.changed(&self.config.files) => self.reload_when_possible(),
                () = self.components.failure() => self.components.revive(),
                () = self.service.tick(&self.components) => {}
            }
        }
    }

    fn reload_when_possible(&mut self) {
        self.reload_later = true;
        self.reload_if_asked();
    }

    /// Begins to read the configuration, if that was asked for and nothing is in the way.
    fn reload_if_asked(&mut self) {
        if self.check.is_none() && self.reading.is_none() && self.reload_later {
            self.reload_later = false;
            self.notice.begin();
            self.reading = Some(tokio::spawn(loading::load(self.path.clone())));
        }
    }

    /// Takes a new configuration, if it is valid; returns whether it was taken.
    async fn reload(&mut self, new: Loaded) -> bool {
        let new = reload::reload(new, &self.config, &self.components, &mut self.http).await;
        let taken = new.config.is_some();
        if new.passing {
            self.watch.try_again();
        }
        self.notice.end(taken, new.passing, new.summary, new.problems);
        if let Some(new) = new.config {
            self.logging.set(new.log);
            self.watch.set(new.watch);
            self.config = new;
            self.recorder.record();
        }
        taken
    }

    /// Has the program that is to take over look at the configuration, if it does not already.
    fn ask_successor(&mut self) {
        if self.check.is_none() {
            // The configuration is read from now on; a change after this needs another reload.
            self.notice.begin();
            let ask = Successor::ask(self.program.clone(), self.path.clone());
            self.check = Some(tokio::spawn(ask));
        }
    }

    /// Hands everything over to the next program. Does not return if all goes well.
    async fn hand_over(&mut self, successor: &Successor) -> UpgradeError {
        // Streams that are no longer configured are closed by the program that knows them, and a
        // configuration that this program refuses would be a bad start for the next one.
        let load = loading::load_again(self.path.clone(), successor.snapshot.clone());
        let load = self.service.beside(&self.components, load);
        let new = tokio::select! {
            new = load => new,
            () = self.signals.stop() => return UpgradeError::Stopped,
        };
        if !self.reload(new).await {
            return UpgradeError::Configuration;
        }
        let (http, signals, later) = (&mut self.http, &mut self.signals, self.reload_later);
        let hand_over = upgrade::hand_over(successor, &self.components, http, signals, later);
        self.service.beside(&self.components, hand_over).await
    }

    async fn stop(&mut self) {
        info!("stopping");
        let within = self.config.shutdown_timeout;
        let tell = async {
            self.service.stopping().await;
            pending().await
        };
        let stopped = tokio::select! {
            biased;
            () = tell => Ok(()),
            stopped = timeout(within + GRACE, self.components.stop(within)) => stopped,
        };
        if stopped.is_err() {
            warn!("a stream did not close within {} s (shutdown-timeout)", within.as_secs_f64());
        }
        info!("stopped");
    }
}

/// Waits for the end of a task, if there is one.
async fn ended<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}

/// For what a link still has to log after its time is up.
const GRACE: Duration = Duration::from_millis(250);
