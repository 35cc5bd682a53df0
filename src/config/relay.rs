//! `relay`: what a component relays besides the requests of users, and the keys that go with it.

use std::sync::Arc;

use crate::jat::access::{Pattern, Senders};
use crate::jat::dispatch::Dispatch;
use crate::jat::name_keys::NameKeys;
use crate::jat::target::Target;
use crate::jat::two_way::{Faces, MessagesTo, TwoWay};
use crate::named;

use super::access::Lists;
use super::account_queries;
use super::patterns;
use super::problem::{Position, Problem};
use super::table::Table;
use super::value::Value;
use super::words;

/// What `relay` has, as far as it can be read.
pub(super) struct Relay {
    kinds: Vec<Kind>,
    place: Option<Position>,
    /// Something in it can't be read, so it is not known what is missing from it.
    is_faulty: bool,
}

named! {
    /// What can be relayed.
    enum Kind {
        Iq = "iq",
        Messages = "messages",
        Presence = "presence",
        Requests = "requests",
    }
}

impl Relay {
    pub(super) fn read(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Self {
        let value = table.optional("relay", problems, Ok);
        let kinds = value.map_or(Some(vec![Kind::Iq]), |value| kinds(value, problems));
        Self {
            is_faulty: kinds.is_none(),
            kinds: kinds.unwrap_or_default(),
            place: value.map(|value| value.place()),
        }
    }

    /// The keys that are for more than requests of users; `None` where there is nothing more, or
    /// a problem. `face`: that of the service; without one it is that of the domain itself, which
    /// names its faces.
    pub(super) fn two_way(
        &self,
        table: &mut Table<'_>,
        face: Option<&Faces>,
        lists: &Lists,
        names: Option<&Arc<NameKeys>>,
        problems: &mut Vec<Problem>,
    ) -> Option<TwoWay> {
        let faces = match face {
            Some(face) => Some(face.clone()),
            None => {
                let faces = self.optional(table, "faces", problems);
                if let Some(value) = faces.filter(|_| table.is_for_others()) {
                    problems.push(value.error(
                        "`faces` lead to the component's own target, and it has none",
                        "add target-address, or for each name a [[component.face]]",
                    ));
                }
                faces.and_then(|value| patterns::faces(value, problems))
            }
        };
        let initiate = self.optional(table, "initiate", problems);
        let initiate = initiate.and_then(|value| self::initiate(value, lists, problems));
        let messages_to = self.optional(table, "messages-to", problems);
        let words = MessagesTo::ALL.map(|to| (to.name(), to));
        let messages_to = messages_to
            .and_then(|value| value.one_of(&words).map_err(|problem| problems.push(problem)).ok());
        let queries = self.optional(table, "account-queries", problems);
        let queries = queries.and_then(|value| account_queries::read(value, problems));
        if !self.is_more() || table.is_for_others() {
            return None;
        }
        let open = [Kind::Messages, Kind::Presence].into_iter().find(|kind| self.has(*kind));
        if let Some(kind) = open.filter(|_| table.lacks("allow-from")) {
            problems.push(Problem::error(
                self.place.clone(),
                format!("with {:?} in `relay`, `allow-from` is required", kind.name()),
                "add: allow-from = [\"some-domain.example\"], or for everybody: allow-from = [\"*\"]",
            ));
        }
        if names.is_none() {
            problems.push(Problem::error(
                self.place.clone(),
                "`relay` has more than \"iq\", and there is no name key",
                "make one with: jat-proxy keys add --name",
            ));
        }
        Some(TwoWay {
            messages: self.has(Kind::Messages),
            presence: self.has(Kind::Presence),
            requests: self.has(Kind::Requests),
            faces: faces.unwrap_or_default(),
            initiate: initiate.unwrap_or_default(),
            messages_to: messages_to.unwrap_or_default(),
            account_queries: queries.unwrap_or_default(),
            names: Arc::clone(names?),
            // Filled in once all components are known.
            own: Arc::default(),
        })
    }

    /// Checks the keys that mean something else, or nothing, where more than `iq` is relayed.
    pub(super) fn compare(
        &self,
        token_in: Option<Position>,
        dispatch: Option<(Dispatch, Position)>,
        target: Option<&Target>,
        problems: &mut Vec<Problem>,
    ) {
        if let Some(place) = token_in.filter(|_| self.is_more()) {
            problems.push(Problem::error(
                place,
                "`token-in` is for requests alone: with more in `relay` the token is in the id, \
                 and the resource of `from` is what the user chose. A service that reads the \
                 user's address there would be deceived",
                "remove `token-in`; for such a service, such as Jicofo: relay = [\"iq\"]",
            ));
        }
        if let Some((Dispatch::Random, place)) = dispatch.filter(|_| self.has(Kind::Messages)) {
            problems.push(Problem::warning(
                place,
                "with \"random\" each message of a chat goes to another resource",
                "remove `dispatch`: with \"messages\" in `relay` each user has one resource",
            ));
        }
        if let Some(Target::Resource { full, .. }) = target.filter(|_| self.has(Kind::Presence)) {
            problems.push(Problem::warning(
                self.place.clone(),
                format!(
                    "{full} is a fixed destination, and subscriptions to presence are of the account"
                ),
                "name the account alone in target-address, or remove \"presence\"",
            ));
        }
    }

    /// The dispatch where none is set: what takes more than one step has to stay with a resource.
    pub(super) fn default_dispatch(&self) -> Dispatch {
        if self.is_more() { Dispatch::Sticky } else { Dispatch::default() }
    }

    fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether there is more than requests of users.
    fn is_more(&self) -> bool {
        self.kinds.iter().any(|kind| *kind != Kind::Iq)
    }

    /// The value of a key that does nothing unless there is more in `relay`.
    fn optional<'a>(
        &self,
        table: &mut Table<'a>,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Value<'a>> {
        let value = table.optional(key, problems, Ok)?;
        let wants_messages = key == "messages-to";
        let does_nothing = if wants_messages { !self.has(Kind::Messages) } else { !self.is_more() };
        if does_nothing && !self.is_faulty && !value.is_shared() {
            let which = match wants_messages {
                true => "\"messages\" in `relay`",
                false => "\"messages\", \"presence\" or \"requests\" in `relay`",
            };
            let message = format!("`{key}` has no effect without {which}");
            let hint = "for example: relay = [\"iq\", \"messages\"]; or remove it";
            problems.push(value.error(message, hint));
        }
        Some(value)
    }
}

fn kinds(value: Value<'_>, problems: &mut Vec<Problem>) -> Option<Vec<Kind>> {
    let words = Kind::ALL.map(|kind| (kind.name(), kind));
    let kinds = words::read(value, EXAMPLE, &words, problems)?;
    if !kinds.contains(&Kind::Iq) {
        let hint = format!("requests of users are always relayed, for example: {EXAMPLE}");
        problems.push(value.error("`relay` lacks \"iq\"", hint));
        return None;
    }
    Some(kinds)
}

/// Domains, each of which must have users who may answer.
fn initiate(value: Value<'_>, lists: &Lists, problems: &mut Vec<Problem>) -> Option<Arc<Senders>> {
    let mut patterns = patterns::senders(value, problems)?;
    if value.is_shared() {
        patterns.retain(|(_, pattern)| lists.cover(pattern));
    }
    for (place, pattern) in &patterns {
        if let Pattern::Address(_) = pattern {
            problems.push(Problem::error(
                place.clone(),
                "in `initiate`: this is an account, and only whole domains can be written to first",
                "name its domain; `deny-from` is for single accounts there",
            ));
        } else if !lists.cover(pattern) {
            problems.push(Problem::error(
                place.clone(),
                "in `initiate`: these users may not write, so their answers would be lost",
                "have them in `allow-from` and not in `deny-from`, or remove them here",
            ));
        }
    }
    Some(Arc::new(Senders::new(patterns.into_iter().map(|(_, pattern)| pattern))))
}

const EXAMPLE: &str = "relay = [\"iq\", \"messages\"]";
