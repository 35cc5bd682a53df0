//! Reads the golden vectors of mirrors and aliases, for the tests of the codec and of the documents.

use std::fs;

use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::mirror::Mirrors;
use jat_core::jat::name_keys::{NameKey, NameKeys};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::repository;

pub const FILE: &str = "tests/data/addresses-v1.toml";
pub const DOMAIN: &str = "proxy.domain.example";
pub const TARGET: &str = "some-user@some-domain.example";

/// The head of the file says what is in it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    pub profiles: Profiles,
    pub mirror: Vec<Mirror>,
    pub too_long: Vec<TooLong>,
    pub read: Vec<Read>,
    pub forged: Vec<Node>,
    pub malformed: Vec<Node>,
    pub alias: Vec<Alias>,
    pub no_alias: Vec<Text>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    pub node: String,
    pub domain: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    pub name: String,
    pub user: String,
    pub face: String,
    pub signed: bool,
    pub mirror: String,
    pub bare: String,
    pub face_read: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TooLong {
    pub name: String,
    pub user: String,
    pub face: String,
    pub signed: bool,
    pub bytes: usize,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    pub name: String,
    pub node: String,
    pub bare: String,
    pub face: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub name: String,
    pub node: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    pub name: String,
    pub face: String,
    pub resource: String,
    pub kid: u8,
    pub alias: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub name: String,
    pub text: String,
}

impl Vectors {
    pub fn load() -> Self {
        let text = fs::read_to_string(repository().join(FILE)).expect(FILE);
        toml::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"))
    }
}

/// Makes and reads the mirrors of the vectors.
pub struct Maker {
    keys: NameKeys,
    /// Matches nobody, or everybody.
    initiate: Senders,
}

impl Maker {
    pub fn new(signed: bool) -> Self {
        let initiate = Senders::new((!signed).then_some(Pattern::Everybody));
        Self { keys: keys(&[1]), initiate }
    }

    pub fn mirrors(&self) -> Mirrors<'_> {
        Mirrors { domain: DOMAIN, target: TARGET, keys: &self.keys, initiate: &self.initiate }
    }
}

/// Name keys with these ids, all of the secret of the vectors.
pub fn keys(ids: &[u8]) -> NameKeys {
    let secret = Zeroizing::new(b"jat-proxy demo key, never use it".to_vec());
    let key = |id: &u8| NameKey::new(*id, &secret).expect("a secret of 32 bytes");
    NameKeys::new(ids.iter().map(key).collect()).expect("one key at least, no id twice")
}

/// The bare address of the face with this node.
pub fn bare_face(node: &str) -> String {
    if node.is_empty() { DOMAIN.into() } else { format!("{node}@{DOMAIN}") }
}
