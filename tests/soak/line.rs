//! What is inside a replica, as seen on its connection.

use std::collections::VecDeque;
use std::time::Instant;

/// A connection of a replica. Stanzas come out in the order in which they went in, whatever happens to
/// the replica. So one that was overtaken is lost, and a kill can have lost only those after the last
/// one that came out.
#[derive(Default)]
pub struct Line {
    inside: VecDeque<Inside>,
    /// When the last one that came out went in.
    pub reached: Option<Instant>,
    /// The replica is being killed.
    pub killed: bool,
    pub out: Out,
}

/// What came out, and what must not because it was forged.
#[derive(Clone, Copy, Default)]
pub struct Out {
    pub forwarded: u64,
    pub reverted: u64,
    pub refused: u64,
    pub forged: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Inside {
    pub number: usize,
    pub leg: Leg,
    pub since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    Forward,
    Revert,
    /// A forged reply, which must not come out.
    Forgery,
}

impl Line {
    pub fn goes_in(&mut self, number: usize, leg: Leg) {
        self.inside.push_back(Inside { number, leg, since: Instant::now() });
        self.out.forged += u64::from(leg == Leg::Forgery);
    }

    /// Removes a stanza that comes out; returns those that it has overtaken. `None`: it was not inside.
    pub fn comes_out(&mut self, number: usize, leg: Leg) -> Option<Vec<Inside>> {
        let at = self.inside.iter().position(|i| (i.number, i.leg) == (number, leg))?;
        let mut overtaken: Vec<_> = self.inside.drain(..=at).collect();
        self.reached = overtaken.pop().map(|inside| inside.since);
        overtaken.retain(|inside| inside.leg != Leg::Forgery);
        Some(overtaken)
    }

    /// What is inside when the connection has ended, or at the end.
    pub fn rest(&self) -> impl Iterator<Item = Inside> {
        self.inside.iter().copied().filter(|inside| inside.leg != Leg::Forgery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overtaken_is_told_and_forgeries_are_not_missed() {
        let mut line = Line::default();
        for (number, leg) in [(1, Leg::Forward), (2, Leg::Forgery), (3, Leg::Revert)] {
            line.goes_in(number, leg);
        }
        assert!(line.comes_out(2, Leg::Revert).is_none());
        let overtaken = line.comes_out(3, Leg::Revert).unwrap();
        assert_eq!(overtaken.iter().map(|i| i.number).collect::<Vec<_>>(), [1]);
        assert!(line.comes_out(3, Leg::Revert).is_none(), "twice");
        assert_eq!(line.rest().count(), 0);
    }
}
