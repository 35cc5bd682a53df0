"""What users write."""

from make_token_vectors import token
from two_way.addresses import D, T, TA, TB, alias, bare, chosen, long_user, mirror, normal
from two_way.stanzas import (
    BARE_U, BODY, BOUNCE, HELPER, QUERY, STRANGER, SUBSCRIBE, U, VCARD, case, error, iq, key,
    message, presence,
)


def messages_in():
    traffic = "message inward"

    def relayed(name, given, out, reason="relayed", **settings):
        return case(name, given, [out], traffic, reason, **settings)

    def plain(to, source, **more):
        return message(to, source, "type='chat' id='q'", **more)

    yield relayed("a message to a face", plain(HELPER, U), plain(TA, mirror(U, "helper")))
    yield relayed("to the domain itself, without an id",
                  message(D, U), message(TA, mirror(U)))
    yield relayed("from a user without a resource",
                  plain(HELPER, BARE_U), plain(TA, mirror(BARE_U, "helper")))
    yield relayed("from a server, which has no node",
                  plain(D, "example"), plain(chosen("example"), mirror("example")))
    yield relayed("to an alias", plain(f"{HELPER}/{alias('a', HELPER)}", U),
                  plain(TA, mirror(U, "helper")))
    yield relayed("to the alias of a resource that is not online",
                  plain(f"{HELPER}/{alias('a', HELPER)}", U), plain(TA, mirror(U, "helper")),
                  online=["b"])
    yield relayed("to an alias of a name key that makes no names any more",
                  plain(f"{D}/{alias('b', D, kid=2)}", U), plain(TB, mirror(U)),
                  name_keys=[key(1), key(2)])
    for what, resource in [
        ("of a name key that is gone", alias("b", D, kid=9)),
        ("of another face", alias("b", HELPER)),
        ("in upper case", alias("b", D).upper()),
        ("of another target", alias("b", D, target="other@some-domain.example")),
    ]:
        yield relayed(f"to an alias {what}: a resource that says nothing",
                      plain(f"{D}/{resource}", U), plain(TA, mirror(U)))
    for type_ in ["normal", "headline", "weird"]:
        yield relayed(f"of type {type_}", message(HELPER, U, f"type='{type_}'"),
                      message(TA, mirror(U, "helper"), f"type='{type_}'"))
    yield relayed("nobody online: left to the target's server",
                  plain(HELPER, U), plain(T, mirror(U, "helper")), "to-account", online=[])
    yield relayed("nobody known yet", plain(HELPER, U), plain(T, mirror(U, "helper")),
                  "to-account", online=[], subscribed=False)
    yield relayed("all to the account", plain(HELPER, U), plain(T, mirror(U, "helper")),
                  messages_to="account")
    yield relayed("all to the account, but to an alias", plain(f"{D}/{alias('b', D)}", U),
                  plain(TB, mirror(U)), messages_to="account")
    yield relayed("as another spelling of sender and face",
                  plain("HELPER@PROXY.domain.example", "USER@Some-Domain.example/ABC"),
                  plain(TA, mirror(f"{BARE_U}/ABC", "helper")))
    carbon = ("<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
              f"<message from='{T}' to='{D}'/></forwarded></received>")
    yield relayed("what looks like a carbon copy is payload",
                  plain(HELPER, U, payload=carbon),
                  plain(TA, mirror(U, "helper"), payload=carbon))
    odd = " \n<body a = \"&#39;\" ><![CDATA[<&]]>&amp;&#x1F600;</body > "
    yield relayed("every byte of the payload stays",
                  plain(HELPER, U, payload=odd), plain(TA, mirror(U, "helper"), payload=odd))
    yield relayed("an error to an alias",
                  message(f"{HELPER}/{alias('a', HELPER)}", U, "type='error' id='r'", BOUNCE),
                  message(TA, mirror(U, "helper"), "type='error' id='r'", BOUNCE),
                  "relayed-error")
    yield case("an error to a face", message(HELPER, U, "type='error' id='r'", BOUNCE), [],
               traffic, "error-unrouted")
    yield case("an error to a resource that is no alias",
               message(f"{HELPER}/x", U, "type='error' id='r'", BOUNCE), [], traffic,
               "error-unrouted")
    for user in ["a\\40b@evil.example/x", "A\\5C40B@evil.example/x", "d\\27art@evil.example/x",
                 "אב@example/x", "😀@example/x", "\u1e9e@example/x", "f\u0307@example/x",
                 "ÜSER@example/x", "u@example/a/b@c \"'"]:
        yield relayed(f"from {user}", plain(HELPER, user),
                      plain(chosen(user), mirror(user, "helper")))
    nested = "x\\40a.example\\2fhelper@d2.example/r"
    yield relayed("from a mirror of another component", plain(HELPER, nested),
                  plain(chosen(nested), mirror(nested, "helper")), initiate=["*"])
    for face in ["helper\\2fx", "\u0307x", "אב"]:
        yield relayed(f"to the face {face}", plain(f"{face}@{D}", U), plain(TA, mirror(U, face)),
                      faces=["*"])
    yield relayed("to a face in another spelling", plain(f"helper\\2Fx@{D}", U),
                  plain(TA, mirror(U, "helper\\2fx")), faces=["*"])
    longest = long_user(1023)
    yield relayed("a mirror of 1023 bytes", plain(HELPER, longest),
                  plain(chosen(longest), mirror(longest, "helper")))


