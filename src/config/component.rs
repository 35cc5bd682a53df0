//! `[[component]]` tables.

use std::sync::Arc;

use jid::DomainPart;

use crate::jat::own_addresses::OwnAddresses;
use crate::jat::settings::Settings;
use crate::jat::target::Target;
use crate::session::Bounds;

use super::access::Lists;
use super::addresses;
use super::common::Common;
use super::faces::{self, FaceDraft};
use super::own_answers;
use super::presence_domain;
use super::problem::{Position, Problem};
use super::secret::{self, Secret};
use super::server::Server;
use super::service::{self, Service};
use super::sources::Sources;
use super::table::Table;
use super::value::Value;
use super::{ComponentConfig, FaceConfig};

/// A component as its table has it, before it is compared with the others.
pub(super) struct Draft {
    domain: DomainPart,
    domain_place: Position,
    presence: Option<(DomainPart, Position)>,
    /// That of the domain itself.
    own: Option<Service>,
    faces: Vec<FaceDraft>,
    server: Server,
    secret: Secret,
    presence_secret: Secret,
    bounds: Bounds,
}

impl Draft {
    /// Reads `table`; its files are those of `sources`.
    pub(super) fn read(
        mut table: Table<'_>,
        sources: &Sources<'_>,
        common: &Common,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let domain = table.required("domain", "domain = \"proxy.example\"", problems, domain);
        let has_own = table.has("target-address") || !table.has("face");
        let target = service::target(&mut table, has_own, problems);
        if !has_own {
            table.set_for_others();
        }
        let example = "secret = { file = \"proxy.secret\" }";
        let secret = table.required("secret", example, problems, Ok);
        let secret = secret.and_then(|value| secret::read(value, sources, problems));
        let presence = table.optional("presence-domain", problems, presence_domain);
        let presence_secret = table.optional("presence-secret", problems, Ok);
        if let (None, Some(value)) = (&presence, presence_secret) {
            let hint = "add: presence-domain = \"{hostname}.proxy.example\", or remove it";
            problems.push(value.error("a secret for a presence domain that is not set", hint));
        }
        let presence_secret =
            presence_secret.and_then(|value| secret::read(value, sources, problems));
        let server = Server::of_component(&mut table, sources, &common.server, problems);
        // Without a domain there is enough to report already.
        let name = domain.as_ref().map(|(domain, _)| domain);
        let own = Service::read(&mut table, None, name, target, common, problems);
        let faces = faces::read(&mut table, name, common, problems);
        let listed = faces.as_deref().zip(name).map(|(faces, domain)| faces::listed(faces, domain));
        // Problems with them are reported once only.
        let access = (!has_own).then(|| Lists::read(&mut table, problems).into_access());
        let own_answers = own_answers::read(&mut table, listed.unwrap_or_default(), problems);
        let own_answers =
            own_answers.map(|own| Arc::new(own.with_access(access.unwrap_or_default())));
        table.finish(problems);
        let (domain, domain_place) = domain?;
        let (mut own, mut faces) = match has_own {
            true => (Some(own?), faces?),
            false => (None, faces?),
        };
        for service in own.iter_mut().chain(faces.iter_mut().map(|face| &mut face.service)) {
            service.settings.own_answers.clone_from(&own_answers);
        }
        let (server, secret) = (server?, secret?);
        let presence_secret = presence_secret.unwrap_or_else(|| secret.clone());
        let bounds = common.bounds;
        Some(Self {
            domain,
            domain_place,
            presence,
            own,
            faces,
            server,
            secret,
            presence_secret,
            bounds,
        })
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        self.own.iter().chain(self.faces.iter().map(|face| &face.service))
    }

    /// The domains of its streams.
    fn domains(&self) -> impl Iterator<Item = &DomainPart> {
        std::iter::once(&self.domain).chain(self.presence.iter().map(|(domain, _)| domain))
    }

    /// Whether there is nobody to subscribe to.
    fn has_no_account(&self) -> bool {
        self.services().all(|it| matches!(it.settings.target, Target::Resource { .. }))
    }

