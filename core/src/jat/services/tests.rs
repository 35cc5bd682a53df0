//! Which service a stanza finds, and what stays when the arrangement changes.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::jat::dispatch::Dispatch;
use crate::jat::face_table::Face;
use crate::jat::glob::Glob;
use crate::jat::incoming::{Body, Ours};
use crate::jat::keyring::{Key, Keyring};
use crate::jat::limit::{Limit, Rate};
use crate::jat::name_keys::{NameKey, NameKeys};
use crate::jat::two_way::{Faces, MessagesTo, TwoWay};
use crate::jat::verdict::Act;
use crate::stanza::head::{Head, Rewrite};

use super::*;

const D: &str = "d.example";
const U: &str = "user@u.example/r";
const A: &str = "a@t.example";
const B: &str = "b@t.example";
const C: &str = "c@t.example";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relayed {
    Requests,
    All,
}
use Relayed::{All, Requests};

fn glob(text: &str) -> Glob {
    Glob::new(text).unwrap()
}

fn settings(target: &str, face: &str, relayed: Relayed) -> Settings {
    let secret = || Zeroizing::new(vec![1; 32]);
    let keyring = Keyring::new(vec![Key::new(1, &secret(), None).unwrap()]).unwrap();
    let two_way = TwoWay {
        messages: true,
        presence: true,
        requests: true,
        faces: Faces(if face.is_empty() { Arc::default() } else { [glob(face)].into() }),
        initiate: Arc::default(),
        messages_to: MessagesTo::Resource,
        account_queries: Arc::default(),
        own: Arc::default(),
        names: Arc::new(NameKeys::new(vec![NameKey::new(1, &secret()).unwrap()]).unwrap()),
    };
    let target = Target::new(target.parse().unwrap());
    Settings {
        two_way: (relayed == All).then(|| Arc::new(two_way)),
        dispatch: Dispatch::Sticky,
        ..Settings::new(D.parse().unwrap(), target, Arc::new(keyring))
    }
}

fn arranged(own: Option<&str>, faces: &[(&str, &str)], relayed: Relayed) -> Arrangement {
    let face = |(node, target): &(&str, &str)| {
        let face = match node.contains(['*', '?']) {
            true => Face::Nodes(glob(node)),
            false => Face::Node((*node).to_owned()),
        };
        (face, settings(target, node, relayed))
    };
    let own = own.map(|target| settings(target, "", relayed));
    Arrangement { own, faces: faces.iter().map(face).collect() }
}

struct World {
    services: Services,
    rng: Rng,
    at: u64,
}

impl World {
    fn new(own: Option<&str>, faces: &[(&str, &str)], relayed: Relayed) -> Self {
        let services = Services::new(arranged(own, faces, relayed));
        let mut world = Self { services, rng: Rng::with_seed(1), at: 100 };
        world.tick();
        world
    }

    /// Each target has granted its subscription, and has the resource `x`.
    fn online(own: Option<&str>, faces: &[(&str, &str)], relayed: Relayed) -> Self {
        let mut world = Self::new(own, faces, relayed);
        world.come_online();
        world
    }

    fn come_online(&mut self) {
        let all = self.services.translators().iter();
        let all: Vec<_> = all.map(|it| it.settings().target.bare().to_string()).collect();
        for target in all {
            self.judge(&format!("<presence type='subscribed' to='{D}' from='{target}'/>"));
            self.judge(&format!("<presence to='{D}' from='{target}/x'/>"));
        }
    }

    fn now(&self) -> Now {
        Now { unix: 1_800_000_000 + self.at, mono: Duration::from_secs(self.at) }
    }

    /// The targets that get something.
    fn tick(&mut self) -> Vec<String> {
        let now = self.now();
        let due = self.services.tick(&D.parse().unwrap(), now, &mut self.rng);
        let target = |(number, _): (usize, _)| -> String {
            self.services.translators()[number].settings().target.bare().to_string()
        };
        due.into_iter().map(target).collect()
    }

