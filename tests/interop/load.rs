//! Load: a user who sends requests continuously and accounts for each, and an implementing client that
//! answers all of them.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant, SystemTime};

use test_support::interop::client::Client;

use crate::wire::{Class, Iq, Wire};

/// Two loads at a time on two cores would give no meaningful figures.
pub fn alone() -> MutexGuard<'static, ()> {
    static LOAD: Mutex<()> = Mutex::new(());
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The result of `run`, which has three attempts in case the machine is too busy for its load.
pub fn carried<T>(run: impl Fn() -> Result<T, String>) -> T {
    for _ in 0..3 {
        match run() {
            Ok(it) => return it,
            Err(why) => println!("once more: {why}"),
        }
    }
    panic!("this machine does not carry the load");
}

/// A user who sends requests, with the numbers from 0 on as ids.
pub struct Asker {
    progress: Arc<Progress>,
    writer: JoinHandle<Sent>,
    reader: JoinHandle<HashMap<usize, ReplyCounts>>,
}

/// What the two threads of an asker share.
#[derive(Default)]
struct Progress {
    /// Set to stop the requests.
    stop: AtomicBool,
    /// Set when no more than `written` requests will be sent.
    stopped: AtomicBool,
    written: AtomicUsize,
    heard: AtomicUsize,
}

/// How fast an asker sends.
#[derive(Clone, Copy)]
enum Pace {
    /// So many requests a second.
    Rate(usize),
    /// The next one as soon as fewer than so many wait for their replies.
    InFlight(usize),
}

struct Sent {
    /// When each request was about to be written.
    at: Vec<SystemTime>,
    took: Duration,
}

/// How many replies of each kind arrived.
#[derive(Clone, Copy, Default)]
struct ReplyCounts {
    results: usize,
    errors: usize,
}

/// What happened to the requests.
pub struct Account {
    /// When each request was about to be written, by id.
    pub sent_at: Vec<SystemTime>,
    /// The actual number of requests a second.
    pub rate: f64,
    /// Ids by result: one result, one error, no reply, more than one reply.
    pub answered: Vec<usize>,
    pub refused: Vec<usize>,
    pub missing: Vec<usize>,
    pub repeated: Vec<usize>,
}

impl Asker {
    /// Starts sending so many requests a second to `to`.
    pub fn start(user: Client, to: &str, rate: usize) -> Asker {
        Asker::paced(user, to, Pace::Rate(rate))
    }

    /// Starts sending requests to `to`, so that so many always wait for their replies.
    pub fn in_flight(user: Client, to: &str, count: usize) -> Asker {
        Asker::paced(user, to, Pace::InFlight(count))
    }

    /// How many replies have arrived.
    pub fn heard(&self) -> usize {
        self.progress.heard.load(Ordering::SeqCst)
    }

    fn paced(user: Client, to: &str, pace: Pace) -> Asker {
        let wire = Wire::new(user);
        let progress = Arc::new(Progress::default());
        let (socket, to) = (wire.writer(), to.to_string());
        let (shared, also_shared) = (Arc::clone(&progress), Arc::clone(&progress));
        Asker {
            writer: thread::spawn(move || ask(socket, &to, pace, &shared)),
            reader: thread::spawn(move || hear(wire, &also_shared)),
            progress,
        }
    }

    /// Stops, waits for replies as long as some arrive, and accounts for all requests.
    pub fn finish(self) -> Account {
        self.progress.stop.store(true, Ordering::SeqCst);
        let sent = self.writer.join().unwrap();
        let heard = self.reader.join().unwrap();
        let ids = |fits: fn(ReplyCounts) -> bool| {
            let of = |id: &usize| heard.get(id).copied().unwrap_or_default();
            (0..sent.at.len()).filter(|id| fits(of(id))).collect::<Vec<_>>()
        };
        Account {
            rate: sent.at.len() as f64 / sent.took.as_secs_f64(),
            answered: ids(|it| (it.results, it.errors) == (1, 0)),
            refused: ids(|it| (it.results, it.errors) == (0, 1)),
            missing: ids(|it| (it.results, it.errors) == (0, 0)),
            repeated: ids(|it| it.results + it.errors > 1),
            sent_at: sent.at,
        }
    }
}

