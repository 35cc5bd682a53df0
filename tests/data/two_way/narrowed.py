"""What is configured not to be relayed."""

from make_token_vectors import token
from two_way.addresses import D, T, TA, TB, alias, mirror
from two_way.stanzas import (
    BARE_U, BOUNCE, HELPER, SUBSCRIBE, U, case, error, iq, message, presence,
)


def narrowed():
    """What is not in relay, or not any more."""
    traffic = "presence outward"
    settings = {"relay": ["iq", "messages"]}
    to = mirror(BARE_U)
    from_a = f"{D}/{alias('a', D)}"
    yield case("unavailable, without presence in relay", presence(to, TA, "type='unavailable'"),
               [presence(BARE_U, from_a, "type='unavailable'")], traffic, "relayed", **settings)
    for type_ in ["unsubscribe", "unsubscribed"]:
        yield case(f"{type_}, without presence in relay", presence(to, T, f"type='{type_}'"),
                   [presence(BARE_U, D, f"type='{type_}'")], traffic, "relayed", **settings)
    yield case("presence, without presence in relay", presence(to, TA, ""), [], traffic,
               "presence-ignored", **settings)
    yield case("a subscription of the target, without presence in relay",
               presence(to, T, SUBSCRIBE), [presence(T, to, "type='unsubscribed'")], traffic,
               "subscription-refused", **settings)
    traffic = "presence inward"
    yield case("a user's subscription, without presence in relay",
               presence(HELPER, BARE_U, SUBSCRIBE),
               [presence(BARE_U, HELPER, "type='unsubscribed'")], traffic,
               "subscription-refused", **settings)
    yield case("a user's probe, without presence in relay",
               presence(HELPER, BARE_U, "type='probe'"),
               [presence(BARE_U, HELPER, "type='unavailable'")], traffic, "probe-refused",
               **settings)
    yield case("a user's presence, without presence in relay", presence(HELPER, U, ""), [],
               traffic, "presence-ignored", **settings)
    settings = {"relay": ["iq", "presence"]}
    yield case("a user's message, without messages in relay", message(HELPER, U, "id='q'"),
               [error("message", "feature-not-implemented", U, HELPER, "q")], "message inward",
               "message-refused", **settings)
    to = mirror(U)
    yield case("a message of the target, without messages in relay", message(to, TA, "id='q'"),
               [error("message", "feature-not-implemented", TA, to, "q")], "message outward",
               "message-refused", **settings)
    yield case("a reply to a mirror, after relay came to be iq alone",
               iq(to, TA, "result", token(), ""), [iq(U, D, "result", "1234", "")],
               "reply outward", "relayed", relay=["iq"])
    yield case("a reply to a face that there is not any more",
               iq(f"x@{D}/{alias('a', f'x@{D}')}", U, "result", "v", ""),
               [iq(TA, mirror(U, "x"), "result", "v", "")], "reply inward", "relayed")


def one_resource():
    """A target that is a full address."""
    settings = {"target": TA, "online": []}
    yield case("a message goes to the one resource", message(HELPER, U, "id='q'"),
               [message(TA, mirror(U, "helper"), "id='q'")], "message inward", "relayed",
               **settings)
    to = mirror(U, "helper")
    yield case("it answers", message(to, TA, "id='q'"),
               [message(U, f"{HELPER}/{alias('a', HELPER)}", "id='q'")], "message outward",
               "relayed", **settings)
    yield case("another resource of the account writes", message(to, TB, "id='q'"),
               [error("message", "not-allowed", TB, to, "q")], "message outward", "not-target",
               **settings)
    yield case("another resource of the account asks", iq(to, TB, "get", "q"),
               [error("iq", "not-allowed", TB, to, "q")], "request outward", "not-target",
               **settings)
    yield case("an error of the account", message(to, T, "type='error' id='q'", BOUNCE),
               [message(U, HELPER, "type='error' id='q'", BOUNCE)], "message outward",
               "relayed-error",
               **settings)
