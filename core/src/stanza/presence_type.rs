//! The types of presence.

/// What presence is, by its `type` (RFC 6121 section 4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceType {
    /// Without a type.
    Available,
    Unavailable,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    Probe,
    Error,
}

impl PresenceType {
    /// `None` for an unknown type.
    pub fn of(type_: Option<&str>) -> Option<Self> {
        let all = [
            Self::Available,
            Self::Unavailable,
            Self::Subscribe,
            Self::Subscribed,
            Self::Unsubscribe,
            Self::Unsubscribed,
            Self::Probe,
            Self::Error,
        ];
        all.into_iter().find(|it| it.name() == type_)
    }

    /// The value of the `type` attribute, if there is one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Available => None,
            Self::Unavailable => Some("unavailable"),
            Self::Subscribe => Some("subscribe"),
            Self::Subscribed => Some("subscribed"),
            Self::Unsubscribe => Some("unsubscribe"),
            Self::Unsubscribed => Some("unsubscribed"),
            Self::Probe => Some("probe"),
            Self::Error => Some("error"),
        }
    }

    /// Whether it is between accounts: from and to bare addresses (RFC 6121 sections 3 and 4.3).
    pub fn is_between_accounts(self) -> bool {
        match self {
            Self::Available | Self::Unavailable | Self::Error => false,
            Self::Subscribe
            | Self::Subscribed
            | Self::Unsubscribe
            | Self::Unsubscribed
            | Self::Probe => true,
        }
    }

    /// Whether it says that something has ended. If it were held back, others would keep a state
    /// that is no longer true.
    pub fn ends_something(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unsubscribe | Self::Unsubscribed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_name() {
        for name in [None, Some("unavailable"), Some("unsubscribe"), Some("probe"), Some("error")] {
            assert_eq!(PresenceType::of(name).unwrap().name(), name);
        }
        assert_eq!(PresenceType::of(Some("")), None);
        assert_eq!(PresenceType::of(Some("Probe")), None);
    }
}
