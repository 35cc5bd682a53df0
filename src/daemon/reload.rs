//! SIGHUP: takes a new configuration, whole or not at all.

use std::sync::Arc;

use tracing::{error, info, warn};

use crate::config::{Config, Problem, render};
use crate::time::show_moment;
use crate::time::unix_now;

use super::components::Components;
use super::consequences;
use super::http::endpoint::Endpoint;

/// The result of a reload.
#[derive(Default)]
pub(super) struct Reloaded {
    /// `None` if it has errors, which were logged, and nothing changed.
    pub config: Option<Config>,
    /// If it has errors: whether they may pass by themselves.
    pub passing: bool,
    /// The configuration now in use, on one line.
    pub summary: String,
    /// All errors and warnings, as `check` would print them.
    pub problems: String,
}

/// Applies a configuration that was just read to everything.
pub(super) async fn reload(
    new: Result<(Config, Vec<Problem>), Vec<Problem>>,
    old: &Config,
    components: &Arc<Components>,
    http: &mut Endpoint,
) -> Reloaded {
    let now = unix_now();
    let mut reloaded = Reloaded::default();
    let new = match new {
        Ok((new, warnings)) => {
            log_problems(&warnings);
            reloaded.problems = render(&warnings);
            new
        }
        Err(problems) => {
            log_problems(&problems);
            error!("the configuration was not reloaded; the old one stays in use");
            reloaded.problems = render(&problems);
            let mut errors = problems.iter().filter(|problem| problem.is_error());
            reloaded.passing = errors.all(Problem::passes);
            return reloaded;
        }
    };
    if let Err(error) = http.listen(new.http.as_ref()).await {
        error!("the configuration was not reloaded; the old one stays in use: {error}");
        reloaded.problems += &format!("error: {error}\n");
        reloaded.passing = true;
        return reloaded;
    }
    reloaded.problems += &consequences::warn(old, &new, now);
    components.apply(&new);
    let signing_key = new.keyring.signing(now).id();
    let next = new.keyring.next(now);
    let next_key = next.map(|(key, at)| format!("{} from {}", key.id(), show_moment(at)));
    let components = new.components.len();
    let then = next_key.as_ref().map_or_else(String::new, |next| format!(", then key {next}"));
    reloaded.summary = format!("components: {components}; key {signing_key} signs{then}");
    info!(components, signing_key, next_key, "configuration reloaded");
    reloaded.config = Some(new);
    reloaded
}

/// Logs what is wrong with a configuration.
pub(super) fn log_problems(problems: &[Problem]) {
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
