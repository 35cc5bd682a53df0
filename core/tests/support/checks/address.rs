//! Mirrors and aliases: no text makes the codec panic, what is written reads as what it was made
//! from, and what can be read is written as the same text again (docs/addresses.md).

use std::sync::LazyLock;

use jat_core::jat::access::{Pattern, Senders};
use jat_core::jat::address::Address;
use jat_core::jat::alias::{self, Holder};
use jat_core::jat::mirror::{self, Form, MAX_NODE_BYTES, Mirror, Mirrors, is_reserved};
use jat_core::jat::name_keys::NameKeys;
use jat_core::jat::prepared::{self, Refused};

use super::texts;
use crate::address_vectors::{DOMAIN, TARGET, keys};

static KEYS: LazyLock<NameKeys> = LazyLock::new(|| keys(&[1, 2]));
static EVERYBODY: LazyLock<Senders> = LazyLock::new(|| Senders::new([Pattern::Everybody]));
static NOBODY: LazyLock<Senders> = LazyLock::new(Senders::default);
static SOME: LazyLock<Senders> = LazyLock::new(|| {
    let patterns = ["example", "*.some.example", "bücher.example", "u@a.example"];
    Senders::new(patterns.map(|text| Pattern::new(text).unwrap()))
});

/// Checks the parts of `data` as a user, a face and a resource of the target, and the first as a node
/// that the target wrote to, and as an alias.
pub fn check(data: &[u8]) {
    let Some([text, face, resource]) = texts(data) else { return };
    for initiate in [&EVERYBODY, &NOBODY, &SOME] {
        written(&mirrors(initiate), &Address::new(text), face);
        spelled(&mirrors(initiate), text);
    }
    sealed(face, resource);
    opened(text);
}

/// Everything to make and read mirrors with; `initiate` is given.
fn mirrors(initiate: &Senders) -> Mirrors<'_> {
    Mirrors { domain: DOMAIN, target: TARGET, keys: &KEYS, initiate }
}

/// The node of the mirror of this user for this face, of one who is in `initiate` or not.
pub fn node_of(user: &str, face: &str, signed: bool) -> Option<String> {
    let (mirrors, mut mirror) = (mirrors(if signed { &NOBODY } else { &EVERYBODY }), String::new());
    mirrors.write(&Address::new(user), face, &mut mirror).ok()?;
    Some(mirror.split('@').next().unwrap().to_owned())
}

/// What the node is read as.
pub fn read(node: &str) -> Option<(String, String, Form)> {
    let mut room = String::new();
    let Mirror { user, face, form } = mirrors(&NOBODY).read(node, &mut room).ok()?;
    Some((user.to_owned(), face.to_owned(), form))
}

/// The bare user and the face in normal form; `None` if no address has such parts.
pub fn normal(user: &str, face: &str) -> Option<(String, String)> {
    let user = Address::new(user);
    let or_newer = |text: &str, prepared: Result<_, Refused>| match prepared {
        Ok(normal) => Some(String::from(normal)),
        Err(Refused::Newer) => Some(text.to_owned()),
        Err(Refused::Prohibited) => None,
    };
    let node = user.node().unwrap_or_default();
    let node = or_newer(node, prepared::node(node))?;
    let domain = or_newer(user.domain(), prepared::domain(user.domain()))?;
    let face = or_newer(face, prepared::node(face)).filter(|face| !is_reserved(face))?;
    Some((if node.is_empty() { domain } else { format!("{node}@{domain}") }, face))
}

