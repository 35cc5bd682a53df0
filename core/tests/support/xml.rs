//! As much XML as the model uses. No element contains one with the same name, and no attribute an
//! unescaped `>`.

use std::borrow::Cow;

use jat_core::stanza::escape::{write_attribute, write_escaped};

/// A stanza taken apart; the values are as they are written, empty if there are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stanza<'x> {
    pub type_: &'x str,
    pub id: &'x str,
    pub to: &'x str,
    pub from: &'x str,
    /// What follows the start tag.
    pub content: &'x str,
}

impl<'x> Stanza<'x> {
    pub fn read(xml: &'x str) -> Self {
        let mut stanza = Self::default();
        let end = memchr::memchr(b'>', xml.as_bytes()).expect("a whole start tag");
        stanza.content = &xml[end + 1..];
        let mut rest = &xml[..end];
        while let Some(at) = memchr::memchr(b'=', rest.as_bytes()) {
            let (name, quote, text) = (&rest[..at], rest.as_bytes()[at + 1], &rest[at + 2..]);
            let length = memchr::memchr(quote, text.as_bytes()).expect("an end");
            let value = &text[..length];
            rest = &text[length + 1..];
            if name.ends_with(" to") {
                stanza.to = value;
            } else if name.ends_with(" from") {
                stanza.from = value;
            } else if name.ends_with(" id") {
                stanza.id = value;
            } else if name.ends_with(" type") {
                stanza.type_ = value;
            }
        }
        stanza
    }
}

/// For an attribute, as servers write it.
pub fn escaped(text: &str) -> String {
    let mut output = Vec::new();
    write_escaped(text, &mut output);
    String::from_utf8(output).expect("text")
}

/// The value of an attribute, given how it is written.
pub fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let text = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Cow::Owned(text.replace("&apos;", "'").replace("&amp;", "&"))
}

/// An element as servers write it; without `content` an empty one.
pub fn element(name: &str, attributes: &[(&str, &str)], content: &str) -> String {
    let mut xml = Vec::with_capacity(512);
    xml.push(b'<');
    xml.extend(name.as_bytes());
    for (name, value) in attributes {
        xml.push(b' ');
        write_attribute(name, value, &mut xml);
    }
    if content.is_empty() {
        xml.extend(b"/>");
    } else {
        xml.push(b'>');
        xml.extend(content.as_bytes());
        xml.extend(b"</");
        xml.extend(name.as_bytes());
        xml.push(b'>');
    }
    String::from_utf8(xml).expect("text")
}

/// The top-level elements of what a replica wrote.
pub fn split(mut text: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    while let Some(start) = text.find('<') {
        text = &text[start..];
        let head = text.find('>').expect("a whole start tag") + 1;
        let end = if text[..head].ends_with("/>") {
            head
        } else {
            let name = text[1..head - 1].split(' ').next().expect("a name");
            let close = format!("</{name}>");
            text.find(&close).expect("a whole element") + close.len()
        };
        elements.push(&text[..end]);
        text = &text[end..];
    }
    elements
}

/// `xml` with another id.
pub fn with_id(xml: &str, id: &str) -> String {
    let (before, after) = xml.split_once(" id=").expect("an id");
    let (quote, value) = after.split_at(1);
    let (_, after) = value.split_once(quote).expect("an end");
    [before, " id=", quote, &escaped(id), quote, after].concat()
}
