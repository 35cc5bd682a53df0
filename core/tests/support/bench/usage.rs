//! What a process has used so far, from /proc.

use std::fs;
use std::time::Duration;

/// A line of /proc/PID/status.
pub fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// Processor time so far of all threads that exist, in user mode and in the kernel, to the
/// nanosecond; proc(5)'s `stat` counts in hundredths of a second.
pub fn cpu_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs").flatten();
    // A thread may end meanwhile.
    let all = threads.filter_map(|it| fs::read_to_string(it.path().join("schedstat")).ok());
    let spent = all.map(|text| {
        let time = text.split_whitespace().next().and_then(|time| time.parse::<u64>().ok());
        time.unwrap_or_else(|| panic!("{text:?} does not begin with a time"))
    });
    Duration::from_nanos(spent.sum())
}

/// The time since `before`; zero, if threads that had more have ended.
pub fn cpu_time_since(pid: u32, before: Duration) -> Duration {
    cpu_time(pid).saturating_sub(before)
}
