//! Aliases and mirrors, made and read.

use std::hint::black_box;
use std::sync::Arc;

use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::address::Address;
use jat_core::jat::alias::{self, Holder};
use jat_core::jat::mirror::Mirrors;
use jat_core::jat::name_keys::NameKeys;

use super::stanzas::{DOMAIN, TARGET, USER};
use crate::session::two_way;

/// The names of one user and one resource, and what they are made with.
pub struct Names {
    keys: Arc<NameKeys>,
    /// Whose mirrors are clear: everybody's, or nobody's.
    initiate: Senders,
    alias: String,
    node: String,
}

impl Names {
    pub fn clear() -> Self {
        Self::new(Senders::new([Pattern::Everybody]))
    }

    pub fn signed() -> Self {
        Self::new(Senders::new([]))
    }

    fn new(initiate: Senders) -> Self {
        let keys = two_way(&[1]).names;
        let mut names = Self { keys, initiate, alias: String::new(), node: String::new() };
        let mut text = String::new();
        names.write_mirror(&mut text);
        text.split('@').next().expect("a node").clone_into(&mut names.node);
        names.seal(&mut text);
        names.alias = text;
        names
    }

    /// Makes the alias of a resource as clients make them up.
    pub fn seal(&self, text: &mut String) {
        text.clear();
        let key = self.keys.first();
        alias::write(key, &HOLDER, black_box("gajim.A1B2C3D4"), text).expect("a short resource");
        black_box(text);
    }

    pub fn open(&self, text: &mut String) {
        text.clear();
        let kid = alias::open(&self.keys, &HOLDER, black_box(&self.alias), text);
        black_box(kid).expect("an alias");
    }

    pub fn write_mirror(&self, text: &mut String) {
        text.clear();
        let written = self.mirrors().write(&Address::new(black_box(USER)), FACE, text);
        black_box(written).expect("a short address");
    }

    pub fn read_mirror(&self, text: &mut String) {
        let read = self.mirrors().read(black_box(&self.node), text);
        black_box(read).expect("a mirror");
    }

    fn mirrors(&self) -> Mirrors<'_> {
        let Self { keys, initiate, .. } = self;
        Mirrors { domain: DOMAIN, target: TARGET, keys, initiate }
    }
}

const FACE: &str = "helper";
const HOLDER: Holder<'_> = Holder { face: "helper@proxy.domain.example", target: TARGET };
