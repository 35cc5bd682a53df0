//! Patterns of resources and of faces, as an operator writes them.

use super::address::normal_resource;
use super::resourcepart;

/// A pattern for resources: `*` matches any characters, `?` matches one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// In normal form, like the resources that it is compared with (RFC 7622 section 3.4).
    text: String,
    /// The number of bytes that stand before its first `*` or `?`.
    fixed: usize,
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    #[error("an empty pattern matches no resource")]
    Empty,
    #[error("{0:?} has no meaning in a pattern")]
    Special(char),
    #[error("a pattern can't have control characters")]
    Control,
    #[error("a pattern is longer than a resource can be")]
    Long,
}

impl GlobError {
    /// What to write instead.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Empty => "for example: resources = [\"focus\", \"blue-*\"], or leave the key out",
            Self::Special(_) | Self::Control => {
                "`*` matches any characters and `?` any one, this one too; all others match \
                 themselves"
            }
            Self::Long => "a resource has at most 1023 bytes; use `*` for the rest",
        }
    }
}

impl Glob {
    pub fn new(text: &str) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        if text.len() > resourcepart::MAX_BYTES {
            return Err(GlobError::Long);
        }
        // Other tools read these as classes, alternatives, or an escape.
        if let Some(special) = text.chars().find(|c| matches!(c, '[' | ']' | '{' | '}' | '\\')) {
            return Err(GlobError::Special(special));
        }
        if text.chars().any(char::is_control) {
            return Err(GlobError::Control);
        }
        let text = normal_resource(text).into_owned();
        let fixed = text.find(['*', '?']).unwrap_or(text.len());
        Ok(Self { text, fixed })
    }

    /// The pattern as written, in normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches every resource.
    pub fn fits_all(&self) -> bool {
        self.text.bytes().all(|b| b == b'*')
    }

    /// Whether it matches only one text, which is itself.
    pub fn is_name(&self) -> bool {
        !self.text.contains(['*', '?'])
    }

    /// Whether some text matches both. Takes time at most in proportion to the product of their lengths.
    pub fn overlaps(&self, other: &Self) -> bool {
        let others: Vec<char> = other.text.chars().collect();
        // Whether the pattern up to here, and the other up to each position, can match the same text.
        let mut reached = vec![false; others.len() + 1];
        reached[0] = true;
        let mut own = self.text.chars();
        loop {
            let wanted = own.next();
            let mut next = vec![false; others.len() + 1];
            for at in 0..=others.len() {
                if !reached[at] {
                    continue;
                }
                match (wanted, others.get(at)) {
                    (Some('*'), Some(_)) => (next[at], reached[at + 1]) = (true, true),
                    (Some('*'), None) => next[at] = true,
                    (Some(_), Some('*')) => (next[at], reached[at + 1]) = (true, true),
                    (None, Some('*')) => reached[at + 1] = true,
                    (Some(one), Some(other)) if one == *other || one == '?' || *other == '?' => {
                        next[at + 1] = true;
                    }
                    (Some(_) | None, _) => {}
                }
            }
            match wanted {
                None => return reached[others.len()],
                Some(_) if !next.contains(&true) => return false,
                Some(_) => reached = next,
            }
        }
    }

    /// Whether it matches this resource, which is in normal form. Takes time at most in proportion to the
    /// product of both lengths.
    pub fn fits(&self, resource: &str) -> bool {
        let (fixed, pattern) = self.text.split_at(self.fixed);
        let Some(rest) = resource.strip_prefix(fixed) else { return false };
        // Most patterns end so.
        if pattern == "*" {
            return true;
        }
        let (mut pattern, mut rest) = (pattern.chars(), rest.chars());
        // Where to continue when the last `*` has to match one more character.
        let mut again = None;
        loop {
            let before = rest.clone();
            match (pattern.next(), rest.next()) {
                (Some('*'), _) => {
                    rest = before;
                    again = Some((pattern.clone(), rest.clone()));
                }
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                (None, None) => return true,
                (_, _) => {
                    let Some((behind, from)) = &mut again else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (pattern, rest) = (behind.clone(), from.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, resource: &str) -> bool {
        Glob::new(pattern).unwrap().fits(resource)
    }

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_is_one() {
        for (pattern, resource) in [
            ("focus", "focus"),
            ("*", ""),
            ("*", "/ @"),
            ("blue-*", "blue-"),
            ("blue-*", "blue-1"),
            ("*-blue", "a-b-blue"),
            ("a*b*c", "aXbXbXc"),
            ("a*b*c", "abc"),
            ("?", "ä"),
            ("s?c*", "svc.1"),
            ("**a", "a"),
            ("a.b", "a.b"),
        ] {
            assert!(fits(pattern, resource), "{pattern} {resource}");
        }
        for (pattern, resource) in [
            ("focus", "focus2"),
            ("focus", "Focus"),
            ("?", ""),
            ("?", "ab"),
            ("blue-*", "blue"),
            ("*-blue", "blue"),
            ("a*b*c", "acb"),
            ("a.b", "axb"),
            ("a*", "ba"),
        ] {
            assert!(!fits(pattern, resource), "{pattern} {resource}");
        }
    }

    #[test]
    fn patterns_overlap_if_some_text_matches_both() {
        for (one, other, both) in [
            ("*", "a", true),
            ("*", "*", true),
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("a*c", "a?c", true),
            ("a?c", "ac", false),
            ("room-*", "room-??", true),
            ("*-a", "*-b", false),
            ("a*b*c", "*x*", true),
            ("?", "??", false),
            ("?*", "*?", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("*ab", "ab*", true),
            ("**", "???", true),
        ] {
            let globs = [one, other].map(|text| Glob::new(text).unwrap());
            assert_eq!(globs[0].overlaps(&globs[1]), both, "{one} {other}");
            assert_eq!(globs[1].overlaps(&globs[0]), both, "{other} {one}");
        }
    }

    #[test]
    fn overlaps_agree_with_matching_texts() {
        let words = |letters: &[char], most: usize| {
            let mut all = vec![String::new()];
            for _ in 0..most {
                let longer =
                    all.iter().flat_map(|it| letters.iter().map(move |c| format!("{it}{c}")));
                all = all.clone().into_iter().chain(longer).collect();
            }
            all.sort();
            all.dedup();
            all
        };
        let texts = words(&['a', 'b'], 6);
        let patterns = words(&['a', 'b', '*', '?'], 3);
        let globs: Vec<_> = patterns.iter().filter_map(|it| Glob::new(it).ok()).collect();
        for (one, other) in globs.iter().flat_map(|one| globs.iter().map(move |it| (one, it))) {
            let both = texts.iter().any(|text| one.fits(text) && other.fits(text));
            assert_eq!(one.overlaps(other), both, "{one:?} {other:?}");
        }
    }

    #[test]
    fn it_is_compared_in_normal_form() {
        // The second has two code points, which resourceprep composes.
        assert!(fits("caf\u{e9}", "caf\u{e9}"));
        assert_eq!(Glob::new("cafe\u{301}").unwrap().as_str(), "caf\u{e9}");
    }

    #[test]
    fn characters_with_a_meaning_in_other_tools_are_refused() {
        for (text, error) in [
            ("", GlobError::Empty),
            ("blue-[12]", GlobError::Special('[')),
            ("{a,b}", GlobError::Special('{')),
            (r"a\*", GlobError::Special('\\')),
            ("a\tb", GlobError::Control),
        ] {
            assert_eq!(Glob::new(text), Err(error), "{text}");
        }
        assert_eq!(Glob::new(&"a".repeat(1024)), Err(GlobError::Long));
        assert!(Glob::new(&"a".repeat(1023)).is_ok());
    }

    #[test]
    fn a_pattern_of_many_stars_is_fast() {
        let pattern = Glob::new(&"*a".repeat(500)).unwrap();
        assert!(!pattern.fits(&format!("{}b", "a".repeat(1022))));
    }
}
