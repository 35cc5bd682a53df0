//! What most tests need: a server, a running proxy, an implementing client, users.

use std::time::{Duration, Instant};

use crate::interop::client::{Client, is_reply, is_request};
use crate::interop::proxy::{Proxy, Settings};
use crate::interop::server::{Kind, Server};

pub struct Scene {
    pub server: &'static Server,
    pub proxy: Proxy,
    /// The component's domain.
    pub domain: String,
    /// The implementing client's bare JID.
    pub target: String,
}

impl Scene {
    /// With a proxy that is connected, and whose target exists and was never online.
    pub fn new(kind: Kind) -> Scene {
        Scene::with(kind, |_| ())
    }

    /// As `new`, with settings of the test's own.
    pub fn with(kind: Kind, adapt: impl FnOnce(&mut Settings)) -> Scene {
        Scene::on(Server::shared(kind), adapt)
    }

    /// The same on this server.
    pub fn on(server: &'static Server, adapt: impl FnOnce(&mut Settings)) -> Scene {
        let target = server.new_account("service");
        let mut settings = Settings::new(&server.new_domain(), &target);
        adapt(&mut settings);
        let domain = settings.domain.clone();
        let proxy = Proxy::start(server, settings);
        Scene { server, proxy, domain, target }
    }

    /// The proxy's target logs in with this resource and grants the subscription,
    /// and the proxy has seen it.
    pub fn service(&self, resource: &str) -> Client {
        first_login(self.server, &self.proxy, resource)
    }

    /// One more resource of a target that has granted the subscription before.
    pub fn another(&self, resource: &str) -> Client {
        let mut service = Client::login(self.server, &self.target, resource);
        service.available("");
        self.proxy.wait_online(&[&service.jid]);
        service
    }

    /// A new user who is logged in.
    pub fn user(&self) -> Client {
        self.user_with_resource("abc")
    }

    pub fn user_with_resource(&self, resource: &str) -> Client {
        let account = self.server.new_account("user");
        Client::login(self.server, &account, resource)
    }

    /// Until the next reload a reply may take a second.
    pub fn shorten_reply_ttl(&self) {
        let settings = self.proxy.settings.clone();
        self.proxy.reload_with(&Settings { top: "reply-ttl = \"1s\"".into(), ..settings });
    }

    /// One request and its reply between these two, to check that the proxy works.
    pub fn round_trip(&self, user: &mut Client, service: &mut Client) {
        round_trip(&self.domain, user, service);
    }
}

pub fn round_trip(domain: &str, user: &mut Client, service: &mut Client) {
    user.ask(domain, "round-trip");
    let request = service.receive_request();
    service.answer(&request, "<answer xmlns='urn:example:ask'/>");
    let reply = user.receive_reply("round-trip");
    assert_eq!(reply.attr("type"), Some("result"), "{reply:?}");
    assert!(reply.child("answer").is_some(), "{reply:?}");
}

/// Sends a request, and for so long lets the service, if it is online, answer and grant a subscription;
/// returns what came instead of a result.
pub fn asked_once(
    domain: &str,
    user: &mut Client,
    service: &mut Client,
    time: Duration,
) -> Result<(), String> {
    user.ask(domain, "once");
    let asked = Instant::now();
    while asked.elapsed() < time {
        let limit = Duration::from_millis(5);
        match service.try_receive(limit) {
            Some(request) if is_request(&request) => service.answer(&request, ""),
            Some(it) if it.name == "presence" && it.attr("type") == Some("subscribe") => {
                service.send(format!("<presence type='subscribed' to='{domain}'/>"));
            }
            _ => {}
        }
        if let Some(reply) = user.try_receive_where(limit, is_reply) {
            let error = reply.error().map(|(condition, text)| format!("{condition}: {text}"));
            return error.map_or(Ok(()), Err);
        }
    }
    Err("nothing".into())
}

/// The proxy's target logs in with this resource and grants the subscription, and the proxy has seen
/// it.
pub fn first_login(server: &Server, proxy: &Proxy, resource: &str) -> Client {
    let Settings { domain, target, .. } = &proxy.settings;
    let mut service = Client::login(server, target, resource);
    service.available("");
    accept_subscription(&mut service, domain);
    proxy.wait_online(&[&service.jid]);
    service
}

/// Waits for the subscription request of this domain and grants it.
pub fn accept_subscription(service: &mut Client, domain: &str) {
    accept_subscriptions(service, [domain]);
}

/// The same for several, which may come in any order.
pub fn accept_subscriptions<'a>(service: &mut Client, domains: impl IntoIterator<Item = &'a str>) {
    let mut awaited: Vec<&str> = domains.into_iter().collect();
    while !awaited.is_empty() {
        let request = service.receive_where("a subscription request", |it| {
            it.name == "presence"
                && it.attr("type") == Some("subscribe")
                && it.attr("from").is_some_and(|from| awaited.contains(&from))
        });
        let from = request.attr("from").unwrap();
        service.send(format!("<presence type='subscribed' to='{from}'/>"));
        awaited.retain(|it| *it != from);
    }
}
