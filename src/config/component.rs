//! `[[component]]` tables.

use std::sync::Arc;

use jid::DomainPart;

use crate::jat::access::{Access, Mode};
use crate::jat::dispatch::Dispatch;
use crate::jat::glob::Glob;
use crate::jat::settings::TokenIn;
use crate::jat::target::Target;

use super::addresses;
use super::patterns;
use super::presence_domain;
use super::problem::{Place, Problem};
use super::secret::{self, Secret};
use super::server::Server;
use super::sources::Sources;
use super::table::Table;
use super::value::Value;

/// A component as its table has it, before it was held against the others.
pub struct Draft {
    pub domain: DomainPart,
    pub target: Target,
    pub server: Server,
    pub secret: Secret,
    pub presence_domain: Option<DomainPart>,
    /// `None`: the component's.
    pub presence_secret: Option<Secret>,
    pub dispatch: Dispatch,
    pub resources: Arc<[Glob]>,
    pub access: Access,
    pub token_in: TokenIn,
    domain_place: Place,
    target_place: Place,
    presence_place: Option<Place>,
    resources_place: Option<Place>,
}

impl Draft {
    /// Reads `table`; its files are those of `outside`, and `common` is the server of components
    /// that have none of their own.
    pub fn read(
        mut table: Table<'_>,
        sources: &Sources<'_>,
        common: &Server,
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
        let server = Server::of_component(&mut table, sources, common, problems);
        let words = Dispatch::ALL.map(|dispatch| (dispatch.name(), dispatch));
        let dispatch = table.optional("dispatch", problems, |v| v.one_of(&words));
        let resources = table.optional("resources", problems, Ok);
        let resources_place = resources.map(|value| value.place());
        let resources = resources.and_then(|value| patterns::resources(value, problems));
        let access = access(&mut table, problems);
        let words = TokenIn::ALL.map(|token_in| (token_in.name(), token_in));
        let token_in = table.optional("token-in", problems, |v| v.one_of(&words));
        table.finish(problems);
        let ((domain, domain_place), (target, target_place)) = (domain?, target?);
        let (presence_domain, presence_place) = presence.unzip();
        Some(Self {
            domain,
            target,
            server: server?,
            secret: secret?,
            presence_domain,
            presence_secret,
            dispatch: dispatch.unwrap_or_default(),
            resources: resources.unwrap_or_default(),
            access,
            token_in: token_in.unwrap_or_default(),
            domain_place,
            target_place,
            presence_place,
            resources_place,
        })
    }
}

impl Draft {
    /// A pattern is of a resource; a whole address in its place would never fit.
    fn compare_resources(&self, problems: &mut Vec<Problem>) {
        let Some(place) = &self.resources_place else { return };
        if let Target::Resource { full, .. } = &self.target {
            problems.push(Problem::warning(
                place.clone(),
                format!("all requests go to {full}, so there is nothing to choose from"),
                "take `resources` out, or name the account alone in target-address",
            ));
        }
        let bare = self.target.bare().as_str();
        let whole = |glob: &&Glob| glob.as_str().to_lowercase().starts_with(&format!("{bare}/"));
        if let Some(glob) = self.resources.iter().find(whole) {
            problems.push(Problem::error(
                place.clone(),
                format!("{:?} is a whole address, and `resources` has resources", glob.as_str()),
                "write what stands behind the slash",
            ));
        }
    }

    fn compare_presence(&self, index: usize, drafts: &[Self], problems: &mut Vec<Problem>) {
        let (Some(domain), Some(place)) = (&self.presence_domain, &self.presence_place) else {
            return;
        };
        let taken = drafts.iter().any(|other| other.domain == *domain)
            || drafts[..index].iter().any(|other| other.presence_domain.as_ref() == Some(domain));
        if taken {
            problems.push(Problem::error(
                place.clone(),
                format!("{domain} is the domain of another stream already"),
                "give each component, and each presence domain, a name of its own",
            ));
        }
        if matches!(self.target, Target::Resource { .. }) {
            problems.push(Problem::warning(
                place.clone(),
                "a fixed destination needs no presence, so there is nobody to subscribe to",
                "take presence-domain out",
            ));
        }
    }
}

/// Who may ask.
fn access(table: &mut Table<'_>, problems: &mut Vec<Problem>) -> Access {
    let allow = table.optional("allow-from", problems, Ok);
    let deny = table.optional("deny-from", problems, Ok);
    let words = Mode::ALL.map(|mode| (mode.name(), mode));
    let mode = table.optional("access", problems, |v| Ok((v.one_of(&words)?, v.place())));
    if let (None, None, Some((_, place))) = (allow, deny, &mode) {
        problems.push(Problem::warning(
            place.clone(),
            "there is neither `allow-from` nor `deny-from`, so everybody may ask",
            "add one, or take `access` out",
        ));
    }
    if let Some(value) = allow.filter(|it| it.elements().is_some_and(|items| items.is_empty())) {
        let hint = "name who may ask; for everybody leave the key out";
        problems.push(value.error("`allow-from` is empty, so nobody could ask", hint));
    }
    Access {
        allow: allow.and_then(|value| patterns::senders(value, problems)),
        deny: deny.and_then(|value| patterns::senders(value, problems)).unwrap_or_default(),
        mode: mode.map_or(Mode::default(), |(mode, _)| mode),
    }
}

/// What only shows in all components together.
pub fn compare(drafts: &[Draft], problems: &mut Vec<Problem>) {
    for (index, draft) in drafts.iter().enumerate() {
        if drafts[..index].iter().any(|other| other.domain == draft.domain) {
            problems.push(Problem::error(
                draft.domain_place.clone(),
                format!("there is a component with the domain {} already", draft.domain),
                "give each component a domain of its own",
            ));
        }
        draft.compare_presence(index, drafts, problems);
        draft.compare_resources(problems);
        let target = draft.target.bare().domain().as_str();
        let is_target = |domain: &DomainPart| domain.as_str() == target;
        let ours =
            |d: &Draft| is_target(&d.domain) || d.presence_domain.as_ref().is_some_and(is_target);
        if drafts.iter().any(ours) {
            problems.push(Problem::error(
                draft.target_place.clone(),
                format!("the target is at {target}, which is a component of this proxy"),
                "name an account of an XMPP server: requests would go in circles",
            ));
        }
    }
}

fn domain(value: Value<'_>) -> Result<(DomainPart, Place), Problem> {
    let domain = addresses::domain(value.text()?);
    let domain = domain.map_err(|error| value.error(error.to_string(), error.hint()))?;
    Ok((domain, value.place()))
}

fn presence_domain(value: Value<'_>) -> Result<(DomainPart, Place), Problem> {
    let domain = presence_domain::expand(value.text()?);
    let domain = domain.map_err(|error| value.error(error.to_string(), error.hint()))?;
    Ok((domain, value.place()))
}

fn target(value: Value<'_>) -> Result<(Target, Place), Problem> {
    let target = addresses::target(value.text()?);
    let target = target.map_err(|error| value.error(error.to_string(), error.hint()))?;
    Ok((target, value.place()))
}
