//! An XMPP server in the process, for the tests and benchmarks of jat-proxy.
//!
//! Components log in over real TCP (XEP-0114), clients are handles. As far as a component notices,
//! it behaves like Prosody or ejabberd, and on demand like a broken server or a broken network.
//!
//! ```text
//!   server ──► wire ──► login
//!     │          ╰────────┴─────► connection
//!     ├──► client ──► shared ──► router ──► roster
//!     │                                 ╰─► stanza
//!   responder: the same without sockets
//! ```
//!
//! | to change | see |
//! |---|---|
//! | what a real server does with stanzas or presence | `router`, `options` |
//! | what goes wrong at a login | [`Login`] |
//! | what goes wrong on a connection | [`Connection`] |

mod client;
mod connection;
mod login;
mod options;
mod responder;
mod roster;
mod router;
mod server;
mod shared;
mod stanza;
mod wire;

#[cfg(test)]
mod mock_component;

pub use client::Client;
pub use connection::Connection;
pub use login::Login;
pub use options::{Habits, Options, Second};
pub use responder::Responder;
pub use roster::RosterState;
pub use router::{Direction, Passed};
pub use server::Server;
pub use stanza::STREAM_ERRORS;

/// How long to wait for something that must come. On an idle machine it takes milliseconds.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