    fn compare_presence(&self, index: usize, drafts: &[Self], problems: &mut Vec<Problem>) {
        let Some((domain, place)) = &self.presence else { return };
        let mut before = drafts[..index].iter().filter_map(|other| other.presence.as_ref());
        let taken = drafts.iter().any(|other| other.domain == *domain)
            || before.any(|(other, _)| other == domain);
        if taken {
            problems.push(Problem::error(
                place.clone(),
                format!("{domain} is already the domain of another stream"),
                "give each component, and each presence domain, a name of its own",
            ));
        }
        if self.has_no_account() {
            problems.push(Problem::warning(
                place.clone(),
                "a fixed destination needs no presence, so there is nobody to subscribe to",
                "remove presence-domain",
            ));
        }
    }

    fn into_config(self) -> Option<ComponentConfig> {
        let presence_domain = match self.has_no_account() {
            true => None,
            false => self.presence.map(|(domain, _)| domain),
        };
        let with_presence = |service: Service| Settings {
            presence_domain: presence_domain.clone(),
            ..service.settings
        };
        let own = self.own.map(with_presence);
        let face =
            |FaceDraft { face, service, .. }| FaceConfig { face, settings: with_presence(service) };
        let faces: Vec<_> = self.faces.into_iter().map(face).collect();
        let has_own = own.is_some();
        let settings = own.or_else(|| faces.first().map(|face| face.settings.clone()))?;
        Some(ComponentConfig {
            has_own,
            faces,
            tls: self.server.tls,
            presence_secret: self.presence_secret,
            bounds: self.bounds,
            ..ComponentConfig::new(settings, self.server.address, self.secret)
        })
    }
}

/// The components, once [`compare`] has found nothing wrong with them.
pub(super) fn finish(drafts: Vec<Draft>) -> Vec<ComponentConfig> {
    let mut configs: Vec<_> = drafts.into_iter().filter_map(Draft::into_config).collect();
    let domains = configs.iter().flat_map(|ComponentConfig { settings, .. }| {
        std::iter::once(&settings.domain).chain(&settings.presence_domain).cloned()
    });
    let targets = configs.iter().flat_map(ComponentConfig::services);
    let targets = targets.map(|(_, settings)| settings.target.bare().clone());
    let own = Arc::new(OwnAddresses::new(domains, targets));
    for config in &mut configs {
        let faces = config.faces.iter_mut().map(|face| &mut face.settings);
        for settings in std::iter::once(&mut config.settings).chain(faces) {
            if let Some(two_way) = &mut settings.two_way {
                Arc::make_mut(two_way).own = Arc::clone(&own);
            }
        }
    }
    configs
}

/// Problems that only show when all components are compared.
pub(super) fn compare(drafts: &[Draft], problems: &mut Vec<Problem>) {
    for (index, draft) in drafts.iter().enumerate() {
        let domain = &draft.domain;
        if drafts[..index].iter().any(|other| other.domain == *domain) {
            problems.push(Problem::error(
                draft.domain_place.clone(),
                format!("there is already a component with the domain {domain}"),
                "give each component a domain of its own",
            ));
        }
        draft.compare_presence(index, drafts, problems);
        faces::compare(draft.own.as_ref(), &draft.faces, problems);
        for service in draft.services() {
            service.compare_resources(problems);
            let target = service.settings.target.bare().domain();
            if drafts.iter().flat_map(Draft::domains).any(|domain| **domain == *target) {
                problems.push(Problem::error(
                    service.target_place.clone(),
                    format!("the target is at {target}, which is a component of this proxy"),
                    "name an account of an XMPP server: requests would go in circles",
                ));
            }
        }
    }
}

fn domain(value: Value<'_>) -> Result<(DomainPart, Position), Problem> {
    let domain = addresses::domain(value.text()?);
    let domain = domain.map_err(|error| value.error(error.to_string(), error.hint()))?;
    Ok((domain, value.place()))
}

