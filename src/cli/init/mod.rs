//! `jat-proxy init`: a configuration, a key ring and a component secret.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use toml_edit::Array;
use zeroize::Zeroizing;

use crate::config::addresses::AddressError;
use crate::config::{self, Problem, server};

use super::replace::write_hint;
use super::{Exit, complain, key_file, say};

use local_server::Software;
use next_steps::next_steps;
use setup::Setup;

mod local_server;
mod next_steps;
mod questions;
mod setup;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The domain of the component, as users will address it
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// The account that answers: the bare address of the implementing client
    #[arg(long, value_name = "ADDRESS")]
    target: Option<String>,
    /// The server's port for components [default: 127.0.0.1:5347]
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// The server whose part of the configuration is printed [default: both]
    #[arg(long)]
    software: Option<Software>,
    /// What to relay besides requests of users: messages, presence, requests
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    relay: Vec<String>,
    /// Who may write, ask and subscribe: domains, accounts, or "*" for everybody; --relay with
    /// messages or presence wants it
    #[arg(long, value_name = "SENDERS", value_delimiter = ',')]
    allow_from: Vec<String>,
    /// The node of an address that people write to, as "helper" in helper@DOMAIN
    #[arg(long = "face", value_name = "NODES", value_delimiter = ',', requires = "relay")]
    faces: Vec<String>,
    /// Where to write the files [default: .]
    dir: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    match init(arguments, now) {
        Ok(text) => say(&text),
        Err(error) => {
            complain(&error.with_hint());
            error.exit()
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error("init needs a domain and a target")]
    Missing,
    #[error("the question got no answer")]
    Unanswered(#[from] io::Error),
    #[error("{0}")]
    Address(#[from] AddressError),
    #[error("{0:?} is not a server that init knows")]
    Software(String),
    #[error("{0:?} is not the address of a port")]
    Server(String),
    #[error("the target is at the component's own domain")]
    OwnDomain,
    #[error("{}", .0.message)]
    Configuration(Problem),
    #[error("{0} exists")]
    Exists(PathBuf),
    #[error("can't write {0}: {1}")]
    Write(PathBuf, io::Error),
    #[error("the operating system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl InitError {
    /// What to do about it.
    fn hint(&self) -> &str {
        match self {
            Self::Missing => {
                "say both: --domain proxy.example --target bot@example; on a terminal it asks"
            }
            Self::Unanswered(_) => "nothing was written",
            Self::Address(error) => error.hint(),
            Self::Software(_) => "prosody or ejabberd",
            Self::Server(_) => server::HINT,
            Self::OwnDomain => {
                "the component needs a domain that the server does not serve yet, such as \
                 proxy.example beside bot@example"
            }
            Self::Configuration(problem) => &problem.hint,
            Self::Exists(_) => "nothing is overwritten: choose another folder",
            Self::Write(_, error) => write_hint(error),
            Self::Random(_) => "the kernel is too old, or a sandbox too strict",
        }
    }

    fn with_hint(&self) -> String {
        format!("error: {self}\n  help: {}\n", self.hint())
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Write(..) => Exit::Io,
            Self::Random(_) => Exit::Software,
            _ => Exit::Usage,
        }
    }
}

fn init(arguments: &Arguments, now: u64) -> Result<String, InitError> {
    let setup = match (&arguments.domain, &arguments.target) {
        (Some(domain), Some(target)) => Setup::of(arguments, domain, target)?,
        _ if io::stdin().is_terminal() && io::stderr().is_terminal() => Setup::ask(arguments)?,
        _ => return Err(InitError::Missing),
    };
    let mut key = Zeroizing::new([0; 32]);
    let mut name_key = Zeroizing::new([0; 32]);
    let mut secret = Zeroizing::new([0; 24]);
    getrandom::fill(&mut *key)?;
    getrandom::fill(&mut *name_key)?;
    getrandom::fill(&mut *secret)?;
    let secret = Zeroizing::new(HEXLOWER.encode(&*secret));
    let keys = key_file::add("", 1, &key, None).expect("an empty file is TOML");
    let name_keys = key_file::add_name_key("", 1, &name_key).expect("an empty file is TOML");
    let (keys, name_keys) = (Zeroizing::new(keys), Zeroizing::new(name_keys));
    let keys = Zeroizing::new([KEYS, &keys, NAME_KEYS, &name_keys].join("\n"));
    let config = configuration(&setup, arguments);

    let dir = &setup.dir;
    // All or nothing: if an old file turned up after the first new one was written, there would be
    // a mixture.
    nothing_is_there(dir)?;
    let [config_file, key_file, secret_file] = FILES.map(|name| dir.join(name));
    let files = [
        (&config_file, config.as_str()),
        (&key_file, keys.as_str()),
        (&secret_file, secret.as_str()),
    ];
    let mut made = Made::default();
    let failed = |error| InitError::Write(dir.clone(), error);
    made.folder(dir).map_err(failed)?;
    let folder = fs::metadata(dir).map_err(failed)?;
    for (path, text) in files {
        write(path, text, &folder, &mut made)?;
    }
    let first_error = |problems: Vec<Problem>| problems.into_iter().find(Problem::is_error);
    if let Some(problem) = config::load(&config_file, now).err().and_then(first_error) {
        return Err(InitError::Configuration(problem));
    }
    made.stays();
    Ok(next_steps(&setup, &secret, &config_file, arguments))
}

/// That a folder has none of the files yet.
fn nothing_is_there(dir: &Path) -> Result<(), InitError> {
    let mut files = FILES.iter().map(|name| dir.join(name));
    files
        .find(|path| fs::symlink_metadata(path).is_ok())
        .map_or(Ok(()), |path| Err(InitError::Exists(path)))
}

/// What was made so far. It is removed unless it is to stay: what a failed attempt leaves, on a
/// full disk for example, would be in the way of the next one.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder that only its owner may enter, and missing folders above it.
    fn folder(&mut self, path: &Path) -> io::Result<()> {
        let missing = path.ancestors().take_while(|a| !a.as_os_str().is_empty() && !a.exists());
        let missing: Vec<_> = missing.map(Path::to_owned).collect();
        self.0.extend(missing.into_iter().rev());
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn stays(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // A folder is removed only if it is empty.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}

/// Writes a file that only its owner may read: the owner of the `folder`, if root writes it.
fn write(path: &Path, text: &str, folder: &fs::Metadata, made: &mut Made) -> Result<(), InitError> {
    let mut write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        made.0.push(path.to_owned());
        // Only root can give a file away; otherwise it belongs to the user who makes it.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
        writeln!(file, "{}", text.trim_end_matches('\n'))?;
        file.sync_all()
    };
    write().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
        _ => InitError::Write(path.to_owned(), error),
    })
}

