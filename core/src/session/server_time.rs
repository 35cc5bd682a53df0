//! The time of the target's server (XEP-0202), compared with our own: each replica judges the age
//! of a token, and which key signs, by its own clock, and so should know that it is right.

use std::time::Duration;

use crate::jat::now::Now;
use crate::stanza::head::{Head, Kind};
use crate::stanza::peek;

use super::date_time;

/// Asks now and then, and remembers how far apart the clocks are.
#[derive(Clone, Debug)]
pub(super) struct ServerTime {
    /// Distinguishes our queries from those of others: the nonce of the stream.
    nonce: u64,
    /// The query that has no answer yet, and when it went out.
    asked: Option<(u64, Now)>,
    /// Number of the next question.
    next: u64,
    /// When that is due.
    due: Duration,
    offset: Option<i64>,
}

impl ServerTime {
    /// The first question is due at once.
    pub(super) fn new(nonce: u64, now: Duration) -> Self {
        Self { nonce, asked: None, next: 0, due: now, offset: None }
    }

    /// Continues where the previous process stopped, with what that one knew.
    pub(super) fn resume(nonce: u64, offset: Option<i64>, now: Duration) -> Self {
        let due = now + if offset.is_some() { ASK_EVERY } else { ASK_AGAIN };
        Self { due, offset, ..Self::new(nonce, now) }
    }

    /// Seconds by which the server's clock is ahead of ours, negative when it is behind, to within
    /// a second. `None` until the server has answered.
    pub(super) fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// The id of the question that is due.
    pub(super) fn tick(&mut self, now: Now) -> Option<String> {
        if now.mono < self.due {
            return None;
        }
        if self.asked.is_some() {
            // No answer comes any more, so what was learned earlier may no longer be true.
            self.offset = None;
        }
        let number = self.next;
        self.next += 1;
        self.asked = Some((number, now));
        self.due = now.mono + ASK_AGAIN;
        Some(format!("{PREFIX}{:016x}-{number}", self.nonce))
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Duration {
        self.due
    }

    /// Looks at a stanza that came from `server`: returns whether it answers such a query, ours or
    /// that of another process on the domain.
    pub(super) fn hear(&mut self, head: &Head<'_>, stanza: &[u8], server: &str, now: Now) -> bool {
        let Some(question) = head.id.as_deref().and_then(|id| id.strip_prefix(PREFIX)) else {
            return false;
        };
        let reply =
            head.kind == Kind::Iq && matches!(head.type_.as_deref(), Some("result" | "error"));
        if !reply || head.from.as_deref() != Some(server) {
            return false;
        }
        if let Some((_, asked)) =
            self.asked.take_if(|(number, _)| question == format!("{:016x}-{number}", self.nonce))
        {
            let took = now.mono.saturating_sub(asked.mono);
            self.due = now.mono + ASK_EVERY;
            let told = peek::find(stanza, &["iq", "time", "utc"]);
            let told = told.and_then(|utc| date_time::parse(utc.text.trim()));
            // A slow answer says little about the time.
            if let Some(told) = told.filter(|_| took <= PATIENCE) {
                let ours = i64::try_from(now.unix).unwrap_or(i64::MAX);
                let on_the_way = i64::try_from(took.as_secs() / 2).unwrap_or(0);
                let offset = told.saturating_sub(ours - on_the_way);
                self.offset = Some(offset);
                if offset.unsigned_abs() > GOOD {
                    // Somebody may be setting the clock right.
                    self.due = now.mono + ASK_AGAIN;
                }
            }
        }
        true
    }
}

const PREFIX: &str = "jat-time-";
/// Clocks drift slowly; a jump is seen within the hour.
const ASK_EVERY: Duration = Duration::from_secs(3600);
/// The same while the offset is unknown, or too large.
const ASK_AGAIN: Duration = Duration::from_secs(300);
/// A difference in seconds that needs no early check.
const GOOD: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const START: Now = Now { unix: 1_800_000_000, mono: Duration::from_secs(5) };

    fn answer(id: &str, from: &str, utc: &str) -> String {
        format!(
            "<iq type='result' id='{id}' from='{from}' to='p.example'><time \
             xmlns='urn:xmpp:time'><tzo>+01:00</tzo><utc>{utc}</utc></time></iq>"
        )
    }

