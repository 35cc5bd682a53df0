//! Stanzas in which an account's server, or somebody else, writes the account's address.

use proptest::prelude::*;
use proptest::sample::select;

/// The account in normal form.
pub fn account() -> impl Strategy<Value = String> {
    select(vec!["service@some.example", "some.example", "é-1@bücher.example", "bücher.example"])
        .prop_map(str::to_owned)
}

pub fn stanza() -> impl Strategy<Value = String> {
    let name = select(vec!["presence", "message", "iq"]);
    let declared = select(vec!["", "", " xmlns:d='urn:xmpp:delay'", " xmlns:d='urn:y'"]);
    let content = prop::collection::vec(element(), 0..4);
    (name, declared, content).prop_map(|(name, declared, content)| {
        format!("<{name} to='u@d' xmlns:p='urn:p'{declared}>{}</{name}>", content.concat())
    })
}

fn element() -> impl Strategy<Value = String> {
    let leaf = (name(), attributes(), text()).prop_map(|(name, attributes, text)| {
        if text.is_empty() {
            format!("<{name}{attributes}/>")
        } else {
            format!("<{name}{attributes}>{text}</{name}>")
        }
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        let content = prop::collection::vec(inner, 1..3);
        (name(), attributes(), text(), content).prop_map(|(name, attributes, text, content)| {
            format!("<{name}{attributes}>{text}{}</{name} >", content.concat())
        })
    })
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["delay", "delay", "d:delay", "p:delay", "item", "d:item", "p:from"])
}

/// Of different names, in any order.
fn attributes() -> impl Strategy<Value = String> {
    let named = select(vec!["from", "jid", "publisher", "p:from", "xml:lang", "stamp"]);
    let quote = select(vec!['\'', '"']);
    let gap = select(vec![" ", "  ", "\n", "\t "]);
    let valued = (named, quote, gap, value())
        .prop_map(|(name, quote, gap, value)| (name, format!("{gap}{name}={quote}{value}{quote}")));
    let declared = (
        select(vec!["xmlns", "xmlns", "xmlns:d", "xmlns:p"]),
        select(vec!["urn:xmpp:delay", "urn:xmpp:del&#x61;y", "urn:y", "service@some.example"]),
    );
    let declared = declared.prop_map(|(name, value)| (name, format!(" {name} = '{value}'")));
    prop::collection::vec(prop_oneof![3 => valued, 1 => declared], 0..4).prop_map(|all| {
        let mut written = String::new();
        for (at, (name, attribute)) in all.iter().enumerate() {
            if all[..at].iter().all(|(before, _)| before != name) {
                written.push_str(attribute);
            }
        }
        written
    })
}

fn value() -> impl Strategy<Value = String> {
    let bare = select(vec![
        "service@some.example",
        "service@some.example",
        "SERVICE@Some.example.",
        "ｓervice@some.example",
        "ser\u{ad}vice@some.example",
        "service&#64;some.example",
        "service@some.example.org",
        "xmpp:service@some.example",
        "some.example",
        "SOME.EXAMPLE",
        "é-1@bücher.example",
        "É-1@xn--bcher-kva.example",
        "XN--BCHER-KVA.example.",
        "bücher。example",
        "user@some.example",
        "x",
        "",
    ]);
    let resource = select(vec!["", "", "", "/", "/a", "/&lt;&apos;&#34;", "/a/b@c", "/Å", "/\n"]);
    let long = format!("/{}", "x".repeat(621));
    let resource = prop_oneof![9 => resource.prop_map(str::to_owned), 1 => Just(long)];
    (bare, resource).prop_map(|(bare, resource)| format!("{bare}{resource}"))
}

fn text() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        "service@some.example/a",
        "&amp;&#xe9;",
        "<![CDATA[<item jid='service@some.example'/>]]>",
        "from='service@some.example'",
    ])
}
