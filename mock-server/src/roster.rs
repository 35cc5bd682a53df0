//! Who may see whose presence (RFC 6121 section 3).

use std::collections::BTreeMap;

use jat_core::jat::address::normal_bare;

/// What an account lets a contact see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RosterState {
    /// Nothing.
    #[default]
    None,
    /// Nothing yet: the contact asked, the account has not answered.
    Pending,
    /// Its presence.
    From,
}

/// The subscriptions, by account, then by contact, both in normal form.
#[derive(Debug, Default)]
pub(crate) struct Roster(BTreeMap<String, BTreeMap<String, RosterState>>);

impl Roster {
    pub(crate) fn subscription(&self, account: &str, contact: &str) -> RosterState {
        let contacts = self.0.get(&*normal_bare(account));
        contacts.and_then(|all| all.get(&*normal_bare(contact))).copied().unwrap_or_default()
    }

    pub(crate) fn set_subscription(&mut self, account: &str, contact: &str, to: RosterState) {
        let contacts = self.0.entry(normal_bare(account).into_owned()).or_default();
        contacts.insert(normal_bare(contact).into_owned(), to);
    }

    /// The contacts of `account` with this subscription.
    pub(crate) fn contacts(&self, account: &str, wanted: RosterState) -> Vec<String> {
        let contacts = self.0.get(&*normal_bare(account)).into_iter().flatten();
        contacts.filter(|(_, s)| **s == wanted).map(|(contact, _)| contact.clone()).collect()
    }
}
