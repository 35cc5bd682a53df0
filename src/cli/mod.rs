//! The command line: one file per subcommand.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::config::{self, Config, Problem};
use crate::daemon::priority::{is_journal, prefixed};
use crate::daemon::signals;
use crate::time::unix_now;

pub use exit::Exit;

mod account;
mod address;
mod check;
mod completions;
mod connect;
mod demo;
mod exit;
mod findings;
mod init;
mod key_file;
mod keys;
mod man;
mod names;
mod notes;
mod processes;
mod reload;
mod replace;
mod run;
mod status;
mod token;

/// Runs the program with the arguments of the process.
pub fn main() -> Exit {
    signals::hold();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too.
            let printed = error.print();
            // If this fails, there is nobody to report it to.
            return if error.use_stderr() { Exit::Usage } else { said(printed) };
        }
    };
    let Arguments { config, mut command } = arguments;
    if let Some(path) = config
        && let Err(text) = command.take_configuration(path)
    {
        complain(text);
        return Exit::Usage;
    }
    if !matches!(command, Command::Run(_)) {
        signals::release();
    }
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments, unix_now()),
        Command::Init(arguments) => init::run(&arguments, unix_now()),
        Command::Keys(arguments) => keys::run(&arguments, unix_now()),
        Command::Token(arguments) => token::run(&arguments, unix_now()),
        Command::Address(arguments) => address::run(&arguments, unix_now()),
        Command::Status(arguments) => status::run(&arguments, unix_now()),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

/// Lets an XMPP client serve at a component's address: it answers requests and, if configured,
/// chats, shows its presence and asks users.
#[derive(Parser)]
#[command(name = PROGRAM, version)]
struct Arguments {
    /// The configuration, where it stands in front of the subcommand
    #[arg(short = 'c', long = "config", value_name = "FILE", hide = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon
    Run(run::Arguments),
    /// Check the configuration and the files that it names, and report all errors at once
    Check(check::Arguments),
    /// Make a configuration, a key ring and a component secret
    Init(init::Arguments),
    /// List, add or remove the keys of the key ring
    Keys(keys::Arguments),
    /// Read a token, a mirror or an alias
    Token(token::Arguments),
    /// Print the mirror of a user, the address at which the client writes to it
    Address(address::Arguments),
    /// Show the status of the running daemon
    Status(status::Arguments),
    /// Have the running daemon read its configuration again, and print the result
    Reload(reload::Arguments),
    /// Show a tour of what it does, on a built-in server, in seconds
    Demo(demo::Arguments),
    /// Print the manual, for man(1): `jat-proxy man | man -l -`
    Man(man::Arguments),
    /// Print the completions for a shell
    Completions(completions::Arguments),
}

impl Command {
    /// Takes a configuration that was named in front of the subcommand.
    fn take_configuration(&mut self, path: PathBuf) -> Result<(), &'static str> {
        let named = match self {
            Self::Run(arguments) => &mut arguments.config.path,
            Self::Check(arguments) => &mut arguments.config.path,
            Self::Keys(arguments) => &mut arguments.config.path,
            Self::Status(arguments) => &mut arguments.config.path,
            Self::Reload(arguments) => &mut arguments.config.path,
            Self::Address(arguments) => &mut arguments.config.path,
            Self::Token(arguments) => arguments.config().get_or_insert_with(|| DEFAULT_FILE.into()),
            Self::Init(_) | Self::Demo(_) | Self::Man(_) | Self::Completions(_) => {
                return Err("error: this subcommand reads no configuration\n  help: remove -c\n");
            }
        };
        if *named != Path::new(DEFAULT_FILE) {
            return Err("error: two configurations\n  help: give only one of them\n");
        }
        *named = path;
        Ok(())
    }
}

/// The option that nearly all subcommands share.
#[derive(clap::Args)]
pub struct ConfigFile {
    /// The configuration
    #[arg(short = 'c', long = "config", value_name = "FILE", default_value = DEFAULT_FILE, global = true)]
    pub path: PathBuf,
}

/// The configuration at `path`; its problems are printed.
pub fn configuration(path: &Path, now: u64) -> Result<Config, Exit> {
    printed(config::load(path, now))
}

/// The result of a reading; its problems are printed.
fn printed(loaded: Result<(Config, Vec<Problem>), Vec<Problem>>) -> Result<Config, Exit> {
    match loaded {
        Ok((config, warnings)) => {
            complain(&config::render(&warnings));
            Ok(config)
        }
        Err(problems) => {
            complain(&config::render(&problems));
            Err(Exit::of_problems(&problems))
        }
    }
}

/// Prints to standard output.
pub fn say(text: &str) -> Exit {
    let mut output = io::stdout();
    said(output.write_all(text.as_bytes()).and_then(|()| output.flush()))
}

/// The exit code after printing to standard output: output that is lost is an error, but a reader
/// that has gone away (`| head`) has seen what it wanted.
pub fn said(printed: io::Result<()>) -> Exit {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!(
                "error: can't write to standard output: {error}\n  help: the output is missing or \
                 incomplete; what the command changes has been changed\n"
            ));
            Exit::Io
        }
        _ => Exit::Success,
    }
}

/// Prints to standard error.
pub fn complain(text: &str) {
    let text = if is_journal() { &prefixed(text) } else { text };
    let _ = io::stderr().write_all(text.as_bytes());
}

const PROGRAM: &str = "jat-proxy";
const DEFAULT_FILE: &str = "/etc/jat-proxy/jat-proxy.toml";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
