//! Which XMPP server is installed on this machine, and where its configuration is.

use std::io;
use std::path::{Path, PathBuf};

/// A server whose configuration `jat-proxy init` can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Software {
    Prosody,
    Ejabberd,
}

impl Software {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
        }
    }

    /// Where packages, installers and builds from source have the configuration.
    fn usual_files(self) -> &'static [&'static str] {
        match self {
            Self::Prosody => {
                &["/etc/prosody/prosody.cfg.lua", "/usr/local/etc/prosody/prosody.cfg.lua"]
            }
            Self::Ejabberd => &[
                "/etc/ejabberd/ejabberd.yml",
                "/opt/ejabberd/conf/ejabberd.yml",
                "/usr/local/etc/ejabberd/ejabberd.yml",
            ],
        }
    }

    /// The file of its configuration on this machine, below `root`.
    pub(super) fn configuration(self, root: &Path) -> Option<PathBuf> {
        let files = self.usual_files().iter().map(|file| root.join(file.trim_start_matches('/')));
        files.into_iter().find(|file| is_there(file))
    }

    /// Those that are installed below `root`.
    pub(super) fn installed(root: &Path) -> impl Iterator<Item = Self> {
        [Self::Prosody, Self::Ejabberd].into_iter().filter(|it| it.configuration(root).is_some())
    }
}

/// Whether there is such a file. In a folder that only the server's account may look into, there
/// is taken to be one.
fn is_there(file: &Path) -> bool {
    match file.symlink_metadata() {
        Ok(found) => !found.is_dir(),
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Where the files of this machine are.
pub(super) const ROOT: &str = "/";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_server_is_installed_where_its_configuration_is() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(Software::installed(root).count(), 0);
        let file = root.join("opt/ejabberd/conf/ejabberd.yml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(Software::installed(root).collect::<Vec<_>>(), [Software::Ejabberd]);
        assert_eq!(Software::Ejabberd.configuration(root), Some(file));
        let file = root.join("etc/prosody/prosody.cfg.lua");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        let both = [Software::Prosody, Software::Ejabberd];
        assert_eq!(Software::installed(root).collect::<Vec<_>>(), both);
    }
}
