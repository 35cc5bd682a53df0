//! Every block of code in the documents is claimed by a check, so that it stays true.
//!
//! [`claims`] is the register, which names the check of each block. A block without a claim fails the
//! test, and so does a claim without its block. The checks:
//!
//! | file | what it does |
//! |---|---|
//! | [`configuration`] | gives each configuration of jat-proxy to `jat-proxy check` |
//! | [`first_steps`] | follows the pages for beginners on a [`fresh_debian`], and compares what is shown with what is printed |
//! | [`snippets`] | starts real servers with each piece of their configuration, and logs in |
//! | [`service`] | runs the commands of operating.md, upgrading.md, rotation.md and cluster.md on a [`stage`] |
//! | [`stanzas`] | has the translator make the README's four stanzas |
//! | [`tokens`] | works the examples of token.md and dispatch.md, and runs their code |
//! | [`addresses`] | works the examples and formulas of addresses.md, and runs its code |
//! | [`commands`] | for commands that no test can run, checks that the files and options in them exist |
//! | [`inline`] | the same for commands, keys and log lines quoted in sentences |
//! | [`links`] | every link has a target, and every page is in the table of contents |
//! | [`servers`] | each habit of a server is dealt with and tested where servers.md says |
//! | [`facts`] | exit codes, and the keys of the configuration |
//!
//! Those on real servers are ignored by a plain `cargo test`; `tests/run` runs them, or
//!
//!     cargo test --test documents -- --ignored --skip ::sid::

#[macro_use]
extern crate test_support;

mod addresses;
mod claims;
mod commands;
mod configuration;
mod facts;
mod first_steps;
mod fresh_debian;
mod inline;
mod links;
mod servers;
mod service;
mod snippets;
mod stage;
mod stanzas;
mod tokens;
mod transcript;
