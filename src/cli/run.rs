//! `jat-proxy run`: the daemon.

use crate::clock::unix_now;
use crate::daemon::{self, DaemonError};

use super::{ConfigFile, Exit, complain};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
}

pub fn run(arguments: &Arguments) -> Exit {
    let (config, warnings) = match crate::config::load(&arguments.config.path, unix_now()) {
        Ok(loaded) => loaded,
        Err(problems) => {
            complain(&crate::config::render(&problems));
            return Exit::Config;
        }
    };
    match daemon::run(&arguments.config.path, config, &warnings) {
        Ok(()) => Exit::Success,
        // Those that can be are in the log, which does not wait for its reader.
        Err(error) => match error {
            DaemonError::Log(_) => {
                complain(&format!("error: {error}\n"));
                Exit::Software
            }
            DaemonError::Listen { .. } => Exit::Unavailable,
            DaemonError::System(_) | DaemonError::Legacy(_) | DaemonError::TaskEnded(_) => {
                Exit::Software
            }
        },
    }
}
