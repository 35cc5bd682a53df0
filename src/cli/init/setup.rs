//! What is set up: from the command line, or from questions on a terminal.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jid::DomainPart;
use rustix::fs::{Access, access};

use crate::config::{addresses, server};
use crate::jat::target::Target;

use super::local_server::{ROOT, Software};
use super::questions::Questions;
use super::{Arguments, InitError, nothing_is_there};

/// A component, its server, and where its files go.
pub(super) struct Setup {
    pub domain: DomainPart,
    pub target: Target,
    /// `host:port`.
    pub server: String,
    /// `None`: not known, so both parts are printed.
    pub software: Option<Software>,
    pub dir: PathBuf,
}

impl Setup {
    /// What the command line says.
    pub(super) fn of(arguments: &Arguments, domain: &str, target: &str) -> Result<Self, InitError> {
        let target = addresses::target(target)?;
        Ok(Self {
            domain: domain_for(&target, domain)?,
            target,
            server: server_address(arguments.server.as_deref().unwrap_or(server::DEFAULT))?,
            software: arguments.software,
            dir: arguments.dir.clone().unwrap_or_else(|| PathBuf::from(".")),
        })
    }

    /// Asks for what the command line does not say.
    pub(super) fn ask(arguments: &Arguments) -> Result<Self, InitError> {
        let mut questions = Questions::new(io::stdin().lock(), io::stderr());
        questions.tell(WELCOME)?;
        let target = match &arguments.target {
            Some(target) => addresses::target(target)?,
            None => questions.ask(TARGET, "", |text| Ok(addresses::target(text)?))?,
        };
        let domain = match &arguments.domain {
            Some(domain) => domain_for(&target, domain)?,
            None => {
                let usual = format!("proxy.{}", target.bare().domain());
                questions.ask(DOMAIN, &usual, |text| domain_for(&target, text))?
            }
        };
        let software = match arguments.software {
            Some(software) => software,
            None => {
                let installed = Software::installed(Path::new(ROOT)).next();
                questions.ask(SOFTWARE, installed.map_or("", Software::name), software)?
            }
        };
        let server = match &arguments.server {
            Some(address) => server_address(address)?,
            None => questions.ask(SERVER, server::DEFAULT, server_address)?,
        };
        let dir = match &arguments.dir {
            Some(dir) => dir.clone(),
            None => questions.ask(DIR, usual_folder(), free_folder)?,
        };
        Ok(Self { domain, target, server, software: Some(software), dir })
    }
}

/// The domain of a component, which must not be that of the target.
fn domain_for(target: &Target, text: &str) -> Result<DomainPart, InitError> {
    let domain = addresses::domain(text)?;
    if *target.bare().domain() == *domain { Err(InitError::OwnDomain) } else { Ok(domain) }
}

fn software(text: &str) -> Result<Software, InitError> {
    Software::from_str(text, true).map_err(|_| InitError::Software(text.to_owned()))
}

fn server_address(text: &str) -> Result<String, InitError> {
    match server::is_address(text) {
        true => Ok(text.to_owned()),
        false => Err(InitError::Server(text.to_owned())),
    }
}

fn free_folder(text: &str) -> Result<PathBuf, InitError> {
    let dir = PathBuf::from(text);
    nothing_is_there(&dir)?;
    Ok(dir)
}

/// The folder of the Debian package, or else a new one.
fn usual_folder() -> &'static str {
    match access(PACKAGED, Access::WRITE_OK) {
        Ok(()) if nothing_is_there(Path::new(PACKAGED)).is_ok() => PACKAGED,
        _ => "jat-proxy",
    }
}

pub(super) const PACKAGED: &str = "/etc/jat-proxy";

const WELCOME: &str = "\
This makes a configuration, a key ring and a component secret, and says what to paste into
the server's configuration. Enter alone takes the answer in brackets. Nothing is written before
the last answer; Ctrl-C ends it.";
const TARGET: &str = "Account of the bot, such as bot@example.org";
const DOMAIN: &str = "Domain that users write to";
const SOFTWARE: &str = "XMPP server: prosody or ejabberd";
const SERVER: &str = "Its port for components";
const DIR: &str = "Folder for the files";
