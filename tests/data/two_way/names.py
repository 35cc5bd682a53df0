"""Mirrors that are signed, several name keys, and several faces."""

from make_token_vectors import NOW
from two_way.addresses import D, T, TA, TB, alias, bare, chosen, mac, mirror, node_of
from two_way.stanzas import (
    BARE_U, BOUNCE, HELPER, STRANGER, SUBSCRIBE, U, case, error, iq, key, message, presence,
)


def signed():
    traffic = "message outward"
    plain = "id='r'"
    nobody = {"initiate": []}
    yield case("a user who may not be written to first has a signed mirror",
               message(D, U), [message(TA, mirror(U, kid=1))], "message inward", "relayed",
               **nobody)
    hebrew = "אב@example/x"
    yield case("the same, opaque", message(HELPER, hebrew, plain),
               [message(chosen(hebrew), mirror(hebrew, "helper", kid=1), plain)],
               "message inward", "relayed", **nobody)
    for user, settings, what in [
        (U, nobody, "which may be answered"),
        (BARE_U, nobody, "which may be answered without its resource"),
        (U, nobody | {"now": NOW + 366 * 86_400}, "which may be answered a year later"),
        (U, {}, "which may be answered after its domain came to be in initiate"),
        (U, nobody | {"name_keys": [key(2), key(1)]}, "which may be answered after a new key"),
    ]:
        first = settings.get("name_keys", [key(1)])[0]["id"]
        yield case(f"a signed mirror, {what}", message(mirror(user, kid=1), TB, plain),
                   [message(user, f"{D}/{alias('b', D, kid=first)}",
                            plain)],
                   traffic, "relayed", **settings)
    yield case("the same, opaque", message(mirror(hebrew, "helper", kid=1), TB, plain),
               [message(hebrew, f"{HELPER}/{alias('b', HELPER)}", plain)], traffic, "relayed",
               **nobody)
    good = mac(BARE_U, "", 1)
    for what, text in [
        ("a letter of it changed", f"{BARE_U}//{'a' if good[0] != 'a' else 'b'}{good[1:]}"),
        ("that of another user", f"{BARE_U}//{mac('v@some-domain.example', '', 1)}"),
        ("that of another face", f"{BARE_U}//{mac(BARE_U, 'helper', 1)}"),
        ("of a name key that is gone", f"{BARE_U}//{mac(BARE_U, '', 9)}"),
        ("that of the face, without it", f"{BARE_U}/helper/{good}"),
    ]:
        to = f"{node_of(text)}@{D}/abc"
        yield case(f"a MAC that is not good: {what}", message(to, TA, plain),
                   [error("message", "forbidden", TA, to, "r")], traffic, "mirror-signature",
                   **nobody)
    other_face = f"{BARE_U}//{mac(BARE_U, 'helper', 1)}"
    to = f"{node_of(other_face)}@{D}"
    yield case("a subscription by a MAC that is not good", presence(to, T, SUBSCRIBE),
               [presence(T, to, "type='unsubscribed'")], "presence outward", "mirror-signature",
               **nobody)
    yield case("a request by a MAC that is not good", iq(to, TA, "get", "r"),
               [error("iq", "forbidden", TA, to, "r")], "request outward", "mirror-signature",
               **nobody)
    yield case("a MAC that is not good, of one who may be written to first",
               message(to, TA, plain), [error("message", "forbidden", TA, to, "r")], traffic,
               "mirror-signature")
    to = mirror(STRANGER)
    yield case("the target writes first", message(to, TA, plain),
               [error("message", "forbidden", TA, to, "r")], traffic, "not-initiated")
    yield case("the target asks first", iq(to, TA, "get", "r"),
               [error("iq", "forbidden", TA, to, "r")], "request outward", "not-initiated")
    to = mirror(bare(STRANGER))
    traffic = "presence outward"
    yield case("the target subscribes first", presence(to, T, SUBSCRIBE),
               [presence(T, to, "type='unsubscribed'")], traffic, "not-initiated")
    yield case("the target's presence to one who may not be written to first",
               presence(to, TA, ""), [], traffic, "not-initiated")
    for type_ in ["unsubscribe", "unsubscribed"]:
        yield case(f"{type_}, to one who may not be written to any more",
                   presence(to, T, f"type='{type_}'"),
                   [presence(bare(STRANGER), D, f"type='{type_}'")], traffic, "relayed")
    yield case("unavailable, to one who may not be written to any more",
               presence(to, TA, "type='unavailable'"),
               [presence(bare(STRANGER), f"{D}/{alias('a', D)}", "type='unavailable'")], traffic,
               "relayed")
    to = mirror(STRANGER)
    yield case("an error to one who may not be written to any more",
               message(to, TA, "type='error' id='q'", BOUNCE),
               [message(STRANGER, f"{D}/{alias('a', D)}", "type='error' id='q'", BOUNCE)],
               "message outward", "relayed-error")


def names():
    """Two name keys."""
    settings = {"name_keys": [key(1), key(2)]}
    yield case("unavailable, from an alias of each name key",
               presence(mirror(BARE_U), TA, "type='unavailable'"),
               [presence(BARE_U, f"{D}/{alias('a', D, kid=kid)}", "type='unavailable'")
                for kid in [2, 1]],
               "presence outward", "relayed", **settings)
    yield case("the same to a full address",
               presence(mirror(U, "helper"), TA, "type='unavailable'"),
               [presence(U, f"{HELPER}/{alias('a', HELPER, kid=kid)}", "type='unavailable'")
                for kid in [2, 1]],
               "presence outward", "relayed", **settings)
    yield case("available, from the alias of the first", presence(mirror(BARE_U), TA, ""),
               [presence(BARE_U, f"{D}/{alias('a', D, kid=1)}", "")], "presence outward",
               "relayed", **settings)
    old = mirror(STRANGER, kid=2)
    yield case("a request to a mirror that is signed with a name key that makes no names any more",
               iq(old, TA, "get", "r"), [error("iq", "gone", TA, old, "r")], "request outward",
               "mirror-old-key", **settings)
    yield case("a message to it", message(old, TA, "id='r'"),
               [message(STRANGER, f"{D}/{alias('a', D)}", "id='r'")], "message outward",
               "relayed", **settings)


def rooms():
    """One client in one room by three faces."""
    settings = {"initiate": ["conference.example"]}
    join = "<x xmlns='http://jabber.org/protocol/muc'/>"
    room = "room@conference.example"
    for face in ["alice", "bob", ""]:
        nick = face or "bot"
        address = f"{face}@{D}" if face else D
        occupant = f"{address}/{alias('a', address)}"
        place = f"{room}/{nick}"
        yield case(f"{nick} enters a room", presence(mirror(place, face), TA, "", join),
                   [presence(place, occupant, "", join)], "presence outward", "relayed",
                   **settings)
        yield case(f"{nick} says something", message(mirror(room, face), TA, "type='groupchat'"),
                   [message(room, occupant, "type='groupchat'")], "message outward", "relayed",
                   **settings)
        yield case(f"{nick} hears something",
                   message(occupant, f"{room}/other", "type='groupchat'"),
                   [message(TA, mirror(f"{room}/other", face), "type='groupchat'")],
                   "message inward", "relayed", **settings)
        yield case(f"{nick} sees an occupant", presence(occupant, f"{room}/other", ""),
                   [presence(TA, mirror(f"{room}/other", face), "")], "presence inward",
                   "relayed", **settings)
        yield case(f"{nick} leaves", presence(mirror(place, face), TA, "type='unavailable'"),
                   [presence(place, occupant, "type='unavailable'")], "presence outward",
                   "relayed", **settings)
