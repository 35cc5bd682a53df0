//! Every configuration of jat-proxy in a document is valid.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::claims::{self, Check};

#[test]
fn check_accepts_each() {
    let mut seen = 0;
    for (claim, block) in claims::all() {
        let place = format!("{}:{}", claim.document, block.line);
        match claim.check {
            Check::Configuration(before, behind) => {
                assert_accepted(&place, &format!("{before}{}{behind}", block.text));
                // A default that is commented out is a key too.
                if let Some(more) = uncommented(&block.text) {
                    assert_accepted(&place, &format!("{before}{more}{behind}"));
                }
            }
            Check::Warned(before, warning) => {
                let said = is_accepted(&format!("{before}{}", block.text)).expect_err(&place);
                let one = said.matches("warning: ").count() == 1 && !said.contains("error: ");
                assert!(one && said.contains(warning), "{place}: {said}");
            }
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen >= 4);
}

/// # Panics
/// When `jat-proxy check` reports a problem.
pub fn assert_accepted(shown: &str, text: &str) {
    is_accepted(text).unwrap_or_else(|said| panic!("{shown}:\n{text}\n{said}"));
}

/// The problem that `jat-proxy check` reports, if any.
pub fn is_accepted(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let secret = "U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU=";
    let name_secret = "TkFNRS1BLU5BTUUtQS1OQU1FLUEtTkFNRS1BLU5BTUU=";
    let keys = format!(
        "[[key]]\nid = 1\nsecret = \"{secret}\"\n\n\
         [[name-key]]\nid = 1\nsecret = \"{name_secret}\"\n"
    );
    let key_file = if text.contains("key-file") { "" } else { "key-file = \"keys.toml\"\n" };
    write(&folder.path().join("keys.toml"), &keys);
    for name in ["proxy.secret", "presence.secret"] {
        write(&folder.path().join(name), "Open Sesame\n");
    }
    let file = folder.path().join("jat-proxy.toml");
    write(&file, &format!("{key_file}{text}"));
    let mut check = Command::new(env!("CARGO_BIN_EXE_jat-proxy"));
    let output = check.args(["check", "-c"]).arg(file).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() && said.is_empty() { Ok(()) } else { Err(said) }
}

/// With the lines `#key = value` uncommented, if there are any.
fn uncommented(text: &str) -> Option<String> {
    let is_key = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase());
    let line = |line: &str| match line.strip_prefix('#').filter(|rest| is_key(rest)) {
        Some(rest) => format!("{rest}\n"),
        None => format!("{line}\n"),
    };
    let more: String = text.lines().map(line).collect();
    (more != text).then_some(more)
}

/// Readable by its owner alone, or `check` would warn.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
