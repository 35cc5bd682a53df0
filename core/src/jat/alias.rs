//! Aliases: the resources of the target as users see them, sealed, and always the same for a resource.
//!
//! Lower-case base32 of
//!
//! ```text
//! version 1 | kind 1 | kid 1 | sealed ... | tag 16
//! ```
//!
//! The tag is the first 16 bytes of `HMAC-SHA256(K1, PAE("jat-proxy/v1", the first three bytes, face,
//! target, resource))`; the resource is sealed with a stream of blocks `HMAC-SHA256(K2, tag, number)`.
//! This is SIV (Rogaway and Shrimpton) with HMAC for both functions: no nonce, and one alias for a
//! resource. docs/addresses.md is the public specification.

use hmac::Mac;

use crate::base32;

use super::name_keys::{NameKey, NameKeys};
use super::pae;

/// The longest resource that has an alias, in bytes: as many as fit into 1,023 characters of base32.
pub const MAX_RESOURCE_BYTES: usize = MAX_BYTES - FIXED;

/// What an alias is bound to, in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The bare address of the face.
    pub face: &'a str,
    /// The bare address of the target.
    pub target: &'a str,
}

/// The resource has more than [`MAX_RESOURCE_BYTES`], or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a resource of {bytes} bytes has no alias, only one of 1 to {MAX_RESOURCE_BYTES} bytes has"
)]
pub struct NoAlias {
    pub bytes: usize,
}

/// Appends the alias of the target's `resource`, in normal form, under `key`.
pub fn write(
    key: &NameKey,
    holder: &Holder<'_>,
    resource: &str,
    output: &mut String,
) -> Result<(), NoAlias> {
    if resource.is_empty() || resource.len() > MAX_RESOURCE_BYTES {
        return Err(NoAlias { bytes: resource.len() });
    }
    let mut bytes = [0; MAX_BYTES];
    let end = HEADER + resource.len();
    let header = [VERSION, KIND, key.id()];
    bytes[..HEADER].copy_from_slice(&header);
    bytes[HEADER..end].copy_from_slice(resource.as_bytes());
    let tag = mac(key, &header, holder, resource.as_bytes()).finalize().into_bytes();
    let tag = &tag[..TAG];
    apply_stream(key, tag, &mut bytes[HEADER..end]);
    bytes[end..end + TAG].copy_from_slice(tag);
    base32::push(&bytes[..end + TAG], output);
    Ok(())
}

/// Appends the resource that `alias` stands for to `output`, and returns the id of its key; `None` for
/// anything that is not an alias of this holder with a key of the ring.
pub fn open(keys: &NameKeys, holder: &Holder<'_>, alias: &str, output: &mut String) -> Option<u8> {
    let mut bytes = [0; MAX_BYTES];
    let bytes = decode(alias, &mut bytes)?;
    let (header, rest) = bytes.split_at_mut(HEADER);
    let (resource, tag) = rest.split_at_mut(rest.len() - TAG);
    let key = keys.with_id(header[KID])?;
    apply_stream(key, tag, resource);
    mac(key, header, holder, resource).verify_truncated_left(tag).ok()?;
    output.push_str(str::from_utf8(resource).ok()?);
    Some(key.id())
}

/// What an alias shows without a key, if the text has the form of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// The id of its key.
    pub kid: u8,
    /// How many bytes its resource has.
    pub resource_bytes: usize,
}

/// Reads what `alias` shows; `None` if it is no alias.
pub fn inspect(alias: &str) -> Option<Outside> {
    let mut bytes = [0; MAX_BYTES];
    let bytes = decode(alias, &mut bytes)?;
    Some(Outside { kid: bytes[KID], resource_bytes: bytes.len() - FIXED })
}

/// The bytes of `alias`, if it has the length, the encoding, the version and the kind of one.
fn decode<'r>(alias: &str, room: &'r mut [u8; MAX_BYTES]) -> Option<&'r mut [u8]> {
    if alias.len() > MAX_CHARS {
        return None;
    }
    let bytes = base32::decode(alias, room).filter(|bytes| bytes.len() > FIXED)?;
    (bytes[..KID] == [VERSION, KIND]).then_some(bytes)
}

fn mac(key: &NameKey, header: &[u8], holder: &Holder<'_>, resource: &[u8]) -> impl Mac {
    let mut mac = key.alias_mac();
    let Holder { face, target } = holder;
    pae::write(&mut mac, [header, face.as_bytes(), target.as_bytes(), resource]);
    mac
}

/// Seals or opens a text: both are the same operation.
fn apply_stream(key: &NameKey, tag: &[u8], text: &mut [u8]) {
    for (number, part) in (0_u32..).zip(text.chunks_mut(BLOCK)) {
        let mut block = key.alias_enc();
        block.update(tag);
        block.update(&number.to_le_bytes());
        let block = block.finalize().into_bytes();
        part.iter_mut().zip(block).for_each(|(byte, with)| *byte ^= with);
    }
}

