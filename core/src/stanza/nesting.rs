//! The elements that are open within one stanza.

use super::scope::Scope;
use super::tag::Tag;

/// Names of the open elements and the prefixes in scope. Offsets are from the stanza's first
/// byte.
#[derive(Clone, Debug, Default)]
pub struct Nesting {
    /// Offsets and lengths of the names.
    open: Vec<(usize, usize)>,
    scope: Scope,
}

impl Nesting {
    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub fn clear(&mut self) {
        self.open.clear();
        self.scope.leave(0);
    }

    /// Enters the element whose start tag begins at offset `at` of `stanza`; `namespaces`: does it
    /// concern [`Scope`]? Says whether its namespaces are sound.
    pub fn enter(&mut self, stanza: &[u8], at: usize, tag: &Tag, namespaces: bool) -> bool {
        let level = self.depth();
        let sound = !namespaces || self.scope.enter(stanza, at, level);
        if tag.empty {
            self.scope.leave(level);
        } else {
            self.open.push((at + 1, tag.name_len));
        }
        sound
    }

    /// The name of the innermost element.
    pub fn innermost<'a>(&self, stanza: &'a [u8]) -> Option<&'a [u8]> {
        self.open.last().map(|(at, length)| &stanza[*at..*at + *length])
    }

    /// Leaves the innermost element.
    pub fn leave(&mut self) {
        self.open.pop();
        self.scope.leave(self.depth());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_known_within_their_element() {
        let stanza = b"<x xmlns:a='urn:a'><a:y/></x><a:y/>";
        let enter = |nesting: &mut Nesting, at: usize| {
            let tag = Tag::read(&stanza[at..], |_| {}).unwrap();
            nesting.enter(stanza, at, &tag, true)
        };
        let mut nesting = Nesting::default();
        assert!(enter(&mut nesting, 0) && enter(&mut nesting, 19));
        assert_eq!((nesting.depth(), nesting.innermost(stanza)), (1, Some(&b"x"[..])));
        nesting.leave();
        assert_eq!((nesting.is_empty(), nesting.innermost(stanza)), (true, None));
        assert!(!enter(&mut nesting, 29));
    }
}
