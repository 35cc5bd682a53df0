//! A whole session: it survives any bytes in any cut, in bounded memory, with the right counts; its
//! output is well formed; and what one replica forwards another reverts.

use std::sync::LazyLock;

use jat_core::jat::address::Address;
use jat_core::jat::reason::Reason;
use jat_core::jat::settings::Settings;
use jat_core::jat::token::{self, Binding, Claims};
use jat_core::jat::traffic::{Traffic, USER_REQUEST};
use jat_core::session::Bounds;
use jat_core::session::ending::Ending;
use jat_core::stanza::splitter::Piece;
use jat_core::stanza::xml_error::XmlError;

use super::Stream;
use super::splitter::{Found, SMALL, element_len, most_held, split, unspaced};
use crate::oracle;
use crate::said::Said;
use crate::session::{START, Side, key};
use crate::twin::{TARGET, USER, answering, both_ways, settings};

/// Checks a stream from a server, see [`Stream`], in which `$get`, `$result` and the like stand
/// for what a fuzzer can't guess, see `pasted`.
pub fn check(data: &[u8]) {
    let stream = Stream::new(data);
    let input = pasted(stream.bytes);
    let whole = run(settings(), [&input[..]]);
    assert_eq!(run(settings(), stream.with(&input).pieces()), whole, "in pieces");
    for other in [both_ways, answering] {
        survived(other, stream.with(&input));
    }
    let found = split([&input[..]], SMALL);
    assert_eq!(byte_by_byte(&input, &found), whole, "byte by byte");
    ends_where_a_strict_parser_would(&input, whole.2.as_ref());
}

/// What went out, what was counted, and why the stream is over.
type SessionResult = (Vec<u8>, Vec<(Traffic, Reason, u64)>, Option<Ending>);

/// The same with other settings.
fn survived(settings: fn() -> Settings, stream: Stream<'_>) {
    let whole = run(settings(), [stream.bytes]);
    assert_eq!(run(settings(), stream.pieces()), whole, "in pieces");
    assert_eq!(run(settings(), stream.bytes.chunks(1)), whole, "byte by byte");
    if oracle::events(stream.bytes).1.is_none() {
        oracle::stanzas(&whole.0);
    }
}

fn logged_in(settings: Settings) -> Side {
    let mut side = Side::new(settings, Bounds { limits: SMALL, ..Bounds::default() });
    let online = |r: &str| format!("<presence to='proxy.example' from='{TARGET}/{r}'/>");
    assert_eq!(side.take((online("a") + &online("b")).as_bytes(), START), None);
    side.output(START);
    side
}

fn outcome(side: &Side, output: Vec<u8>, ended: Option<Ending>) -> SessionResult {
    (output, side.shared.tally.iter().filter(|(.., n)| *n > 0).collect(), ended)
}

fn run<'i>(settings: Settings, pieces: impl IntoIterator<Item = &'i [u8]>) -> SessionResult {
    let mut side = logged_in(settings);
    let ended = pieces.into_iter().find_map(|piece| side.take(piece, START));
    let output = side.output(START);
    outcome(&side, output, ended)
}

/// Judges the output of each stanza separately.
fn byte_by_byte(input: &[u8], found: &Found) -> SessionResult {
    let mut side = logged_in(settings());
    let (mut output, mut ended) = (Vec::new(), None);
    let (online, mut taken) = (total(&side), 0);
    for at in 1..=input.len() {
        taken = at;
        let relayed = side.shared.tally.of(USER_REQUEST, Reason::Relayed);
        ended = side.take(&input[at - 1..at], START);
        let held = side.session.input().len();
        assert!(ended.is_some() || held <= most_held(SMALL), "{held} bytes held");
        let said = side.output(START);
        if !said.is_empty() {
            assert!(said.len() <= SMALL.max_bytes, "{} bytes out at once", said.len());
            let stanza = stanza_before(input, at, found);
            judge(&said, stanza);
            if side.shared.tally.of(USER_REQUEST, Reason::Relayed) > relayed {
                is_reverted(stanza.expect("only whole ones are forwarded"), &said);
            }
            output.extend(said);
        }
        if ended.is_some() {
            break;
        }
    }
    let counted = total(&side) - online;
    match (&ended, found.pieces.get(counted)) {
        (_, None) => assert_eq!(counted, found.pieces.len(), "each is counted once"),
        // The last element was read, and was no stanza, or a malformed one.
        (
            Some(Ending::StreamError { .. } | Ending::Broken(XmlError::Tag)),
            Some(Piece::Element(element)),
        ) => assert_eq!(element.end, taken, "each is counted once"),
        (Some(Ending::Broken(XmlError::Tag)), Some(Piece::OverLimit { .. })) => {}
        (ended, piece) => panic!("{counted} are counted, not {piece:?}: {ended:?}"),
    }
    outcome(&side, output, ended)
}

fn total(side: &Side) -> usize {
    side.shared.tally.iter().map(|(.., n)| usize::try_from(n).unwrap()).sum()
}

