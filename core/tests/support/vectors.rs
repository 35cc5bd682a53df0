//! Reads the golden vectors, for the tests of the codec and of the documents.

use std::fs;

use base64ct::{Base64, Encoding};
use jat_core::jat::keyring::{Key, Keyring};
use jat_core::jat::token::{Binding, Claims};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::repository;

pub const FILE: &str = "tests/data/token-v1.toml";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    pub valid: Vec<Vector>,
    pub invalid: Vec<Vector>,
}

/// One vector; the head of the file says what its fields mean.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub name: String,
    pub secret: String,
    pub kid: u8,
    pub asked: String,
    pub peer: String,
    pub now: u64,
    pub token: String,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub resource: String,
    #[serde(default)]
    pub id: String,
    pub expires: Option<u64>,
    pub error: Option<String>,
}

impl Vectors {
    pub fn load() -> Self {
        let text = fs::read_to_string(repository().join(FILE)).expect(FILE);
        toml::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"))
    }
}

impl Vector {
    pub fn key(&self) -> Key {
        let secret = Zeroizing::new(Base64::decode_vec(&self.secret).expect("padded base64"));
        Key::new(self.kid, &secret, None).expect("a secret of at least 32 bytes")
    }

    pub fn ring(&self) -> Keyring {
        Keyring::new(vec![self.key()]).expect("one key, active at all times")
    }

    pub fn binding(&self) -> Binding<'_> {
        Binding { asked: &self.asked, peer: &self.peer }
    }

    pub fn claims(&self) -> Claims<'_> {
        Claims::new(&self.user, &self.resource, &self.id).expect("short enough")
    }
}