    fn deadline(&self) -> Option<Duration> {
        self.services.deadline(&D.parse().unwrap())
    }

    fn rearrange(&mut self, own: Option<&str>, faces: &[(&str, &str)], relayed: Relayed) {
        self.services.reconfigure(arranged(own, faces, relayed));
    }

    fn judge(&mut self, tag: &str) -> Judged {
        self.judge_at(tag, D, None)
    }

    /// Judges a stanza with this start tag and one child.
    fn judge_at(&mut self, tag: &str, at: &str, ours: Option<Ours>) -> Judged {
        let now = self.now();
        let at = at.parse().unwrap();
        let head = Head::parse(tag).unwrap();
        let body = Body::Whole { children: 1, namespaces_ok: true, stanza: b"<x><y/></x>" };
        let stanza = Incoming::new(&at, &head, body, ours, false);
        let verdict = self.services.judge(&stanza, now, &mut self.rng);
        let (traffic, reason) = (verdict.traffic, verdict.reason);
        assert!(reason.occurs_in(traffic), "{tag}: {} of {traffic}", reason.name());
        let (to, from, id) = match &verdict.act {
            Act::Relay(Rewrite { to, from, id }, _) => {
                ((*to).to_owned(), from.to_string(), id.map(|id| id.to_string()))
            }
            Act::Refuse(..) | Act::AnswerPresence(..) => ("answered".into(), "".into(), None),
            _ => Default::default(),
        };
        self.services.note_outcome(traffic, reason, now.unix);
        let (translator, number) = self.services.last;
        Judged {
            face: number.map(|number| self.services.names[number].clone()),
            target: self.services.translators[translator].settings().target.bare().to_string(),
            reason,
            to,
            from,
            id: id.or(head.id.as_deref().map(str::to_owned)).unwrap_or_default(),
        }
    }

    /// Sends a request of the user to this node; returns what the target gets.
    fn ask(&mut self, node: &str) -> Judged {
        let at = if node.is_empty() { "" } else { "@" };
        self.judge(&format!("<iq type='get' id='7' to='{node}{at}{D}' from='{U}'>"))
    }

    fn message(&mut self, from: &str, to: &str) -> Judged {
        self.judge(&format!("<message to='{to}' from='{from}'>"))
    }

    fn totals(&self) -> (u64, u64) {
        (
            self.services.errors().iter().map(|(_, count)| count).sum(),
            self.services.unlisted_replies(),
        )
    }
}

#[derive(Debug)]
struct Judged {
    /// The face of the service, if it is for one.
    face: Option<String>,
    target: String,
    reason: Reason,
    /// Its new addresses; `answered` if its sender got an answer.
    to: String,
    from: String,
    id: String,
}

impl Judged {
    fn found(&self) -> (Option<&str>, &str, Reason) {
        (self.face.as_deref(), &self.target, self.reason)
    }

    /// The answer of the resource that got it.
    fn answer(&self, from: &str) -> String {
        let Self { to: _, from: asked, id, .. } = self;
        format!("<iq type='result' id='{id}' to='{asked}' from='{from}'>")
    }
}

const FACES: [(&str, &str); 5] =
    [("one", A), ("two", B), ("room-*", B), ("room-1", C), ("again", A)];

#[test]
fn a_node_finds_its_target() {
    for relayed in [Requests, All] {
        let mut world = World::online(None, &FACES, relayed);
        for (node, face, target) in [
            ("one", "one", A),
            ("ONE", "one", A),
            ("two", "two", B),
            ("room-", "room-*", B),
            ("room-1", "room-1", C),
            ("room-12", "room-*", B),
            ("room-😀", "room-*", B),
            ("again", "again", A),
        ] {
            let asked = world.ask(node);
            assert_eq!(asked.found(), (Some(face), target, Reason::Relayed), "{node}");
            assert_eq!(asked.to, format!("{target}/x"));
            let user = world.judge(&asked.answer(&asked.to));
            assert_eq!(user.found(), (Some(face), target, Reason::Relayed), "{node}");
            assert_eq!(user.to, U);
        }
        let longest = "x".repeat(1_023);
        for node in ["", "three", "onee", "room", r"one\20x", r"x\40y", &longest] {
            let asked = world.ask(node);
            assert_eq!((asked.face.as_deref(), asked.reason), (None, Reason::NoSuchFace), "{node}");
            assert_eq!(asked.to, "answered");
        }
    }
}

