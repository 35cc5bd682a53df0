//! A proxy that relays everything, between a bot and users, on a server with the modules that people
//! use.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use test_support::interop::client::{Client, SILENCE};
use test_support::interop::proxy::{Settings, key, name_key};
use test_support::interop::scene::Scene;
use test_support::interop::server::{Kind, Server};
use test_support::interop::stanza::{Element, Item, Stanza, StanzaReader};
use test_support::wait::PATIENCE;

/// The keys of the `[[component]]` table that the tests vary.
pub struct TwoWay {
    pub relay: &'static str,
    pub faces: &'static str,
    pub allow_from: &'static str,
    pub initiate: &'static str,
    /// Additional lines.
    pub more: &'static str,
}

impl Default for TwoWay {
    fn default() -> TwoWay {
        TwoWay {
            relay: r#"["iq", "messages", "requests", "presence"]"#,
            faces: r#"["helper", "alice", "bob"]"#,
            allow_from: r#"["*"]"#,
            initiate: r#"["*"]"#,
            more: "",
        }
    }
}

impl TwoWay {
    pub fn lines(&self) -> String {
        let TwoWay { relay, faces, allow_from, initiate, more } = self;
        format!(
            "relay = {relay}\nfaces = {faces}\nallow-from = {allow_from}\ninitiate = {initiate}\n\
             {more}\n"
        )
    }

    /// Writes it, and a name key, into the configuration.
    pub fn apply(&self, settings: &mut Settings) {
        settings.component = self.lines();
        settings.keys = key(1, 'A', None) + &name_key(1, 'N');
    }
}

/// Everything is relayed, to and from everybody, for the faces helper, alice and bob.
pub fn scene(kind: Kind) -> Scene {
    scene_with(kind, TwoWay::default())
}

pub fn scene_with(kind: Kind, two_way: TwoWay) -> Scene {
    Scene::on(Server::for_people(kind), |settings| two_way.apply(settings))
}

/// Has the running proxy read this configuration.
pub fn reload(scene: &mut Scene, two_way: TwoWay) {
    scene.proxy.settings.component = two_way.lines();
    scene.proxy.reload();
}

/// The address of the component with this node; empty for the domain itself.
pub fn face(scene: &Scene, node: &str) -> String {
    let domain = &scene.domain;
    if node.is_empty() { domain.clone() } else { format!("{node}@{domain}") }
}

/// The mirror in clear of an address without anything to escape but its `@`.
pub fn mirror(scene: &Scene, address: &str, face: &str) -> String {
    let (bare, resource) = address.split_once('/').map_or((address, None), |(b, r)| (b, Some(r)));
    let bare = bare.replace('@', r"\40");
    let slash = if face.is_empty() { "" } else { r"\2f" };
    let resource = resource.map(|it| format!("/{it}")).unwrap_or_default();
    format!("{bare}{slash}{face}@{}{resource}", scene.domain)
}

pub fn bare(address: &str) -> &str {
    address.split('/').next().unwrap()
}

/// A user who checks that no byte reveals the target's address.
pub struct User {
    client: Client,
    /// Text that must not occur: the target's node and its `@`.
    secret: String,
}

impl User {
    /// A new account, online with the resource `abc`.
    pub fn new(scene: &Scene) -> User {
        let account = scene.server.new_account("user");
        User::login(scene, &account, "abc")
    }

    /// A user who is online.
    pub fn login(scene: &Scene, account: &str, resource: &str) -> User {
        let mut user = User::connect(scene, account, resource);
        user.fetch_roster();
        user.available("");
        user
    }

    /// Logged in, but not available.
    pub fn connect(scene: &Scene, account: &str, resource: &str) -> User {
        User::connect_to(scene.server, scene, account, resource)
    }

    /// The same on a server that need not be the component's.
    pub fn connect_to(server: &Server, scene: &Scene, account: &str, resource: &str) -> User {
        let client = Client::login(server, account, resource);
        let secret = format!("{}@", scene.target.split('@').next().unwrap());
        User { client, secret }
    }

