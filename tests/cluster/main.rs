//! jat-proxy on an ejabberd cluster: hosts are network namespaces, each with a node, two replicas of
//! presence domains of their own, users and bots. A ledger accounts for every request.
//!
//! They need root and ejabberd (Debian's package), so they are ignored by a plain `cargo test`;
//! `tests/run` runs all but those of `scenario::longer`, which take minutes:
//!
//!     cargo test --test cluster -- --ignored --nocapture longer:: --skip ::sid::
//!
//! The scenarios of one server share a cluster, one after the other. What takes seconds is printed;
//! a scenario fails by it only where it takes [`LOADED`] times as long as it may, since a busy machine
//! takes its time.

#[macro_use]
extern crate test_support;

mod chats;
mod client;
mod cluster;
mod ledger;
mod requests;
mod scenario;
mod stream;
mod waits;

/// How much longer things may take here than they may for an operator.
const LOADED: u32 = 6;
