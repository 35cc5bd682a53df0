//! `jat-proxy demo`: the whole story on the built-in server.

use super::{Exit, complain};

#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(Arguments {}: Arguments) -> Exit {
    complain("error: the demo is not there yet\n");
    Exit::Software
}
