//! Which of the online resources may serve, and in which order (docs/dispatch.md).

use std::cmp::Reverse;
use std::sync::Arc;

use super::dispatch::Dispatch;
use super::glob::Glob;

/// The configuration of which resources serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In order of preference; if empty, every resource may serve, without preference.
    pub patterns: Arc<[Glob]>,
    pub dispatch: Dispatch,
}

/// The rank of a resource. The fields are compared in this order, and the highest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// Comes before `awake`: a `dnd` resource still serves, but one in doubt may have left.
    pub verified: bool,
    /// It is not `dnd`.
    pub awake: bool,
    /// The number of its pattern.
    pub place: Reverse<usize>,
    /// 0 if priorities do not count.
    pub priority: i8,
}

impl Selection {
    /// The number of the first pattern that matches a resource, in normal form; `None` if none does, so
    /// that it is never asked.
    pub fn place(&self, resource: &str) -> Option<usize> {
        if self.patterns.is_empty() {
            return Some(0);
        }
        self.patterns.iter().position(|pattern| pattern.fits(resource))
    }
}
