//! jat-proxy on an ejabberd cluster: hosts are network namespaces, each with a node, two replicas of
//! presence domains of their own, users and bots. A ledger accounts for every request.
//!
//! They need root, ejabberd and promtool (Debian's packages), so they are ignored by a plain `cargo
//! test`; `tests/run` runs all but those of `scenario::longer`, which take minutes:
//!
//!     cargo test --test cluster -- --ignored --nocapture longer:: --skip ::sid::
//!
//! The scenarios of one server share a cluster, one after another. They print how long things take,
//! and fail only if that is [`LOADED`] times the limit, since a busy machine is slow.

#[macro_use]
extern crate test_support;

mod chats;
mod client;
mod cluster;
mod ledger;
mod requests;
mod scenario;
mod seen;
mod stream;
mod waits;

/// How many times longer than for an operator things may take here.
const LOADED: u32 = 6;