/// The element that ends at offset `at`, if one does.
fn stanza_before<'i>(input: &'i [u8], at: usize, found: &Found) -> Option<&'i [u8]> {
    found.pieces.iter().find_map(|piece| match piece {
        Piece::Element(element) if element.end == at => Some(&input[element.tag.start..at]),
        _ => None,
    })
}

/// Checks that a strict parser accepts our output, unless it refuses the payload that is in it.
fn judge(said: &[u8], stanza: Option<&[u8]>) {
    if stanza.is_none_or(|stanza| oracle::events(stanza).1.is_none()) {
        oracle::stanzas(said);
        return;
    }
    let mut rest = said;
    while let Some(length) = element_len(rest) {
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "not whole: {}", said.escape_ascii());
}

/// Another replica, which has not seen the `request`, gets the client's reply to what was
/// `forwarded`, and the user gets it.
fn is_reverted(request: &[u8], forwarded: &[u8]) {
    let read = |xml: &[u8]| {
        let xml = str::from_utf8(xml).ok()?;
        oracle::events(xml.as_bytes()).1.is_none().then(|| {
            let named = |name| oracle::attribute(xml, name).unwrap_or_default();
            ["to", "from", "id"].map(named)
        })
    };
    let (Some([asked, user, id]), Some([to, from, _])) = (read(request), read(forwarded)) else {
        return;
    };
    let answer = crate::said::Forwarded { xml: String::new(), to, from, id: "?".into() };
    let mut replica = Side::new(settings(), Bounds::default());
    replica.output(START);
    let Said { out, .. } = Said::to(&mut replica, [answer.result().as_bytes()], START);
    let [reverted] = &out[..] else { panic!("{answer:?}: {out:?}") };
    let [to, from, got] = read(reverted.as_bytes()).unwrap().map(|value| unspaced(&value));
    assert_eq!((to, got), (unspaced(&user), unspaced(&id)));
    let asked = Address::new(&asked);
    assert_eq!(from, unspaced(&asked.at_domain("proxy.example", asked.resource())));
}

/// Checks that the stream ends only for what no server may send.
fn ends_where_a_strict_parser_would(input: &[u8], ended: Option<&Ending>) {
    let Some(Ending::Broken(fault)) = ended else { return };
    let (events, ill_formed) = oracle::events(input);
    // The other parser allows more between stanzas, allows a namespace to be declared twice, and
    // reports an error only at the end of a token.
    let only_ours = match fault {
        XmlError::Text | XmlError::SecondHeader => true,
        XmlError::Tag => memchr::memmem::find_iter(input, b"xmlns").nth(1).is_some(),
        _ => false,
    };
    let judged = events.last().is_some_and(|(_, end)| *end == input.len());
    assert!(ill_formed.is_some() || only_ours || !judged, "{fault}: {}", input.escape_ascii());
}

/// `template` with each `$name` replaced; the first [`MAX_INPUT`] bytes of it.
fn pasted(template: &[u8]) -> Vec<u8> {
    let token = good_token();
    let head = |type_: &str, to: &str, from: &str| {
        format!("<iq type='{type_}' id='7' to='{to}' from='{from}'")
    };
    let known = [
        ("token", token.clone()),
        ("get", head("get", "proxy.example", USER)),
        ("result", head("result", &format!("proxy.example/{token}"), PEER)),
        ("error", head("error", &format!("proxy.example/{token}"), PEER)),
        ("mirror", MIRROR_AND_ALIAS[0].clone()),
        ("alias", MIRROR_AND_ALIAS[1].clone()),
        ("user", USER.to_owned()),
        ("target", TARGET.to_owned()),
    ];
    let mut parts = template.split(|byte| *byte == b'$');
    let mut input = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let meant = known.iter().find(|(name, _)| part.starts_with(name.as_bytes()));
        let (name, text) = meant.map_or(("", "$"), |(name, text)| (*name, text.as_str()));
        input.extend(text.as_bytes());
        input.extend(&part[name.len()..]);
    }
    input.truncate(MAX_INPUT);
    input
}

/// A token that opens for `PEER`.
pub fn good_token() -> String {
    let claims = Claims::new(USER, "", "7").unwrap();
    let binding = Binding { asked: "proxy.example", peer: PEER };
    token::seal(&key(1, None), &claims, START.unix + 60, &binding)
}

/// How the target sees the user, and the user the target's resource, for a component that relays
/// everything.
pub static MIRROR_AND_ALIAS: LazyLock<[String; 2]> = LazyLock::new(|| {
    let mut side = logged_in(both_ways());
    let mut sender_of = |to: &str, from: &str| {
        let message = format!("<message to='{to}' from='{from}'/>");
        let said = Said::to(&mut side, [message.as_bytes()], START);
        oracle::attribute(&said.out[0], "from").expect("its sender")
    };
    let mirror = sender_of("proxy.example", USER);
    let alias = sender_of(&mirror, PEER);
    [mirror, alias]
});

/// A resource of the target.
const PEER: &str = "service@some.example/a";

const MAX_INPUT: usize = 4 * 1024;
