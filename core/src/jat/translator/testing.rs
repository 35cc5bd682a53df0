//! A translator that relays both ways, and the results for stanzas.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use zeroize::Zeroizing;

use crate::jat::access::{Pattern, Senders};
use crate::jat::dispatch::Dispatch;
use crate::jat::glob::Glob;
use crate::jat::incoming::{Body, Incoming};
use crate::jat::keyring::{Key, Keyring};
use crate::jat::name_keys::{NameKey, NameKeys};
use crate::jat::now::Now;
use crate::jat::settings::Settings;
use crate::jat::target::Target;
use crate::jat::traffic::Class;
use crate::jat::two_way::{Faces, MessagesTo, TwoWay};
use crate::jat::verdict::{Act, Recipient, SenderAddress, WithoutId};
use crate::stanza::head::{Head, Rewrite};
use crate::stanza::limits::Limits;
use crate::stanza::splitter::{Piece, Splitter};

use super::Translator;

/// The user.
pub(super) const U: &str = "user@some-domain.example/abc";
/// The target.
pub(super) const T: &str = "some-user@some-domain.example";
/// The component.
pub(super) const D: &str = "proxy.domain.example";
/// The mirror of the user for the component itself, and that for `helper`.
pub(super) const M: &str = r"user\40some-domain.example@proxy.domain.example";
pub(super) const MH: &str = r"user\40some-domain.example\2fhelper@proxy.domain.example";
/// The alias of the resource `a` at the component itself, and that at `helper`.
pub(super) const A: &str = "aebac3ix2ne3gasfu5a37hu6fj3cl4pn";
pub(super) const AH: &str = "aebaco6hwk2bgnda3miexornwthz7oj7";

pub(super) struct Proxy {
    translator: Translator,
    rng: Rng,
}

impl Proxy {
    pub(super) fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// With the resources `a` and `b` online.
    pub(super) fn with(change: impl FnOnce(&mut Settings, &mut TwoWay)) -> Self {
        let mut proxy = Self::offline(change);
        for (type_, from) in [("subscribed", T.to_owned()), ("", format!("{T}/a"))] {
            let type_ = if type_.is_empty() { String::new() } else { format!("type='{type_}'") };
            let presence = format!("<presence {type_} to='{D}' from='{from}'/>");
            assert!(proxy.judge(&presence).starts_with("presence-used"));
        }
        proxy
    }

    pub(super) fn offline(change: impl FnOnce(&mut Settings, &mut TwoWay)) -> Self {
        let secret = || Zeroizing::new(b"jat-proxy demo key, never use it".to_vec());
        let mut two_way = TwoWay {
            messages: true,
            presence: true,
            requests: true,
            faces: Faces(["helper", "alice"].map(|it| Glob::new(it).unwrap()).into()),
            initiate: senders(&["some-domain.example", "evil.example", "example"]),
            messages_to: MessagesTo::Resource,
            account_queries: Arc::default(),
            names: Arc::new(NameKeys::new(vec![NameKey::new(1, &secret()).unwrap()]).unwrap()),
            own: Arc::default(),
        };
        let keyring = Keyring::new(vec![Key::new(1, &secret(), None).unwrap()]).unwrap();
        let target = Target::new(T.parse().unwrap());
        let mut settings = Settings {
            dispatch: Dispatch::Sticky,
            ..Settings::new(D.parse().unwrap(), target, Arc::new(keyring))
        };
        change(&mut settings, &mut two_way);
        settings.two_way = Some(Arc::new(two_way));
        Self { translator: Translator::new(settings), rng: Rng::with_seed(1) }
    }

    pub(super) fn translator(&self) -> &Translator {
        &self.translator
    }

    /// Changes the settings for relaying more than requests.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut TwoWay)) {
        let mut settings = self.translator.settings().clone();
        let two_way = settings.two_way.as_mut().unwrap();
        change(Arc::make_mut(two_way));
        self.translator.reconfigure(vec![settings]);
    }

    /// The reason, and what is sent: the new addresses, with the id if it has changed; or the condition of
    /// an error.
    pub(super) fn judge(&mut self, stanza: &str) -> String {
        let mut splitter = Splitter::new(Limits::default());
        let Piece::Element(element) = splitter.next(stanza.as_bytes()).unwrap().unwrap() else {
            panic!("{stanza}")
        };
        let head = element.tag.head(stanza.as_bytes()).unwrap();
        let body = Body::Whole {
            children: element.children,
            namespaces_ok: element.namespaces_ok,
            stanza: stanza.as_bytes(),
        };
        self.judge_with(&head, body)
    }

    /// The same for a stanza over a limit, of which there is only this start tag.
    pub(super) fn judge_too_large(&mut self, tag: &str) -> String {
        self.judge_with(&Head::parse(tag).unwrap(), Body::OverLimit { children: 1 })
    }

    fn judge_with(&mut self, head: &Head<'_>, body: Body<'_>) -> String {
        let Self { translator, rng } = self;
        let at = D.parse().unwrap();
        let incoming = Incoming::new(&at, head, body, None, false);
        let now = Now { unix: 1_800_000_000, mono: Duration::from_secs(100) };
        let verdict = translator.judge(&incoming, now, rng);
        let traffic = verdict.traffic;
        let reason = verdict.reason;
        assert!(reason.occurs_in(traffic), "{} of {traffic}", reason.name());
        let told = match &verdict.act {
            Act::Relay(Rewrite { to, from, id }, disguise) => {
                let id = id.map(|id| format!(" id {id}")).unwrap_or_default();
                let disguised = if disguise.is_some() { " disguised" } else { "" };
                format!("{from} -> {to}{id}{disguised}")
            }
            Act::RelayFromAll { to, from, .. } => format!("{} -> {to}", from.join(" ")),
            Act::Refuse(Recipient::Sender(without_id), refusal) => {
                // An IQ has an id in any case.
                assert!(traffic.class == Class::Request || *without_id == WithoutId::EmptyForIq);
                format!("{} to sender", refusal.condition.name())
            }
            Act::Refuse(Recipient::Asker(envelope), refusal) => {
                format!("{} {} -> {}", refusal.condition.name(), envelope.from, envelope.to)
            }
            Act::AnswerRequest(_) => "result to sender".to_owned(),
            Act::AnswerPresence(type_, to) => {
                assert_eq!(*to, SenderAddress::Bare);
                format!("{} to sender", type_.name().unwrap())
            }
            Act::SendPresence { .. } => "ours".to_owned(),
            Act::Drop => "nothing".to_owned(),
        };
        translator.note_outcome(traffic, reason, now.unix);
        format!("{}: {told}", reason.name())
    }
}

pub(super) fn senders(patterns: &[&str]) -> Arc<Senders> {
    let pattern = |text: &&str| match *text {
        "*" => Pattern::Everybody,
        text => Pattern::new(text).unwrap(),
    };
    Arc::new(Senders::new(patterns.iter().map(pattern)))
}
