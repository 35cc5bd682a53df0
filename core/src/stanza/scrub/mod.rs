//! Addresses of an account among the attributes of a payload, and other addresses in their place.
//!
//! They are the only part of a payload that is ever changed: a server reveals the address of an
//! account in what it writes for it (docs/servers.md#tells-the-account). Everything else stays as
//! it is, byte for byte.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memmem, memrchr2};

use super::escape::write_escaped;
use super::head::decoded;
use super::nesting::MAX_DECLARED;
use super::tag::Tag;

/// Whether something in the payload may have to be replaced: a quick check, which may say yes for
/// nothing, but never wrongly no. `account` is a bare address in normal form.
pub fn is_suspect(payload: &[u8], account: &str) -> bool {
    let name = || memmem::find(payload, DELAY_NAME).is_some();
    let reference = || memchr_iter(b'&', payload).any(|at| payload.get(at + 1) == Some(&b'#'));
    // Without an `@` it is a domain.
    let address = || match account.split_once('@') {
        Some((node, _)) => has_node(payload, node),
        None => has_domain(payload, account),
    };
    name() || reference() || address()
}

/// Whether this node may occur between a quote and the first `@` after it.
fn has_node(payload: &[u8], node: &str) -> bool {
    let mut from = 0;
    memchr_iter(b'@', payload).any(|at| {
        let before = &payload[std::mem::replace(&mut from, at + 1)..at];
        let quote = memrchr2(b'\'', b'"', before);
        quote.is_some_and(|quote| may_be(&before[quote + 1..], node))
    })
}

/// Whether this domain may stand behind a quote, up to the next one or a slash.
fn has_domain(payload: &[u8], domain: &str) -> bool {
    memchr2_iter(b'\'', b'"', payload).any(|quote| {
        let value = &payload[quote + 1..];
        let end = value.iter().position(|byte| matches!(byte, b'\'' | b'"' | b'/'));
        let written = &value[..end.unwrap_or(value.len())];
        let written = written.strip_suffix(b".").unwrap_or(written);
        // An A-label, whose normal form is another.
        may_be(written, domain) || memmem::find(written, b"--").is_some()
    })
}

/// Whether these bytes of a value may be `part` in normal form. What is not ASCII can become
/// anything.
fn may_be(written: &[u8], part: &str) -> bool {
    written.eq_ignore_ascii_case(part.as_bytes())
        || !written.is_ascii()
        || memchr(b'&', written).is_some()
}

/// The look at each tag, for payloads that [`is_suspect`]. Its memory is used again.
#[derive(Debug, Default)]
pub struct Scrubber {
    /// For each open element, whether its default namespace is that of delayed delivery.
    defaults: Vec<bool>,
    /// The prefixes in scope, innermost last, and the names of all.
    prefixes: Vec<Prefix>,
    names: Vec<u8>,
    /// What takes the place of a value.
    replacement: String,
}

/// The outcome for a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// Whether anything was replaced or removed.
    pub changed: bool,
    /// So many bytes, from its beginning on, make any parser look at all of it; see
    /// [`Element::reach`](super::splitter::Element::reach).
    pub reach: usize,
}

/// A prefix that is declared.
#[derive(Debug)]
struct Prefix {
    /// How many elements are around the one that declares it.
    level: usize,
    name: Range<usize>,
    is_delay: bool,
}

impl Scrubber {
    /// Appends the payload of a stanza to `output`. `start_tag` is that of the stanza, as it came;
    /// the payload stands behind it, up to the end of the stanza, and is well formed.
    ///
    /// `replace` is given the value of each attribute that declares no namespace, decoded. It
    /// appends the replacement, or returns false. `from` of a delay (XEP-0203) goes, whatever its
    /// value: it names a server, or the account.
    pub fn write(
        &mut self,
        start_tag: &[u8],
        payload: &[u8],
        mut replace: impl FnMut(&str, &mut String) -> bool,
        output: &mut Vec<u8>,
    ) -> Scrubbed {
        let mut copy = Edit::new(payload, output);
        let mut at = 0;
        self.enter(start_tag);
        while let Some(length) = memchr2(b'<', b'&', &payload[at..]) {
            at += length;
            let rest = &payload[at..];
            let begin = copy.place(at);
            let length = match rest {
                // Parsers do not wait within these.
                [b'<', b'!' | b'?', ..] => {
                    let Some(length) = section_len(rest) else { break };
                    at += length;
                    continue;
                }
                [b'&', ..] => memchr(b';', rest).map(|end| end + 1),
                [_, b'/', ..] => {
                    self.leave();
                    memchr(b'>', rest).map(|end| end + 1)
                }
                _ => self.start_tag(at, &mut replace, &mut copy),
            };
            let Some(length) = length else { break };
            at += length;
            copy.reach_behind(begin, at);
        }
        copy.up_to(payload.len());
        let Edit { changed, reach, .. } = copy;
        self.clear();
        Scrubbed { changed, reach }
    }

