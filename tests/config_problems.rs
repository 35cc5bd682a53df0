//! Every error and warning of the configuration, word for word, with its place; and no secret
//! in any of them.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jat_proxy::config::{load, render};
use tempfile::TempDir;
use test_support::tls::authority::Authority;

/// 2027-01-15T08:00:00Z
const NOW: u64 = 1_800_000_000;

const GOOD: &str = r#"reply-ttl = "1h"
shutdown-timeout = "10s"
[server]
address = "127.0.0.1:5347"
[[component]]
domain = "proxy.example"
secret = { file = "proxy.secret" }
target-address = "bot@some.example"
[limits]
max-depth = 128
[http]
listen = "127.0.0.1:9114"
[log]
level = "info"
[[key]]
id = 7
secret = "U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU="
"#;

const KEY: &str = r#"[[key]]
id = 8
secret = "U0VDUkVULUItU0VDUkVULUItU0VDUkVULUItU0VDUkU="
"#;

/// PEM, but its content is not a certificate.
const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// Parts of every secret in these tests, encoded and decoded; none may ever be shown.
const SECRETS: [&str; 4] = ["U0VDUkVU", "SECRET", "Sesame", "Open"];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("proxy.secret"), "Open Sesame\n", 0o600);
    write(&folder.path().join("empty.secret"), "\n", 0o600);
    write(&folder.path().join("latin.secret"), b"Open Sesam\xe9\n", 0o600);
    write(&folder.path().join("space.secret"), "Open Sesame \r\n", 0o600);
    write(&folder.path().join("mark.secret"), "\u{feff}Open Sesame", 0o600);
    write(&folder.path().join("public.secret"), "Open Sesame\n", 0o604);
    let ca = Authority::new("CA").pem();
    write(&folder.path().join("ca.pem"), &ca, 0o644);
    write(&folder.path().join("cut.pem"), &ca[..ca.len() / 2], 0o644);
    write(&folder.path().join("garbage.pem"), format!("{ca}{NO_CERTIFICATE}"), 0o644);
    folder
}

fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What is reported about the file at `path`, with `DIR` for its folder.
fn said(path: &Path) -> String {
    let problems = match load(path, NOW) {
        Ok((config, warnings)) => {
            assert!(!warnings.iter().any(|w| w.is_error()));
            let debug = format!("{config:?}");
            assert!(!SECRETS.iter().any(|secret| debug.contains(secret)), "{debug}");
            warnings
        }
        Err(problems) => {
            assert!(problems.iter().any(|p| p.is_error()));
            problems
        }
    };
    let said = render(&problems).replace(&format!("{}/", path.parent().unwrap().display()), "");
    assert!(!SECRETS.iter().any(|secret| said.contains(secret)), "{said}");
    said
}

/// The cases of a table: first the changes to the file, then what is reported about it.
///
/// A case begins with `===`; `old -> new` replaces text in the good configuration, `-` takes
/// it, `+` adds a line at its end, `! name mode` sets a file's mode, and `>` adds a line to keys.toml.
fn cases(table: &str) {
    let mut wrong = String::new();
    for case in table.split("\n===").skip(1) {
        let folder = folder();
        let path = folder.path().join("jat-proxy.toml");
        let (mut config, mut keys, mut expected) = (GOOD.to_owned(), String::new(), String::new());
        write(&path, "", 0o600);
        let mut lines = case.lines();
        let name = lines.next().unwrap();
        for line in lines {
            if let Some(added) = line.strip_prefix("+ ") {
                config += &format!("{added}\n");
            } else if let Some(old) = line.strip_prefix("- ") {
                let old = old.replace("\\n", "\n");
                assert!(config.contains(&old), "{name}: no {old}");
                config = config.replace(&old, "");
            } else if let Some(key) = line.strip_prefix("> ") {
                keys += &format!("{key}\n");
            } else if let Some(chmod) = line.strip_prefix("! ") {
                let (name, mode) = chmod.split_once(' ').unwrap();
                let mode = u32::from_str_radix(mode, 8).unwrap();
                write(&folder.path().join(name), "", mode);
            } else if let Some((old, new)) = line.split_once(" -> ") {
                let old = old.replace("\\n", "\n");
                assert!(config.contains(&old), "{name}: no {old}");
                config = config.replace(&old, &new.replace("\\n", "\n"));
            } else if !line.is_empty() {
                expected += &format!("{line}\n");
            }
        }
        config = config.replace("KEY\n", KEY);
        fs::write(&path, config).unwrap();
        if !keys.is_empty() {
            let keys = keys.replace("KEY\n", KEY);
            let file = folder.path().join("keys.toml");
            let mode = fs::metadata(&file).map_or(0o600, |m| m.permissions().mode());
            write(&file, keys, mode);
        }
        let said = said(&path);
        if said != expected {
            let _ = write!(wrong, "==={name}\n{said}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_good_configuration_is_good() {
    let folder = folder();
    let path = folder.path().join("jat-proxy.toml");
    write(&path, GOOD, 0o600);
    assert_eq!(said(&path), "");
}

#[test]
fn every_problem_says_where_and_what_to_do() {
    cases(include_str!("data/config-problems.txt"));
}

#[test]
fn a_file_that_is_not_there() {
    assert_eq!(
        said(Path::new("/nowhere/jat-proxy.toml")),
        "error: can't read jat-proxy.toml: No such file or directory (os error 2)\n  \
         help: name it with -c FILE, or make one with: jat-proxy init\n"
    );
}

#[test]
fn a_file_that_is_not_text() {
    let folder = folder();
    let path = folder.path().join("jat-proxy.toml");
    write(&path, b"a = 1\nb = \"\xff\"", 0o600);
    assert_eq!(
        said(&path),
        "error: jat-proxy.toml:2:6: not UTF-8 text\n  help: save the file as UTF-8\n"
    );
}

/// Each of these would be a stack overflow, or take very long, in a careless parser.
#[test]
fn files_made_to_hurt_end_in_problems() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jat-proxy.toml");
    for (start, part) in [
        ("", "["),
        ("a = ", "["),
        ("a = ", "{ a = "),
        ("", "a."),
        ("[", "a."),
        ("", "a\n"),
        ("", "a = 1\n"),
        ("a = ", "\"\"\""),
    ] {
        fs::write(&path, start.to_owned() + &part.repeat((1 << 18) / part.len())).unwrap();
        let began = std::time::Instant::now();
        assert!(load(&path, NOW).is_err(), "{start}{part}");
        assert!(began.elapsed().as_secs() < 20, "{start}{part}");
    }
}
