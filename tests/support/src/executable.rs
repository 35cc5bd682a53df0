//! Programs and scripts that a test puts into a folder and runs.
//!
//! Another process writes them. What this one has open for writing, each process has that another test
//! starts at that moment, until it runs its own program; meanwhile the file can't be run ("Text file
//! busy").

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Copies a program.
pub fn copy(from: &Path, to: &Path) {
    let status = install(from, to).status().expect("install is there");
    assert!(status.success(), "{} to {}: {status}", from.display(), to.display());
}

/// Writes a program: a script, with its first line.
pub fn write(text: &str, to: &Path) {
    let mut install = install(Path::new("/dev/stdin"), to);
    let mut child = install.stdin(Stdio::piped()).spawn().expect("install is there");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads all");
    drop(input);
    let status = child.wait().expect("it is ours");
    assert!(status.success(), "{}: {status}", to.display());
}

/// Replaces a file that is there, rather than write to it.
fn install(from: &Path, to: &Path) -> Command {
    let mut command = Command::new("install");
    command.args(["-m", "755"]).args([from, to]);
    command
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::scratch;

    /// While others start processes all the time.
    #[test]
    fn what_was_copied_or_written_can_be_run_at_once() {
        let folder = TempDir::new_in(scratch()).unwrap();
        let [copied, written] = ["copied", "written"].map(|name| folder.path().join(name));
        let script = format!("#!/bin/sh\nexit 0\n{}", "# and so on\n".repeat(100_000));
        // Large, so that copying takes its time.
        let program = env::current_exe().unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        Command::new("true").status().unwrap();
                    }
                });
            }
            let run =
                |program: &Path| Command::new(program).arg("--list").stdout(Stdio::null()).status();
            let mut ran = Vec::new();
            for _ in 0..50 {
                copy(&program, &copied);
                write(&script, &written);
                ran.extend([&copied, &written].map(|it| run(it)));
            }
            over.store(true, Ordering::Relaxed);
            assert!(ran.iter().all(|it| it.as_ref().is_ok_and(|it| it.success())), "{ran:?}");
        });
    }
}
