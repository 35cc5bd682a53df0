//! `account-queries`: namespaces of requests that the target's server answers for its account.

use std::sync::Arc;

use super::problem::Problem;
use super::value::Value;

pub(super) fn read(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Arc<[String]>> {
    let items = value.items(EXAMPLE).map_err(|problem| problems.push(problem)).ok()?;
    let mut namespaces = Vec::new();
    let mut is_faulty = false;
    for item in items {
        match namespace(item) {
            Ok(namespace) => {
                if namespace == VCARD4 {
                    problems.push(Problem::warning(
                        item.place(),
                        "a vCard of this kind may have the target's address in its <uri>, and users \
                         would see it",
                        "keep the address out of the vCard, or the namespace out of this list",
                    ));
                }
                namespaces.push(namespace.to_owned());
            }
            Err(problem) => {
                is_faulty = true;
                problems.push(problem);
            }
        }
    }
    (!is_faulty).then(|| namespaces.into())
}

fn namespace<'a>(item: Value<'a>) -> Result<&'a str, Problem> {
    let text = item.text()?;
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let message = "in `account-queries`: this is not a namespace";
        return Err(item.error(message, format!("for example: {EXAMPLE}")));
    }
    let is_private = |known: &&str| match known.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => text == *known,
    };
    if PRIVATE.iter().any(is_private) {
        return Err(item.error(
            "in `account-queries`: this is between the target and its server, not for users",
            "remove it",
        ));
    }
    Ok(text)
}

/// Roster, block list, private storage, archive, registration and carbons. Servers refuse them to
/// all but the account itself; nothing depends on that here.
const PRIVATE: [&str; 7] = [
    "jabber:iq:roster",
    "urn:xmpp:blocking",
    "jabber:iq:privacy",
    "jabber:iq:private",
    "jabber:iq:register",
    "urn:xmpp:mam:*",
    "urn:xmpp:carbons:*",
];
/// XEP-0292, whose text is not looked at.
const VCARD4: &str = "urn:ietf:params:xml:ns:vcard-4.0";
const EXAMPLE: &str = "account-queries = [\"vcard-temp\", \"http://jabber.org/protocol/pubsub\"]";
