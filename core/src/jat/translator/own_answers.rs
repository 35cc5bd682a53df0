//! Requests to the component's domain that are answered here.

use crate::jat::incoming::Incoming;
use crate::jat::own_answers::Question;
use crate::jat::route::{Place, Route};
use crate::jat::traffic::Class;
use crate::jat::verdict::Verdict;

use super::Translator;

impl Translator {
    /// Which of our own answers a stanza needs, if any. Only the domain itself answers: an address with a
    /// node or a resource is the target's.
    pub(super) fn question(&self, route: &Route<'_>, stanza: &Incoming<'_>) -> Option<Question> {
        let own = self.services[route.service].own_answers.as_deref()?;
        let is_for_us = route.traffic.class == Class::Request
            // The target may send such requests, too, without a token.
            && matches!(route.place, Place::Plain | Place::Bad(_))
            && route.to.node().is_none()
            && route.to.resource().is_none();
        if is_for_us { own.question(stanza) } else { None }
    }

    /// The answer to a request of that kind.
    pub(super) fn own_answer(&self, route: &Route<'_>, question: Option<Question>) -> Verdict<'_> {
        let traffic = route.traffic;
        let own = self.services[route.service].own_answers.as_deref().zip(question);
        let (own, question) = own.expect("whoever has no answers is asked nothing");
        match own.answer(question) {
            Ok(answer) => Verdict::own_answer(answer, traffic),
            Err(reason) => Verdict::by_table(traffic, reason),
        }
    }
}
