//! The start tag of a stanza: read it, and write it again with other addresses.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::escape::unescape;
use quick_xml::events::attributes::{Attribute, Attributes};

use super::fault::Fault;
use super::markup;

/// Which of the three stanzas (RFC 6120 section 8) a top-level element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Iq,
    Message,
    Presence,
    /// No stanza, or one in a foreign namespace.
    Other,
}

/// A start tag with the attributes that routing needs, decoded.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The whole tag, from `<` to `>`.
    tag: &'a str,
    name: &'a str,
    pub kind: Kind,
    pub id: Option<Cow<'a, str>>,
    pub type_: Option<Cow<'a, str>>,
    pub to: Option<Cow<'a, str>>,
    pub from: Option<Cow<'a, str>>,
    places: Places,
    stream_error: bool,
}

/// Where attributes stand in the tag, from the name to the closing quote.
#[derive(Clone, Debug, Default)]
struct Places {
    id: Option<Range<usize>>,
    to: Option<Range<usize>>,
    from: Option<Range<usize>>,
    xmlns: Option<Range<usize>>,
}

/// What to write instead of the sender's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite<'a> {
    pub to: &'a str,
    pub from: &'a str,
    /// `None` keeps the id as it is written.
    pub id: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// Reads a start tag that the splitter found.
    ///
    /// # Errors
    /// [`Fault::Tag`] for attributes that stand twice.
    pub fn parse(tag: &'a str) -> Result<Self, Fault> {
        let inner = tag.strip_prefix('<').and_then(|t| t.strip_suffix('>')).ok_or(Fault::Tag)?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let name_len = markup::name_len(inner);
        let mut head = Self {
            tag,
            name: &inner[..name_len],
            kind: Kind::Other,
            id: None,
            type_: None,
            to: None,
            from: None,
            places: Places::default(),
            stream_error: false,
        };
        let mut namespace = None;
        for attribute in Attributes::new(inner, name_len) {
            let attribute = attribute.map_err(|_| Fault::Tag)?;
            let place = Some(place(tag, &attribute)?);
            let value = value(&attribute)?;
            match attribute.key.into_inner() {
                "id" => (head.id, head.places.id) = (Some(value), place),
                "to" => (head.to, head.places.to) = (Some(value), place),
                "from" => (head.from, head.places.from) = (Some(value), place),
                "type" => head.type_ = Some(value),
                "xmlns" => (namespace, head.places.xmlns) = (Some(value), place),
                _ => {}
            }
        }
        head.stream_error = head.name.ends_with(":error")
            || head.name == "error" && namespace.as_deref() == Some(STREAMS);
        if namespace.is_none_or(|ns| NAMESPACES.contains(&&*ns)) {
            head.kind = match head.name {
                "iq" => Kind::Iq,
                "message" => Kind::Message,
                "presence" => Kind::Presence,
                _ => Kind::Other,
            };
        }
        Ok(head)
    }

    /// The qualified name of the element.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Is it the start of a stream error (RFC 6120 section 4.9)? Servers send nothing else of
    /// that name at the top level, whatever its prefix.
    pub fn is_stream_error(&self) -> bool {
        self.stream_error
    }

    /// Appends the tag to `output` with other addresses. Every other attribute stays as it is
    /// written, but the default namespace goes: the stream's own applies.
    pub fn rewrite(&self, with: &Rewrite<'_>, output: &mut Vec<u8>) {
        let tag = self.tag.as_bytes();
        let mut edits = [
            (&self.places.to, Some(("to", with.to))),
            (&self.places.from, Some(("from", with.from))),
            (&self.places.id, with.id.map(|id| ("id", id))),
            (&self.places.xmlns, None),
        ];
        edits.sort_unstable_by_key(|(place, _)| place.as_ref().map(|p| p.start));
        let name_end = 1 + self.name.len();
        output.extend(&tag[..name_end]);
        let mut copied = name_end;
        for (place, attribute) in edits {
            match place {
                None => {
                    if let Some((name, value)) = attribute {
                        output.push(b' ');
                        write_attribute(name, value, output);
                    }
                }
                Some(_) if attribute.is_none() && *place != self.places.xmlns => {}
                Some(place) => {
                    // Without an attribute in its place, the space before it goes too.
                    let keep = place.start - usize::from(attribute.is_none());
                    output.extend(&tag[copied..keep]);
                    if let Some((name, value)) = attribute {
                        write_attribute(name, value, output);
                    }
                    copied = place.end;
                }
            }
        }
        output.extend(&tag[copied..]);
    }
}

