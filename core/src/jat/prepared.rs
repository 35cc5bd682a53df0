//! Nodes and domains in normal form, each separately: with the profiles of RFC 3454 that servers
//! compare them with, the tables of Unicode 3.2, and without the checks of IDNA.
//!
//! [`Address`](super::address::Address) has the normal form of whole addresses, which does not exist
//! if one of the parts has none. Here a part does not depend on the others.

use core::net::Ipv6Addr;
use std::borrow::Cow;

use stringprep::tables;

use crate::chunk::{self, Chunk, Marks};

use super::jid_parts::MAX_BYTES;

/// Why a part has no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A character is newer than Unicode 3.2 or has been changed since, or writing directions are
    /// mixed. Some servers pass that on.
    Newer,
    /// A character is one that no server accepts in this part, or a domain becomes empty.
    Prohibited,
}

/// The node by nodeprep (RFC 6122 appendix A). It may become empty, for example if it is only a soft
/// hyphen. To a server that passes it on as it was typed (docs/servers.md#as-typed), that is the
/// address without a node.
pub fn node(text: &str) -> Result<Cow<'_, str>, Refused> {
    if is_unchanged(text, b'\\') {
        return Ok(Cow::Borrowed(text));
    }
    prepare(text, |text| stringprep::nodeprep(text).ok())
}

/// The node in normal form, or unchanged if it has none.
pub fn node_or_as_it_stands(text: &str) -> Cow<'_, str> {
    node(text).unwrap_or(Cow::Borrowed(text))
}

/// The domain by nameprep (RFC 3491), without dots at its end (RFC 7622 section 3.2). Nameprep
/// itself allows ASCII characters that no domain has; here they are prohibited.
pub fn domain(text: &str) -> Result<Cow<'_, str>, Refused> {
    let domain = match is_unchanged(text, b'-') {
        true => Cow::Borrowed(text),
        false => prepare(text, domainprep)?,
    };
    let domain = match domain {
        Cow::Borrowed(domain) => Cow::Borrowed(domain.trim_end_matches('.')),
        Cow::Owned(mut domain) => {
            domain.truncate(domain.trim_end_matches('.').len());
            Cow::Owned(domain)
        }
    };
    if domain.is_empty() { Err(Refused::Prohibited) } else { Ok(domain) }
}

fn domainprep(text: &str) -> Option<Cow<'_, str>> {
    let prohibited = |c: char| {
        c.is_ascii_control() || matches!(c, ' ' | '"' | '&' | '\'' | '/' | '<' | '>' | '@' | '\\')
    };
    let prepared = stringprep::nameprep(text).ok()?;
    (!prepared.contains(prohibited) && (!prepared.contains(':') || is_literal(&prepared)))
        .then_some(prepared)
}

/// Whether it is an IPv6 address in brackets (RFC 7622 section 3.2).
fn is_literal(domain: &str) -> bool {
    let inner = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

fn prepare(
    text: &str,
    profile: impl Fn(&str) -> Option<Cow<'_, str>>,
) -> Result<Cow<'_, str>, Refused> {
    // Preparing takes time for each character.
    if text.len() > MAX_BYTES {
        return Err(Refused::Prohibited);
    }
    // The library checks for unassigned characters only after mapping by today's Unicode: U+1F130, an
    // `A` in a square, would become an `A`.
    if !text.chars().any(|c| tables::unassigned_code_point(c) || is_corrected(c))
        && let Some(once) = profile(text)
        // Otherwise there would be two spellings of one name.
        && profile(&once).is_some_and(|twice| twice == once)
    {
        return Ok(if once == text { Cow::Borrowed(text) } else { Cow::Owned(once.into_owned()) });
    }
    let is_prohibited = |c: char| match c {
        // A literal is refused as a whole.
        ':' => true,
        _ if tables::unassigned_code_point(c) => tables::non_character_code_point(c),
        _ => profile(c.encode_utf8(&mut [0; 4])).is_none(),
    };
    Err(if text.contains(is_prohibited) { Refused::Prohibited } else { Refused::Newer })
}

/// Whether Unicode 4.0 has corrected what it is normalised to (Corrigendum 4): some servers have the
/// tables of Unicode 3.2 for that, others, like the library, today's.
fn is_corrected(c: char) -> bool {
    matches!(c, '\u{2f868}' | '\u{2f874}' | '\u{2f91f}' | '\u{2f95f}' | '\u{2f9bf}')
}