def refused_in():
    traffic = "message inward"
    plain = "type='chat' id='q'"
    yield case("a room that the target is not in", message(HELPER, U, "type='groupchat' id='q'"),
               [error("message", "service-unavailable", U, HELPER, "q")], traffic,
               "groupchat-refused")
    reserved = f"victim\\40some-domain.example@{D}"
    yield case("a user writes to a mirror", message(reserved, U, plain),
               [error("message", "item-not-found", U, reserved, "q")], traffic, "face-reserved")
    yield case("a user asks a mirror", iq(reserved, U, "get", "q"),
               [error("iq", "item-not-found", U, reserved, "q")], "request inward",
               "face-reserved")
    for type_ in [SUBSCRIBE, "", "type='probe'"]:
        yield case(f"a user's presence to a mirror: {type_ or 'available'}",
                   presence(reserved, U, type_), [], "presence inward", "face-reserved")
    yield case("a user's error to a mirror", message(reserved, U, "type='error' id='q'", BOUNCE),
               [], traffic, "face-reserved")
    yield case("a user's result to a mirror", iq(reserved, U, "result", "q", ""), [],
               "reply inward", "face-reserved")
    upper = "helper\\2Fx@" + D
    yield case("a face that there is not", message(upper, U, plain),
               [error("message", "item-not-found", U, upper, "q")], traffic, "no-such-face")
    yield case("a request to one", iq(f"x@{D}", U, "get", "q"),
               [error("iq", "item-not-found", U, f"x@{D}", "q")], "request inward",
               "no-such-face")
    yield case("a subscription to one", presence(f"x@{D}", BARE_U, SUBSCRIBE), [],
               "presence inward", "no-such-face")
    too_long = long_user(1024)
    yield case("a mirror of 1024 bytes", message(HELPER, too_long, plain),
               [error("message", "policy-violation", too_long, HELPER, "q")], traffic,
               "mirror-too-long")
    yield case("a subscription of one whose mirror is too long",
               presence(HELPER, bare(too_long), SUBSCRIBE),
               [presence(bare(too_long), HELPER, "type='unsubscribed'")],
               "presence inward", "mirror-too-long")
    some = {"allow_from": ["some-domain.example"]}
    yield case("a message of one who may not write", message(HELPER, STRANGER, plain),
               [error("message", "forbidden", STRANGER, HELPER, "q")], traffic, "forbidden",
               **some)
    yield case("a request of one who may not write", iq(HELPER, STRANGER, "get", "q"),
               [error("iq", "forbidden", STRANGER, HELPER, "q")], "request inward", "forbidden",
               **some)
    yield case("presence of one who may not write", presence(HELPER, STRANGER, ""), [],
               "presence inward", "forbidden", **some)
    yield case("one who may not write, to a face that there is not",
               message(f"x@{D}", STRANGER, plain),
               [error("message", "forbidden", STRANGER, f"x@{D}", "q")], traffic, "forbidden",
               deny_from=["else.example"])
    yield case("an error of one who may not write is not judged",
               message(f"{D}/{alias('a', D)}", STRANGER, "type='error' id='q'", BOUNCE),
               [message(TA, mirror(STRANGER, kid=1), "type='error' id='q'", BOUNCE)], traffic,
               "relayed-error", **some)
    yield case("an address of our own", message(D, f"{D}/x", plain), [], traffic, "own-address")
    yield case("no sender", f"<message to='{D}'>{BODY}</message>", [], traffic, "no-from")
    yield case("another domain", message("other.example", U, plain), [], traffic,
               "not-our-domain")


