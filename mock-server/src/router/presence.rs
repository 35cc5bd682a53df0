//! What the server does with presence (RFC 6121 sections 3 and 4), with the habits of Prosody
//! and of ejabberd where a component notices them.

use jat_core::jat::address::Address;

use super::Router;
use crate::options::Habits;
use crate::roster::RosterState;
use crate::stanza::Stanza;

impl Router {
    /// Takes presence without `to` from the client `jid`.
    pub(crate) fn own_presence(&mut self, jid: &str, stanza: &Stanza) {
        match stanza.head().type_.as_deref() {
            None => self.available(jid, stanza),
            Some("unavailable") => self.broadcast_unavailable(jid, stanza),
            Some(_) => {}
        }
    }

    fn available(&mut self, jid: &str, stanza: &Stanza) {
        let Some(session) = self.session(jid) else { return };
        let first = session.presence.replace(stanza.clone()).is_none();
        let bare = Address::new(jid).bare();
        for contact in self.roster.contacts(bare, RosterState::From) {
            self.deliver(stanza.readdressed(jid, &contact));
        }
        if !first {
            return;
        }
        for contact in self.roster.contacts(bare, RosterState::Pending) {
            let request = Stanza::presence(Some("subscribe"), &contact, bare);
            if let Some(session) = self.session(jid) {
                session.receive(request);
            }
        }
    }

    /// Sends the contacts of the client `jid` its `unavailable`, if it was available.
    pub(crate) fn unavailable(&mut self, jid: &str) {
        let stanza = Stanza::presence(Some("unavailable"), jid, "");
        self.broadcast_unavailable(jid, &stanza);
    }

    fn broadcast_unavailable(&mut self, jid: &str, stanza: &Stanza) {
        let was_available = self.session(jid).and_then(|s| s.presence.take()).is_some();
        if !was_available {
            return;
        }
        for contact in self.roster.contacts(Address::new(jid).bare(), RosterState::From) {
            self.deliver(stanza.readdressed(jid, &contact));
        }
    }

    /// A client's `subscribed`, which has an effect only for a contact that asked.
    pub(crate) fn approve(&mut self, stanza: Stanza) {
        let head = stanza.head();
        let (Some(account), Some(contact)) = (head.from.as_deref(), head.to.as_deref()) else {
            return;
        };
        if self.roster.subscription(account, contact) != RosterState::Pending {
            return;
        }
        self.roster.set_subscription(account, contact, RosterState::From);
        self.deliver(stanza.clone());
        self.send_presences(account, contact);
    }

    /// A client's `unsubscribed`: refuses a pending request, or ends a subscription.
    pub(crate) fn deny(&mut self, stanza: Stanza) {
        let head = stanza.head();
        let (Some(account), Some(contact)) = (head.from.as_deref(), head.to.as_deref()) else {
            return;
        };
        let before = self.roster.subscription(account, contact);
        self.roster.set_subscription(account, contact, RosterState::None);
        match before {
            RosterState::None => return,
            RosterState::Pending => {}
            RosterState::From => {
                let there = self.sessions(account).filter(|s| s.presence.is_some());
                let jids: Vec<String> = there.map(|s| s.jid.clone()).collect();
                for jid in jids {
                    self.deliver(Stanza::presence(Some("unavailable"), &jid, contact));
                }
            }
        }
        self.deliver(stanza.clone());
    }

    /// Processes presence to an account, or to one of its resources.
    pub(crate) fn deliver_presence(&mut self, stanza: &Stanza) {
        let head = stanza.head();
        let from = head.from.as_deref().unwrap_or_default();
        let to = Address::new(head.to.as_deref().unwrap_or_default());
        let contact = Address::new(from).bare();
        match head.type_.as_deref() {
            Some("subscribe") => self.subscribe(to.bare(), contact, stanza),
            Some("probe") => self.probe(to.bare(), contact, from),
            type_ => {
                if type_ == Some("unsubscribe") {
                    self.roster.set_subscription(to.bare(), contact, RosterState::None);
                }
                let wanted = |jid: &str| to.resource().is_none() || to.as_str() == jid;
                for session in self.sessions(to.bare()).filter(|s| wanted(&s.jid)) {
                    session.receive(stanza.clone());
                }
            }
        }
    }

    fn subscribe(&mut self, account: &str, contact: &str, stanza: &Stanza) {
        let prosody = self.options.habits == Habits::Prosody;
        match self.roster.subscription(account, contact) {
            RosterState::From => {
                self.answer("subscribed", account, contact);
                if prosody {
                    self.send_presences(account, contact);
                }
                return;
            }
            RosterState::Pending => {}
            RosterState::None => {
                self.roster.set_subscription(account, contact, RosterState::Pending);
                for session in self.sessions(account).filter(|s| s.presence.is_some()) {
                    session.receive(stanza.clone());
                }
            }
        }
        if prosody {
            // This confirms that the request has arrived, and says nothing about the resources.
            self.answer("unavailable", account, contact);
        }
    }

