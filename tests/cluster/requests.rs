//! Users who ask and bots that answer, and the ledger of that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use core_tests::xml::{Stanza, unescaped};
use jat_core::jat::token::inspect;

use crate::client::{Client, Conduct};
use crate::ledger::{Ledger, Signature};

/// What all clients share.
pub struct Book {
    pub domain: String,
    /// Addresses of the users, by number.
    pub users: Vec<String>,
    ledger: Mutex<Ledger>,
    /// Replies that bots keep back.
    held: Mutex<Option<Vec<Held>>>,
}

/// Which bot, which request, and what it says.
type Held = (Arc<Client>, usize, String);

impl Book {
    pub fn new(domain: &str, users: Vec<String>) -> Book {
        Book { domain: domain.into(), users, ledger: Mutex::default(), held: Mutex::default() }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has this user ask, if he is logged in; whether he did.
    pub fn ask(&self, user: &Client) -> bool {
        user.send_numbered(|host, session| {
            let number = self.ledger().ask(user.number, host, session);
            let to = &self.domain;
            format!("<iq type='get' id='q{number}' to='{to}'><ask xmlns='urn:example:ask'/></iq>")
        })
    }

    /// From now on bots keep their replies.
    pub fn hold(&self) {
        *self.held() = Some(Vec::new());
    }

    /// How many replies are kept.
    pub fn held_count(&self) -> usize {
        self.held().as_ref().map_or(0, Vec::len)
    }

    /// They send them.
    pub fn release(&self) {
        for (bot, number, reply) in self.held().take().expect("they hold them") {
            self.reply(&bot, number, &reply);
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Vec<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, bot: &Client, number: usize, reply: &str) {
        self.ledger().answers(number);
        bot.send(reply);
    }
}

/// A user's conduct.
pub struct Asks(pub Arc<Book>);

impl Conduct for Asks {
    fn moves(&self) -> bool {
        true
    }

    fn greeting(&self) -> &'static str {
        ""
    }

    fn hears(&self, client: &Client, stanza: &Stanza<'_>, xml: &str) {
        if !xml.starts_with("<iq") || !matches!(stanza.type_, "result" | "error") {
            return;
        }
        let address = client.address();
        let signed = match stanza.type_ {
            "error" => Err(condition(stanza.content)),
            _ => Ok(Signature {
                number: within(stanza.content, " n=").and_then(|it| it.parse().ok()),
                user: within(stanza.content, " user=").unwrap_or_default(),
            }),
        };
        let number = stanza.id.strip_prefix('q').and_then(|it| it.parse().ok());
        let from_asked = stanza.from == self.0.domain && stanza.to == address;
        self.0.ledger().comes(number, (client.number, &address), signed, from_asked);
    }

    fn ends(&self, client: &Client, session: u32) {
        self.0.ledger().ends(client.number, session);
    }
}

/// A bot's conduct.
pub struct Answers {
    pub book: Arc<Book>,
    /// All of them, to which it belongs itself.
    pub bots: Arc<Mutex<Vec<Arc<Client>>>>,
}

impl Conduct for Answers {
    fn moves(&self) -> bool {
        false
    }

    fn greeting(&self) -> &'static str {
        "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>"
    }

    fn hears(&self, client: &Client, stanza: &Stanza<'_>, xml: &str) {
        let from = stanza.from;
        if xml.starts_with("<presence") && stanza.type_ == "subscribe" {
            client.send(&format!("<presence type='subscribed' to='{from}'/>"));
        }
        let from_proxy = from.split('/').next().is_some_and(|it| it.ends_with(&self.book.domain));
        if !xml.starts_with("<iq") || stanza.type_ != "get" || !from_proxy {
            return;
        }
        // In the resource of the domain, or in the id where there is a mirror.
        let token = if from.contains('@') {
            unescaped(stanza.id)
        } else {
            from.split_once('/').map_or("", |it| it.1).into()
        };
        let token = inspect(&token).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let claims = token.claims();
        let number = claims.id().strip_prefix('q').and_then(|it| it.parse().ok());
        let asker = self.book.users.iter().position(|it| it == claims.user());
        let asker = asker.unwrap_or(usize::MAX);
        if !self.book.ledger().reaches(number, asker, client.number) {
            return;
        }
        let number: usize = number.expect("it is known");
        let reply = format!(
            "<iq type='result' id='{}' to='{from}'><answer xmlns='urn:example:ask' n='{number}' \
             user='{}'/></iq>",
            stanza.id,
            claims.user()
        );
        let mut held = self.book.held();
        if let Some(held) = &mut *held {
            let this = Arc::clone(&self.bots.lock().unwrap()[client.number]);
            return held.push((this, number, reply));
        }
        drop(held);
        self.book.reply(client, number, &reply);
    }

    fn ends(&self, _: &Client, _: u32) {}
}

/// The condition and text of an error.
fn condition(content: &str) -> String {
    let named = content
        .split('<')
        .find(|it| it.contains("urn:ietf:params:xml:ns:xmpp-stanzas") && !it.starts_with("text"));
    let name = named.and_then(|it| it.split([' ', '/', '>']).next()).unwrap_or("nothing");
    let text = content.split("<text").nth(1).and_then(|it| it.split(['>', '<']).nth(1));
    format!("{name} {:?}", text.unwrap_or_default())
}

/// The value of the first attribute with this name.
fn within<'a>(content: &'a str, name: &str) -> Option<&'a str> {
    let after = content.split_once(name)?.1;
    let (quote, value) = (after.get(..1)?, after.get(1..)?);
    value.split(quote).next()
}

#[test]
fn errors_are_told_by_condition_and_text() {
    let content = "<error type='cancel'><service-unavailable \
                   xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xml:lang='en' \
                   xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>User session not found</text></error>";
    assert_eq!(condition(content), "service-unavailable \"User session not found\"");
    assert_eq!(within("<a n='1' user=\"u@h/r\"/>", " user="), Some("u@h/r"));
}
