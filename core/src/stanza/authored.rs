//! The few stanzas that we author ourselves: errors, presence, and echoes to ourselves.

use std::borrow::Cow;

use jid::{BareJid, DomainPart, DomainRef};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::presence::Presence;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use super::head::{Kind, write_attribute};

/// Why a stanza is not relayed, as its sender is told (RFC 6120 section 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub condition: Condition,
    /// In English.
    pub text: Cow<'static, str>,
}

/// The stanza error conditions in use, each with the error type that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    BadRequest,
    FeatureNotImplemented,
    Forbidden,
    PolicyViolation,
    ServiceUnavailable,
}

/// The addresses of a stanza; texts, since some come from a server as they are.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub to: &'a str,
    pub from: &'a str,
    pub id: &'a str,
}

/// Appends a stanza of type error; `by` is the component's domain. It has an id, if need be an
/// empty one (docs/servers.md#answer-without-id).
pub fn write_error(
    kind: Kind,
    envelope: &Envelope<'_>,
    by: &DomainPart,
    refusal: &Refusal,
    output: &mut Vec<u8>,
) {
    let name = match kind {
        Kind::Message => "message",
        Kind::Presence => "presence",
        Kind::Iq | Kind::Other => "iq",
    };
    output.push(b'<');
    output.extend(name.as_bytes());
    let attributes =
        [("type", "error"), ("id", envelope.id), ("to", envelope.to), ("from", envelope.from)];
    for (name, value) in attributes {
        output.push(b' ');
        write_attribute(name, value, output);
    }
    output.push(b'>');
    let (type_, condition) = match refusal.condition {
        Condition::BadRequest => (ErrorType::Modify, DefinedCondition::BadRequest),
        Condition::FeatureNotImplemented => {
            (ErrorType::Cancel, DefinedCondition::FeatureNotImplemented)
        }
        Condition::Forbidden => (ErrorType::Auth, DefinedCondition::Forbidden),
        Condition::PolicyViolation => (ErrorType::Modify, DefinedCondition::PolicyViolation),
        Condition::ServiceUnavailable => (ErrorType::Cancel, DefinedCondition::ServiceUnavailable),
    };
    let mut error = StanzaError::new(type_, condition, "en", &*refusal.text);
    error.by = Some(by.clone().into());
    write_element(error.into(), output);
    output.extend(b"</");
    output.extend(name.as_bytes());
    output.push(b'>');
}

/// Appends `presence` (RFC 6121 sections 3 and 4) from the component's domain.
pub fn write_presence(presence: Presence, from: &DomainPart, to: &BareJid, output: &mut Vec<u8>) {
    let from: BareJid = from.clone().into();
    write_element(presence.with_from(from).with_to(to.clone()).into(), output);
}

/// Appends a refusal of a presence subscription to an address that is only text.
pub fn write_unsubscribed(to: &str, from: &str, output: &mut Vec<u8>) {
    output.extend(b"<presence type='unsubscribed' ");
    write_attribute("to", to, output);
    output.push(b' ');
    write_attribute("from", from, output);
    output.extend(b"/>");
}

/// Appends a message from the component to itself, from one of its domains to the same or another.
/// A headline is never stored, and unlike an IQ it comes back on whatever connection the server
/// picks.
pub fn write_echo(from: &DomainPart, to: &DomainPart, id: &str, output: &mut Vec<u8>) {
    output.extend(b"<message type='headline'");
    for (name, value) in [("id", id), ("to", to.as_str()), ("from", from.as_str())] {
        output.push(b' ');
        write_attribute(name, value, output);
    }
    output.extend(b"/>");
}

/// Appends a question for the time of `server` (XEP-0202).
pub fn write_time_request(domain: &DomainPart, server: &DomainRef, id: &str, output: &mut Vec<u8>) {
    output.extend(b"<iq type='get'");
    for (name, value) in [("id", id), ("to", server.as_str()), ("from", domain.as_str())] {
        output.push(b' ');
        write_attribute(name, value, output);
    }
    output.extend(b"><time xmlns='urn:xmpp:time'/></iq>");
}

fn write_element(element: Element, output: &mut Vec<u8>) {
    // Our own elements are of legal names and texts only.
    element.write_to(output).expect("writing an element to memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain() -> DomainPart {
        "p.example".parse().unwrap()
    }

    fn text(output: Vec<u8>) -> String {
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn an_error_names_its_author_and_reason() {
        let mut output = Vec::new();
        let envelope = Envelope { to: "u@s.example/'", from: "n@p.example/r", id: "" };
        let refusal =
            Refusal { condition: Condition::ServiceUnavailable, text: "nobody <here>".into() };
        write_error(Kind::Iq, &envelope, &domain(), &refusal, &mut output);
        let text = text(output);
        assert!(text.starts_with(
            "<iq type='error' id='' to='u@s.example/&apos;' from='n@p.example/r'><error "
        ));
        let element: Element =
            text.replacen("<iq ", "<iq xmlns='jabber:component:accept' ", 1).parse().unwrap();
        let error = element.get_child("error", "jabber:component:accept").unwrap();
        assert_eq!((error.attr("type"), error.attr("by")), (Some("cancel"), Some("p.example")));
        let stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";
        assert!(error.get_child("service-unavailable", stanzas).is_some());
        assert_eq!(error.get_child("text", stanzas).unwrap().text(), "nobody <here>");
    }

    #[test]
    fn presence_and_echo_carry_our_domain() {
        let mut output = Vec::new();
        let target: BareJid = "bot@s.example".parse().unwrap();
        write_presence(Presence::subscribe(), &domain(), &target, &mut output);
        let element: Element = text(output).parse().unwrap();
        assert_eq!(element.attr("from"), Some("p.example"));
        assert_eq!(
            (element.attr("to"), element.attr("type")),
            (Some("bot@s.example"), Some("subscribe"))
        );
        let mut output = Vec::new();
        write_echo(&domain(), &domain(), "e1", &mut output);
        let text = text(output).replacen(' ', " xmlns='jabber:component:accept' ", 1);
        let element: Element = text.parse().unwrap();
        assert_eq!(
            (element.attr("to"), element.attr("from")),
            (Some("p.example"), Some("p.example"))
        );
        assert_eq!((element.attr("type"), element.attr("id")), (Some("headline"), Some("e1")));
    }
}
