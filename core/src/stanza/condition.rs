//! The conditions of stanza errors.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};

use crate::named;

macro_rules! conditions {
    ($($variant:ident $name:literal $type_:literal,)+) => {
        named! {
            /// A defined condition of a stanza error (RFC 6120 section 8.3.3), named like its
            /// element. The list is fixed, so a sender can't add to it.
            #[derive(Serialize, Deserialize)]
            pub enum DefinedCondition { $(#[serde(rename = $name)] $variant = $name,)+ }
        }

        impl DefinedCondition {
            /// Its error type, the first where the RFC leaves a choice.
            pub fn error_type(self) -> &'static str {
                match self { $(Self::$variant => $type_,)+ }
            }

            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

conditions! {
    BadRequest "bad-request" "modify",
    Conflict "conflict" "cancel",
    FeatureNotImplemented "feature-not-implemented" "cancel",
    Forbidden "forbidden" "auth",
    Gone "gone" "cancel",
    InternalServerError "internal-server-error" "cancel",
    ItemNotFound "item-not-found" "cancel",
    JidMalformed "jid-malformed" "modify",
    NotAcceptable "not-acceptable" "modify",
    NotAllowed "not-allowed" "cancel",
    NotAuthorized "not-authorized" "auth",
    PolicyViolation "policy-violation" "modify",
    RecipientUnavailable "recipient-unavailable" "wait",
    Redirect "redirect" "modify",
    RegistrationRequired "registration-required" "auth",
    RemoteServerNotFound "remote-server-not-found" "cancel",
    RemoteServerTimeout "remote-server-timeout" "wait",
    ResourceConstraint "resource-constraint" "wait",
    ServiceUnavailable "service-unavailable" "cancel",
    SubscriptionRequired "subscription-required" "auth",
    UndefinedCondition "undefined-condition" "cancel",
    UnexpectedRequest "unexpected-request" "wait",
}

impl DefinedCondition {
    /// The condition of a stanza of type error; `undefined-condition` if it has none of the list.
    /// The original request, which may be sent back with it, is skipped.
    pub fn of(stanza: &[u8]) -> Self {
        find(stanza).unwrap_or(Self::UndefinedCondition)
    }

    /// Whether it is what a server sends for a resource that does not exist, or can't be reached
    /// (docs/servers.md#missing-resource). A client may say it, too: RFC 6120 section 8.4 has it
    /// answer `service-unavailable` to what it does not understand.
    pub fn is_of_missing(self) -> bool {
        matches!(
            self,
            Self::ServiceUnavailable
                | Self::RecipientUnavailable
                | Self::ItemNotFound
                | Self::Gone
                | Self::RemoteServerNotFound
                | Self::RemoteServerTimeout
        )
    }
}

fn find(stanza: &[u8]) -> Option<DefinedCondition> {
    let mut reader = Reader::from_str(str::from_utf8(stanza).ok()?);
    reader.config_mut().expand_empty_elements = true;
    let (mut depth, mut in_error) = (0, false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                let name = tag.local_name();
                let name: &str = name.as_ref();
                match depth {
                    1 => in_error = name == "error",
                    2 if in_error => {
                        // A text, or a condition of the application's own, may stand before it.
                        if let Some(condition) = DefinedCondition::named(name) {
                            return Some(condition);
                        }
                    }
                    _ => {}
                }
                depth += 1;
            }
            Event::End(_) => {
                depth -= 1;
                if depth == 0 || depth == 1 && in_error {
                    return None;
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &str) -> &'static str {
        DefinedCondition::of(format!("<iq type='error'>{error}</iq>").as_bytes()).name()
    }

    #[test]
    fn every_condition_is_known_by_its_name() {
        assert_eq!(DefinedCondition::ALL.len(), 22);
        for (place, condition) in DefinedCondition::ALL.iter().enumerate() {
            assert_eq!(*condition as usize, place);
            let name = condition.name();
            assert_eq!(of(&format!("<error><{name} xmlns='x'/></error>")), name);
            assert_eq!(serde_json::to_value(condition).unwrap(), name);
        }
    }

    #[test]
    fn it_is_found_wherever_it_stands_within_the_error() {
        let gone = "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a@b</gone>";
        assert_eq!(of(&format!("<error type='cancel'>{gone}</error>")), "gone");
        assert_eq!(of(&format!("<error><text>conflict</text><own/>{gone}</error>")), "gone");
        assert_eq!(
            of(&format!(
                "<query><error><conflict/></error></query><e:error xmlns:e='jabber:client'>{gone}</e:error>"
            )),
            "gone"
        );
    }

    #[test]
    fn an_unknown_condition_is_undefined() {
        for error in [
            "",
            "<error/>",
            "<error><my-own-condition/></error>",
            "<error><x><conflict/></x></error>",
            "<conflict/>",
            "<error/><error><conflict/></error>",
            "<error><conflict",
        ] {
            assert_eq!(of(error), "undefined-condition", "{error}");
        }
        assert_eq!(DefinedCondition::of(b"\xff"), DefinedCondition::UndefinedCondition);
        assert_eq!(DefinedCondition::of(b"</a></b>"), DefinedCondition::UndefinedCondition);
    }
}
