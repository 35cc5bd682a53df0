//! `[[component]]` tables.

use std::sync::Arc;

use jid::DomainPart;

use crate::jat::dispatch::Dispatch;
use crate::jat::glob::Glob;
use crate::jat::keyring::Keyring;
use crate::jat::name_keys::NameKeys;
use crate::jat::settings::{Settings, TokenIn};
use crate::jat::target::Target;
use crate::session::Bounds;

use super::ComponentConfig;
use super::access::Lists;
use super::addresses;
use super::limit;
use super::own_answers;
use super::patterns;
use super::presence_domain;
use super::problem::{Position, Problem};
use super::relay::Relay;
use super::secret;
use super::server::Server;
use super::sources::Sources;
use super::table::Table;
use super::value::Value;

/// What all components share.
pub(super) struct Common {
    /// That of components that have none of their own.
    pub server: Server,
    pub bounds: Bounds,
    pub keyring: Arc<Keyring>,
    pub name_keys: Option<Arc<NameKeys>>,
    pub reply_ttl: u64,
}

/// A component as its table has it, before it was held against the others.
pub(super) struct Draft {
    config: ComponentConfig,
    domain_place: Position,
    target_place: Position,
    presence_place: Option<Position>,
    resources_place: Option<Position>,
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
        let example = "target-address = \"some-user@some-domain.example\"";
        let target = table.required("target-address", example, problems, target);
        let example = "secret = { file = \"proxy.secret\" }";
        let secret = table.required("secret", example, problems, Ok);
        let secret = secret.and_then(|value| secret::read(value, sources, problems));
        let presence = table.optional("presence-domain", problems, presence_domain);
        let presence_secret = table.optional("presence-secret", problems, Ok);
        if let (None, Some(value)) = (&presence, presence_secret) {
            let hint = "add: presence-domain = \"{hostname}.proxy.example\", or take it out";
            problems.push(value.error("a secret for a presence domain that is not there", hint));
        }
        let presence_secret =
            presence_secret.and_then(|value| secret::read(value, sources, problems));
        let server = Server::of_component(&mut table, sources, &common.server, problems);
        let words = Dispatch::ALL.map(|dispatch| (dispatch.name(), dispatch));
        let placed = |v: Value<'_>| Ok((v.one_of(&words)?, v.place()));
        let dispatch = table.optional("dispatch", problems, placed);
        let resources = table.optional("resources", problems, Ok);
        let resources_place = resources.map(|value| value.place());
        let resources = resources.and_then(|value| patterns::resources(value, problems));
        let lists = Lists::read(&mut table, problems);
        let limit = limit::read(&mut table, problems);
        let words = TokenIn::ALL.map(|token_in| (token_in.name(), token_in));
        let placed = |v: Value<'_>| Ok((v.one_of(&words)?, v.place()));
        let (token_in, token_place) = table.optional("token-in", problems, placed).unzip();
        let relay = Relay::read(&mut table, problems);
        let two_way = relay.two_way(&mut table, &lists, common.name_keys.as_ref(), problems);
        let own_answers = own_answers::read(&mut table, problems);
        table.finish(problems);
        let to = target.as_ref().map(|(target, _)| target);
        relay.compare(token_place, dispatch.clone(), to, problems);
        let ((domain, domain_place), (target, target_place)) = (domain?, target?);
        let (presence_domain, presence_place) = presence.unzip();
        let settings = Settings {
            presence_domain,
            dispatch: dispatch.map_or_else(|| relay.default_dispatch(), |(dispatch, _)| dispatch),
            resources: resources.unwrap_or_default(),
            access: lists.into_access(),
            limit,
            token_in: token_in.unwrap_or_default(),
            reply_ttl: common.reply_ttl,
            own_answers,
            two_way: two_way.map(Arc::new),
            ..Settings::new(domain, target, Arc::clone(&common.keyring))
        };
        let (server, secret) = (server?, secret?);
        let config = ComponentConfig {
            tls: server.tls,
            presence_secret: presence_secret.unwrap_or_else(|| secret.clone()),
            bounds: common.bounds,
            ..ComponentConfig::new(settings, server.address, secret)
        };
        Some(Self { config, domain_place, target_place, presence_place, resources_place })
    }

    fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// A pattern is of a resource; a whole address in its place would never fit.
    fn compare_resources(&self, problems: &mut Vec<Problem>) {
        let Some(place) = &self.resources_place else { return };
        if let Target::Resource { full, .. } = &self.settings().target {
            problems.push(Problem::warning(
                place.clone(),
                format!("all requests go to {full}, so there is nothing to choose from"),
                "take `resources` out, or name the account alone in target-address",
            ));
        }
        let bare = self.settings().target.bare().as_str();
        let whole = |glob: &&Glob| glob.as_str().to_lowercase().starts_with(&format!("{bare}/"));
        if let Some(glob) = self.settings().resources.iter().find(whole) {
            problems.push(Problem::error(
                place.clone(),
                format!("{:?} is a whole address, and `resources` has resources", glob.as_str()),
                "write what stands behind the slash",
            ));
        }
    }

    fn compare_presence(&self, index: usize, drafts: &[Self], problems: &mut Vec<Problem>) {
        let (Some(domain), Some(place)) = (&self.settings().presence_domain, &self.presence_place)
        else {
            return;
        };
        let before = drafts[..index].iter().map(|other| &other.settings().presence_domain);
        let taken = drafts.iter().any(|other| other.settings().domain == *domain)
            || before.flatten().any(|other| other == domain);
        if taken {
            problems.push(Problem::error(
                place.clone(),
                format!("{domain} is the domain of another stream already"),
                "give each component, and each presence domain, a name of its own",
            ));
        }
        if matches!(self.settings().target, Target::Resource { .. }) {
            problems.push(Problem::warning(
                place.clone(),
                "a fixed destination needs no presence, so there is nobody to subscribe to",
                "take presence-domain out",
            ));
        }
    }
}

