//! Who may ask: lists of senders, by address, domain and subdomains.

mod pattern;
mod sender;

use std::sync::Arc;

use crate::named;

use super::address::Address;
use sender::NormalSender;

pub use pattern::{Pattern, PatternError};
pub use sender::domain_of;

/// Whose stanzas are accepted. Without lists, everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `None`: everybody.
    pub allow: Option<Arc<Senders>>,
    /// It takes precedence over [`Self::allow`].
    pub deny: Arc<Senders>,
    pub mode: Mode,
}

named! {
    /// What is done with the stanzas of those who may not ask.
    #[derive(Default)]
    pub enum Mode {
        /// They are refused.
        #[default]
        Enforce = "enforce",
        /// They are counted and relayed.
        Observe = "observe",
    }
}

impl Access {
    /// Whether there are lists at all.
    pub fn is_limited(&self) -> bool {
        self.allow.is_some() || !self.deny.is_empty()
    }

    /// Whether this sender may ask.
    pub fn permits(&self, from: &Address<'_>) -> bool {
        if !self.is_limited() {
            return true;
        }
        // An address that has no normal form can't be compared, and might be another spelling of a
        // denied one.
        let Some(sender) = NormalSender::of(from) else { return false };
        !self.deny.contains(&sender) && self.allow.as_ref().is_none_or(|it| it.contains(&sender))
    }
}

/// A set of senders. Looking one up takes a few comparisons for each label of its domain, however
/// many patterns there are, and memory only for an address that is not in normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders {
    /// Bare addresses and domains, each in normal form, sorted.
    names: Box<[String]>,
    /// Domains whose subdomains match, likewise.
    parents: Box<[String]>,
    /// Bytes of the longest of [`Self::parents`].
    longest: usize,
    everybody: bool,
}

impl Senders {
    pub fn new(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let (mut names, mut parents, mut everybody) = (Vec::new(), Vec::new(), false);
        for pattern in patterns {
            match pattern {
                Pattern::Address(name) | Pattern::Domain(name) => names.push(name),
                Pattern::Subdomains(parent) => parents.push(parent),
                Pattern::Everybody => everybody = true,
            }
        }
        [&mut names, &mut parents].into_iter().for_each(|list| list.sort_unstable());
        let longest = parents.iter().map(String::len).max().unwrap_or_default();
        Self { names: names.into(), parents: parents.into(), longest, everybody }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.names.len() + self.parents.len() + usize::from(self.everybody)
    }

    /// Whether this address, as its server passed it on, is in the set.
    pub fn has(&self, address: &Address<'_>) -> bool {
        // An address that has no normal form can't be compared.
        self.everybody || NormalSender::of(address).is_some_and(|sender| self.contains(&sender))
    }

    fn contains(&self, sender: &NormalSender<'_>) -> bool {
        let within = |list: &[String], name: &str| {
            list.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
        };
        if self.everybody
            || within(&self.names, &sender.bare)
            || within(&self.names, &sender.domain)
        {
            return true;
        }
        // After each dot; anything longer than the longest parent can't be one.
        let dots = memchr::memchr_iter(b'.', sender.domain.as_bytes());
        let parents = dots.map(|dot| &sender.domain[dot + 1..]);
        parents.filter(|it| it.len() <= self.longest).any(|it| within(&self.parents, it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(patterns: &[&str]) -> Senders {
        Senders::new(patterns.iter().map(|text| Pattern::new(text).unwrap()))
    }

    fn has(patterns: &[&str], from: &str) -> bool {
        senders(patterns)
            .contains(&NormalSender::of(&Address::new(from)).expect("it can be prepared"))
    }

    #[test]
    fn a_domain_its_subdomains_and_an_account_are_each_what_they_say() {
        for (pattern, from) in [
            ("a.example", "u@a.example/r"),
            ("a.example", "a.example"),
            ("*.a.example", "u@b.a.example"),
            ("*.a.example", "u@c.b.a.example/r"),
            ("u@a.example", "u@a.example/r"),
            ("u@a.example", "u@a.example"),
            ("localhost", "u@localhost"),
        ] {
            assert!(has(&[pattern], from), "{pattern} {from}");
        }
        for (pattern, from) in [
            ("a.example", "u@b.a.example"),
            ("a.example", "u@xa.example"),
            ("a.example", "a.example@b.example"),
            ("a.example", "u@b.example/a.example"),
            ("*.a.example", "u@a.example"),
            ("*.a.example", "u@xa.example"),
            ("*.a.example", "b.a.example@c.example"),
            ("u@a.example", "v@a.example"),
            ("u@a.example", "a.example"),
            ("u@a.example", "u@b.a.example"),
            ("example", "u@a.example"),
        ] {
            assert!(!has(&[pattern], from), "{pattern} {from}");
        }
    }

    #[test]
    fn no_spelling_makes_another_sender() {
        for (pattern, from) in [
            ("a.example", "U@A.Example./r"),
            ("A.Example.", "u@a.example"),
            ("*.A.example", "u@B.a.EXAMPLE."),
            ("Admin@A.example", "aDMIN@a.example./r"),
            ("münchen.example", "u@xn--mnchen-3ya.example"),
            ("münchen.example", "u@XN--MNCHEN-3YA.example"),
            ("xn--mnchen-3ya.example", "u@MÜNCHEN.example"),
            ("*.münchen.example", "u@a.xn--mnchen-3ya.example"),
            ("jürgen@münchen.example", "JÜRGEN@xn--mnchen-3ya.example/r"),
            ("a.example", "u@ａ.example"),
            // Characters that nameprep drops (RFC 3454 table B.1) and IDNA refuses.
            ("a.example", "u@\u{200c}a.exam\u{200d}ple"),
            ("a.example", "u@a.\u{ad}example\u{3002}"),
            ("*.münchen.example", "u@ab--c.münchen.example"),
            ("*.münchen.example", "u@a-.mu\u{308}nchen.example."),
            ("straße.example", "u@strasse.example"),
            // Something that the library refuses in another part does not affect the domain.
            ("a.example", "😀@A.example"),
            ("a.example", "u@A.example/\u{5d0}x"),
        ] {
            assert!(has(&[pattern], from), "{pattern} {from}");
        }
        // Another domain, which may belong to somebody else.
        assert!(!has(&["straße.example"], "u@XN--STRAE-OQA.example"));
        assert!(!has(&["strasse.example"], "u@xn--strae-oqa.example"));
        // It is another account: servers do not unescape it (XEP-0106 is for clients).
        assert!(!has(&["u@a.example"], r"\75@a.example"));
    }

    #[test]
    fn denied_is_denied_whoever_is_allowed() {
        let access = |allow: Option<&[&str]>, deny: &[&str]| Access {
            allow: allow.map(|it| Arc::new(senders(it))),
            deny: Arc::new(senders(deny)),
            mode: Mode::Enforce,
        };
        let permits = |access: &Access, from| access.permits(&Address::new(from));
        assert!(permits(&Access::default(), "anybody"));
        let partner =
            access(Some(&["a.example", "*.b.example"]), &["bad@a.example", "c.b.example"]);
        assert!(permits(&partner, "u@a.example/r") && permits(&partner, "u@d.b.example"));
        for from in ["bad@a.example/r", "u@c.b.example", "u@b.example", "u@e.example"] {
            assert!(!permits(&partner, from), "{from}");
        }
        let all_but = access(None, &["a.example"]);
        assert!(!permits(&all_but, "u@\u{e000}.example"), "it has no normal form");
        assert!(permits(&all_but, "u@e.example") && !permits(&all_but, "u@a.example"));
    }
}
