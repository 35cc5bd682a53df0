//! The settings of a service: that of a component itself, or that of one of its faces.

use std::sync::Arc;

use jid::DomainPart;

use crate::jat::dispatch::Dispatch;
use crate::jat::glob::Glob;
use crate::jat::settings::{Settings, TokenIn};
use crate::jat::target::Target;
use crate::jat::two_way::Faces;

use super::access::Lists;
use super::addresses;
use super::common::Common;
use super::limit;
use super::patterns;
use super::problem::{Position, Problem};
use super::relay::Relay;
use super::table::Table;
use super::value::Value;

/// A service as its table has it, before it is compared with the others.
pub(super) struct Service {
    pub settings: Settings,
    pub target_place: Position,
    /// Where they are written for this one.
    resources_place: Option<Position>,
}

impl Service {
    /// Reads all but the target. `face`: the face in the words of `faces`; without one it is the
    /// service of the component itself.
    pub(super) fn read(
        table: &mut Table<'_>,
        face: Option<&Faces>,
        domain: Option<&DomainPart>,
        target: Option<(Target, Position)>,
        common: &Common,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let words = Dispatch::ALL.map(|dispatch| (dispatch.name(), dispatch));
        let placed = |v: Value<'_>| Ok((v.one_of(&words)?, v.place()));
        let dispatch = table.optional("dispatch", problems, placed);
        let resources = table.optional("resources", problems, Ok);
        let own_resources = resources.filter(|value| !value.is_shared());
        let resources_place = own_resources.map(|value| value.place());
        let resources = resources.and_then(|value| patterns::resources(value, problems));
        let lists = Lists::read(table, problems);
        let limit = limit::read(table, problems);
        let words = TokenIn::ALL.map(|token_in| (token_in.name(), token_in));
        let token_in = table.optional("token-in", problems, |v| Ok((v.one_of(&words)?, v)));
        let token_place = token_in.filter(|(_, v)| !v.is_shared()).map(|(_, v)| v.place());
        let relay = Relay::read(table, problems);
        let two_way = relay.two_way(table, face, &lists, common.name_keys.as_ref(), problems);
        if !table.is_for_others() {
            let to = target.as_ref().map(|(target, _)| target);
            relay.compare(token_place, dispatch.clone(), to, problems);
        }
        let (target, target_place) = target?;
        let settings = Settings {
            dispatch: dispatch.map_or_else(|| relay.default_dispatch(), |(dispatch, _)| dispatch),
            resources: resources.unwrap_or_default(),
            access: lists.into_access(),
            limit,
            token_in: token_in.map(|(token_in, _)| token_in).unwrap_or_default(),
            reply_ttl: common.reply_ttl,
            two_way: two_way.map(Arc::new),
            ..Settings::new(domain?.clone(), target, Arc::clone(&common.keyring))
        };
        Some(Self { settings, target_place, resources_place })
    }

    /// A pattern is for resources; a whole address in its place would never match.
    pub(super) fn compare_resources(&self, problems: &mut Vec<Problem>) {
        let Some(place) = &self.resources_place else { return };
        if let Target::Resource { full, .. } = &self.settings.target {
            problems.push(Problem::warning(
                place.clone(),
                format!("all requests go to {full}, so there is nothing to choose from"),
                "remove `resources`, or name the account alone in target-address",
            ));
        }
        let bare = self.settings.target.bare().as_str();
        let whole = |glob: &&Glob| glob.as_str().to_lowercase().starts_with(&format!("{bare}/"));
        if let Some(glob) = self.settings.resources.iter().find(whole) {
            problems.push(Problem::error(
                place.clone(),
                format!("{:?} is a whole address, and `resources` lists resources", glob.as_str()),
                "write what follows the slash",
            ));
        }
    }
}

/// The target in `table`, which is required unless others have theirs.
pub(super) fn target(
    table: &mut Table<'_>,
    is_required: bool,
    problems: &mut Vec<Problem>,
) -> Option<(Target, Position)> {
    let example = "target-address = \"some-user@some-domain.example\"";
    let read = |value: Value<'_>| {
        let target = addresses::target(value.text()?);
        let target = target.map_err(|error| value.error(error.to_string(), error.hint()))?;
        Ok((target, value.place()))
    };
    match is_required {
        true => table.required("target-address", example, problems, read),
        false => table.optional("target-address", problems, read),
    }
}
