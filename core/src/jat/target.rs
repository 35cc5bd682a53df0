//! The target, which requests are forwarded to.

use jid::{BareJid, FullJid, Jid};

use super::address::Address;

/// The target address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An account: requests go to one of its online resources, known by a presence subscription.
    Account(BareJid),
    /// A fixed destination: no subscription. `normal`: as [`Address::normal`] has it; that differs from
    /// `full` only where the normal form of that is another once more, as that of `ᴬ`, which is `A`.
    Resource { bare: BareJid, full: FullJid, normal: String },
}

impl Target {
    /// A bare JID names an account, a full JID a fixed resource.
    pub fn new(jid: Jid) -> Self {
        match jid.try_into_full() {
            Ok(full) => {
                let normal = Address::new(full.as_str()).normal().into_owned();
                Self::Resource { bare: full.to_bare(), full, normal }
            }
            Err(bare) => Self::Account(bare),
        }
    }

    pub fn bare(&self) -> &BareJid {
        match self {
            Self::Account(bare) | Self::Resource { bare, .. } => bare,
        }
    }

    /// The address as configured, in normal form.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Account(bare) => bare.as_str(),
            Self::Resource { full, .. } => full.as_str(),
        }
    }

    /// Whether `address` is the target itself or one of its resources.
    pub fn owns(&self, address: &Address<'_>) -> bool {
        address.is_bare(self.bare().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owns_its_resources_however_the_server_spells_them() {
        let target = Target::new("service@some.example".parse().unwrap());
        for spelled in ["service@some.example", "SERVICE@Some.example/A", "service@some.example/😀"]
        {
            assert!(target.owns(&Address::new(spelled)), "{spelled}");
        }
        for other in ["some.example", "service@some.example.org", "xservice@some.example/a", ""] {
            assert!(!target.owns(&Address::new(other)), "{other}");
        }
    }
}
