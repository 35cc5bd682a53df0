//! Interop tests: jat-proxy between real clients on real servers.
//!
//! They need Prosody, ejabberd and slixmpp (Debian packages), so they are ignored
//! by a plain `cargo test`; `tests/run` installs what is missing and runs them, or
//!
//!     cargo test --test interop -- --ignored
//!
//! Every case runs against both servers unless its name says why not.
//!
//! The stage: [`server`] starts the servers, [`proxy`] the program under test,
//! [`client`] speaks exact bytes, [`stanza`] compares what arrives, [`scene`] puts
//! them together, [`bot`] runs the slixmpp scripts beside this file. For many requests
//! [`load`] makes them and accounts for each, on a [`wire`] that reads start tags only;
//! [`fleet`] starts replicas, and a [`tap`] tells what went between one and its server.
//!
//! Tests with a load print figures, which are best read of one test alone:
//!
//!     cargo test --test interop -- --ignored --nocapture departure

mod bot;
#[path = "../hostile_load/cases.rs"]
#[allow(dead_code, reason = "some stanzas only a server of the tests can send")]
mod cases;
mod client;
mod load;
#[path = "../pages/mod.rs"]
mod pages;
mod process;
mod proxy;
mod scene;
mod server;
mod stanza;
#[path = "../hostile_load/tally.rs"]
mod tally;
mod tap;
mod terminal;
mod wire;

#[path = "../tls/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod encryption;

/// Makes a test of a function for each server: `case!(name: both)`, or one of them.
macro_rules! case {
    ($name:ident: both) => {
        mod $name {
            #[test]
            #[ignore = "needs Prosody"]
            fn prosody() {
                super::$name(crate::server::Kind::Prosody);
            }
            #[test]
            #[ignore = "needs ejabberd"]
            fn ejabberd() {
                super::$name(crate::server::Kind::Ejabberd);
            }
        }
    };
    ($name:ident: prosody) => {
        mod $name {
            #[test]
            #[ignore = "needs Prosody"]
            fn prosody() {
                super::$name(crate::server::Kind::Prosody);
            }
        }
    };
    ($name:ident: ejabberd) => {
        mod $name {
            #[test]
            #[ignore = "needs ejabberd"]
            fn ejabberd() {
                super::$name(crate::server::Kind::Ejabberd);
            }
        }
    };
}

mod addresses;
mod bad_input;
mod clients;
mod components;
mod connect;
mod departure;
mod fleet;
mod four_stanzas;
mod harness;
mod hostile;
mod inflated;
mod init;
mod keys;
mod kill;
mod lifetime;
mod log;
mod login_failures;
mod migration;
mod nobody_online;
mod presence;
mod random_payloads;
mod refusals;
mod rotation;
mod self_test;
mod standby;
mod tls;
mod token_in_the_id;
mod transparency;
mod upgrade;
