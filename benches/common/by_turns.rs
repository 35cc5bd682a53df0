//! Times several things by turns, so that a machine that slows down slows them all.

use std::time::{Duration, Instant};

use super::form::Form;

/// One thing that is timed.
pub struct Task<'a> {
    pub name: String,
    /// Does it so many times.
    pub run: Box<dyn FnMut(usize) + 'a>,
}

impl<'a> Task<'a> {
    pub fn new(name: impl Into<String>, mut once: impl FnMut() + 'a) -> Self {
        let run = move |times| (0..times).for_each(|_| once());
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// The times of one task, in nanoseconds, a figure for each round.
pub struct Times(Vec<f64>);

impl Times {
    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The median of how much longer this took, round by round.
    pub fn minus(&self, other: &Times) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(a, b)| a - b).collect())
    }

    /// The median of what this took, round by round, in units of what `other` took.
    pub fn over(&self, other: &Times) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }
}

/// Times each task once a round.
pub fn time(mut tasks: Vec<Task<'_>>, form: Form) -> Vec<Times> {
    let round = form.pick(Duration::from_millis(20), Duration::ZERO);
    let counts: Vec<usize> = tasks.iter_mut().map(|task| how_often(task, round)).collect();
    let mut times: Vec<Times> = tasks.iter().map(|_| Times(Vec::new())).collect();
    for _ in 0..form.pick(41, 1) {
        for ((task, count), times) in tasks.iter_mut().zip(&counts).zip(&mut times) {
            let start = Instant::now();
            (task.run)(*count);
            times.0.push(start.elapsed().as_secs_f64() * 1e9 / *count as f64);
        }
    }
    times
}

/// How often a task is done a round, so that it takes as long.
fn how_often(task: &mut Task<'_>, round: Duration) -> usize {
    let mut count = 1;
    loop {
        let start = Instant::now();
        (task.run)(count);
        let took = start.elapsed();
        if took >= round / 4 {
            return ((count as f64 * round.div_duration_f64(took)) as usize).max(1);
        }
        count *= 2;
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
