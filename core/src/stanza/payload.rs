//! The start tag of the first element in a stanza.

use std::borrow::Cow;

use super::head::decoded;
use super::tag::Tag;

/// The start tag of the first child of a stanza.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    stanza: &'a [u8],
    /// Its start tag, and what follows.
    bytes: &'a [u8],
    name: &'a str,
}

impl<'a> Payload<'a> {
    /// That of a whole stanza; `None` if it has no child.
    pub fn of(stanza: &'a [u8]) -> Option<Self> {
        let outer = Tag::read(stanza, |_| {}).filter(|tag| !tag.empty)?;
        let bytes = behind_text(&stanza[outer.length..])?;
        let tag = Tag::read(bytes, |_| {})?;
        let name = str::from_utf8(&bytes[1..=tag.name_len]).ok()?;
        Some(Self { stanza, bytes, name })
    }

    /// Its name without a prefix.
    pub fn name(&self) -> &'a str {
        self.name.split_once(':').map_or(self.name, |(_, local)| local)
    }

    /// Its namespace, wherever in the stanza that is declared; `None` if it is not.
    pub fn namespace(&self) -> Option<Cow<'a, str>> {
        let declares = |name: &str| match self.name.split_once(':') {
            Some((prefix, _)) => name.strip_prefix("xmlns:") == Some(prefix),
            None => name == "xmlns",
        };
        let declared = attribute(self.bytes, declares);
        declared.or_else(|| attribute(self.stanza, declares)).filter(|name| !name.is_empty())
    }

    /// The value of its attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        attribute(self.bytes, |it| it == name)
    }
}

/// The first attribute with such a name in the start tag that `bytes` begin with.
fn attribute<'a>(bytes: &'a [u8], is: impl Fn(&str) -> bool) -> Option<Cow<'a, str>> {
    let mut found = None;
    Tag::read(bytes, |attribute| {
        let text = |range| str::from_utf8(&bytes[range]).ok();
        if found.is_none() && text(attribute.name.clone()).is_some_and(&is) {
            found = Some((attribute.value.clone(), attribute.references));
        }
    })?;
    let (value, references) = found?;
    decoded(str::from_utf8(&bytes[value]).ok()?, references).ok()
}

/// From the first tag on.
fn behind_text(mut bytes: &[u8]) -> Option<&[u8]> {
    const MARKS: [(&[u8], &[u8]); 2] = [(b"<![CDATA[", b"]]>"), (b"<!--", b"-->")];
    loop {
        bytes = &bytes[memchr::memchr(b'<', bytes)?..];
        let Some((_, end)) = MARKS.iter().find(|(begin, _)| bytes.starts_with(begin)) else {
            return Some(bytes);
        };
        bytes = &bytes[memchr::memmem::find(bytes, end)? + end.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(stanza: &str) -> Option<String> {
        Some(Payload::of(stanza.as_bytes())?.namespace()?.into_owned())
    }

    #[test]
    fn its_namespace_is_wherever_it_is_declared() {
        for stanza in [
            "<iq><query xmlns='urn:a&amp;b'/></iq>",
            "<iq>text<x:query xmlns:x=\"urn:a&#38;b\"><y xmlns='urn:c'/></x:query></iq>",
            "<iq xmlns:x='urn:a&amp;b'><!-- no --><x:query/></iq>",
            "<iq xmlns='urn:a&amp;b'><![CDATA[<p xmlns='urn:c'/>]]><query/><z xmlns='urn:d'/></iq>",
            "<iq xmlns='urn:c' xmlns:x='urn:d'><x:query xmlns='urn:c' xmlns:x='urn:a&amp;b'/></iq>",
        ] {
            assert_eq!(namespace(stanza).as_deref(), Some("urn:a&b"), "{stanza}");
        }
        for stanza in [
            "",
            "<iq/>",
            "<iq></iq>",
            "<iq><query/></iq>",
            "<iq><x:q/></iq>",
            "<iq xmlns='urn:a'><query xmlns=''/></iq>",
            "<iq xmlns='urn:a'><x:query xmlns='urn:a'/></iq>",
        ] {
            assert_eq!(namespace(stanza), None, "{stanza}");
        }
    }

    #[test]
    fn names_and_attributes_are_those_of_its_tag() {
        let stanza = "<iq node='a'>t<x:q xmlns:x='urn:x' x:node='b' node=\"&lt;'\u{e9}\"><r node='d'/></x:q></iq>";
        let payload = Payload::of(stanza.as_bytes()).unwrap();
        assert_eq!(payload.name(), "q");
        assert_eq!(payload.attribute("node").as_deref(), Some("<'\u{e9}"));
        assert_eq!(payload.attribute("x"), None);
        let payload = Payload::of(b"<iq node='a'><q x:node='b'/></iq>").unwrap();
        assert_eq!((payload.name(), payload.attribute("node")), ("q", None));
    }
}
