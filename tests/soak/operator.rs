//! The operator's actions on the replicas, each once in every round.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_server::Server;
use tempfile::TempDir;
use test_support::folder::write_private;
use tokio::time::sleep;

use crate::book::{Book, Shared};
use crate::replica::{Replica, processor_time};
use crate::summary::progress;
use crate::summary::quantiles;
use crate::violations::Wrong;

pub struct Operator {
    server: Arc<Server>,
    /// The folder of the key file.
    folder: TempDir,
    /// Lives from the beginning to the end.
    a: Replica,
    /// Is killed in every round.
    b: Replica,
    pub done: Done,
    pub took: Duration,
    /// The resident set of replica a after each round, in kB.
    pub resident: Vec<u64>,
    /// Processor time of the driver, and of all replicas.
    pub processor_time: [f64; 2],
    /// Processor time of replicas that were killed.
    processor_time_killed: f64,
    /// The maximum delay of users behind their rate.
    pub late: Duration,
    latencies_seen: usize,
}

/// How often each was done.
#[derive(Clone, Copy, Default)]
pub struct Done {
    pub kills: usize,
    pub reloads: usize,
    pub upgrades: usize,
    pub rotations: usize,
}

#[derive(Clone, Copy, Debug)]
enum Disruption {
    Kill,
    Reload,
    Upgrade,
    Rotation,
}

impl Operator {
    pub async fn new(server: Arc<Server>) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let keys = folder.path().join(KEYS);
        write_private(&keys, &first_keys());
        let a = Replica::start("a", &server, &keys).await;
        let b = Replica::start("b", &server, &keys).await;
        Self {
            server,
            folder,
            a,
            b,
            done: Done::default(),
            took: Duration::ZERO,
            resident: Vec::new(),
            processor_time: [0.0; 2],
            processor_time_killed: 0.0,
            late: Duration::ZERO,
            latencies_seen: 0,
        }
    }

    /// Does everything once in every round, at moments and in an order that differ.
    pub async fn run(mut self, book: &Shared, rounds: u32, round: Duration) -> Self {
        let (began, at_first) = (Instant::now(), self.processor_time_so_far());
        let until = async |moment: Duration| {
            sleep(moment.saturating_sub(began.elapsed())).await;
        };
        for number in 0..rounds {
            let mut disruptions =
                [Disruption::Kill, Disruption::Reload, Disruption::Upgrade, Disruption::Rotation];
            fastrand::shuffle(&mut disruptions);
            let mut moments = [(); 4].map(|()| LATEST * fastrand::f64());
            // One in four rounds has all of them one right after the other.
            if number % 4 == 3 {
                moments = [moments[0]; 4];
            }
            moments.sort_by(f64::total_cmp);
            for (disruption, moment) in disruptions.into_iter().zip(moments) {
                until(round * number + round.mul_f64(moment)).await;
                self.act(disruption, number, book).await;
            }
            until(round * (number + 1)).await;
            self.resident.push(self.a.resident());
            self.tell(number + 1, book);
        }
        self.took = began.elapsed();
        let at_last = self.processor_time_so_far();
        self.processor_time = [0, 1].map(|at| at_last[at] - at_first[at]);
        self
    }

    async fn act(&mut self, disruption: Disruption, round: u32, book: &Shared) {
        book.lock().unwrap().fault(&format!("{disruption:?} {}", round + 1));
        match disruption {
            Disruption::Kill => self.kill(book).await,
            Disruption::Reload => {
                self.a.reconfigure(round).await;
                self.b.reconfigure(round).await;
                self.done.reloads += 2;
            }
            Disruption::Upgrade => {
                self.a.upgrade(&self.server).await;
                self.b.upgrade(&self.server).await;
                self.done.upgrades += 2;
            }
            Disruption::Rotation => {
                self.a.keys(&["prune"]);
                self.a.keys(&["add", "--in", "5s"]);
                self.a.reload().await;
                self.b.reload().await;
                self.done.rotations += 1;
            }
        }
    }

    /// Kills replica b, and starts it again.
    async fn kill(&mut self, book: &Shared) {
        self.processor_time_killed += self.b.processor_time();
        book.lock().unwrap().kill(self.b.connection);
        let keys = self.folder.path().join(KEYS);
        self.b.kill().await;
        self.b = Replica::start("b", &self.server, &keys).await;
        self.done.kills += 1;
    }

    /// Prints a line for each round.
    fn tell(&mut self, round: u32, book: &Shared) {
        let mut new = book.lock().unwrap().requests.latencies[self.latencies_seen..].to_vec();
        self.latencies_seen += new.len();
        let [median, p99] = quantiles(&mut new);
        let mut book = book.lock().unwrap();
        let late = book.take_late();
        self.late = self.late.max(late);
        let resident = [&self.a, &self.b].map(Replica::resident);
        println!(
            "{round:>3}: {}; resident a {} kB, b {} kB; latency median {median:.2} ms, \
             p99 {p99:.2} ms; late at most {:.3} s",
            progress(&book),
            resident[0],
            resident[1],
            late.as_secs_f64(),
        );
    }

    /// Checks the replicas' own counters at the end.
    pub fn judge(&self, book: &mut Book) {
        self.a.judge(book);
        self.b.judge(book);
        let (first, last) = (self.resident[0], *self.resident.last().expect("one for each round"));
        if last > first + GROWTH {
            let text = format!("a grew from {first} kB to {last} kB");
            book.requests.violations.report(Wrong::Replica, text);
        }
    }

    fn processor_time_so_far(&self) -> [f64; 2] {
        let replicas = self.a.processor_time() + self.b.processor_time();
        [processor_time("self"), replicas + self.processor_time_killed]
    }
}

/// Two keys that signed long ago, so that the first one can be pruned at once, and a name key.
fn first_keys() -> String {
    let key = |id: u32, letter: &str, year: u32| {
        let secret = letter.repeat(42);
        format!(
            "[[key]]\nid = {id}\nsecret = \"{secret}A=\"\nnot-before = \"{year}-01-01T00:00:00Z\"\n"
        )
    };
    let name_key = format!("[[name-key]]\nid = 1\nsecret = \"{}A=\"\n", "D".repeat(42));
    key(1, "B", 2020) + &key(2, "C", 2021) + &name_key
}

const KEYS: &str = "keys.toml";
/// The rest of a round has no faults, so that all are over before the next round.
const LATEST: f64 = 0.8;
/// In kB: an upgrade starts a new process, whose memory differs by some pages.
const GROWTH: u64 = 2048;
