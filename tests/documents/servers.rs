//! docs/servers.md: each habit of a server is dealt with and tested where its row says, and each
//! comment that names a row finds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::inline;

#[test]
fn each_row_is_dealt_with_and_tested_where_it_says() {
    let rows = rows();
    assert!(rows.len() > 15, "{}", rows.len());
    for (habit, [does, place, files, tests]) in &rows {
        assert!(!does.is_empty(), "{habit}");
        let known = ["Prosody", "ejabberd", "jabberd2", "all"];
        assert!(known.iter().any(|it| place.contains(it)), "{habit}: where? {place}");
        let files = quoted(files);
        assert!(!files.is_empty(), "{habit} is dealt with nowhere");
        for file in files {
            let places = [file.clone(), format!("src/{file}"), format!("core/src/{file}")];
            let text = places.iter().find_map(|path| fs::read_to_string(path).ok());
            let text = text.unwrap_or_else(|| panic!("{habit}: there is no {file}"));
            assert!(text.contains(&format!("{PAGE}#{habit}")), "{file} does not name {habit}");
        }
        let tests = quoted(tests);
        assert!(!tests.is_empty(), "{habit} has no test");
        for test in tests {
            let (module, name) =
                test.rsplit_once("::").unwrap_or_else(|| panic!("{habit}: {test}"));
            let module = Path::new("tests/interop").join(module.replace("::", "/"));
            let found = [module.with_extension("rs"), module.join("mod.rs")]
                .iter()
                .any(|file| fs::read_to_string(file).is_ok_and(|it| is_test(&it, name)));
            assert!(found, "{habit}: there is no test {test}");
        }
    }
}

#[test]
fn each_habit_that_the_code_names_has_a_row() {
    let rows = rows();
    let mut named = BTreeSet::new();
    let code = ["src", "core", "tests", "benches"].iter().flat_map(|it| inline::files(it, "rs"));
    for text in code.chain(inline::files("config", "lua")) {
        for (at, _) in text.match_indices(&format!("{PAGE}#")) {
            let name = &text[at + PAGE.len() + 1..];
            let ends = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            named.insert(name[..name.find(ends).unwrap()].to_owned());
        }
    }
    // This file has the pattern itself.
    named.remove("");
    for name in &named {
        assert!(rows.contains_key(name), "{PAGE} has no row {name}");
    }
    let all: BTreeSet<String> = rows.into_keys().collect();
    assert_eq!(named, all);
}

/// By habit: what the server does, which servers, which files deal with it, which tests show it.
fn rows() -> BTreeMap<String, [String; 4]> {
    let text = fs::read_to_string(PAGE).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<String> = line.trim_matches('|').split(" | ").map(trimmed).collect();
        let [habit, rest @ ..] = &cells[..] else { panic!("{line}") };
        let rest: [String; 4] = rest.to_vec().try_into().unwrap_or_else(|_| panic!("{line}"));
        let habit = quoted(habit).concat();
        assert!(rows.insert(habit.clone(), rest).is_none(), "{habit} twice");
    }
    rows
}

fn trimmed(cell: &str) -> String {
    cell.trim().to_owned()
}

/// The texts between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

fn is_test(text: &str, name: &str) -> bool {
    text.contains(&format!("case!({name}: ")) || text.contains(&format!("fn {name}()"))
}

const PAGE: &str = "docs/servers.md";
