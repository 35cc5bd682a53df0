//! Addresses as text, and their normal form.
//!
//! The server decides what an address is: the text is split and kept byte for byte, and never refused
//! for its spelling. Only comparisons and MACs use the normal form, since some servers pass
//! addresses on as their users typed them (docs/servers.md#as-typed).

use std::borrow::Cow;
use std::ops::ControlFlow;

use jid::{BareJid, Jid};

use crate::chunk;

use super::jid_parts;
use super::prepared::plain_bytes;

/// An address as written in a stanza: `[node@]domain[/resource]` (RFC 7622 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    text: &'a str,
    /// Length of the bare address.
    bare: usize,
    /// Offset of the domain.
    domain: usize,
    /// Whether a quick look shows that the bare address is in normal form, as nearly all are.
    plain: bool,
}

impl<'a> Address<'a> {
    /// Splits `text` at its first `/` and the first `@` before that; every text splits.
    pub fn new(text: &'a str) -> Self {
        let (mut bare, mut domain, mut plain) = (text.len(), 0, true);
        let bytes = text.as_bytes();
        chunk::visit(
            bytes,
            |chunk| !plain_bytes(chunk),
            |at| {
                match bytes[at] {
                    b'/' => {
                        bare = at;
                        return ControlFlow::Break(());
                    }
                    b'@' if domain == 0 => domain = at + 1,
                    b'@' => {}
                    // Two hyphens mark an A-label, `xn--`.
                    b'-' => plain &= !bytes[..at].ends_with(b"-"),
                    _ => plain = false,
                }
                ControlFlow::Continue(())
            },
        );
        plain &= !text[..bare].ends_with('.');
        Self { text, bare, domain, plain }
    }

    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// `[node@]domain`.
    pub fn bare(&self) -> &'a str {
        &self.text[..self.bare]
    }

    /// The node (localpart), without its `@`; `None` for an empty one, which no address has.
    pub fn node(&self) -> Option<&'a str> {
        self.domain.checked_sub(1).map(|at| &self.text[..at]).filter(|n| !n.is_empty())
    }

    pub fn domain(&self) -> &'a str {
        &self.text[self.domain..self.bare]
    }

    /// The resource, without its `/`; `None` without a slash, and for an empty one.
    pub fn resource(&self) -> Option<&'a str> {
        self.text.get(self.bare + 1..).filter(|r| !r.is_empty())
    }

    /// Whether nothing is before its `@` or after its `/`. No server accepts that, but some send it, when
    /// a part becomes empty in normal form (docs/servers.md#empty-part).
    pub fn has_empty_part(&self) -> bool {
        self.domain == 1 || self.bare + 1 == self.text.len()
    }

    /// Whether a quick look shows that its node and its domain are in normal form, as nearly all are, or
    /// have none.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// The bare address in normal form (RFC 7622 sections 3.2 and 3.3): that of the `jid`
    /// library where it parses, else the text itself.
    pub fn normal_bare(&self) -> Cow<'a, str> {
        if self.plain {
            return Cow::Borrowed(self.bare());
        }
        match self.bare_jid() {
            Ok(jid) => Cow::Owned(jid.into_inner()),
            Err(_) => Cow::Borrowed(self.bare()),
        }
    }

    /// The whole address in normal form, if all of it has one, for addresses from an operator.
    /// [`Self::normal`] is for those from a server.
    pub fn jid(&self) -> Result<Jid, jid::Error> {
        let bare = self.bare_jid()?;
        match self.text.get(self.bare + 1..) {
            Some(resource) => Ok(bare.with_resource(&jid_parts::resource(resource)?).into()),
            None => Ok(bare.into()),
        }
    }

    /// Part by part, since the library keeps the final dot of a whole address.
    fn bare_jid(&self) -> Result<BareJid, jid::Error> {
        let domain = jid_parts::domain(self.domain())?;
        // An empty node is an error.
        let node = self.domain.checked_sub(1).map(|at| jid_parts::node(&self.text[..at]));
        Ok(BareJid::from_parts(node.transpose()?.as_deref(), &domain))
    }

    /// Whether the bare address is `normal`, which is in normal form.
    pub fn is_bare(&self, normal: &str) -> bool {
        self.bare() == normal || !self.plain && self.normal_bare() == normal
    }

    /// Whether the domain is `normal`, which is in normal form.
    pub fn is_at(&self, normal: &str) -> bool {
        self.domain() == normal || !self.plain && normal_bare(self.domain()) == normal
    }

    /// The whole address in normal form. Bare address and resource are normalised separately, so that the
    /// rest can be compared even if a stricter library refuses the resource.
    pub fn normal(&self) -> Cow<'a, str> {
        let bare = self.normal_bare();
        let Some(resource) = self.resource() else {
            return bare;
        };
        let resource = normal_resource(resource);
        match (&bare, &resource) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(self.text),
            _ => Cow::Owned(format!("{bare}/{resource}")),
        }
    }

    /// This address with `domain` in place of its own, with its node and this resource.
    pub fn at_domain(&self, domain: &str, resource: Option<&str>) -> String {
        let mut address = String::new();
        self.write_at_domain(domain, resource, &mut address);
        address
    }

    /// Appends the result of [`Self::at_domain`].
    pub fn write_at_domain(&self, domain: &str, resource: Option<&str>, output: &mut String) {
        if let Some(node) = self.node() {
            output.push_str(node);
            output.push('@');
        }
        output.push_str(domain);
        write_resource(resource, output);
    }
}

