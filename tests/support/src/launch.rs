//! How a daemon is started: the program, the command, the folder.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};

use crate::daemon::Daemon;
use crate::folder::{CONFIG, Folder, LOG, PROGRAM};
use crate::program;

/// A daemon before its start; a test may change how it starts.
pub struct Launch {
    /// The command that runs the program in its folder, with a log file there.
    pub command: Command,
    pub folder: Folder,
}

impl Launch {
    pub fn new(configuration: &str) -> Self {
        Self::of(&program(), configuration)
    }

    /// With another build of the program, or with one that will be replaced: there is a link to it in the
    /// folder.
    pub fn of(program: &Path, configuration: &str) -> Self {
        let folder = Folder::beside_the_program();
        folder.write(CONFIG, configuration);
        fs::hard_link(program, folder.path(PROGRAM)).expect("it is on the same disk");
        let mut command = Command::new(folder.path(PROGRAM));
        command.args(["run", "-c", CONFIG]);
        Self { command, folder }.at_home()
    }

    /// In a folder that has a configuration.
    pub fn in_folder(folder: Folder) -> Self {
        let mut command = Command::new(program());
        command.args(["run", "-c"]).arg(folder.path(CONFIG));
        Self { command, folder }.at_home()
    }

    /// Runs it by these words, followed by the program and its arguments.
    pub fn behind(self, words: &[&str]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(self.command.get_program());
        self.by(command)
    }

    /// Runs it by another path to the program.
    pub fn under(self, path: &Path) -> Self {
        self.by(Command::new(path))
    }

    fn by(mut self, mut command: Command) -> Self {
        command.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
        self.at_home()
    }

    fn at_home(mut self) -> Self {
        let log = File::options().create(true).append(true).open(self.folder.path(LOG));
        self.command.current_dir(self.folder.path("")).stderr(log.expect("the folder is ours"));
        self
    }

    pub fn start(self) -> Daemon {
        self.start_by(|mut command| command.spawn().expect("the program starts"))
    }

    pub fn start_by(self, spawn: impl FnOnce(Command) -> Child) -> Daemon {
        let configuration = self.folder.read(CONFIG);
        let http = configuration.split_once("[http]").map(|(_, it)| quoted(it, "listen"));
        let http = http.and_then(|address| address.parse().ok());
        Daemon { child: spawn(self.command), http, folder: self.folder }
    }
}

/// The value of a key.
fn quoted<'t>(text: &'t str, key: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("{key} = \"")).expect("the key");
    rest.split_once('"').expect("its end").0
}
