//! What is left to do by hand once the files are there.

use std::net::IpAddr;
use std::path::Path;

use crate::jat::target::Target;

use super::super::DEFAULT_FILE;
use super::Arguments;
use super::local_server::{ROOT, Software};
use super::setup::{PACKAGED, Setup};

/// Numbered steps: the server's side, `check` and `run`, and the subscription.
pub(super) fn next_steps(
    setup: &Setup,
    secret: &str,
    config: &Path,
    arguments: &Arguments,
) -> String {
    let Setup { domain, target, .. } = setup;
    let option = match config == Path::new(DEFAULT_FILE) {
        true => String::new(),
        false => format!(" -c {}", quoted(config)),
    };
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
    let start = match is_of_the_service(&setup.dir, Path::new(ROOT)) {
        true => "systemctl enable --now jat-proxy".to_owned(),
        false => format!("jat-proxy run{option}"),
    };
    format!(
        "Written: {config}, and beside it keys.toml and proxy.secret.\n\n\
         1. Tell the server. {}\n\
         2. Start jat-proxy, and see in a second terminal what is still missing:\n\n     \
         {}\n     jat-proxy check{option} --connect --wait\n{accept}{written_to}",
        on_the_server(setup, secret),
        start
    )
}

/// Whether the files are those of the service, which is installed below `root`.
fn is_of_the_service(dir: &Path, root: &Path) -> bool {
    let mut units = ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"].iter();
    dir == Path::new(PACKAGED)
        && units.any(|folder| root.join(folder).join("jat-proxy.service").exists())
}

/// What to paste where.
fn on_the_server(setup: &Setup, secret: &str) -> String {
    let domain = &setup.domain;
    let (prosody, ejabberd) = (prosody(domain, secret), ejabberd(setup, secret));
    match setup.software {
        Some(Software::Prosody) => {
            format!("{}:\n\n{prosody}\n   and restart Prosody.\n", place_in_prosody(domain))
        }
        Some(Software::Ejabberd) => format!(
            "{}:\n\n{ejabberd}\n   and run: ejabberdctl reload_config\n",
            place_in_ejabberd()
        ),
        None => format!(
            "Prosody, at the end of prosody.cfg.lua:\n\n{prosody}\n   \
             or ejabberd, in the list under listen: in ejabberd.yml, indented like its \
             neighbours:\n\n{ejabberd}\n   and restart Prosody, or reload ejabberd.\n"
        ),
    }
}

/// Debian's configuration includes a folder; others consist of one file.
fn place_in_prosody(domain: &str) -> String {
    let file = Software::Prosody.configuration(Path::new(ROOT));
    let folder = file.as_deref().and_then(Path::parent).map(|folder| folder.join("conf.d"));
    match (folder.filter(|folder| folder.is_dir()), file) {
        (Some(folder), _) => format!("In a new file, {}/{domain}.cfg.lua", folder.display()),
        (None, Some(file)) => format!("At the end of {}", file.display()),
        (None, None) => "At the end of prosody.cfg.lua".to_owned(),
    }
}

fn place_in_ejabberd() -> String {
    let file = Software::Ejabberd.configuration(Path::new(ROOT));
    let file = file.unwrap_or_else(|| "ejabberd.yml".into());
    format!("In {}, in the list under listen:, indented like its neighbours", file.display())
}

fn prosody(domain: &str, secret: &str) -> String {
    format!("Component \"{domain}\"\n    component_secret = \"{secret}\"\n")
}

fn ejabberd(setup: &Setup, secret: &str) -> String {
    let Setup { domain, server, .. } = setup;
    let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
    // What a name resolves to here need not be an address of the server's machine.
    let ip = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => format!("    ip: \"{ip}\"\n"),
        Err(_) => String::new(),
    };
    format!(
        "  - port: {port}\n{ip}    module: ejabberd_service\n    global_routes: false\n    \
         hosts:\n      \"{domain}\":\n        password: \"{secret}\"\n"
    )
}

/// The path, quoted for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%~=".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_service_has_its_files_in_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert!(!is_of_the_service(Path::new("/etc/jat-proxy"), root));
        fs::create_dir_all(root.join("lib/systemd/system")).unwrap();
        fs::write(root.join("lib/systemd/system/jat-proxy.service"), "").unwrap();
        assert!(is_of_the_service(Path::new("/etc/jat-proxy"), root));
        assert!(!is_of_the_service(Path::new("jat"), root));
    }
}
