//! The parts of an address in normal form, by the `jid` library, if they are not too long to be
//! valid: preparing takes about 200 ns for each character.

use std::borrow::Cow;

use jid::{DomainPart, Error, NodePart, NodeRef, ResourcePart, ResourceRef};

/// The length of the longest address (RFC 7622 section 3.1), in bytes. A part in normal form has at
/// most a third of it; before that it can be longer, as some characters are removed.
pub(super) const MAX_BYTES: usize = 3071;

pub(super) fn node(text: &str) -> Result<Cow<'_, NodeRef>, Error> {
    if text.len() > MAX_BYTES { Err(Error::NodeTooLong) } else { NodePart::new(text) }
}

/// A-labels (`xn--…`, RFC 5890) become U-labels, as in addresses (RFC 7622 section 3.2.1).
pub(super) fn domain(text: &str) -> Result<DomainPart, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::Idna);
    }
    let unicode = text.contains("--").then(|| idna::domain_to_unicode(text));
    match unicode {
        Some((unicode, Ok(()))) => unicode.parse(),
        _ => text.parse(),
    }
}

pub(super) fn resource(text: &str) -> Result<Cow<'_, ResourceRef>, Error> {
    if text.len() > MAX_BYTES { Err(Error::ResourceTooLong) } else { ResourcePart::new(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_too_long_for_an_address_are_not_prepared() {
        // Soft hyphens are removed, which makes the part short enough.
        let shrinking = "a".to_owned() + &"\u{ad}".repeat(1535);
        assert_eq!(shrinking.len(), MAX_BYTES);
        assert_eq!(node(&shrinking).unwrap().as_str(), "a");
        assert_eq!(resource(&shrinking).unwrap().as_str(), "a");
        let longer = shrinking + "b";
        assert_eq!(node(&longer), Err(Error::NodeTooLong));
        assert_eq!(resource(&longer), Err(Error::ResourceTooLong));
        assert_eq!(domain(&longer), Err(Error::Idna));
    }
}
