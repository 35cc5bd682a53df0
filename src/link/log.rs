//! What an operator reads in the log of one stream: one line for each thing that happened.

use std::time::{Duration, Instant};

use jid::DomainPart;
use tracing::{error, info, warn};

use crate::jat::now::Now;
use crate::session::echo::Sharing;

use super::cause::Cause;
use super::component::Component;
use super::end::Stop;
use super::refusals::Refusals;
use super::stream::{Role, StreamId, StreamRecord};
use super::target_log::TargetLogs;

/// Remembers what was logged, so that it is logged once.
#[derive(Debug)]
pub(super) struct StreamLog {
    stream: StreamId,
    role: Role,
    /// What the stream logs in as.
    domain: DomainPart,
    /// Since when there is no stream, and the cause that was named last.
    outage: Option<(Instant, Option<Cause>)>,
    logged_in_before: bool,
    sharing: Sharing,
    sharing_warning: Option<String>,
    unheard: bool,
    elsewhere: bool,
    stands_still: bool,
    clock_is_off: bool,
    refusals: Refusals,
    targets: TargetLogs,
    unlisted: u64,
    unlisted_said: Option<Duration>,
}

impl StreamLog {
    pub(super) fn new(stream: &StreamRecord) -> Self {
        Self {
            stream: stream.id,
            role: stream.role,
            domain: stream.domain.clone(),
            outage: None,
            logged_in_before: false,
            sharing: Sharing::Unknown,
            sharing_warning: None,
            unheard: false,
            elsewhere: false,
            stands_still: false,
            clock_is_off: false,
            refusals: Refusals::default(),
            targets: TargetLogs::default(),
            unlisted: 0,
            unlisted_said: None,
        }
    }

    /// Another process, or another task, had the stream before and has logged all that is known.
    pub(super) fn resume(&mut self, component: &Component) {
        self.logged_in_before = true;
        self.targets.resume(component);
        let stream = component.record(self.stream);
        self.sharing = stream.map_or(self.sharing, |stream| stream.sharing);
        self.sharing_warning = stream.and_then(|stream| component.sharing_warning(stream));
        self.elsewhere = component.elsewhere_warning().is_some();
        self.clock_is_off = component.clock_is_off();
        self.refusals.resume(&component.tally);
        self.unlisted = component.services.unlisted_replies();
    }

    /// A working stream ended.
    pub(super) fn lost(&mut self, cause: Cause, message: &str, unsent: usize) {
        warn!(
            component = self.domain.as_str(),
            cause = cause.name(),
            unsent_bytes = unsent,
            "stream lost: {}",
            cause.explain(message)
        );
        self.outage = Some((Instant::now(), None));
        self.targets.lost();
    }

    /// A login attempt failed; repeated failures for one cause are one line until a reload.
    pub(super) fn failed(&mut self, cause: Cause, message: &str) {
        let (since, said) = self.outage.unwrap_or((Instant::now(), None));
        if said != Some(cause) && cause == Cause::Conflict {
            info!(
                component = self.domain.as_str(),
                cause = cause.name(),
                "standing by: {message}; taking over when the other process goes"
            );
        } else if said != Some(cause) {
            warn!(
                component = self.domain.as_str(),
                cause = cause.name(),
                "not connected, retrying: {}",
                cause.explain(message)
            );
        }
        self.outage = Some((since, Some(cause)));
    }

    /// There is another order: after a reload the next failure is news again, whatever its cause.
    pub(super) fn ordered(&mut self) {
        if let Some((_, said)) = &mut self.outage {
            *said = None;
        }
    }

    /// A login succeeded.
    pub(super) fn logged_in(&mut self, server: &str) {
        let again = if self.logged_in_before { " again" } else { "" };
        match self.outage.take() {
            Some((since, _)) => {
                let seconds = since.elapsed().as_secs_f64();
                info!(
                    component = self.domain.as_str(),
                    "logged in{again} to {server} after {seconds:.1} s"
                );
            }
            None => info!(component = self.domain.as_str(), "logged in{again} to {server}"),
        }
        self.logged_in_before = true;
    }

    /// An order ended the stream. `late`: how many stanzas have come after our closing tag.
    pub(super) fn closed(&self, stop: Stop, late: u64, unsent: usize) {
        let component = self.domain.as_str();
        if unsent > 0 {
            warn!(
                component,
                arrived_after_close = late,
                unsent_bytes = unsent,
                "stream closed before the server had read everything"
            );
        } else if stop == Stop::Unanswered {
            warn!(
                component,
                arrived_after_close = late,
                "stream closed, but the server did not close its side in time"
            );
        } else {
            info!(component, arrived_after_close = late, "stream closed");
        }
    }

