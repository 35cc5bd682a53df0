//! Sizes that take minutes and gigabytes, and print figures for people to read. tests/run leaves them
//! out.

use std::process;

use core_tests::bench::usage;

use crate::cluster::Size;
use crate::cost;
use crate::expense::Expense;
use crate::growth::Growth;
use crate::phase::Phase;
use crate::{REQUESTS, run};

#[test]
#[ignore = "takes minutes, in a release build: prints what docs/capacity.md says"]
fn how_that_grows() {
    let mut runs = Vec::new();
    for replicas in [10, 100] {
        for resources in [100, 1_000, 10_000] {
            let size = Size { nodes: (replicas / 10).max(3), replicas, resources };
            runs.push((size, print(size, &Phase::ALL)));
        }
    }
    Growth::print(&Phase::ALL, &runs);
    cost::print(&[100, 1_000, 10_000]);
}

/// Only the phases of hosts, in which each replica already reads the whole list some ten times;
/// [`how_that_grows`] has the others.
#[test]
#[ignore = "takes long, and 3 GB, in a release build: prints what ten million entries cost"]
fn a_thousand_replicas_and_ten_thousand_resources() {
    print(Size { nodes: 100, replicas: 1_000, resources: 10_000 }, &Phase::OF_HOSTS);
}

/// Runs these phases, with a million users to a thousand replicas, and prints what each costs.
fn print(size: Size, phases: &[Phase]) -> Vec<Expense> {
    let before = usage::cpu_time(process::id());
    let all = run(size, phases, REQUESTS);
    let time = usage::cpu_time_since(process::id(), before).as_secs_f64();
    let memory = usage::status(process::id(), "VmHWM:");
    println!("\n{size:?}: {time:.0} s of a processor, at most {memory}");
    Expense::print(phases, &all);
    all
}
