//! How many instructions the parts take that are our own, counted by valgrind.
//!
//!     cargo bench --bench instructions             compares with instructions.toml
//!     cargo bench --bench instructions -- --write  writes that file
//!
//! A count does not depend on what else the machine does, so a change of a few percent shows,
//! and CI can fail on it: there is no shorter form. HMAC is not among the parts: valgrind hides the processor's SHA
//! instructions, so its count would be that of another program; `translate` times it.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use core_tests::bench::form;
use core_tests::bench::parts::Parts;
use core_tests::bench::stanzas;
use core_tests::repository;

/// A part, and how to do it so many times.
const PARTS: [(&str, Run); 4] = [
    ("splitter", |parts, times| {
        let mut splitter = Parts::splitter();
        (0..times).for_each(|_| parts.split(&mut splitter));
    }),
    ("head", |parts, times| {
        let mut output = Vec::new();
        (0..times).for_each(|_| parts.head(&mut output));
    }),
    ("base32-encode", |parts, times| {
        let mut text = String::new();
        (0..times).for_each(|_| parts.encode(&mut text));
    }),
    ("base32-decode", |parts, times| {
        let mut bytes = parts.decoded();
        (0..times).for_each(|_| parts.decode(&mut bytes));
    }),
];

type Run = fn(&Parts, usize);

/// Growth that is let pass, in percent.
const TOLERANCE: f64 = 10.0;
const TIMES: usize = 2_000;

fn main() -> ExitCode {
    let arguments = form::arguments();
    if let [part, times] = &arguments[..] {
        return run(part, times);
    }
    let counts = match count_all() {
        Ok(counts) => counts,
        Err(error) => {
            eprintln!("can't count instructions with valgrind: {error}");
            return ExitCode::from(69);
        }
    };
    let file = repository().join("core/benches/instructions.toml");
    if arguments.iter().any(|argument| argument == "--write") {
        return write(&file, &counts);
    }
    compare(&file, &counts)
}

/// The part, in the process that valgrind watches.
fn run(part: &str, times: &str) -> ExitCode {
    let found = PARTS.iter().find(|(name, _)| *name == part);
    let (Some((_, run)), Ok(times)) = (found, times.parse()) else {
        eprintln!("no such part, or number: {part} {times}");
        return ExitCode::from(64);
    };
    run(&Parts::of(&stanzas::request(&stanzas::disco_request())), times);
    ExitCode::SUCCESS
}

/// Instructions of each part for one stanza; what start and end of the process take cancels out.
fn count_all() -> io::Result<Vec<(&'static str, u64)>> {
    let each = |(part, _): &(&'static str, _)| {
        let (once, twice) = (count(part, TIMES)?, count(part, 2 * TIMES)?);
        Ok((*part, twice.saturating_sub(once) / TIMES as u64))
    };
    PARTS.iter().map(each).collect()
}

fn count(part: &str, times: usize) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args([part, &times.to_string()])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected =
        said.split("Collected : ").nth(1).and_then(|rest| rest.split_whitespace().next());
    match collected.and_then(|count| count.parse().ok()) {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(io::Error::other(format!("{}: {said}", output.status))),
    }
}

fn write(file: &Path, counts: &[(&str, u64)]) -> ExitCode {
    let mut text = String::from(
        "# Instructions for one small stanza, by part. Written by:\n\
         # cargo bench --bench instructions -- --write\n",
    );
    for (part, count) in counts {
        text += &format!("{part} = {count}\n");
    }
    match fs::write(file, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            ExitCode::from(73)
        }
    }
}

fn compare(file: &Path, counts: &[(&str, u64)]) -> ExitCode {
    let read = fs::read_to_string(file).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| text.parse::<toml::Table>().map_err(|e| e.to_string()));
    let known = match parsed {
        Ok(known) => known,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return ExitCode::from(66);
        }
    };
    println!("| part | instructions | written down | growth |\n|---|---|---|---|");
    let mut grown = false;
    for (part, count) in counts {
        let before = known.get(*part).and_then(toml::Value::as_integer).unwrap_or(0) as f64;
        let growth = 100.0 * (*count as f64 / before - 1.0);
        println!("| {part} | {count} | {before} | {growth:+.1} % |");
        // A part that is not in the file has grown without bound.
        grown |= growth > TOLERANCE;
    }
    if grown {
        eprintln!("a part takes over {TOLERANCE} % more instructions than is written down");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
