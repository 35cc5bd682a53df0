//! A component as the rest of the process sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use jid::DomainPart;
use tokio::sync::watch;

use crate::jat::arrangement::Arrangement;
use crate::jat::now::Now;
use crate::jat::services::Services;
use crate::jat::tally::Tally;
use crate::session::echo::Sharing;
use crate::session::witness::Witness;
use crate::session::{Session, Turn};
use crate::time::unix_now;

use super::stream::{Role, StreamId, StreamRecord};

/// A component: its services, and what is known of its streams. The tasks of its streams work on
/// it, one turn at a time; others read it between turns.
#[derive(Debug)]
pub struct Component {
    pub services: Services,
    pub tally: Tally,
    own: StreamRecord,
    presence: Option<StreamRecord>,
    /// The next stream's id.
    next_stream: u32,
    rng: Rng,
    witness: Witness,
    clock: Clock,
    /// Whether there were resources after the last turn.
    had_resources: bool,
    /// Wakes tasks that wait for a change that another task makes to the component: [`until`].
    changes: watch::Sender<()>,
}

/// The clocks of a component, as the core takes them.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

/// A component that is shared by its tasks and others.
pub type Shared = Arc<Mutex<Component>>;

impl Component {
    /// `seed` is from the operating system.
    pub fn new(services: Services, seed: u64) -> Self {
        let domain = services.settings().domain.clone();
        Self {
            services,
            tally: Tally::default(),
            own: StreamRecord::new(StreamId(0), Role::Component, domain),
            presence: None,
            next_stream: 1,
            rng: Rng::with_seed(seed),
            witness: Witness::default(),
            clock: Clock { origin: Instant::now() },
            had_resources: false,
            changes: watch::Sender::new(()),
        }
    }

    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The time of both clocks.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// What a session needs for one turn.
    pub fn turn(&mut self, now: Now) -> Turn<'_> {
        self.witness.listens = self.presence.as_ref().is_some_and(StreamRecord::is_ours_alone);
        let Self { services, tally, rng, witness, .. } = self;
        Turn { services, tally, rng, witness, now }
    }

    /// The generator that everything random comes from.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// The component's own stream.
    pub fn stream(&self) -> &StreamRecord {
        &self.own
    }

    /// Seconds by which the clock of the target's server is ahead of ours, if that server has told
    /// it.
    pub fn clock_offset(&self) -> Option<i64> {
        self.streams().find_map(|stream| stream.clock_offset)
    }

    /// Whether all answers of the target come to us: with several replicas, a server picks one for
    /// each (docs/servers.md#random-connection).
    pub fn hears_all_answers(&self) -> bool {
        let alone = self.services.settings().presence_domain.is_none();
        let stream = self.stream();
        alone && stream.sharing != Sharing::Shared && !stream.elsewhere
    }

    /// The stream of the presence domain, if there is one.
    pub fn presence_stream(&self) -> Option<&StreamRecord> {
        self.presence.as_ref()
    }

    /// The stream that the presence of targets comes on; `None` where all are fixed destinations.
    pub fn subscriber(&self) -> Option<Role> {
        let targets = self.services.translators().iter();
        let any = targets.filter_map(|it| it.settings().subscriber()).next();
        any.map(|_| match self.services.settings().presence_domain {
            Some(_) => Role::Presence,
            None => Role::Component,
        })
    }

    /// All streams that are to be up.
    pub fn streams(&self) -> impl Iterator<Item = &StreamRecord> {
        std::iter::once(&self.own).chain(&self.presence)
    }

    fn streams_mut(&mut self) -> impl Iterator<Item = &mut StreamRecord> {
        std::iter::once(&mut self.own).chain(&mut self.presence)
    }

    /// What is known of a stream; `None` if the component no longer has it.
    pub fn record(&self, id: StreamId) -> Option<&StreamRecord> {
        self.streams().find(|stream| stream.id == id)
    }

    /// The same, to be changed, but without waking others as [`Self::update`] does.
    pub fn record_mut(&mut self, id: StreamId) -> Option<&mut StreamRecord> {
        self.streams_mut().find(|stream| stream.id == id)
    }

    /// Changes what is known of a stream, if the component still has it; the time is in Unix
    /// seconds.
    pub fn update(&mut self, id: StreamId, change: impl FnOnce(&mut StreamRecord, u64)) {
        let now = self.now().unix;
        if let Some(stream) = self.record_mut(id) {
            change(stream, now);
        }
        self.changes.send_replace(());
    }

    /// Begins with a stream of `domain`: the counts, and what is known of the server, continue from
    /// the one before.
    pub fn begin_stream(&mut self, role: Role, domain: &DomainPart) -> StreamId {
        let id = StreamId(self.next_stream);
        self.next_stream += 1;
        let mut new = StreamRecord::new(id, role, domain.clone());
        let before = self.streams().find(|stream| stream.role == role);
        if let Some(before) = before.filter(|before| before.domain == *domain) {
            new.succeed(before);
        }
        match role {
            Role::Component => self.own = new,
            Role::Presence => self.presence = Some(new),
        }
        self.changes.send_replace(());
        id
    }

    /// A turn of this stream is over. Wakes the tasks of other streams if something happened that
    /// they wait for.
    pub fn end_turn(&mut self, id: StreamId, session: &Session, due: Duration) {
        if let Some(stream) = self.record_mut(id) {
            stream.learn(session, due);
        }
        let has_resources = self.services.has_resources();
        let mut news = std::mem::replace(&mut self.had_resources, has_resources) != has_resources;
        let Self { services, own, presence, .. } = self;
        for stream in std::iter::once(own).chain(presence).filter(|stream| stream.id != id) {
            let due = services.deadline(&stream.domain);
            if let Some(due) = due.filter(|due| *due < stream.due) {
                // Wakes each only once: its own turn will come to the same deadline.
                stream.due = due;
                news |= stream.is_up();
            }
        }
        if news {
            self.changes.send_replace(());
        }
    }

    /// Reports changes from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// This stream was lost, so the component's other streams, which lead to the same server, are
    /// in doubt.
    pub fn doubt_others(&mut self, id: StreamId) {
        for stream in self.streams_mut().filter(|stream| stream.id != id) {
            stream.doubted = stream.is_up();
        }
        self.changes.send_replace(());
    }

    /// Whether that happened since the last call, and this stream was up.
    pub fn take_doubt(&mut self, id: StreamId) -> bool {
        self.record_mut(id).is_some_and(|stream| std::mem::take(&mut stream.doubted))
    }

    /// Forgets the limits that the server has shown, since it may accept larger stanzas by now:
    /// [`StreamRecord::lowered`].
    pub fn forget_limits(&mut self) {
        self.streams_mut().for_each(|stream| stream.lowered = None);
    }

    /// Takes another arrangement of services, and forgets the stream of a presence domain that they
    /// do not have.
    pub fn reconfigure(&mut self, arrangement: Arrangement) {
        self.services.reconfigure(arrangement);
        let domain = self.services.settings().presence_domain.as_ref();
        self.presence.take_if(|stream| Some(&stream.domain) != domain);
        self.changes.send_replace(());
    }

    /// Whether the component's own stream carries stanzas, and there is a resource to forward to.
    pub fn is_ready(&self) -> bool {
        self.own.serves() && self.services.is_ready(self.now().unix)
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

/// Waits until `is` holds of a component. No change is missed: `changes` keeps those that come
/// after the first line until they are waited for.
pub async fn until(shared: &Shared, is: impl Fn(&Component) -> bool) {
    let mut changes = lock(shared).changes();
    while !is(&lock(shared)) {
        // We hold the component, too, so the sender always exists.
        let _ = changes.changed().await;
    }
}

/// Locks a component for one turn. After a panic elsewhere it is still usable.
pub fn lock(shared: &Shared) -> MutexGuard<'_, Component> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

const FAR_AWAY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use tokio::time::timeout;
    use zeroize::Zeroizing;

    use crate::jat::keyring::{Key, Keyring};
    use crate::jat::settings::Settings;
    use crate::jat::target::Target;
    use crate::link::stream::State;
    use crate::session::Bounds;

    use super::*;

    /// One with a presence domain, and with that stream, both up.
    fn component() -> (Component, StreamId) {
        let key = Key::new(1, &Zeroizing::new(vec![7; 32]), None).unwrap();
        let target = Target::new("bot@some.example".parse().unwrap());
        let keyring = Arc::new(Keyring::new(vec![key]).unwrap());
        let presence_domain: DomainPart = "a.proxy.example".parse().unwrap();
        let settings = Settings {
            presence_domain: Some(presence_domain.clone()),
            ..Settings::new("proxy.example".parse().unwrap(), target, keyring)
        };
        let mut component = Component::new(Services::new(settings.into()), 1);
        let presence = component.begin_stream(Role::Presence, &presence_domain);
        for id in [component.own.id, presence] {
            component.update(id, |stream, since| stream.state = State::Up { since });
        }
        (component, presence)
    }

    #[test]
    fn what_a_turn_makes_due_on_the_other_stream_wakes_its_task_once() {
        let (mut component, presence) = component();
        let (own, now) = (component.own.id, component.now());
        let domain = component.presence.as_ref().unwrap().domain.clone();
        let bounds = Bounds::default();
        // The presence stream has asked, and is waiting for the answer.
        let session = Session::new(domain, bounds, &mut component.turn(now));
        let due = session.deadline(&component.services);
        component.end_turn(presence, &session, due);
        let domain = component.own.domain.clone();
        let session = Session::new(domain, bounds, &mut component.turn(now));
        let mut changes = component.changes();
        component.end_turn(own, &session, Duration::MAX);
        assert!(!changes.has_changed().unwrap());
        component.services.ask_again();
        component.end_turn(own, &session, Duration::MAX);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        component.end_turn(own, &session, Duration::MAX);
        assert!(!changes.has_changed().unwrap(), "once");
    }

    #[tokio::test]
    async fn a_change_is_seen_by_whoever_waits_for_it_or_comes_later() {
        let (component, presence) = component();
        let shared = Arc::new(Mutex::new(component));
        let is_closed = |c: &Component| c.record(presence).unwrap().state == State::Closed;
        let wait = || timeout(Duration::from_secs(60), until(&shared, is_closed));
        let close = async {
            lock(&shared).update(presence, |stream, _| stream.state = State::Closed);
        };
        let (first, second, ()) = tokio::join!(wait(), wait(), close);
        first.and(second).unwrap();
        wait().await.unwrap();
    }

    #[test]
    fn a_stream_that_takes_the_place_of_another_has_its_counts_and_not_its_name() {
        let (mut component, before) = component();
        component.update(before, |stream, _| (stream.logins, stream.lowered) = (3, Some(9)));
        let domain = component.record(before).unwrap().domain.clone();
        let after = component.begin_stream(Role::Presence, &domain);
        assert!(component.record(before).is_none());
        let stream = component.record(after).unwrap();
        assert_eq!((stream.logins, stream.lowered, stream.is_up()), (3, Some(9), false));
        let other = component.begin_stream(Role::Presence, &"b.proxy.example".parse().unwrap());
        assert_eq!(component.record(other).unwrap().logins, 0);
    }
}
