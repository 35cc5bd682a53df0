//! The manual and the completions, as groff and the shells see them.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

#[test]
#[ignore = "needs man, zsh and fish"]
fn man_and_the_shells_take_what_the_program_prints() {
    let folder = TempDir::new().unwrap();
    for (file, arguments, judge) in [
        ("jat-proxy.1", "man", MAN),
        ("jat-proxy.toml.5", "man 5", MAN),
        ("jat-proxy.bash", "completions bash", &["bash", "-n"]),
        ("_jat-proxy", "completions zsh", &["zsh", "-n"]),
        ("jat-proxy.fish", "completions fish", &["fish", "--no-execute"]),
    ] {
        let text = said_by(arguments);
        let path = folder.path().join(file);
        let judge = |text: &str| {
            fs::write(&path, text).unwrap();
            let mut command = Command::new(judge[0]);
            command.args(&judge[1..]).arg(&path).env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80");
            let output = command.output().unwrap_or_else(|e| panic!("{judge:?}: {e}"));
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        assert_eq!(judge(&text), (true, String::new()), "{file}");
        // They notice mistakes.
        let wrong = if arguments.starts_with("man") { "\n.XY z\n\\*[qq]\n" } else { "\nif (\n" };
        assert_ne!(judge(&(text + wrong)), (true, String::new()), "{file}");
    }
}

fn said_by(arguments: &str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_jat-proxy"));
    let output = program.args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// As lintian runs it.
const MAN: &[&str] = &["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"];