def requests_in():
    traffic = "request inward"

    def relayed(name, to, user, peer, face="", resource="", payload=QUERY, **settings):
        sealed = token(user=user, resource=resource, id="1234", asked=bare(normal(to)), peer=peer)
        return case(name, iq(to, user, "get", "1234", payload),
                    [iq(peer, mirror(user, face), "get", sealed, payload)], traffic, "relayed",
                    **settings)

    yield relayed("a request: its token is the id", D, U, TA)
    yield relayed("a sender in another spelling, which its token keeps", D,
                  "USER@Some-Domain.example/abc", TA)
    yield relayed("a request to a face", HELPER, U, TA, "helper")
    to_alias = alias("b", HELPER)
    yield relayed("a request to an alias", f"{HELPER}/{to_alias}", U, TB, "helper", to_alias)
    yield relayed("a request to the alias of a resource that is not online",
                  f"{HELPER}/{to_alias}", U, TB, "helper", to_alias, online=["a"])
    yield relayed("a request to a resource that says nothing", f"{D}/x", U, TA, "", "x")
    queries = {"account_queries": ["vcard-temp"]}
    yield relayed("what the target's server answers", HELPER, U, T, "helper", payload=VCARD,
                  **queries)
    prefixed = "<v:vCard xmlns:v='vcard-temp'/>"
    yield relayed("the same with a prefix", HELPER, U, T, "helper", payload=prefixed, **queries)
    yield relayed("the same, nobody online", HELPER, U, T, "helper", payload=VCARD, online=[],
                  **queries)
    yield relayed("another namespace", HELPER, U, TA, "helper", **queries)
    yield relayed("the namespace further in", HELPER, U, TA, "helper",
                  payload=f"<x xmlns='urn:x'>{VCARD}</x>", **queries)
    yield relayed("the same to an alias: to that resource", f"{HELPER}/{to_alias}", U, TB,
                  "helper", to_alias, payload=VCARD, **queries)
    yield relayed("the same to a resource that says nothing: to a resource", f"{HELPER}/x", U, TA,
                  "helper", "x", payload=VCARD, **queries)
    yield case("nobody online", iq(D, U, "get", "1234"),
               [error("iq", "service-unavailable", U, D, "1234")], traffic, "offline", online=[])
    yield case("a request without a child", iq(D, U, "get", "1234", ""),
               [error("iq", "bad-request", U, D, "1234")], traffic, "child-count")
    sealed = token(user=TA, asked=D, peer=TA)
    yield case("the target asks a face as any user",
               iq(D, TA, "get", "1234"), [iq(TA, mirror(TA), "get", sealed)], traffic, "relayed")
    other = token(user=TA, resource=sealed, asked=D, peer=TA)
    yield case("the target asks what is a token's address elsewhere",
               iq(f"{D}/{sealed}", TA, "get", "1234"), [iq(TA, mirror(TA), "get", other)],
               traffic, "relayed")


