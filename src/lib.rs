//! Jabber Address Translation: lets an XMPP client serve at the address of a component, with any
//! server and any number of replicas.
//!
//! A request goes on to a resource of the *target address* from an *encoded-from*, an address whose
//! resource is an authenticated token; any replica that can verify the token reverts the reply. No
//! request is stored. With more in `relay`, users and client see each other under addresses that
//! hold what they stand for, *mirrors* and *aliases*, and messages, presence and requests of the
//! client are relayed, too.
//!
//! Dependencies go one way, and one half is pure: it takes bytes and the time, and returns bytes,
//! reasons and deadlines.
//!
//! ```text
//!   cli ──► daemon ──► link ──► session ──► jat ──► stanza
//!   ╰──────── jat-proxy ───╯    ╰──────── jat-core ──────╯
//! ```
//!
//! In addition, `cli` ──► `demo` ──► `link`. `config` is used by `cli`, `demo`, `daemon` and
//! `link`, and produces ready-to-use types of the pure half. The other modules may be used by all
//! of these.
//!
//! | module | what is in it |
//! |---|---|
//! | [`stanza`], [`jat`], [`session`] | the pure half, a crate of its own: see [`jat_core`] |
//! | [`link`] | the shell around a session: login, pump, reconnecting, what a program hands over |
//! | [`daemon`] | all components of a process: signals, reload, upgrade in place, HTTP, logs |
//! | [`config`] | from files to ready-to-use types, with every error at once |
//! | [`cli`] | a file for each subcommand |
//! | `demo` | the guided tour, on a small XMPP server in the process |
//! | `descriptor` | file descriptors that are handed over to the next program |
//! | `misleading` | characters that are not shown to people as they are |
//! | `shortage` | what a process can be short of, and waiting for it |
//! | `terminal` | what a terminal can show |
//! | `thread` | threads for what may block |
//! | [`time`] | the wall clock, and times as people write and read them |
//!
//! # How bytes get to the pure half and back
//!
//! [`daemon`] starts a [task](link::component_tasks) for each stream of each component, which logs
//! in and then pumps. One turn of the pump, under one lock of the component and at one moment, has
//! [`Session::process`](session::Session::process) take what was read; [`jat_core`] says what
//! happens there to a request, a reply and a message. Its output is written to the socket, changes
//! are noted in the [component](link::component), where [metrics](daemon::metrics) and
//! `daemon::status` find them, and what an operator has to know is logged. Then the pump waits for
//! bytes, for room to write, for the session's next deadline, or for an [order](link::order): to
//! stop, to take another configuration, or to pause for the next program, which continues from a
//! `link::snapshot`.
//!
//! The library is for this program and its tests. Only the binary, its files and its formats are
//! versioned, so any release may change this interface.

// Allowed in tests only: here lengths and times come from outside, and a call that can't fail says
// why.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unwrap_used)
)]
// What is public is for main.rs and the tests. For everything else the compiler reports what is
// unused.
#![cfg_attr(not(test), warn(unreachable_pub))]

pub mod cli;
pub mod config;
pub mod daemon;
mod demo;
mod descriptor;
pub mod link;
mod misleading;
mod shortage;
mod terminal;
mod thread;
pub mod time;

use jat_core::{base64, named};
pub use jat_core::{jat, session, stanza};
