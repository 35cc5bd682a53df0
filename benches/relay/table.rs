//! The figures of all rounds, as a table.

/// The figures of one relay in one round.
pub struct Round {
    /// Stanzas a second.
    pub rate: f64,
    /// Processor time for one stanza, in nanoseconds.
    pub cpu: f64,
    /// Bytes that it wrote for one stanza.
    pub bytes: f64,
    /// The median latency with one in flight, in microseconds.
    pub median: f64,
    pub p99: f64,
}

/// One of its figures.
pub type Figure = fn(&Round) -> f64;

pub const RATE: Figure = |round| round.rate;
pub const CPU: Figure = |round| round.cpu;
pub const BYTES: Figure = |round| round.bytes;
pub const MEDIAN: Figure = |round| round.median;
pub const P99: Figure = |round| round.p99;

/// The median of a figure of `ours` in units of what `theirs` is in the same round.
pub fn ratio(of: Figure, ours: &[Round], theirs: &[Round]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| of(ours) / of(theirs)))
}

/// The medians of all rounds, and the medians of the ratios of the first within each round; of
/// the processor time also the least, which other work on the machine changes least.
pub fn print(title: &str, relays: &[(&str, &[Round])], one_in_flight: bool) {
    println!("\n{title}:\n");
    let (speed, compared) = if one_in_flight {
        ("median | p99", "jat-proxy's median is")
    } else {
        ("stanzas/s", "jat-proxy's rate is")
    };
    let rest = format!("bytes a stanza | {compared} | its time");
    let head = format!("| | {speed} | processor time a stanza | at least | {rest} |");
    println!("{head}\n|{}", "---|".repeat(head.matches('|').count() - 1));
    let (_, first) = relays[0];
    for (name, rounds) in relays {
        let all = |of: Figure| median(rounds.iter().map(of));
        let speed = if one_in_flight {
            format!("{:.1} µs | {:.1} µs", all(MEDIAN), all(P99))
        } else {
            format!("{:.0}", all(RATE))
        };
        println!(
            "| {name} | {speed} | {:.0} ns | {:.0} ns | {:.1} | {:.2} × | {:.2} × |",
            all(CPU),
            rounds.iter().map(CPU).fold(f64::MAX, f64::min),
            all(BYTES),
            ratio(if one_in_flight { MEDIAN } else { RATE }, first, rounds),
            ratio(CPU, first, rounds),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
