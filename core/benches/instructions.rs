//! How many instructions our own parts take, counted by valgrind.
//!
//!     cargo bench --bench instructions             compares with instructions.toml
//!     cargo bench --bench instructions -- --write  writes that file
//!
//! A count does not depend on what else the machine does, so a change of a few percent shows,
//! and CI can fail on it: there is no shorter form. HMAC is not among the parts: valgrind hides the
//! processor's SHA instructions, so its count would be that of another program; `translate` times it.
//!
//! Whole stanzas go through the session, from bytes to bytes. They have HMACs, so the instructions of
//! SHA-256 are counted separately: `NAME-sha`. Including them, a message, presence, the target's own
//! request, or mirrors in place of addresses may cost little more than a user's request.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use core_tests::bench::exchanges::{Exchange, KINDS, Kind};
use core_tests::bench::form;
use core_tests::bench::names::Names;
use core_tests::bench::parts::Parts;
use core_tests::bench::proxy::Proxy;
use core_tests::bench::services::{fixed, many};
use core_tests::bench::stanzas::{self, DOMAIN};
use core_tests::repository;
use core_tests::session::settings;
use jat_core::jat::arrangement::Arrangement;
use jat_core::jat::dispatch::Dispatch;
use jat_core::jat::settings::Settings;

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
        let (parts, mut text) = (request(), Vec::new());
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

/// Requests of growing size: what a stanza takes in addition to its token.
const PAYLOADS: [Kind; 3] = [
    Kind { name: "payload-2kB", begin: || Exchange::with_payload(&stanzas::disco_reply()) },
    Kind { name: "payload-100kB-tags", begin: || Exchange::with_payload(&stanzas::tags(100_000)) },
    Kind { name: "payload-100kB-text", begin: || Exchange::with_payload(&stanzas::text(100_000)) },
];

/// A request as where more is relayed, but without mirrors; then one to the only service, to one of a
/// thousand names, and to the last of twenty patterns beside them.
const FACES: [Kind; 4] = [
    Kind { name: "request-sticky", begin: || Exchange::with_face(Proxy::with(sticky), "helper") },
    Kind { name: "face-alone", begin: || to_face(settings(DOMAIN, &fixed(0)), "face0") },
    Kind { name: "face-of-1000", begin: || to_face(many(1_000, 0, fixed), "face500") },
    Kind { name: "face-by-pattern", begin: || to_face(many(1_000, 20, fixed), "pattern19-x") },
];

fn sticky(settings: &mut Settings) {
    settings.dispatch = Dispatch::Sticky;
}

fn to_face(arrangement: impl Into<Arrangement>, node: &str) -> Exchange {
    Exchange::with_face(Proxy::of(arrangement), node)
}

/// A whole stanza, and the one that it may cost little more than.
const RATIOS: [(&str, &str); 11] = [
    ("request-clear", "request-sticky"),
    ("reply-clear", "reply-alone"),
    ("message-in-clear", "request-alone"),
    ("message-out-clear", "request-alone"),
    ("message-in-signed", "request-signed"),
    ("message-out-signed", "request-signed"),
    ("own-request", "request-clear"),
    ("own-reply", "request-clear"),
    ("presence-in", "request-clear"),
    ("presence-out", "request-clear"),
    ("presence-scrubbed", "request-clear"),
];
/// How many times as much.
const MOST: f64 = 1.2;

/// Follows the name of a whole stanza, for its SHA-256.
const SHA: &str = "-sha";

/// Growth that is allowed, in percent.
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
    let kind = whole().find(|kind| kind.name == part);
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

/// All whole stanzas.
fn whole() -> impl Iterator<Item = &'static Kind> {
    const { &KINDS }.iter().chain(const { &PAYLOADS }).chain(const { &FACES })
}

/// Instructions of each part for one stanza, and of whole stanzas without SHA-256 and of SHA-256
/// alone; those of the start and end of the process cancel out.
fn count_all() -> io::Result<Vec<(String, u64)>> {
    let mut counts = Vec::new();
    for (part, _) in PARTS {
        counts.push((part.to_owned(), count(part, 2_000)?.own));
    }
    for Kind { name, .. } in whole() {
        // Large ones take long.
        let times = if name.contains("100kB") { 10 } else { 400 };
        let Count { own, sha } = count(name, times)?;
        counts.push(((*name).to_owned(), own));
        if sha > 0 {
            counts.push((format!("{name}{SHA}"), sha));
        }
    }
    Ok(counts)
}

/// Instructions of one stanza, or of a part of it.
#[derive(Clone, Copy, Default)]
struct Count {
    own: u64,
    /// Those that compute SHA-256.
    sha: u64,
}

fn count(part: &str, times: usize) -> io::Result<Count> {
    let (once, twice) = (counted(part, times)?, counted(part, 2 * times)?);
    let each = |once: u64, twice: u64| twice.saturating_sub(once) / times as u64;
    Ok(Count { own: each(once.own, twice.own), sha: each(once.sha, twice.sha) })
}

/// Those of a whole process.
fn counted(part: &str, times: usize) -> io::Result<Count> {
    let output = Command::new("valgrind")
        // Nothing else writes to standard output.
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/stdout", "--compress-strings=no"])
        .arg(env::current_exe()?)
        .args([part, &times.to_string()])
        .stdin(Stdio::null())
        .output()?;
    let count = sum(&String::from_utf8_lossy(&output.stdout));
    if output.status.success() && count.own > 0 {
        return Ok(count);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{}: {said}", output.status)))
}

/// The sum of a file in callgrind's format: for each function, lines with a position and a number. The
/// line after `calls` is skipped: it counts the called function, which has lines of its own.
fn sum(file: &str) -> Count {
    let (mut count, mut is_sha, mut called) = (Count::default(), false, false);
    for line in file.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            is_sha = function.starts_with("sha2::");
        } else if line.starts_with("calls=") {
            called = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '*'))
            && !std::mem::take(&mut called)
        {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
            *(if is_sha { &mut count.sha } else { &mut count.own }) += cost;
        }
    }
    count
}

fn write(file: &Path, counts: &[(String, u64)]) -> ExitCode {
    let mut text = String::from(
        "# Instructions for one small stanza, by part, and for whole ones, -sha: of SHA-256. Written by:\n\
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

fn compare(file: &Path, counts: &[(String, u64)]) -> ExitCode {
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
        let before = known.get(part).and_then(toml::Value::as_integer).unwrap_or(0) as f64;
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

/// Prints the ratios of whole stanzas, and returns whether none takes too much.
fn ratios_hold(counts: &[(String, u64)]) -> bool {
    let of = |part: &str| {
        let own_and_sha = |name: &str| name.strip_suffix(SHA).unwrap_or(name) == part;
        counts.iter().filter(|(name, _)| own_and_sha(name)).map(|(_, count)| count).sum::<u64>()
    };
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