#[test]
fn the_component_itself_has_what_no_face_names() {
    let mut world = World::online(Some(C), &FACES, Requests);
    for (node, face, target) in [
        ("", "", C),
        ("three", "", C),
        ("one", "one", A),
        (r"x\40y", "", C),
        ("room-2", "room-*", B),
    ] {
        assert_eq!(world.ask(node).found(), (Some(face), target, Reason::Relayed), "{node}");
    }
    // The domain itself is a face, too.
    let mut world = World::online(None, &[("", A), ("*", B)], Requests);
    for (node, face, target) in [("", "", A), ("x", "*", B)] {
        assert_eq!(world.ask(node).found(), (Some(face), target, Reason::Relayed), "{node}");
    }
}

/// Stanzas that need an answer get `item-not-found`, others none.
#[test]
fn an_unknown_face_is_an_error_for_requests() {
    for relayed in [Requests, All] {
        let mut world = World::online(None, &FACES, relayed);
        for (name, type_, answered) in [
            ("iq", "get", true),
            ("iq", "set", true),
            ("iq", "weird", true),
            ("iq", "result", false),
            ("iq", "error", false),
            ("message", "chat", true),
            ("message", "error", false),
            ("presence", "subscribe", false),
            ("presence", "probe", false),
            ("presence", "unavailable", false),
            ("presence", "error", false),
        ] {
            for to in ["none@d.example", "none@D.example/r", "d.example"] {
                let tag = format!("<{name} type='{type_}' id='7' to='{to}' from='{U}'>");
                let judged = world.judge(&tag);
                assert_eq!(judged.face, None, "{tag}");
                assert_eq!(judged.to == "answered", answered, "{tag}");
                let answers = name == "iq" && !answered;
                let due = if answers { Reason::NotFromTarget } else { Reason::NoSuchFace };
                assert_eq!(judged.reason, due, "{tag}");
            }
        }
        // Whoever wrote them, they were for no service.
        assert!(world.services.faces().all(|(.., counts, _)| counts == FaceCounts::default()));
    }
}

#[test]
fn what_is_ours_needs_no_face() {
    let mut world = World::online(None, &FACES, Requests);
    let echo = format!("<message id='jat-1' to='{D}' from='{D}'>");
    assert_eq!(world.judge_at(&echo, D, Some(Ours::Echo)).reason, Reason::Echo);
    assert_eq!(world.judge_at(&echo, D, None).reason, Reason::OwnAddress);
    let time = format!("<iq type='result' id='jat-1' to='{D}' from='t.example'>");
    assert_eq!(world.judge_at(&time, D, Some(Ours::Time)).reason, Reason::ServerTime);
    for from in ["", "@x", "@", "u@x.example/"] {
        assert_eq!(world.message(from, "none@d.example").reason, Reason::NoFrom, "{from}");
    }
    let elsewhere = world.message(U, "none@other.example");
    assert_eq!(elsewhere.reason, Reason::NotOurDomain);
}

