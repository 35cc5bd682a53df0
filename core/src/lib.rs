//! The pure half of jat-proxy: it takes bytes and time, and gives bytes, reasons and deadlines.
//!
//! ```text
//!   session ──► jat ──► stanza
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`stanza`] | bytes: where stanzas begin and end, their start tags, and those that we compose |
//! | [`jat`] | the translator: who wrote to what, the table of rules, tokens, keys, presence, reasons |
//! | [`session`] | the life of one stream: bytes and time in, bytes and a deadline out |
//! | [`named!`] | enums whose variants have names |
//! | [`base64`] | bytes as text, for the next program |
//!
//! # The way of a stanza
//!
//! A request:
//!
//! 1. [`Session::process`](session::Session::process) has the
//!    [`Splitter`](stanza::splitter::Splitter::next) find a stanza in the bytes that came, and
//!    [`Head::new`](stanza::head::Head::new) decode its start tag.
//! 2. `Session::handle` notes whether the stanza is something of ours that comes back (an echo, the
//!    server's time), and asks [`Services::judge`](jat::services::Services::judge), which finds the
//!    service that the node of the address belongs to, and the translator of its target.
//! 3. `Route::of` finds out who wrote to what, and which way that goes. `judge` takes the first row
//!    that fits: it names a reason, or calls the rules for the class, here `Translator::request`.
//!    One of the rows is for senders whom the lists keep out (`Translator::permits`), and one for
//!    those who send more than the [limit](jat::limit) lets through (`Translator::admits`).
//! 4. These check the request, choose a [resource](jat::resources::Resources::choose) of the target,
//!    and [seal](jat::token::seal) an address of the component whose resource is a token:
//!    user, resource and id. The verdict says [`Relay`](jat::verdict::Act::Relay), with the new
//!    addresses.
//! 5. `Session::carry_out` writes the start tag [again](stanza::head::Head::rewrite) with these, and
//!    the payload as it is. [`Tally::count`](jat::tally::Tally::count) counts what became of it,
//!    and [`Translator::note_outcome`](jat::translator::Translator::note_outcome) books it to the
//!    resource that was asked or has answered.
//!
//! Its reply goes the same way, but for steps 3 and 4: `Route::of` [opens](jat::token::open) the token
//! that the target wrote to, and `Translator::reply` takes the user, the resource and the id from it.
//!
//! A message is refused: `Translator::message` gives the reason
//! [`MessageRefused`](jat::reason::Reason::MessageRefused), whose row in the table of reasons says
//! with which error ([`Verdict::by_table`](jat::verdict::Verdict::by_table)). `Session::carry_out`
//! withholds it from a sender who has got too many, and else has it
//! [composed](stanza::compose::Authored).
//!
//! A ping or service discovery query to the component's domain has a row of its own where the
//! [settings](jat::own_answers::OwnAnswers) say so: `Translator::own_answer` gives a result, which
//! is composed and withheld as errors are.
//!
//! Where the [settings](jat::two_way::TwoWay) relay more than requests of users, other rows come first.
//! `Translator::inward` has what users write go on from their [mirrors](jat::mirror), and
//! `Translator::outward` what the target writes to mirrors, from the [aliases](jat::alias) of its
//! resources. Its replies are reverted as ever: of those to a
//! mirror `Route::of` looks for the token in the id alone, as the resource of a mirror is the user's. Where the target's server writes the target's own
//! address, `Session::carry_out` has it [taken out](stanza::scrub) of the payload.
//!
//! There is no clock here, no socket, no file, no log and no randomness of the system's: all of
//! that is the caller's. Cargo.toml has no crate for it, and `tests/purity.rs` and `clippy.toml`
//! keep the standard library's out.
//!
//! The library is for jat-proxy and its tests; only the program, its files and its formats are
//! versioned, so that any release may change this interface.

// What is not used outside the crate is marked as such.
#![cfg_attr(not(test), warn(unreachable_pub))]
// Tests may; here lengths and times come from outside, and what can't fail says why.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::unwrap_used)
)]
#![deny(clippy::disallowed_methods, clippy::disallowed_macros)]

pub mod base64;
pub mod jat;
mod named;
pub mod session;
pub mod stanza;
mod wide;
