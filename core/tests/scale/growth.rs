//! How a count grows: its exponents in the number of replicas and of resources.

use std::fmt;

use crate::cluster::Size;
use crate::expense::{Expense, Kind};
use crate::phase::Phase;

/// The exponents: 1 is growth in proportion, 0 is none.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    pub replicas: f64,
    pub resources: f64,
}

impl Growth {
    /// A least-squares fit of the logarithms. The sizes are all pairs of some numbers of replicas and
    /// resources, so each exponent can be fitted separately. A count that is always 0 does not grow.
    pub fn of(counts: impl Iterator<Item = (Size, u64)>) -> Self {
        let (mut replicas, mut resources) = (Vec::new(), Vec::new());
        for (size, count) in counts {
            let count = (count.max(1) as f64).ln();
            replicas.push(((size.replicas as f64).ln(), count));
            resources.push(((size.resources as f64).ln(), count));
        }
        Self { replicas: slope(&replicas), resources: slope(&resources) }
    }

    /// Prints those of each phase.
    pub fn print(phases: &[Phase], runs: &[(Size, Vec<Expense>)]) {
        let kinds = [Kind::Change, Kind::Probe, Kind::Answer, Kind::Failed, Kind::SelfTest];
        let names = kinds.map(|kind| format!("{kind:?}")).join(" | ");
        println!("\nexponents, with replicas and with resources:\n\n| what happens | {names} |");
        println!("|---|{}", "---|".repeat(kinds.len()));
        for (number, phase) in phases.iter().enumerate() {
            let cells = kinds.map(|kind| {
                let counts = || runs.iter().map(|(size, all)| (*size, all[number].count(kind)));
                match counts().all(|(_, count)| count > 0) {
                    true => Self::of(counts()).to_string(),
                    false => String::new(),
                }
            });
            println!("| {} | {} |", phase.name(), cells.join(" | "));
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}, {:.2}", self.replicas, self.resources)
    }
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let mean =
        |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let product: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    product / square
}
