"""What the target and its server write."""

from make_token_vectors import token
from two_way.addresses import D, T, TA, TB, alias, bare, long_user, mirror
from two_way.stanzas import (
    BARE_U, BOUNCE, HELPER, STRANGER, SUBSCRIBE, U, VCARD, case, error, iq, message, presence,
)


def messages_out():
    traffic = "message outward"

    def relayed(name, given, out, reason="relayed", **settings):
        return case(name, given, [out], traffic, reason, **settings)

    answer = "id='r'"
    from_a = f"{HELPER}/{alias('a', HELPER)}"
    yield relayed("an answer", message(mirror(U, "helper"), TA, answer),
                  message(U, from_a, answer))
    yield relayed("without an id", message(mirror(U, "helper"), TA, "type='chat'"),
                  message(U, from_a, "type='chat'"))
    yield relayed("to the bare address", message(mirror(BARE_U), TB, answer),
                  message(BARE_U, f"{D}/{alias('b', D)}", answer))
    yield relayed("from the account: its server wrote it",
                  message(mirror(BARE_U, "helper"), T, answer), message(BARE_U, HELPER, answer))
    shouted = r"USER\40Some-Domain.example\2FHELPER@PROXY.domain.example/abc"
    yield relayed("to a mirror in another spelling", message(shouted, TA, answer),
                  message(U, from_a, answer))
    yield relayed("from the target in another spelling",
                  message(mirror(U, "helper"), "SOME-USER@Some-Domain.example/a", answer),
                  message(U, from_a, answer))
    yield relayed("from a resource that is not online", message(mirror(U), f"{T}/new", answer),
                  message(U, f"{D}/{alias('new', D)}", answer))
    yield relayed("an error", message(mirror(U, "helper"), TA, "type='error' id='q'", BOUNCE),
                  message(U, from_a, "type='error' id='q'", BOUNCE), "relayed-error")
    for user in ["a\\40b@evil.example/x", "a\\5c40b@evil.example/x", "אב@example/x",
                 "😀@example/x", "\u1e9e@example/x", "\u1e1f@example/x", "example"]:
        yield relayed(f"to {user}", message(mirror(user, "helper"), TA, answer),
                      message(user, from_a, answer))
    nested = "x\\40a.example\\2fhelper@d2.example/r"
    yield relayed("to a mirror of another component",
                  message(mirror(nested, "helper"), TA, answer), message(nested, from_a, answer),
                  initiate=["*"])
    for face in ["helper\\2fx", "\u0307x"]:
        address = f"{face}@{D}"
        yield relayed(f"by the face {face}", message(mirror(U, face), TA, answer),
                      message(U, f"{address}/{alias('a', address)}", answer), faces=["*"])
    longest = long_user(1023)
    yield relayed("a mirror of 1023 bytes", message(mirror(longest, "helper"), TA, answer),
                  message(longest, from_a, answer))
    yield relayed("from a resource of 620 bytes", message(mirror(U), f"{T}/{'r' * 620}", answer),
                  message(U, f"{D}/{alias('r' * 620, D)}", answer))
    yield relayed("from a resource of 621 bytes", message(mirror(U), f"{T}/{'r' * 621}", answer),
                  message(U, D, answer), "alias-too-long")


MALFORMED = [
    r"a\5cx\40b", r"\40\40ab", r"\40", r"x\40", r"user\40dom\2fa\2fb", r"user\40dom\2fa\40b",
    r"a\40b\40dom", r"u\40dom\2f", r"u\40\20x", r"u\40a\26b", r"u\40dom.", r"u\40a\3ab",
    # An opaque form of what has a clear one, and one that is not canonical.
    r"\40\40ovzwk4saonxw2zjnmrxw2yljnyxgk6dbnvygyzi", r"\40\4026inpekamv4gc3lqnrsr",
]


