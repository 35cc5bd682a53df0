"""The addresses of the cases: mirrors and aliases, made without anything of jat-proxy."""

import hashlib

from make_address_vectors import (
    OTHER_SECRET, SECRET, alias_of, as_it_stands, escape, mac_of, nameprep, nodeprep, opaque,
    split_bare,
)

D = "proxy.domain.example"
T = "some-user@some-domain.example"
TA, TB = f"{T}/a", f"{T}/b"

# Secrets of name keys by their ids; no case has the last one in its ring.
NAME_KEYS = {1: SECRET, 2: OTHER_SECRET, 9: b"a third demo key, never use it!!"}


def bare(address):
    return address.partition("/")[0]


def normal(address):
    """An address in normal form, each part by itself."""
    text, slash, resource = address.partition("/")
    node, domain = split_bare(text)
    node, domain = as_it_stands(node, nodeprep), as_it_stands(domain, nameprep)
    return (f"{node}@{domain}" if node else domain) + slash + resource


def mirror(user, face="", kid=None):
    """The mirror of a user, signed with the name key of this id if there is one."""
    user, slash, resource = normal(user).partition("/")
    if "@" not in user:
        user = "@" + user
    if kid is not None:
        text = f"{user}/{face}/{mac(user, face, kid)}"
    else:
        text = f"{user}/{face}" if face else user
    return f"{node_of(text)}@{D}{slash}{resource}"


def node_of(text):
    node = escape(text)
    return node if nodeprep(node) == node else opaque(text)


def mac(user, face, kid):
    return mac_of(user, face, NAME_KEYS[kid])


def alias(resource, face, kid=1, target=T):
    """The alias of a resource of the target, at the bare address of a face."""
    return alias_of(split_bare(face)[0], resource, kid, NAME_KEYS[kid], target)


def long_user(node_bytes):
    """A user whose mirror for the face helper has so many bytes of node."""
    rest = "@some-domain.example"
    return "l" * (node_bytes - len(f"{rest}/helper") - 4) + rest + "/x"


def chosen(user):
    """The resource of the target, of a and b, that messages of a user go to."""
    def weight(resource):
        mask = 2**64 - 1
        z = first_bytes(bare(normal(user))) ^ first_bytes(resource)
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return z ^ z >> 31

    return f"{T}/{max('ab', key=weight)}"


def first_bytes(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