/// Whether all its bytes are [`plain_bytes`], hyphens or `also`, so that its profile changes none of them.
fn is_unchanged(text: &str, also: u8) -> bool {
    let doubts = |chunk: Chunk| !(plain_bytes(chunk) | chunk.equal(b'-') | chunk.equal(also));
    chunk::every(text.as_bytes(), doubts, |_| false)
}

/// Marks small letters, digits, dots and underscores, which both profiles never change; final dots of a
/// domain are removed separately. Hyphens are not among them, as two of them mark an A-label.
#[inline(always)]
pub(super) fn plain_bytes(chunk: Chunk) -> Marks {
    let letters_and_digits = chunk.less(b'a').below(26) | chunk.less(b'0').below(10);
    letters_and_digits | chunk.equal(b'.') | chunk.equal(b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWER: Result<&str, Refused> = Err(Refused::Newer);
    const PROHIBITED: Result<&str, Refused> = Err(Refused::Prohibited);

    #[test]
    fn nodes() {
        for (text, normal) in [
            ("", Ok("")),
            (r"a\5C40b", Ok(r"a\5c40b")),
            ("NoDe", Ok("node")),
            ("ｕ\u{ad}\u{200d}ß", Ok("uss")),
            ("f\u{307}", Ok("ḟ")),
            ("אב", Ok("אב")),
            ("אbב", NEWER),
            ("א1", NEWER),
            ("😀", NEWER),
            // Newer than the tables, though today's Unicode maps it to `A`.
            ("\u{1f130}", NEWER),
            ("\u{1e9e}", NEWER),
            ("\u{2f874}", NEWER),
            ("a b", PROHIBITED),
            ("a\u{3000}b", PROHIBITED),
            ("a＠b", PROHIBITED),
            ("😀＠", PROHIBITED),
            ("😀:", PROHIBITED),
            ("א\n", PROHIBITED),
            ("\0", PROHIBITED),
            ("\u{fffe}", PROHIBITED),
            ("\u{1ffff}", PROHIBITED),
            ("\u{e000}", PROHIBITED),
            ("\u{ad}", Ok("")),
        ] {
            assert_eq!(node(text).as_deref().map_err(|e| *e), normal, "{text:?}");
        }
    }

    #[test]
    fn domains() {
        for (text, normal) in [
            ("A.Example.", Ok("a.example")),
            ("a.example．.", Ok("a.example")),
            ("BÜCHER.example", Ok("bücher.example")),
            ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
            ("under_score.example", Ok("under_score.example")),
            ("[::1]", Ok("[::1]")),
            ("[::FFFF:1]", Ok("[::ffff:1]")),
            ("😀.example", NEWER),
            ("", PROHIBITED),
            (".", PROHIBITED),
            ("\u{ad}.", PROHIBITED),
            ("a.example:80", PROHIBITED),
            ("[::1", PROHIBITED),
            ("[::g]", PROHIBITED),
            ("a b", PROHIBITED),
            ("a\u{a0}b", PROHIBITED),
            ("a@b", PROHIBITED),
            ("a\tb", PROHIBITED),
            (r"a\b", PROHIBITED),
            ("😀@b", PROHIBITED),
            ("😀\0", PROHIBITED),
        ] {
            assert_eq!(domain(text).as_deref().map_err(|e| *e), normal, "{text:?}");
        }
    }

    #[test]
    fn a_normal_form_does_not_change_again() {
        for c in ('\0'..='\u{e007f}').filter(|c| !tables::unassigned_code_point(*c)) {
            let text = c.to_string();
            for profile in [node, domain] {
                let Ok(normal) = profile(&text) else { continue };
                assert_eq!(profile(&normal).as_deref(), Ok(&*normal), "{text:?}");
                assert!(!normal.contains([' ', '"', '&', '\'', '/', '<', '>', '@']), "{text:?}");
            }
        }
    }

    #[test]
    fn usual_parts_take_no_memory() {
        for text in ["user", r"user\40some-domain.example\2fhelper"] {
            assert!(matches!(node(text), Ok(Cow::Borrowed(_))));
        }
        assert!(matches!(domain("some-domain.example"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn what_is_longer_than_an_address_is_not_prepared() {
        let fits = "\u{ad}".repeat(1535) + "a";
        assert_eq!(node(&fits), Ok(Cow::Borrowed("a")));
        assert_eq!(node(&(fits + "b")), Err(Refused::Prohibited));
    }
}
