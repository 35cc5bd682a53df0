//! The numbers of one component, copied so that its lock is held briefly.

use std::borrow::Cow;

use crate::jat::answers::{Errors, Trouble};
use crate::jat::presence::Subscription;
use crate::jat::reason::Reason;
use crate::jat::resources::Asked;
use crate::jat::services::{FaceCounts, Seat};
use crate::jat::tally::Tally;
use crate::jat::traffic::{Traffic, Way};
use crate::jat::translator::Translator;
use crate::link::cause::Cause;
use crate::link::component::Component;
use crate::link::peer::Peer;
use crate::link::stream::{Role, StreamRecord};
use crate::session::echo::Sharing;
use crate::stanza::condition::DefinedCondition;

/// The numbers of one component.
#[derive(Debug)]
pub(super) struct Reading {
    pub domain: String,
    pub tally: Tally,
    pub errors: Errors,
    pub ready: bool,
    /// Troubled resources, in the order of [`Trouble::NAMES`].
    pub troubled: [u64; Trouble::NAMES.len()],
    pub streams: Vec<StreamReading>,
    /// `None` for a fixed destination, like the next.
    pub resources: Option<u64>,
    /// [`crate::jat::services::Services::fingerprint`], as many of its bits as a number of
    /// Prometheus holds.
    pub fingerprint: Option<u64>,
    pub vanished: u64,
    /// Whether a process on another node has the domain, and no presence domain.
    pub elsewhere: bool,
    pub unlisted_replies: u64,
    pub observed: u64,
    /// How many targets' subscriptions are in which state, in the order of [`Subscription::NAMES`].
    pub subscriptions: Option<[u64; Subscription::NAMES.len()]>,
    /// For a component with tables of faces: the faces, and the domain itself if it has a target.
    pub faces: Vec<FaceReading>,
    /// The ids of all keys, and whether each signs.
    pub keys: Vec<(u8, bool)>,
    pub clock_offset: Option<i64>,
    /// Seconds since the signing key took over; `None` if it has no `not-before`.
    pub key_age: Option<u64>,
    /// Seconds until the next key signs.
    pub next_key: Option<u64>,
}

/// The numbers of one stream.
#[derive(Debug)]
pub(super) struct StreamReading {
    pub role: Role,
    pub up: bool,
    pub shared: bool,
    pub peer: Option<Peer>,
    pub standstill: u64,
    pub standstills: u64,
    pub logins: u64,
    pub failures: [u64; Cause::ALL.len()],
    pub backlog: u64,
    pub unsent: u64,
}

impl StreamReading {
    pub(super) fn of(stream: &StreamRecord) -> Self {
        Self {
            role: stream.role,
            up: stream.is_up(),
            shared: stream.sharing == Sharing::Shared,
            peer: stream.peer,
            standstill: stream.standstill.map_or(0, |lasts| lasts.as_secs()),
            standstills: stream.standstills,
            logins: stream.logins,
            failures: stream.failures,
            backlog: stream.backlog as u64,
            unsent: stream.unsent,
        }
    }
}

/// The numbers of one face.
#[derive(Debug)]
pub(super) struct FaceReading {
    pub node: String,
    pub counts: FaceCounts,
    /// `None` for a fixed destination.
    pub resources: Option<u64>,
}

impl FaceReading {
    fn of(component: &Component, (node, counts, seat): (&str, FaceCounts, Seat)) -> Self {
        Self { node: node.to_owned(), counts, resources: eligible(component, seat) }
    }
}

/// How many resources of a target some service may ask; `None` for a fixed destination.
fn asked(translator: &Translator) -> Option<u64> {
    let asked = translator.serving_all().filter(|it| it.asked != Asked::Never).count();
    translator.subscription().map(|_| asked as u64)
}

/// How many resources a service may ask; `None` for a fixed destination.
fn eligible(component: &Component, seat: Seat) -> Option<u64> {
    let translator = &component.services.translators()[seat.translator];
    let eligible = translator.presence().resources.eligible(seat.service) as u64;
    translator.subscription().map(|_| eligible)
}

impl Reading {
    pub(super) fn of(component: &Component) -> Self {
        let services = &component.services;
        let settings = services.settings();
        let states = services.translators().iter().filter_map(|it| it.subscription());
        let states: Vec<_> = states.map(Subscription::name).collect();
        let of_state = |name| states.iter().filter(|state| **state == name).count() as u64;
        let several = services.seats().len() > 1;
        let faces = services.faces().filter(|_| several);
        let now = component.now().unix;
        let key = settings.keyring.signing(now);
        let signing = key.id();
        let resources = services.translators().iter().filter_map(asked);
        Self {
            domain: settings.domain.to_string(),
            tally: component.tally.clone(),
            errors: services.errors(),
            ready: component.is_ready(),
            troubled: troubled(component),
            streams: component.streams().map(StreamReading::of).collect(),
            resources: resources.reduce(|a, b| a + b),
            fingerprint: services.fingerprint().map(|all| all >> 32),
            vanished: services.vanished(),
            elsewhere: component.stream().elsewhere,
            unlisted_replies: services.unlisted_replies(),
            observed: services.observed(),
            subscriptions: (!states.is_empty()).then(|| Subscription::NAMES.map(of_state)),
            faces: faces.map(|face| FaceReading::of(component, face)).collect(),
            keys: settings.keyring.keys().iter().map(|k| (k.id(), k.id() == signing)).collect(),
            clock_offset: component.clock_offset(),
            // A clock that was set back makes it negative.
            key_age: key.not_before().map(|since| now.saturating_sub(since)),
            next_key: settings.keyring.next(now).map(|(_, at)| at - now),
        }
    }

