//! `jat-proxy init`: a configuration, a key ring and a component secret.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use toml_edit::Array;
use zeroize::Zeroizing;

use crate::config::addresses::{self, AddressError};
use crate::config::{self, Problem};
use crate::jat::target::Target;

use super::replace::write_hint;
use super::{Exit, complain, key_file, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The domain of the component, as users will address it
    #[arg(long, value_name = "DOMAIN")]
    domain: String,
    /// The account that answers: the bare address of the implementing client
    #[arg(long, value_name = "ADDRESS")]
    target: String,
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
    /// Where to write the files
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, now: u64) -> Exit {
    match init(arguments, now) {
        Ok(text) => say(&text),
        Err(error) => {
            let (hint, exit) = match &error {
                InitError::Address(error) => (error.hint(), Exit::Usage),
                InitError::OwnDomain => ("name an account of an XMPP server", Exit::Usage),
                InitError::Configuration(problem) => (problem.hint.as_str(), Exit::Usage),
                InitError::Exists(_) => ("nothing is overwritten: choose another DIR", Exit::Usage),
                InitError::Write(_, error) => (write_hint(error), Exit::Io),
                InitError::Random(_) => {
                    ("the kernel is too old, or a sandbox too strict", Exit::Software)
                }
            };
            complain(&format!("error: {error}\n  help: {hint}\n"));
            exit
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error("{0}")]
    Address(#[from] AddressError),
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

fn init(arguments: &Arguments, now: u64) -> Result<String, InitError> {
    let domain = addresses::domain(&arguments.domain)?;
    let target = addresses::target(&arguments.target)?;
    if *target.bare().domain() == *domain {
        return Err(InitError::OwnDomain);
    }
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
    let config = configuration(&domain, &target, arguments);

    let dir = &arguments.dir;
    let files = [
        (dir.join("jat-proxy.toml"), config.as_str()),
        (dir.join("keys.toml"), keys.as_str()),
        (dir.join("proxy.secret"), secret.as_str()),
    ];
    // All or nothing: an old file found after the first new one would leave a mixture.
    if let Some((path, _)) = files.iter().find(|(path, _)| fs::symlink_metadata(path).is_ok()) {
        return Err(InitError::Exists(path.clone()));
    }
    let mut made = Made::default();
    let failed = |error| InitError::Write(dir.clone(), error);
    made.folder(dir).map_err(failed)?;
    let folder = fs::metadata(dir).map_err(failed)?;
    for (path, text) in &files {
        write(path, text, &folder, &mut made)?;
    }
    let path = &files[0].0;
    let first_error = |problems: Vec<Problem>| problems.into_iter().find(Problem::is_error);
    if let Some(problem) = config::load(path, now).err().and_then(first_error) {
        return Err(InitError::Configuration(problem));
    }
    made.stays();
    Ok(next_steps(&domain, &target, &secret, path, arguments))
}

/// What was made so far. It goes away unless it is told to stay: what is left of an attempt that
/// failed, on a full disk, say, would be in the way of the next one.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder that is there for its owner alone, and those above it that are missing.
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
            // A folder goes only if nobody has put anything into it.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}

/// Writes a file that is there for its owner alone: that of the `folder`, if root does it.
fn write(path: &Path, text: &str, folder: &fs::Metadata, made: &mut Made) -> Result<(), InitError> {
    let mut write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        made.0.push(path.to_owned());
        // Nobody else can give a file away; then it belongs to whoever makes it.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
        writeln!(file, "{}", text.trim_end_matches('\n'))?;
        file.sync_all()
    };
    write().map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
        _ => InitError::Write(path.to_owned(), error),
    })
}

fn configuration(domain: &str, target: &Target, arguments: &Arguments) -> String {
    let (domain, target) = (toml_edit::value(domain), toml_edit::value(target.as_str()));
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
         [server]\naddress = \"127.0.0.1:5347\"\n\n\
         [[component]]\ndomain = {domain}\nsecret = {{ file = \"proxy.secret\" }}\n\
         target-address = {target}\n{relay}{faces}{allow_from}\n\
         [http]\nlisten = \"127.0.0.1:9114\"\n"
    )
}

fn next_steps(
    domain: &str,
    target: &Target,
    secret: &str,
    config: &Path,
    arguments: &Arguments,
) -> String {
    let config = quoted(config);
    let mut written_to = arguments.faces.iter().map(|face| format!("{face}@{domain}"));
    let written_to = match (written_to.next(), arguments.relay.is_empty()) {
        (_, true) => String::new(),
        (Some(face), false) => format!("\nPeople write to {face}.\n"),
        (None, false) => format!("\nPeople write to {domain}.\n"),
    };
    let accept = match target {
        Target::Resource { .. } => String::new(),
        Target::Account(bare) => format!(
            "\n3. jat-proxy asks {bare} to see its presence. The bot accepts that once: it answers the\n   \
             <presence type='subscribe'/> of {domain} with\n\n     \
             <presence type='subscribed' to='{domain}'/>\n\n   \
             (docs/clients has bots that do so, and for nobody else). A chat client that allows the\n   \
             contact request in its place must then log out: while it is online it gets requests.\n"
        ),
    };
    format!(
        "Written: {config}, and beside it keys.toml and proxy.secret.\n\n\
         1. Tell the server. Prosody, at the end of prosody.cfg.lua:\n\n\
         Component \"{domain}\"\n    component_secret = \"{secret}\"\n\n   \
         or ejabberd, in the list under listen: in ejabberd.yml, indented like its neighbours:\n\n  \
         - port: 5347\n    ip: \"127.0.0.1\"\n    module: ejabberd_service\n    \
         global_routes: false\n    hosts:\n      \"{domain}\":\n        \
         password: \"{secret}\"\n\n   \
         and restart Prosody, or reload ejabberd.\n\n\
         2. Check and run:\n\n     \
         jat-proxy check -c {config}\n     jat-proxy run -c {config}\n{accept}{written_to}"
    )
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%~=".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

const KEYS: &str = "\
# The key ring: all replicas have the same. Rotate with: jat-proxy keys add
";
const NAME_KEYS: &str = "\
# Makes the addresses that contacts keep, where `relay` has more than \"iq\". It is not rotated.";
