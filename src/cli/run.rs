//! `jat-proxy run`: the daemon.

use crate::daemon::handover_file::HandoverFile;
use crate::daemon::{self, DaemonError, loading, takeover};

use super::{ConfigFile, Exit, complain};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let path = &arguments.config.path;
    let ended = match HandoverFile::inherited() {
        Ok(Some(handover)) => takeover::run(path, handover),
        Err(error) => {
            let error = DaemonError::TakeOver(error.to_string());
            complain(&format!("error: {error}\n"));
            return Exit::Software;
        }
        Ok(None) => match loading::load_waiting(path) {
            Ok((config, warnings)) => daemon::run(path, config, &warnings),
            Err(problems) => {
                complain(&crate::config::render(&problems));
                return Exit::of_problems(&problems);
            }
        },
    };
    match ended {
        Ok(()) => Exit::Success,
        // Errors that could be logged are in the log, which does not wait for its reader.
        Err(error) => match error {
            DaemonError::Log(_) => {
                complain(&format!("error: {error}\n"));
                Exit::Software
            }
            DaemonError::Listen { .. } => Exit::Unavailable,
            DaemonError::System(_) | DaemonError::TakeOver(_) | DaemonError::Panicked => {
                Exit::Software
            }
        },
    }
}
