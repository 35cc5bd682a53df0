//! The priority of a line in the journal: without a prefix (sd-daemon(3)) everything that a service
//! writes to standard error has the same priority there, and `journalctl -p warning` shows none of
//! it.

use std::io;
use std::sync::LazyLock;

use rustix::fs::fstat;
use tracing::Level;

/// Whether standard error is the journal; systemd.exec(5) describes the check, with
/// `$JOURNAL_STREAM`.
pub(crate) fn is_journal() -> bool {
    static IS_JOURNAL: LazyLock<bool> = LazyLock::new(|| {
        let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
        fstat(io::stderr()).is_ok_and(|found| named == format!("{}:{}", found.st_dev, found.st_ino))
    });
    *IS_JOURNAL
}

/// What a line of this level begins with.
pub(crate) fn prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

/// An error message of a command, line by line; its help has the same priority as the error it is
/// for.
pub(crate) fn prefixed(text: &str) -> String {
    let mut level = Level::INFO;
    let line = |line: &str| {
        if line.starts_with("error: ") {
            level = Level::ERROR;
        } else if line.starts_with("warning: ") {
            level = Level::WARN;
        }
        format!("{}{line}", prefix(level))
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_as_urgent_as_what_it_is_for() {
        assert_eq!(
            prefixed("connecting\nwarning: a\n  help: b\nerror: c\n  help: d\n"),
            "<6>connecting\n<4>warning: a\n<4>  help: b\n<3>error: c\n<3>  help: d\n"
        );
    }
}