def refused_out():
    traffic = "message outward"
    plain = "type='chat' id='r'"
    for node in MALFORMED:
        to = f"{node}@{D}"
        yield case(f"no mirror: {node}", message(to, TA, plain),
                   [error("message", "item-not-found", TA, to, "r")], traffic,
                   "mirror-malformed")
    to = f"x\\40@{D}"
    yield case("no mirror, without an id", message(to, TA, "type='chat'"),
               [error("message", "item-not-found", TA, to)], traffic, "mirror-malformed")
    yield case("an error to no mirror", message(to, TA, "type='error' id='r'", BOUNCE), [],
               traffic, "mirror-malformed")
    yield case("a request to no mirror", iq(to, TA, "get", "r"),
               [error("iq", "item-not-found", TA, to, "r")], "request outward",
               "mirror-malformed")
    yield case("a subscription to no mirror", presence(to, T, SUBSCRIBE),
               [presence(T, to, "type='unsubscribed'")], "presence outward", "mirror-malformed")
    yield case("presence to no mirror", presence(to, TA, ""), [], "presence outward",
               "mirror-malformed")
    for face in [r"\2fhelper@" + D, HELPER, f"{D}/x", D]:
        yield case(f"the target writes to {face}", message(face, TA, plain),
                   [error("message", "not-allowed", TA, face, "r")], traffic, "own-face")
    yield case("an error to a face", message(HELPER, TA, "type='error' id='r'", BOUNCE), [],
               traffic, "own-face")
    yield case("presence to a face", presence(HELPER, TA, ""), [], "presence outward", "own-face")
    for user in [T, f"x@{D}", D, "other.example"]:
        to = mirror(user)
        settings = {"initiate": ["*"], "own_domains": ["other.example"]}
        yield case(f"the target writes to {user} through its mirror", message(to, TA, plain),
                   [error("message", "not-allowed", TA, to, "r")], traffic, "own-mirror",
                   **settings)
        yield case(f"an error to {user} through its mirror",
                   message(to, TA, "type='error' id='r'", BOUNCE), [], traffic, "own-mirror",
                   **settings)
        yield case(f"a request to {user} through its mirror", iq(to, TA, "get", "r"),
                   [error("iq", "not-allowed", TA, to, "r")], "request outward", "own-mirror",
                   **settings)
    to = mirror(U, "x")
    yield case("the mirror names a face that there is not", message(to, TA, plain),
               [error("message", "item-not-found", TA, to, "r")], traffic, "no-such-face")


def requests_out():
    traffic = "request outward"
    yield case("a request of the target", iq(mirror(U), TA, "get", "v"),
               [iq(U, f"{D}/{alias('a', D)}", "get", "v")], traffic, "relayed")
    yield case("by a face, to the bare address", iq(mirror(BARE_U, "helper"), TA, "set", "v"),
               [iq(BARE_U, f"{HELPER}/{alias('a', HELPER)}", "set", "v")], traffic, "relayed")
    yield case("of the account: its server asks", iq(mirror(U, "helper"), T, "get", "v"),
               [iq(U, HELPER, "get", "v")], traffic, "relayed")
    yield case("to a signed mirror", iq(mirror(STRANGER, kid=1), TA, "get", "v"),
               [iq(STRANGER, f"{D}/{alias('a', D)}", "get", "v")], traffic, "relayed")
    to = mirror(U)
    yield case("from a resource of 621 bytes, which the reply would not reach",
               iq(to, f"{T}/{'r' * 621}", "get", "v"),
               [error("iq", "policy-violation", f"{T}/{'r' * 621}", to, "v")], traffic,
               "no-reply-address")
    yield case("without requests in relay", iq(to, TA, "get", "v"),
               [error("iq", "feature-not-implemented", TA, to, "v")], traffic,
               "request-refused", relay=["iq", "messages"])