/// The components, after [`compare`] found nothing wrong with them.
pub(super) fn finish(drafts: Vec<Draft>) -> Vec<ComponentConfig> {
    let mut configs: Vec<_> = drafts.into_iter().map(|draft| draft.config).collect();
    for config in &mut configs {
        if matches!(config.settings.target, Target::Resource { .. }) {
            // Nobody to subscribe to.
            config.settings.presence_domain = None;
        }
    }
    let domains = configs.iter().flat_map(|ComponentConfig { settings, .. }| {
        std::iter::once(&settings.domain).chain(&settings.presence_domain)
    });
    let own_domains: Arc<[DomainPart]> = domains.cloned().collect();
    for config in &mut configs {
        if let Some(two_way) = &mut config.settings.two_way {
            Arc::make_mut(two_way).own_domains = Arc::clone(&own_domains);
        }
    }
    configs
}

/// What only shows in all components together.
pub(super) fn compare(drafts: &[Draft], problems: &mut Vec<Problem>) {
    for (index, draft) in drafts.iter().enumerate() {
        let Settings { domain, target, .. } = draft.settings();
        if drafts[..index].iter().any(|other| other.settings().domain == *domain) {
            problems.push(Problem::error(
                draft.domain_place.clone(),
                format!("there is a component with the domain {domain} already"),
                "give each component a domain of its own",
            ));
        }
        draft.compare_presence(index, drafts, problems);
        draft.compare_resources(problems);
        let target = target.bare().domain();
        let is_target = |domain: &DomainPart| **domain == *target;
        let ours = |draft: &Draft| {
            let Settings { domain, presence_domain, .. } = draft.settings();
            is_target(domain) || presence_domain.as_ref().is_some_and(is_target)
        };
        if drafts.iter().any(ours) {
            problems.push(Problem::error(
                draft.target_place.clone(),
                format!("the target is at {target}, which is a component of this proxy"),
                "name an account of an XMPP server: requests would go in circles",
            ));
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

fn target(value: Value<'_>) -> Result<(Target, Position), Problem> {
    let target = addresses::target(value.text()?);
    let target = target.map_err(|error| value.error(error.to_string(), error.hint()))?;
    Ok((target, value.place()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::read::load;

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
        let own: Vec<_> = two_way.own_domains.iter().map(|domain| domain.as_str()).collect();
        assert_eq!(own, ["a.example", "p.a.example", "b.example"]);
        assert!(config.components[1].settings.two_way.is_none());
    }
}
