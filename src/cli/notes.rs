//! What an operator should know of a configuration in which nothing is wrong.

use std::fmt::Write;

use crate::config::{ComponentConfig, Config};
use crate::jat::settings::Settings;
use crate::jat::two_way::TwoWay;

/// A paragraph for each thing to know, of any service that relays more than requests of users.
pub(super) fn of(config: &Config) -> String {
    let mut text = String::new();
    // Writing to a String never fails.
    let mut note = |what: &str| writeln!(text, "note: {what}").expect("a string");
    let any = |is: &dyn Fn(&Settings, &TwoWay) -> bool| two_way(config).any(|(s, t)| is(s, t));
    if any(&|_, two_way| two_way.messages || two_way.presence) {
        note(LIMITS);
    }
    if any(&|_, two_way| !two_way.initiate.is_empty()) {
        note(INITIATE);
    }
    if any(&|settings, two_way| two_way.presence && settings.presence_domain.is_some()) {
        note(ORDER);
    }
    text
}

/// The services that relay more than requests of users.
pub(super) fn two_way(config: &Config) -> impl Iterator<Item = (&Settings, &TwoWay)> {
    let services = config.components.iter().flat_map(ComponentConfig::services);
    services.filter_map(|(_, settings)| Some((settings, settings.two_way.as_deref()?)))
}

const LIMITS: &str = "\
    all users share the limits that the target's server has for one account: c2s_shaper, \
    max_user_sessions and max_user_offline_messages of ejabberd, mod_limits of Prosody; \
    docs/relay.md#limits-of-the-targets-server has the lines that lift them";
const INITIATE: &str = "for the client, users have another address as soon as `initiate` includes \
                        them, or no longer does: set it once, and narrow it with `deny-from`";
const ORDER: &str = "on ejabberd with several replicas presence can arrive in another order than \
                     it was sent, and contacts then see a wrong state: have one replica, or a \
                     fixed number of them and domain_balancing of type source, see \
                     docs/relay.md#order";
