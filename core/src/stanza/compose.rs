//! The stanzas that we write ourselves: errors, results, presence, echoes and requests for the
//! time.

use std::borrow::Cow;

use super::condition::DefinedCondition;
use super::discovery::{Identity, Item, write_info, write_items};
use super::escape::{write_attribute, write_escaped};
use super::head::Kind;
use super::presence_type::PresenceType;

/// The addresses and the id of a stanza. They are texts, since some come from a server as they are.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub to: &'a str,
    pub from: &'a str,
    pub id: Option<&'a str>,
}

/// A stanza of our own, without its envelope.
#[derive(Clone, Copy, Debug)]
pub enum Authored<'a> {
    /// The answer to a stanza of `kind` that is not relayed; `by` is the component's domain.
    Error {
        kind: Kind,
        by: &'a str,
        refusal: &'a Refusal,
    },
    /// The answer to a request that is for us.
    Result(ResultContent<'a>),
    Presence(PresenceType),
    /// A message of the component to itself, from one of its domains to the same or another.
    Echo,
    /// A request for a server's time (XEP-0202).
    TimeRequest,
}

/// What a result has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultContent<'a> {
    Empty,
    /// To a query for information (XEP-0030 section 3).
    Info {
        identity: &'a Identity,
        features: &'a [String],
    },
    /// To a query for items (XEP-0030 section 4).
    Items(&'a [Item]),
}

/// The error that tells a sender why its stanza is not relayed (RFC 6120 section 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub condition: DefinedCondition,
    pub error_type: &'static str,
    /// In English.
    pub text: Cow<'static, str>,
}

impl Authored<'_> {
    /// Appends the stanza to `output`.
    pub fn write(&self, envelope: &Envelope<'_>, output: &mut Vec<u8>) {
        let Envelope { to, from, mut id } = *envelope;
        let (name, type_) = match self {
            Self::Error { kind, .. } => {
                // An answer without an id is lost, one with an empty id arrives
                // (docs/servers.md#answer-without-id).
                if *kind == Kind::Iq {
                    id = id.or(Some(""));
                }
                (name_of(*kind), Some("error"))
            }
            Self::Result(_) => ("iq", Some("result")),
            Self::Presence(type_) => ("presence", type_.name()),
            // A headline is never stored, and unlike an IQ it comes back on whatever connection
            // the server picks.
            Self::Echo => ("message", Some("headline")),
            Self::TimeRequest => ("iq", Some("get")),
        };
        output.push(b'<');
        output.extend(name.as_bytes());
        for (name, value) in [("type", type_), ("id", id), ("to", Some(to)), ("from", Some(from))] {
            if let Some(value) = value {
                output.push(b' ');
                write_attribute(name, value, output);
            }
        }
        match self {
            Self::Presence(_) | Self::Echo | Self::Result(ResultContent::Empty) => {
                output.extend(b"/>");
                return;
            }
            Self::Error { by, refusal, .. } => {
                output.push(b'>');
                write_error(by, refusal, output);
            }
            Self::Result(ResultContent::Info { identity, features }) => {
                output.push(b'>');
                write_info(identity, features, output);
            }
            Self::Result(ResultContent::Items(items)) => {
                output.push(b'>');
                write_items(items, output);
            }
            Self::TimeRequest => output.extend(b"><time xmlns='urn:xmpp:time'/>"),
        }
        output.extend(b"</");
        output.extend(name.as_bytes());
        output.push(b'>');
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Message => "message",
        Kind::Presence => "presence",
        Kind::Iq | Kind::Other => "iq",
    }
}