    /// The next stanza that matches; others before it are checked and discarded.
    pub fn receive(&mut self, what: &str, fits: impl Fn(&Stanza) -> bool) -> Stanza {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let it = self.client.try_receive(left);
            let it = it.unwrap_or_else(|| panic!("{} waited for {what}", self.client.jid));
            self.examine(&it);
            if fits(&it) {
                return it;
            }
        }
    }

    /// The next message with this text.
    pub fn reads(&mut self, text: &str) -> Stanza {
        self.receive(&format!("{text:?}"), |it| says(it, text))
    }

    /// The answer to a request, or the error for a message.
    pub fn answer_to(&mut self, id: &str) -> Stanza {
        self.receive(&format!("the answer to {id:?}"), |it| is_answer(it, id))
    }

    /// Asserts that no such stanza comes.
    pub fn hears_no(&mut self, what: &str, fits: impl Fn(&Stanza) -> bool) {
        let heard = self.hears(fits);
        assert!(heard.is_none(), "{} should get no {what}: {heard:?}", self.client.jid);
    }

    /// The first such stanza, if one comes soon.
    pub fn hears(&mut self, fits: impl Fn(&Stanza) -> bool) -> Option<Stanza> {
        let end = Instant::now() + SILENCE;
        while let Some(it) = self.client.try_receive(end.saturating_duration_since(Instant::now()))
        {
            self.examine(&it);
            if fits(&it) {
                return Some(it);
            }
        }
        None
    }

    fn examine(&self, stanza: &Stanza) {
        let text = String::from_utf8_lossy(&stanza.bytes);
        assert!(!text.to_lowercase().contains(&self.secret), "the target's address: {text}");
    }
}

impl Deref for User {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for User {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Waiting for stanzas, for the target's own client.
pub trait Listens {
    fn reads(&mut self, text: &str) -> Stanza;
    fn answer_to(&mut self, id: &str) -> Stanza;
    fn presence(&mut self, type_: Option<&str>, from: &str) -> Stanza;
}

impl Listens for Client {
    fn reads(&mut self, text: &str) -> Stanza {
        self.receive_where(&format!("{text:?}"), |it| says(it, text))
    }

    fn answer_to(&mut self, id: &str) -> Stanza {
        self.receive_where(&format!("the answer to {id:?}"), |it| is_answer(it, id))
    }

    fn presence(&mut self, type_: Option<&str>, from: &str) -> Stanza {
        let what = format!("presence {type_:?} from {from}");
        self.receive_where(&what, |it| is_presence(it, type_, from))
    }
}

/// Whether it is a message with this body, and not an error.
pub fn says(stanza: &Stanza, text: &str) -> bool {
    stanza.name == "message"
        && stanza.attr("type") != Some("error")
        && stanza.child("body").is_some_and(|body| body.text() == text)
}

pub fn is_presence(stanza: &Stanza, type_: Option<&str>, from: &str) -> bool {
    stanza.name == "presence" && stanza.attr("type") == type_ && stanza.attr("from") == Some(from)
}

fn is_answer(stanza: &Stanza, id: &str) -> bool {
    matches!(stanza.attr("type"), Some("result" | "error")) && stanza.attr("id") == Some(id)
}

/// A chat message with this id and text.
pub fn chat(id: &str, to: &str, text: &str) -> String {
    format!("<message type='chat' id='{id}' to='{to}'><body>{text}</body></message>")
}

/// An IQ get that no server answers itself.
pub fn ask(id: &str, to: &str) -> String {
    format!("<iq type='get' id='{id}' to='{to}'><ask xmlns='urn:example:ask'/></iq>")
}

/// The error's condition; panics if it is not an error.
pub fn condition(stanza: &Stanza) -> String {
    stanza.error().unwrap_or_else(|| panic!("an error, but {stanza:?}")).0
}

/// Answers a request with its own payload.
pub fn answer(service: &mut Client, request: &Stanza) {
    service.answer(request, "<answer xmlns='urn:example:ask'/>");
}

/// The user writes to this face and is answered; returns the alias that the answer comes from, as a
/// full address.
pub fn learn_alias(scene: &Scene, service: &mut Client, user: &mut User, node: &str) -> String {
    user.send(chat("hello", &face(scene, node), "hello"));
    let seen = service.reads("hello");
    service.send(chat("you", seen.attr("from").unwrap(), "and you"));
    user.reads("and you").attr("from").unwrap().to_owned()
}

/// Elements as a client's stream has them.
pub fn parsed(xml: &str) -> Vec<Element> {
    let stream = format!("<stream xmlns='jabber:client'><message>{xml}</message>");
    let mut items = StanzaReader::new().feed(stream.as_bytes()).unwrap();
    let Some(Item::Stanza(stanza)) = items.pop() else { panic!("not well-formed: {xml}") };
    stanza.root.elements().cloned().collect()
}

/// Waits until all that this user sent before has passed the proxy and the target's server, by a
/// request that this server answers. `account-queries` has to have vcard-temp.
pub fn passed(scene: &Scene, user: &mut User) {
    user.send(format!(
        "<iq type='get' id='passed' to='{}'><vCard xmlns='vcard-temp'/></iq>",
        scene.domain
    ));
    user.answer_to("passed");
}

/// The same for what the target sent before.
pub fn flushed(scene: &Scene, service: &mut Client) {
    service.send(ask("flushed", &scene.server.host));
    service.answer_to("flushed");
}
