//! Reads the golden vectors, for the tests of the codec and of the documents.

use std::fs;

use serde::{Deserialize, Serialize};

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
        let text = fs::read_to_string(FILE).expect(FILE);
        toml::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"))
    }
}