/// Appends a resource to a bare address, unless it is missing or empty.
pub fn write_resource(resource: Option<&str>, output: &mut String) {
    if let Some(resource) = resource.filter(|r| !r.is_empty()) {
        output.push('/');
        output.push_str(resource);
    }
}

/// The normal form of a text that is a bare address.
pub fn normal_bare(bare: &str) -> Cow<'_, str> {
    // A slash would begin a resource; then the text is not an address.
    let address = Address::new(bare);
    if address.bare == bare.len() { address.normal_bare() } else { Cow::Borrowed(bare) }
}

/// The normal form of a text that is a resource.
pub fn normal_resource(resource: &str) -> Cow<'_, str> {
    if resource.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(resource);
    }
    match jid_parts::resource(resource) {
        Ok(part) => Cow::Owned(part.as_str().to_owned()),
        Err(_) => Cow::Borrowed(resource),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_splits() {
        let parts = |text| {
            let a = Address::new(text);
            (a.node(), a.domain(), a.resource())
        };
        assert_eq!(parts("d.example"), (None, "d.example", None));
        assert_eq!(parts("n@d.example/a/b@c"), (Some("n"), "d.example", Some("a/b@c")));
        assert_eq!(parts("d.example/x@y"), (None, "d.example", Some("x@y")));
        assert_eq!(parts("@d.example/"), (None, "d.example", None));
        assert_eq!(parts(""), (None, "", None));
        let whole = |text| !Address::new(text).has_empty_part();
        assert!(whole("n@d/r") && whole("d") && whole("d//") && !whole("@d/r") && !whole("d/"));
    }

    #[test]
    fn normal_form_folds_case_of_node_and_domain_only() {
        assert_eq!(Address::new("NoDe@PROXY.example/Res").normal(), "node@proxy.example/Res");
        assert_eq!(normal_bare("STRASSE@Example.ORG"), "strasse@example.org");
        assert_eq!(normal_bare("Ä@ö.example"), "ä@ö.example");
    }

    #[test]
    fn a_domain_has_one_normal_form() {
        for spelled in [
            "bot@bücher.example",
            "bot@BÜCHER.example.",
            "BOT@xn--bcher-kva.example",
            "bot@XN--BCHER-KVA.example.",
        ] {
            assert_eq!(normal_bare(spelled), "bot@bücher.example");
            assert!(Address::new(spelled).is_at("bücher.example"), "{spelled}");
        }
        assert_eq!(normal_bare("bot@b.example."), "bot@b.example");
        assert_eq!(normal_bare("b--c.example"), "b--c.example");
        let jid = |text| Address::new(text).jid().map(|jid| jid.to_string());
        assert_eq!(jid("B@c.example./R").unwrap(), "b@c.example/R");
        for bad in ["@c.example", "b@", "b@c.example/", "a@b@c", "b@xn--a.example"] {
            assert!(jid(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_parse_is_its_own_normal_form() {
        assert_eq!(normal_bare("a@@b"), "a@@b");
        // An emoji is unassigned in the Unicode of RFC 3454; the bare part still folds.
        assert_eq!(Address::new("A@b.example/😀").normal(), "a@b.example/😀");
    }

    #[test]
    fn an_address_moves_to_the_configured_domain() {
        let written = Address::new("NoDe@PROXY.example/r");
        assert_eq!(written.at_domain("proxy.example", Some("r")), "NoDe@proxy.example/r");
        assert_eq!(Address::new("PROXY.example").at_domain("proxy.example", None), "proxy.example");
    }
}
