//! How much each asker may send: the configuration, and how much each has sent.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::named;

use super::address::Address;
use super::allowance::Allowance;
use super::recent_senders::RecentSenders;

/// A burst of stanzas from one asker, and then a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub rate: Rate,
    /// At least one.
    pub burst: u32,
}

/// A rate of at least one. It is displayed as it is written: `20/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Per,
}

named! {
    /// The time of a rate.
    pub enum Per {
        Second = "s",
        Minute = "min",
        Hour = "h",
    }
}

impl Limit {
    /// Rounding lowers the rate by less than one in a thousand.
    fn allowance(&self) -> Allowance {
        let Rate { count, per } = self.rate;
        let nanos = per.seconds() * 1_000_000_000;
        let pause = Duration::from_nanos(nanos.div_ceil(u64::from(count)));
        Allowance { at_once: self.burst, pause }
    }
}

impl Rate {
    /// Reads `20/s`, `100/min` or `5/h`; `None` for anything else, and for more than
    /// [`MOST`].
    pub fn parse(text: &str) -> Option<Self> {
        let (count, per) = text.split_once('/')?;
        let is_number = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = count.parse().ok().filter(|count| is_number && (1..=MOST).contains(count))?;
        let per = Per::ALL.into_iter().find(|it| it.name() == per)?;
        Some(Self { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.name())
    }
}

impl Per {
    fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }
}

/// What the latest askers of one target have sent.
#[derive(Debug, Default)]
pub struct Askers {
    /// `None` until there is a limit.
    recent: Option<RecentSenders<1>>,
}

impl Askers {
    /// Whether `sender` may send one more.
    pub fn admit(
        &mut self,
        limit: &Limit,
        sender: &Address<'_>,
        now: Duration,
        rng: &mut Rng,
    ) -> bool {
        let recent = self.recent.get_or_insert_with(|| RecentSenders::new(ASKERS, rng.u64(..)));
        let [due] = recent.due(sender, now);
        limit.allowance().admits(due, now)
    }
}

/// The maximum of a rate, and of a burst.
pub const MOST: u32 = 1_000_000;
/// How many askers are remembered, in 192 KiB.
pub const ASKERS: usize = 8192;

#[cfg(test)]
mod tests;