#[test]
fn the_presence_domain_has_no_faces() {
    let mut arrangement = arranged(None, &FACES, All);
    for (_, settings) in &mut arrangement.faces {
        settings.presence_domain = Some("r1.d.example".parse().unwrap());
    }
    let services = Services::new(arrangement);
    let mut world = World { services, rng: Rng::with_seed(1), at: 100 };
    let mut judge = |tag: &str| world.judge_at(tag, "r1.d.example", None).reason;
    let at = "to='r1.d.example'";
    assert_eq!(judge(&format!("<iq type='get' id='7' {at} from='{U}'>")), Reason::PresenceDomain);
    assert_eq!(judge(&format!("<message {at} from='{U}'>")), Reason::PresenceDomain);
    assert_eq!(judge(&format!("<iq type='result' id='7' {at} from='{U}'>")), Reason::NoToken);
    assert_eq!(judge(&format!("<presence {at} from='{C}/x'>")), Reason::PresenceUsed);
    let domains = ["r1.d.example", D].map(|at| at.parse().unwrap());
    let now = world.now();
    assert_eq!(world.services.tick(&domains[1], now, &mut world.rng), []);
    assert_eq!(world.services.tick(&domains[0], now, &mut world.rng).len(), 3);
    assert_eq!(world.services.deadline(&domains[1]), None);
    assert!(world.services.deadline(&domains[0]).is_some());
}

#[test]
fn presence_to_the_domain_reaches_the_service_of_its_sender() {
    let mut world = World::new(Some(C), &FACES, All);
    for target in [A, B, C] {
        let tag = format!("<presence to='{D}' from='{target}/x'>");
        let judged = world.judge(&tag);
        assert_eq!((&*judged.target, judged.reason), (target, Reason::PresenceUsed));
        for translator in world.services.translators() {
            let known = translator.presence().resources.contains(&format!("{target}/x"));
            assert_eq!(known, translator.settings().target.bare().as_str() == target, "{target}");
        }
        world.judge(&format!("<presence type='unavailable' to='{D}' from='{target}/x'>"));
    }
}

#[test]
fn a_target_is_a_user_of_the_others() {
    for relayed in [Requests, All] {
        let mut world = World::online(Some(C), &FACES, relayed);
        let asker = format!("{A}/x");
        let tag = format!("<iq type='get' id='7' to='two@{D}' from='{asker}'>");
        let asked = world.judge(&tag);
        assert_eq!(asked.found(), (Some("two"), B, Reason::Relayed));
        // Only the one that was asked can answer.
        for other in [format!("{A}/x"), format!("{C}/x"), format!("{B}/y")] {
            assert_ne!(world.judge(&asked.answer(&other)).reason, Reason::Relayed, "{other}");
        }
        let answered = world.judge(&asked.answer(&asked.to));
        assert_eq!((answered.reason, answered.to), (Reason::Relayed, asker));
    }
}

/// A target writes to users as its own faces only.
#[test]
fn a_mirror_leads_to_its_face_and_no_other() {
    let mut world = World::online(Some(C), &FACES, All);
    let mirror = |world: &mut World, node: &str| {
        let said = world.message(U, &format!("{node}@{D}"));
        assert_eq!(said.reason, Reason::Relayed);
        said.from
    };
    let nodes = [("one", A), ("two", B), ("room-7", B), ("room-1", C), ("again", A)];
    let mirrors = nodes.map(|(node, _)| mirror(&mut world, node));
    for ((node, target), mirror) in nodes.iter().zip(&mirrors) {
        for sender in [A, B, C] {
            let said = world.message(&format!("{sender}/x"), mirror);
            if sender == *target {
                assert_eq!(said.reason, Reason::Relayed, "{sender} to {mirror}");
                assert_eq!((&*said.to, said.from.split('@').next()), (U, Some(*node)));
            } else {
                assert_eq!(said.found(), (None, sender, Reason::NoSuchFace), "{mirror}");
                assert_eq!(said.to, "answered");
            }
        }
    }
    // The clear form of any face, and of none.
    for (face, target) in [("one", A), ("two", B), ("room-9", B), ("", C), ("none", C)] {
        let rest = if face.is_empty() { String::new() } else { format!(r"\2f{face}") };
        for sender in [A, B, C] {
            let said = world.message(&format!("{sender}/x"), &format!(r"v\40w.example{rest}@{D}"));
            let due = if sender == target { Reason::NotInitiated } else { Reason::NoSuchFace };
            assert_eq!(said.reason, due, "{sender} as {face:?}");
        }
    }
}

