//! A terminal with a program in it: its screen and its keyboard. See screen.py.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex};

use test_support::process::{Process, command};
use test_support::wait::comes;

pub struct Screen {
    lines: Arc<Mutex<Vec<String>>>,
    keyboard: ChildStdin,
    _terminal: Process,
}

impl Screen {
    /// Runs a program with this home folder. The terminal is wide enough for an address on one line.
    pub fn start(program: &str, home: &Path) -> Screen {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/screen.py");
        let mut python = command("/usr/bin/python3");
        python.arg("-B").arg(script).args([COLUMNS, LINES]);
        // The kernel kills it with the terminal, if it does not end by itself.
        python.args(["setpriv", "--pdeathsig", "KILL", program]);
        for (variable, folder) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            python.env(variable, home.join(folder));
        }
        python.envs([("TERM", "linux"), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")]);
        python.env_remove("DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS").current_dir(home);
        let (terminal, keyboard, output) = Process::start_dialogue(python, &home.join("log"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                *shared.lock().unwrap() = serde_json::from_str(&line).unwrap();
            }
        });
        Screen { lines, keyboard, _terminal: terminal }
    }

    /// Types a line, and Enter.
    pub fn enter(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\r").as_bytes()).unwrap();
    }

    /// The lines that it shows now, from the top; those without anything are empty.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line that contains all of these.
    pub fn shows(&self, words: &[&str]) -> String {
        let find = |lines: &[String]| {
            lines.iter().find(|line| words.iter().all(|it| line.contains(it))).cloned()
        };
        let mut found = None;
        self.comes_to(&format!("{words:?}"), |lines| {
            found = find(lines);
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until the screen fulfils this condition.
    pub fn comes_to(&self, what: &str, mut is_so: impl FnMut(&[String]) -> bool) {
        let shown = || self.lines.lock().unwrap().join("\n");
        assert!(comes(|| is_so(&self.lines.lock().unwrap())), "no {what} on\n{}", shown());
    }
}

const COLUMNS: &str = "200";
const LINES: &str = "50";
