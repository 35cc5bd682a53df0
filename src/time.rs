//! The wall clock, for the shell (the core takes the time as an argument), and times and durations
//! as people write and read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};

/// Unix seconds now; a clock that stands before 1970 counts as 1970.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A duration such as "1h", "90min" or "1h 30m"; `None` for anything else, negative durations
/// included.
pub fn duration(text: &str) -> Option<Duration> {
    text.parse::<SignedDuration>().ok()?.try_into().ok()
}

/// The Unix second of an RFC 3339 time with its offset, from 1970 on.
pub fn moment(text: &str) -> Option<u64> {
    text.parse::<Timestamp>().ok()?.as_second().try_into().ok()
}

/// `duration` in hours, minutes and seconds.
pub fn show_duration(duration: Duration) -> String {
    // Fractions of a second matter only below one.
    let seconds = Duration::from_secs(duration.as_secs());
    let shown = if seconds.is_zero() { duration } else { seconds };
    SignedDuration::try_from(shown).map_or_else(|_| "ages".to_owned(), |d| format!("{d:#}"))
}

/// Unix second `unix` as RFC 3339, in UTC.
pub fn show_moment(unix: u64) -> String {
    let timestamp = i64::try_from(unix).ok().and_then(|s| Timestamp::from_second(s).ok());
    timestamp.map_or_else(|| format!("Unix second {unix}"), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("1h", 3600), ("90min", 5400), ("10s", 10), ("1h 30m", 5400)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "-1s", "1d", "soon", "1h ago"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(show_duration(Duration::from_secs(5400)), "1h 30m");
        assert_eq!(show_duration(Duration::from_millis(100)), "100ms");
        assert_eq!(show_duration(Duration::MAX), "ages");
    }

    #[test]
    fn moments_need_an_offset() {
        assert_eq!(moment("2027-01-15T08:00:00Z"), Some(1_800_000_000));
        assert_eq!(moment("2027-01-15T09:00:00+01:00"), Some(1_800_000_000));
        for text in ["2027-01-15", "2027-01-15T08:00:00", "1800000000", "1960-01-01T00:00:00Z"] {
            assert_eq!(moment(text), None, "{text}");
        }
        assert_eq!(show_moment(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(show_moment(u64::MAX), "Unix second 18446744073709551615");
    }
}