const VERSION: u8 = 1;
/// Different from the kinds of tokens, which begin with the same fields.
const KIND: u8 = 2;
/// The offset of the key id.
const KID: usize = 2;
/// Bytes of version, kind and kid.
const HEADER: usize = 3;
const TAG: usize = 16;
/// All bytes except those of the resource.
const FIXED: usize = HEADER + TAG;
/// Bytes of a block of the stream: those of SHA-256.
const BLOCK: usize = 32;
/// The maximum length of a resource, in characters.
const MAX_CHARS: usize = super::resourcepart::MAX_BYTES;
/// The maximum number of bytes whose base32 fits [`MAX_CHARS`].
const MAX_BYTES: usize = MAX_CHARS * 5 / 8;

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const SECRET: &[u8; 32] = b"jat-proxy demo key, never use it";
    const HOLDER: Holder<'_> =
        Holder { face: "proxy.domain.example", target: "some-user@some-domain.example" };

    fn ring(ids: &[u8]) -> NameKeys {
        let key = |id: &u8| NameKey::new(*id, &Zeroizing::new(SECRET.to_vec())).unwrap();
        NameKeys::new(ids.iter().map(key).collect()).unwrap()
    }

    fn alias(id: u8, holder: &Holder<'_>, resource: &str) -> Result<String, NoAlias> {
        let mut alias = String::new();
        write(ring(&[id]).first(), holder, resource, &mut alias)?;
        Ok(alias)
    }

    fn opened(ids: &[u8], holder: &Holder<'_>, alias: &str) -> Option<(u8, String)> {
        let mut resource = String::new();
        open(&ring(ids), holder, alias, &mut resource).map(|kid| (kid, resource))
    }

    #[test]
    fn a_resource_has_one_alias_for_each_holder_and_key() {
        let helper = Holder { face: "helper@proxy.domain.example", ..HOLDER };
        let uuid = "0d9ae2a5-6f0c-4f4c-9f5e-0c1b7a3f2e11";
        for (id, holder, resource, text) in [
            (1, HOLDER, "a", "aebac3ix2ne3gasfu5a37hu6fj3cl4pn"),
            (1, helper, "a", "aebaco6hwk2bgnda3miexornwthz7oj7"),
            (2, HOLDER, "a", "aebafmcbtsxoi3cp6srpojd3cl6thqfk"),
            (1, HOLDER, "gajim.A1B2C3D4", "aebadi2t2y7liuubfs43mhbaubmrwchquietalmzcovmkj6oe73j4"),
            (
                1,
                HOLDER,
                uuid,
                "aebachfjcyfbhhy7izapnhixa3dshrfpfivrftic3geaa73fibr4y3bvp5xycrz6niswo4m3smto4cqjkh4bt6pp",
            ),
        ] {
            assert_eq!(alias(id, &holder, resource).as_deref(), Ok(text));
            assert_eq!(opened(&[1, 2], &holder, text), Some((id, resource.to_owned())));
            let outside = Outside { kid: id, resource_bytes: resource.len() };
            assert_eq!(inspect(text), Some(outside));
        }
    }

    #[test]
    fn it_opens_for_its_holder_under_its_key_alone() {
        let text = alias(1, &HOLDER, "a").unwrap();
        for other in [
            Holder { face: "helper@proxy.domain.example", ..HOLDER },
            Holder { target: "other@some-domain.example", ..HOLDER },
            // The same bytes, cut elsewhere.
            Holder { face: "proxy.domain.examples", target: "ome-user@some-domain.example" },
        ] {
            assert_eq!(opened(&[1], &other, &text), None);
        }
        assert_eq!(opened(&[2], &HOLDER, &text), None, "its key is not in the ring");
    }

    #[test]
    fn a_longer_resource_has_none() {
        let longest = "é".repeat(MAX_RESOURCE_BYTES / 2);
        let text = alias(1, &HOLDER, &longest).unwrap();
        assert_eq!((MAX_RESOURCE_BYTES, text.len()), (620, 1023));
        assert_eq!(opened(&[1], &HOLDER, &text), Some((1, longest.clone())));
        assert_eq!(alias(1, &HOLDER, &(longest + "x")), Err(NoAlias { bytes: 621 }));
        assert_eq!(alias(1, &HOLDER, ""), Err(NoAlias { bytes: 0 }));
    }

    #[test]
    fn anything_else_does_not_open() {
        let text = alias(1, &HOLDER, "a").unwrap();
        let token = text.replacen("aeba", "aeaq", 1);
        for other in [
            "",
            "a",
            &text[..31],
            &text.to_uppercase(),
            &format!("{text}="),
            &format!("{text}aa"),
            &text.replacen('a', "1", 1),
            &token,
            &"a".repeat(1024),
            &"a".repeat(100_000),
        ] {
            assert_eq!(opened(&[1], &HOLDER, other), None, "{other}");
        }
        // An empty resource, with a valid tag.
        let nothing = {
            let header = [VERSION, KIND, 1];
            let tag = mac(ring(&[1]).first(), &header, &HOLDER, b"").finalize().into_bytes();
            base32::encode(&[&header[..], &tag[..TAG]].concat(), &mut [0; MAX_CHARS]).to_owned()
        };
        assert_eq!(opened(&[1], &HOLDER, &nothing), None);
    }
}
