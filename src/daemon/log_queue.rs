//! The queue of log lines. A thread writes them, so that the relay never waits for their reader;
//! lines that find no room are dropped and counted.
//!
//! tracing-appender does much the same, but it panics without a thread, counts no failed write,
//! and can't be flushed before an execve(2) that may fail.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use crate::thread;

/// Lines that wait for a thread to write them.
#[derive(Debug)]
pub(super) struct LogQueue {
    state: Mutex<State>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct State {
    lines: VecDeque<Box<[u8]>>,
    /// How many bytes the lines take, with the one that is being written.
    bytes: usize,
    has_writer: bool,
    is_writing: bool,
    /// Dropped lines that have not been reported in the log yet.
    untold: u64,
}

impl LogQueue {
    pub(super) const fn new() -> Self {
        let state = State {
            lines: VecDeque::new(),
            bytes: 0,
            has_writer: false,
            is_writing: false,
            untold: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), dropped: AtomicU64::new(0) }
    }

    /// Begins to write to `output`, unless it has begun already.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(super) fn start(&'static self, output: impl io::Write + Send + 'static) -> io::Result<()> {
        if !std::mem::replace(&mut self.lock().has_writer, true) {
            thread::start("the log", move || self.write_to(output)).inspect_err(|_| {
                self.lock().has_writer = false;
            })?;
        }
        Ok(())
    }

    /// Takes a line, if there is room. Never waits for the one that is being written.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.bytes + size(line) > MOST_BYTES {
            self.count_dropped(&mut state);
        } else {
            state.bytes += size(line);
            state.lines.push_back(line.into());
            drop(state);
            self.changed.notify_all();
        }
    }

    /// How many lines were dropped since the process began, or could not be written.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines are written, at most for `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let busy = |state: &mut State| state.is_writing || !state.lines.is_empty();
        // An error means that a thread panicked while it had the lock.
        let _ = self.changed.wait_timeout_while(self.lock(), limit, busy);
    }

    fn write_to(&self, mut output: impl io::Write) {
        // Whether the last write ended within a line.
        let mut torn = false;
        loop {
            let line = self.next();
            let written = write(&mut output, &line, &mut torn);
            let untold = self.written(&line, written.is_ok());
            if untold > 0 {
                // After the lines that wait already, since the dropped ones were newer than those.
                warn!(
                    "{untold} log lines were dropped because they could not be written: does the \
                     reader of standard error hang, or is a disk full?"
                );
            }
        }
    }

    /// The next line, which is waited for.
    fn next(&self) -> Box<[u8]> {
        let mut state = self.lock();
        state.is_writing = false;
        self.changed.notify_all();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.is_writing = true;
                return line;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The writer is done with `line`; returns how many dropped ones are to be reported now.
    fn written(&self, line: &[u8], whole: bool) -> u64 {
        let mut state = self.lock();
        state.bytes -= size(line);
        if !whole {
            self.count_dropped(&mut state);
        }
        // With some room, so that the line that reports them is not the next one to be dropped.
        let tell = whole && state.bytes < MOST_BYTES / 2;
        if tell { std::mem::take(&mut state.untold) } else { 0 }
    }

    fn count_dropped(&self, state: &mut State) {
        state.untold += 1;
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a line. If the line before it was `torn`, that is ended first.
fn write(output: &mut impl io::Write, line: &[u8], torn: &mut bool) -> io::Result<()> {
    let mut rest: &[u8] = if *torn { &[b"\n", line].concat() } else { line };
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                rest = &rest[count..];
                *torn = !rest.is_empty();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process that has the same file made it so.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(WRITE_AGAIN);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How many bytes a line takes, with the overhead of keeping it.
fn size(line: &[u8]) -> usize {
    line.len() + 32
}

/// Several thousand lines.
const MOST_BYTES: usize = 1 << 20;
const WRITE_AGAIN: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::io::{PipeWriter, Read, pipe};

    use super::*;

    fn started(output: impl io::Write + Send + 'static) -> &'static LogQueue {
        let queue = Box::leak(Box::new(LogQueue::new()));
        queue.start(output).unwrap();
        queue
    }

    fn fill(queue: &LogQueue) -> usize {
        let line = [b'x'; 1000];
        let mut count = 0;
        while queue.dropped() == 0 {
            queue.push(&line);
            count += 1;
        }
        count
    }

    #[test]
    fn a_reader_that_hangs_holds_up_nobody() {
        let (mut reader, writer): (_, PipeWriter) = pipe().unwrap();
        let queue = started(writer);
        let count = fill(queue);
        assert!(count > 1000, "{count}");
        queue.flush(Duration::from_millis(10));
        let all = (count - 1) * 1000;
        reader.read_exact(&mut vec![0; all]).unwrap();
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.lock().bytes, 0);
        assert_eq!(queue.lock().untold, 0);
        queue.push(b"again\n");
        let mut last = [0; 6];
        reader.read_exact(&mut last).unwrap();
        assert_eq!((&last, queue.dropped()), (b"again\n", 1));
    }

    /// Takes some bytes and then fails.
    struct Full {
        room: usize,
        taken: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            self.room -= count;
            if count == 0 {
                self.room = 100;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.taken.send(bytes[..count].to_vec()).unwrap();
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_can_not_be_written_is_counted_and_the_next_one_is_whole() {
        let (taken, seen) = std::sync::mpsc::channel();
        let queue = started(Full { room: 8, taken });
        for line in [b"one\n", b"two\n", b"six\n", b"ten\n"] {
            queue.push(line);
        }
        queue.push(b"torn\n");
        queue.push(b"whole\n");
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.dropped(), 1);
        let said: Vec<u8> = seen.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(said).unwrap(), "one\ntwo\nten\ntorn\nwhole\n");
    }

    #[test]
    fn what_is_torn_gets_an_end() {
        let (taken, seen) = std::sync::mpsc::channel();
        let queue = started(Full { room: 2, taken });
        queue.push(b"torn\n");
        queue.push(b"whole\n");
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.dropped(), 1);
        let said: Vec<u8> = seen.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(said).unwrap(), "to\nwhole\n");
    }
}
