//! A real `jat-proxy run` as a child process: its configuration, log, metrics and signals.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::folder::write_private;
use crate::http;
use crate::interop::host::{Host, command_on, on};
use crate::interop::server::{SECRET, Server, fresh_folder};
use crate::port::free_ports;
use crate::process::{Process, command};
use crate::program;
use crate::wait::wait_until;

/// The parts of the configuration that tests vary.
#[derive(Clone)]
pub struct Settings {
    pub domain: String,
    pub target: String,
    /// Additional lines for the `[[component]]` table.
    pub component: String,
    /// Additional lines for the `[server]` table.
    pub server: String,
    /// Additional lines and tables before everything else.
    pub top: String,
    /// The content of the key file, and its path if replicas share it.
    pub keys: String,
    pub key_file: PathBuf,
    /// Additional environment variables of the process.
    pub environment: Vec<(&'static str, String)>,
    pub secret: String,
    /// The server's port for components, if not the usual one.
    pub server_port: Option<u16>,
}

impl Settings {
    pub fn new(domain: &str, target: &str) -> Settings {
        Settings {
            domain: domain.into(),
            target: target.into(),
            component: String::new(),
            server: String::new(),
            top: String::new(),
            keys: key(1, 'A', None),
            key_file: "keys.toml".into(),
            environment: Vec::new(),
            secret: SECRET.into(),
            server_port: None,
        }
    }

    pub fn write(&self, folder: &Path, component_port: u16, http_port: u16) {
        let Settings { domain, target, component, server, top, keys, key_file, .. } = self;
        let config = format!(
            r#"
key-file = {key_file:?}
{top}
[server]
address = "127.0.0.1:{component_port}"
{server}
[[component]]
domain = "{domain}"
secret = {{ file = "component.secret" }}
target-address = "{target}"
{component}
[http]
listen = "127.0.0.1:{http_port}"
"#
        );
        write_private(&folder.join("jat-proxy.toml"), &config);
        write_private(&folder.join("component.secret"), &self.secret);
        write_private(&folder.join(key_file), keys);
    }
}

/// A `[[key]]` table; the same letter is the same secret.
pub fn key(id: u8, letter: char, not_before: Option<&str>) -> String {
    let since = not_before.map(|at| format!("not-before = \"{at}\"\n")).unwrap_or_default();
    format!("[[key]]\nid = {id}\n{}{since}\n", secret(letter))
}

/// A `[[name-key]]` table; the same letter is the same secret.
pub fn name_key(id: u8, letter: char) -> String {
    format!("[[name-key]]\nid = {id}\n{}\n", secret(letter))
}

fn secret(letter: char) -> String {
    use base64ct::{Base64, Encoding};
    format!("secret = \"{}\"\n", Base64::encode_string(&[letter as u8; 32]))
}

pub struct Proxy {
    pub settings: Settings,
    folder: PathBuf,
    component_port: u16,
    http_port: u16,
    place: Option<Arc<Host>>,
    process: Process,
}

impl Proxy {
    /// Starts a proxy and waits until its stream to the server is up.
    pub fn start(server: &Server, settings: Settings) -> Proxy {
        let proxy = Proxy::launch(server, settings);
        proxy.wait_connected();
        proxy
    }

    /// Starts a proxy and waits only until its HTTP side answers.
    pub fn launch(server: &Server, settings: Settings) -> Proxy {
        let folder = fresh_folder(&format!("proxy-{}-{}", server.kind, settings.domain));
        let [http_port] = free_ports();
        let component_port = settings.server_port.unwrap_or(server.component_port);
        settings.write(&folder, component_port, http_port);
        let place = server.place().cloned();
        let process = start(&folder, &settings, place.as_ref());
        let mut proxy = Proxy { settings, folder, component_port, http_port, place, process };
        proxy.wait_http();
        proxy
    }

    /// The path of its configuration.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("jat-proxy.toml")
    }

    fn wait_http(&mut self) {
        let what = format!("HTTP to answer; see {}", self.folder.display());
        wait_until(&what, || {
            assert!(self.process.is_running(), "it ended: {:?}", self.log());
            self.try_get("/healthz").is_some()
        });
    }

    pub fn wait_connected(&self) {
        self.wait_until("its stream", Proxy::is_connected);
    }

    pub fn is_connected(&self) -> bool {
        self.count(&["jat_proxy_stream_up", OWN_STREAM]) == 1
    }

    /// Waits until it is ready.
    pub fn wait_ready(&self) {
        self.wait_until("readiness", |it| {
            it.try_get("/readyz").is_some_and(|(code, _)| code == 200)
        });
    }

    /// How many streams to the server it has opened so far.
    pub fn logins(&self) -> u64 {
        self.count(&["jat_proxy_logins_total", OWN_STREAM])
    }

    /// Waits until the status names each of these full JIDs as an online resource.
    pub fn wait_online(&self, jids: &[&str]) {
        self.wait_until(&format!("{jids:?} to be online"), |proxy| {
            let status = proxy.status();
            jids.iter().all(|jid| online(&status).iter().any(|it| it == jid))
        });
    }

    pub fn wait_offline(&self, jid: &str) {
        self.wait_until(&format!("{jid} to be offline"), |proxy| {
            !online(&proxy.status()).iter().any(|it| it == jid)
        });
    }

    /// Waits until the status says that this full JID gets no new requests, or that it does. (Presence
    /// may come more than once, so a count of it would not be enough.)
    pub fn wait_dnd(&self, jid: &str, dnd: bool) {
        self.wait_until(&format!("dnd {dnd} of {jid}"), |proxy| {
            let resources = &proxy.status()["components"][0]["resources"];
            let mut resources = resources.as_array().unwrap().iter();
            resources.any(|it| it["address"] == jid && it["dnd"] == dnd)
        });
    }

