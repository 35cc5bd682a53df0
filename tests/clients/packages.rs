//! The libraries as packages: their content and their metadata.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use core_tests::interpreter::PYTHON;
use core_tests::repository;
use serde_json::Value;
use test_support::pages;

use crate::{fresh, passes};

#[test]
fn both_have_the_version_and_the_licence_of_the_program() {
    let cargo: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = cargo["package"]["version"].as_str().unwrap();
    let licence = cargo["workspace"]["package"]["license"].as_str().unwrap();
    let python: toml::Table = read("clients/python/pyproject.toml").parse().unwrap();
    let python = &python["project"];
    assert_eq!(python["version"].as_str(), Some(version));
    assert_eq!(python["license"]["text"].as_str(), Some(licence));
    assert!(python.get("dependencies").is_none(), "{python}");
    let node: Value = serde_json::from_str(&read("clients/javascript/package.json")).unwrap();
    assert_eq!(node["version"].as_str(), Some(version));
    assert_eq!(node["license"].as_str(), Some(licence));
    assert!(node.get("dependencies").is_none(), "{node}");
    assert_eq!(node["description"].as_str(), python["description"].as_str());
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        for folder in ["clients/python", "clients/javascript"] {
            assert!(read(file) == read(&format!("{folder}/{file}")), "{folder}/{file}");
        }
    }
}

#[test]
#[ignore = "needs pip and setuptools"]
fn pip_makes_a_package_that_can_be_imported() {
    let made = fresh("wheel");
    // pip builds in the folder itself, in which the licences are links.
    let source = fresh("wheel-source");
    let python = shown("clients/python/README.md", "pip install ").join(".");
    passes(Command::new("cp").arg("-rL").arg(python).arg(&source));
    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]);
    passes(pip.arg("--wheel-dir").arg(&made).arg(&source));
    let files: Vec<_> = fs::read_dir(&made).unwrap().map(|it| it.unwrap().path()).collect();
    let [wheel] = &files[..] else { panic!("{files:?}") };
    let said = passes(Command::new(PYTHON).args(["-m", "zipfile", "-l"]).arg(wheel));
    for file in ["jat_proxy/__init__.py", "jat_proxy/py.typed", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(said.contains(file), "{file}: {said}");
    }
    assert!(!said.contains("test"), "{said}");
    // A wheel of pure Python can be imported as it is.
    let code = "import jat_proxy; print(jat_proxy.__file__)";
    let mut python = Command::new(PYTHON);
    python.args(["-B", "-c", code]).env("PYTHONPATH", wheel).current_dir(&made);
    let said = passes(&mut python);
    assert!(said.contains(wheel.to_str().unwrap()), "{said}");
}

#[test]
#[ignore = "needs npm"]
fn npm_packs_the_library_and_its_types() {
    let mut npm = Command::new("npm");
    npm.args(["pack", "--dry-run", "--json", "--offline", "--ignore-scripts", "--loglevel=error"]);
    let said = passes(npm.current_dir(shown("clients/javascript/README.md", "npm install ")));
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    // Newer versions print a table by name.
    let packed = said.get(0).or_else(|| said.get("jat-proxy")).unwrap_or_else(|| panic!("{said}"));
    let files = packed["files"].as_array().unwrap_or_else(|| panic!("{said}"));
    let files: BTreeSet<_> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    let wanted =
        ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "index.d.ts", "index.js", "package.json"];
    assert_eq!(files, wanted.into());
}

/// The folder that the page's command installs.
fn shown(page: &str, command: &str) -> PathBuf {
    let blocks = pages::blocks(page);
    let folder = blocks.iter().find_map(|it| it.text.strip_prefix(command)).expect(command);
    repository().join(folder.trim().strip_prefix("./").expect("pip and npm need it"))
}

/// With the library from PyPI that it also needs.
#[test]
fn the_webhook_is_installed_from_the_same_folder() {
    let blocks = pages::blocks("docs/clients/webhook.md");
    let install = "bot/bin/pip install slixmpp ./clients/python\n";
    assert!(blocks.iter().any(|it| it.text.ends_with(install)), "{blocks:?}");
    assert!(shown("clients/python/README.md", "pip install ").ends_with("clients/python"));
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).expect(path)
}
