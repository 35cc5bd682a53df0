//! A sender in normal form, for comparison.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::jat::address::Address;
use crate::jat::jid_parts;

/// A sender as lists have it: in normal form (RFC 7622), its domain with A-labels (RFC 5890).
pub(super) struct NormalSender<'a> {
    pub bare: Cow<'a, str>,
    pub domain: Cow<'a, str>,
}

impl<'a> NormalSender<'a> {
    /// `None` if its domain has no normal form.
    pub(super) fn of(address: &Address<'a>) -> Option<Self> {
        let domain = normal_domain(address.domain())?;
        let bare = match (address.node().map(normal_node), &domain) {
            (None, domain) => domain.clone(),
            (Some(Cow::Borrowed(_)), Cow::Borrowed(_)) => Cow::Borrowed(address.bare()),
            (Some(node), domain) => Cow::Owned(format!("{node}@{domain}")),
        };
        Some(Self { bare, domain })
    }
}

/// The domain of a sender in the form of a list, or unchanged if it has none; for the log.
pub fn domain_of(from: &Address<'_>) -> String {
    normal_domain(from.domain()).unwrap_or(Cow::Borrowed(from.domain())).into_owned()
}

/// Prepared separately from the domain, which a stricter library may refuse.
fn normal_node(node: &str) -> Cow<'_, str> {
    if node.bytes().all(is_plain) {
        return Cow::Borrowed(node);
    }
    match jid_parts::node(node) {
        Ok(normal) => Cow::Owned(normal.as_str().to_owned()),
        Err(_) => Cow::Borrowed(node),
    }
}

/// One spelling for a whole domain: lower case, no final dot, and A-labels in place of U-labels,
/// since another server may be known by either. A-labels stay unchanged: preparing their U-labels can
/// give another domain (`xn--strae-oqa` is `straße`, which is prepared to `strasse`).
fn normal_domain(domain: &str) -> Option<Cow<'_, str>> {
    if domain.bytes().all(is_plain) && !domain.ends_with('.') {
        return Some(Cow::Borrowed(domain));
    }
    let ascii = if domain.is_ascii() {
        domain.to_ascii_lowercase()
    } else {
        // ejabberd passes domains on as they were typed and compares them by nameprep, which drops
        // some characters, and accepts others that IDNA does not have. Of the library's profiles,
        // that of nodes maps like nameprep, without the checks of IDNA.
        let prepared = jid_parts::node(domain).ok()?;
        let dots = ['.', '\u{3002}', '\u{ff61}'];
        prepared.as_str().split(dots).map(a_label).collect::<Vec<_>>().join(".")
    };
    Some(Cow::Owned(ascii.trim_end_matches('.').to_owned()))
}

/// A label's form in the DNS; unchanged if it has none.
fn a_label(label: &str) -> Cow<'_, str> {
    let deny = AsciiDenyList::URL;
    let ascii = Uts46::new().to_ascii(label.as_bytes(), deny, Hyphens::Allow, DnsLength::Ignore);
    ascii.unwrap_or(Cow::Borrowed(label))
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')
}