fn ask(mut socket: TcpStream, to: &str, pace: Pace, progress: &Progress) -> Sent {
    let (start, mut at) = (Instant::now(), Vec::new());
    while !progress.stop.load(Ordering::SeqCst) {
        // A late tick makes up for missed ones.
        let due = match pace {
            Pace::Rate(rate) => (start.elapsed().as_secs_f64() * rate as f64) as usize + 1,
            Pace::InFlight(count) => progress.heard.load(Ordering::SeqCst) + count,
        };
        let mut burst = String::new();
        for id in at.len()..due {
            write!(burst, "<iq type='get' id='{id}' to='{to}'><q xmlns='u'/></iq>").unwrap();
        }
        at.resize(due, SystemTime::now());
        socket.write_all(burst.as_bytes()).unwrap();
        progress.written.store(at.len(), Ordering::SeqCst);
        sleep(TICK);
    }
    progress.stopped.store(true, Ordering::SeqCst);
    Sent { at, took: start.elapsed() }
}

fn hear(mut wire: Wire, progress: &Progress) -> HashMap<usize, ReplyCounts> {
    let (mut heard, mut last) = (HashMap::<usize, ReplyCounts>::new(), Instant::now());
    loop {
        wire.read(POLL, |iq| {
            last = Instant::now();
            progress.heard.fetch_add(1, Ordering::SeqCst);
            let one = heard.entry(iq.id.parse().unwrap()).or_default();
            match iq.class {
                Class::Result => one.results += 1,
                Class::Error => one.errors += 1,
                Class::Request | Class::Message => {}
            }
        });
        let stopped = progress.stopped.load(Ordering::SeqCst);
        let all = heard.len() == progress.written.load(Ordering::SeqCst);
        if stopped && last.elapsed() > if all { AFTERWARDS } else { QUIET } {
            return heard;
        }
    }
}

impl Account {
    pub fn sent(&self) -> usize {
        self.sent_at.len()
    }

    /// Checks that the rate is as promised.
    pub fn check_rate(&self, promised: usize) -> Result<(), String> {
        let rate = self.rate;
        if rate >= promised as f64 * 0.8 {
            Ok(())
        } else {
            Err(format!("only {rate:.0} requests a second"))
        }
    }

    /// One line with the figures.
    pub fn figures(&self) -> String {
        format!(
            "{} requests sent at {:.0}/s: {} answered, {} refused, {} missing, {} more than once",
            self.sent(),
            self.rate,
            self.answered.len(),
            self.refused.len(),
            self.missing.len(),
            self.repeated.len()
        )
    }
}

/// An implementing client that answers every request, each `delay` after it came.
pub struct Answerer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Wire, Vec<Seen>)>,
}

/// A request at the implementing client.
pub struct Seen {
    pub request: Iq,
    pub at: SystemTime,
}

impl Answerer {
    pub fn start(service: Client, delay: Duration) -> Answerer {
        let mut wire = Wire::new(service);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut seen, mut waiting) = (Vec::new(), VecDeque::<(Instant, String)>::new());
            while !(stopped.load(Ordering::Relaxed) && waiting.is_empty()) {
                let now = Instant::now();
                let mut batch = String::new();
                while waiting.front().is_some_and(|(due, _)| *due <= now) {
                    batch += &waiting.pop_front().unwrap().1;
                }
                if !batch.is_empty() {
                    wire.write(&batch);
                }
                let limit = waiting.front().map_or(POLL, |(due, _)| *due - now);
                wire.read(limit.min(POLL), |request| {
                    if request.class == Class::Request {
                        waiting.push_back((Instant::now() + delay, answer(&request)));
                        seen.push(Seen { request, at: SystemTime::now() });
                    }
                });
            }
            (wire, seen)
        });
        Answerer { stop, thread }
    }

    /// Stops when all that arrived is answered; returns the stream and the requests.
    pub fn finish(self) -> (Wire, Vec<Seen>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The result for a request.
pub fn answer(request: &Iq) -> String {
    format!("<iq type='result' id='{}' to='{}'/>", request.id, request.from)
}

/// The time between two writes of a user.
const TICK: Duration = Duration::from_millis(5);
const POLL: Duration = Duration::from_millis(50);
/// After so long without a stanza, missing ones are considered lost.
const QUIET: Duration = Duration::from_secs(15);
/// How long to listen for replies that should not come.
const AFTERWARDS: Duration = Duration::from_millis(500);
