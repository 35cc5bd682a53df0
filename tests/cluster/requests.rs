//! Users who send requests and messages, bots that answer, and the records of all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use core_tests::xml::{Stanza, unescaped};
use jat_core::jat::token::inspect;

use crate::chats::Chats;
use crate::client::{Client, Conduct};
use crate::ledger::{Ledger, Signature};

/// What all clients share.
pub struct Book {
    pub domain: String,
    /// Addresses of the users, by number.
    pub users: Vec<String>,
    ledger: Mutex<Ledger>,
    chats: Mutex<Chats>,
    /// Replies that bots keep back.
    held: Mutex<Option<Vec<Held>>>,
}

/// The bot, the request, and the reply.
type Held = (Arc<Client>, usize, String);

impl Book {
    pub fn new(domain: &str, users: Vec<String>) -> Book {
        Book {
            domain: domain.into(),
            users,
            ledger: Mutex::default(),
            chats: Mutex::default(),
            held: Mutex::default(),
        }
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn chats(&self) -> MutexGuard<'_, Chats> {
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that users write to, and whose presence they see.
    pub fn helper(&self) -> String {
        format!("helper@{}", self.domain)
    }

    /// Has this user write, if logged in; returns whether that was so.
    pub fn write(&self, user: &Client) -> bool {
        user.send_numbered(|_, _| {
            let number = self.chats().write(user.number);
            let (to, user) = (self.helper(), user.number);
            format!(
                "<message type='chat' id='m{number}' to='{to}'><body>{number} {user}</body></message>"
            )
        })
    }

    /// Has this bot write to this user first.
    pub fn begin(&self, bot: &Client, user: &Client) {
        let number = {
            let mut chats = self.chats();
            let number = chats.write(user.number);
            chats.read(number, user.number, bot.number);
            number
        };
        let (node, rest) = self.users[user.number].split_once('@').expect("it is an address");
        let (host, resource) = rest.split_once('/').expect("it is full");
        let mirror = format!(r"{node}\40{host}\2fhelper@{}/{resource}", self.domain);
        let (user, bot_number) = (user.number, bot.number);
        bot.send(&format!(
            "<message type='chat' to='{mirror}'><body>{number} {user} {bot_number}</body></message>"
        ));
    }

    /// Has this user send a request, if logged in; returns whether that was so.
    pub fn ask(&self, user: &Client) -> bool {
        user.send_numbered(|host, session| {
            let number = self.ledger().ask(user.number, host, session);
            let to = &self.domain;
            format!("<iq type='get' id='q{number}' to='{to}'><ask xmlns='urn:example:ask'/></iq>")
        })
    }

    /// From now on bots hold back their replies.
    pub fn hold(&self) {
        *self.held() = Some(Vec::new());
    }

    /// How many replies are held back.
    pub fn held_count(&self) -> usize {
        self.held().as_ref().map_or(0, Vec::len)
    }

    /// The bots send them.
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
        GREETING
    }

    fn begins(&self, client: &Client) {
        self.0.chats().forgets(client.number);
    }

