//! The output of a session for some input, and a request in it.

use jat_core::jat::now::Now;
use jat_core::jat::reason::Reason;
use jat_core::jat::traffic::Traffic;
use jat_core::session::ending::Ending;

use crate::oracle;
use crate::session::Side;
use crate::xml::escaped;

/// The effects of some input.
#[derive(Debug, PartialEq)]
pub struct Said {
    /// The stanzas that went out, each as it was written.
    pub out: Vec<String>,
    /// What was counted, how often.
    pub counted: Vec<(Traffic, Reason, u64)>,
    pub ended: Option<Ending>,
}

impl Said {
    /// The effects of what the server sends, until the stream ends.
    pub fn to<'i>(side: &mut Side, pieces: impl IntoIterator<Item = &'i [u8]>, now: Now) -> Self {
        Self::after(side, now, |side| pieces.into_iter().find_map(|piece| side.take(piece, now)))
    }

    /// The effects of this work.
    pub fn after(
        side: &mut Side,
        now: Now,
        work: impl FnOnce(&mut Side) -> Option<Ending>,
    ) -> Self {
        let before = side.shared.tally.clone();
        let ended = work(side);
        let out = oracle::stanzas(&side.output(now));
        let counted = side.shared.tally.iter().map(|(t, r, n)| (t, r, n - before.of(t, r)));
        Self { out, counted: counted.filter(|(.., n)| *n > 0).collect(), ended }
    }
}

/// A request as the implementing client gets it.
#[derive(Clone, Debug)]
pub struct Forwarded {
    pub xml: String,
    pub to: String,
    pub from: String,
    pub id: String,
}

impl Forwarded {
    /// The client's answer of this type, with this payload.
    pub fn answer(&self, type_: &str, payload: &str) -> String {
        let Self { to, from, id, .. } = self;
        let [to, from, id] = [to, from, id].map(|v| escaped(v));
        format!("<iq type='{type_}' id='{id}' to='{from}' from='{to}'>{payload}</iq>")
    }

    pub fn result(&self) -> String {
        self.answer("result", "")
    }

    /// The token, if it is in the resource.
    pub fn token(&self) -> &str {
        self.from.split_once('/').unwrap().1
    }
}
