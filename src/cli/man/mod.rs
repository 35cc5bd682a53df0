//! `jat-proxy man`: the manual, jat-proxy(1) and jat-proxy.toml(5).
//!
//! Both are made from what they describe, clap's command line and the commented configuration, and
//! so can't differ from it.

use clap::{CommandFactory, ValueEnum};

use super::{Exit, say};

mod commands;
mod configuration;
mod roff;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The page: the program, or its configuration file
    #[arg(default_value = "1")]
    page: Section,
}

#[derive(Clone, Copy, ValueEnum)]
enum Section {
    #[value(name = "1", alias = "jat-proxy")]
    Program,
    #[value(name = "5", alias = "jat-proxy.toml")]
    Configuration,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    say(&match arguments.page {
        Section::Program => commands::page(super::Arguments::command()),
        Section::Configuration => configuration::page(EXAMPLE),
    })
}

/// The example configuration, which has every key that there is.
const EXAMPLE: &str = include_str!("../../../config/jat-proxy.toml");