def replies_out():
    traffic = "reply outward"
    sealed = token()

    def result(to, source, id_, payload="<x xmlns='urn:x'/>"):
        return iq(to, source, "result", id_, payload)

    yield case("a reply", result(mirror(U), TA, sealed), [result(U, D, "1234")], traffic,
               "relayed")
    yield case("an error as the reply", iq(mirror(U), TA, "error", sealed, BOUNCE),
               [iq(U, D, "error", "1234", BOUNCE)], traffic, "relayed-error")
    stamped = "USER@Some-Domain.example/abc"
    yield case("to a user in the spelling that the token keeps",
               result(mirror(U), TA, token(user=stamped)), [result(stamped, D, "1234")], traffic,
               "relayed")
    yield case("from another resource", result(mirror(U), TB, sealed), [], traffic,
               "token-signature")
    yield case("to the mirror for another face", result(mirror(U, "helper"), TA, sealed), [],
               traffic, "token-signature")
    yield case("the token in the resource, from before relay was changed",
               result(f"{D}/{sealed}", TA, "1234"), [result(U, D, "1234")], traffic, "relayed")
    yield case("the token in the id, to the domain", result(D, TA, sealed),
               [result(U, D, "1234")], traffic, "relayed")
    yield case("a user's resource that is a token says nothing",
               result(mirror(f"{BARE_U}/{sealed}"), TA, "1234"), [], traffic, "token-length")
    yield case("no token at all", f"<iq type='result' to='{mirror(U)}' from='{TA}'/>", [],
               traffic, "no-token")
    yield case("of the account without a token", f"<iq type='result' to='{HELPER}' from='{T}'/>",
               [], traffic, "no-token")
    other = mirror("mallory@evil.example/x")
    yield case("the mirror of another user: the token says who asked", result(other, TA, sealed),
               [result(U, D, "1234")], traffic, "relayed")
    to_alias = alias("b", HELPER)
    asked = token(resource=to_alias, asked=HELPER, peer=TB)
    yield case("what was asked of an alias comes from it",
               result(mirror(U, "helper"), TB, asked),
               [result(U, f"{HELPER}/{to_alias}", "1234")], traffic, "relayed")
    asked = token(asked=HELPER, peer=T)
    yield case("the account's answer comes from the face",
               result(mirror(U, "helper"), T, asked, VCARD), [result(U, HELPER, "1234", VCARD)],
               traffic, "relayed", account_queries=["vcard-temp"])
    asked = token(user=TA, asked=D, peer=TB)
    yield case("the target's answer to itself", result(mirror(TA), TB, asked),
               [result(TA, D, "1234")], traffic, "relayed")
    asked = token(asked=f"x@{D}")
    yield case("by a face that there was", result(mirror(U, "x"), TA, asked),
               [result(U, f"x@{D}", "1234")], traffic, "relayed")
    yield case("to a user who may not be written to first",
               result(mirror(STRANGER, kid=1), TA, token(user=STRANGER)),
               [result(STRANGER, D, "1234")], traffic, "relayed")


def presence_out():
    traffic = "presence outward"
    from_a = f"{HELPER}/{alias('a', HELPER)}"
    for type_ in ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"]:
        typed = f"type='{type_}'"
        yield case(f"{type_} of the account", presence(mirror(BARE_U, "helper"), T, typed),
                   [presence(BARE_U, HELPER, typed)], traffic, "relayed")
    yield case("a subscription from and to full addresses",
               presence(mirror(U, "helper"), TA, SUBSCRIBE, "<status>hi</status>"),
               [presence(BARE_U, HELPER, SUBSCRIBE, "<status>hi</status>")], traffic, "relayed")
    show = "<show>away</show><c xmlns='http://jabber.org/protocol/caps' ver='x'/>"
    yield case("presence", presence(mirror(BARE_U, "helper"), TA, "", show),
               [presence(BARE_U, from_a, "", show)], traffic, "relayed")
    yield case("directed presence", presence(mirror(U, "helper"), TA, "", show),
               [presence(U, from_a, "", show)], traffic, "relayed")
    yield case("unavailable", presence(mirror(BARE_U, "helper"), TA, "type='unavailable'"),
               [presence(BARE_U, from_a, "type='unavailable'")], traffic, "relayed")
    yield case("unavailable of the account: nobody is online",
               presence(mirror(BARE_U, "helper"), T, "type='unavailable'"),
               [presence(BARE_U, HELPER, "type='unavailable'")], traffic, "relayed")
    yield case("an error", presence(mirror(U), TA, "type='error'", BOUNCE), [], traffic,
               "presence-error")
    yield case("of an unknown type", presence(mirror(U), TA, "type='weird'"), [], traffic,
               "presence-ignored")
    yield case("from a resource of 621 bytes", presence(mirror(U), f"{T}/{'r' * 621}", ""),
               [presence(U, D, "")], traffic, "alias-too-long")
    yield case("to the domain: for the list", presence(D, TB, ""), [], traffic, "presence-used")
    yield case("a subscription to the domain: for our own presence", presence(D, T, SUBSCRIBE),
               [presence(T, D, "type='subscribed'"), presence(T, D, "")], traffic,
               "presence-used")
    yield case("a probe of the domain", presence(D, T, "type='probe'"), [presence(T, D, "")],
               traffic, "presence-used")


