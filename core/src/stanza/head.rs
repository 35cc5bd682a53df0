//! The start tag of a stanza: read it, and write it again with other addresses.

use std::borrow::Cow;
use std::fmt;

use quick_xml::escape::unescape;

use crate::base32;
use crate::wide::short;

use super::escape::write_escaped;
use super::markup::is_space;
use super::tag::{Attribute, Tag};
use super::xml_error::XmlError;

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
    /// The attributes that [`Self::rewrite`] replaces, in the order of the tag: a search in four is
    /// quicker than sorting them.
    found: [Option<(Attr, Span)>; 4],
    stream_error: bool,
}

/// An attribute that [`Head::rewrite`] replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attr {
    To,
    From,
    Id,
    Namespace,
}

/// What is replaced: a value, between its quotes; the whole attribute if it goes, with the space
/// before it.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

/// What to write instead of the sender's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite<'a> {
    pub to: &'a str,
    pub from: Value<'a>,
    /// `None` keeps the id as written.
    pub id: Option<Value<'a>>,
}

/// A value that is written: a text, and behind it what becomes text only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    pub text: &'a str,
    /// Bytes that are written as [`base32`].
    pub base32: &'a [u8],
}

impl<'a> Value<'a> {
    /// These bytes, and no text before them.
    pub fn base32(bytes: &'a [u8]) -> Self {
        Self { text: "", base32: bytes }
    }

    fn write(&self, output: &mut Vec<u8>) {
        write_escaped(self.text, output);
        if !self.base32.is_empty() {
            base32::append(self.base32, output);
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, base32: &[] }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut base32 = String::new();
        base32::push(self.base32, &mut base32);
        write!(f, "{}{base32}", self.text)
    }
}

impl<'a> Head<'a> {
    /// Reads a start tag.
    ///
    /// # Errors
    /// [`XmlError::Tag`] if it is broken, or attributes stand twice.
    pub fn parse(tag: &'a str) -> Result<Self, XmlError> {
        let mut attributes = Vec::new();
        let read = Tag::read(tag.as_bytes(), |attribute| attributes.push(attribute.clone()));
        read.filter(|read| read.length == tag.len()).ok_or(XmlError::Tag)?;
        Self::new(tag, &attributes)
    }

    /// Decodes the attributes of a start tag that the splitter has read.
    ///
    /// # Errors
    /// [`XmlError::Tag`] for attributes that stand twice.
    #[inline(always)]
    pub fn new(tag: &'a str, attributes: &[Attribute]) -> Result<Self, XmlError> {
        let name_len = tag.bytes().skip(1).position(|b| is_space(b) || matches!(b, b'/' | b'>'));
        let name = &tag[1..=name_len.ok_or(XmlError::Tag)?];
        let mut head = Self {
            tag,
            name,
            kind: Kind::Other,
            id: None,
            type_: None,
            to: None,
            from: None,
            found: [None; 4],
            stream_error: false,
        };
        let mut namespace = None;
        let mut places = head.found.iter_mut();
        for (number, attribute) in attributes.iter().enumerate() {
            let Attribute { name, word, value, .. } = attribute;
            let (field, attr) = match *word {
                TO => (&mut head.to, Some(Attr::To)),
                FROM => (&mut head.from, Some(Attr::From)),
                ID => (&mut head.id, Some(Attr::Id)),
                TYPE => (&mut head.type_, None),
                XMLNS => (&mut namespace, Some(Attr::Namespace)),
                _ => {
                    let is_other = |it: &Attribute| tag[it.name.clone()] == tag[name.clone()];
                    if attributes[..number].iter().any(is_other) {
                        return Err(XmlError::Tag);
                    }
                    continue;
                }
            };
            if field.replace(decoded(&tag[value.clone()], attribute.references)?).is_some() {
                return Err(XmlError::Tag);
            }
            let span = match attr {
                Some(Attr::Namespace) => Span { start: name.start - 1, end: value.end + 1 },
                _ => Span { start: value.start, end: value.end },
            };
            if let Some(attr) = attr
                && let Some(place) = places.next()
            {
                *place = Some((attr, span));
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

    /// The whole tag, as it came.
    pub fn tag(&self) -> &'a str {
        self.tag
    }

    /// The qualified name of the element.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Whether it is the start of a stream error (RFC 6120 section 4.9). Servers send nothing else
    /// of that name at the top level, whatever its prefix.
    pub fn is_stream_error(&self) -> bool {
        self.stream_error
    }

    /// Appends the tag to `output` with other addresses. Every other attribute stays as it is
    /// written, but the default namespace goes: the stream's own applies. For example,
    ///
    /// ```xml
    /// <iq id='7' xmlns='jabber:client' type='get' to='p.example'>
    /// ```
    ///
    /// becomes
    ///
    /// ```xml
    /// <iq from='p.example/t' id='7' type='get' to='bot@s.example/a'>
    /// ```
    ///
    /// `from` was missing and is added behind the name; the id stays; `xmlns` goes, and the space
    /// before it; the new `to` is where the old one was, between the same quotes.
    pub fn rewrite(&self, with: &Rewrite<'_>, output: &mut Vec<u8>) {
        let tag = self.tag.as_bytes();
        let mut copied = 1 + self.name.len();
        output.extend(&tag[..copied]);
        let mut add = |name: &str, value: &Value<'_>| {
            output.push(b' ');
            output.extend(name.as_bytes());
            output.extend(b"='");
            value.write(output);
            output.push(b'\'');
        };
        let to = Value::from(with.to);
        if self.to.is_none() {
            add("to", &to);
        }
        if self.from.is_none() {
            add("from", &with.from);
        }
        if self.id.is_none()
            && let Some(id) = &with.id
        {
            add("id", id);
        }
        for (attr, span) in self.found.iter().flatten() {
            let value = match (attr, &with.id) {
                (Attr::To, _) => Some(&to),
                (Attr::From, _) => Some(&with.from),
                (Attr::Id, Some(id)) => Some(id),
                (Attr::Id, None) => continue,
                (Attr::Namespace, _) => None,
            };
            output.extend(&tag[copied..span.start]);
            if let Some(value) = value {
                value.write(output);
            }
            copied = span.end;
        }
        output.extend(&tag[copied..]);
    }
}

/// A raw value with its references resolved. White space stays what it is, unlike XML 1.0
/// section 3.3.3 has it: Prosody writes the line feed of an `&#10;` raw
/// (docs/servers.md#raw-line-feed).
pub(super) fn decoded(raw: &str, references: bool) -> Result<Cow<'_, str>, XmlError> {
    if references { unescape(raw).map_err(|_| XmlError::Tag) } else { Ok(Cow::Borrowed(raw)) }
}

