#!/usr/bin/env python3
"""Writes two-way-v1.toml, the golden cases of messages, presence and requests both ways, to
standard output.

Uses nothing but Python's standard library, and nothing of jat-proxy, so that the cases prove the
program and not the other way round:

    python3 tests/data/make_two_way_cases.py > tests/data/two-way-v1.toml
"""

import base64
import json
import re
import sys

from make_token_vectors import NOW, SECRET
from two_way import inward, names, narrowed, outward
from two_way.addresses import D, T
from two_way.stanzas import key

HEADER = """\
# Golden cases of a component that relays more than the requests of users.
# Written by make_two_way_cases.py; do not edit.
#
# Each case is one stanza that comes in, and all that goes out for it. There is no state: a case
# needs none of those before it. What differs from [defaults] stands in the case.
#
# domain, target     the component's domain, and the target address
# relay, faces, initiate, allow-from, deny-from, messages-to, account-queries
#                    as in the configuration
# own-domains        those of other components of the same process
# online             the resources of the target that are online, as far as is known
# subscribed         whether the target has granted the subscription to its presence
# secret             of the signing key, which has the id 1, standard base64
# name-keys          the name keys; the first makes names
# now, reply-ttl     Unix second at which the stanza comes, and the seconds that a reply may take
# in                 what comes in
# out                what goes out: the attributes of a start tag in any order, the rest byte for
#                    byte; of our own errors all but their text, which is anybody's choice
# stanza, way, reason   what it is counted as
#
# Requests are spread by dispatch = "sticky".
"""

DEFAULTS = {
    "domain": D,
    "target": T,
    "relay": ["iq", "messages", "presence", "requests"],
    "faces": ["helper", "alice", "bob"],
    "initiate": ["some-domain.example", "evil.example", "example"],
    "allow-from": ["*"],
    "deny-from": [],
    "own-domains": [],
    "messages-to": "resource",
    "account-queries": [],
    "online": ["a", "b"],
    "subscribed": True,
    "secret": SECRET,
    "name-keys": [key(1)],
    "now": NOW,
    "reply-ttl": 3600,
}

GROUPS = [
    inward.messages_in, inward.refused_in, inward.requests_in, inward.replies_in,
    inward.presence_in, outward.messages_out, outward.refused_out, outward.requests_out,
    outward.replies_out, outward.presence_out, outward.payloads, names.signed, names.names,
    names.rooms, narrowed.narrowed, narrowed.one_resource,
]


def main():
    text = HEADER + "\n[defaults]\n" + fields(DEFAULTS)
    for case in (case for group in GROUPS for case in group()):
        text += "\n[[case]]\n" + fields(case)
    sys.stdout.buffer.write(text.encode())


def fields(of):
    return "".join(f"{key} = {toml(value)}\n" for key, value in of.items())


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(it)}" for key, it in value.items()) + " }"
    if isinstance(value, list):
        if any("<" in str(item) for item in value):
            return "[\n" + "".join(f"    {toml(item)},\n" for item in value) + "]"
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if re.fullmatch(r"[^\\'\"\x00-\x1f]*", value):
        return f'"{value}"'
    if "'''" in value or value.endswith("'") or not value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    # As it stands: nothing is escaped in it.
    return f"'''{value}'''"


if __name__ == "__main__":
    main()