/// If only requests are relayed, a node that looks like a mirror of a face does not belong to it.
#[test]
fn a_user_cannot_reach_a_face_by_a_mirror_for_it() {
    let mut world = World::online(None, &FACES, Requests);
    let tag = format!(r"<iq type='get' id='7' to='x\40y\2ftwo@{D}' from='{A}/x'>");
    assert_eq!(world.judge(&tag).found(), (None, A, Reason::NoSuchFace));
}

#[test]
fn a_reply_is_matched_by_its_token_even_if_the_face_is_gone() {
    for relayed in [Requests, All] {
        for after in [
            // The face is gone; has another target; all nodes have another target.
            vec![("two", B), ("again", A)],
            vec![("one", B), ("again", A)],
            vec![("*", B), ("again", A)],
        ] {
            let mut world = World::online(None, &FACES, relayed);
            let asked = world.ask("one");
            world.rearrange(None, &after, relayed);
            world.come_online();
            let other = world.judge(&asked.answer(&format!("{B}/x")));
            assert_ne!(other.reason, Reason::Relayed, "{after:?}");
            let user = world.judge(&asked.answer(&asked.to));
            assert_eq!((user.reason, &*user.to), (Reason::Relayed, U), "{after:?}");
            assert_eq!(user.from, format!("one@{D}"));
            // It may no longer write there.
            if relayed == All {
                let said = world.message(&asked.to, &asked.from);
                assert_eq!(said.found(), (None, A, Reason::NoSuchFace), "{after:?}");
            }
        }
    }
    // A target without a face any more is not accepted.
    let mut world = World::online(None, &FACES, Requests);
    let asked = world.ask("one");
    world.rearrange(None, &[("one", B)], Requests);
    assert_eq!(world.judge(&asked.answer(&asked.to)).reason, Reason::NotFromTarget);
}

#[test]
fn two_faces_of_a_target_are_two_services() {
    let mut arrangement = arranged(None, &[("one", A), ("two", A)], Requests);
    arrangement.faces[0].1.resources = [glob("p*")].into();
    arrangement.faces[1].1.resources = [glob("q*")].into();
    arrangement.faces[1].1.dispatch = Dispatch::Priority;
    let services = Services::new(arrangement);
    let mut world = World { services, rng: Rng::with_seed(1), at: 100 };
    // One subscription.
    assert_eq!(world.tick(), [A]);
    world.judge(&format!("<presence type='subscribed' to='{D}' from='{A}'>"));
    assert_eq!(world.ask("one").reason, Reason::Offline);
    world.judge(&format!("<presence to='{D}' from='{A}/q1'>"));
    assert_eq!(world.ask("one").reason, Reason::NeverAsked);
    let asked = world.ask("two");
    assert_eq!((asked.reason, &*asked.to), (Reason::Relayed, &*format!("{A}/q1")));
    world.judge(&format!("<presence to='{D}' from='{A}/p1'>"));
    assert_eq!(world.ask("one").to, format!("{A}/p1"));
    // Its token opens only at the face that was asked.
    let moved = asked.answer(&asked.to).replace("two@", "one@");
    assert_eq!(world.judge(&moved).reason, Reason::TokenSignature);
    assert_eq!(world.judge(&asked.answer(&asked.to)).reason, Reason::Relayed);
    let counts: Vec<_> = world.services.faces().map(|(name, counts, _)| (name, counts)).collect();
    let counted = |inward, outward, refused| FaceCounts { inward, outward, refused };
    assert_eq!(counts, [("one", counted(1, 0, 3)), ("two", counted(1, 1, 0))]);
}

