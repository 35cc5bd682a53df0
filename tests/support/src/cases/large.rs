//! Stanzas that are over a limit, or large and within all of them.

use super::*;

/// Stanzas that are over a limit, or large and within all of them, with a limit of `most` bytes.
pub fn large(cast: &Cast<'_>, most: usize) -> Vec<Case> {
    let Cast { domain, service, .. } = cast;
    let good = &format!("{domain}/{}", cast.token(1, token::MAX_EXPIRY, domain, service));
    let iq =
        |id: &str, payload: &str| format!("<iq type='get' to='{domain}' id='{id}'>{payload}</iq>");
    let text = |length: usize| format!("<q xmlns='urn:q'>{}</q>", "x&amp;".repeat(length / 6));
    let result = |payload: &str| format!("<iq type='result' id='h' to='{good}'>{payload}</iq>");
    let many: String = (0..2_000).map(|i| format!("a{i}='' ")).collect();
    let from_user = [
        (iq("h", &text(most + most / 50)), USER_REQUEST, Reason::OverLimit),
        (iq("h", &text(most * 2)), USER_REQUEST, Reason::OverLimit),
        (iq("h", &nested(most / 17)), USER_REQUEST, Reason::OverLimit),
        (
            iq("h", &format!("<q xmlns='u' a='{}'/>", "v".repeat(most))),
            USER_REQUEST,
            Reason::OverLimit,
        ),
        (iq(&"h".repeat(most), ASK), Other.inward(), Reason::HeadTooLarge),
        (
            iq("h", ASK).replacen("<iq ", &format!("<iq {many}"), 1),
            Other.inward(),
            Reason::HeadTooLarge,
        ),
        (iq(&"h".repeat(most / 25), ASK), USER_REQUEST, Reason::TooLong),
        // As many bytes again may have to follow a tag.
        (
            iq("h", &format!("<q xmlns='u' a='{}'/>", "v".repeat(most / 5 * 4))),
            USER_REQUEST,
            Reason::OverLimit,
        ),
        (
            iq("h", &format!("<q xmlns='u' a='{}'/>", "v".repeat(most / 5 * 2))),
            USER_REQUEST,
            Reason::Relayed,
        ),
        (iq("h", &format!("<{}/>", "n".repeat(most / 25))), USER_REQUEST, Reason::Relayed),
    ];
    let from_service = [
        (result(&text(most + most / 50)), TARGET_REPLY, Reason::OverLimit),
        (result(&nested(most / 17)), TARGET_REPLY, Reason::OverLimit),
        (result(&text(most / 5 * 4)), TARGET_REPLY, Reason::Relayed),
    ];
    let of = |sender| move |(xml, traffic, reason)| Case::new(sender, xml, traffic, reason);
    let users = from_user.into_iter().map(of(Sender::User));
    users.chain(from_service.into_iter().map(of(Sender::Service))).collect()
}

/// Similar stanzas that only a server can send.
pub fn large_of_servers(cast: &Cast<'_>, most: usize) -> Vec<Case> {
    let domain = cast.domain;
    // Only the answer would be too large.
    let id = "\"".repeat(most / 5);
    let quotes = format!("<iq type='get' to='{domain}' id='{id}'>{ASK}</iq>");
    let beyond = format!("<iq type='result' id='h' to='{domain}/{}'/>", "a".repeat(10_000));
    vec![
        Case::new(Sender::User, quotes, USER_REQUEST, Reason::HeadTooLarge),
        Case::new(Sender::Service, beyond, TARGET_REPLY, Reason::TokenLength),
    ]
}

/// A million levels.
pub fn deepest(cast: &Cast<'_>) -> Case {
    let payload = nested(1_000_000);
    let xml = format!("<iq type='get' id='h' to='{}'>{payload}</iq>", cast.domain);
    Case::new(Sender::User, xml, USER_REQUEST, Reason::OverLimit)
}