/// Default namespaces in which a stanza on a component stream is one: none (the stream's own),
/// and what a server may leave on a stanza that it passes on.
const NAMESPACES: [&str; 3] = ["jabber:component:accept", "jabber:client", "jabber:server"];

const TO: u64 = short(b"to");
const FROM: u64 = short(b"from");
const ID: u64 = short(b"id");
const TYPE: u64 = short(b"type");
const XMLNS: u64 = short(b"xmlns");
const STREAMS: &str = "http://etherx.jabber.org/streams";

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Rewrite<'_> = Rewrite { to: "bot@s.example/a", from: FROM_TOKEN, id: None };
    const FROM_TOKEN: Value<'_> = Value { text: "p.example/", base32: b"t" };

    fn rewritten(tag: &str, with: &Rewrite<'_>) -> String {
        let mut output = Vec::new();
        Head::parse(tag).unwrap().rewrite(with, &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn only_the_addresses_change() {
        assert_eq!(
            rewritten("<iq xml:lang='en'  from=\"a'b\" x:y='&#10;>' id='&amp;' to='c' >", &WITH),
            "<iq xml:lang='en'  from=\"p.example/oq\" x:y='&#10;>' id='&amp;' to='bot@s.example/a' >"
        );
        let with = Rewrite { id: Some("<'\n".into()), ..WITH };
        assert_eq!(
            rewritten("<iq id='7' to='c' from='d'/>", &with),
            "<iq id='&lt;&apos;&#10;' to='bot@s.example/a' from='p.example/oq'/>"
        );
    }

    #[test]
    fn missing_attributes_are_added_and_the_default_namespace_goes() {
        assert_eq!(
            rewritten("<iq id='7' xmlns='jabber:client' type='get' to='p.example'>", &WITH),
            "<iq from='p.example/oq' id='7' type='get' to='bot@s.example/a'>"
        );
        let with = Rewrite { id: Some("1".into()), ..WITH };
        assert_eq!(
            rewritten("<iq xmlns='jabber:client' xmlns:a='jabber:client'>", &with),
            "<iq to='bot@s.example/a' from='p.example/oq' id='1' xmlns:a='jabber:client'>"
        );
        assert_eq!(
            rewritten("<iq type='get' x='' id='7' xmlns='jabber:client' from='d' to='c'>", &WITH),
            "<iq type='get' x='' id='7' from='p.example/oq' to='bot@s.example/a'>"
        );
        assert_eq!(
            rewritten("<iq xmlns='jabber:client'/>", &WITH),
            "<iq to='bot@s.example/a' from='p.example/oq'/>"
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
        assert_eq!(Head::parse("<iq to='a' to='b'/>").unwrap_err(), XmlError::Tag);
        let many: String = (0..30).map(|n| format!(" a{n}=''")).collect();
        assert!(Head::parse(&format!("<iq{many}/>")).is_ok());
        for n in 0..30 {
            assert_eq!(Head::parse(&format!("<iq{many} a{n}=''/>")).unwrap_err(), XmlError::Tag);
        }
        for name in ["to", "from", "id", "type", "xmlns", "x"] {
            let tag = format!("<iq {name}='a' other='' {name}='b'/>");
            assert_eq!(Head::parse(&tag).unwrap_err(), XmlError::Tag, "{tag}");
        }
    }
}
