//! `jat-proxy completions`: what a shell needs to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Exit, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The shell that will read them
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, super::PROGRAM, &mut script);
    // For bash, clap_complete 4.6 names the commands below one with a hyphen in two ways:
    // https://github.com/clap-rs/clap/issues/6421
    let script = String::from_utf8_lossy(&script).replace("jat__subcmd__proxy", "jat__proxy");
    say(&script)
}
