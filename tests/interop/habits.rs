//! Habits of servers that a plain component can see, from docs/servers.md.

use test_support::interop::client::{Client, SILENCE};
use test_support::interop::scene::accept_subscription;
use test_support::interop::server::Software::{Ejabberd, Jabberd2, Prosody};
use test_support::interop::server::{Kind, Server, Suite};
use test_support::interop::stanza::Stanza;
use test_support::wait::PATIENCE;

use crate::component::Component;

case!(presence_after_a_reconnect: all);
fn presence_after_a_reconnect(kind: Kind) {
    let mut stage = Stage::new(kind);
    let _bot = stage.subscribed();
    stage.reconnect();
    assert_eq!(stage.presence(), [""; 0], "nothing is pushed");
    stage.sends("subscribe");
    let told = stage.presence();
    assert_eq!(told[0], "subscribed bare", "at once, for a subscription that stands");
    assert_eq!(told.contains(&"available full".to_owned()), kind.software != Ejabberd, "{told:?}");
    stage.sends("probe");
    assert_eq!(stage.presence(), ["available full"]);
}

case!(a_probe_while_the_request_is_pending: all);
fn a_probe_while_the_request_is_pending(kind: Kind) {
    let mut stage = Stage::new(kind);
    stage.sends("subscribe");
    let asked = stage.presence();
    stage.sends("probe");
    let probed = stage.presence();
    let mut bot = stage.bot();
    let fits = |it: &Stanza| it.attr("type") == Some("subscribe");
    let (limit, still_there) = match kind.software {
        Prosody => (SILENCE, false),
        Ejabberd | Jabberd2 => (PATIENCE, true),
    };
    let expected: [&[&str]; 2] = match kind.software {
        Prosody => [&["unavailable bare"], &["unsubscribed bare"]],
        Jabberd2 => [&[], &["unsubscribed bare"]],
        Ejabberd => [&[], &[]],
    };
    assert_eq!([asked, probed], expected);
    assert_eq!(bot.try_receive_where(limit, fits).is_some(), still_there, "the request");
}

case!(a_probe_with_nobody_online: all);
fn a_probe_with_nobody_online(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut bot = stage.subscribed();
    bot.send("<presence type='unavailable'/>");
    stage.component.receive_where("the end", |it| it.attr("type") == Some("unavailable"));
    stage.sends("probe");
    let silent = kind.is(Ejabberd);
    assert_eq!(stage.presence(), if silent { &[][..] } else { &["unavailable bare"] });
}

case!(a_probe_without_a_subscription: all);
fn a_probe_without_a_subscription(kind: Kind) {
    let mut stage = Stage::new(kind);
    let _bot = stage.bot();
    stage.sends("probe");
    let told = stage.presence();
    let silent = !kind.is(Jabberd2);
    assert_eq!(told, if silent { &[][..] } else { &["unsubscribed bare"] });
}

case!(delayed_presence_names_the_account: both);
fn delayed_presence_names_the_account(kind: Kind) {
    let mut stage = Stage::new(kind);
    let (node, domain) = stage.account.split_once('@').unwrap();
    let (node, domain) = (node.to_uppercase(), domain.to_owned());
    let mut bot = Client::login(stage.server, &node, "a");
    bot.fetch_roster();
    bot.available("");
    stage.sends("subscribe");
    accept_subscription(&mut bot, &stage.component.domain);
    stage.presence();
    stage.sends("probe");
    let delay = |it: &Stanza| it.child("delay").cloned();
    let presence = stage.component.receive_where("presence", |it| delay(it).is_some());
    let delay = delay(&presence).unwrap();
    assert_eq!(delay.namespace, "urn:xmpp:delay");
    let told = if kind.is(Prosody) { &domain } else { &bot.jid };
    assert_eq!(delay.attr("from"), Some(told.as_str()));
}

case!(a_probe_from_an_address_with_a_resource: both);
fn a_probe_from_an_address_with_a_resource(kind: Kind) {
    let mut stage = Stage::new(kind);
    let bot = stage.subscribed();
    let from = format!("{}/a-probe", stage.component.domain);
    stage.component.send(format!("<presence type='probe' from='{from}' to='{}'/>", stage.account));
    let fits = |it: &Stanza| it.attr("from") == Some(&bot.jid);
    let answer = stage.component.receive_where("presence", fits);
    assert_eq!(answer.attr("to"), Some(from.as_str()));
}

