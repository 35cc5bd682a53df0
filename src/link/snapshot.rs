//! A component handed over to the program that takes the place of this one: what it knows and
//! counts, and its streams as they are, to the byte.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::config::StreamConfig;
use crate::descriptor;
use crate::jat::now::Now;
use crate::jat::reason::Reason;
use crate::jat::services::FaceCounts;
use crate::jat::traffic::Traffic;
use crate::jat::translator::Translator;
use crate::session::Session;
use crate::session::snapshot::SessionSnapshot;
use crate::shortage::patiently;

use super::cause::Cause;
use super::component::Component;
use super::connect::watch_over;
use super::peer::Peer;
use super::socket::Socket;
use super::stream::{Parked, State, StreamId, StreamRecord};
use super::target_snapshot::{TargetSnapshot, is_zero};

/// A component with its streams.
#[derive(Debug, Serialize, Deserialize)]
pub struct ComponentSnapshot {
    pub domain: String,
    /// The first target.
    #[serde(flatten)]
    target: TargetSnapshot,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    other_targets: Vec<TargetSnapshot>,
    /// By face, as configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faces: Vec<(String, FaceCounts)>,
    /// Stanza and way, reason, how many; without zeros.
    counts: Vec<(String, String, u64)>,
    streams: Vec<StreamSnapshot>,
    /// Streams that could not be taken over, and why.
    #[serde(skip)]
    pub lost: Vec<(String, io::Error)>,
}

/// A stream, up or down.
#[derive(Debug, Serialize, Deserialize)]
struct StreamSnapshot {
    domain: String,
    logins: u64,
    unsent: u64,
    /// [`StreamRecord::standstills`].
    #[serde(default, skip_serializing_if = "is_zero")]
    standstills: u64,
    /// [`StreamRecord::lowered`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lowered: Option<usize>,
    /// By cause, without zeros.
    failures: BTreeMap<String, u64>,
    up: Option<Up>,
}

/// A stream that is up.
#[derive(Debug, Serialize, Deserialize)]
struct Up {
    socket: RawFd,
    /// Where it leads to: `host:port`, as configured.
    server: String,
    since: u64,
    /// [`Peer::of`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    addresses: usize,
    session: SessionSnapshot,
}

impl ComponentSnapshot {
    /// What the next program needs of a component whose streams are all paused. Its sockets stay
    /// open for it until [`take_back`].
    pub fn of(component: &Component) -> io::Result<Self> {
        let services = &component.services;
        let counts = component.tally.iter().filter(|(.., count)| *count > 0);
        let streams = component.streams().map(|it| StreamSnapshot::of(it, component.now()));
        let mut targets =
            services.translators().iter().map(|it| TargetSnapshot::of(it, component.now()));
        let target =
            targets.next().ok_or_else(|| io::Error::other("a component without target"))?;
        Ok(Self {
            domain: services.settings().domain.to_string(),
            target,
            other_targets: targets.collect(),
            faces: services.faces().map(|(face, counts, _)| (face.to_owned(), counts)).collect(),
            counts: counts.map(|(t, r, n)| (t.to_string(), r.name().into(), n)).collect(),
            streams: streams.collect::<io::Result<_>>()?,
            lost: Vec::new(),
        })
    }

    /// Puts what it knows and counts into a new component, whose streams were taken before.
    pub fn restore(&self, component: &mut Component) {
        let Self { domain: _, target, other_targets, faces, counts, streams: _, lost: _ } = self;
        for (traffic, reason, count) in counts {
            let reason = Reason::ALL.into_iter().find(|it| it.name() == reason);
            let traffic = Traffic::all().find(|it| it.to_string() == *traffic);
            if let (Some(traffic), Some(reason)) = (traffic, reason) {
                component.tally.add(traffic, reason, *count);
            }
        }
        for (face, counts) in faces {
            component.services.resume_counts(face, *counts);
        }
        let now = component.now();
        let mut gone = Vec::new();
        for known in std::iter::once(target).chain(other_targets) {
            match component.services.translator_of(&known.target) {
                Some(place) => component.services.update(place, |it| known.restore(it, now)),
                None => gone.push(known),
            }
        }
        // Counts never go back: they are added to those of a target that is new, or of the first
        // one.
        for known in gone {
            let new = component.services.translators().iter().position(|it| !self.knows(it));
            component.services.update(new.unwrap_or_default(), |it| {
                let mut counted = Translator::new(it.settings().clone());
                known.restore(&mut counted, now);
                it.inherit(&counted);
            });
        }
        let down = component.streams().filter(|stream| !stream.is_up());
        for domain in down.map(|stream| stream.domain.clone()).collect::<Vec<_>>() {
            // Without its stream, presence has to be asked for again.
            component.services.disconnected(&domain);
        }
    }

