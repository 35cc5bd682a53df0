//! Stanzas that never end, by size or by depth: constant memory, and then the next stanza.

use core_tests::twin::{Proxy, USER};
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Class::Other;
use jat_core::jat::traffic::USER_REQUEST;

const MIB: usize = 1024 * 1024;

/// Feeds `pieces` whole, checking what is held after each.
fn stream(proxy: &mut Proxy, pieces: impl Iterator<Item = Vec<u8>>) -> Vec<Reason> {
    let mut counted = Vec::new();
    for piece in pieces {
        let said = proxy.exchange_whole(&piece);
        counted.extend(said.counted.iter().map(|(_, reason, _)| *reason));
        assert_eq!(said.ended, None);
        let held = proxy.session().input();
        assert!(held.len() <= 500_000, "{} bytes held", held.len());
        assert!(held.capacity() <= 4 * MIB, "{} bytes of capacity", held.capacity());
    }
    counted
}

fn head() -> Vec<u8> {
    format!("<iq type='get' id='7' to='proxy.example' from='{USER}'><x>").into_bytes()
}

#[test]
fn a_stanza_that_never_ends_is_skipped_in_constant_memory() {
    let mut proxy = Proxy::new();
    let text = vec![b'x'; MIB];
    let pieces = [head()].into_iter().chain(std::iter::repeat_n(text, 256));
    assert_eq!(stream(&mut proxy, pieces), [Reason::OverLimit]);
    stream(&mut proxy, [b"</x></iq>".to_vec()].into_iter());
    proxy.still_serves();
}

#[test]
fn a_start_tag_that_never_ends_is_too() {
    let mut proxy = Proxy::new();
    for begin in ["<iq a='", "<iq><x a='", "<iq", "<iq><x ", "<iq><![CDATA[", "<iq><"] {
        let filler = if begin.ends_with('<') { b'n' } else { b'a' };
        let pieces = [begin.as_bytes().to_vec()]
            .into_iter()
            .chain(std::iter::repeat_n(vec![filler; MIB], 16));
        let counted = stream(&mut proxy, pieces);
        assert_eq!(counted.len(), 1, "{begin}");
        let end = match begin {
            "<iq a='" => "'/>",
            "<iq" => "/>",
            "<iq><x a='" => "'/></iq>",
            "<iq><![CDATA[" => "]]></iq>",
            _ => "/></iq>",
        };
        stream(&mut proxy, [end.into()].into_iter());
        proxy.still_serves();
    }
}

#[test]
fn a_million_levels_are_skipped_in_constant_memory() {
    let mut proxy = Proxy::new();
    let open = b"<x>".repeat(10_000);
    let close = b"</x>".repeat(10_000);
    let down = [head()].into_iter().chain(std::iter::repeat_n(open, 100));
    assert_eq!(stream(&mut proxy, down), [Reason::OverLimit]);
    stream(&mut proxy, std::iter::repeat_n(close, 100));
    stream(&mut proxy, [b"</x></iq>".to_vec()].into_iter());
    proxy.still_serves();
}

#[test]
fn white_space_without_end_is_let_go() {
    let mut proxy = Proxy::new();
    assert_eq!(stream(&mut proxy, std::iter::repeat_n(vec![b'\n'; MIB], 16)), []);
    assert!(proxy.session().input().is_empty());
    proxy.still_serves();
}

#[test]
fn a_flood_of_end_tags_below_the_top_ends_the_stream_only_there() {
    let mut proxy = Proxy::new();
    let long = "y".repeat(600_000);
    let said = proxy.exchange_whole(format!("<iq id='1'>{long}</iq></iq>").as_bytes());
    assert_eq!(said.counted, [(USER_REQUEST, Reason::NoFrom, 1)]);
    assert!(said.ended.is_some());
    let mut proxy = Proxy::new();
    let said = proxy.exchange_whole(format!("<foo>{long}</foo>").as_bytes());
    assert_eq!(said.counted, [(Other.inward(), Reason::NotAStanza, 1)]);
    proxy.still_serves();
}

#[test]
fn limits_that_shrink_in_the_middle_of_a_stanza_apply_to_it() {
    let mut proxy = Proxy::new();
    let payload = format!("<a><b><c>{}", "x".repeat(300_000));
    assert_eq!(stream(&mut proxy, [[head(), payload.into_bytes()].concat()].into_iter()), []);
    proxy.limit(10_000, 3);
    let counted =
        stream(&mut proxy, [b"more".to_vec(), b"<d/></c></b></a></x></iq>".to_vec()].into_iter());
    assert_eq!(counted, [Reason::OverLimit]);
    proxy.still_serves();
}