fn written(mirrors: &Mirrors<'_>, user: &Address<'_>, face: &str) {
    let mut mirror = String::from("before");
    let said = mirrors.write(user, face, &mut mirror);
    let mirror = mirror.strip_prefix("before").expect("what was there stays");
    if let Err(too_long) = said {
        assert!(mirror.is_empty() && too_long.bytes > MAX_NODE_BYTES);
        assert!(too_long.bytes <= 3 * (user.bare().len() + face.len() + 20) + 6);
        return;
    }
    let address = Address::new(mirror);
    let node = address.node().expect("a mirror has a node");
    assert_eq!((address.domain(), address.resource()), (DOMAIN, user.resource()));
    assert!(node.len() <= MAX_NODE_BYTES && is_reserved(node), "{node}");
    assert_eq!(prepared::node(node).as_deref(), Ok(node), "a server would change it");
    let mut room = String::new();
    let read = mirrors.read(node, &mut room);
    let Some((bare, face)) = normal(user.as_str(), face) else {
        return assert!(read.is_err(), "no address is like this: {read:?}");
    };
    let read = read.unwrap_or_else(|error| panic!("{error}: {node}"));
    assert_eq!((read.user, read.face), (bare.as_str(), face.as_str()));
    // An answer to it is not refused by servers.
    assert!(
        matches!(read.form, Form::Clear { initiated: true } | Form::Signed { kid: 1 }),
        "{node}"
    );
}

fn spelled(mirrors: &Mirrors<'_>, node: &str) {
    let (mut room, mut other) = (String::new(), String::from("left over"));
    let Ok(read) = mirrors.read(node, &mut room) else {
        return assert!(mirror::inspect(node, &mut other).is_err());
    };
    let is_clear = matches!(read.form, Form::Clear { .. });
    assert_eq!(mirror::inspect(node, &mut other), Ok((read.user, read.face, !is_clear)));
    // Nothing in it can be taken for another part of an address.
    let user = Address::new(read.user);
    assert_eq!(user.bare(), read.user);
    for part in [user.node().unwrap_or_default(), user.domain(), read.face] {
        assert!(!part.contains([' ', '"', '&', '\'', '/', '<', '>', '@']), "{part:?}");
        assert!(!part.contains(|c: char| c.is_ascii_control() || c == '\u{fffe}'), "{part:?}");
    }
    assert_eq!(normal(read.user, read.face), Some((read.user.into(), read.face.into())));
    if read.form != Form::Forged {
        let again = node_of(read.user, read.face, !is_clear).expect("it fitted before");
        let is_by_first = !matches!(read.form, Form::Signed { kid } if kid != 1);
        assert_eq!(again == prepared::node_or_as_it_stands(node), is_by_first, "{node}");
    }
}

/// An alias of this resource opens, for its holder alone.
fn sealed(face: &str, resource: &str) {
    let (holder, mut text) = (Holder { face, target: TARGET }, String::new());
    let said = alias::write(KEYS.first(), &holder, resource, &mut text);
    let has_one = (1..=alias::MAX_RESOURCE_BYTES).contains(&resource.len());
    assert_eq!(said.is_ok(), has_one, "{}", resource.len());
    if !has_one {
        return assert!(text.is_empty());
    }
    assert!(text.len() <= 1023 && open(&holder, &text) == Some((1, resource.to_owned())));
    let outside = alias::Outside { kid: 1, resource_bytes: resource.len() };
    assert_eq!(alias::inspect(&text), Some(outside));
    for other in [
        Holder { face: TARGET, ..holder },
        Holder { target: face, ..holder },
        Holder { face: TARGET, target: face },
    ] {
        assert!(other == holder || open(&other, &text).is_none(), "{other:?}");
    }
    for other in [text.to_uppercase(), format!("{text}="), text[1..].into()] {
        assert_eq!(open(&holder, &other), None);
    }
}

fn opened(text: &str) {
    for face in [DOMAIN, "helper@proxy.domain.example"] {
        let holder = Holder { face, target: TARGET };
        if let Some((kid, resource)) = open(&holder, text) {
            let (key, mut again) = (KEYS.with_id(kid).unwrap(), String::new());
            alias::write(key, &holder, &resource, &mut again).unwrap();
            assert_eq!(again, text);
        }
    }
}

/// The key and the resource of an alias.
pub fn open(holder: &Holder<'_>, text: &str) -> Option<(u8, String)> {
    let mut resource = String::new();
    alias::open(&KEYS, holder, text, &mut resource).map(|kid| (kid, resource))
}
