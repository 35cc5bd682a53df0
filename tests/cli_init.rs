//! `jat-proxy init`, the real program in real folders.

mod common_cli;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common_cli::Folder;

#[test]
fn what_init_writes_is_good_as_it_is() {
    let folder = Folder::new();
    let dir = folder.path("new/one");
    let dir = dir.to_str().unwrap();
    let arguments = ["init", "--domain", "Proxy.example", "--target", "bot@some.example", dir];
    let out = folder.run_plain(&arguments);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    let secret = folder.read("new/one/proxy.secret");
    for told in [
        "Component \"proxy.example\"\n".to_owned(),
        format!("component_secret = \"{}\"", secret.trim()),
        format!("password: \"{}\"", secret.trim()),
        "module: ejabberd_service".to_owned(),
        "<presence type='subscribed' to='proxy.example'/>".to_owned(),
    ] {
        assert!(out.out.contains(&told), "{}", out.out);
    }
    assert_eq!(folder.mode("new/one"), 0o700);
    for name in ["jat-proxy.toml", "keys.toml", "proxy.secret"] {
        assert_eq!(folder.mode(&format!("new/one/{name}")), 0o600);
    }
    let config = format!("{dir}/jat-proxy.toml");
    let out = folder.run_plain(&["check", "-c", &config]);
    assert_eq!((out.code, out.err.as_str()), (0, ""));
    assert_eq!(folder.run_plain(&["keys", "add", "-c", &config]).code, 0);

    // A second time nothing is touched.
    let out = folder.run_plain(&arguments);
    assert_eq!(out.code, 64);
    assert!(out.err.contains("jat-proxy.toml exists"), "{}", out.err);
    assert_eq!(folder.read("new/one/proxy.secret"), secret);
}

/// As root into the folder of the service's account.
#[test]
fn what_init_writes_belongs_to_who_owns_the_folder() {
    let folder = Folder::new();
    let path = folder.path("etc");
    fs::create_dir(&path).unwrap();
    // Only root can give it away; for others it is their own, and so are the files.
    let _ = std::os::unix::fs::chown(&path, Some(65_534), Some(65_534));
    let arguments = ["init", "--domain", "proxy.example", "--target", "bot@some.example"];
    let out = folder.run_plain(&[&arguments[..], &[path.to_str().unwrap()]].concat());
    assert_eq!(out.code, 0, "{}", out.err);
    let owner = |path: &Path| path.metadata().map(|it| (it.uid(), it.gid())).unwrap();
    for file in ["jat-proxy.toml", "keys.toml", "proxy.secret"] {
        assert_eq!(owner(&path.join(file)), owner(&path), "{file}");
    }
}

#[test]
fn init_refuses_what_check_would_refuse_and_writes_nothing() {
    let folder = Folder::new();
    let dir = folder.path("new");
    for (domain, target) in [
        ("proxy example", "bot@some.example"),
        ("proxy.example", "some.example"),
        ("proxy.example", "bot@PROXY.example"),
        ("proxy.example", ""),
    ] {
        let arguments = ["init", "--domain", domain, "--target", target, dir.to_str().unwrap()];
        let out = folder.run_plain(&arguments);
        assert_eq!(out.code, 64, "{out:?}");
        assert!(out.err.starts_with("error: ") && out.err.contains("\n  help: "), "{}", out.err);
        assert!(!dir.exists());
    }
}
