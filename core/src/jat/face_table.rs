//! Which face a node belongs to.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::glob::Glob;

/// The face of a service: the nodes of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    /// One node in normal form; the empty one is the domain itself.
    Node(String),
    /// All nodes that match, and that no other face matches more exactly.
    Nodes(Glob),
}

impl Face {
    /// The name or pattern as configured, in normal form.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Node(node) => node,
            Self::Nodes(glob) => glob.as_str(),
        }
    }

    /// How many characters of a node it fixes: the more, the more exact it is.
    pub fn exactness(&self) -> usize {
        self.as_str().chars().filter(|c| !matches!(c, '*' | '?')).count()
    }
}

/// Finds the face of a node. A name takes the same time however many there are; patterns are tried
/// one after another.
#[derive(Clone, Debug, Default)]
pub struct FaceTable {
    names: HashMap<String, usize>,
    /// The most exact one first.
    patterns: Vec<(Glob, usize)>,
    /// The face of all other nodes.
    rest: Option<usize>,
}

impl FaceTable {
    /// With the numbers of the faces; `rest` has all other nodes.
    pub fn new<'f>(
        faces: impl IntoIterator<Item = (&'f Face, usize)>,
        rest: Option<usize>,
    ) -> Self {
        let mut table = Self { rest, ..Self::default() };
        let mut patterns = Vec::new();
        for (face, number) in faces {
            match face {
                Face::Node(node) => {
                    table.names.insert(node.clone(), number);
                }
                Face::Nodes(glob) => patterns.push((face.exactness(), glob, number)),
            }
        }
        // Of two that are equally exact, the first in the configuration.
        patterns.sort_by_key(|(exactness, ..)| Reverse(*exactness));
        let ranked = patterns.into_iter().map(|(_, glob, number)| (glob.clone(), number));
        Self { patterns: ranked.collect(), ..table }
    }

    /// Whether all nodes belong to one face.
    pub(super) fn is_trivial(&self) -> bool {
        self.names.is_empty() && self.patterns.is_empty()
    }

    /// The number of the face that this node, in normal form, belongs to. No pattern matches the domain
    /// itself.
    pub fn of(&self, node: &str) -> Option<usize> {
        let by_pattern = || {
            let fits = |(glob, _): &&(Glob, usize)| !node.is_empty() && glob.fits(node);
            self.patterns.iter().find(fits).map(|(_, number)| *number)
        };
        self.names.get(node).copied().or_else(by_pattern).or(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(faces: &[&str], rest: Option<usize>) -> FaceTable {
        let face = |text: &str| match text.contains(['*', '?']) {
            true => Face::Nodes(Glob::new(text).unwrap()),
            false => Face::Node(text.to_owned()),
        };
        let faces: Vec<_> = faces.iter().map(|text| face(text)).collect();
        FaceTable::new(faces.iter().zip(0..), rest)
    }

    #[test]
    fn the_most_exact_one_wins() {
        let table = table(&["*", "room-*", "room-1", "room-?", "ro*", ""], Some(9));
        for (node, face) in [
            ("room-1", 2),
            // Both are equally exact, and this one comes first.
            ("room-2", 1),
            ("room-22", 1),
            ("rope", 4),
            ("other", 0),
            ("", 5),
        ] {
            assert_eq!(table.of(node), Some(face), "{node:?}");
        }
    }

    #[test]
    fn other_nodes_go_to_the_rest_and_no_pattern_matches_the_domain() {
        let names = ["a", "b-*"];
        for (node, face) in [("a", Some(0)), ("b-", Some(1)), ("c", None), ("", None)] {
            assert_eq!(table(&names, None).of(node), face, "{node:?}");
            assert_eq!(table(&names, Some(7)).of(node), face.or(Some(7)), "{node:?}");
        }
        assert_eq!(table(&["*"], None).of(""), None);
    }
}
