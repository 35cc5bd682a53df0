//! One component as the rest of the process sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use jid::DomainPart;
use tokio::sync::watch;

use crate::jat::now::Now;
use crate::jat::reason::{Reason, Tally};
use crate::jat::settings::Settings;
use crate::jat::translator::Translator;
use crate::session::Turn;
use crate::session::echo::Sharing;
use crate::session::witness::Witness;
use crate::time::unix_now;

use super::heartbeat::Heartbeat;
use super::stream::{State, StreamRecord};

/// A component: its translator, and what is known of its streams. The tasks of its links work
/// on it, one turn at a time; others look at it between turns.
#[derive(Debug)]
pub struct Component {
    pub translator: Translator,
    pub tally: Tally,
    /// The component's own stream is the first. After a reload there may be streams of domains
    /// that it had before.
    streams: Vec<StreamRecord>,
    rng: Rng,
    witness: Witness,
    clock: Clock,
    /// Wakes whoever waits for something that another task does to the component.
    changes: watch::Sender<()>,
}

/// The clocks of a component, as the core takes them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

/// A component that its links and others hold together.
pub type Shared = Arc<Mutex<Component>>;

impl Component {
    /// `seed` is from the operating system.
    pub fn new(translator: Translator, seed: u64) -> Self {
        let own = StreamRecord::new(translator.settings().domain.clone(), Arc::default());
        Self {
            translator,
            tally: Tally::default(),
            streams: vec![own],
            rng: Rng::with_seed(seed),
            witness: Witness::default(),
            clock: Clock { origin: Instant::now() },
            changes: watch::Sender::new(()),
        }
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What the clocks say.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// What a session needs for one turn.
    pub fn turn(&mut self) -> Turn<'_> {
        self.witness.listens = self.presence_stream().is_some_and(StreamRecord::is_ours_alone);
        let now = self.now();
        let Self { translator, tally, rng, witness, .. } = self;
        Turn { translator, tally, rng, witness, now }
    }

    /// The generator that everything random comes from.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The component's own stream.
    pub fn stream(&self) -> &StreamRecord {
        &self.streams[0]
    }

    /// What an operator has to do about a domain that is shared: [`StreamRecord::alarm`].
    pub fn alarm(&self, stream: &StreamRecord) -> Option<String> {
        let foreign = self.tally.total(Reason::NotOurDomain) > 0;
        stream.alarm(self.translator.settings(), foreign)
    }

    /// Seconds by which the clock of the target's server is ahead of ours, where it was told.
    pub fn clock_offset(&self) -> Option<i64> {
        self.configured_streams().find_map(|stream| stream.clock_offset)
    }

    /// Do the clocks differ so much that somebody should look?
    pub fn clock_is_off(&self) -> bool {
        self.clock_offset().is_some_and(|offset| offset.unsigned_abs() > MAX_OFFSET)
    }

    /// What an operator has to do about clocks that differ.
    pub fn clock_alarm(&self) -> Option<String> {
        let offset = self.clock_offset().filter(|_| self.clock_is_off())?;
        let server = self.translator.settings().target.bare().domain();
        let way = if offset > 0 { "ahead of" } else { "behind" };
        Some(format!(
            "the clock of {server} is {} s {way} this machine's: tokens expire, and keys sign, by \
             this machine's clock, so all replicas need the right time; see `timedatectl`",
            offset.unsigned_abs()
        ))
    }

    /// Do all answers of the target come to us? Of several replicas a server chooses one for each
    /// (docs/servers.md#random-connection).
    pub fn hears_all_answers(&self) -> bool {
        let alone = self.translator.settings().presence_domain.is_none();
        alone && self.stream().sharing != Sharing::Shared
    }

    /// The stream of the presence domain, if there is one.
    pub fn presence_stream(&self) -> Option<&StreamRecord> {
        self.find_stream(self.translator.settings().presence_domain.as_ref()?)
    }

    /// What is known of the stream of `domain`.
    pub fn find_stream(&self, domain: &DomainPart) -> Option<&StreamRecord> {
        self.streams.iter().find(|stream| stream.domain == *domain)
    }

    /// All of them.
    pub fn streams(&self) -> impl Iterator<Item = &StreamRecord> {
        self.streams.iter()
    }

    /// Those that are to be up.
    pub fn configured_streams(&self) -> impl Iterator<Item = &StreamRecord> {
        let settings = self.translator.settings();
        self.streams.iter().filter(|stream| settings.has_stream(&stream.domain))
    }

    /// What this link's stream is known by; `None` when another link has its domain by now.
    pub fn stream_of(&mut self, link: &Arc<Heartbeat>) -> Option<&mut StreamRecord> {
        self.streams.iter_mut().find(|stream| Arc::ptr_eq(&stream.link, link))
    }

    /// A link begins with the stream of `domain`; its counts go on, and what is known of the server.
    pub fn begin_stream(
        &mut self,
        domain: &DomainPart,
        link: &Arc<Heartbeat>,
    ) -> &mut StreamRecord {
        let mut new = StreamRecord::new(domain.clone(), Arc::clone(link));
        let at = self.streams.iter().position(|stream| stream.domain == *domain);
        if let Some(at) = at {
            let StreamRecord { failures, logins, standstills, unsent, lowered, .. } =
                self.streams.remove(at);
            (new.failures, new.logins) = (failures, logins);
            (new.standstills, new.unsent) = (standstills, unsent);
            new.lowered = lowered;
        }
        // The component's own is the first, and stays so.
        let at = at.unwrap_or(self.streams.len());
        self.streams.insert(at, new);
        &mut self.streams[at]
    }

    /// What changes from now on. Whoever looks at the component after this call, and waits if it
    /// is not yet as it should be, misses nothing: what is changed under the lock is told before
    /// that is released, and stays told until it is waited for.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The stream of this link died: the others of the component lead to the same server.
    pub fn doubt_others(&mut self, link: &Arc<Heartbeat>) {
        for stream in self.streams.iter_mut().filter(|stream| !Arc::ptr_eq(&stream.link, link)) {
            stream.doubted = matches!(stream.state, State::Up { .. });
        }
        self.changes.send_replace(());
    }

    /// The server may take larger stanzas by now than it has shown: [`StreamRecord::lowered`].
    pub fn forget_limits(&mut self) {
        self.streams.iter_mut().for_each(|stream| stream.lowered = None);
    }

    /// Takes new settings, and forgets the streams that they do not mention.
    pub fn reconfigure(&mut self, settings: Settings) {
        self.translator.reconfigure(settings);
        let settings = self.translator.settings();
        self.streams.retain(|stream| settings.has_stream(&stream.domain));
    }

    /// Does the stream serve, and is there somebody to forward to?
    pub fn is_ready(&self) -> bool {
        self.stream().serves() && self.translator.is_ready(self.now().unix)
    }
}

impl Clock {
    pub fn now(self) -> Now {
        Now { unix: unix_now(), mono: self.origin.elapsed() }
    }

    /// The moment of a deadline that the core gave.
    pub fn instant(self, deadline: Duration) -> Instant {
        self.origin.checked_add(deadline).unwrap_or_else(|| Instant::now() + FAR_AWAY)
    }
}

/// Locks a component for one turn. A panic elsewhere leaves it as usable as it was.
pub fn lock(shared: &Shared) -> MutexGuard<'_, Component> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds that clocks may differ before somebody is told.
const MAX_OFFSET: u64 = 30;
const FAR_AWAY: Duration = Duration::from_secs(24 * 3600);
