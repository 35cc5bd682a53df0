//! How many instructions the parts take that are our own, counted by valgrind.
//!
//!     cargo bench --bench instructions             compares with instructions.toml
//!     cargo bench --bench instructions -- --write  writes that file
//!
//! A count does not depend on what else the machine does, so a change of a few percent shows,
//! and CI can fail on it: there is no shorter form. HMAC is not among the parts: valgrind hides the
//! processor's SHA instructions, so its count would be that of another program; `translate` times it.
//!
//! Whole stanzas have HMACs all the same, so that each can be held against the others: a message, or
//! the target's own request, is to cost little more than a request of a user does.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use core_tests::bench::exchanges::KINDS;
use core_tests::bench::form;
use core_tests::bench::names::Names;
use core_tests::bench::parts::Parts;
use core_tests::bench::stanzas;
use core_tests::repository;

/// A part, and how to do it so many times.
const PARTS: [(&str, Run); 6] = [
    ("splitter", |times| {
        let (parts, mut splitter) = (request(), Parts::splitter());
        (0..times).for_each(|_| parts.split(&mut splitter));
    }),
    ("head", |times| {
        let (parts, mut output) = (request(), Vec::new());
        (0..times).for_each(|_| parts.head(&mut output));
    }),
    ("base32-encode", |times| {
        let (parts, mut text) = (request(), String::new());
        (0..times).for_each(|_| parts.encode(&mut text));
    }),
    ("base32-decode", |times| {
        let parts = request();
        let mut bytes = parts.decoded();
        (0..times).for_each(|_| parts.decode(&mut bytes));
    }),
    ("mirror-write", |times| {
        let (names, mut text) = (Names::clear(), String::new());
        (0..times).for_each(|_| names.write_mirror(&mut text));
    }),
    ("mirror-read", |times| {
        let (names, mut text) = (Names::clear(), String::new());
        (0..times).for_each(|_| names.read_mirror(&mut text));
    }),
];

type Run = fn(usize);

/// A whole stanza, and the one that it may cost little more than.
const RATIOS: [(&str, &str); 6] = [
    ("message-in-clear", "request-alone"),
    ("message-out-clear", "request-alone"),
    ("message-in-signed", "request-signed"),
    ("message-out-signed", "request-signed"),
    ("own-request", "request-clear"),
    ("own-reply", "request-clear"),
];
/// How much that is.
const MOST: f64 = 1.2;

/// Growth that is let pass, in percent.
const TOLERANCE: f64 = 10.0;

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

/// The part, or the whole stanza, in the process that valgrind watches.
fn run(part: &str, times: &str) -> ExitCode {
    let found = PARTS.iter().find(|(name, _)| *name == part);
    let kind = KINDS.iter().find(|kind| kind.name == part);
    match (found, kind, times.parse()) {
        (Some((_, run)), _, Ok(times)) => run(times),
        (_, Some(kind), Ok(times)) => {
            let mut exchange = (kind.begin)();
            (0..times).for_each(|_: usize| assert!(exchange.turn() > 0));
        }
        _ => {
            eprintln!("no such part, or number: {part} {times}");
            return ExitCode::from(64);
        }
    }
    ExitCode::SUCCESS
}

/// The parts of a small request.
fn request() -> Parts {
    Parts::of(&stanzas::request(&stanzas::disco_request()))
}

/// Instructions of each part for one stanza, and those of whole stanzas; what start and end of the
/// process take cancels out.
fn count_all() -> io::Result<Vec<(&'static str, u64)>> {
    let parts = PARTS.iter().map(|(name, _)| (*name, 2_000));
    let all = parts.chain(KINDS.iter().map(|kind| (kind.name, 400)));
    let each = |(name, times)| {
        let (once, twice) = (count(name, times)?, count(name, 2 * times)?);
        Ok((name, twice.saturating_sub(once) / times as u64))
    };
    all.map(each).collect()
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
        "# Instructions for one small stanza, by part, and for whole ones. Written by:\n\
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
    }
    if ratios_hold(counts) && !grown { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what whole stanzas take, set against each other, and whether none takes too much.
fn ratios_hold(counts: &[(&str, u64)]) -> bool {
    let of = |part| counts.iter().find(|(name, _)| *name == part).map_or(0, |(_, count)| *count);
    println!("\n| stanza | is set against | ratio, at most {MOST} |\n|---|---|---|");
    let ratios = RATIOS.map(|(stanza, other)| {
        let ratio = of(stanza) as f64 / of(other) as f64;
        println!("| {stanza} | {other} | {ratio:.2} |");
        ratio
    });
    let hold = ratios.iter().all(|ratio| *ratio <= MOST);
    if !hold {
        eprintln!("a stanza takes over {MOST} times the instructions of another");
    }
    hold
}