/// Appends `name='value'`, escaped so that every parser reads exactly `value`.
pub fn write_attribute(name: &str, value: &str, output: &mut Vec<u8>) {
    output.extend(name.as_bytes());
    output.extend(b"='");
    write_escaped(value, output);
    output.push(b'\'');
}

/// Appends `text` so that it can stand in an attribute or between tags.
pub fn write_escaped(text: &str, output: &mut Vec<u8>) {
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\'' => b"&apos;",
            b'"' => b"&quot;",
            b'\t' => b"&#9;",
            b'\n' => b"&#10;",
            b'\r' => b"&#13;",
            _ => continue,
        };
        output.extend(&text.as_bytes()[copied..at]);
        output.extend(escape);
        copied = at + 1;
    }
    output.extend(&text.as_bytes()[copied..]);
}

fn place(tag: &str, attribute: &Attribute<'_>) -> Result<Range<usize>, Fault> {
    let Cow::Borrowed(value) = attribute.value else { return Err(Fault::Tag) };
    let end = markup::offset_in(tag, value) + value.len() + 1;
    Ok(markup::offset_in(tag, attribute.key.into_inner())..end)
}

/// The value with its references resolved. White space stays what it is, unlike XML 1.0 section
/// 3.3.3 has it: Prosody writes the line feed of an `&#10;` raw.
fn value<'a>(attribute: &Attribute<'a>) -> Result<Cow<'a, str>, Fault> {
    let Cow::Borrowed(raw) = attribute.value else { return Err(Fault::Tag) };
    unescape(raw).map_err(|_| Fault::Tag)
}

/// Default namespaces in which a stanza on a component stream is one: none (the stream's own),
/// and what a server may leave on a stanza that it passes on.
const NAMESPACES: [&str; 3] = ["jabber:component:accept", "jabber:client", "jabber:server"];

const STREAMS: &str = "http://etherx.jabber.org/streams";

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Rewrite<'_> = Rewrite { to: "bot@s.example/a", from: "p.example/t", id: None };

    fn rewritten(tag: &str, with: &Rewrite<'_>) -> String {
        let mut output = Vec::new();
        Head::parse(tag).unwrap().rewrite(with, &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn only_the_addresses_change() {
        assert_eq!(
            rewritten("<iq xml:lang='en'  from=\"a'b\" x:y='&#10;>' id='&amp;' to='c' >", &WITH),
            "<iq xml:lang='en'  from='p.example/t' x:y='&#10;>' id='&amp;' to='bot@s.example/a' >"
        );
        let with = Rewrite { id: Some("<'\n"), ..WITH };
        assert_eq!(
            rewritten("<iq id='7' to='c' from='d'/>", &with),
            "<iq id='&lt;&apos;&#10;' to='bot@s.example/a' from='p.example/t'/>"
        );
    }

    #[test]
    fn missing_attributes_are_added_and_the_default_namespace_goes() {
        let with = Rewrite { id: Some("1"), ..WITH };
        assert_eq!(
            rewritten("<iq xmlns='jabber:client' xmlns:a='jabber:client'>", &with),
            "<iq to='bot@s.example/a' from='p.example/t' id='1' xmlns:a='jabber:client'>"
        );
        assert_eq!(
            rewritten("<iq xmlns='jabber:client'/>", &WITH),
            "<iq to='bot@s.example/a' from='p.example/t'/>"
        );
    }

    #[test]
    fn attributes_are_read_with_their_references_resolved() {
        let head = Head::parse("<iq\tid='a\nb&#10;&quot;' type = \"set\" to='' x='1'>").unwrap();
        assert_eq!(head.kind, Kind::Iq);
        assert_eq!(head.id.as_deref(), Some("a\nb\n\""));
        assert_eq!((head.type_.as_deref(), head.to.as_deref()), (Some("set"), Some("")));
        assert_eq!(head.from, None);
    }

    #[test]
    fn stanzas_are_told_by_name_and_namespace() {
        let kind = |tag| Head::parse(tag).unwrap().kind;
        assert_eq!(kind("<message/>"), Kind::Message);
        assert_eq!(kind("<presence xmlns='jabber:server'/>"), Kind::Presence);
        assert_eq!(kind("<iq xmlns='urn:other'/>"), Kind::Other);
        assert_eq!(kind("<x:iq xmlns:x='jabber:client'/>"), Kind::Other);
        assert_eq!(kind("<iqq/>"), Kind::Other);
    }

    #[test]
    fn an_attribute_that_stands_twice_is_a_fault() {
        assert_eq!(Head::parse("<iq to='a' to='b'/>").unwrap_err(), Fault::Tag);
    }
}
