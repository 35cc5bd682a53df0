//! The addresses of the process, none of which belongs to a user.

use std::collections::HashSet;

use jid::{BareJid, DomainPart};

use super::address::Address;

/// All domains and all targets of the process, of all its components.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnAddresses {
    domains: Vec<DomainPart>,
    /// Bare addresses in normal form.
    targets: HashSet<String>,
}

impl OwnAddresses {
    pub fn new(
        domains: impl IntoIterator<Item = DomainPart>,
        targets: impl IntoIterator<Item = BareJid>,
    ) -> Self {
        let targets = targets.into_iter().map(BareJid::into_inner);
        Self { domains: domains.into_iter().collect(), targets: targets.collect() }
    }

    /// Whether the address is at one of the domains, or is that of a target or one of its resources.
    pub fn have(&self, address: &Address<'_>) -> bool {
        self.domains.iter().any(|own| address.is_at(own.as_str()))
            || self.targets.contains(&*address.normal_bare())
    }

    pub fn domains(&self) -> &[DomainPart] {
        &self.domains
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_known_however_they_are_spelled() {
        let domains = ["proxy.example"].map(|it| it.parse().unwrap());
        let targets = ["bot@some.example", "focus.example"].map(|it| it.parse().unwrap());
        let own = OwnAddresses::new(domains, targets);
        for address in [
            "proxy.example",
            "A@Proxy.example./r",
            "bot@some.example",
            "BOT@some.example./a",
            "focus.example/focus",
        ] {
            assert!(own.have(&Address::new(address)), "{address}");
        }
        for address in ["bott@some.example", "some.example", "user@focus.example", ""] {
            assert!(!own.have(&Address::new(address)), "{address}");
        }
    }
}