fn configuration(setup: &Setup, arguments: &Arguments) -> String {
    let value = |text: &str| toml_edit::value(text);
    let (domain, server) = (value(&setup.domain), value(&setup.server));
    let target = value(setup.target.as_str());
    let list = |key: &str, words: &[String]| -> String {
        let words: Array = words.iter().map(String::as_str).collect();
        if words.is_empty() { String::new() } else { format!("{key} = {words}\n") }
    };
    let mut relay = arguments.relay.clone();
    if !relay.is_empty() && !relay.iter().any(|word| word == "iq") {
        relay.insert(0, "iq".to_owned());
    }
    let relay = list("relay", &relay);
    let faces = list("faces", &arguments.faces);
    let allow_from = list("allow-from", &arguments.allow_from);
    format!(
        "# All keys are explained in the jat-proxy.toml that comes with jat-proxy.\n\
         key-file = \"keys.toml\"\n\n\
         [server]\naddress = {server}\n\n\
         [[component]]\ndomain = {domain}\nsecret = {{ file = \"proxy.secret\" }}\n\
         target-address = {target}\n{relay}{faces}{allow_from}\n\
         [http]\nlisten = \"127.0.0.1:9114\"\n"
    )
}

const FILES: [&str; 3] = ["jat-proxy.toml", "keys.toml", "proxy.secret"];
const KEYS: &str = "\
# The key ring: all replicas have the same. Rotate with: jat-proxy keys add
";
const NAME_KEYS: &str = "\
# Makes the addresses that contacts keep, where `relay` has more than \"iq\". It is not rotated.";