case!(a_request_to_a_resource_that_is_not_there: all);
fn a_request_to_a_resource_that_is_not_there(kind: Kind) {
    let mut stage = Stage::new(kind);
    let _bot = stage.subscribed();
    let (from, to) = (&stage.component.domain, &stage.account);
    let ask = format!("<iq type='get' id='ask' from='{from}' to='{to}/gone'>{ASK}</iq>");
    stage.component.send(ask);
    let answer = stage.component.receive_where("the answer", |it| it.attr("id") == Some("ask"));
    assert_eq!(answer.attr("from"), Some(&*format!("{}/gone", stage.account)));
    assert_eq!(answer.error().unwrap().0, "service-unavailable");
}

case!(an_acceptance_that_nobody_asked_for: all);
fn an_acceptance_that_nobody_asked_for(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut bot = stage.bot();
    bot.send(format!("<presence type='subscribed' to='{}'/>", stage.component.domain));
    let passed_on = stage.presence().contains(&"subscribed bare".to_owned());
    let expected = match kind.software {
        Prosody => false,
        Ejabberd => kind.suite != Suite::Sid,
        Jabberd2 => true,
    };
    assert_eq!(passed_on, expected);
}

case!(addresses_and_attributes_on_their_way: all);
fn addresses_and_attributes_on_their_way(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut user = stage.bot();
    let upper = stage.component.domain.to_uppercase();
    user.send(format!("<iq type='get' id='a&#10;b' to='NoDe@{upper}/R' odd='1'>{ASK}</iq>"));
    let it = stage.component.receive_where("the request", |it| it.child("ask").is_some());
    let typed = format!("NoDe@{upper}/R");
    let prepared = format!("node@{}/R", stage.component.domain);
    let arrives = if kind.is(Prosody) { prepared } else { typed };
    assert_eq!(it.attr("to"), Some(arrives.as_str()));
    assert_eq!(it.attr("odd").is_some(), kind.software != Ejabberd, "one that it does not know");
    let raw = it.bytes.windows(3).any(|bytes| bytes == b"a\nb");
    assert_eq!(raw, kind.is(Prosody), "{}", String::from_utf8_lossy(&it.bytes));
}

case!(an_answer_without_an_id: all);
fn an_answer_without_an_id(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut user = stage.bot();
    for id in ["", "id=''", "id='last'"] {
        let (from, to) = (&stage.component.domain, &user.jid);
        let answer = format!("<iq type='error' {id} from='{from}' to='{to}'>{BAD_REQUEST}</iq>");
        stage.component.send(answer);
    }
    let mut ids = Vec::new();
    while ids.last() != Some(&Some("last".to_owned())) {
        ids.push(user.receive_where("an answer", |it| it.name == "iq").attr("id").map(Into::into));
    }
    assert_eq!(ids[0].is_none(), kind.software != Ejabberd, "{ids:?}");
    assert_eq!(ids[ids.len() - 2].as_deref(), Some(""), "with an empty one it arrives: {ids:?}");
}

case!(another_spelling_of_its_own_domain: all);
fn another_spelling_of_its_own_domain(kind: Kind) {
    let mut stage = Stage::new(kind);
    let upper = stage.component.domain.to_uppercase();
    stage.component.send(format!("<message from='{upper}' to='{}'/>", stage.account));
    assert_eq!(stage.component.ends(), kind.is(Prosody));
}

case!(prefixes_that_are_declared_outside: all);
fn prefixes_that_are_declared_outside(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut user = Client::login_declaring(stage.server, &stage.account, "a", "xmlns:p='urn:p'");
    user.send(format!("<iq type='get' id='1' to='{}'><p:a/></iq>", stage.component.domain));
    let received = stage.component.connection.try_receive(PATIENCE);
    let why = stage.component.connection.ended().unwrap_or_default();
    let undeclared = received.is_none() && why.contains("undeclared namespace prefix");
    assert_eq!(undeclared, kind.is(Ejabberd), "{received:?} {why}");
}