    fn probe(&mut self, account: &str, contact: &str, prober: &str) {
        let prosody = self.options.habits == Habits::Prosody;
        match self.roster.subscription(account, contact) {
            RosterState::From => {
                if self.send_presences(account, prober) == 0 && prosody {
                    self.answer("unavailable", account, prober);
                }
            }
            RosterState::None | RosterState::Pending if prosody => {
                // A probe that comes too early cancels the request.
                self.roster.set_subscription(account, contact, RosterState::None);
                self.answer("unsubscribed", account, prober);
            }
            RosterState::None | RosterState::Pending => {}
        }
    }

    /// Sends `to` the presence of every available resource, and returns how many there were.
    fn send_presences(&mut self, account: &str, to: &str) -> usize {
        let there = self.sessions(account);
        let presences: Vec<Stanza> =
            there.filter_map(|s| s.presence.as_ref().map(|p| p.readdressed(&s.jid, to))).collect();
        let count = presences.len();
        for presence in presences {
            self.deliver(presence);
        }
        count
    }

    fn answer(&mut self, type_: &str, account: &str, contact: &str) {
        self.deliver(Stanza::presence(Some(type_), account, contact));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock_component::MockComponent;
    use crate::{Options, Server};

    const BOT: &str = "bot@some-domain.example";

    async fn pair(habits: Habits) -> (Server, MockComponent) {
        let options = Options { habits, ..Options::prosody("p.example", "secret") };
        let server = Server::start(options).await.unwrap();
        let component = MockComponent::log_in(&server, "p.example", "secret").await;
        (server, component)
    }

    fn presence(type_: &str) -> String {
        format!("<presence type='{type_}' from='p.example' to='{BOT}'/>")
    }

    #[tokio::test]
    async fn a_request_waits_for_the_client_to_accept_it() {
        let (server, mut component) = pair(Habits::Ejabberd).await;
        component.send(&presence("subscribe")).await;
        assert_eq!(component.recv_soon().await, None);
        let mut bot = server.client("bot@some-domain.example/a");
        assert!(bot.recv().await.unwrap().contains("type='subscribe' from='p.example'"));
        bot.send("<presence type='subscribed' to='p.example'/>").unwrap();
        let answer = component.recv_with("type='subscribed'").await;
        assert!(answer.contains(&format!("from='{BOT}'")), "{answer}");
        component.recv_with("<presence from='bot@some-domain.example/a' to='p.example'/>").await;
        assert_eq!(server.subscription(BOT, "p.example"), RosterState::From);

        bot.send("<presence><show>dnd</show></presence>").unwrap();
        component.recv_with("<show>dnd</show>").await;
        let _second = server.client("bot@some-domain.example/b");
        component.recv_with("from='bot@some-domain.example/b'").await;
        bot.log_out();
        component.recv_with("type='unavailable'").await;
    }

    #[tokio::test]
    async fn prosody_acknowledges_and_an_early_probe_cancels() {
        let (server, mut component) = pair(Habits::Prosody).await;
        component.send(&presence("subscribe")).await;
        component.recv_with("type='unavailable' from='bot@some-domain.example'").await;
        component.send(&presence("probe")).await;
        component.recv_with("type='unsubscribed'").await;
        assert_eq!(server.subscription(BOT, "p.example"), RosterState::None);
    }

    #[tokio::test]
    async fn a_standing_subscription_is_answered_by_each_in_its_way() {
        for habits in [Habits::Prosody, Habits::Ejabberd] {
            let (server, mut component) = pair(habits).await;
            server.set_subscription(BOT, "p.example", RosterState::From);
            component.send(&presence("probe")).await;
            if habits == Habits::Prosody {
                component.recv_with("type='unavailable' from='bot@some-domain.example'").await;
            }
            assert_eq!(component.recv_soon().await, None);
            let bot = server.client("bot@some-domain.example/a");
            component.recv_with("/a'").await;
            component.send(&presence("subscribe")).await;
            component.recv_with("type='subscribed'").await;
            if habits == Habits::Prosody {
                component.recv_with("/a'").await;
            }
            assert_eq!(component.recv_soon().await, None);
            component.send(&presence("probe")).await;
            component.recv_with("/a'").await;
            bot.send("<presence type='unsubscribed' to='p.example'/>").unwrap();
            component.recv_with("type='unavailable'").await;
            component.recv_with("type='unsubscribed'").await;
            assert_eq!(server.subscription(BOT, "p.example"), RosterState::None);
        }
    }

    #[tokio::test]
    async fn a_client_hears_the_component() {
        let (server, mut component) = pair(Habits::Prosody).await;
        let mut bot = server.client("bot@some-domain.example/a");
        bot.send("<presence type='subscribe' to='p.example'/>").unwrap();
        component.recv_with("type='subscribe'").await;
        for type_ in ["subscribed", "unavailable", "unsubscribe"] {
            component.send(&presence(type_)).await;
            assert_eq!(bot.recv().await.unwrap(), presence(type_));
        }
    }
}
