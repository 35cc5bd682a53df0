//! The guided tour: requests and replies, a killed replica, a rotated key, forged replies, a chat.
//!
//! Each step is checked as it is shown; the first thing that does not happen ends the tour.

use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::router::Direction::{FromReplica, ToReplica};
use super::router::start_tag;
use super::screen::{Screen, shortened};
use super::stage::{DOMAIN, STRANGER, Stage, TARGET, USER};
use super::{Failure, PATIENCE};
use crate::jat::address::Address;
use crate::jat::reason::Reason;
use crate::jat::token::{self, Token};
use crate::jat::traffic::Class;
use crate::stanza::head::Kind;
use crate::terminal::takes_colours;

/// Runs the tour on standard output.
///
/// # Errors
/// What did not happen as it should have.
pub(crate) async fn run() -> Result<(), Failure> {
    let mut output = std::io::stdout();
    let colours = takes_colours(&output);
    run_on(Stage::raise().await?, &mut output, colours).await
}

async fn run_on(stage: Stage, output: &mut dyn Write, colours: bool) -> Result<(), Failure> {
    let mut screen = Screen::new(output, colours);
    screen.note(
        "An XMPP server in this process, two replicas of jat-proxy connected to it over TCP, \
         an implementing client with two resources, and a user.",
    );
    let mut tour = Tour { stage, screen, requests: 0, replies: 0, messages: 0, forged: 0 };
    tour.show_main_job().await?;
    tour.show_killed_replica().await?;
    tour.show_rotated_key().await?;
    tour.show_forged_replies().await?;
    tour.show_chat().await?;
    tour.show_counts()?;
    tour.screen.note(NEXT);
    tour.screen.end().map_err(Failure::Output)
}

/// What to do next.
const NEXT: &str = "On a server of your own: docs/first-steps-prosody.md or \
                    docs/first-steps-ejabberd.md leads to the first answer.";

pub(super) struct Tour<'a> {
    pub(super) stage: Stage,
    pub(super) screen: Screen<'a>,
    pub(super) requests: u32,
    pub(super) replies: u32,
    /// Messages that arrived where they should.
    pub(super) messages: u32,
    forged: u32,
}

/// A request that the implementing client holds.
struct Request {
    id: &'static str,
    /// As the server handed it to a replica.
    asked: String,
    /// As the client got it.
    forwarded: String,
    /// The replica that forwarded it.
    replica: char,
    /// Which of the client's resources got it.
    resource: usize,
    token: String,
    opened: Token,
}

/// A reply that the user got.
struct Reply {
    /// As the server handed it to a replica.
    said: String,
    /// As the user got it.
    reverted: String,
    /// The replica that reverted it.
    replica: char,
}

