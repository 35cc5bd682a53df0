//! What service discovery returns (XEP-0030): an identity, features and items.

use super::escape::write_attribute;

/// What an address is. Category and type are words of the registry for service discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub category: String,
    pub type_: String,
    /// For people.
    pub name: Option<String>,
}

impl Default for Identity {
    fn default() -> Self {
        Self { category: "component".into(), type_: "generic".into(), name: None }
    }
}

/// Another address, as a list of items has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub address: String,
    /// For people.
    pub name: Option<String>,
}

/// Appends the answer to a query for information.
pub(super) fn write_info(identity: &Identity, features: &[String], output: &mut Vec<u8>) {
    begin(INFO, output);
    let Identity { category, type_, name } = identity;
    let attributes = [("category", Some(category)), ("type", Some(type_)), ("name", name.as_ref())];
    write_empty(b"<identity", &attributes, output);
    for feature in features {
        write_empty(b"<feature", &[("var", Some(feature))], output);
    }
    output.extend(b"</query>");
}

/// Appends the answer to a query for items.
pub(super) fn write_items(items: &[Item], output: &mut Vec<u8>) {
    begin(ITEMS, output);
    for Item { address, name } in items {
        write_empty(b"<item", &[("jid", Some(address)), ("name", name.as_ref())], output);
    }
    output.extend(b"</query>");
}

fn begin(namespace: &str, output: &mut Vec<u8>) {
    output.extend(b"<query ");
    write_attribute("xmlns", namespace, output);
    output.push(b'>');
}

fn write_empty(begin: &[u8], attributes: &[(&str, Option<&String>)], output: &mut Vec<u8>) {
    output.extend(begin);
    for (name, value) in attributes {
        if let Some(value) = value {
            output.push(b' ');
            write_attribute(name, value, output);
        }
    }
    output.extend(b"/>");
}

/// The namespace of queries for an identity and features.
pub const INFO: &str = "http://jabber.org/protocol/disco#info";
/// The namespace of queries for items.
pub const ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// The namespace of pings (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
