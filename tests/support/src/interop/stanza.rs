//! What arrives on a client's stream: the exact bytes of each stanza, and its infoset.
//!
//! Servers rewrite stanzas (attribute order, prefixes, references), so what two paths deliver is
//! compared as infosets: names by namespace, attributes as a set, text with its references
//! resolved.

use std::collections::BTreeMap;
use std::ops::Deref;

use rxml::error::EndOrError;
use rxml::{Event, Options, Parse, Parser, WithOptions};

pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// A stanza as it came from the server.
#[derive(Debug, Clone)]
pub struct Stanza {
    pub bytes: Vec<u8>,
    pub root: Element,
}

impl Deref for Stanza {
    type Target = Element;

    fn deref(&self) -> &Element {
        &self.root
    }
}

/// An element of the XML infoset, without prefixes, declarations and attribute order.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    pub namespace: String,
    pub name: String,
    pub attributes: BTreeMap<(String, String), String>,
    pub nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// The value of an attribute without a namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_in("", name)
    }

    pub fn attr_in(&self, namespace: &str, name: &str) -> Option<&str> {
        self.attributes.get(&(namespace.into(), name.into())).map(String::as_str)
    }

    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    pub fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// The condition and the text of a stanza error.
    pub fn error(&self) -> Option<(String, String)> {
        let error = self.child("error")?;
        let of_stanza = |element: &&Element| element.namespace == STANZA_ERRORS;
        let condition = error.elements().filter(of_stanza).find(|it| it.name != "text")?;
        let text = error.elements().filter(of_stanza).find(|it| it.name == "text");
        Some((condition.name.clone(), text.map(Element::text).unwrap_or_default()))
    }

    /// The same without the addresses and the id, as a relay must not change it.
    pub fn without_addresses(&self) -> Element {
        let mut element = self.clone();
        for name in ["to", "from", "id"] {
            element.attributes.remove(&(String::new(), name.to_string()));
        }
        element
    }

    fn push_text(&mut self, text: &str) {
        match self.nodes.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ => self.nodes.push(Node::Text(text.into())),
        }
    }
}

/// Without recursion, since servers pass on 30,000 levels.
impl Drop for Element {
    fn drop(&mut self) {
        let mut nodes = std::mem::take(&mut self.nodes);
        while let Some(node) = nodes.pop() {
            if let Node::Element(mut element) = node {
                nodes.append(&mut element.nodes);
            }
        }
    }
}

/// Cuts a stream into its header and its stanzas, strictly by RFC 6120.
pub struct StanzaReader {
    parser: Parser,
    /// Elements that are open, the stream header first.
    open: Vec<Element>,
    /// Bytes of the stanza that is being read.
    bytes: Vec<u8>,
}

pub enum Item {
    Header(Element),
    Stanza(Stanza),
    End,
}

impl StanzaReader {
    pub fn new() -> StanzaReader {
        // A generous token limit: tests send attributes of megabytes.
        let options = Options { max_token_length: 1 << 22, ..Options::default() };
        StanzaReader { parser: Parser::with_options(options), open: Vec::new(), bytes: Vec::new() }
    }

    pub fn feed(&mut self, mut data: &[u8]) -> Result<Vec<Item>, String> {
        let mut items = Vec::new();
        loop {
            let before = data;
            let event = self.parser.parse(&mut data, false);
            self.bytes.extend_from_slice(&before[..before.len() - data.len()]);
            match event {
                Ok(Some(event)) => items.extend(self.step(event)),
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(items),
                Err(EndOrError::Error(error)) => {
                    let seen = String::from_utf8_lossy(&self.bytes).into_owned();
                    return Err(format!("{error} after {seen}"));
                }
            }
        }
    }

    fn step(&mut self, event: Event) -> Option<Item> {
        match event {
            Event::XmlDeclaration(..) => self.bytes.clear(),
            Event::StartElement(_, (namespace, name), attributes) => {
                let attributes = attributes
                    .iter()
                    .map(|((ns, name), value)| ((ns.to_string(), name.to_string()), value.clone()))
                    .collect();
                let element = Element {
                    namespace: namespace.to_string(),
                    name: name.to_string(),
                    attributes,
                    nodes: Vec::new(),
                };
                self.open.push(element.clone());
                if self.open.len() == 1 {
                    self.bytes.clear();
                    return Some(Item::Header(element));
                }
            }
            Event::Text(_, text) => self.open.last_mut()?.push_text(&text),
            Event::EndElement(_) => {
                let element = self.open.pop()?;
                match self.open.len() {
                    0 => return Some(Item::End),
                    1 => {
                        let bytes = std::mem::take(&mut self.bytes);
                        return Some(Item::Stanza(Stanza { bytes, root: element }));
                    }
                    _ => self.open.last_mut()?.nodes.push(Node::Element(element)),
                }
            }
        }
        // Whitespace between stanzas belongs to none.
        if self.open.len() == 1 {
            self.bytes.clear();
            self.open[0].nodes.clear();
        }
        None
    }
}
