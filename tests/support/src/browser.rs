//! Pictures of pages in a real browser, headless, and without a network.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// The colour scheme that the reader prefers.
pub const LIGHT: &str = "--blink-settings=preferredColorScheme=1";
pub const DARK: &str = "--blink-settings=preferredColorScheme=0";

/// Writes a picture of the page at `url`; `size` is in pixels, as in `1280,720`.
///
/// # Panics
/// If chromium makes none.
pub fn shoot(url: &str, file: &Path, size: &str, option: &str) {
    // A file of an earlier run would look like success.
    let _ = fs::remove_file(file);
    let profile = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("chromium")
        // The page is ours, and root has no sandbox.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", file.display()))
        .arg(format!("--window-size={size}"))
        .args([option, url])
        .output()
        .expect("chromium is installed by tests/screenshots");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_one = picture.starts_with(b"\x89PNG") && picture.len() > 20_000;
    assert!(is_one, "{} is no picture", file.display());
    println!("{}", file.display());
}

/// Calls `work` ten times a second, for `SCREENSHOT_SECONDS`.
pub fn for_a_while(mut work: impl FnMut(Duration)) {
    let seconds = env::var("SCREENSHOT_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(45);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        work(began.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
}
