//! A parser with reparse deferral soon parses all that is sent, wherever it is cut
//! (docs/servers.md#reparse-deferral).

use std::time::Duration;

use core_tests::session::{START, Side};
use core_tests::twin::{TARGET, USER, settings};
use jat_core::session::Bounds;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generators::request;

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn nothing_waits_for_more_bytes(
        requests in prop::collection::vec(prop_oneof![request().prop_map(|r| r.xml), long()], 1..5),
        one_by_one in any::<bool>(),
        cuts in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        let mut side = Side::new(settings(), Bounds::default());
        let online = format!("<presence to='proxy.example' from='{TARGET}/a'/>");
        prop_assert_eq!(side.take(online.as_bytes(), START), None);
        let mut said = side.output(START);
        let turns = if one_by_one { requests } else { vec![requests.concat()] };
        for input in turns {
            prop_assert_eq!(side.take(input.as_bytes(), START), None);
            said.extend(side.output(START));
        }
        let soon = START.plus(Duration::from_millis(100));
        prop_assert_eq!(side.due(soon), None);
        said.extend(side.output(soon));

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(said.len())).collect();
        cuts.extend([0, said.len()]);
        cuts.sort_unstable();
        let mut parser = Deferring::default();
        for cut in cuts.windows(2) {
            parser.read(&said[cut[0]..cut[1]]);
        }
        prop_assert_eq!(String::from_utf8_lossy(&parser.unread), "");
    }
}

/// A request with long tags in its payload: some wait, some are too long to be sent on.
fn long() -> impl Strategy<Value = String> {
    let size = prop_oneof![100usize..3_000, 3_000usize..300_000];
    (size, 0usize..400, 0..4u8).prop_map(|(size, text, kind)| {
        let (value, text) = ("v".repeat(size), "t".repeat(text));
        let payload = match kind {
            0 => format!("<q xmlns='urn:q' a='{value}'>{text}</q>"),
            1 => format!("<q xmlns='urn:q'><{value}>{text}</{value}></q>"),
            2 => format!("<q xmlns='urn:q'>&#{}65;{text}</q>", "0".repeat(size)),
            _ => format!("<q xmlns='urn:q'><a b='{value}'/>{}</q>", "<c d='e'/>".repeat(size / 9)),
        };
        format!("<iq type='get' id='long' from='{USER}' to='proxy.example'>{payload}</iq>")
    })
}

/// Reads as libexpat does since 2.6.0 (`callProcessor` in xmlparse.c): after an attempt without
/// progress it does not try again before there is twice as much input.
#[derive(Default)]
struct Deferring {
    /// From the beginning of the first token that was not parsed.
    unread: Vec<u8>,
    /// How much there was at the last attempt, if that made no progress.
    before: usize,
    /// Whether it is in a CDATA section.
    in_cdata: bool,
}

impl Deferring {
    fn read(&mut self, bytes: &[u8]) {
        self.unread.extend(bytes);
        if self.unread.len() < 2 * self.before {
            return;
        }
        let mut done = 0;
        while let Some(length) = self.token(done) {
            done += length;
        }
        self.unread.drain(..done);
        self.before = if done == 0 { self.unread.len() } else { 0 };
    }

    /// Length of the token that begins at `from`, if all of it is there.
    fn token(&mut self, from: usize) -> Option<usize> {
        let bytes = &self.unread[from..];
        if self.in_cdata {
            let end = memchr::memmem::find(bytes, b"]]>");
            self.in_cdata = end.is_none();
            // Brackets may be the beginning of its end.
            let brackets = bytes.iter().rev().take_while(|b| **b == b']').count();
            let inside = &bytes[..bytes.len() - brackets];
            return end.map_or_else(|| text(inside), |end| Some(end + 3));
        }
        match bytes.first()? {
            b'<' if bytes.starts_with(b"<![CDATA[") => {
                self.in_cdata = true;
                Some(9)
            }
            b'<' => tag(bytes),
            b'&' => Some(bytes.iter().position(|b| *b == b';')? + 1),
            _ => text(bytes.split(|b| b"<&".contains(b)).next()?),
        }
    }
}

/// Text extends to the last whole character.
fn text(bytes: &[u8]) -> Option<usize> {
    let length = match str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    (length > 0).then_some(length)
}

/// Brackets in quotes do not end it.
fn tag(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), close) if open == *close => quote = None,
            _ => {}
        }
    }
    None
}
