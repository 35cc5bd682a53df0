//! The configuration of one service.

use std::sync::Arc;

use jid::DomainPart;

use crate::named;

use super::access::Access;
use super::address::Address;
use super::dispatch::Dispatch;
use super::glob::Glob;
use super::keyring::Keyring;
use super::limit::Limit;
use super::mirror::Mirrors;
use super::own_answers::OwnAnswers;
use super::selection::Selection;
use super::target::Target;
use super::two_way::TwoWay;

/// The configuration of one service, ready to use. A reload replaces all of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The component's domain.
    pub domain: DomainPart,
    /// The domain of a second stream, for the subscription to the target's presence alone: each
    /// of several replicas that share `domain` needs one of its own. `None`: the component's
    /// stream is used for that too.
    pub presence_domain: Option<DomainPart>,
    pub target: Target,
    pub dispatch: Dispatch,
    /// Which resources serve: [`Selection::patterns`].
    pub resources: Arc<[Glob]>,
    pub access: Access,
    /// How much each asker may send; `None` means any amount.
    pub limit: Option<Limit>,
    pub token_in: TokenIn,
    pub keyring: Arc<Keyring>,
    /// How long a reply may take, in seconds: the life of a token.
    pub reply_ttl: u64,
    /// `None` if the target gets all requests.
    pub own_answers: Option<Arc<OwnAnswers>>,
    /// `None` if only users' requests are relayed.
    pub two_way: Option<Arc<TwoWay>>,
}

impl Settings {
    /// The settings of a component with the domain `domain`, and otherwise the defaults.
    pub fn new(domain: DomainPart, target: Target, keyring: Arc<Keyring>) -> Self {
        Self {
            domain,
            presence_domain: None,
            target,
            dispatch: Dispatch::default(),
            resources: Arc::default(),
            access: Access::default(),
            limit: None,
            token_in: TokenIn::default(),
            keyring,
            reply_ttl: DEFAULT_REPLY_TTL,
            own_answers: None,
            two_way: None,
        }
    }

    /// The domain that subscribes to the target's presence; `None` for a fixed destination, which needs no
    /// subscription.
    pub fn subscriber(&self) -> Option<&DomainPart> {
        let account = matches!(self.target, Target::Account(_));
        account.then(|| self.subscribing())
    }

    /// The domain that subscribes to the presence of targets, if there is any subscription.
    pub fn subscribing(&self) -> &DomainPart {
        self.presence_domain.as_ref().unwrap_or(&self.domain)
    }

    /// Which of the target's resources serve.
    pub fn selection(&self) -> Selection {
        Selection { patterns: self.resources.clone(), dispatch: self.dispatch }
    }

    /// Makes and reads mirrors.
    pub fn mirrors<'a>(&'a self, two_way: &'a TwoWay) -> Mirrors<'a> {
        Mirrors {
            domain: self.domain.as_str(),
            target: self.target.bare().as_str(),
            keys: &two_way.names,
            initiate: &two_way.initiate,
        }
    }

    /// Whether this is an address of our own.
    pub fn is_own(&self, address: &Address<'_>) -> bool {
        let domains = [Some(&self.domain), self.presence_domain.as_ref()];
        domains.into_iter().flatten().any(|own| address.is_at(own.as_str()))
    }
}

/// An hour, in seconds.
pub const DEFAULT_REPLY_TTL: u64 = 3600;

named! {
    /// Where a forwarded request carries its token.
    #[derive(Default)]
    pub enum TokenIn {
        /// In the resource of `from`; the id stays the user's.
        #[default]
        Resource = "resource",
        /// In the id; the resource of `from` is the user's address in clear, as services written
        /// for mod_client_proxy expect it. If the address is not valid as a resource, the request
        /// is as with [`Self::Resource`].
        Id = "id",
    }
}