    fn hears(&self, client: &Arc<Client>, stanza: &Stanza<'_>, xml: &str) {
        let (address, resource) = stanza.from.split_once('/').unwrap_or((stanza.from, ""));
        if address == self.0.helper() && !xml.starts_with("<iq") {
            return self.hears_helper(client, resource, stanza, xml);
        }
        let is_reply = xml.starts_with("<iq") && matches!(stanza.type_, "result" | "error");
        if !is_reply || stanza.id == ROSTER {
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

impl Asks {
    fn hears_helper(&self, client: &Client, resource: &str, stanza: &Stanza<'_>, xml: &str) {
        let mut chats = self.0.chats();
        match (xml.starts_with("<message"), stanza.type_) {
            (true, "error") => {
                let number = stanza.id.strip_prefix('m').and_then(|it| it.parse().ok());
                chats.fails(number.unwrap_or(usize::MAX), client.number, condition(stanza.content));
            }
            (true, _) => {
                let [number, user, bot] = numbers(stanza.content);
                assert_eq!(user, client.number, "{xml}");
                chats.comes(number, user, bot);
            }
            (false, "unavailable") => chats.sees(client.number, resource, None),
            (false, "") if !resource.is_empty() => {
                let status = element("status", stanza.content).unwrap_or_default();
                chats.sees(client.number, resource, Some(status.to_owned()));
            }
            (false, _) => {}
        }
    }
}

/// A bot's conduct.
pub struct Answers(pub Arc<Book>);

impl Conduct for Answers {
    fn moves(&self) -> bool {
        false
    }

    fn greeting(&self) -> &'static str {
        GREETING
    }

    fn begins(&self, _: &Client) {}

    fn hears(&self, client: &Arc<Client>, stanza: &Stanza<'_>, xml: &str) {
        let from = stanza.from;
        if xml.starts_with("<presence") && stanza.type_ == "subscribe" {
            client.send(&format!("<presence type='subscribed' to='{from}'/>"));
        }
        if xml.starts_with("<message") && stanza.type_ == "chat" {
            let [number, user] = numbers(stanza.content);
            let bot = client.number;
            self.0.chats().read(number, user, bot);
            client.send(&format!(
                "<message type='chat' to='{from}'><body>{number} {user} {bot}</body></message>"
            ));
        }
        let from_proxy = from.split('/').next().is_some_and(|it| it.ends_with(&self.0.domain));
        if !xml.starts_with("<iq") || stanza.type_ != "get" || !from_proxy {
            return;
        }
        // In the resource after the domain, or in the id if the request is from a mirror.
        let token = if from.contains('@') {
            unescaped(stanza.id)
        } else {
            from.split_once('/').map_or("", |it| it.1).into()
        };
        let token = inspect(&token).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let claims = token.claims();
        let number = claims.id().strip_prefix('q').and_then(|it| it.parse().ok());
        let asker = self.0.users.iter().position(|it| it == claims.user());
        let asker = asker.unwrap_or(usize::MAX);
        if !self.0.ledger().reaches(number, asker, client.number, token.kid()) {
            return;
        }
        let number: usize = number.expect("it is known");
        let reply = format!(
            "<iq type='result' id='{}' to='{from}'><answer xmlns='urn:example:ask' n='{number}' \
             user='{}'/></iq>",
            stanza.id,
            claims.user()
        );
        let mut held = self.0.held();
        if let Some(held) = &mut *held {
            return held.push((Arc::clone(client), number, reply));
        }
        drop(held);
        self.0.reply(client, number, &reply);
    }

    fn ends(&self, _: &Client, _: u32) {}
}

/// The numbers in the body of a message.
fn numbers<const N: usize>(content: &str) -> [usize; N] {
    let body = element("body", content).unwrap_or_else(|| panic!("no body: {content}"));
    let numbers: Vec<usize> = body.split(' ').filter_map(|it| it.parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("not {N} numbers: {body}"))
}

/// The text of the first element of this name.
fn element<'a>(name: &str, content: &'a str) -> Option<&'a str> {
    let text = content.split_once(&format!("<{name}"))?.1.split_once('>')?.1;
    text.split('<').next()
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

const ROSTER: &str = "roster";
const GREETING: &str =
    "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>";

#[test]
fn what_is_looked_for_is_found() {
    let content = "<error type='cancel'><service-unavailable \
                   xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xml:lang='en' \
                   xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>User session not found</text></error>";
    assert_eq!(condition(content), "service-unavailable \"User session not found\"");
    let text = "<status xml:lang='en'>first 2</status>";
    assert_eq!((element("status", text), element("body", text)), (Some("first 2"), None));
    assert_eq!(numbers("<body>3 4</body>"), [3, 4]);
    assert_eq!(within("<a n='1' user=\"u@h/r\"/>", " user="), Some("u@h/r"));
}
