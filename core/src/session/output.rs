//! What waits to be written to the server, and the white space that has to follow it.
//!
//! Some servers read XML with a parser that defers tags which come in pieces: having seen a part
//! of one, it looks again only when twice as many bytes have arrived
//! (docs/servers.md#reparse-deferral). A tag that is complete by then waits for the bytes after
//! it, at most as many as it has itself, and everything after it waits too. Where the bytes are
//! cut depends on networks and on the server. So white space follows (RFC 6120 section 4.6.1
//! allows it between stanzas) unless enough other bytes do: at once after a tag that is long
//! enough for every server to cut it, otherwise after [`PAY_AFTER`].

use std::time::Duration;

/// Bytes for the server, in order.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// How many of them have been written.
    written: usize,
    last_written: Duration,
    /// Since when the server has read none.
    stalled_since: Option<Duration>,
    /// How many bytes have to follow before every tag is sure to be parsed.
    owed: usize,
    /// When white space is sent if nothing else is sent before.
    due: Option<Duration>,
    /// How many bytes of stanzas have been appended in all.
    said: u64,
    /// The length of the longest stanza, and how many bytes had been appended by its end.
    largest: (usize, u64),
}

/// A stanza would be too large for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Output {
    /// `bytes` are what the previous process had not written.
    pub(super) fn new(bytes: Vec<u8>, now: Duration) -> Self {
        let said = bytes.len() as u64;
        Self {
            bytes,
            written: 0,
            last_written: now,
            stalled_since: None,
            owed: 0,
            due: None,
            said,
            largest: (0, 0),
        }
    }

    /// Bytes to be written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// How many bytes of stanzas have been appended so far.
    pub(super) fn said(&self) -> u64 {
        self.said
    }

    /// The length of the longest stanza so far, unless the server has certainly read all of it: it
    /// has processed at least `processed` bytes of what was sent. `None` if it is short, as no
    /// server ends a stream for a short one.
    pub(super) fn largest_unread(&self, processed: u64) -> Option<usize> {
        let (length, end) = self.largest;
        let unread = end > processed && self.said - end <= MOST_UNREAD;
        (unread && length >= MIN_LARGE).then_some(length)
    }

    /// Appends the stanza that `write` writes, unless it takes more than `limit` bytes until a
    /// parser has seen all of it.
    pub(super) fn say(
        &mut self,
        limit: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), TooLarge> {
        self.relay(limit, |bytes| {
            let begin = bytes.len();
            write(bytes);
            // Counted as if it were a single tag; it is short.
            2 * (bytes.len() - begin)
        })
    }

    /// Like [`Self::say`], for a stanza whose number of needed bytes is known.
    pub(super) fn relay(
        &mut self,
        limit: usize,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) -> Result<(), TooLarge> {
        let begin = self.bytes.len();
        let reach = write(&mut self.bytes);
        let length = self.bytes.len() - begin;
        if reach.max(length) > limit {
            self.bytes.truncate(begin);
            return Err(TooLarge);
        }
        self.owed = self.owed.saturating_sub(length).max(reach.saturating_sub(length));
        self.said += length as u64;
        if length >= self.largest.0 {
            self.largest = (length, self.said);
        }
        Ok(())
    }

    /// A turn is over: a tag that is sure to be cut gets its white space now.
    pub(super) fn pay_long_tags(&mut self) {
        if self.owed > SURELY_CUT {
            self.pay();
        }
    }

    /// Appends all white space that is owed.
    pub(super) fn pay(&mut self) {
        self.space(self.owed);
        (self.owed, self.due) = (0, None);
    }

    /// Appends white space.
    pub(super) fn space(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, b' ');
    }

    /// Appends the closing tag of the stream.
    pub(super) fn close(&mut self) {
        self.pay();
        self.bytes.extend(b"</stream:stream>");
    }

    /// The first `count` bytes of [`Self::bytes`] were written.
    pub(super) fn sent(&mut self, count: usize, now: Duration) {
        self.written += count;
        self.last_written = now;
        if self.owed > 0 {
            self.due.get_or_insert(now + PAY_AFTER);
        }
        if self.written == self.bytes.len() {
            self.bytes.clear();
            release(&mut self.bytes, self.written);
            self.written = 0;
            self.stalled_since = None;
        } else if count > 0 {
            self.stalled_since = Some(now);
        }
        // Moving the rest is paid for by what was written before it, three bytes for one; so the
        // buffer is at most a third larger than what waits in it.
        if self.written > KEEP_CAPACITY && self.written >= self.bytes().len() / 3 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    /// The server reads no more at the moment.
    pub(super) fn blocked(&mut self, now: Duration) {
        self.stalled_since.get_or_insert(now);
    }

    /// Whether there is something that the server does not read.
    pub(super) fn is_blocked(&self) -> bool {
        self.stalled_since.is_some()
    }

    /// Whether the server has read nothing for so long that the stream is dead.
    pub(super) fn is_stalled(&self, now: Duration) -> bool {
        self.stalled_since.is_some_and(|since| now >= since + STALL_TIME)
    }

    /// Appends white space that is due: that which is owed, or some to keep the connection.
    pub(super) fn tick(&mut self, now: Duration) {
        if self.due.is_some_and(|due| now >= due) {
            self.pay();
        }
        if self.bytes().is_empty() && now >= self.last_written + KEEPALIVE {
            self.space(1);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let silent = self.bytes().is_empty().then(|| self.last_written + KEEPALIVE);
        [self.due, silent].into_iter().flatten().min()
    }

    /// When [`Self::is_stalled`] may become true.
    pub(super) fn stalls(&self) -> Option<Duration> {
        self.stalled_since.map(|since| since + STALL_TIME)
    }

    /// What the next process has to write.
    pub(super) fn hand_over(&self) -> Vec<u8> {
        let mut bytes = self.bytes().to_vec();
        bytes.resize(bytes.len() + self.owed, b' ');
        bytes
    }
}

/// Releases the memory of a buffer that is empty, if it is much and less was `used` just now: one large
/// stanza is often followed by others.
pub(super) fn release(buffer: &mut Vec<u8>, used: usize) {
    if buffer.capacity() > KEEP_CAPACITY && used <= KEEP_CAPACITY {
        *buffer = Vec::new();
    }
}

/// Silence after which a space is sent.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a server may leave its input unread.
const STALL_TIME: Duration = Duration::from_secs(30);
/// A buffer may keep so much while it is empty.
const KEEP_CAPACITY: usize = 256 * 1024;
/// Less than what any server reads at a time (docs/servers.md#read-size), so that a shorter tag
/// which arrives in one piece is read in one piece.
const SURELY_CUT: usize = 1_000;
/// More than the buffers of both systems and of a server hold.
const MOST_UNREAD: u64 = 16 << 20;
/// No server has a lower limit (RFC 6120 section 13.12 wants 10,000 bytes).
const MIN_LARGE: usize = 8_192;
/// How long a stanza may wait in the server. Longer than the gap between stanzas under load; and
/// white space is sent at most ten times a second.
const PAY_AFTER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Appends a stanza of `length` bytes that needs `reach` bytes.
    fn said(length: usize, reach: usize) -> Output {
        let mut output = Output::new(Vec::new(), at(0));
        let relayed = output.relay(10_000, |bytes| {
            bytes.resize(length, b'x');
            reach
        });
        assert_eq!(relayed, Ok(()));
        output
    }

    /// Writes everything; returns how many bytes that was.
    fn write(output: &mut Output, now: Duration) -> usize {
        let count = output.bytes().len();
        output.sent(count, now);
        count
    }

    #[test]
    fn white_space_follows_a_stanza_when_nothing_else_does() {
        let mut output = said(300, 450);
        output.pay_long_tags();
        assert_eq!(write(&mut output, at(5)), 300);
        assert_eq!(output.deadline(), Some(at(5) + PAY_AFTER));
        output.tick(at(104));
        assert!(output.bytes().is_empty());
        output.tick(at(105));
        assert_eq!(output.bytes(), " ".repeat(150).as_bytes());
        assert_eq!(write(&mut output, at(105)), 150);
        assert_eq!(output.deadline(), Some(at(105) + KEEPALIVE), "once");
    }

    #[test]
    fn what_follows_counts_as_well() {
        let mut output = said(300, 450);
        output.say(10_000, |bytes| bytes.extend([b'y'; 100])).unwrap();
        output.tick(at(0));
        write(&mut output, at(5));
        output.tick(at(105));
        assert_eq!(output.bytes().len(), 100, "the second needs more than is left of the first");
    }

    #[test]
    fn a_long_tag_gets_it_at_once_and_a_turn_only_once() {
        let mut output = said(3_000, 5_900);
        let relayed = output.relay(10_000, |bytes| {
            bytes.extend([b'y'; 1_000]);
            0
        });
        assert_eq!(relayed, Ok(()));
        output.pay_long_tags();
        output.pay_long_tags();
        assert_eq!(output.bytes().len(), 5_900);
    }

    #[test]
    fn what_needs_more_than_the_limit_is_not_said() {
        let mut output = Output::new(Vec::new(), at(0));
        let relayed = output.relay(500, |bytes| {
            bytes.extend([b'x'; 300]);
            501
        });
        assert_eq!(relayed, Err(TooLarge));
        assert_eq!(output.say(500, |bytes| bytes.extend([b'x'; 251])), Err(TooLarge));
        assert_eq!(output.say(500, |bytes| bytes.extend([b'x'; 250])), Ok(()));
        assert_eq!((output.bytes().len(), output.said()), (250, 250));
    }

    #[test]
    fn the_largest_is_suspect_until_it_was_read() {
        let mut output = said(9_000, 9_000);
        assert_eq!(output.largest_unread(8_999), Some(9_000));
        output.say(10_000, |bytes| bytes.extend([b'y'; 100])).unwrap();
        assert_eq!(output.largest_unread(8_999), Some(9_000));
        assert_eq!(output.largest_unread(9_000), None);
        assert_eq!(said(8_000, 8_000).largest_unread(0), None);
    }

    #[test]
    fn memory_for_large_stanzas_is_kept_until_they_are_small_again() {
        let mut output = Output::new(Vec::new(), at(0));
        let mut held_after = |length: usize| {
            let said = output.relay(usize::MAX, |bytes| {
                bytes.resize(length, b'x');
                length
            });
            assert_eq!(said, Ok(()));
            write(&mut output, at(0));
            output.bytes.capacity()
        };
        assert!(held_after(KEEP_CAPACITY / 2) > 0);
        assert!(held_after(2 * KEEP_CAPACITY) > KEEP_CAPACITY);
        assert!(held_after(2 * KEEP_CAPACITY) > KEEP_CAPACITY);
        assert_eq!(held_after(1), 0);
    }

    #[test]
    fn a_successor_and_the_end_pay_what_is_owed() {
        let mut output = said(300, 450);
        assert_eq!(output.hand_over().len(), 450);
        output.close();
        assert_eq!(output.bytes().len(), 450 + "</stream:stream>".len());
    }
}
