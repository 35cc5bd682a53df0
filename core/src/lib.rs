//! The pure half of jat-proxy: it takes bytes and time, and gives bytes, reasons and deadlines.
//!
//! ```text
//!   session ──► jat ──► stanza
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`stanza`] | bytes: where stanzas begin and end, their start tags, and those we write ourselves |
//! | [`jat`] | the translator: token, key ring, online resources, presence rules, verdicts |
//! | [`session`] | one stream's life: bytes and time in, bytes and a deadline out |
//! | [`named!`] | enums whose variants have names |
//! | [`base64`] | bytes as text, for the next program |
//!
//! One stanza's way: the caller reads bytes into a [`session::Session`], whose
//! [`stanza::splitter`] finds a stanza and [`stanza::head`] reads its start tag;
//! [`jat::translator`] gives a [`jat::verdict`], and the session writes what that says.
//!
//! There is no clock here, no socket, no file, no log and no randomness of the system's: all of
//! that is the caller's, and Cargo.toml has no crate that would bring it.
//!
//! The library is for jat-proxy and its tests; only the program, its files and its formats are
//! versioned, so that any release may change this interface.

// What nobody outside can use says so.
#![cfg_attr(not(test), warn(unreachable_pub))]
// Tests may; here lengths and times come from outside, and what can't fail says why.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unwrap_used)
)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

pub mod base64;
pub mod jat;
mod named;
pub mod session;
pub mod stanza;
