//! What a terminal can show.

use std::env;
use std::ffi::OsStr;
use std::io::IsTerminal;

/// Whether what is printed to `output` may have colours: it is a terminal, not one of those that
/// know none, and nobody has asked for none (<https://no-color.org>).
pub(crate) fn takes_colours(output: &impl IsTerminal) -> bool {
    let [no_color, term] = ["NO_COLOR", "TERM"].map(env::var_os);
    output.is_terminal() && are_wanted(no_color.as_deref(), term.as_deref())
}

fn are_wanted(no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_no_colours_gets_none() {
        let wanted = |no_color: Option<&'static str>, term: Option<&'static str>| {
            are_wanted(no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(wanted(None, None) && wanted(None, Some("xterm")) && wanted(Some(""), None));
        assert!(!wanted(Some("1"), Some("xterm")) && !wanted(None, Some("dumb")));
    }
}