fn presence_domain(value: Value<'_>) -> Result<(DomainPart, Position), Problem> {
    let domain = presence_domain::expand(value.text()?);
    let domain = domain.map_err(|error| value.error(error.to_string(), error.hint()))?;
    Ok((domain, value.place()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::read::load;
    use crate::jat::address::Address;
    use crate::jat::dispatch::Dispatch;
    use crate::jat::face_table::Face;
    use crate::jat::settings::TokenIn;
    use crate::jat::two_way::MessagesTo;

    const KEYS: &str = "\
[[key]]\nid = 1\nsecret = \"U0VDUkVULUEtU0VDUkVULUEtU0VDUkVULUEtU0VDUkU=\"\n
[[name-key]]\nid = 1\nsecret = \"TkFNRS1BLU5BTUUtQS1OQU1FLUEtTkFNRS1BLU5BTUU=\"\n";
    const COMPONENTS: &str = "\
key-file = \"keys.toml\"\n
[server]\naddress = \"localhost:5347\"\n
[[component]]\ndomain = \"a.example\"\nsecret = \"x\"\ntarget-address = \"bot@some.example\"
presence-domain = \"p.a.example\"\nrelay = [\"iq\", \"requests\"]\n
[[component]]\ndomain = \"b.example\"\nsecret = \"x\"\ntarget-address = \"bot@some.example\"\n";

    #[test]
    fn one_that_relays_both_ways_knows_all_domains_of_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jat-proxy.toml");
        fs::write(folder.path().join("keys.toml"), KEYS).unwrap();
        fs::write(&file, COMPONENTS).unwrap();
        let (config, _) = load(&file, 0).unwrap();
        let two_way = config.components[0].settings.two_way.as_ref().unwrap();
        let own: Vec<_> = two_way.own.domains().iter().map(|domain| domain.as_str()).collect();
        assert_eq!(own, ["a.example", "p.a.example", "b.example"]);
        assert!(config.components[1].settings.two_way.is_none());
    }

    const FACES: &str = "\
key-file = \"keys.toml\"\n
[server]\naddress = \"localhost:5347\"\n
[[component]]\ndomain = \"a.example\"\nsecret = \"x\"\nrelay = [\"iq\", \"messages\"]
allow-from = [\"*\"]\ndispatch = \"sticky\"\nresources = [\"one-*\"]
answer = [\"disco\"]
messages-to = \"account\"\ninitiate = [\"some.example\"]\n
[[component.face]]\nnode = \"Helper\"\nlisted = true\ntarget-address = \"bot@some.example\"\n
[[component.face]]\nnode = \"room-*\"\ntarget-address = \"focus.other.example/focus\"\nrelay = [\"iq\"]
token-in = \"id\"\n
[[component.face]]\nnode = \"\"\ntarget-address = \"bot@some.example\"\nmessages-to = \"resource\"\n";

    #[test]
    fn faces_inherit_what_they_do_not_say() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jat-proxy.toml");
        fs::write(folder.path().join("keys.toml"), KEYS).unwrap();
        fs::write(&file, FACES).unwrap();
        let (config, warnings) = load(&file, 0).unwrap();
        assert!(warnings.iter().all(|it| !it.message.contains("faces")), "{warnings:?}");
        let component = &config.components[0];
        assert!(!component.has_own);
        let nodes: Vec<_> = component.faces.iter().map(|it| it.face.as_str()).collect();
        assert_eq!(nodes, ["helper", "room-*", ""]);
        assert_eq!(component.settings.target.as_str(), "bot@some.example");

        let two_way = component.settings.two_way.as_deref().unwrap();
        for target in ["focus.other.example/x", "bot@some.example"] {
            assert!(two_way.own.have(&Address::new(target)), "{target}");
        }
        let [helper, rooms, domain] = &component.faces[..] else { panic!() };
        assert!(matches!(rooms.face, Face::Nodes(_)));
        let helper = &helper.settings;
        let answers = [helper, &domain.settings].map(|it| it.own_answers.as_ref().unwrap());
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0].items()[0].address, "helper@a.example");
        assert_eq!(answers[0].items().len(), 1);
        let two_way = helper.two_way.as_deref().unwrap();
        assert_eq!((helper.dispatch, two_way.messages_to), (Dispatch::Sticky, MessagesTo::Account));
        assert!(two_way.faces.has("helper") && !two_way.faces.has("room-1"));
        assert_eq!(helper.resources[0].as_str(), "one-*");
        assert!(rooms.settings.two_way.is_none());
        assert_eq!(rooms.settings.token_in, TokenIn::Id);
        let two_way = domain.settings.two_way.as_deref().unwrap();
        assert_eq!(two_way.messages_to, MessagesTo::Resource);
        assert!(two_way.faces.0.is_empty());
    }
}