case!(a_second_connection_and_an_unknown_domain: all);
fn a_second_connection_and_an_unknown_domain(kind: Kind) {
    let stage = Stage::new(kind);
    let takes = |domain: &str| Component::try_login(stage.server, domain).is_ok();
    assert_eq!(takes(&stage.component.domain), kind.software != Prosody);
    assert_eq!(takes("unknown.example"), kind.software != Prosody);
}

case!(features_before_the_handshake: all);
fn features_before_the_handshake(kind: Kind) {
    let server = Server::shared(kind);
    let login = Component::try_login_declaring(server, &server.new_domain(), "version='1.0'");
    let features = login.err().is_some_and(|why| why.contains("name: \"features\""));
    assert_eq!(features, kind.is(Jabberd2));
}

case!(a_stanza_above_512_kib: all);
fn a_stanza_above_512_kib(kind: Kind) {
    for (size, too_large) in [(500_000, false), (530 * 1024, true)] {
        let mut stage = Stage::new(kind);
        let (from, to, text) = (&stage.component.domain, &stage.account, "x".repeat(size));
        let message = format!("<message from='{from}' to='{to}'><body>{text}</body></message>");
        stage.component.send(message);
        assert_eq!(stage.component.ends(), too_large && kind.is(Prosody), "{size}");
    }
}

case!(a_request_to_a_bare_address: all);
fn a_request_to_a_bare_address(kind: Kind) {
    let mut stage = Stage::new(kind);
    let mut bot = stage.subscribed();
    let (from, to) = (&stage.component.domain, &stage.account);
    stage.component.send(format!("<iq type='get' id='b' from='{from}' to='{to}'>{ASK}</iq>"));
    let answer = stage.component.receive_where("an answer", |it| it.attr("id") == Some("b"));
    let expected =
        if kind.is(Jabberd2) { "feature-not-implemented" } else { "service-unavailable" };
    assert_eq!(answer.error().unwrap().0, expected);
    bot.hears_no_iq();
}

/// A component, and the account of a bot as its target.
struct Stage {
    server: &'static Server,
    component: Component,
    account: String,
}

impl Stage {
    fn new(kind: Kind) -> Stage {
        let server = Server::shared(kind);
        let component = Component::login(server, &server.new_domain());
        Stage { server, component, account: server.new_account("bot") }
    }

    /// A client of the account, online.
    fn bot(&self) -> Client {
        let mut bot = Client::login(self.server, &self.account, "a");
        bot.fetch_roster();
        bot.available("");
        bot
    }

    /// The same, after it has granted the subscription and the component has got the consent.
    fn subscribed(&mut self) -> Client {
        let mut bot = self.bot();
        self.sends("subscribe");
        accept_subscription(&mut bot, &self.component.domain);
        self.component.receive_where("presence", |it| it.attr("from") == Some(&bot.jid));
        self.presence();
        bot
    }

    fn reconnect(&mut self) {
        let other = Component::login(self.server, &self.server.new_domain());
        // The old stream ends as this takes its place.
        let domain = std::mem::replace(&mut self.component, other).domain;
        self.component.wait_for_the_end_of(&domain);
        self.component = Component::login(self.server, &domain);
    }

    /// Presence of this type to the account.
    fn sends(&mut self, kind: &str) {
        let (from, to) = (&self.component.domain, &self.account);
        let presence = format!("<presence type='{kind}' from='{from}' to='{to}'/>");
        self.component.send(presence);
    }

    /// The presence that has arrived: its type, and whether it is from the bare or a full address.
    fn presence(&mut self) -> Vec<String> {
        let heard = self.component.heard();
        let presence = heard.iter().filter(|it| it.name == "presence");
        let told = presence.map(|it| {
            let full = it.attr("from").is_some_and(|from| from.contains('/'));
            let address = if full { "full" } else { "bare" };
            format!("{} {address}", it.attr("type").unwrap_or("available"))
        });
        told.collect()
    }
}

const ASK: &str = "<ask xmlns='urn:example:ask'/>";
const BAD_REQUEST: &str = "<error type='modify'>\
    <bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