/// Appends the error element of an error stanza (RFC 6120 section 8.3.2).
fn write_error(by: &str, refusal: &Refusal, output: &mut Vec<u8>) {
    let Refusal { condition, error_type, text } = refusal;
    output.extend(b"<error ");
    write_attribute("type", error_type, output);
    output.push(b' ');
    write_attribute("by", by, output);
    output.extend(b"><");
    output.extend(condition.name().as_bytes());
    output.extend(b" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
    output.extend(b"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>");
    write_escaped(text, output);
    output.extend(b"</text></error>");
}

#[cfg(test)]
mod tests {
    use xmpp_parsers::iq::Iq;
    use xmpp_parsers::message::{Message, MessageType};
    use xmpp_parsers::minidom::Element;
    use xmpp_parsers::presence::{Presence, Type};
    use xmpp_parsers::stanza_error::{self, StanzaError};
    use xmpp_parsers::time::TimeQuery;

    use super::*;

    const ENVELOPE: Envelope<'_> = Envelope { to: "bot@s.example", from: "p.example", id: None };

    fn written(stanza: &Authored<'_>, envelope: &Envelope<'_>) -> String {
        let mut output = b"before".to_vec();
        stanza.write(envelope, &mut output);
        String::from_utf8(output).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    /// What a library reads on a stream with its default namespace.
    fn read(stanza: &str) -> Element {
        let name = stanza.find([' ', '/', '>']).unwrap();
        let (name, rest) = stanza.split_at(name);
        format!("{name} xmlns='jabber:component:accept'{rest}").parse().unwrap()
    }

    fn error_of(kind: Kind, refusal: &Refusal, envelope: &Envelope<'_>) -> StanzaError {
        let element = read(&written(&Authored::Error { kind, by: "p.example", refusal }, envelope));
        let without = (kind == Kind::Iq).then_some("");
        assert_eq!(element.attr("id"), envelope.id.or(without));
        assert_eq!(element.attr("to"), Some(envelope.to));
        assert_eq!(element.attr("from"), Some(envelope.from));
        assert_eq!((element.attr("type"), element.children().count()), (Some("error"), 1));
        element.children().next().unwrap().clone().try_into().unwrap()
    }

    #[test]
    fn an_error_says_by_whom_it_is_and_why_for_every_condition() {
        for condition in DefinedCondition::ALL {
            let error_type = condition.error_type();
            let refusal = Refusal { condition, error_type, text: "nobody <here> & \"'".into() };
            let error = error_of(Kind::Iq, &refusal, &Envelope { id: Some("7"), ..ENVELOPE });
            // The library's variants have the same names.
            let wanted = format!("{condition:?}");
            assert!(format!("{:?}", error.defined_condition).starts_with(&wanted), "{wanted}");
            assert_eq!(error.by.unwrap().to_string(), "p.example");
            assert_eq!(error.texts.len(), 1);
            assert_eq!(error.texts["en"], refusal.text);
            assert_eq!(error.other, None);
            let type_ = match error.type_ {
                stanza_error::ErrorType::Auth => "auth",
                stanza_error::ErrorType::Cancel => "cancel",
                stanza_error::ErrorType::Continue => "continue",
                stanza_error::ErrorType::Modify => "modify",
                stanza_error::ErrorType::Wait => "wait",
            };
            assert_eq!(type_, condition.error_type());
        }
    }

    #[test]
    fn an_error_answers_each_kind_and_an_iq_has_an_id() {
        let condition = DefinedCondition::Forbidden;
        let refusal = Refusal { condition, error_type: "wait", text: "".into() };
        for (kind, name) in
            [(Kind::Iq, "iq"), (Kind::Message, "message"), (Kind::Presence, "presence")]
        {
            let stanza = Authored::Error { kind, by: "p.example", refusal: &refusal };
            assert_eq!(read(&written(&stanza, &ENVELOPE)).name(), name);
            for id in [None, Some(""), Some("a\n'\"<&>\tb")] {
                error_of(kind, &refusal, &Envelope { to: "u@s.example/'&", id, ..ENVELOPE });
            }
        }
    }

    #[test]
    fn presence_is_of_its_type() {
        for (type_, wanted) in [
            (PresenceType::Available, Type::None),
            (PresenceType::Probe, Type::Probe),
            (PresenceType::Subscribe, Type::Subscribe),
            (PresenceType::Subscribed, Type::Subscribed),
            (PresenceType::Unsubscribed, Type::Unsubscribed),
            (PresenceType::Unavailable, Type::Unavailable),
        ] {
            let element = read(&written(&Authored::Presence(type_), &ENVELOPE));
            assert_eq!(element.attr("id"), None);
            let presence = Presence::try_from(element).unwrap();
            let plain = Presence::new(wanted)
                .with_to("bot@s.example".parse::<jid::Jid>().unwrap())
                .with_from("p.example".parse::<jid::Jid>().unwrap());
            assert_eq!(presence, plain);
        }
    }

    #[test]
    fn an_echo_is_a_headline() {
        let envelope = Envelope { to: "p.example", id: Some("e'1"), ..ENVELOPE };
        let message = Message::try_from(read(&written(&Authored::Echo, &envelope))).unwrap();
        assert_eq!((message.type_, message.payloads.len()), (MessageType::Headline, 0));
        assert_eq!(message.id.unwrap().0, "e'1");
        assert_eq!(message.to.unwrap().to_string(), "p.example");
        assert_eq!(message.from.unwrap().to_string(), "p.example");
    }

    #[test]
    fn a_time_request_is_well_formed() {
        let envelope = Envelope { to: "s.example", id: Some("t1"), ..ENVELOPE };
        let iq = Iq::try_from(read(&written(&Authored::TimeRequest, &envelope))).unwrap();
        let Iq::Get { from, to, id, payload } = iq else { panic!("{iq:?}") };
        assert_eq!((from.unwrap().to_string(), id), ("p.example".into(), "t1".into()));
        assert_eq!(to.unwrap().to_string(), "s.example");
        assert!(TimeQuery::try_from(payload).is_ok());
    }
}
