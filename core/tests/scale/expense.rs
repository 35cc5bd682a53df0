//! How many stanzas of each kind.

use std::collections::BTreeMap;

use crate::phase::Phase;

/// The kinds of stanzas that a server has to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A resource came or went, and a replica is told.
    Change,
    /// The same, for another resource of the target (RFC 6121 section 4.2.2).
    OwnChange,
    Subscription,
    Probe,
    /// The answer of one resource to one probe.
    Answer,
    /// A message of a replica to itself, or a query for the time.
    SelfTest,
    Request,
    /// A user got an error instead of a result.
    Failed,
    /// A request is lost, and the user gets no answer.
    Lost,
}

/// What a phase costs.
#[derive(Default)]
pub struct Expense {
    /// When it began and ended, in seconds.
    from: u64,
    until: u64,
    total: [u64; Kind::ALL.len()],
    by_second: BTreeMap<u64, [u64; Kind::ALL.len()]>,
    /// When the last request failed.
    last_failed: Option<u64>,
}

impl Expense {
    pub fn begin(at: u64) -> Self {
        Self { from: at / 1_000, until: at / 1_000, ..Self::default() }
    }

    pub fn end(&mut self, at: u64) {
        self.until = at / 1_000;
    }

    pub fn add(&mut self, kind: Kind, count: usize, at: u64) {
        self.total[kind as usize] += count as u64;
        self.by_second.entry(at / 1_000).or_default()[kind as usize] += count as u64;
        if kind == Kind::Failed {
            self.last_failed = Some(at);
        }
    }

    pub fn count(&self, kind: Kind) -> u64 {
        self.total[kind as usize]
    }

    /// In the second that had the most.
    pub fn peak(&self, kind: Kind) -> u64 {
        self.by_second.values().map(|counts| counts[kind as usize]).max().unwrap_or_default()
    }

    pub fn seconds(&self) -> u64 {
        self.until - self.from
    }

    /// Prints each phase: what it cost, and the most in a second.
    pub fn print(phases: &[Phase], all: &[Self]) {
        let names = Kind::ALL.map(|kind| format!("{kind:?}")).join(" | ");
        println!("| what happens | s | {names} | last failed after |");
        println!("|---|---|{}---|", "---|".repeat(Kind::ALL.len()));
        for (phase, expense) in phases.iter().zip(all) {
            let cell = |kind| match (expense.count(kind), expense.peak(kind)) {
                (0, _) => "0".to_owned(),
                (all, peak) => format!("{all} ({peak}/s)"),
            };
            let last = expense.last_failed.map(|at| at as f64 / 1e3 - expense.from as f64);
            let last = last.map_or(String::new(), |seconds| format!("{seconds:.1} s"));
            let cells = Kind::ALL.map(cell).join(" | ");
            println!("| {} | {} | {cells} | {last} |", phase.name(), expense.seconds());
        }
    }
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Change,
        Self::OwnChange,
        Self::Subscription,
        Self::Probe,
        Self::Answer,
        Self::SelfTest,
        Self::Request,
        Self::Failed,
        Self::Lost,
    ];
}