#[test]
fn what_is_known_of_a_target_stays_while_a_face_leads_to_it() {
    let mut world = World::online(Some(C), &FACES, Requests);
    // An error, and a result of a resource without presence.
    let asked = world.ask("one");
    let error = asked.answer(&asked.to).replace("result", "error");
    assert_eq!(world.judge(&error).reason, Reason::RelayedError);
    let before = world.totals();
    assert_eq!(before.0, 1);
    let counts = |world: &World, face: &str| {
        world.services.faces().find(|(name, ..)| *name == face).map(|(_, counts, _)| counts)
    };
    let of_one = counts(&world, "one");
    // In another order, with faces that are new and others that are gone.
    world.rearrange(None, &[("new", B), ("one", A), ("other", "d@t.example")], Requests);
    assert_eq!(world.tick(), ["d@t.example"]);
    assert_eq!(world.ask("new").to, format!("{B}/x"));
    assert_eq!(world.ask("one").to, format!("{A}/x"));
    assert_eq!(world.ask("other").reason, Reason::SubscriptionPending);
    assert_eq!(counts(&world, "one").unwrap().refused, of_one.unwrap().refused);
    assert_eq!(counts(&world, "one").unwrap().inward, of_one.unwrap().inward + 1);
    assert_eq!((counts(&world, "two"), world.totals()), (None, before));
    // The target with the counts is removed.
    world.rearrange(None, &[("new", B)], Requests);
    assert_eq!(world.totals(), before);
    // It is added again, and nothing is known of it.
    world.rearrange(None, &[("new", B), ("one", A)], Requests);
    assert_eq!(world.tick(), [A]);
    assert_eq!(world.ask("one").reason, Reason::SubscriptionPending);
    assert_eq!(world.totals(), before);
}

/// At each moment that some target is due something is done, and not before.
#[test]
fn the_deadline_is_the_earliest_of_all_targets() {
    let mut world = World::online(None, &FACES, Requests);
    let mut rng = Rng::with_seed(9);
    let (mut asked, mut idle) = (0, 0);
    for round in 0..400 {
        let all = world.services.translators();
        let earliest = all.iter().filter_map(Translator::next_due).min();
        let due = world.deadline().expect("a subscription is renewed some time");
        assert!(Some(due) <= earliest, "round {round}: {due:?} after {earliest:?}");
        world.at = world.at.max(due.as_secs() + 1);
        let sent = world.tick().len();
        asked += sent;
        idle = if sent == 0 { idle + 1 } else { 0 };
        // A timer may end without an action; then there is another one.
        assert!(idle < 20, "round {round}: nothing is done again and again");
        assert!(world.deadline().is_none_or(|due| due > world.now().mono), "round {round}");
        let target = [A, B, C][rng.usize(..3)];
        match rng.u8(..6) {
            0 => _ = world.judge(&format!("<presence to='{D}' from='{target}/y'>")),
            1 => {
                world.judge(&format!("<presence type='unavailable' to='{D}' from='{target}/y'>"));
            }
            2 => {
                _ = world.judge(&format!("<presence type='unsubscribed' to='{D}' from='{target}'>"))
            }
            3 => _ = world.judge(&format!("<presence type='subscribed' to='{D}' from='{target}'>")),
            4 => world.rearrange(None, &FACES[rng.usize(..5)..], Requests),
            _ => {}
        }
    }
    assert!(asked > 50, "{asked}");
}

#[test]
fn faces_with_different_limits_are_counted_separately() {
    let mut arrangement = arranged(None, &[("slow", A), ("fast", A), ("also-fast", A)], Requests);
    let limit = |rate, burst| Some(Limit { rate: Rate::parse(rate).unwrap(), burst });
    let limits = [limit("1/h", 1), limit("20/s", 2), limit("20/s", 2)];
    for ((_, settings), limit) in arrangement.faces.iter_mut().zip(limits) {
        settings.limit = limit;
    }
    let mut world = World { services: Services::new(arrangement), rng: Rng::with_seed(1), at: 100 };
    world.tick();
    world.come_online();
    for (node, reason) in [
        ("slow", Reason::Relayed),
        ("slow", Reason::OverRate),
        // Reaching that limit does not affect the other one, and faces with the same limit share it.
        ("fast", Reason::Relayed),
        ("also-fast", Reason::Relayed),
        ("fast", Reason::OverRate),
    ] {
        assert_eq!(world.ask(node).reason, reason, "{node}");
    }
}
