//! What documents quote within a sentence: commands of jat-proxy and cargo, keys with a value,
//! lines of the log, metrics.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use test_support::pages;

use crate::claims;
use crate::commands::examine;
use crate::configuration::is_accepted;

#[test]
fn commands_and_their_options_exist() {
    let subcommands = subcommands(&[]);
    assert!(subcommands.contains("check") && subcommands.contains("keys"), "{subcommands:?}");
    let mut seen = 0;
    for (place, span) in spans() {
        let mut words: Vec<&str> = span.split(' ').collect();
        if words.len() > 1 && ["test", "bench"].contains(&words[1]) && words[0] == "cargo" {
            examine(&span).unwrap_or_else(|fault| panic!("{place}: `{span}`: {fault}"));
            seen += 1;
        }
        let named = words[0] == "jat-proxy" && words.len() > 1 && !span.contains("demo key,");
        if named {
            words.remove(0);
        } else if words.len() == 1 || words[1] == "=" || !subcommands.contains(words[0]) {
            continue;
        }
        seen += 1;
        let words: Vec<&str> = [&["jat-proxy"], &words[..]].concat();
        assert!(is_command(&words), "{place}: `{span}` is no command");
    }
    assert!(seen > 15, "{seen}");
}

/// Whether the program has the subcommand, and each option.
pub fn is_command(words: &[&str]) -> bool {
    let ["jat-proxy", subcommand, rest @ ..] = words else { return false };
    if subcommand.starts_with('-') {
        return rest.is_empty() && help(&[]).split_whitespace().any(|it| it == *subcommand);
    }
    let (mut path, mut rest) = (vec![*subcommand], rest);
    if !subcommands(&[]).contains(*subcommand) {
        return false;
    }
    if rest.first().is_some_and(|it| subcommands(&path).contains(*it)) {
        path.push(rest[0]);
        rest = &rest[1..];
    }
    let help = help(&path);
    // An optional value is in brackets.
    let options: BTreeSet<&str> = help.split([' ', ',', '\n', '[']).collect();
    // Other words are values of an option, or arguments.
    let arguments = help.contains("Arguments:");
    rest.iter().enumerate().all(|(at, word)| match word.starts_with('-') {
        true => options.contains(word),
        false => arguments || at > 0 && rest[at - 1].starts_with('-'),
    })
}

#[test]
fn keys_with_a_value_are_accepted() {
    const COMPONENT: &str = "[[component]]\ndomain = \"proxy.example\"\n\
        secret = { file = \"proxy.secret\" }\ntarget-address = \"bot@some-domain.example\"\n";
    let mut seen = 0;
    for (place, span) in spans() {
        let Some((key, _)) = span.split_once(" = \"") else { continue };
        // Prosody's keys have another form.
        if !key.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            continue;
        }
        // Some keys need lists of senders.
        let lists = "allow-from = [\"some-domain.example\"]\n";
        // Some keys need messages to be relayed.
        let messages = "relay = [\"iq\", \"messages\"]\nallow-from = [\"*\"]\n";
        let accepted =
            ["", lists, messages, "[server]\n", "[log]\n", "[limits]\n"].iter().any(|table| {
                is_accepted(&format!("{span}\n{COMPONENT}")).is_ok()
                    || is_accepted(&format!("{COMPONENT}{table}{span}\n")).is_ok()
            });
        // Keys of a face, where the domain itself has no target.
        let face = COMPONENT.replace("target", "[[component.face]]\ntarget");
        let accepted = accepted || is_accepted(&format!("{face}{span}\n")).is_ok();
        assert!(accepted, "{place}: `{span}` is refused");
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

/// The phrases that operators look for in their journal. "again" is inserted in the source.
#[test]
fn the_log_says_what_operating_quotes() {
    let program = files("src", "rs").concat();
    let mut seen = 0;
    for (place, span) in spans().into_iter().filter(|it| it.0.starts_with("docs/operating.md:")) {
        let words = span.split(' ').count();
        let is_phrase = span.chars().all(|c| c.is_ascii_lowercase() || " .,".contains(c));
        // Commands.
        let others = ["systemctl", "prosodyctl", "token", "keys", "status", "apt"];
        if words == 1 || !is_phrase || others.iter().any(|it| span.starts_with(it)) {
            continue;
        }
        for piece in span.replace(" again", "{again} to").split("...") {
            assert!(program.contains(piece.trim()), "{place}: nothing says `{span}`");
        }
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn metrics_are_those_of_the_reference() {
    let names = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|it| it.starts_with("jat_proxy_")).map(str::to_owned).collect()
    };
    let known = names(&fs::read_to_string("docs/metrics.md").unwrap());
    for document in claims::documents() {
        for name in names(&fs::read_to_string(&document).unwrap()) {
            assert!(known.contains(&name), "{document}: docs/metrics.md has no {name}");
        }
    }
}

/// The texts between backticks outside of blocks, with their documents and lines.
fn spans() -> Vec<(String, String)> {
    let mut spans = Vec::new();
    // The changelog may name what no longer exists.
    for document in claims::documents().into_iter().filter(|it| it != "CHANGELOG.md") {
        let text = fs::read_to_string(&document).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        for block in pages::blocks(&document) {
            let end = block.line - 1 + block.text.lines().count();
            lines[block.line - 1..end].fill("");
        }
        let fenced = |line: &&str| line.trim_start().starts_with("```");
        lines.iter_mut().filter(|line| fenced(line)).for_each(|line| *line = "");
        // A span may go on in the next line.
        let mut at = 1;
        for (index, piece) in lines.join("\n").split('`').enumerate() {
            if index % 2 == 1 {
                let span = piece.split_whitespace().collect::<Vec<_>>().join(" ");
                spans.push((format!("{document}:{at}"), span));
            }
            at += piece.matches('\n').count();
        }
    }
    spans
}

fn subcommands(path: &[&str]) -> BTreeSet<String> {
    let help = help(path);
    let Some((_, list)) = help.split_once("Commands:\n") else { return BTreeSet::new() };
    let names = list.lines().take_while(|line| !line.is_empty());
    names.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

fn help(path: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jat-proxy"));
    String::from_utf8(command.args(path).arg("--help").output().unwrap().stdout).unwrap()
}

/// The text of every file below a folder that ends so.
pub fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}
