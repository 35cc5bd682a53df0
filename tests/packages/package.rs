//! The package, and others made from it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The package of this source, built once.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let output = Command::new("packaging/deb").output().expect("it is a script");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).expect("a path");
        PathBuf::from(said.lines().last().expect("cargo deb says where it is"))
    })
}

/// A package made from the built one, removed with its folder.
pub struct Other {
    pub file: PathBuf,
    _folder: TempDir,
}

/// The version after this one, with the same number of bytes.
pub fn next_version() -> String {
    format!("{}9", &VERSION[..VERSION.len() - 1])
}

/// The next version: the program built for tests, which differs from the packaged one as another
/// version would, with that number in it. (With optimisation there is no number to find.)
pub fn next() -> Other {
    let new = next_version();
    Other::new(&new, |program| {
        let mut bytes = fs::read(env!("CARGO_BIN_EXE_jat-proxy")).unwrap();
        let mut found = 0;
        for at in 0..bytes.len() - VERSION.len() {
            if &bytes[at..at + VERSION.len()] == VERSION.as_bytes() {
                bytes[at..at + VERSION.len()].copy_from_slice(new.as_bytes());
                found += 1;
            }
        }
        assert!(found > 0, "the program names its version");
        fs::write(program, bytes).unwrap();
    })
}

/// A version that accepts no configuration.
pub fn broken() -> Other {
    Other::new(&format!("{}9.1", &VERSION[..VERSION.len() - 1]), |program| {
        let script = "#!/bin/sh\necho 'error: no such key, says the new version' >&2\nexit 78\n";
        fs::write(program, script).unwrap();
    })
}

impl Other {
    fn new(version: &str, change: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let tree = folder.path().join("tree");
        dpkg_deb(&["-R".as_ref(), built(), &tree]);
        let program = tree.join("usr/bin/jat-proxy");
        change(&program);
        assert_eq!(program.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        let control = tree.join("DEBIAN/control");
        let text = fs::read_to_string(&control).unwrap();
        let changed =
            text.replace(&format!("Version: {VERSION}-1"), &format!("Version: {version}-1"));
        assert_ne!(changed, text);
        fs::write(control, changed).unwrap();
        let file = folder.path().join(format!("jat-proxy_{version}-1.deb"));
        dpkg_deb(&["--root-owner-group".as_ref(), "-Znone".as_ref(), "-b".as_ref(), &tree, &file]);
        Self { file, _folder: folder }
    }
}

fn dpkg_deb(arguments: &[&Path]) {
    let output = Command::new("dpkg-deb").args(arguments).output().expect("dpkg-deb runs");
    assert!(output.status.success(), "{output:?}");
}
