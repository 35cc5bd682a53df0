//! `jat-proxy address`: the mirror of a user, where the implementing client writes to.

use crate::config::Config;
use crate::jat::address::Address;
use crate::jat::mirror::is_reserved;
use crate::jat::prepared;
use crate::misleading::printable;

use super::{ConfigFile, Exit, complain, configuration, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The user's address, with a resource or without
    user: String,
    /// The node of the address that the user writes to; the domain itself if left out
    #[arg(long, value_name = "NODE", default_value = "", hide_default_value = true)]
    face: String,
    /// The domain of the component, if several relay more than requests of users
    #[arg(long, value_name = "DOMAIN")]
    component: Option<String>,
    #[command(flatten)]
    pub config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    let config = match configuration(&arguments.config.path, now) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match mirror(&config, arguments) {
        Ok(mirror) => say(&format!("{}\n", printable(&mirror))),
        Err(error) => {
            complain(&format!("error: {error}\n  help: {}\n", error.hint()));
            Exit::Data
        }
    }
}

/// The mirror of the user at the requested component.
fn mirror(config: &Config, arguments: &Arguments) -> Result<String, AddressError> {
    let user = Address::new(&arguments.user);
    user.jid().map_err(|error| AddressError::User(error.to_string()))?;
    let named = |domain: &str| {
        arguments.component.as_deref().is_none_or(|it| Address::new(it).is_at(domain))
    };
    let all = config.components.iter();
    let mut named = all.filter(|it| named(it.settings.domain.as_str())).peekable();
    if named.peek().is_none() {
        return Err(AddressError::NoComponent);
    }
    let mut both_ways = named.filter(|it| it.services().any(|(_, it)| it.two_way.is_some()));
    let component = both_ways.next().ok_or(AddressError::OneWay)?;
    let domain = &component.settings.domain;
    if let Some(other) = both_ways.next() {
        return Err(AddressError::Several(domain.to_string(), other.settings.domain.to_string()));
    }
    let face = prepared::node_or_as_it_stands(&arguments.face);
    let service = component.service_of(&face).filter(|_| !is_reserved(&face));
    let both_ways = service.and_then(|it| Some((it, it.two_way.as_deref()?)));
    let Some((settings, two_way)) = both_ways.filter(|(_, it)| it.faces.has(&face)) else {
        return Err(AddressError::Face(printable(&face), domain.to_string()));
    };
    if settings.target.owns(&user) || two_way.own.have(&user) {
        return Err(AddressError::Own);
    }
    let mut mirror = String::new();
    let written = settings.mirrors(two_way).write(&user, &face, &mut mirror);
    written.map_err(|too_long| AddressError::TooLong(too_long.to_string()))?;
    Ok(mirror)
}

/// Why there is no mirror.
#[derive(Debug, thiserror::Error)]
enum AddressError {
    #[error("this is not an address: {0}")]
    User(String),
    #[error("no component has this domain")]
    NoComponent,
    #[error("no component relays more than requests of users, so there are no mirrors")]
    OneWay,
    #[error("{0} and {1} both have mirrors")]
    Several(String, String),
    #[error("{1} has no face {0:?} with mirrors")]
    Face(String, String),
    #[error(
        "this is an address of the target, of another target here, or of a component: nothing is \
         relayed to it"
    )]
    Own,
    #[error("{0}")]
    TooLong(String),
}

impl AddressError {
    /// What to do.
    fn hint(&self) -> &'static str {
        match self {
            Self::User(_) => "for example: user@some-domain.example/abc",
            Self::NoComponent => "give one that is in the configuration",
            Self::OneWay => "with relay = [\"iq\"] the client answers to the address of a token",
            Self::Several(..) => "choose one of them with --component",
            Self::Face(..) => {
                "its nodes are in `faces`, and in a [[component.face]] that relays more than \
                 \"iq\"; a node with \\40 in it never is"
            }
            Self::Own => "give the address of a user",
            Self::TooLong(_) => "messages of this user are refused, too",
        }
    }
}
