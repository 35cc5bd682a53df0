//! The bots as their pages print them, with the addresses and the server of a test.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::interop::server::{HOST, Server, Suite, fresh_folder};
use test_support::pages::{Block, block};
use test_support::process::{self, Process};
use test_support::repository;

/// The options of a bot.
#[derive(Clone, Copy)]
pub struct BotOptions<'a> {
    pub server: &'a Server,
    pub target: &'a str,
    pub domain: &'a str,
    /// Where it connects to, and how.
    pub port: u16,
    pub way: Way<'a>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Way<'a> {
    Plain,
    /// With TLS as on its page, and with this CA.
    Tls(Option<&'a Path>),
}

/// Where a library is from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// The Debian of the server.
    Debian,
    /// The registry of its language: the version that tests/clients/ has.
    Registry,
}

impl<'a> BotOptions<'a> {
    pub fn plain(server: &'a Server, target: &'a str, domain: &'a str) -> Self {
        Self { server, target, domain, port: server.client_port, way: Way::Plain }
    }

    fn suite(&self) -> Suite {
        self.server.kind.suite
    }

    fn ca(&self) -> Option<&Path> {
        if let Way::Tls(ca) = self.way { ca } else { None }
    }

    /// The code with the account and the proxy filled in, as a reader does.
    fn filled_in(&self, code: &str) -> String {
        let code = put(code, "proxy.domain.example", self.domain);
        let code = put(&code, "some-user@some-domain.example", self.target);
        put(&code, "the bot's password", "password")
    }

    /// Runs slixmpp's code of a page, which `loopback.py` keeps from asking DNS.
    pub fn slixmpp(&self, source: Source, code: &str) -> Process {
        let folder = fresh_folder("slixmpp-bot");
        self.start_slixmpp(source, &folder, &self.filled_in(code))
    }

    /// The same for code that is already filled in.
    pub fn start_slixmpp(&self, source: Source, folder: &Path, code: &str) -> Process {
        Process::start(self.with_slixmpp(source, folder, code), &folder.join("log"))
    }

    fn with_slixmpp(&self, source: Source, folder: &Path, code: &str) -> Command {
        let loopback = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/loopback.py");
        let way = if self.way == Way::Plain { "plain" } else { "tls" };
        let port = self.port.to_string();
        self.python(source, folder, code, &[loopback.to_str().unwrap(), "127.0.0.1", &port, way])
    }

    /// The client of clients/webhook/, with what its page exports.
    pub fn webhook(&self, source: Source, exports: &str) -> Process {
        let folder = fresh_folder("webhook-client");
        let code = repository().join("clients/webhook/webhook.py");
        let code = std::fs::read_to_string(code).unwrap();
        let mut python = self.with_slixmpp(source, &folder, &code);
        let exports = self.filled_in(exports);
        let exports = exports.lines().filter_map(|it| it.strip_prefix("export ")?.split_once('='));
        python.envs(exports.map(|(name, value)| (name, value.trim_matches('"'))));
        Process::start(python, &folder.join("log"))
    }

    pub fn aioxmpp(&self, source: Source, code: &str) -> Process {
        let layer = "make_security_layer(PASSWORD)";
        let port = self.port;
        let loose = if self.way == Way::Plain { "._replace(tls_required=False)" } else { "" };
        let here = format!(
            "{layer}{loose}, \
             override_peer=[(\"127.0.0.1\", {port}, aioxmpp.connector.STARTTLSConnector())]"
        );
        let code = put(&self.filled_in(code), layer, &here);
        let folder = fresh_folder("aioxmpp-bot");
        Process::start(self.python(source, &folder, &code, &[]), &folder.join("log"))
    }

    fn python(&self, source: Source, folder: &Path, code: &str, before: &[&str]) -> Command {
        write(folder, "bot.py", code);
        let mut python = self.suite().command(PYTHON);
        python.arg("-B").args(before).arg("bot.py").current_dir(folder);
        let mut path = vec![repository().join("clients/python/src")];
        path.extend((source == Source::Registry).then(|| from_pypi(self.suite())));
        python.env("PYTHONPATH", std::env::join_paths(path).unwrap());
        python.envs(self.ca().map(|ca| ("SSL_CERT_FILE", ca)));
        python
    }

