//! Resources that fail, as the log tells them.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::misleading::is_misleading;

use super::component::Component;

/// Remembers what was said of the resources of one component.
#[derive(Debug, Default)]
pub struct Failings {
    /// Since when all of them fail, and whether that was said.
    all: Option<(Instant, bool)>,
    /// When several began to fail at once, as far as that was said.
    outage: Option<u64>,
    /// The resources that were named, and when.
    named: Vec<(String, Instant)>,
    looked: Option<Instant>,
}

impl Failings {
    /// Looks at the component after a turn.
    pub fn observe(&mut self, domain: &str, component: &Component) {
        self.observe_all(domain, component);
        self.observe_several(domain, component);
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now >= looked + LOOK_EVERY) {
            self.looked = Some(now);
            self.observe_each(domain, component, now);
        }
    }

    /// They may be there again in a moment, by what a probe tells.
    fn observe_all(&mut self, domain: &str, component: &Component) {
        let target = component.translator.settings().target.bare();
        if component.translator.is_failing(component.now().unix) {
            let (since, said) = self.all.get_or_insert((Instant::now(), false));
            if !*said && since.elapsed() >= LASTS {
                *said = true;
                warn!(component = domain, "every resource of {target} seems to be gone");
            }
        } else if let Some((_, true)) = self.all.take() {
            info!(component = domain, "nothing says any more that {target} is gone");
        }
    }

    fn observe_several(&mut self, domain: &str, component: &Component) {
        let outage = component.translator.answers().outage();
        let Some((began, resources)) = outage.of_several(component.now().unix) else { return };
        if self.outage != Some(began) {
            self.outage = Some(began);
            warn!(
                component = domain,
                resources,
                "several resources of the target seem to be gone at once: did a machine with them \
                 stop, or can the nodes of the server's cluster not reach each other?"
            );
        }
    }

    fn observe_each(&mut self, domain: &str, component: &Component, now: Instant) {
        self.named.retain(|(_, at)| now < *at + AN_HOUR);
        let (unix, hears_all) = (component.now().unix, component.hears_all_answers());
        for serving in component.translator.serving() {
            // What is missing is gone from the list soon, or has a line of its own.
            let trouble = serving.trouble(hears_all, unix).filter(|trouble| !trouble.is_missing());
            let Some(trouble) = trouble else { continue };
            let address = serving.address.replace(is_misleading, "?");
            if self.named.len() < MOST_NAMED && !self.named.iter().any(|(n, _)| *n == address) {
                let (describe, remedy) = (trouble.describe(), trouble.remedy());
                warn!(component = domain, "{address} {describe}: {remedy}");
                self.named.push((address, now));
            }
        }
    }
}

/// How long all have to fail before it is said.
const LASTS: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(10);
const AN_HOUR: Duration = Duration::from_secs(3600);
/// More have one cause.
const MOST_NAMED: usize = 16;
