//! Times several things in turn, so that a machine that slows down affects them all.

use std::time::{Duration, Instant};

use super::form::Form;

/// One thing that is timed.
pub struct Task<'a> {
    pub name: String,
    /// Runs it so many times.
    pub run: Box<dyn FnMut(usize) + 'a>,
}

impl<'a> Task<'a> {
    pub fn new(name: impl Into<String>, mut once: impl FnMut() + 'a) -> Self {
        let run = move |times| (0..times).for_each(|_| once());
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// The shortest time of one task, in nanoseconds: about what it takes when nothing else runs.
#[derive(Clone, Copy)]
pub struct Time(pub f64);

impl Time {
    /// The ratio of this time to `other`.
    pub fn over(self, other: Time) -> f64 {
        self.0 / other.0
    }
}

/// Times each task once a round. Rounds are many and short, so that on a busy machine some of them
/// are not interrupted.
pub fn time(mut tasks: Vec<Task<'_>>, form: Form) -> Vec<Time> {
    let round = form.pick(Duration::from_millis(2), Duration::ZERO);
    let counts: Vec<usize> = tasks.iter_mut().map(|task| how_often(task, round)).collect();
    let mut times = vec![Time(f64::INFINITY); tasks.len()];
    for _ in 0..form.pick(300, 1) {
        for ((task, count), times) in tasks.iter_mut().zip(&counts).zip(&mut times) {
            let start = Instant::now();
            (task.run)(*count);
            times.0 = times.0.min(start.elapsed().as_secs_f64() * 1e9 / *count as f64);
        }
    }
    times
}

/// How often a task runs in a round, so that it takes as long.
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
