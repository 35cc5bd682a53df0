//! Which of the online resources may serve, and in which order (docs/dispatch.md).

use std::cmp::Reverse;
use std::sync::Arc;

use super::dispatch::Dispatch;
use super::glob::Glob;

/// What the configuration says of the resources that serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In order of preference; none: every resource may serve, none before another.
    pub patterns: Arc<[Glob]>,
    pub dispatch: Dispatch,
}

/// How much a resource is preferred to others. The fields decide in this order, and the highest
/// wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// One that drains still serves; one in doubt may have gone.
    pub verified: bool,
    /// It does not drain.
    pub awake: bool,
    /// The number of its pattern.
    pub place: Reverse<usize>,
    /// 0 where priorities do not count.
    pub priority: i8,
}

impl Selection {
    /// The number of the first pattern that fits a resource, in normal form; `None`: none does,
    /// and it is never asked.
    pub fn place(&self, resource: &str) -> Option<usize> {
        if self.patterns.is_empty() {
            return Some(0);
        }
        self.patterns.iter().position(|pattern| pattern.fits(resource))
    }
}