    /// Goes through the start tag at offset `at` of the payload; returns its length.
    fn start_tag(
        &mut self,
        at: usize,
        replace: &mut impl FnMut(&str, &mut String) -> bool,
        copy: &mut Edit<'_>,
    ) -> Option<usize> {
        let bytes = &copy.payload[at..];
        let tag = self.enter(bytes)?;
        let is_delay = self.is_delay(&bytes[1..=tag.name_len]);
        if tag.empty {
            self.leave();
        }
        if tag.attributes == 0 {
            return Some(tag.length);
        }
        Tag::read(bytes, |attribute| {
            let (name, value) = (attribute.name.clone(), attribute.value.clone());
            match &bytes[name.clone()] {
                b"xmlns" => return,
                written if written.starts_with(XMLNS) => return,
                b"from" if is_delay => {
                    // With the space before it, which every attribute has.
                    copy.up_to(at + name.start - 1);
                    copy.leave_out(at + value.end + 1);
                    return;
                }
                _ => {}
            }
            let Ok(written) = str::from_utf8(&bytes[value.clone()]) else { return };
            let Ok(decoded) = decoded(written, attribute.references) else { return };
            self.replacement.clear();
            if replace(&decoded, &mut self.replacement) {
                copy.up_to(at + value.start);
                write_escaped(&self.replacement, copy.output);
                copy.leave_out(at + value.end);
            }
        })
        .map(|tag| tag.length)
    }

    /// Enters the element that `bytes` begin with.
    fn enter(&mut self, bytes: &[u8]) -> Option<Tag> {
        let level = self.defaults.len();
        let mut default = self.defaults.last().copied().unwrap_or_default();
        let tag = Tag::read(bytes, |attribute| {
            let name = &bytes[attribute.name.clone()];
            let is_delay = || {
                let value = str::from_utf8(&bytes[attribute.value.clone()]).unwrap_or_default();
                decoded(value, attribute.references).is_ok_and(|value| value == DELAY_NAMESPACE)
            };
            if name == b"xmlns" {
                default = is_delay();
            } else if let Some(prefix) = name.strip_prefix(XMLNS)
                // With more, a stanza is not relayed.
                && self.prefixes.len() < MAX_DECLARED
            {
                let start = self.names.len();
                self.names.extend(prefix);
                let name = start..self.names.len();
                self.prefixes.push(Prefix { level, name, is_delay: is_delay() });
            }
        });
        self.defaults.push(default);
        tag
    }

    /// Leaves the innermost element.
    fn leave(&mut self) {
        self.defaults.pop();
        let level = self.defaults.len();
        while self.prefixes.last().is_some_and(|prefix| prefix.level >= level) {
            self.prefixes.pop();
        }
        self.names.truncate(self.prefixes.last().map_or(0, |prefix| prefix.name.end));
    }

    /// Whether the innermost element, with this name, is a delay.
    fn is_delay(&self, name: &[u8]) -> bool {
        let Some(prefix) = name.strip_suffix(DELAY_NAME) else { return false };
        match prefix {
            [] => self.defaults.last() == Some(&true),
            [prefix @ .., b':'] => {
                let mut declared = self.prefixes.iter().rev();
                let found = declared.find(|declared| &self.names[declared.name.clone()] == prefix);
                found.is_some_and(|found| found.is_delay)
            }
            _ => false,
        }
    }

    /// Releases the memory that a hostile payload took.
    fn clear(&mut self) {
        self.defaults.clear();
        self.defaults.shrink_to(KEEP_CAPACITY);
        self.prefixes.clear();
        self.names.clear();
        self.names.shrink_to(KEEP_CAPACITY);
    }
}

/// A payload that is copied but for some parts.
struct Edit<'a> {
    payload: &'a [u8],
    output: &'a mut Vec<u8>,
    /// Where it begins in the output.
    begin: usize,
    /// How much of the payload is done.
    done: usize,
    changed: bool,
    reach: usize,
}

impl<'a> Edit<'a> {
    fn new(payload: &'a [u8], output: &'a mut Vec<u8>) -> Self {
        let begin = output.len();
        Self { payload, output, begin, done: 0, changed: false, reach: 0 }
    }

    /// Copies everything before offset `end` of the payload.
    fn up_to(&mut self, end: usize) {
        self.output.extend(&self.payload[self.done..end]);
        self.done = end;
    }

    /// Leaves out what stands before offset `end`.
    fn leave_out(&mut self, end: usize) {
        self.done = end;
        self.changed = true;
    }

    /// Where in the copy this offset of the payload is, which is not dealt with yet.
    fn place(&self, at: usize) -> usize {
        self.output.len() - self.begin + at - self.done
    }

    /// What begins at the place `begin` of the copy ends at offset `end` of the payload.
    fn reach_behind(&mut self, begin: usize, end: usize) {
        let end = self.place(end);
        self.reach = self.reach.max(end + (end - begin));
    }
}

/// The length of what `bytes` begin with: a CDATA section, or something that can't be in a stanza.
fn section_len(bytes: &[u8]) -> Option<usize> {
    let end: &[u8] = match bytes {
        [_, b'!', b'[', ..] => b"]]>",
        [_, b'!', b'-', ..] => b"-->",
        [_, b'?', ..] => b"?>",
        _ => b">",
    };
    memmem::find(bytes, end).map(|at| at + end.len())
}

const XMLNS: &[u8] = b"xmlns:";
const DELAY_NAME: &[u8] = b"delay";
/// Of delayed delivery (XEP-0203).
const DELAY_NAMESPACE: &str = "urn:xmpp:delay";
/// More than real payloads need.
const KEEP_CAPACITY: usize = 1024;

#[cfg(test)]
mod tests;
