//! Dates with times as XMPP writes them (XEP-0082 section 3.2).

/// Unix seconds of a `CCYY-MM-DDThh:mm:ss[.sss]TZD`, without its fraction.
///
/// Written by hand, since a library for dates would bring a clock and the time zones of the system,
/// and read other formats as well.
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4)?;
    let month = after(&mut rest, b'-')?;
    let day = after(&mut rest, b'-')?;
    expect(&mut rest, b'T')?;
    let hour = number(&mut rest, 2)?;
    let minute = after(&mut rest, b':')?;
    let second = after(&mut rest, b':')?;
    if expect(&mut rest, b'.').is_some() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = rest.get(digits..).filter(|_| digits > 0)?;
    }
    let (sign, zone) = rest.split_first()?;
    rest = zone;
    let ahead = match sign {
        b'Z' => 0,
        b'+' => offset(&mut rest)?,
        b'-' => -offset(&mut rest)?,
        _ => return None,
    };
    let legal = rest.is_empty()
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && is_time_of_day(hour, minute)
        && second < 60;
    legal.then(|| {
        let minutes = (days_before(year, month) + day - 1) * 24 * 60 + hour * 60 + minute - ahead;
        minutes * 60 + second - EPOCH
    })
}

/// The minutes of an `hh:mm`.
fn offset(rest: &mut &[u8]) -> Option<i64> {
    let hours = number(rest, 2)?;
    let minutes = after(rest, b':')?;
    is_time_of_day(hours, minutes).then_some(hours * 60 + minutes)
}

fn is_time_of_day(hour: i64, minute: i64) -> bool {
    hour < 24 && minute < 60
}

/// A number of two digits after `separator`.
fn after(rest: &mut &[u8], separator: u8) -> Option<i64> {
    expect(rest, separator)?;
    number(rest, 2)
}

fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (number, behind) = rest.split_at_checked(digits)?;
    *rest = behind;
    number.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn expect(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the beginning of year 0 to that of the month.
fn days_before(year: i64, month: i64) -> i64 {
    // Year 0 was a leap year; the others before this one follow.
    let leap_years = match year - 1 {
        -1 => 0,
        last => last / 4 - last / 100 + last / 400 + 1,
    };
    year * 365 + leap_years + (1..month).map(|month| days_in(year, month)).sum::<i64>()
}

/// Seconds from the beginning of year 0 to that of 1970.
const EPOCH: i64 = 719_528 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_profile_is_read() {
        for (text, unix) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("2027-01-15T08:00:00.999Z", 1_800_000_000),
            ("2027-01-15T09:30:00+01:30", 1_800_000_000),
            ("2027-01-14T20:00:00.5-12:00", 1_800_000_000),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
        ] {
            assert_eq!(parse(text), Some(unix), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        for text in [
            "",
            "noon",
            "2027-01-15",
            "2027-01-15 08:00:00Z",
            "2027-01-15t08:00:00z",
            "2027-01-15T08:00Z",
            "2027-01-15T08:00:00",
            "2027-01-15T08:00:00.Z",
            "2027-01-15T08:00:00,5Z",
            "2027-01-15T08:00:00Z ",
            "2027-01-15T08:00:00+0100",
            "2027-01-15T08:00:00+24:00",
            "2027-01-15T08:00:60Z",
            "2027-01-15T24:00:00Z",
            "2027-02-29T08:00:00Z",
            "1900-02-29T08:00:00Z",
            "2027-13-01T08:00:00Z",
            "2027-00-01T08:00:00Z",
            "2027-01-00T08:00:00Z",
            "+027-01-15T08:00:00Z",
            "-2027-01-15T08:00:00Z",
            "12027-01-15T08:00:00Z",
            "20270115T08:00:00Z",
            "２027-01-15T08:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// The result of a library for the text.
    fn oracle(text: &str) -> Option<i64> {
        let time: Timestamp = text.parse().ok()?;
        i64::try_from(time.as_nanosecond().div_euclid(1_000_000_000)).ok()
    }

    #[test]
    fn a_library_reads_the_same() {
        let mut rng = Rng::with_seed(82);
        let mut read = 0;
        for _ in 0..100_000 {
            let fraction = match rng.usize(..10) {
                0 => String::new(),
                digits => format!(".{:0digits$}", rng.u32(..10_u32.pow(digits as u32))),
            };
            let zone = match rng.u8(..3) {
                0 => "Z".to_owned(),
                sign => {
                    let sign = if sign == 1 { '+' } else { '-' };
                    format!("{sign}{:02}:{:02}", rng.u8(..24), rng.u8(..61))
                }
            };
            // The library reads a leap second as the one before it, and ends with year 9999.
            let date = format!("{:04}-{:02}-{:02}", rng.u32(..9999), rng.u8(..14), rng.u8(..33));
            let time = format!("{:02}:{:02}:{:02}", rng.u8(..25), rng.u8(..61), rng.u8(..60));
            let text = format!("{date}T{time}{fraction}{zone}");
            assert_eq!(parse(&text), oracle(&text), "{text}");
            read += usize::from(parse(&text).is_some());
        }
        assert!(read > 50_000, "{read} of them are dates");
    }

    #[test]
    fn what_is_read_of_a_damaged_date_is_what_a_library_reads() {
        let mut rng = Rng::with_seed(82);
        let mut read = 0;
        for _ in 0..100_000 {
            let mut text = *b"2027-01-15T08:00:00.5+01:00";
            text[rng.usize(..text.len())] = rng.u8(b' '..=b'~');
            let text = str::from_utf8(&text).unwrap();
            if let Some(unix) = parse(text) {
                assert_eq!(Some(unix), oracle(text), "{text}");
                read += 1;
            }
        }
        assert!(read > 5_000, "{read} of them are dates");
    }
}
