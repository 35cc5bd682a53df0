//! Reads the golden cases of a component that relays more than users' requests.

use std::fs;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use jat_core::jat::access::{Access, Pattern, Senders};
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::glob::Glob;
use jat_core::jat::keyring::Key;
use jat_core::jat::name_keys::{NameKey, NameKeys};
use jat_core::jat::now::Now;
use jat_core::jat::own_addresses::OwnAddresses;
use jat_core::jat::settings::Settings;
use jat_core::jat::target::Target;
use jat_core::jat::two_way::{Faces, MessagesTo, TwoWay};
use jat_core::session::Bounds;
use jid::Jid;
use serde::Deserialize;
use toml::Table;
use zeroize::Zeroizing;

use crate::repository;
use crate::session::{START, Side, ring};

pub const FILE: &str = "tests/data/two-way-v1.toml";

/// One case; the head of the file says what its fields mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    pub name: String,
    pub domain: String,
    pub target: String,
    pub relay: Vec<String>,
    pub faces: Vec<String>,
    pub initiate: Vec<String>,
    pub allow_from: Vec<String>,
    pub deny_from: Vec<String>,
    pub own_domains: Vec<String>,
    pub messages_to: String,
    pub account_queries: Vec<String>,
    pub online: Vec<String>,
    pub subscribed: bool,
    pub secret: String,
    pub name_keys: Vec<Secret>,
    pub now: u64,
    pub reply_ttl: u64,
    #[serde(rename = "in")]
    pub given: String,
    pub out: Vec<String>,
    pub stanza: String,
    pub way: String,
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    pub id: u8,
    /// Standard base64.
    pub secret: String,
}

/// All cases, with defaults for missing fields.
pub fn load() -> Vec<Case> {
    let text = fs::read_to_string(repository().join(FILE)).expect(FILE);
    let mut file: Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    let Some(toml::Value::Table(defaults)) = file.remove("defaults") else {
        panic!("{FILE} has no defaults")
    };
    let Some(toml::Value::Array(cases)) = file.remove("case") else { panic!("{FILE}: no cases") };
    let with_defaults = |case: toml::Value| {
        let toml::Value::Table(case) = case else { panic!("{FILE}: {case}") };
        let case: Table = defaults.clone().into_iter().chain(case).collect();
        case.clone().try_into().unwrap_or_else(|error| panic!("{FILE}: {error}: {case}"))
    };
    cases.into_iter().map(with_defaults).collect()
}

impl Case {
    /// How it is counted, and its name: no two cases have the same.
    pub fn title(&self) -> String {
        let Self { stanza, way, name, .. } = self;
        format!("{stanza} {way}: {name}")
    }

    pub fn now(&self) -> Now {
        Now { unix: self.now, ..START }
    }

    pub fn settings(&self) -> Settings {
        let decoded = |text: &str| Zeroizing::new(Base64::decode_vec(text).expect("padded base64"));
        let senders = |patterns: &[String]| {
            let patterns = patterns.iter().map(|text| match text.as_str() {
                "*" => Pattern::Everybody,
                text => Pattern::new(text).expect("a pattern"),
            });
            Arc::new(Senders::new(patterns))
        };
        let names = self.name_keys.iter().map(|Secret { id, secret }| {
            NameKey::new(*id, &decoded(secret)).expect("a long secret")
        });
        let names = NameKeys::new(names.collect());
        let relays = |what: &str| self.relay.iter().any(|relayed| relayed == what);
        let two_way = TwoWay {
            messages: relays("messages"),
            presence: relays("presence"),
            requests: relays("requests"),
            faces: Faces(self.faces.iter().map(|face| Glob::new(face).expect("a glob")).collect()),
            initiate: senders(&self.initiate),
            messages_to: *MessagesTo::ALL
                .iter()
                .find(|to| to.name() == self.messages_to)
                .expect("resource or account"),
            account_queries: self.account_queries.clone().into(),
            own: Arc::new(OwnAddresses::new(
                self.own_domains.iter().map(|it| it.parse().expect("a domain")),
                [self.target.parse::<Jid>().expect("an address").to_bare()],
            )),
            names: Arc::new(names.expect("a good ring")),
        };
        Settings {
            dispatch: Dispatch::Sticky,
            access: Access {
                allow: Some(senders(&self.allow_from)),
                deny: senders(&self.deny_from),
                ..Access::default()
            },
            reply_ttl: self.reply_ttl,
            two_way: (self.relay != ["iq"]).then(|| Arc::new(two_way)),
            ..Settings::new(
                self.domain.parse().expect("a domain"),
                Target::new(self.target.parse().expect("an address")),
                ring(vec![Key::new(1, &decoded(&self.secret), None).expect("a long secret")]),
            )
        }
    }

    /// A logged-in process in the state that the case describes.
    pub fn side(&self) -> Side {
        let mut side = Side::begun(self.settings(), Bounds::default(), 7, self.now());
        let Self { domain, target, .. } = self;
        let mut presence = String::new();
        if self.subscribed && !target.contains('/') {
            presence += &format!("<presence type='subscribed' to='{domain}' from='{target}'/>");
        }
        for resource in &self.online {
            presence += &format!("<presence to='{domain}' from='{target}/{resource}'/>");
        }
        assert_eq!(side.take(presence.as_bytes(), self.now()), None);
        // The subscription, the self-test and the time query.
        side.output(self.now());
        side
    }
}
