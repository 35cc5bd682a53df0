//! What mirrors and aliases stand for: each always for the same address, and no two for the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jat_core::jat::address::Address;

use crate::traffic::DOMAIN;

/// Taken from what replicas wrote so far.
#[derive(Default)]
pub struct Names {
    /// Bare mirrors.
    mirrors: BTreeMap<String, Mirror>,
    /// Aliases, as full addresses: which resource at which face.
    aliases: BTreeMap<String, (String, &'static str)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirror {
    user: String,
    face: String,
    /// The name key that signed it.
    kid: Option<u8>,
}

impl Names {
    /// Whether this address is a mirror of that user for that face, and nobody else's. `key`: the name
    /// key that makes names where it was written.
    pub fn is_mirror(&mut self, address: &str, user: &str, face: &str, key: u8) -> bool {
        let (bare, resource) = address.split_once('/').unwrap_or((address, ""));
        let wanted = Mirror {
            user: bare_of(&normal(user)).to_owned(),
            face: face.to_lowercase(),
            kid: (!is_initiated(user)).then_some(key),
        };
        let rest = user.split_once('/').map_or("", |(_, resource)| resource);
        let others = self.mirrors.iter().any(|(text, it)| *it == wanted && text != bare);
        let is = self.mirrors.entry(bare.to_owned()).or_insert_with(|| wanted.clone());
        let same = is.user == wanted.user && is.face == wanted.face;
        same && !others
            && bare.ends_with(&format!("@{DOMAIN}"))
            && (resource.is_empty() || resource == rest)
    }

    /// Whether this mirror was signed with another name key than this one.
    pub fn is_signed_otherwise(&self, address: &str, key: u8) -> bool {
        let mirror = self.mirrors.get(bare_of(address));
        mirror.and_then(|mirror| mirror.kid).is_some_and(|kid| kid != key)
    }

    /// Whether this address is an alias of that resource at that face, and of nothing else.
    pub fn is_alias(&mut self, address: &str, face: &str, resource: &'static str) -> bool {
        let wanted = (face.to_lowercase(), resource);
        let is = self.aliases.entry(address.to_owned()).or_insert_with(|| wanted.clone());
        *is == wanted && address.starts_with(&[&wanted.0, DOMAIN, "/"].concat())
    }
}

/// Whether the target may write first to this user.
fn is_initiated(user: &str) -> bool {
    Address::new(user).is_at(INITIATED)
}

pub fn normal(address: &str) -> Cow<'_, str> {
    Address::new(address).normal()
}

pub fn bare_of(address: &str) -> &str {
    address.split('/').next().unwrap_or_default()
}

/// The domain whose users may be written to first.
pub const INITIATED: &str = "a.example";
