//! The resources as one service of the target sees them.

use crate::jat::selection::{Selection, Standing};

/// The ranks of the resources for one service. A resource that comes, goes or changes costs the same
/// however many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) selection: Selection,
    /// Those that may be asked, by rank; the last ones get the next requests.
    ranks: Vec<(Standing, Vec<Member>)>,
    /// How many may be asked, now or when others have left.
    pub(super) eligible: usize,
}

/// A resource of a rank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Its place in [`Resources::online`](super::Resources).
    pub(super) at: usize,
    pub(super) hash: u64,
}

/// The position of a resource in a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// [`Selection::place`].
    pub(super) place: Option<usize>,
    /// Its rank, and its place there.
    standing: Option<Standing>,
    pub(super) index: usize,
}

impl View {
    pub(super) fn of(selection: Selection) -> Self {
        Self { selection, ..Self::default() }
    }

    /// Those that get the next requests, in no order.
    pub(super) fn first(&self) -> &[Member] {
        self.ranks.last().map_or(&[], |(_, members)| members)
    }

    /// The rank of these.
    pub(super) fn best(&self) -> Option<Standing> {
        self.ranks.last().map(|(standing, _)| *standing)
    }

    /// Removes all of them.
    pub(super) fn clear(&mut self) {
        self.ranks.clear();
        self.eligible = 0;
    }

    /// Gives a resource this rank from now on. Returns which other one takes its old place.
    pub(super) fn rank(
        &mut self,
        member: Member,
        position: &mut Position,
        standing: Option<Standing>,
    ) -> Option<(usize, usize)> {
        if position.standing == standing {
            return None;
        }
        let moved = self.leave(position);
        if let Some(standing) = standing {
            let rank = self.find(standing).unwrap_or_else(|rank| {
                self.ranks.insert(rank, (standing, Vec::new()));
                rank
            });
            let members = &mut self.ranks[rank].1;
            position.index = members.len();
            members.push(member);
            self.eligible += 1;
        }
        position.standing = standing;
        moved
    }

    fn leave(&mut self, position: &Position) -> Option<(usize, usize)> {
        let rank = self.find(position.standing?).expect("its rank is there");
        let members = &mut self.ranks[rank].1;
        members.swap_remove(position.index);
        self.eligible -= 1;
        let moved = members.get(position.index).map(|member| (member.at, position.index));
        if members.is_empty() {
            self.ranks.remove(rank);
        }
        moved
    }

    /// The resource with this position has another place in the list.
    pub(super) fn relocate(&mut self, position: &Position, at: usize) {
        if let Some(standing) = position.standing {
            let rank = self.find(standing).expect("its rank is there");
            self.ranks[rank].1[position.index].at = at;
        }
    }

    fn find(&self, standing: Standing) -> Result<usize, usize> {
        self.ranks.binary_search_by(|(known, _)| known.cmp(&standing))
    }
}

impl Position {
    pub(super) fn of(place: Option<usize>) -> Self {
        Self { place, ..Self::default() }
    }
}