    /// With this system's Node.js, since some of Debian's are too old.
    pub fn xmpp_js(&self, code: &str) -> Process {
        let modules = installed().join("node_modules");
        assert!(modules.join("@xmpp/client").is_dir(), "{} is {MADE}", modules.display());
        let folder = fresh_folder("xmpp-js-bot");
        let code = put(code, "proxy.domain.example", self.domain);
        let service = format!("xmpp://127.0.0.1:{}", self.port);
        let code = put(&code, "xmpp://some-domain.example:5222", &service);
        let code = put(&code, "\"some-domain.example\"", &format!("{HOST:?}"));
        let code = put(&code, "some-user", self.target.split('@').next().unwrap());
        write(&folder, "bot.mjs", &put(&code, "the bot's password", "password"));
        let own = folder.join("node_modules");
        std::fs::create_dir(&own).unwrap();
        symlink(modules.join("@xmpp"), own.join("@xmpp")).unwrap();
        symlink(repository().join("clients/javascript"), own.join("jat-proxy")).unwrap();
        // `tests/run` installs one there if the system's is too old.
        let ours = modules.with_file_name("node");
        let program = if ours.exists() { ours.to_str().unwrap() } else { "node" };
        let mut node = process::command(program);
        node.arg("bot.mjs").current_dir(&folder);
        node.envs(self.ca().map(|ca| ("NODE_EXTRA_CA_CERTS", ca)));
        Process::start(node, &folder.join("log"))
    }

    pub fn go_xmpp(&self, code: &str, decoder: &Block) -> Process {
        let folder = fresh_folder("go-xmpp-bot");
        let here = format!("127.0.0.1:{}", self.port);
        let mut code = self.filled_in(&put(code, "some-domain.example:5222", &here));
        if self.way == Way::Plain {
            let insecure = "StartTLS: false, InsecureAllowUnencryptedAuth: true";
            code = put(&code, "StartTLS: true", insecure);
        }
        if self.suite() == Suite::Debian12 {
            code = put(&code, "github.com/xmppo/go-xmpp", "github.com/mattn/go-xmpp");
        }
        write(&folder, "bot.go", &code);
        write(&folder, "token.go", &decoder.text);
        let mut build = self.suite().command("go");
        build.args(["build", "-o", "bot", "bot.go", "token.go"]).current_dir(&folder);
        build.envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode")]);
        let build = build.env("GOTOOLCHAIN", "local").env("GOCACHE", installed().join("go"));
        let built = build.output().expect("go is installed (tests/run does it)");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let mut bot = self.suite().command(folder.join("bot").to_str().unwrap());
        bot.envs(self.ca().map(|ca| ("SSL_CERT_FILE", ca))).current_dir(&folder);
        Process::start(bot, &folder.join("log"))
    }
}

/// The code below this heading of a beginner's page, with the names that the other pages use.
pub fn first_steps(heading: &str) -> String {
    let code = block("docs/first-steps-prosody.md", heading, "python").text;
    code.replace("proxy.localhost", "proxy.domain.example")
        .replace("bot@localhost", "some-user@some-domain.example")
        .replace("user@localhost", "user@some-domain.example")
}

/// Libraries of PyPI for the Python of this Debian.
pub fn from_pypi(suite: Suite) -> PathBuf {
    let version = match suite {
        Suite::Debian12 => "3.11",
        Suite::Debian13 => "3.13",
        Suite::Sid => panic!("sid has the newest ones itself"),
    };
    let folder = installed().join(format!("python-{version}"));
    assert!(folder.is_dir(), "{} is {MADE}", folder.display());
    folder
}

/// The folder below target/ into which tests/run installs what Debian does not have.
pub fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients")
}

/// The code with `page` replaced by `here`; `page` must be in it.
pub fn put(code: &str, page: &str, here: &str) -> String {
    assert!(code.contains(page), "the page's code has no {page}");
    code.replace(page, here)
}

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::write(folder.join(file), text).unwrap();
}

/// Debian's own Python, which has Debian's libraries.
pub const PYTHON: &str = "/usr/bin/python3";

const MADE: &str = "not there: tests/run makes it";
