//! `jat-proxy check`: whether the configuration is good, and what it comes to. With `--connect`,
//! whether it works.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::iter;
use std::os::fd::RawFd;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::{self, ComponentConfig, Config, FaceConfig, Problem, Snapshot};
use crate::daemon::handover_file::HANDOVER_VERSION;
use crate::daemon::question::ASKED;
use crate::daemon::status::{key_states, name_keys};
use crate::daemon::takeover;
use crate::jat::dispatch::Dispatch;
use crate::jat::settings::{Settings, TokenIn};
use crate::jat::target::Target;

use super::account::Account;
use super::{ConfigFile, Exit, complain, configuration, connect, notes, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub config: ConfigFile,
    /// Also log in, and report what works: handshake, presence domain, subscription, resources,
    /// keys, clock. A running daemon that serves HTTP is asked instead
    #[arg(long)]
    connect: bool,
    /// Go on until all is well, for at most SECONDS if they are given, and tell what is waited for
    #[arg(long, value_name = "SECONDS", requires = "connect", require_equals = true)]
    #[arg(num_args = 0..=1)]
    wait: Option<Option<u32>>,
    /// Also say whether this program can take over from a running one that hands over in this
    /// version (SIGUSR2)
    #[arg(long, value_name = "N")]
    handover_version: Option<u32>,
    /// Take over what is in this memory file, for a trial
    #[arg(long, value_name = "DESCRIPTOR", hide = true)]
    rehearse: Option<RawFd>,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    if let Some(version) = arguments.handover_version.filter(|v| *v != HANDOVER_VERSION) {
        complain(&format!(
            "error: this program can't take over from one that hands over in version {version}, \
             only in {HANDOVER_VERSION}\n  help: restart the daemon instead\n"
        ));
        return Exit::Unavailable;
    }
    let path = &arguments.config.path;
    if let Some(number) = arguments.rehearse {
        return match takeover::rehearse(path, number) {
            Ok(()) => Exit::Success,
            Err(reason) => {
                complain(&format!("error: {reason}\n"));
                Exit::Unavailable
            }
        };
    }
    if arguments.handover_version.is_some() && env::var_os(ASKED).is_some() {
        return give_snapshot(path, now);
    }
    match configuration(path, now) {
        Ok(config) => {
            let said = say(&summary(&config, now)).and(for_the_daemon(path, &config));
            said.and(if arguments.connect {
                connect::run(&config, arguments.wait)
            } else {
                Exit::Success
            })
        }
        Err(exit) => exit,
    }
}

/// Whether the daemon may read it, too: root may read everything, and the daemon may run as
/// another user.
fn for_the_daemon(path: &Path, config: &Config) -> Exit {
    let account = Account::of_folder(path).filter(|_| rustix::process::geteuid().is_root());
    // The daemon has credentials of its own.
    let credentials = env::var_os("CREDENTIALS_DIRECTORY");
    let own = |file: &&Path| credentials.as_ref().is_none_or(|folder| !file.starts_with(folder));
    let why_not = |file| account.as_ref()?.why_not(file);
    let problem = |why| {
        let hint = "give it to that user (chown), or run check as the user that runs the daemon";
        Problem::error(None, why, hint)
    };
    let problems: BTreeSet<_> = config.files.paths().filter(own).filter_map(why_not).collect();
    let problems: Vec<_> = problems.into_iter().map(problem).collect();
    complain(&config::render(&problems));
    if problems.is_empty() { Exit::Success } else { Exit::Config }
}

/// Prints the files of a valid configuration, for the running program that asks for them.
fn give_snapshot(path: &Path, now: u64) -> Exit {
    let snapshot = Snapshot::take(path, now).map_err(|mut problems| {
        // It becomes one line of a log.
        problems.retain(Problem::is_error);
        config::render(&problems)
    });
    let text = snapshot.and_then(|taken| serde_json::to_vec(&taken).map_err(|e| e.to_string()));
    let written = text.map(Zeroizing::new).and_then(|text| {
        io::stdout().write_all(&text).map_err(|error| format!("can't answer: {error}"))
    });
    match written {
        Ok(()) => Exit::Success,
        Err(reason) => {
            complain(&reason);
            Exit::Config
        }
    }
}

