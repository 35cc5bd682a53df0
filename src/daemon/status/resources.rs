//! The resources that requests go to: how each answered, and what is wrong with it.

use crate::jat::answers::{Record, Trouble};
use crate::jat::serving::Serving;
use crate::jat::translator::Translator;
use crate::link::component::Component;
use crate::time::show_moment;

use super::{AnswersStatus, ResourceStatus};

/// Those of a service.
pub(super) fn of(
    component: &Component,
    translator: &Translator,
    service: usize,
) -> Vec<ResourceStatus> {
    let now = component.now().unix;
    let status = |serving: Serving<'_>| ResourceStatus {
        address: serving.address.to_owned(),
        dnd: serving.listed.is_some_and(|listed| listed.dnd),
        verified: serving.listed.is_some_and(|listed| listed.verified),
        priority: serving.listed.map_or(0, |listed| listed.priority),
        asked: serving.asked.name().to_owned(),
        answers: serving.record.map(AnswersStatus::of).unwrap_or_default(),
        trouble: serving.trouble(component.hears_all_answers(), now).map(Trouble::describe),
    };
    translator.serving(service).map(status).collect()
}

/// What an operator has to look at, a line for each resource, if they are few.
pub(super) fn warnings(component: &Component) -> Vec<String> {
    let now = component.now().unix;
    let all = component.services.translators().iter().flat_map(Translator::serving_all);
    let troubled = all.filter_map(|serving| {
        let trouble = serving.trouble(component.hears_all_answers(), now)?;
        Some((serving.address, trouble))
    });
    let troubled: Vec<(&str, Trouble)> = troubled.collect();
    let warning = |(address, trouble): &(&str, Trouble)| {
        format!("{address} {}: {}", trouble.describe(), trouble.remedy())
    };
    let mut warnings: Vec<String> = troubled.iter().take(MOST_WARNINGS).map(warning).collect();
    let more = troubled.len() - warnings.len();
    if more > 0 {
        warnings.push(format!("{more} more resources have problems: see the list of resources"));
    }
    warnings
}

/// Why nothing is served although resources are listed.
pub(super) fn all_fail(component: &Component, translator: &Translator, service: usize) -> String {
    let mut serving = translator.serving(service);
    let (now, hears_all) = (component.now().unix, component.hears_all_answers());
    let trouble = serving.find_map(|s| s.trouble(hears_all, now));
    let remedy = trouble.map(Trouble::remedy).unwrap_or_default();
    format!("Nobody to forward to: every resource that is known seems to be gone. {remedy}")
}

impl AnswersStatus {
    fn of(record: &Record) -> Self {
        Self {
            forwarded: record.forwarded,
            results: record.results,
            errors: record.errors,
            last_answer: record.last_answer.map(show_moment),
            last_error: record.last_error.map(|condition| condition.name().to_owned()),
        }
    }
}

const MOST_WARNINGS: usize = 3;
