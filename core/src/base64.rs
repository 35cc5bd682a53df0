//! Bytes as text, for the JSON that one program hands over to the next: `#[serde(with = "base64")]`.

use std::borrow::Cow;

use data_encoding::BASE64;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use zeroize::Zeroizing;

pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    // The bytes may be a secret.
    to.serialize_str(&Zeroizing::new(BASE64.encode(bytes)))
}

pub fn deserialize<'de, D: Deserializer<'de>, T: From<Vec<u8>>>(from: D) -> Result<T, D::Error> {
    let text = Text::deserialize(from)?;
    BASE64.decode(text.0.as_bytes()).map(T::from).map_err(D::Error::custom)
}

/// Borrowed, so that a secret is not copied once more.
#[derive(Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