    /// That order was an upgrade in place.
    pub(super) fn not_handed_over(&self) {
        info!(
            component = self.domain.as_str(),
            "a stream with TLS can't be handed over: the next program opens a new one"
        );
    }

    /// Looks at the component after a turn, which was at `now`.
    pub(super) fn observe(&mut self, component: &Component, now: Now) {
        // Another task may have taken over.
        let Some(stream) = component.record(self.stream) else { return };
        self.targets.observe(component, self.role, &self.domain, now);
        self.observe_sharing(component, stream);
        self.observe_unheard(stream);
        self.observe_standstill(stream);
        // The counts are those of all streams together, so only one of them logs them.
        if self.role == Role::Component {
            self.refusals.observe(self.domain.as_str(), &component.tally, now.mono);
            self.observe_unlisted(component, now.mono);
            self.observe_clock(component);
            self.observe_elsewhere(component);
        }
    }

    /// Logs what was held back to be summed up: the stream, or the process, is about to end.
    pub(super) fn settle(&mut self, component: &Component) {
        if self.role == Role::Component {
            let (domain, now) = (self.domain.as_str(), component.now().mono);
            self.refusals.settle(domain, &component.tally, now);
            self.targets.settle(component, domain);
        }
    }

    fn observe_clock(&mut self, component: &Component) {
        let was = std::mem::replace(&mut self.clock_is_off, component.clock_is_off());
        if self.clock_is_off != was {
            match component.clock_warning() {
                Some(warning) => warn!(component = self.domain.as_str(), "{warning}"),
                None => info!(component = self.domain.as_str(), "the clocks agree again"),
            }
        }
    }

    fn observe_elsewhere(&mut self, component: &Component) {
        let warning = component.elsewhere_warning();
        let was = std::mem::replace(&mut self.elsewhere, warning.is_some());
        match warning {
            Some(warning) if !was => error!(component = self.domain.as_str(), "{warning}"),
            None if was => info!(
                component = self.domain.as_str(),
                "no process without a presence domain is known on another node any more"
            ),
            _ => {}
        }
    }

    fn observe_sharing(&mut self, component: &Component, stream: &StreamRecord) {
        // What is not known yet is not logged.
        if stream.sharing == Sharing::Unknown {
            return;
        }
        let before = std::mem::replace(&mut self.sharing, stream.sharing);
        let warning = component.sharing_warning(stream);
        let warned = std::mem::replace(&mut self.sharing_warning, warning);
        let component = self.domain.as_str();
        match &self.sharing_warning {
            Some(warning) if self.sharing_warning != warned => error!(component, "{warning}"),
            None if warned.is_some() => info!(component, "the problem with the domain is over"),
            None if stream.sharing == Sharing::Shared && before != Sharing::Shared => {
                info!(component, "other replicas use this domain too");
            }
            _ => {}
        }
    }

    fn observe_unheard(&mut self, stream: &StreamRecord) {
        if let Some(warning) = stream.unheard_warning().filter(|_| !self.unheard) {
            warn!(component = self.domain.as_str(), "{warning}");
        }
        // Logged once for all streams of one domain, until one receives its own echoes.
        self.unheard |= stream.unheard;
        self.unheard &= stream.sharing == Sharing::Unknown;
    }

    fn observe_standstill(&mut self, stream: &StreamRecord) {
        let was = std::mem::replace(&mut self.stands_still, stream.standstill.is_some());
        match stream.standstill_warning() {
            Some(warning) if !was => warn!(component = self.domain.as_str(), "{warning}"),
            // A stream that was given up has a line of its own.
            None if was && stream.serves() => {
                info!(component = self.domain.as_str(), "the server is processing stanzas again");
            }
            _ => {}
        }
    }

    /// A server prefers its own cluster node, so this may be the only sign of a replica on another
    /// node.
    fn observe_unlisted(&mut self, component: &Component, now: Duration) {
        let unlisted = component.services.unlisted_replies();
        let many = unlisted >= self.unlisted + MANY_UNLISTED;
        if many && self.unlisted_said.is_none_or(|at| now >= at + AN_HOUR) {
            warn!(
                component = self.domain.as_str(),
                replies = unlisted - self.unlisted,
                "replies come from resources of the target that are not known to be online: does \
                 another process, on another node of the cluster, get their presence instead? Each \
                 replica needs a presence-domain of its own, see docs/replicas.md"
            );
            (self.unlisted, self.unlisted_said) = (unlisted, Some(now));
        }
    }
}

/// One or two may come from a resource that has just left.
const MANY_UNLISTED: u64 = 10;
const AN_HOUR: Duration = Duration::from_secs(3600);
