//! The end of the tour: a user and the client chat, and the client asks the user something.

use super::Failure;
use super::router::Direction::{FromReplica, ToReplica};
use super::router::start_tag;
use super::stage::{FACE, USER};
use super::tour::{Tour, check, unexpected};
use crate::jat::address::Address;
use crate::jat::traffic::Class;
use crate::stanza::head::Kind;

/// What the client learns from a message.
struct Heard {
    /// Which of the client's resources got it.
    resource: usize,
    /// The user's mirror: where the answer goes.
    mirror: String,
    /// The replica that relayed it.
    replica: char,
}

impl Tour<'_> {
    pub(super) async fn show_chat(&mut self) -> Result<(), Failure> {
        self.screen.heading("5. A chat, and a replica that dies between a message and its answer");
        self.stage.relay_messages()?;
        self.screen.note(&format!(
            "`relay` gains \"messages\" and \"requests\", `faces` the node of {FACE}; both \
             replicas reload."
        ));
        let heard = self.write_to_client().await?;
        self.stage.kill_replica(heard.replica).await?;
        self.screen.note(&format!("Replica {} is killed.", heard.replica));
        let alias = self.answer_user(&heard).await?;
        self.stage.start_replica(heard.replica).await?;

        self.screen.heading("6. The client asks the user something");
        self.ask_user(&heard, &alias).await
    }

    /// The user writes to the face.
    async fn write_to_client(&mut self) -> Result<Heard, Failure> {
        let id = "q1";
        let lost = || Failure::MessageLost { id };
        self.stage.user.send(&format!(
            "<message type='chat' id='{id}' to='{FACE}' from='{USER}'>\
                 <body>Are you there?</body></message>"
        ));
        let [a, b] = &mut self.stage.resources;
        let (resource, relayed) = tokio::select! {
            got = a.recv(Kind::Message) => (0, got),
            got = b.recv(Kind::Message) => (1, got),
        };
        let relayed = relayed.ok_or_else(lost)?;
        let written = self.stage.passed(ToReplica, Class::Message, id).ok_or_else(lost)?;
        let replica = self.stage.replica_at(written.connection).ok_or_else(lost)?;
        let head = start_tag(&relayed).ok_or_else(lost)?;
        let mirror = head.from.as_deref().unwrap_or_default().to_owned();
        // user@some-domain.example/abc, escaped (XEP-0106).
        let shown = r"user\40some-domain.example\2fhelper\2f";
        check(mirror.starts_with(shown) && mirror.ends_with("/abc"), shown, &relayed)?;
        self.screen.stanza("user -> component", &written.xml);
        let way = format!("component -> implementing client (replica {replica})");
        self.screen.stanza(&way, &relayed);
        self.messages += 1;
        Ok(Heard { resource, mirror, replica })
    }

    /// The client answers; returns the alias that the user sees.
    async fn answer_user(&mut self, heard: &Heard) -> Result<String, Failure> {
        let id = "r1";
        let lost = || Failure::MessageLost { id };
        let client = &self.stage.resources[heard.resource];
        let (mirror, jid) = (&heard.mirror, client.jid());
        client.send(&format!(
            "<message type='chat' id='{id}' to='{mirror}' from='{jid}'>\
                 <body>Always.</body></message>"
        ));
        let relayed = self.stage.user.recv(Kind::Message).await.ok_or_else(lost)?;
        let said = self.stage.passed(ToReplica, Class::Message, id).ok_or_else(lost)?;
        let replica = self.stage.replica_at(said.connection).ok_or_else(lost)?;
        check(replica != heard.replica, "the other replica", replica)?;
        let head = start_tag(&relayed).ok_or_else(lost)?;
        check(head.to.as_deref() == Some(USER), USER, &relayed)?;
        let from = head.from.as_deref().unwrap_or_default();
        check(Address::new(from).bare() == FACE, FACE, &relayed)?;
        let alias = Address::new(from).resource().unwrap_or_default().to_owned();
        check(!alias.is_empty(), "an alias of the resource", &relayed)?;
        self.screen.stanza("implementing client -> component", &said.xml);
        self.screen.stanza(&format!("component -> user (replica {replica})"), &relayed);
        self.screen.good(&format!(
            "Replica {replica} read whom the answer is for from the address that it goes to. The \
             client sees the user's address, signed; the user sees {FACE}, and the client's \
             resource under another name that is always the same."
        ));
        self.messages += 1;
        Ok(alias)
    }

    /// The client asks, the user replies.
    async fn ask_user(&mut self, heard: &Heard, alias: &str) -> Result<(), Failure> {
        let id = "v1";
        let lost = || Failure::RequestLost { id: id.to_owned() };
        let client = &self.stage.resources[heard.resource];
        let (mirror, jid) = (&heard.mirror, client.jid().to_owned());
        self.requests += 1;
        client.send(&format!(
            "<iq type='get' id='{id}' to='{mirror}' from='{jid}'>\
                 <query xmlns='jabber:iq:version'/></iq>"
        ));
        let asked = self.stage.user.recv(Kind::Iq).await.ok_or_else(lost)?;
        let from = format!("{FACE}/{alias}");
        let head = start_tag(&asked).ok_or_else(lost)?;
        check(head.from.as_deref() == Some(&*from), &from, &asked)?;
        check(head.to.as_deref() == Some(USER), USER, &asked)?;
        let said = self.stage.passed(ToReplica, Class::Request, id).ok_or_else(lost)?;
        self.screen.stanza("implementing client -> component", &said.xml);
        self.screen.stanza("component -> user", &asked);

        self.stage.user.send(&format!(
            "<iq type='result' id='{id}' to='{from}' from='{USER}'>\
                 <query xmlns='jabber:iq:version'><name>A client</name></query></iq>"
        ));
        let lost = || Failure::ReplyLost { id: id.to_owned() };
        let resource = &mut self.stage.resources[heard.resource];
        let reply = resource.recv(Kind::Iq).await.ok_or_else(lost)?;
        let wanted = format!("<iq type='result' id='{id}' to='{jid}' from='{mirror}'>");
        if !reply.starts_with(&wanted) {
            return Err(unexpected(&wanted, reply));
        }
        let replied = self.stage.passed(ToReplica, Class::Reply, id).ok_or_else(lost)?;
        let passed = self.stage.passed(FromReplica, Class::Reply, id).ok_or_else(lost)?;
        let replica = self.stage.replica_at(passed.connection).ok_or_else(lost)?;
        self.screen.stanza("user -> component", &replied.xml);
        let way = format!("component -> implementing client (replica {replica})");
        self.screen.stanza(&way, &reply);
        self.screen
            .good("The reply came to the resource that had asked, whichever replica got it.");
        self.replies += 1;
        Ok(())
    }
}
