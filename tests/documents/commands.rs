//! Commands that no test can run, since they take too long or are the tests themselves: they
//! parse, and the files, options, targets and tests that they name exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::claims::{self, Check};
use crate::inline;

#[test]
fn what_they_name_exists() {
    for (claim, block) in claims::all() {
        let Check::Named(why) = claim.check else { continue };
        let shown = format!("{}:{} (not run: {why})", claim.document, block.line);
        if let Err(fault) = examine(&block.text) {
            panic!("{shown}: {fault}");
        }
    }
}

/// What is wrong with the commands, if anything.
pub fn examine(text: &str) -> Result<(), String> {
    let parsed = Command::new("bash").args(["-n", "-c", text]).output().unwrap();
    need(parsed.status.success(), "bash does not read", text)?;
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or_default();
        let mut words = line.split_whitespace().peekable();
        while let Some((name, _)) = words.peek().and_then(|word| word.split_once('=')) {
            let read = format!("\"{name}\"");
            need(sources().contains(&read), "no test reads the variable", name)?;
            words.next();
        }
        match words.next() {
            None => {}
            Some("sudo") => {
                let rest: Vec<&str> = words.collect();
                let rest = rest.strip_prefix(&["-u", "jat-proxy"]).ok_or("which user?")?;
                let spoken = rest.join(" ");
                need(inline::is_command(rest), "the program does not know", &spoken)?;
            }
            Some("systemctl") => {
                let rest: Vec<&str> = words.collect();
                need(["start jat-proxy"].contains(&&*rest.join(" ")), "what is", line)?;
                need(Path::new("config/jat-proxy.service").exists(), "no unit for", line)?;
            }
            Some("apt") => {
                let rest: Vec<&str> = words.collect();
                let made = fs::read_to_string("packaging/deb").unwrap();
                let name = rest.get(1).and_then(|it| it.strip_prefix("./")).unwrap_or_default();
                let name = name.replace("*.deb", "VERSION-1_ARCH.deb");
                need(rest[0] == "install" && made.contains(&name), "nothing makes", &name)?;
            }
            Some("cargo") => cargo(&words.collect::<Vec<_>>())?,
            Some("fuzz/run") => {
                let known = Path::new("fuzz/run").exists();
                need(known, "there is no", "fuzz/run")?;
                words.filter(|word| word.parse::<u32>().is_err()).try_for_each(fuzz_target)?;
            }
            Some(script) => need(Path::new(script).is_file(), "there is no", script)?,
        }
    }
    Ok(())
}

fn cargo(words: &[&str]) -> Result<(), String> {
    let (ours, behind) = match words.iter().position(|it| *it == "--") {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (words, &[][..]),
    };
    match ours {
        // cargo-fuzz needs a nightly compiler.
        ["+nightly", "fuzz", "run", "-s", "none", target, folders @ ..] => {
            fuzz_target(target)?;
            let seeds = folders.iter().filter(|it| !it.starts_with("fuzz/corpus/"));
            let dictionary = behind.iter().filter_map(|it| it.strip_prefix("-dict="));
            return seeds
                .copied()
                .chain(dictionary)
                .try_for_each(|path| need(Path::new(path).exists(), "there is no", path));
        }
        ["run", options @ ..] => {
            options.iter().try_for_each(|it| option("run", it))?;
            let help = said(Command::new(env!("CARGO_BIN_EXE_jat-proxy")).arg("--help"));
            return need(help.contains(&format!("\n  {} ", behind[0])), "no command", behind[0]);
        }
        // A tool that the tests install too.
        ["install", options @ .., tool] if !options.contains(&"--path") => {
            options.iter().try_for_each(|it| option("install", it))?;
            let installed = fs::read_to_string("tests/run").unwrap();
            return need(installed.contains(&format!(" {tool}\n")), "no test installs", tool);
        }
        _ => {}
    }
    let (subcommand, mut ours) = ours.split_first().ok_or("which command of cargo?")?;
    let mut named = Vec::new();
    while let Some((word, rest)) = ours.split_first() {
        ours = rest;
        if !word.starts_with("--") {
            named.push(*word);
            continue;
        }
        option(subcommand, word)?;
        if ["--test", "--bench"].contains(word) {
            let (name, rest) = ours.split_first().ok_or("which target?")?;
            ours = rest;
            let folder = if *word == "--test" { "tests" } else { "benches" };
            let path = |half| format!("{half}{folder}/{name}");
            let files = ["", "core/"].map(path).map(|it| [format!("{it}.rs"), it + "/main.rs"]);
            need(
                files.as_flattened().iter().any(|it| Path::new(it).exists()),
                "there is no target",
                name,
            )?;
        }
    }
    let (options, names): (Vec<&str>, Vec<&str>) =
        behind.iter().partition(|word| word.starts_with("--"));
    named.extend(names);
    let mut harness = Command::new(std::env::current_exe().unwrap());
    let taken = harness.args(&options).args(["--list", "--exact", "none"]).output().unwrap();
    need(taken.status.success(), "tests do not take", &options.join(" "))?;
    // "NAME" is explained below its block.
    let names = named.into_iter().filter(|it| *it != "NAME").flat_map(|it| it.split("::"));
    for name in names.filter(|it| !it.is_empty()) {
        let sources = sources();
        // The last part is a Debian whose servers are tested.
        let exists = [format!("fn {name}"), format!("mod {name};"), format!("case!({name}, ")];
        let exists = exists.iter().any(|it| sources.contains(it));
        need(exists, "no test is called", name)?;
    }
    Ok(())
}

fn option(subcommand: &str, option: &str) -> Result<(), String> {
    let help = said(Command::new(env!("CARGO")).args([subcommand, "--help"]));
    let known: BTreeSet<&str> =
        help.split(|c: char| c.is_whitespace() || "[]<>=,.".contains(c)).collect();
    need(known.contains(option), "cargo has no option", option)
}

fn fuzz_target(name: &str) -> Result<(), String> {
    let known = Path::new("fuzz/fuzz_targets").join(name).with_extension("rs").exists()
        || fs::read_to_string("fuzz/Cargo.toml").unwrap().contains(&format!("name = \"{name}\""));
    need(known, "no such fuzzer", name)
}

/// All Rust files of the tests.
fn sources() -> String {
    inline::files("tests", "rs").concat() + &inline::files("core/tests", "rs").concat()
}

fn said(command: &mut Command) -> String {
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn need(met: bool, fault: &str, what: &str) -> Result<(), String> {
    met.then_some(()).ok_or_else(|| format!("{fault} {what}"))
}

#[test]
fn slips_are_found() {
    for wrong in [
        "for x in; do",
        "cargo test --tset interop",
        "cargo test --test interopp",
        "cargo bench --bench nothing",
        "cargo test --release --test soak a_minute -- --ignored",
        "cargo test --test interop -- --nocaptured",
        "cargo run --release -- demonstrate",
        "SEEDLING=n cargo test",
        "tests/walk",
        "fuzz/run 60 heads",
        "cargo +nightly fuzz run -s none splitter fuzz/corpus/splitter fuzz/seed/splitter",
    ] {
        assert!(examine(wrong).is_err(), "{wrong}");
    }
}
