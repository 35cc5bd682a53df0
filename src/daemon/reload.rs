//! SIGHUP: takes a new configuration, whole or not at all.

use std::sync::Arc;

use tracing::{error, info, warn};

use crate::clock::unix_now;
use crate::config::{Config, Problem, time::show_moment};

use super::http::endpoint::Endpoint;
use super::links::Links;

/// Brings everything in line with a configuration that was just read. `None`: it has errors, which
/// were logged, and nothing changed.
pub async fn reload(
    new: Result<(Config, Vec<Problem>), Vec<Problem>>,
    old: &Config,
    links: &Arc<Links>,
    http: &mut Endpoint,
) -> Option<Config> {
    let now = unix_now();
    let new = match new {
        Ok((new, warnings)) => {
            log_problems(&warnings);
            new
        }
        Err(problems) => {
            log_problems(&problems);
            error!("the configuration was not reloaded; the old one stays");
            return None;
        }
    };
    if let Err(error) = http.listen(new.http.as_ref()).await {
        error!("the configuration was not reloaded; the old one stays: {error}");
        return None;
    }
    for id in old.keyring.dropped_by(&new.keyring, now, old.reply_ttl) {
        warn!(
            key = id,
            "a key was taken away that live tokens may carry: their replies will be dropped as \
             unknown-key"
        );
    }
    if old.log.format != new.log.format {
        warn!("[log] format is taken at the next start");
    }
    links.apply(&new);
    let signing_key = new.keyring.signing(now).id();
    let next = new.keyring.next(now);
    let next_key = next.map(|(key, at)| format!("{} from {}", key.id(), show_moment(at)));
    info!(components = new.components.len(), signing_key, next_key, "configuration reloaded");
    Some(new)
}

/// Logs what is wrong with a configuration.
pub fn log_problems(problems: &[Problem]) {
    for problem in problems {
        if problem.is_error() {
            error!("{}", one_line(problem));
        } else {
            warn!("{}", one_line(problem));
        }
    }
}

fn one_line(problem: &Problem) -> String {
    let place = problem.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
    match problem.hint.as_str() {
        "" => format!("{place}{}", problem.message),
        hint => format!("{place}{}; {hint}", problem.message),
    }
}