    /// Every count that can occur, zeros too, so that a rate sees the first one.
    pub(super) fn stanzas(&self) -> impl Iterator<Item = ([Label<'_>; 5], u64)> {
        let can_occur = |(t, r, n): &(Traffic, Reason, u64)| *n > 0 || r.occurs_in(*t);
        self.tally.iter().filter(can_occur).map(|(traffic, reason, count)| {
            let labels = [
                self.label(),
                ("stanza", traffic.class.name().into()),
                ("way", traffic.way.name().into()),
                ("outcome", reason.outcome().name().into()),
                ("reason", reason.name().into()),
            ];
            (labels, count)
        })
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        let series = |(condition, count): (DefinedCondition, u64)| {
            ([self.label(), ("condition", condition.name().into())], count)
        };
        self.errors.iter().map(series)
    }

    pub(super) fn troubled(&self) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        let series = |(name, count): (&'static str, &u64)| {
            ([self.label(), ("trouble", name.into())], *count)
        };
        Trouble::NAMES.into_iter().zip(&self.troubled).map(series)
    }

    /// A value of each stream.
    pub(super) fn streams(
        &self,
        value: impl Fn(&StreamReading) -> u64,
    ) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        let series = move |s: &StreamReading| ([self.label(), stream_label(s)], value(s));
        self.streams.iter().map(series)
    }

    /// Where each stream leads to, and how many addresses there are to choose from.
    pub(super) fn peers(&self) -> impl Iterator<Item = ([Label<'_>; 3], u64)> {
        self.streams.iter().filter_map(|stream| {
            let Peer { address, of } = stream.peer?;
            let peer = ("peer", address.to_string().into());
            Some(([self.label(), stream_label(stream), peer], of as u64))
        })
    }

    pub(super) fn failures(&self) -> impl Iterator<Item = ([Label<'_>; 3], u64)> {
        self.streams.iter().flat_map(move |stream| {
            let series = move |c: &Cause| {
                let labels = [self.label(), stream_label(stream), ("cause", c.name().into())];
                (labels, stream.failures[*c as usize])
            };
            Cause::ALL.iter().map(series)
        })
    }

    pub(super) fn subscription(&self) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        let series =
            |(name, count): (&'static str, u64)| ([self.label(), ("state", name.into())], count);
        let counts = self.subscriptions.into_iter().flatten();
        Subscription::NAMES.into_iter().zip(counts).map(series)
    }

    /// What each face relayed.
    pub(super) fn face_relayed(&self) -> impl Iterator<Item = ([Label<'_>; 3], u64)> {
        self.faces.iter().flat_map(|face| {
            let FaceCounts { inward, outward, .. } = face.counts;
            [(Way::Inward, inward), (Way::Outward, outward)].map(|(way, count)| {
                let [component, node] = self.face_labels(face);
                ([component, node, ("way", way.name().into())], count)
            })
        })
    }

    pub(super) fn face_refused(&self) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        self.faces.iter().map(|face| (self.face_labels(face), face.counts.refused))
    }

    pub(super) fn face_resources(&self) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        let series = |face| Some((self.face_labels(face), face.resources?));
        self.faces.iter().filter_map(series)
    }

    fn face_labels<'r>(&'r self, face: &'r FaceReading) -> [Label<'r>; 2] {
        [self.label(), ("face", face.node.as_str().into())]
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = ([Label<'_>; 2], u64)> {
        let series = |(id, signs): &(u8, bool)| {
            ([self.label(), ("kid", id.to_string().into())], u64::from(*signs))
        };
        self.keys.iter().map(series)
    }

    pub(super) fn label(&self) -> Label<'_> {
        ("component", self.domain.as_str().into())
    }
}

fn troubled(component: &Component) -> [u64; Trouble::NAMES.len()] {
    let (now, hears_all) = (component.now().unix, component.hears_all_answers());
    let all = component.services.translators().iter().flat_map(Translator::serving_all);
    let troubles = all.filter_map(|s| s.trouble(hears_all, now));
    let names: Vec<&str> = troubles.map(|trouble| trouble.name()).collect();
    Trouble::NAMES.map(|name| names.iter().filter(|found| **found == name).count() as u64)
}

fn stream_label(stream: &StreamReading) -> Label<'static> {
    ("stream", stream.role.name().into())
}

/// A label of a metric, and its value.
pub(super) type Label<'a> = (&'static str, Cow<'a, str>);