    fn knows(&self, translator: &Translator) -> bool {
        let target = translator.settings().target.as_str();
        std::iter::once(&self.target).chain(&self.other_targets).any(|it| it.target == target)
    }

    /// Takes out the stream with this configuration, if it is there and up.
    pub fn take_stream(
        &mut self,
        config: &StreamConfig,
        id: StreamId,
        component: &mut Component,
    ) -> Option<Box<Parked>> {
        let known = self.streams.iter_mut().find(|s| s.domain == config.domain.as_str())?;
        let stream = component.record_mut(id)?;
        known.restore(stream);
        let bounds = stream.bounds(config.bounds);
        let Up { socket, since, addresses, session, .. } =
            known.up.take_if(|up| up.server == config.server && config.tls.is_none())?;
        let socket = descriptor::adopt(socket).and_then(watch);
        let lost = |error| self.lost.push((config.domain.to_string(), error));
        let socket = socket.map_err(lost).ok()?;
        // An older program may have set this differently; if this fails, what it set is good
        // enough.
        let _ = watch_over(&socket);
        let socket = Socket::Plain(socket);
        let domain = config.domain.clone();
        let now = component.now();
        let session = Session::resume(domain, bounds, session, &mut component.turn(now));
        let stream = component.record_mut(id)?;
        (stream.state, stream.sharing) = (State::Up { since }, session.sharing());
        stream.clock_offset = session.clock_offset();
        stream.elsewhere = session.is_shared_elsewhere();
        stream.peer = socket.address().ok().map(|address| Peer { address, of: addresses });
        Some(Box::new(Parked { socket, session, config: Arc::new(config.clone()) }))
    }

    /// Closes the streams that were not taken: what is to be written is written if possible, and
    /// then the closing tag. Returns their domains.
    pub fn close_rest(self) -> Vec<String> {
        let mut closed = Vec::new();
        for stream in self.streams {
            let Some(up) = stream.up else { continue };
            if let Ok(socket) = descriptor::adopt(up.socket) {
                let last = [up.session.output.as_slice(), b"</stream:stream>"].concat();
                let _ = io::Write::write(&mut std::net::TcpStream::from(socket), &last);
            }
            closed.push(stream.domain);
        }
        closed
    }
}

/// From now on the sockets of a component are closed with this process again.
pub(crate) fn take_back(component: &Component) {
    for parked in component.streams().filter_map(StreamRecord::parked) {
        // The opposite change worked.
        if let Some(socket) = parked.socket.as_plain() {
            let _ = descriptor::keep(socket.as_fd(), false);
        }
    }
}

/// A socket that the runtime looks after.
fn watch(socket: OwnedFd) -> io::Result<TcpStream> {
    match socket.try_clone() {
        // A second descriptor, since a failure closes it.
        Ok(_) => patiently(PATIENCE, || TcpStream::from_std(socket.try_clone()?.into())),
        Err(_) => TcpStream::from_std(socket.into()),
    }
}

fn one() -> usize {
    1
}

fn is_one(count: &usize) -> bool {
    *count == 1
}

