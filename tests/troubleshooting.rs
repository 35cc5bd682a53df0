//! docs/troubleshooting.md, compared with the program: its quotations are lines of the program, and it
//! has all warnings, errors and causes.

use std::fs;
use std::path::Path;

use jat_proxy::link::cause::Cause;
use mock_server::STREAM_ERRORS;

const DOCUMENT: &str = "docs/troubleshooting.md";

#[test]
fn every_heading_is_a_line_that_the_program_says() {
    let said = sources();
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (mut count, mut unsaid) = (0, Vec::new());
    for heading in headings(&document) {
        count += 1;
        // Outcome and reason are two texts of the program.
        let parts = heading.split('…').flat_map(|part| part.split("answered: "));
        let parts = parts.flat_map(|part| part.split("dropped: "));
        for part in parts.map(str::trim).filter(|part| part.len() > 2) {
            // A list of alternatives at the end is shortened.
            let part = part.trim_end_matches(';').trim_start_matches("s this");
            let number = part.replace("30 s", "{} s").replace("…", "");
            let found = [part, &number].iter().any(|text| said.contains(*text));
            if !found {
                unsaid.push(format!("{part:?} of {heading:?}"));
            }
        }
    }
    assert!(unsaid.is_empty(), "nothing says {unsaid:#?}");
    assert!(count > 30, "only {count} headings");
}

#[test]
fn every_warning_and_error_of_the_log_is_there() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (mut count, mut missing) = (0, Vec::new());
    for text in warnings() {
        count += 1;
        // The longest piece between two values.
        let pieces = text.split(['{', '}']).step_by(2).map(str::trim);
        let piece = pieces.max_by_key(|piece| piece.len()).unwrap_or_default();
        // A question after it may be omitted.
        let shown = piece.split(": does another").next().unwrap_or(piece);
        if !document.contains(shown) {
            missing.push(text);
        }
    }
    assert!(missing.is_empty(), "{DOCUMENT} says nothing about {missing:#?}");
    assert!(count > 15, "only {count} warnings found");
}

/// Their text is in variables, which the test above does not see.
#[test]
fn every_warning_and_remedy_has_a_heading() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let warnings = texts(&source("src/link/warnings.rs"));
    let refusals = source("src/link/refusals.rs");
    let (_, remedies) = refusals.split_once("const REMEDIES").expect("a table of remedies");
    let (remedies, _) = remedies.split_once("\n];").unwrap();
    let remedies = texts(remedies);
    assert!(warnings.len() >= 7 && remedies.len() >= 4, "{warnings:#?} {remedies:#?}");
    let is_there = |text: &String| {
        headings(&document).any(|heading| match heading.strip_suffix('…') {
            Some(beginning) => text.starts_with(beginning),
            None => text == heading,
        })
    };
    let missing: Vec<_> = warnings.iter().chain(&remedies).filter(|text| !is_there(text)).collect();
    assert!(missing.is_empty(), "{DOCUMENT} has no heading for {missing:#?}");
}

#[test]
fn every_cause_is_there() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    for cause in Cause::ALL {
        let name = format!("`{}`", cause.name());
        assert!(document.contains(&name), "{DOCUMENT} says nothing about the cause {name}");
    }
}

#[test]
fn every_stream_error_is_there() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let (_, section) = document.split_once("## Stream errors").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    for condition in STREAM_ERRORS {
        let name = format!("`{condition}`");
        assert!(section.contains(&name), "{DOCUMENT} says nothing about {name}");
    }
}

/// The lines of the log that the document explains, and other quotations.
fn headings(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
}

/// The sentences in a source, with `…` for their values, as in headings.
fn texts(source: &str) -> Vec<String> {
    let source = source.replace("\\\"", "'").replace("{{", "").replace("}}", "");
    let strings = source.split('"').skip(1).step_by(2).filter(|string| string.contains(' '));
    let shown = |string: &str| {
        let pieces = string.split(['{', '}']).enumerate();
        pieces.map(|(at, piece)| if at % 2 == 1 { "…" } else { piece }).collect()
    };
    strings.map(shown).filter(|text: &String| text.len() > 12).collect()
}

/// The texts of all `warn!` and `error!` of the daemon that are literals.
fn warnings() -> Vec<String> {
    let text = sources();
    let mut found = Vec::new();
    for start in ["warn!(", "error!("] {
        for (at, _) in text.match_indices(start) {
            let call = &text[at..];
            let call = &call[..call.find(");").or_else(|| call.find("),\n")).unwrap_or(call.len())];
            let strings = call.split('"').skip(1).step_by(2);
            if let Some(longest) = strings.max_by_key(|s| s.len()).filter(|s| s.len() > 12) {
                found.push(longest.to_owned());
            }
        }
    }
    found
}

/// The daemon's sources, continued strings on one line.
fn sources() -> String {
    let mut text = String::new();
    for folder in ["src/daemon", "src/link", "core/src"] {
        collect(Path::new(folder), &mut text);
    }
    join(&text)
}

/// One file, in the same way, without its tests.
fn source(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    join(text.split("#[cfg(test)]").next().unwrap())
}

/// Continued strings on one line.
fn join(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        match line.trim_end().strip_suffix('\\') {
            Some(more) if joined.ends_with('\u{0}') => continue_with(&mut joined, more, true),
            Some(more) => {
                joined.push_str(more);
                joined.push('\u{0}');
            }
            None if joined.ends_with('\u{0}') => continue_with(&mut joined, line, false),
            None => {
                joined.push_str(line);
                joined.push('\n');
            }
        }
    }
    // The only piece of a text that is not a value.
    joined.replace("{again}", " again")
}

/// `line` continues the string of the line before it; so does the next one, if `on`.
fn continue_with(joined: &mut String, line: &str, on: bool) {
    joined.pop();
    joined.push_str(line.trim_start());
    joined.push(if on { '\u{0}' } else { '\n' });
}

fn collect(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