/// A line for each component, and one for the keys that they share.
fn summary(config: &Config, now: u64) -> String {
    let mut text: String = config.components.iter().map(component).collect();
    let states = key_states::states(&config.keyring, now, config.reply_ttl);
    let names = notes::two_way(config).next().into_iter().flat_map(|(_, it)| it.names.ids());
    let names = name_keys::states(names);
    let keys: Vec<String> = states.iter().map(ToString::to_string).chain(names).collect();
    // Writing to a String never fails.
    let _ = writeln!(text, "keys in {}: {}", config.key_file.display(), keys.join("; "));
    text + &notes::of(config)
}

fn component(component: &ComponentConfig) -> String {
    let settings = &component.settings;
    let (domain, server) = (&settings.domain, component.way());
    let presence = settings.presence_domain.as_ref();
    let presence = presence.map(|domain| format!(", presence at {domain}")).unwrap_or_default();
    let mut text = match component.has_own {
        true => {
            let token = token_in(settings).name();
            let relays = relays(settings);
            format!(
                "{domain} -> {}, on {server}, token in the {token}{presence}\n{relays}",
                to(settings)
            )
        }
        false => format!("{domain} -> its faces, on {server}{presence}\n"),
    };
    text += &answers(settings);
    for FaceConfig { face, settings, .. } in &component.faces {
        let token = token_in(settings).name();
        let words = words(settings).map(|words| format!(", relays {words}")).unwrap_or_default();
        let address = address(face.as_str(), settings);
        // Writing to a String never fails.
        let _ = writeln!(text, "  {address} -> {}, token in the {token}{words}", to(settings));
    }
    text
}

/// The target, and how requests are spread over its resources.
fn to(settings: &Settings) -> String {
    let spread = match (&settings.target, settings.dispatch) {
        (Target::Resource { .. }, _) => "to this resource only",
        (Target::Account(_), Dispatch::Random) => "to a random resource",
        (Target::Account(_), Dispatch::Sticky) => "to one resource per user",
        (Target::Account(_), Dispatch::Priority) => "to the resource with the highest priority",
    };
    format!("{} ({spread})", settings.target.as_str())
}

fn token_in(settings: &Settings) -> TokenIn {
    settings.two_way.as_ref().map_or(settings.token_in, |_| TokenIn::Id)
}

/// What the target is not asked, since the proxy answers it.
fn answers(settings: &Settings) -> String {
    let Some(own) = &settings.own_answers else { return String::new() };
    format!(
        "  answers {} at {} itself\n",
        own.words().collect::<Vec<_>>().join(", "),
        settings.domain
    )
}

/// What is relayed besides requests of users.
fn relays(settings: &Settings) -> String {
    let Some((words, two_way)) = words(settings).zip(settings.two_way.as_deref()) else {
        return String::new();
    };
    let faces = two_way.faces.0.iter().map(|face| address(face.as_str(), settings));
    let addresses = iter::once(settings.domain.to_string()).chain(faces).collect::<Vec<_>>();
    format!("  relays {words} at {}\n", addresses.join(", "))
}

/// What is relayed, if it is more than requests of users.
fn words(settings: &Settings) -> Option<String> {
    let two_way = settings.two_way.as_deref()?;
    Some(two_way.relayed().collect::<Vec<_>>().join(", "))
}

/// The address of a face, or the pattern of its addresses.
fn address(face: &str, settings: &Settings) -> String {
    match face {
        "" => settings.domain.to_string(),
        _ => format!("{face}@{}", settings.domain),
    }
}
