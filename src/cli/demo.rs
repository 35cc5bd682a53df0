//! `jat-proxy demo`: a tour on the built-in server.

use tokio::runtime;

use super::{Exit, complain, said};
use crate::demo::{Failure, tour};

#[derive(clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run(Arguments {}: Arguments) -> Exit {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(tour::run()));
    match result {
        Ok(()) => Exit::Success,
        Err(Failure::Output(error)) => said(Err(error)),
        Err(failure) => {
            complain(&format!("error: {failure}\n"));
            Exit::Software
        }
    }
}
