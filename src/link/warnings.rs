//! What an operator has to know of a component, and of its streams, or to do about it.

use crate::jat::reason::Reason;
use crate::jat::settings::Settings;
use crate::jat::translator::Translator;
use crate::session::echo::Sharing;

use super::advice::own_presence_domain;
use super::cause::Cause;
use super::component::Component;
use super::stream::{Role, StreamRecord};

impl Component {
    /// All warnings.
    pub fn warnings(&self) -> Vec<String> {
        let of_stream = |stream: &StreamRecord| {
            let sharing = [stream.unheard_warning(), self.sharing_warning(stream)];
            [stream.standstill_warning(), stream.limit_warning()].into_iter().chain(sharing)
        };
        let several = [self.elsewhere_warning(), self.clock_warning()];
        let vanished = self.services.translators().iter().map(|it| self.vanished_warning(it));
        self.streams().flat_map(of_stream).chain(several).chain(vanished).flatten().collect()
    }

    /// What an operator has to do about a process on another node of the server's cluster that has
    /// no presence domain.
    pub fn elsewhere_warning(&self) -> Option<String> {
        let stream = self.stream();
        // The warning about sharing says the same.
        let said = self.sharing_warning(stream).is_some();
        (stream.elsewhere && !said).then(|| {
            let domain = &stream.domain;
            format!(
                "a process on another node of the server's cluster is connected as {domain} too, \
                 without a presence domain, and knows only some of the target's resources. Give \
                 each {}",
                own_presence_domain(domain)
            )
        })
    }

    /// What an operator has to check when resources have vanished without notice.
    pub fn vanished_warning(&self, translator: &Translator) -> Option<String> {
        let count = translator.presence().vanished().lately(self.now().unix)?;
        let target = translator.settings().target.bare();
        let plural = if count == 1 { "" } else { "s" };
        Some(format!(
            "{count} resource{plural} of {target} disappeared without notice within the last 15 \
             minutes: did a machine with a node or a server crash, or is it cut off? On a cluster \
             of ejabberds, compare `ejabberdctl list_cluster` of all nodes: a cluster that is \
             split stays so until the smaller part is restarted; see docs/cluster.md"
        ))
    }

    /// What an operator has to do about a domain that is shared, where sharing does harm.
    pub fn sharing_warning(&self, stream: &StreamRecord) -> Option<String> {
        let harmed = self.subscriber() == Some(stream.role) && stream.sharing == Sharing::Shared;
        let foreign = || self.tally.total(Reason::NotOurDomain) > 0;
        harmed.then(|| stream.sharing_warning(self.services.settings(), foreign()))
    }

    /// Whether the clocks differ so much that an operator should know.
    pub fn clock_is_off(&self) -> bool {
        self.clock_offset().is_some_and(|offset| offset.unsigned_abs() > MAX_OFFSET)
    }

    /// What an operator has to do about clocks that differ.
    pub fn clock_warning(&self) -> Option<String> {
        let offset = self.clock_offset().filter(|_| self.clock_is_off())?;
        let server = self.services.settings().target.bare().domain();
        let way = if offset > 0 { "ahead of" } else { "behind" };
        Some(format!(
            "the clock of {server} is {} s {way} this machine's: tokens expire, and keys sign, by \
             this machine's clock, so all replicas need the right time; see `timedatectl`",
            offset.unsigned_abs()
        ))
    }
}

impl StreamRecord {
    /// What an operator has to know about a server that processes nothing.
    pub fn standstill_warning(&self) -> Option<String> {
        let seconds = self.standstill?.as_secs();
        Some(format!(
            "the stream of {} is up, but the server has processed nothing for {seconds} s, so \
             users get no answers: is the server overloaded or stopped? A new stream is opened \
             after 30 s",
            self.domain
        ))
    }

    /// What an operator has to know about a server that drops what a component says to itself.
    pub fn unheard_warning(&self) -> Option<String> {
        let domain = &self.domain;
        self.unheard.then(|| {
            format!(
                "no message that {domain} sends to itself comes back, so neither a shared domain \
                 nor a server that hangs would be noticed: does a module or firewall of the server \
                 drop such messages (type='headline')?"
            )
        })
    }

    /// What an operator has to do about a server that takes less than is configured.
    pub fn limit_warning(&self) -> Option<String> {
        let bytes = self.lowered?;
        let remedy = Cause::ServerLimit.remedy();
        Some(format!(
            "the server ended the stream of {} because of a large stanza; until a reload no stanza \
             on it has more than {bytes} bytes, and larger requests are refused: {remedy}",
            self.domain
        ))
    }

    /// What an operator has to add where another process has the domain too, and presence of the
    /// target comes on it. `foreign`: whether there were stanzas for other domains.
    fn sharing_warning(&self, settings: &Settings, foreign: bool) -> String {
        let domain = &settings.domain;
        if foreign {
            return "the server spreads the stanzas of several domains over all connections, and \
                 requests and replies are lost: on ejabberd set `global_routes: false` for this \
                 listener, and restart it"
                .to_owned();
        }
        if self.role == Role::Component {
            format!(
                "another process is connected as {domain}: the server gives each a random part of \
                 the stanzas, presence too, so this one knows only some of the target's resources. \
                 Run one process, or give each {}",
                own_presence_domain(domain)
            )
        } else {
            format!(
                "another process is connected as {0}, which is this one's presence domain: each \
                 gets only a part of the target's presence. Do two machines have the same \
                 hostname? Give each a name of its own in the [[component]] of {domain}, for \
                 example: presence-domain = \"a.{domain}\" and presence-domain = \"b.{domain}\"; \
                 see docs/replicas.md",
                self.domain
            )
        }
    }
}

/// Seconds that clocks may differ before there is a warning.
const MAX_OFFSET: u64 = 30;
