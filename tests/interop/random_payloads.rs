//! Random payloads: a seeded generator, directly and through the proxy.

use core_tests::xml::escaped;
use fastrand::Rng;
use test_support::interop::client::Client;
use test_support::interop::scene::Scene;
use test_support::interop::server::Kind;

const PAYLOADS: usize = 150;

case!(random_payloads_arrive_as_sent: both);
fn random_payloads_arrive_as_sent(kind: Kind) {
    let scene = Scene::new(kind);
    let (mut service, mut user) = (scene.service("a"), scene.user());
    for seed in 0..PAYLOADS as u64 {
        let payload = Payload::generate(seed);
        let arrives = |from: &mut Client, to: &mut Client, through: Option<&str>| {
            let address = through.unwrap_or(&to.jid);
            from.send(format!("<iq type='set' id='r' to='{address}'>{payload}</iq>"));
            to.receive_request()
        };
        let direct = arrives(&mut user, &mut service, None);
        let relayed = arrives(&mut user, &mut service, Some(&scene.domain));
        assert_eq!(relayed.nodes, direct.nodes, "seed {seed}, forward: {payload}");
        service.answer(&relayed, &payload);
        let reply = user.receive_reply("r");
        assert_eq!(reply.attr("type"), Some("result"), "seed {seed}, revert: {payload}");
        assert_eq!(reply.nodes, direct.nodes, "seed {seed}, revert: {payload}");
    }
    assert_eq!(scene.proxy.logins(), 1);
    assert_eq!(scene.proxy.reason("bad-namespace"), 0);
}

/// Writes one well-formed element, every prefix declared within it.
struct Payload {
    rng: Rng,
    out: String,
}

impl Payload {
    fn generate(seed: u64) -> String {
        let mut it = Payload { rng: Rng::with_seed(seed), out: String::new() };
        it.element(&[], 0);
        it.out
    }

    fn element(&mut self, declared: &[&'static str], depth: usize) {
        let mut declared = declared.to_vec();
        let mut declarations = String::new();
        for prefix in ["a", "b", "ns1"] {
            if self.rng.u8(..3) == 0 {
                let namespace = self.namespace();
                declarations.push_str(&format!(" xmlns:{prefix}={}", self.quoted(namespace)));
                declared.push(prefix);
            }
        }
        if depth == 0 || self.rng.u8(..3) == 0 {
            let namespace = self.namespace();
            declarations.push_str(&format!(" xmlns={}", self.quoted(namespace)));
        }
        let name = self.name(&declared);
        self.out.push_str(&format!("<{name}{declarations}"));
        // Different local names, since two prefixes may have the same namespace.
        for local in ["id", "to", "type", "x.y-z"] {
            if self.rng.u8(..3) == 0 {
                let prefix = self.prefix(&declared);
                let value = self.text();
                let value = self.quoted(&value);
                let space = self.space();
                self.out.push_str(&format!("{space}{prefix}{local}={value}"));
            }
        }
        if self.rng.u8(..4) == 0 {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        for _ in 0..self.rng.usize(..4) {
            match self.rng.u8(..4) {
                0 | 1 if depth < 8 => self.element(&declared, depth + 1),
                2 => {
                    let text = self.text().replace("]]>", "");
                    self.out.push_str(&format!("<![CDATA[{text}]]>"));
                }
                _ => {
                    let text = escaped(&self.text()).replace('>', "&gt;");
                    self.out.push_str(&text);
                }
            }
        }
        let space = if self.rng.bool() { " " } else { "" };
        self.out.push_str(&format!("</{name}{space}>"));
    }

    fn name(&mut self, declared: &[&'static str]) -> String {
        let locals = ["q", "iq", "error", "message", "é", "a-b.c_d"];
        let prefix = self.prefix(declared);
        format!("{prefix}{}", self.rng.choice(locals).unwrap())
    }

    fn prefix(&mut self, declared: &[&'static str]) -> String {
        match self.rng.choice(declared) {
            Some(prefix) if self.rng.bool() => format!("{prefix}:"),
            _ => String::new(),
        }
    }

    // Without jabber:component:accept, which every server turns into jabber:client.
    fn namespace(&mut self) -> &'static str {
        let known = ["urn:1", "urn:2", "jabber:client", "urn:it's \"<&"];
        self.rng.choice(known).unwrap()
    }

    fn space(&mut self) -> &'static str {
        self.rng.choice([" ", "  ", "\n", "\t "]).unwrap()
    }

    fn quoted(&mut self, value: &str) -> String {
        let value = escaped(value);
        if self.rng.bool() { format!("'{value}'") } else { format!("\"{value}\"") }
    }

    fn text(&mut self) -> String {
        let pieces =
            ["", " ", "text", "\n", "<&>'\"", "]]>", "/>", "</iq>", "\u{1F600}", "\u{5d0}"];
        (0..self.rng.usize(..4)).map(|_| self.rng.choice(pieces).unwrap()).collect()
    }
}
