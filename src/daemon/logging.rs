//! Lines on standard error, for people or for machines.

use std::io;
use std::panic::{self, PanicHookInfo};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber, error};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::{Log, LogFormat};
use crate::terminal::takes_colours;

use super::log_queue::LogQueue;
use super::priority::{is_journal, prefix};

/// Changes the level while the daemon runs.
pub(super) struct Handle(reload::Handle<Targets, Registry>);

/// Starts to log for the whole process. Records of the `log` crate, and with them whatever
/// tokio-xmpp says of a handshake, go nowhere.
///
/// The second half says whether there is a thread that writes: until there is one, lines wait.
pub(super) fn start(log: Log) -> (Handle, io::Result<()>) {
    let (filter, handle) = reload::Layer::new(filter(log));
    let subscriber = Registry::default().with(filter).with(lines(log.format));
    // In tests, which start it twice in one process, the first one stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(tell_of_panic));
    (Handle(handle), QUEUE.start(StandardError))
}

/// Gives waiting lines a moment to be written.
pub(super) fn flush() {
    QUEUE.flush(FLUSH_TIME);
}

/// How many lines were dropped since the process began.
pub(super) fn dropped_lines() -> u64 {
    QUEUE.dropped()
}

impl Handle {
    /// Takes the level of `log`; its format is for the next start.
    pub(super) fn set(&self, log: Log) {
        // Fails only after the subscriber has ended, and then nothing is logged.
        let _ = self.0.reload(filter(log));
    }
}

fn filter(log: Log) -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("jat_proxy", LevelFilter::from_level(log.level))
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(Lines).with_target(false);
    match format {
        // The journal has the time of each line.
        LogFormat::Text if is_journal() => layer.with_ansi(false).without_time().boxed(),
        LogFormat::Text => layer.with_ansi(takes_colours(&io::stderr())).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// Takes all lines.
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { prefix: "" }
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> Line {
        Line { prefix: if is_journal() { prefix(*line.level()) } else { "" } }
    }
}

/// Takes one line, whole.
struct Line {
    prefix: &'static str,
}

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.prefix {
            "" => QUEUE.push(line),
            prefix => QUEUE.push(&[prefix.as_bytes(), line].concat()),
        }
        // There may have been no thread so far: each line is another attempt to start it.
        let _ = QUEUE.start(StandardError);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error without the lock of the standard library, which others would wait for while a
/// write hangs.
struct StandardError;

impl io::Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stderr(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The usual hook writes to standard error by itself, and so may hang there.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    error!("a bug in this program, please report it: {} ({place})", text.unwrap_or("no text"));
}

static QUEUE: LogQueue = LogQueue::new();
/// A reader that has not read by then loses the lines.
const FLUSH_TIME: Duration = Duration::from_millis(500);