def replies_in():
    traffic = "reply inward"
    to_alias = f"{D}/{alias('a', D)}"

    def result(to, source):
        return iq(to, source, "result", "v", "<x xmlns='urn:x'/>")

    yield case("the reply to a request of the target", result(to_alias, U),
               [result(TA, mirror(U))], traffic, "relayed")
    yield case("an error as the reply", iq(to_alias, U, "error", "v", BOUNCE),
               [iq(TA, mirror(U), "error", "v", BOUNCE)], traffic, "relayed-error")
    mallory = "mallory@evil.example/x"
    yield case("a reply of somebody else comes from him", result(to_alias, mallory),
               [result(TA, mirror(mallory))], traffic, "relayed")
    changed = to_alias[:-1] + ("a" if to_alias[-1] != "a" else "b")
    yield case("a reply to what is no alias", result(changed, U), [], traffic, "no-alias")
    yield case("a reply to an alias of a name key that makes no names any more",
               result(f"{D}/{alias('a', D, kid=2)}", U), [result(TA, mirror(U))], traffic,
               "relayed", name_keys=[key(1), key(2)])
    yield case("a reply to a face: its server asked", result(HELPER, U),
               [result(T, mirror(U, "helper"))], traffic, "relayed")


def presence_in():
    traffic = "presence inward"
    status = "<status>let me in</status>"

    def relayed(name, given, out, reason="relayed"):
        return case(name, given, [out], traffic, reason)

    for type_ in ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"]:
        yield relayed(type_, presence(HELPER, BARE_U, f"type='{type_}'"),
                      presence(T, mirror(BARE_U, "helper"), f"type='{type_}'"))
    yield relayed("a subscription from and to full addresses",
                  presence(f"{HELPER}/x", U, SUBSCRIBE, status),
                  presence(T, mirror(BARE_U, "helper"), SUBSCRIBE, status))
    yield relayed("a probe from a full address", presence(HELPER, U, "type='probe'"),
                  presence(T, mirror(BARE_U, "helper"), "type='probe'"))
    for type_, payload in [("", "<show>away</show>"), ("type='unavailable'", status)]:
        yield relayed(f"presence to a face: {type_ or 'available'}",
                      presence(HELPER, U, type_, payload),
                      presence(T, mirror(U, "helper"), type_, payload))
        yield relayed(f"presence to an alias: {type_ or 'available'}",
                      presence(f"{HELPER}/{alias('b', HELPER)}", U, type_, payload),
                      presence(TB, mirror(U, "helper"), type_, payload))
    nick = "room@some-domain.example/nick"
    failed = "type='error'"
    yield relayed("an error of a room that was entered",
                  presence(f"{D}/{alias('a', D)}", nick, failed, BOUNCE),
                  presence(TA, mirror(nick), failed, BOUNCE), "relayed-error")
    yield relayed("an error of a room to a face", presence(D, nick, failed, BOUNCE),
                  presence(T, mirror(nick), failed, BOUNCE), "relayed-error")
    yield case("an error of somebody who may not be written to first",
               presence(f"{D}/{alias('a', D)}", STRANGER, failed, BOUNCE), [], traffic,
               "presence-error")
    yield case("of an unknown type", presence(HELPER, U, "type='weird'"), [], traffic,
               "presence-ignored")
    yield relayed("a subscription of one who may not be written to first",
                  presence(HELPER, bare(STRANGER), SUBSCRIBE),
                  presence(T, mirror(bare(STRANGER), "helper", kid=1), SUBSCRIBE))
    yield case("a subscription of one who may not write",
               presence(HELPER, bare(STRANGER), SUBSCRIBE), [], traffic, "forbidden",
               allow_from=["some-domain.example"])
