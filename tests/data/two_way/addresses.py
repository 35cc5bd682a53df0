"""Mirrors and aliases, made without anything of jat-proxy."""

import hashlib
import hmac
import stringprep
import unicodedata

from make_token_vectors import OTHER_SECRET, SECRET, base32, pae

D = "proxy.domain.example"
T = "some-user@some-domain.example"
TA, TB = f"{T}/a", f"{T}/b"

# Secrets of name keys by their ids; no case has the last one in its ring.
NAME_KEYS = {1: SECRET, 2: OTHER_SECRET, 9: b"a third demo key, never use it!!"}

ESCAPES = {" ": "20", '"': "22", "&": "26", "'": "27", "/": "2f", ":": "3a", "<": "3c",
           ">": "3e", "@": "40"}


def bare(address):
    return address.partition("/")[0]


def normal(address):
    """An address in normal form, each part by itself."""
    text, slash, resource = address.partition("/")
    node, at, domain = text.rpartition("@") if text.count("@") < 2 else text.partition("@")
    return (prepared(node, nodeprep) + at + prepared(domain, nameprep)) + slash + resource


def prepared(part, profile):
    """What a profile refuses is taken as it stands."""
    result = profile(part)
    return part if result is None else result


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
    node = ""
    for at, char in enumerate(text):
        if char in ESCAPES:
            node += "\\" + ESCAPES[char]
        elif char == "\\" and text[at + 1:at + 3] in [*ESCAPES.values(), "5c"]:
            node += "\\5c"
        else:
            node += char
    # What a server would change or refuse is written so that it can't.
    return node if nodeprep(node) == node else "\\40\\40" + base32(text.encode())


def mac(user, face, kid, target=T):
    key = keyed(NAME_KEYS[kid], b"jat-proxy/v1 mirror mac")
    pieces = [b"jat-proxy/v1", *(text.encode() for text in [D, target, user, face])]
    return base32(keyed(key, pae(*pieces))[:10])


def alias(resource, face, kid=1, target=T):
    """The alias of a resource of the target, at the bare address of a face."""
    text = resource.encode()
    header = bytes([1, 2, kid])
    pieces = [b"jat-proxy/v1", header, face.encode(), target.encode(), text]
    tag = keyed(keyed(NAME_KEYS[kid], b"jat-proxy/v1 alias mac"), pae(*pieces))[:16]
    key = keyed(NAME_KEYS[kid], b"jat-proxy/v1 alias enc")
    blocks = range(len(text) // 32 + 1)
    stream = b"".join(keyed(key, tag + block.to_bytes(4, "little")) for block in blocks)
    return base32(header + bytes(a ^ b for a, b in zip(text, stream)) + tag)


def keyed(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


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


def nodeprep(text):
    return stringprepped(text, "\"&'/:<>@")


def nameprep(text):
    return stringprepped(text, "")


def stringprepped(text, refused):
    """RFC 3454 as nodeprep and nameprep (RFC 3491) have it; None for what they refuse."""
    # The library maps what Unicode 3.2 does not know.
    if any(stringprep.in_table_a1(c) for c in text):
        return None
    mapped = "".join(stringprep.map_table_b2(c) for c in text if not stringprep.in_table_b1(c))
    text = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    nodeprep_spaces = (stringprep.in_table_c11, stringprep.in_table_c21) if refused else ()
    tables = [stringprep.in_table_c12, stringprep.in_table_c22,
              stringprep.in_table_c3, stringprep.in_table_c4, stringprep.in_table_c5,
              stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8,
              stringprep.in_table_c9, *nodeprep_spaces]
    if any(c in refused or any(table(c) for table in tables) for c in text):
        return None
    right = [stringprep.in_table_d1(c) for c in text]
    if any(right) and (any(stringprep.in_table_d2(c) for c in text)
                       or not right[0] or not right[-1]):
        return None
    return text
