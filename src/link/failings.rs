//! What the log says about resources that fail.

use std::time::Duration;

use tracing::{info, warn};

use crate::jat::now::Now;
use crate::jat::translator::Translator;
use crate::misleading::is_misleading;

/// Remembers what was logged of the resources of one target.
#[derive(Debug, Default)]
pub(super) struct Failings {
    /// Since when all of them fail, and whether that was logged.
    all: Option<(Duration, bool)>,
    /// When several began to fail at once, if that was logged.
    outage: Option<u64>,
    /// The resources that were named, and when.
    named: Vec<(String, Duration)>,
    looked: Option<Duration>,
}

impl Failings {
    /// Looks at the target after a turn. `hears_all`: whether all its answers come to us.
    pub(super) fn observe(
        &mut self,
        domain: &str,
        translator: &Translator,
        hears_all: bool,
        now: Now,
    ) {
        self.observe_all(domain, translator, now);
        self.observe_several(domain, translator, now);
        if self.looked.is_none_or(|looked| now.mono >= looked + LOOK_EVERY) {
            self.looked = Some(now.mono);
            self.observe_each(domain, translator, hears_all, now);
        }
    }

    /// A probe may soon show that they work again.
    fn observe_all(&mut self, domain: &str, translator: &Translator, now: Now) {
        let target = translator.settings().target.bare();
        if translator.is_failing(now.unix) {
            let (since, said) = self.all.get_or_insert((now.mono, false));
            if !*said && now.mono >= *since + LASTS {
                *said = true;
                warn!(component = domain, "every resource of {target} seems to be gone");
            }
        } else if let Some((_, true)) = self.all.take() {
            info!(component = domain, "{target} no longer seems to be gone");
        }
    }

    fn observe_several(&mut self, domain: &str, translator: &Translator, now: Now) {
        let outage = translator.answers().outage();
        let Some((began, resources)) = outage.of_several(now.unix) else { return };
        if self.outage != Some(began) {
            self.outage = Some(began);
            warn!(
                component = domain,
                resources,
                "several resources of the target seem to be gone at once: did the machine that \
                 they run on stop, or can the nodes of the server's cluster not reach each other?"
            );
        }
    }

    fn observe_each(&mut self, domain: &str, translator: &Translator, hears_all: bool, now: Now) {
        self.named.retain(|(_, at)| now.mono < *at + AN_HOUR);
        for serving in translator.serving_all() {
            // A missing resource soon leaves the list, or gets a line of its own.
            let trouble =
                serving.trouble(hears_all, now.unix).filter(|trouble| !trouble.is_missing());
            let Some(trouble) = trouble else { continue };
            let address = serving.address.replace(is_misleading, "?");
            if self.named.len() < MOST_NAMED && !self.named.iter().any(|(n, _)| *n == address) {
                let (describe, remedy) = (trouble.describe(), trouble.remedy());
                warn!(component = domain, "{address} {describe}: {remedy}");
                self.named.push((address, now.mono));
            }
        }
    }
}

/// How long all have to fail before that is logged.
const LASTS: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(10);
const AN_HOUR: Duration = Duration::from_secs(3600);
/// More than this have a common cause.
const MOST_NAMED: usize = 16;