impl StreamSnapshot {
    fn of(stream: &StreamRecord, now: Now) -> io::Result<Self> {
        let up = match (&stream.state, stream.parked()) {
            (State::Up { since }, Some(parked)) => Up::of(stream, parked, *since, now)?,
            _ => None,
        };
        let failures = Cause::ALL.iter().map(|c| (c.name().into(), stream.failures[*c as usize]));
        Ok(Self {
            domain: stream.domain.to_string(),
            logins: stream.logins,
            unsent: stream.unsent,
            standstills: stream.standstills,
            lowered: stream.lowered,
            failures: failures.filter(|(_, count)| *count > 0).collect(),
            up,
        })
    }

    fn restore(&self, stream: &mut StreamRecord) {
        let Self { domain: _, logins, unsent, standstills, lowered, failures, up: _ } = self;
        (stream.logins, stream.unsent) = (*logins, *unsent);
        (stream.standstills, stream.lowered) = (*standstills, *lowered);
        for cause in Cause::ALL {
            let count = failures.get(cause.name());
            stream.failures[cause as usize] = count.copied().unwrap_or_default();
        }
    }
}

impl Up {
    fn of(
        stream: &StreamRecord,
        parked: &Parked,
        since: u64,
        now: Now,
    ) -> io::Result<Option<Self>> {
        let Some(session) = parked.session.hand_over(now.mono) else { return Ok(None) };
        // A TLS stream was closed before this.
        let Some(socket) = parked.socket.as_plain() else { return Ok(None) };
        descriptor::keep(socket.as_fd(), true)?;
        let socket = socket.as_raw_fd();
        let server = parked.config.server.clone();
        let addresses = stream.peer.map_or(1, |peer| peer.of);
        Ok(Some(Self { socket, server, since, addresses, session }))
    }
}

/// For each stream.
const PATIENCE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use zeroize::Zeroizing;

    use crate::jat::keyring::{Key, Keyring};
    use crate::jat::services::Services;
    use crate::jat::settings::Settings;
    use crate::jat::target::Target;

    use super::*;

    /// Continues from the golden file, where the subscriber is `a.proxy.example`.
    fn resumed(target: &str, presence_domain: Option<&str>) -> Component {
        let golden = include_str!("../../tests/data/handover-v1.json");
        let mut golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let mut component = golden["components"][0].take();
        component["answers"] = serde_json::json!({
            "records": [], "errors": [["service-unavailable", 4]]
        });
        component["observed"] = 5.into();
        let from: ComponentSnapshot = serde_json::from_value(component).unwrap();
        let key = Key::new(1, &Zeroizing::new(vec![7; 32]), None).unwrap();
        let keyring = Arc::new(Keyring::new(vec![key]).unwrap());
        let (domain, target) = ("proxy.example".parse().unwrap(), target.parse().unwrap());
        let settings = Settings {
            presence_domain: presence_domain.map(|domain| domain.parse().unwrap()),
            ..Settings::new(domain, Target::new(target), keyring)
        };
        let mut component = Component::new(Services::new(settings.into()), 1);
        from.restore(&mut component);
        component
    }

    /// Counts: relayed, errors that users got, unlisted, observed.
    fn counts(component: &Component) -> [u64; 4] {
        let translator = &component.services.translators()[0];
        [
            component.tally.total(Reason::Relayed),
            translator.answers().errors().iter().map(|(_, count)| count).sum(),
            translator.unlisted_replies(),
            translator.observed().stanzas(),
        ]
    }

    #[test]
    fn counters_stay_whatever_is_configured_and_the_list_as_far_as_it_is_true() {
        for (target, presence_domain, resources) in [
            ("bot@some.example", Some("a.proxy.example"), 1),
            ("bot@some.example", Some("b.proxy.example"), 1),
            ("bot@some.example", None, 1),
            ("other@some.example", Some("a.proxy.example"), 0),
        ] {
            let component = resumed(target, presence_domain);
            assert_eq!(counts(&component), [7, 4, 3, 5], "{target} {presence_domain:?}");
            let presence = component.services.translators()[0].presence();
            assert_eq!(presence.resources.len(), resources, "{target} {presence_domain:?}");
            assert!(!presence.is_settled());
        }
    }
}
