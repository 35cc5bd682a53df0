//! The resources as one service of the target sees them.

use crate::jat::selection::Selection;

use super::Resource;

/// What one service makes of the resources.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) selection: Selection,
    /// Where those are that get the next requests.
    pub(super) first: Vec<usize>,
    /// How many may be asked, now or when others have gone.
    pub(super) eligible: usize,
}

impl View {
    pub(super) fn of(selection: Selection) -> Self {
        Self { selection, ..Self::default() }
    }

    /// Finds out who gets the next requests.
    pub(super) fn rank(&mut self, service: usize, online: &[Resource]) {
        let Self { selection, first, eligible } = self;
        first.clear();
        *eligible = 0;
        let mut best = None;
        for (at, resource) in online.iter().enumerate() {
            let Some(standing) = resource.standing(service, selection.dispatch) else { continue };
            *eligible += 1;
            if best < Some(standing) {
                best = Some(standing);
                first.clear();
            }
            if best == Some(standing) {
                first.push(at);
            }
        }
    }
}
