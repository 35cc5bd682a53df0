//! Two servers that find each other without DNS: their domains are addresses of loopback.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use test_support::interop::server::{HOST, Kind, SECRET, Server, Software, paste, prosody};

pub struct TwoServers {
    /// The server of the components.
    pub near: Server,
    /// The server of their targets.
    pub far: Server,
    domains: Vec<String>,
    given: AtomicUsize,
}

impl TwoServers {
    /// With so many domains of components at the near server; `change` changes the configuration of both.
    pub fn start(
        [near, far]: [Kind; 2],
        components: usize,
        change: impl Fn(Kind, String) -> String,
    ) -> TwoServers {
        let (host, domains) =
            (free_address(), Vec::from_iter((0..components).map(|_| free_address())));
        let near = Server::start_changed(near, |text| {
            let component = |domain: &String| match near.software {
                Software::Prosody => {
                    format!("Component \"{domain}\"\n\tcomponent_secret = \"{SECRET}\"\n")
                }
                // Its listener accepts a component with any name.
                _ => String::new(),
            };
            let text = federating(near, &change(near, text), &domains);
            paste(near, &text, &domains.iter().map(component).collect::<String>())
        });
        let mut far = Server::start_changed(far, |text| {
            let text = federating(far, &change(far, text), std::slice::from_ref(&host));
            match far.software {
                Software::Prosody => format!("{text}\nVirtualHost \"{host}\"\n"),
                _ => text.replace(
                    &format!("hosts: [\"{HOST}\"]"),
                    &format!("hosts: [\"{HOST}\", \"{host}\"]"),
                ),
            }
        });
        far.host = host;
        TwoServers { near, far, domains, given: AtomicUsize::new(0) }
    }

    /// A component domain of the near server that no other test has.
    pub fn new_domain(&self) -> String {
        self.domains[self.given.fetch_add(1, Ordering::Relaxed)].clone()
    }
}

/// The configuration of a server that listens for others on these addresses, which are its domains.
fn federating(kind: Kind, text: &str, addresses: &[String]) -> String {
    match kind.software {
        Software::Prosody => {
            let quoted: String = addresses.iter().map(|it| format!("\"{it}\"; ")).collect();
            let lines = format!(
                "s2s_interfaces = {{ {quoted}}}\ns2s_ports = {{ {PORT} }}\n\
                 s2s_require_encryption = false\ns2s_secure_auth = false\n"
            );
            prosody::with_module(text, "dialback", &lines)
                .replace("modules_disabled = { \"s2s\"; ", "modules_disabled = { ")
        }
        _ => {
            let listener = |address: &String| {
                format!(
                    "  -\n    port: {PORT}\n    ip: \"{address}\"\n    module: ejabberd_s2s_in\n"
                )
            };
            let options = "s2s_use_starttls: false\ns2s_dns_timeout: 1\ns2s_dns_retries: 1\n\
                           s2s_max_retry_delay: 1\n";
            let listeners: String = addresses.iter().map(listener).collect();
            paste(kind, text, &listeners).replace("s2s_access: none\n", options)
                + "  mod_s2s_dialback: {}\n"
        }
    }
}

/// A loopback address where nobody listens for servers.
fn free_address() -> String {
    let some = || format!("127.78.{}.{}", fastrand::u8(..), fastrand::u8(1..255));
    let free = |address: &String| TcpListener::bind((&**address, PORT)).is_ok();
    std::iter::repeat_with(some).take(100).find(free).expect("a free address")
}

/// The port on which servers connect to each other.
const PORT: u16 = 5269;
