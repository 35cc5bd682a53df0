//! The middle is pure: it names neither the shell around it, nor clocks, sockets, files, the
//! environment or logs. Clippy checks what is called (clippy.toml); this checks what is named.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the middle.
const PURE: [&str; 3] = ["src/jat", "src/stanza", "src/session"];

/// Modules of the shell.
const SHELL: [&str; 5] = ["link", "daemon", "cli", "demo", "config"];

/// Crates and items that act on the world or read it.
const WORLD: [&str; 14] = [
    "tokio",
    "tokio_xmpp",
    "tracing",
    "tracing_subscriber",
    "getrandom",
    "jiff",
    "axum",
    "rustix",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

#[test]
fn the_middle_names_nothing_of_the_shell_or_the_world() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = Vec::new();
    let mut files = 0;
    for file in PURE.iter().flat_map(|dir| rust_files(&root.join(dir))) {
        files += 1;
        let code = fs::read_to_string(&file).unwrap();
        named.extend(
            impurities(&code).into_iter().map(|name| format!("{}: {name}", file.display())),
        );
    }
    assert!(files > 20, "only {files} files found");
    assert!(named.is_empty(), "{named:#?}");
}

#[test]
fn clippy_denies_the_world_at_the_head_of_each_pure_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for dir in PURE {
        let head = fs::read_to_string(root.join(dir).join("mod.rs")).unwrap();
        for list in ["disallowed_methods", "disallowed_types", "disallowed_macros"] {
            let deny = head.lines().find(|line| line.starts_with("#![deny("));
            assert!(deny.is_some_and(|line| line.contains(list)), "{dir} does not deny {list}");
        }
    }
}

#[test]
fn every_way_to_name_them_is_found() {
    for impure in [
        "use crate::link::Pump;",
        "use crate::{jat, link};",
        "use crate::{jat::{token, now}, config::{self}};",
        "pub(crate) use super::super::daemon;",
        "use super::super::{demo};",
        "use crate::cli as other;",
        "fn f(c: crate::config::Component) {}",
        "fn f() { super::super::link::send() }",
        "fn f() { crate :: link :: send() }",
        "use tokio::io;",
        "fn f() { ::tokio::spawn(g()); }",
        "fn f() { tracing::info!(\"x\"); }",
        "use std::{fmt, env};",
        "use std::{time::{Duration, Instant}};",
        "use std::time::{self, SystemTime as Clock};",
        "fn f() -> std::time::SystemTime { std::time::SystemTime::now() }",
        "let x = core::mem::take(&mut y); std::fs::read(p)",
        "use std::time::*;",
        "use crate::*;",
    ] {
        assert!(!impurities(impure).is_empty(), "{impure}");
    }
    for pure in [
        "use std::time::Duration;",
        "use crate::jat::{now::Now, token};",
        "// crate::link does that, with tokio",
        "/// [`crate::link`]",
        "let link = config; let env = tracing;",
        "use super::linked; use crate::stanza::configured;",
        "struct Instant; struct Tokio;",
        "use super::*;",
    ] {
        assert!(impurities(pure).is_empty(), "{pure}: {:?}", impurities(pure));
    }
}

/// What of the shell and the world is named in `code`, as full paths.
fn impurities(code: &str) -> Vec<String> {
    let code: Vec<&str> = code.lines().map(|l| l.split("//").next().unwrap_or("")).collect();
    let mut found = Vec::new();
    for path in paths(&code.join("\n")) {
        let path = path.trim_start_matches("::");
        let in_crate = path.strip_prefix("crate::").or(path.strip_prefix("super::super::"));
        let is_shell = in_crate.is_some_and(|p| SHELL.iter().any(|s| begins(p, s)) || p == "*");
        if is_shell || WORLD.iter().any(|w| begins(path, w)) || path == "std::time::*" {
            found.push(path.to_owned());
        }
    }
    found
}

/// Is `path` the item `of` or below it?
fn begins(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The paths of at least two parts in `code`, with groups as in `a::{b, c::d}` written out.
fn paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    // The prefixes of the groups that are open (blocks have none), and the path that is being read.
    let (mut groups, mut path) = (vec![String::new()], String::new());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let mut length = c.len_utf8();
        if word > 0 {
            // Two words side by side: a new path begins.
            if !path.is_empty() && !path.ends_with("::") {
                paths.push(std::mem::take(&mut path));
                path.push_str(groups.last().map_or("", |g| g));
            }
            path.push_str(&rest[..word]);
            length = word;
        } else if rest.starts_with("::") {
            path.push_str("::");
            length = 2;
        } else if c == '*' && path.ends_with("::") {
            path.push('*');
        } else if c == '{' && path.ends_with("::") {
            groups.push(path.clone());
        } else if c == '{' {
            paths.push(std::mem::take(&mut path));
            groups.push(String::new());
        } else if !c.is_whitespace() {
            paths.push(std::mem::take(&mut path));
            if c == '}' && groups.len() > 1 {
                groups.pop();
            }
            path.push_str(groups.last().map_or("", |g| g));
        }
        rest = &rest[length..];
    }
    paths.push(path);
    paths.retain(|p| p.contains("::"));
    paths
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.chain(dirs.iter().flat_map(|dir| rust_files(dir))).collect()
}
