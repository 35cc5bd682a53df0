//! The numbers of one component, copied so that its lock is held briefly.

use std::borrow::Cow;

use crate::jat::answers::{Errors, Trouble};
use crate::jat::presence::Subscription;
use crate::jat::reason::{Reason, Tally};
use crate::jat::traffic::Traffic;
use crate::link::cause::Cause;
use crate::link::component::Component;
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
    pub unlisted_replies: u64,
    pub observed: u64,
    pub subscription: Option<&'static str>,
    /// The ids of all keys, and whether each signs.
    pub keys: Vec<(u8, bool)>,
    pub clock_offset: Option<i64>,
    /// Seconds since the key signs that does; `None` when it has no beginning.
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
            standstill: stream.standstill.map_or(0, |lasts| lasts.as_secs()),
            standstills: stream.standstills,
            logins: stream.logins,
            failures: stream.failures,
            backlog: stream.backlog as u64,
            unsent: stream.unsent,
        }
    }
}

impl Reading {
    pub(super) fn of(component: &Component) -> Self {
        let settings = component.translator.settings();
        let subscription = component.translator.subscription();
        let now = component.now().unix;
        let key = settings.keyring.signing(now);
        let signing = key.id();
        let resources = component.translator.presence().resources.eligible() as u64;
        Self {
            domain: settings.domain.to_string(),
            tally: component.tally.clone(),
            errors: component.translator.answers().errors().clone(),
            ready: component.is_ready(),
            troubled: troubled(component),
            streams: component.streams().map(StreamReading::of).collect(),
            resources: subscription.map(|_| resources),
            unlisted_replies: component.translator.unlisted_replies(),
            observed: component.translator.observed().stanzas(),
            subscription: subscription.map(Subscription::name),
            keys: settings.keyring.keys().iter().map(|k| (k.id(), k.id() == signing)).collect(),
            clock_offset: component.clock_offset(),
            // A clock that stepped back makes it negative.
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
        let series = move |now: &'static str| {
            let of =
                move |s: &'static str| ([self.label(), ("state", s.into())], (s == now).into());
            Subscription::NAMES.into_iter().map(of)
        };
        self.subscription.into_iter().flat_map(series)
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
    let troubles = component.translator.serving().filter_map(|s| s.trouble(hears_all, now));
    let names: Vec<&str> = troubles.map(|trouble| trouble.name()).collect();
    Trouble::NAMES.map(|name| names.iter().filter(|found| **found == name).count() as u64)
}

fn stream_label(stream: &StreamReading) -> Label<'static> {
    ("stream", stream.role.name().into())
}

/// A label of a metric, and its value.
pub(super) type Label<'a> = (&'static str, Cow<'a, str>);
