//! The pure half of jat-proxy: its input is bytes and time, its output bytes, reasons and deadlines.
//!
//! ```text
//!   session ──► jat ──► stanza
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`stanza`] | bytes: where stanzas begin and end, their start tags, and those that we compose |
//! | [`jat`] | the translator: routes, the table of rules, tokens, keys, presence, reasons |
//! | [`session`] | the life of one stream: bytes and time in, bytes and a deadline out |
//! | [`named!`] | enums whose variants have names |
//! | [`base32`] | bytes as text, in addresses |
//! | [`base64`] | bytes as text, for the next program |
//!
//! # The way of a stanza
//!
//! A request:
//!
//! 1. [`Session::process`](session::Session::process) has the
//!    [`Splitter`](stanza::splitter::Splitter::next) find a stanza in the bytes that came, and
//!    [`Head::new`](stanza::head::Head::new) decode its start tag.
//! 2. `Session::handle` recognises our own stanzas that come back (an echo, the server's time), and
//!    calls [`Services::judge`](jat::services::Services::judge), which finds the
//!    service that the node of the address belongs to, and the translator of its target.
//! 3. `Route::of` finds out who wrote to what address, and which way that goes. `judge` uses the first
//!    matching row: it names a reason, or calls the rules for the class, here `Translator::request`.
//!    One of the rows is for senders that the lists keep out (`Translator::permits`), and one for those
//!    that send more than the [limit](jat::limit) allows (`Translator::admits`).
//! 4. These check the request, choose a [resource](jat::resources::Resources::choose) of the target,
//!    and [seal](jat::token::seal) an address of the component whose resource is a token:
//!    user, resource and id. The verdict is [`Relay`](jat::verdict::Act::Relay), with the new
//!    addresses.
//! 5. `Session::carry_out` writes the start tag [again](stanza::head::Head::rewrite) with these, and
//!    the payload unchanged. [`Tally::count`](jat::tally::Tally::count) counts the result, and
//!    [`Translator::note_outcome`](jat::translator::Translator::note_outcome) records it for the
//!    resource that was asked or has answered.
//!
//! Its reply goes the same way, except for steps 3 and 4: `Route::of` [opens](jat::token::open) the token
//! that the target wrote to, and `Translator::reply` takes the user, the resource and the id from it.
//!
//! A message is refused: `Translator::message` gives the reason
//! [`MessageRefused`](jat::reason::Reason::MessageRefused), whose row in the table of reasons says
//! with which error ([`Verdict::by_table`](jat::verdict::Verdict::by_table)). `Session::carry_out`
//! withholds it from a sender who has got too many, and otherwise [composes](stanza::compose::Authored)
//! it.
//!
//! A ping or service discovery query to the component's domain has a row of its own where the
//! [settings](jat::own_answers::OwnAnswers) say so: `Translator::own_answer` returns a result, which
//! is composed or withheld like errors.
//!
//! Where the [settings](jat::two_way::TwoWay) relay more than users' requests, other rows come first.
//! `Translator::inward` passes on users' stanzas from their [mirrors](jat::mirror), and
//! `Translator::outward` the target's stanzas to mirrors, from the [aliases](jat::alias) of its
//! resources. The target's replies are reverted as usual; for those to a mirror `Route::of` looks for
//! the token in the id alone, as the resource of a mirror is the user's. Where the target's server
//! writes the target's own address, `Session::carry_out` [removes](stanza::scrub) it from the payload.
//!
//! There is no clock here, no socket, no file, no log and no source of randomness; these are the
//! caller's. Cargo.toml has no crate for them, and `tests/purity.rs` and `clippy.toml` rule out those
//! of the standard library.
//!
//! The library is for jat-proxy and its tests. Only the program, its files and its formats are
//! versioned: any release may change this interface.

// What is not used outside the crate is marked as such.
#![cfg_attr(not(test), warn(unreachable_pub))]
// Tests may use them. Here lengths and times come from outside, and an `expect` says why it can't fail.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unwrap_used)
)]
#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]

pub mod base32;
pub mod base64;
mod chunk;
pub mod jat;
mod named;
pub mod session;
pub mod stanza;
mod wide;
