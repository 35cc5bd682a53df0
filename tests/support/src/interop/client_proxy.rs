//! Prosody's community module mod_client_proxy, which jat-proxy is compared with.
//!
//! No package of Debian 12 or 13 has it: `MOD_CLIENT_PROXY=folder` names a folder with the module.
//! Otherwise a stand-in of ours with the same addresses and the same subscription is used.

use std::fs;
use std::path::{Path, PathBuf};

use super::client::Client;
use super::scene::accept_subscription;
use super::server::{HOST, Server};
use crate::{repository, scratch};

/// Its name for people.
pub fn name() -> &'static str {
    if given().is_some() { "mod_client_proxy" } else { "a stand-in for mod_client_proxy" }
}

/// A configuration of Prosody that can load it, with this component.
pub fn with(configuration: &str, component: &str) -> String {
    let folder =
        given().map_or_else(|| repository().join("tests/interop/stand_in"), |it| copy(&it));
    let paths = format!("plugin_paths = {{ {folder:?};");
    configuration.replace("plugin_paths = {", &paths) + component
}

/// A copy of the module in this folder, where a server of another Debian sees it.
fn copy(module: &Path) -> PathBuf {
    let (file, folder) = ("mod_client_proxy.lua", scratch().join("client_proxy"));
    fs::create_dir_all(&folder).unwrap();
    let from = module.join(file);
    fs::copy(&from, folder.join(file)).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    folder
}

/// Its target logs in, has an entry for `domain` in its roster, and is known to the module.
pub fn first_login(server: &Server, node: &str, resource: &str, domain: &str) -> Client {
    let mut target = Client::login(server, &format!("{node}@{HOST}"), resource);
    target.fetch_roster();
    target.available("");
    // The module subscribes when it is loaded, which at a start may be before the account's host
    // exists.
    server.shell(&format!("module:reload('client_proxy', '{domain}')"));
    accept_subscription(&mut target, domain);
    target
}

fn given() -> Option<PathBuf> {
    std::env::var_os("MOD_CLIENT_PROXY").map(PathBuf::from)
}
