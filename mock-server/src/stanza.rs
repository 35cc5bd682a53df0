//! One whole stanza in the server, and those that the server makes itself.

use jat_core::stanza::escape::{write_attribute, write_escaped};
use jat_core::stanza::head::{Head, Kind, Rewrite};
use jat_core::stanza::limits::Limits;
use jat_core::stanza::peek;
use jat_core::stanza::splitter::{Element, Piece, Splitter};
use jat_core::stanza::xml_error::XmlError;

/// A well-formed top-level element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stanza {
    xml: String,
    head_end: usize,
}

impl Stanza {
    /// Reads `xml`, which is exactly one element.
    pub(crate) fn parse(xml: &str) -> Result<Self, XmlError> {
        match Splitter::new(UNLIMITED).next(xml.as_bytes())? {
            Some(Piece::Element(element)) if element.end == xml.len() => {
                Self::cut(xml.as_bytes(), &element)
            }
            _ => Err(XmlError::Tag),
        }
    }

    /// Takes the element that a splitter found out of its buffer.
    pub(crate) fn cut(buffer: &[u8], element: &Element) -> Result<Self, XmlError> {
        let xml =
            str::from_utf8(&buffer[element.tag.start..element.end]).map_err(|_| XmlError::Utf8)?;
        let stanza = Self { xml: xml.to_owned(), head_end: element.tag.end - element.tag.start };
        Head::parse(&stanza.xml[..stanza.head_end])?;
        Ok(stanza)
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head::parse(&self.xml[..self.head_end]).expect("checked when the stanza was made")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.xml
    }

    pub(crate) fn into_string(self) -> String {
        self.xml
    }

    /// The same stanza with other addresses.
    pub(crate) fn readdressed(&self, from: &str, to: &str) -> Self {
        let mut output = Vec::with_capacity(self.xml.len() + from.len() + to.len());
        self.head().rewrite(&Rewrite { to, from: from.into(), id: None }, &mut output);
        let head_end = output.len();
        output.extend(&self.xml.as_bytes()[self.head_end..]);
        let xml = String::from_utf8(output).expect("made of texts");
        Self { xml, head_end }
    }

    /// A presence without content; no `type_` means available.
    pub(crate) fn presence(type_: Option<&str>, from: &str, to: &str) -> Self {
        let mut xml = b"<presence".to_vec();
        let attributes = [("type", type_), ("from", Some(from)), ("to", Some(to))];
        write_attributes(&attributes, &mut xml);
        xml.extend(b"/>");
        Self::made(xml)
    }

    /// The error that answers this stanza from the address that it was sent to. `None` for kinds that
    /// are never answered (RFC 6120 section 8.3.1).
    pub(crate) fn bounce(&self, error_type: &str, condition: &str) -> Option<Self> {
        let head = self.head();
        let type_ = head.type_.as_deref();
        let name = match (head.kind, type_) {
            (Kind::Iq, Some("get" | "set")) => "iq",
            (Kind::Message, type_) if type_ != Some("error") => "message",
            (Kind::Presence, Some("subscribe")) => "presence",
            _ => return None,
        };
        let mut xml = format!("<{name}").into_bytes();
        let attributes = [
            ("type", Some("error")),
            ("id", head.id.as_deref()),
            ("from", head.to.as_deref()),
            ("to", head.from.as_deref()),
        ];
        write_attributes(&attributes, &mut xml);
        let ns = "urn:ietf:params:xml:ns:xmpp-stanzas";
        xml.extend(
            format!("><error type='{error_type}'><{condition} xmlns='{ns}'/></error></{name}>")
                .as_bytes(),
        );
        Some(Self::made(xml))
    }

    /// The answer of a server to a time query (XEP-0202), if this is one.
    pub(crate) fn time(&self, utc: &str) -> Option<Self> {
        let head = self.head();
        let asks = head.kind == Kind::Iq && head.type_.as_deref() == Some("get");
        if !asks || peek::find(self.xml.as_bytes(), &["iq", "time"]).is_none() {
            return None;
        }
        let mut xml = b"<iq type='result'".to_vec();
        let (id, from, to) = (head.id.as_deref(), head.to.as_deref(), head.from.as_deref());
        write_attributes(&[("id", id), ("from", from), ("to", to)], &mut xml);
        let time = format!("<time xmlns='urn:xmpp:time'><tzo>Z</tzo><utc>{utc}</utc></time>");
        xml.extend(format!(">{time}</iq>").as_bytes());
        Some(Self::made(xml))
    }

    fn made(xml: Vec<u8>) -> Self {
        let xml = String::from_utf8(xml).expect("made of texts");
        Self::parse(&xml).expect("a stanza of our own making")
    }
}

/// A stream error and the end of the stream (RFC 6120 section 4.9.1.1).
pub(crate) fn stream_error(condition: &str, text: &str) -> Vec<u8> {
    let ns = "urn:ietf:params:xml:ns:xmpp-streams";
    let mut xml = format!("<stream:error><{condition} xmlns='{ns}'/>").into_bytes();
    if !text.is_empty() {
        xml.extend(format!("<text xmlns='{ns}'>").as_bytes());
        write_escaped(text, &mut xml);
        xml.extend(b"</text>");
    }
    xml.extend(b"</stream:error></stream:stream>");
    xml
}

/// The conditions of stream errors (RFC 6120 section 4.9.3).
pub const STREAM_ERRORS: [&str; 25] = [
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
];

fn write_attributes(attributes: &[(&str, Option<&str>)], output: &mut Vec<u8>) {
    for (name, value) in attributes {
        if let Some(value) = value {
            output.push(b' ');
            write_attribute(name, value, output);
        }
    }
}

/// A server has limits of its own; this one leaves them to the component under test.
pub(crate) const UNLIMITED: Limits = Limits {
    max_bytes: UNBOUNDED,
    max_tag: UNBOUNDED,
    max_depth: UNBOUNDED,
    max_attributes: UNBOUNDED,
};
const UNBOUNDED: usize = usize::MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exactly_one_element() {
        assert!(Stanza::parse("<iq type='get'><a/></iq>").is_ok());
        for not in ["", "<iq>", "<iq/><iq/>", "<iq/> ", "text", "<iq a='1' a='2'/>"] {
            assert!(Stanza::parse(not).is_err(), "{not}");
        }
    }

    #[test]
    fn new_addresses_leave_the_rest_alone() {
        let stanza = Stanza::parse("<iq id='1' to='b'><q>&amp;</q></iq>").unwrap();
        assert_eq!(
            stanza.readdressed("a/'", "c").as_str(),
            "<iq from='a/&apos;' id='1' to='c'><q>&amp;</q></iq>"
        );
    }

    #[test]
    fn only_requests_bounce() {
        let bounce = |xml: &str| Stanza::parse(xml).unwrap().bounce("cancel", "gone");
        assert_eq!(
            bounce("<iq type='get' id='&lt;' to='b' from='a'><q/></iq>").unwrap().as_str(),
            "<iq type='error' id='&lt;' from='b' to='a'><error type='cancel'>\
             <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
        for silent in ["<iq type='result'/>", "<iq type='error'/>", "<presence/>", "<foo/>"] {
            assert_eq!(bounce(silent), None, "{silent}");
        }
    }
}