impl Tour<'_> {
    async fn show_main_job(&mut self) -> Result<(), Failure> {
        self.screen.heading("1. A request and its reply");
        let request = self.ask("1234").await?;
        self.screen.stanza("user -> component", &request.asked);
        self.screen.stanza("component -> implementing client", &request.forwarded);
        self.answer(&request);
        let reply = self.receive(&request).await?;
        self.screen.stanza("implementing client -> component", &reply.said);
        self.screen.stanza("component -> user", &reply.reverted);
        self.screen.good(&format!(
            "Replica {} forwarded the request, replica {} reverted the reply. All that it had to \
             know was in the token and in the key ring.",
            request.replica, reply.replica
        ));
        Ok(())
    }

    async fn show_killed_replica(&mut self) -> Result<(), Failure> {
        self.screen.heading("2. The replica that forwarded dies before the reply");
        let request = self.ask("2345").await?;
        self.show_forwarded(&request);
        self.stage.kill_replica(request.replica).await?;
        self.screen.note(&format!(
            "Replica {} is killed, its connection is gone, the client still holds the request.",
            request.replica
        ));
        self.answer(&request);
        let reply = self.receive(&request).await?;
        self.show_reverted(&request, &reply);
        check(reply.replica != request.replica, "the other replica", reply.replica)?;
        self.screen.good(&format!(
            "Replica {} reverted the reply to a request that it had never seen.",
            reply.replica
        ));
        self.stage.start_replica(request.replica).await
    }

    async fn show_rotated_key(&mut self) -> Result<(), Failure> {
        self.screen.heading("3. The key is rotated between a request and its reply");
        let request = self.ask("3456").await?;
        self.show_forwarded(&request);
        check(request.opened.kid() == 1, "a token of key 1", request.opened.kid())?;
        self.stage.rotate()?;
        self.screen.note("Key 2 joins the key ring and signs from now on; both replicas reload.");
        self.answer(&request);
        let reply = self.receive(&request).await?;
        self.show_reverted(&request, &reply);
        let next = self.ask("4567").await?;
        check(next.opened.kid() == 2, "a token of key 2", next.opened.kid())?;
        self.show_forwarded(&next);
        self.answer(&next);
        self.receive(&next).await?;
        self.screen.good(
            "The token of key 1 was still good, the next request got a token of key 2, and its \
             reply came back too.",
        );
        Ok(())
    }

    async fn show_forged_replies(&mut self) -> Result<(), Failure> {
        self.screen.heading("4. Forged replies");
        let request = self.ask("5678").await?;
        self.show_forwarded(&request);

        let forged = tampered(&request.token);
        let reply = format!("<iq type='result' id='5678' to='{DOMAIN}/{forged}'/>");
        let before = self.stage.counts(Reason::TokenSignature);
        self.stage.resources[request.resource].send(&reply);
        self.screen.note("The client replies with one character of the token changed.");
        self.show_dropped(Reason::TokenSignature, &before).await?;

        let reply = format!("<iq type='result' id='5678' to='{DOMAIN}/{}'/>", request.token);
        let before = self.stage.counts(Reason::NotFromTarget);
        self.stage.stranger.send(&reply);
        self.screen.note(&format!("{STRANGER} replies with the true token."));
        self.show_dropped(Reason::NotFromTarget, &before).await?;

        self.answer(&request);
        self.receive(&request).await?;
        if let Some(xml) = self.stage.user.recv_within(Kind::Iq, Duration::from_millis(100)).await {
            return Err(Failure::Delivered { xml });
        }
        self.screen.good("The user got one reply, the true one.");
        Ok(())
    }

    fn show_counts(&mut self) -> Result<(), Failure> {
        self.screen.heading(&format!(
            "requests {}, replies {}, lost {}; messages {}; forged replies {}, delivered 0",
            self.requests,
            self.replies,
            self.requests - self.replies,
            self.messages,
            self.forged
        ));
        check(self.requests == self.replies, "a reply to each request", self.replies)
    }

    /// The user asks; returns what the implementing client got.
    async fn ask(&mut self, id: &'static str) -> Result<Request, Failure> {
        self.requests += 1;
        // Servers set `from` anyway; written here, it has the same place as in the README.
        self.stage.user.send(&format!(
            "<iq type='get' id='{id}' to='{DOMAIN}' from='{USER}'>\
                 <ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        let lost = || Failure::RequestLost { id: id.to_owned() };
        let [a, b] = &mut self.stage.resources;
        let (resource, forwarded) = tokio::select! {
            got = a.recv(Kind::Iq) => (0, got),
            got = b.recv(Kind::Iq) => (1, got),
        };
        let forwarded = forwarded.ok_or_else(lost)?;
        let asked = self.stage.passed(ToReplica, Class::Request, id).ok_or_else(lost)?;
        let passed = self.stage.passed(FromReplica, Class::Request, id).ok_or_else(lost)?;
        let head = start_tag(&forwarded).ok_or_else(lost)?;
        check(head.id.as_deref() == Some(id), "the user's id", &forwarded)?;
        let to = format!("{TARGET}/{}", ["a", "b"][resource]);
        check(head.to.as_deref() == Some(&*to), "the resource's address", &forwarded)?;
        let from = head.from.as_deref().unwrap_or_default();
        let from = Address::new(from);
        check(from.bare() == DOMAIN, "an address of the component", &forwarded)?;
        let token = from.resource().unwrap_or_default().to_owned();
        let opened = token::inspect(&token)
            .map_err(|why| unexpected("a token", format!("{forwarded}, {why}")))?;
        check(opened.claims().user() == USER, "the user in the token", &forwarded)?;
        let replica = self.stage.replica_at(passed.connection).ok_or_else(lost)?;
        Ok(Request { id, asked: asked.xml, forwarded, replica, resource, token, opened })
    }

    /// The implementing client replies.
    fn answer(&self, request: &Request) {
        let client = &self.stage.resources[request.resource];
        let (id, token, jid) = (request.id, &request.token, client.jid());
        let reply = format!("<iq type='result' id='{id}' to='{DOMAIN}/{token}' from='{jid}'/>");
        client.send(&reply);
    }

    /// The user gets the reply to this request, and nothing else before it.
    async fn receive(&mut self, request: &Request) -> Result<Reply, Failure> {
        let lost = || Failure::ReplyLost { id: request.id.to_owned() };
        let reverted = self.stage.user.recv(Kind::Iq).await.ok_or_else(lost)?;
        let wanted = format!("<iq type='result' id='{}' to='{USER}' from='{DOMAIN}'/>", request.id);
        if reverted != wanted {
            return Err(unexpected(&wanted, reverted));
        }
        let said = self.stage.passed(ToReplica, Class::Reply, request.id).ok_or_else(lost)?;
        let replica = self.stage.replica_at(said.connection).ok_or_else(lost)?;
        self.replies += 1;
        Ok(Reply { said: said.xml, reverted, replica })
    }

    fn show_forwarded(&mut self, request: &Request) {
        let xml = shortened(&request.forwarded, &request.token);
        let way = format!(
            "component -> implementing client (replica {}, key {})",
            request.replica,
            request.opened.kid()
        );
        self.screen.stanza(&way, &xml);
    }

    fn show_reverted(&mut self, request: &Request, reply: &Reply) {
        let said = shortened(&reply.said, &request.token);
        self.screen.stanza("implementing client -> component", &said);
        self.screen
            .stanza(&format!("component -> user (replica {})", reply.replica), &reply.reverted);
    }

    /// Waits until a replica has counted one more than `before`, and shows why it did.
    async fn show_dropped(
        &mut self,
        reason: Reason,
        before: &[(char, u64)],
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.stage.counts(reason);
            let more = now.iter().zip(before).find(|((_, now), (_, before))| now > before);
            if let Some(((name, _), _)) = more {
                self.forged += 1;
                self.screen.good(&format!(
                    "Dropped by replica {name} and counted as {}: {}",
                    reason.name(),
                    reason.describe()
                ));
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::NotDropped { reason: reason.name() });
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// The token with another character in its middle.
fn tampered(token: &str) -> String {
    let (begin, end) = token.split_at(token.len() / 2);
    let other = if end.starts_with('a') { 'b' } else { 'a' };
    format!("{begin}{other}{}", end.get(1..).unwrap_or_default())
}

pub(super) fn check(happened: bool, expected: &str, found: impl ToString) -> Result<(), Failure> {
    if happened { Ok(()) } else { Err(unexpected(expected, found.to_string())) }
}

pub(super) fn unexpected(expected: &str, found: String) -> Failure {
    Failure::Unexpected { expected: expected.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::super::router::lock;
    use super::*;

    async fn tour(loses_results: Option<usize>) -> (Result<(), Failure>, String) {
        let stage = Stage::raise().await.unwrap();
        lock(&stage.server.router).loses_results = loses_results;
        let mut output = Vec::new();
        let result = run_on(stage, &mut output, false).await;
        (result, String::from_utf8(output).unwrap())
    }

    #[tokio::test]
    async fn all_that_is_shown_happens() {
        let (result, text) = tour(None).await;
        result.unwrap();
        assert!(
            text.contains(
                "requests 6, replies 6, lost 0; messages 2; forged replies 2, delivered 0"
            )
        );
    }

    #[tokio::test]
    async fn a_lost_reply_is_noticed() {
        let lossy = |nth| tour(Some(nth));
        let (first, second, last) = tokio::join!(lossy(1), lossy(2), lossy(6));
        for (result, text) in [first, second, last] {
            assert!(matches!(result, Err(Failure::ReplyLost { .. })), "{result:?} behind {text}");
            assert!(!text.contains("lost 0"));
        }
    }
}
