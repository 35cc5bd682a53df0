//! `jat-proxy run`: the daemon.

use super::{ConfigFile, Exit, complain};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
}

pub fn run(arguments: Arguments) -> Exit {
    let _ = arguments.config.path;
    complain("error: the daemon is not there yet\n");
    Exit::Software
}