    fn hear(time: &mut ServerTime, stanza: &str, now: Now) -> bool {
        let head = Head::parse(&stanza[..=stanza.find('>').unwrap()]).unwrap();
        time.hear(&head, stanza.as_bytes(), "s.example", now)
    }

    #[test]
    fn the_server_tells_how_far_apart_the_clocks_are() {
        let mut time = ServerTime::new(7, START.mono);
        let id = time.tick(START).unwrap();
        assert_eq!((time.tick(START), time.offset()), (None, None));
        let later = START.plus(Duration::from_secs(4));
        // 1,800,000,000 is 2027-01-15T08:00:00Z; halfway it was two seconds later.
        assert!(hear(&mut time, &answer(&id, "s.example", "2027-01-15T08:01:32.5Z"), later));
        assert_eq!(time.offset(), Some(90));
        // The same answer again does not count, but is not anybody else's either.
        assert!(hear(&mut time, &answer(&id, "s.example", "2027-01-15T09:00:00Z"), later));
        assert_eq!(time.offset(), Some(90));
        // Clocks that differ so much are looked at again soon, and good ones later.
        assert_eq!(time.deadline(), later.mono + ASK_AGAIN);
        let later = later.plus(ASK_AGAIN);
        let id = time.tick(later).unwrap();
        assert!(hear(&mut time, &answer(&id, "s.example", "2027-01-15T08:05:04Z"), later));
        assert_eq!((time.offset(), time.deadline()), (Some(0), later.mono + ASK_EVERY));
    }

    #[test]
    fn without_an_answer_it_asks_again_and_forgets_what_was() {
        let mut time = ServerTime::new(7, START.mono);
        let id = time.tick(START).unwrap();
        assert!(hear(&mut time, &answer(&id, "s.example", "2027-01-15T08:00:00Z"), START));
        let later = START.plus(ASK_EVERY);
        assert!(time.tick(later).is_some());
        assert_eq!((time.offset(), time.deadline()), (Some(0), later.mono + ASK_AGAIN));
        assert!(time.tick(later.plus(ASK_AGAIN)).is_some());
        assert_eq!(time.offset(), None);
        let resumed = |offset| ServerTime::resume(7, offset, START.mono).deadline() - START.mono;
        assert_eq!((resumed(Some(0)), resumed(None)), (ASK_EVERY, ASK_AGAIN));
    }

    #[test]
    fn nobody_else_sets_the_clock() {
        let mut time = ServerTime::new(7, START.mono);
        let id = time.tick(START).unwrap();
        assert!(!hear(&mut time, &answer(&id, "u@s.example", "2027-01-15T08:01:00Z"), START));
        assert!(!hear(&mut time, &answer("x", "s.example", "2027-01-15T08:01:00Z"), START));
        let request = answer(&id, "s.example", "2027-01-15T08:01:00Z").replace("result", "get");
        assert!(!hear(&mut time, &request, START));
        // The answer to another process: recognised, but of no use to us.
        assert!(hear(
            &mut time,
            &answer("jat-time-1-0", "s.example", "2027-01-15T09:00:00Z"),
            START
        ));
        assert_eq!(time.offset(), None);
    }

    #[test]
    fn what_is_no_time_tells_nothing() {
        for utc in ["", "noon", "2027-01-15 08:00", "9999999-01-15T08:00:00Z"] {
            let mut time = ServerTime::new(7, START.mono);
            let id = time.tick(START).unwrap();
            assert!(hear(&mut time, &answer(&id, "s.example", utc), START), "{utc}");
            assert_eq!(time.offset(), None, "{utc}");
        }
        let mut time = ServerTime::new(7, START.mono);
        let id = time.tick(START).unwrap();
        let late = START.plus(PATIENCE + Duration::from_secs(1));
        assert!(hear(&mut time, &answer(&id, "s.example", "2027-01-15T08:00:11Z"), late));
        assert_eq!(time.offset(), None);
        let error = format!("<iq type='error' id='{id}' from='s.example' to='p.example'/>");
        assert!(hear(&mut time, &error, START));
    }
}