def payloads():
    """The target's own address in what its server wrote."""
    alias_a = f"{D}/{alias('a', D)}"
    stamp = "<delay xmlns='urn:xmpp:delay' stamp='s'/>"
    for source in [TA, "SOME-USER@Some-Domain.example/a", "some-domain.example"]:
        delay = f"<delay xmlns='urn:xmpp:delay' from='{source}' stamp='s'/>"
        yield case(f"presence, delayed by {source}",
                   presence(mirror(BARE_U), TA, "", f"<show>away</show>{delay}"),
                   [presence(BARE_U, alias_a, "", f"<show>away</show>{stamp}")],
                   "presence outward", "scrubbed")
    event = "<event xmlns='http://jabber.org/protocol/pubsub#event'/>"
    address = "<addresses xmlns='http://jabber.org/protocol/address'>{}</addresses>"
    for what, given, out in [
        ("a full address", f"<address jid='{TA}'/>", f"<address jid='{alias_a}'/>"),
        ("a bare address", f"<address jid=\"{T}\" />", f"<address jid=\"{D}\" />"),
        ("as it was typed", "<address jid='SOME-USER@some-domain.example/A'/>",
         f"<address jid='{D}/{alias('A', D)}'/>"),
        ("written with a reference", "<address jid='some-user&#64;some-domain.example'/>",
         f"<address jid='{D}'/>"),
    ]:
        given, out = (event + address.format(it) for it in [given, out])
        yield case(f"an event of the account, {what}",
                   message(mirror(BARE_U), T, "type='headline'", given),
                   [message(BARE_U, D, "type='headline'", out)], "message outward", "scrubbed")
    for what, payload in [
        ("in a text", f"<body>{T}</body>"),
        ("inside of another address", f"<x jid='x{T}'/><x jid='{T}x'/><x jid='xmpp:{T}'/>"),
        ("as a namespace", f"<x xmlns='{T}'/>"),
    ]:
        yield case(f"of the account, its address {what}",
                   message(mirror(BARE_U), T, "type='headline'", payload),
                   [message(BARE_U, D, "type='headline'", payload)], "message outward", "relayed")
    item = "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='{}' node='x'/></query>"
    sealed = token(asked=HELPER, peer=T)
    yield case("the account's answer with its address",
               iq(mirror(U, "helper"), T, "result", sealed, item.format(TA)),
               [iq(U, HELPER, "result", "1234",
                   item.format(f"{HELPER}/{alias('a', HELPER)}"))],
               "reply outward", "scrubbed",
               account_queries=["http://jabber.org/protocol/disco#items"])
    written = f"<x jid='{TA}' xmlns='urn:x'/><delay xmlns='urn:xmpp:delay' from='{TA}'/>"
    yield case("what a resource of the target writes is its own affair",
               message(mirror(U), TA, "id='r'", written), [message(U, alias_a, "id='r'", written)],
               "message outward", "relayed")
