//! What a process has used so far, as /proc tells.

use std::fs;
use std::time::Duration;

/// A line of /proc/PID/status.
pub fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// Time on a processor so far, in user mode and in the kernel (proc(5), fields 14 and 15).
pub fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u32>().expect("a number"))
        .sum();
    // A hundredth of a second on every Linux that there is.
    Duration::from_millis(10) * ticks
}
