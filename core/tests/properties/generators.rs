//! Stanzas as users, clients and servers write them, and damage to them.

use std::fmt;

use core_tests::checks::DIVIDER;
use core_tests::checks::session::{MIRROR_AND_ALIAS, good_token};
use core_tests::twin::{TARGET, USER};
use core_tests::xml::escaped;
use proptest::prelude::*;
use proptest::sample::select;

/// The attributes of a start tag that a translation changes, decoded.
#[derive(Clone, Debug)]
pub struct Request {
    pub user: String,
    pub to: String,
    pub id: String,
    /// The whole stanza, and the same without a default namespace on its start tag.
    pub xml: String,
    pub plain: String,
}

/// A request that is forwarded: attributes in any order, spelled and quoted in any way.
pub fn request() -> impl Strategy<Value = Request> {
    let user = ("[a-z]{1,8}@[a-z]{1,8}\\.example", resource());
    let user = user.prop_map(|(bare, resource)| format!("{bare}/{resource}"));
    let to = prop_oneof![
        Just("proxy.example".to_owned()),
        "[a-z]{1,5}@proxy\\.example",
        resource().prop_map(|r| format!("proxy.example/{r}")),
        resource().prop_map(|r| format!("node@PROXY.example/{r}")),
    ];
    let id = prop_oneof!["[ -~]{0,30}", "[\u{a0}-\u{2ff}\t\n😀]{0,9}", Just(String::new())];
    let namespace = select(vec!["", "", "jabber:client", "jabber:server"]);
    (user, to, id, select(vec!["get", "set"]), extras(), namespace, payload(), any::<u64>())
        .prop_map(|(user, to, id, type_, extras, namespace, payload, seed)| {
            let mut attributes = extras;
            let named = [("from", &user), ("to", &to), ("id", &id)];
            attributes.extend(named.map(|(n, v)| format!("{n}='{}'", escaped(v))));
            attributes.push(format!("type=\"{type_}\""));
            let mut rng = fastrand::Rng::with_seed(seed);
            rng.shuffle(&mut attributes);
            let gap = rng.choice(["  ", " ", "\n"]).unwrap_or_default();
            let write = |attributes: &[String]| {
                let attributes = attributes.join(gap);
                format!("<iq {attributes} >{payload}</iq>")
            };
            let plain = write(&attributes);
            if !namespace.is_empty() {
                let at = rng.usize(..=attributes.len());
                attributes.insert(at, format!("xmlns='{namespace}'"));
            }
            Request { user, to, id, xml: write(&attributes), plain }
        })
}

/// The parts of a stanza that must not change.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Attributes of its start tag.
    pub head: String,
    pub content: String,
}

pub fn sent() -> impl Strategy<Value = Sent> {
    let id = select(vec!["", " id='7'", " id=\"&apos;&#10;😀\"", " id=''"]);
    let content = prop_oneof![
        Just(String::new()),
        payload(),
        (payload(), payload()).prop_map(|(a, b)| a + &b)
    ];
    (extras(), id, content)
        .prop_map(|(extras, id, content)| Sent { head: extras.join("  ") + id, content })
}

/// One child element, with text around it at times.
pub fn payload() -> impl Strategy<Value = String> {
    (text(), element(), text()).prop_map(|(a, element, b)| a + &element + &b)
}

/// An element, at most a few levels deep, whose prefixes are declared.
pub fn element() -> impl Strategy<Value = String> {
    let leaf = (name(), attributes()).prop_map(|(name, attributes)| tag(name, &attributes, ""));
    leaf.prop_recursive(4, 16, 4, |inner| {
        let children = prop::collection::vec(prop_oneof![inner, text()], 0..4);
        (name(), attributes(), children)
            .prop_map(|(name, attributes, children)| tag(name, &attributes, &children.concat()))
    })
}

/// Several stanzas of every kind, then damaged here and there.
pub fn damaged_stream() -> impl Strategy<Value = Bytes> {
    let stanzas = prop::collection::vec(stanza(), 1..5);
    (stanzas, prop::collection::vec(damage(), 0..4)).prop_map(|(stanzas, damages)| {
        let mut bytes = stanzas.concat().into_bytes();
        damages.iter().for_each(|damage| damage.apply(&mut bytes));
        Bytes(bytes)
    })
}

/// Pieces of XML in any order.
pub fn fragments() -> impl Strategy<Value = Bytes> {
    let long = "x".repeat(400);
    let fragments = [
        "<iq>",
        "</iq>",
        "<x/>",
        "<y a='>'>",
        "</y>",
        "<y a='/'/>",
        "text é",
        "]]>",
        "<![CDATA[",
        "&amp;",
        "&",
        "<",
        ">",
        "/",
        "'",
        " ",
        "<!-",
        "😀",
        "</stream:stream>",
        &long,
    ];
    let fragments = fragments.map(str::to_owned).to_vec();
    let any = prop::collection::vec(select(fragments), 0..30);
    any.prop_map(|fragments| Bytes(fragments.concat().into_bytes()))
}

/// A stream, and the pieces in which it arrives, as the checks take it.
pub fn cut(stream: impl Strategy<Value = Bytes>) -> impl Strategy<Value = Bytes> {
    let size = prop_oneof![0u8..9, 0u8..DIVIDER];
    (stream, prop::collection::vec(size, 0..20))
        .prop_map(|(Bytes(stream), sizes)| Bytes([stream, sizes].join(&DIVIDER)))
}

