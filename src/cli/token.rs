//! `jat-proxy token inspect`: what a token, a mirror or an alias stands for, and whether it
//! verifies.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::jat::address::Address;
use crate::jat::token::{self, Binding, Token, TokenError, TokenKind};
use crate::misleading::printable;
use crate::time::{show_duration, show_moment};

use super::{Exit, complain, configuration, names, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Show what a token, a mirror or an alias says; with -c also whether it verifies
    Inspect(Inspect),
}

#[derive(clap::Args)]
struct Inspect {
    /// An address that holds a token or an alias, either of them alone, or a mirror
    address: String,
    /// The configuration whose keys verify it
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The full address that the request was forwarded to: a token is bound to it
    #[arg(long, value_name = "JID", requires = "config")]
    peer: Option<String>,
}

impl Arguments {
    /// The configuration, if one is named.
    pub(super) fn config(&mut self) -> &mut Option<PathBuf> {
        let Action::Inspect(inspect) = &mut self.action;
        &mut inspect.config
    }
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    let Action::Inspect(inspect) = &arguments.action;
    let config = match inspect.config.as_deref().map(|path| configuration(path, now)).transpose() {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let address = Address::new(&inspect.address);
    // A bare token has no slash.
    let (asked, text) = match address.resource() {
        Some(token) => (Some(address), token),
        None => (None, inspect.address.as_str()),
    };
    let token = match token::inspect(text) {
        Ok(token) => token,
        Err(error) => {
            let name = names::mirror(&address, config.as_ref())
                .or_else(|| names::alias(asked.as_ref(), text, config.as_ref()));
            if let Some((said, exit)) = name {
                return say(&said).and(exit);
            }
            complain(&format!("error: this is not a token, a mirror or an alias: {error}\n"));
            return Exit::Data;
        }
    };
    let said = say(&fields(&token, now));
    let Some(config) = config else { return said };
    let (verdict, exit) = match &inspect.peer {
        None => unbound(&config, &token),
        Some(peer) => verify(&config, text, asked, Address::new(peer), now),
    };
    said.and(say(&format!("verifies  {verdict}\n"))).and(exit)
}

fn fields(token: &Token, now: u64) -> String {
    let claims = token.claims();
    let expires = token.expires();
    let when = match expires.checked_sub(now) {
        Some(left) if left > 0 => format!("in {}", show_duration(Duration::from_secs(left))),
        _ => format!("expired, {} ago", show_duration(Duration::from_secs(now - expires))),
    };
    let kind = match token.kind() {
        TokenKind::IqReply => "IQ",
    };
    let resource = match claims.resource() {
        "" => "(none)",
        resource => &printable(resource),
    };
    format!(
        "version   1\nkind      {} ({kind})\nkey       {}\nexpires   {} ({when})\nuser      {}\n\
         resource  {resource}\nid        {}\n",
        token.kind() as u8,
        token.kid(),
        show_moment(expires),
        printable(claims.user()),
        printable(claims.id()),
    )
}

/// What can be said about the signature when it is not known to whom the request was forwarded.
fn unbound(config: &Config, token: &Token) -> (String, Exit) {
    match config.keyring.verifying(token.kid()) {
        None => (format!("no: {}", TokenError::UnknownKey), Exit::Data),
        Some(_) => {
            let told = "unknown: the key is in the ring, but the token is bound to the full \
                        address that the request was forwarded to; add --peer JID";
            (told.to_owned(), Exit::Success)
        }
    }
}

/// Opens the token for `peer` and the bare address of `asked`; a bare token for each of our
/// domains in turn.
fn verify(
    config: &Config,
    text: &str,
    asked: Option<Address<'_>>,
    peer: Address<'_>,
    now: u64,
) -> (String, Exit) {
    let domains = config.components.iter().map(|c| c.settings.domain.to_string());
    let candidates: Vec<String> = match asked {
        Some(address) => vec![address.normal_bare().into_owned()],
        None => domains.collect(),
    };
    let peer = peer.normal();
    let mut reason = None;
    for asked in &candidates {
        match token::open(&config.keyring, text, &Binding { asked, peer: &peer }, now) {
            Ok(_) => return (format!("yes, for {asked} and {peer}"), Exit::Success),
            // Any reason but the signature means that this was the right address.
            Err(error) if error == TokenError::Signature => {
                reason.get_or_insert(error);
            }
            Err(error) => reason = Some(error),
        }
    }
    let reason = reason.unwrap_or(TokenError::Signature);
    let told = match (reason, asked) {
        (TokenError::Signature, None) => {
            "; if the request was for an address with a node, give that address with the token: \
             NODE@DOMAIN/TOKEN"
        }
        (TokenError::Signature, Some(_)) if !peer.contains('/') => {
            "; --peer is a full address, with its resource"
        }
        _ => "",
    };
    (format!("no: {reason}{told}"), Exit::Data)
}
