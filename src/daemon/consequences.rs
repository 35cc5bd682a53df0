//! What worked with the old configuration and breaks with a new one.

use std::collections::HashMap;
use std::fmt::Write;

use tracing::warn;

use crate::config::{ComponentConfig, Config};
use crate::jat::name_keys::NameKeys;
use crate::jat::two_way::{TwoWay, write_face};

/// Logs the warnings, at Unix second `now`, and returns them as lines for people.
pub(super) fn warn(old: &Config, new: &Config, now: u64) -> String {
    let mut lines = String::new();
    let mut line = |text: String| writeln!(lines, "warning: {text}").expect("a string");
    for id in old.keyring.dropped_by(&new.keyring, now, old.reply_ttl) {
        warn!(
            key = id,
            "a key that live tokens may carry was removed: their replies will be dropped as \
             unknown-key"
        );
        line(format!("key {id}, which live tokens may carry, was removed"));
    }
    if let (Some(old), Some(new)) = (names_in_use(old), names_in_use(new)) {
        let (before, after) = (old.first(), new.first());
        if !before.is_same(after) {
            warn!(
                before = before.id(),
                after = after.id(),
                "the first name key has changed: aliases and signed mirrors are new ones"
            );
            line(format!(
                "the first name key is {} instead of {}: contacts see each resource twice until \
                 the client reconnects, and users outside of `initiate` have new mirrors",
                after.id(),
                before.id()
            ));
        }
        for id in old.dropped_by(new) {
            warn!(
                key = id,
                "a name key was removed: its aliases reach no resource, and mirrors that it signed \
                 are refused"
            );
            line(format!(
                "name key {id} was removed: its aliases reach no resource, and mirrors that it \
                 signed are refused"
            ));
        }
    }
    for component in &new.components {
        let domain = &component.settings.domain;
        let same = |other: &&ComponentConfig| other.settings.domain == *domain;
        let before: HashMap<_, _> =
            old.components.iter().find(same).into_iter().flat_map(two_way).collect();
        let is_other = |(face, it): &(&str, &TwoWay)| {
            before.get(face).is_some_and(|before| before.initiate != it.initiate)
        };
        for (face, _) in two_way(component).filter(is_other) {
            let mut address = String::new();
            write_face(face, domain.as_str(), &mut address);
            warn!(
                component = %domain,
                face = Some(face).filter(|face| !face.is_empty()),
                "the key initiate has changed: users whom it now includes, or no longer includes, \
                 have another mirror"
            );
            line(format!(
                "`initiate` of {address} has changed: users whom it now includes, or no longer \
                 includes, have another mirror, and are new contacts to the client"
            ));
        }
    }
    if old.log.format != new.log.format {
        warn!("[log] format takes effect at the next start");
        line("[log] format takes effect at the next start".to_owned());
    }
    lines
}

/// The name keys, if there is a component that makes names.
fn names_in_use(config: &Config) -> Option<&NameKeys> {
    config.components.iter().flat_map(two_way).map(|(_, two_way)| &*two_way.names).next()
}

/// The faces of services that relay more than requests of users; the empty face is the domain
/// itself.
fn two_way(component: &ComponentConfig) -> impl Iterator<Item = (&str, &TwoWay)> {
    let services = component.services();
    services.filter_map(|(face, settings)| Some((face, settings.two_way.as_deref()?)))
}
