//! Interop tests: jat-proxy between real clients on real servers.
//!
//! They need Prosody, ejabberd and slixmpp (Debian packages), so they are ignored
//! by a plain `cargo test`; `tests/run` installs what is missing and runs them, or
//!
//!     cargo test --test interop -- --ignored --skip ::sid::
//!
//! Every case runs on Prosody and ejabberd of each Debian, unless a comment says why not; see [`case`].
//!
//! Servers, clients and proxies are in `test_support::interop`; [`bot`] runs the slixmpp scripts in
//! this folder. [`load`] sends many requests and accounts for each, on a [`wire`] that reads start tags
//! only; [`fleet`] starts replicas, [`two_servers`] servers that find each other, and a [`tap`] records
//! what passes between a replica and its server.
//!
//! Tests with a load print figures, which are best when a test runs alone:
//!
//!     cargo test --test interop -- --ignored --nocapture departure::debian_13

#[macro_use]
extern crate test_support;

mod bot;
mod component;
mod knife;
mod load;
mod names;
mod screen;
mod screenshots;
mod tap;
mod terminal;
mod two_servers;
mod wire;

mod access;
mod addresses;
mod answers;
mod bad_input;
mod clients;
mod cluster;
mod components;
mod composed;
mod connect;
mod deferral;
mod departure;
mod faces;
mod federation;
mod fleet;
mod four_stanzas;
mod habits;
mod harness;
mod hostile;
mod inflated;
mod init;
mod jitsi;
mod keys;
mod kill;
mod lifetime;
mod limit;
mod log;
mod login_failures;
mod lost_machine;
mod lost_presence;
mod migration;
mod mirrors;
mod nobody_online;
mod own_answers;
mod presence;
mod prosody_fleet;
mod random_payloads;
mod refusals;
mod rotation;
mod seen;
mod selection;
mod self_test;
mod server_limit;
mod standby;
mod standstill;
mod tls;
mod token_in_the_id;
mod transparency;
mod two_way;
mod upgrade;
