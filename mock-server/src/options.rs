//! How the server behaves: like which real one, and how many components it takes.

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which server's habits with presence and addresses it has.
    pub habits: Habits,
    /// What happens to a second connection for one domain.
    pub second: Second,
    /// The domains of components; `None`: any (ejabberd's listener with `password:` only).
    pub domains: Option<Vec<String>>,
    /// The secret of all of them.
    pub secret: String,
    /// Domains with accounts, in addition to those of the clients that log in.
    pub hosts: Vec<String>,
    /// Whether stanzas and bytes are kept for [`Server::take_passed`](crate::Server::take_passed) and
    /// [`Connection::received`](crate::Connection::received).
    pub record: bool,
}

/// The server whose habits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habits {
    /// Presence comes with `subscribed`; a probe while pending cancels the request; a probe
    /// with nobody online gets a bare `unavailable`; addresses are normalised.
    Prosody,
    /// `subscribed` comes alone; such probes get no answer; addresses stay as they were typed.
    Ejabberd,
}

/// What happens to a second connection for one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// Both serve, each stanza goes to one at random (ejabberd).
    Balanced,
    /// It is refused with `conflict` (Prosody).
    Conflict,
}

impl Options {
    /// One component domain, as Prosody serves it.
    pub fn prosody(domain: &str, secret: &str) -> Self {
        Self {
            habits: Habits::Prosody,
            second: Second::Conflict,
            domains: Some(vec![domain.to_owned()]),
            ..Self::ejabberd(secret)
        }
    }

    /// Any component domain, as ejabberd serves them.
    pub fn ejabberd(secret: &str) -> Self {
        Self {
            habits: Habits::Ejabberd,
            second: Second::Balanced,
            domains: None,
            secret: secret.to_owned(),
            hosts: vec!["some-domain.example".to_owned()],
            record: true,
        }
    }
}