/// Bytes that are printed as text.
#[derive(Clone)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string())
    }
}

/// A stanza of any kind, from anybody to anywhere.
pub fn stanza() -> impl Strategy<Value = String> {
    let from = select(vec![
        USER.to_owned(),
        format!("{TARGET}/a"),
        format!("{TARGET}/b"),
        TARGET.to_owned(),
        "proxy.example".into(),
        String::new(),
        "SERVICE@some.example/A".into(),
    ]);
    let to = select(vec![
        "proxy.example".to_owned(),
        "n@proxy.example/r".into(),
        "other.example".into(),
        format!("proxy.example/{}", good_token()),
        "PROXY.example".into(),
        "proxy.example/x".into(),
        MIRROR_AND_ALIAS[0].clone(),
        MIRROR_AND_ALIAS[1].clone(),
    ]);
    let name = select(vec!["iq", "iq", "iq", "message", "presence", "foo", "handshake"]);
    let type_ = select(vec![
        "get",
        "set",
        "result",
        "error",
        "foo",
        "subscribe",
        "subscribed",
        "unsubscribed",
        "unavailable",
        "probe",
    ]);
    let id = select(vec!["", " id=''", " id='7'", " id='&quot;&#10;😀'"]);
    let any = (name, type_, id, from, to, extras(), prop_oneof![payload(), text()]).prop_map(
        |(name, type_, id, from, to, extras, payload)| {
            let extras = extras.join(" ");
            format!(
                "<{name} type='{type_}'{id} from='{from}' to='{to}' {extras}>{payload}</{name}>"
            )
        },
    );
    prop_oneof![
        3 => any,
        3 => request().prop_map(|r| r.xml),
        1 => select(vec![" \n".to_owned(), "<a/>".into(), "x".repeat(300), "<x>".repeat(12),
            "</stream:stream>".into(), "<stream:error><reset/></stream:error>".into()]),
    ]
}

/// What a bad connection, or a bad server, does to bytes.
#[derive(Clone, Debug)]
pub struct Damage {
    at: prop::sample::Index,
    length: usize,
    insert: Vec<u8>,
}

impl Damage {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let at = self.at.index(bytes.len() + 1);
        let end = (at + self.length).min(bytes.len());
        bytes.splice(at..end, self.insert.iter().copied());
    }
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let fragment = select(vec![
        "<",
        ">",
        "/>",
        "</",
        "'",
        "\"",
        "=",
        "&",
        ";",
        "&amp;",
        "&nbsp;",
        "&#0;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "<!",
        " ",
        "\n",
        "\r",
        "\0",
        "é",
        "😀",
        "\u{ffff}",
        "xmlns=''",
        " p:a='1'",
        "<p:a/>",
        " xmlns:p='urn:p'",
        "</iq>",
        "<iq>",
        "a='1' a='1'",
        ":",
        "",
    ]);
    let insert = prop_oneof![
        6 => fragment.prop_map(|f| f.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    (any::<prop::sample::Index>(), select(vec![0usize, 0, 1, 2, 9]), insert)
        .prop_map(|(at, length, insert)| Damage { at, length, insert })
}

fn resource() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,20}", "[\u{a0}-\u{2ff}😀/@]{1,9}"]
}

/// Attributes of the start tag that must not change.
fn extras() -> impl Strategy<Value = Vec<String>> {
    let extra = select(vec![
        "xml:lang='de'",
        "xml:space = \"preserve\"",
        "xmlns:p='urn:p' p:to='x'",
        "a='&#10;'",
        "b=\"'>/\"",
        "xmlns:q='urn:q' q:type='1'",
        "TO='z'",
    ]);
    let extras = prop::collection::btree_set(extra, 0..4);
    extras.prop_map(|extras| extras.into_iter().map(str::to_owned).collect())
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["x", "query", "iq", "q.é-_9", "p:x", "stream:error", "error"])
}

fn attributes() -> impl Strategy<Value = Vec<String>> {
    let attribute = select(vec![
        "a='1'",
        "b=\"it's\"",
        "c='&lt;&#x1F600;&quot;'",
        "d = '>'",
        "e='/>'",
        "f='\n'",
        "xml:lang='en'",
        "xmlns='urn:y'",
        "xmlns=''",
        "xmlns:r='urn:r' r:a='1'",
        "from='x'",
        "to='y'",
        "xmlns='jabber:client'",
    ]);
    // No two with the same name.
    let named = |a: &str| a.split([' ', '=']).next().unwrap_or_default().to_owned();
    prop::collection::vec(attribute, 0..4).prop_map(move |mut list| {
        list.sort_by_key(|a| named(a));
        list.dedup_by_key(|a| named(a));
        list.into_iter().map(str::to_owned).collect()
    })
}

fn text() -> impl Strategy<Value = String> {
    select(vec![
        "",
        "",
        "",
        " ",
        "\n  ",
        "text",
        "&amp;",
        "&#xe9;",
        "<![CDATA[</iq><&]]]]>",
        "é😀",
        "> ]] ",
    ])
    .prop_map(str::to_owned)
}

fn tag(name: &str, attributes: &[String], content: &str) -> String {
    let declared = if name.starts_with("p:") { " xmlns:p='urn:p'" } else { "" };
    let attributes: String = attributes.iter().map(|a| format!(" {a}")).collect();
    if content.is_empty() {
        format!("<{name}{declared}{attributes}/>")
    } else {
        format!("<{name}{declared}{attributes}>{content}</{name} >")
    }
}