    /// The address of the page.
    pub fn page(&self) -> String {
        format!("http://{}/", SocketAddr::from((Ipv4Addr::LOCALHOST, self.http_port)))
    }

    /// `/status` as JSON.
    pub fn status(&self) -> serde_json::Value {
        let (code, body) = self.try_get("/status").expect("the status page answers");
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The sum of all counters whose line contains every one of these fragments.
    pub fn count(&self, fragments: &[&str]) -> u64 {
        self.metrics()
            .lines()
            .filter(|line| fragments.iter().all(|it| line.contains(it)))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// The lines of `/metrics` without comments, one for each value.
    pub fn metrics(&self) -> String {
        let (code, body) = self.try_get("/metrics").expect("the metrics page answers");
        assert_eq!(code, 200, "{body}");
        body.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
    }

    /// How many stanzas were counted with this reason.
    pub fn reason(&self, reason: &str) -> u64 {
        self.count(&["jat_proxy_stanzas_total", &format!("reason=\"{reason}\"")])
    }

    pub fn wait_reason(&self, reason: &str, at_least: u64) {
        self.wait_until(&format!("{at_least} x {reason}"), |proxy| {
            proxy.reason(reason) >= at_least
        });
    }

    /// The log lines that it has written so far, at the configured level. The latest may still be in its
    /// queue.
    pub fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("log")).unwrap();
        text.lines().map(str::to_string).collect()
    }

    /// Waits for a line, after the first `skipped` ones, that contains these words.
    pub fn wait_log(&self, skipped: usize, words: &str) -> String {
        let find = |it: &Proxy| it.log().into_iter().skip(skipped).find(|it| it.contains(words));
        self.wait_until(words, |it| find(it).is_some());
        find(self).expect("a log only grows")
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends a signal that ends it; returns its exit status.
    pub fn stop_with(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        // Its shutdown-timeout is 8 s.
        let status = self.process.wait(Duration::from_secs(30));
        status.expect("jat-proxy ends within its shutdown-timeout")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again with the same configuration.
    pub fn restart(&mut self) {
        assert!(!self.process.is_running());
        self.process = start(&self.folder, &self.settings, self.place.as_ref());
        self.wait_http();
        self.wait_connected();
    }

    /// Writes the changed settings, for the running process to read.
    pub fn rewrite(&self) {
        self.settings.write(&self.folder, self.component_port, self.http_port);
    }

    /// Has the running process read the changed settings, and waits until it says so.
    pub fn reload(&self) {
        self.reload_with(&self.settings);
    }

    /// The same with other settings.
    pub fn reload_with(&self, settings: &Settings) {
        let lines = self.log().len();
        settings.write(&self.folder, self.component_port, self.http_port);
        self.signal(Signal::HUP);
        let said = self.wait_log(lines, "reloaded");
        assert!(said.contains("configuration reloaded"), "{:?}", self.log().split_off(lines));
    }

    /// Upgrades in place, to the same program.
    pub fn upgrade(&self) {
        let lines = self.log().len();
        self.signal(Signal::USR2);
        self.wait_log(lines, "upgraded in place");
    }

    /// Runs another subcommand on this configuration; returns its output.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let (success, said) = self.try_cli(arguments);
        assert!(success, "{said}");
        said
    }

    /// The same; returns whether it succeeded, and the output, with that to standard error if not.
    pub fn try_cli(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = command(program());
        command.args(arguments).arg("-c").arg(self.configuration());
        let output = command_on(self.place.as_ref(), command).output().unwrap();
        let mut said = String::from_utf8(output.stdout).unwrap();
        let success = output.status.success();
        if !success {
            said += &String::from_utf8_lossy(&output.stderr);
        }
        (success, said)
    }

    /// The warnings in its status.
    pub fn warnings(&self) -> Vec<String> {
        let status = self.status();
        let warnings = status["components"][0]["warnings"].as_array().expect("a list").iter();
        warnings.map(|it| it.as_str().expect("text").to_owned()).collect()
    }

    pub fn wait_until(&self, what: &str, found: impl Fn(&Proxy) -> bool) {
        let what = format!("{what}; see {}", self.folder.display());
        wait_until(&what, || found(self));
    }

    /// A GET to the proxy's own HTTP side: status code and body.
    pub fn try_get(&self, path: &str) -> Option<(u16, String)> {
        let address = (Ipv4Addr::LOCALHOST, self.http_port).into();
        let answer = on(self.place.as_ref(), || http::get(address, path)).ok()?;
        Some((answer.status, answer.body))
    }
}

/// A test that fails shows what its proxies say.
impl Drop for Proxy {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let status = self.try_get("/status").map_or("no status".to_owned(), |(_, body)| body);
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(LOG_LINES);
        let log: Vec<_> = log.lines().skip(skipped).collect();
        println!("{}: {status}\n{}", self.settings.domain, log.join("\n"));
    }
}

/// So many lines of a log are shown.
const LOG_LINES: usize = 30;

/// The component's own stream, not that of a presence domain.
const OWN_STREAM: &str = "stream=\"component\"";

fn start(folder: &Path, settings: &Settings, place: Option<&Arc<Host>>) -> Process {
    let mut command = command(program());
    command.arg("run").arg("-c").arg(folder.join("jat-proxy.toml"));
    command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
    Process::start(command_on(place, command), &folder.join("log"))
}

/// The full JIDs that the status lists as online resources.
fn online(status: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_strings(status, &mut found);
    found
}

fn collect_strings(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Array(values) => values.iter().for_each(|it| collect_strings(it, found)),
        serde_json::Value::Object(map) => map.values().for_each(|it| collect_strings(it, found)),
        _ => {}
    }
}
