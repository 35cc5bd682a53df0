#!/usr/bin/env python3
"""Writes token-v1.toml, the golden vectors of docs/token.md, to standard output.

Uses nothing but Python's standard library, and nothing of jat-proxy, so that the
vectors prove the program and not the other way round:

    python3 tests/data/make_token_vectors.py > tests/data/token-v1.toml
"""

import base64
import hashlib
import hmac
import sys

HEADER = """\
# Golden vectors of token version 1 (docs/token.md).
# Written by make_token_vectors.py; do not edit.
#
# [[valid]] opens to its claims, and sealing the claims gives exactly the token.
# [[invalid]] is refused with the error.
#
# secret      the key ring's only secret, standard base64
# kid         the key ring's only key id
# asked       bare address that the user wrote to, in normal form
# peer        full address that the request was forwarded to, in normal form
# now         Unix second at which the token is opened
# token       the token
# user, resource, id, expires   the claims
# error       length, encoding, version, unknown-key, signature, malformed, kind or expired
"""

# Known to everybody: for examples and tests only.
SECRET = b"jat-proxy demo key, never use it"
OTHER_SECRET = b"another demo key, never use it!!"
KID = 1

NOW = 1_800_000_000
EXPIRES = NOW + 3600
ASKED = "proxy.domain.example"
PEER = "some-user@some-domain.example/a"
USER = "user@some-domain.example/abc"

MAX_EXPIRES = 2**40 - 1
MAX_CLAIM_BYTES = 611
SYMBOLS = "abcdefghijklmnopqrstuvwxyz234567"


def main():
    text = HEADER + "".join(valid_vectors()) + "".join(invalid_vectors())
    sys.stdout.buffer.write(text.encode())


def valid_vectors():
    yield valid("the request of the README")
    yield valid("node and resource asked", asked="node@proxy.domain.example", resource="printer/2")
    yield valid("a user without a resource", user="user@some-domain.example")
    yield valid("a server as the user", user="some-domain.example", id="ping-1")
    yield valid("an empty id", id="")
    yield valid("the shortest token, 45 characters", user="", id="")
    yield valid("the longest token, 1023 characters", id="x" * (MAX_CLAIM_BYTES - len(USER)))
    yield valid("markup and spaces", user="user@some-domain.example/a b/c@d <&'\">",
                resource="</iq>", id="\"<&>' &amp; \\ ")
    yield valid("unicode", user="zoë@bücher.example/шаблон 😀", asked="café@proxy.domain.example",
                peer="бот@some-domain.example/שלום", resource="日本語", id="№ 1 – ½")
    yield valid("control characters", id="\0\t\r\n\x1f end", resource="\n")
    yield valid("a fixed target that is a component", peer="service.some-domain.example/x")
    yield valid("key id 0", kid=0)
    yield valid("key id 255", kid=255)
    yield valid("a secret longer than a block of SHA-256", secret=SECRET + OTHER_SECRET + SECRET)
    yield valid("the last second", now=EXPIRES - 1)
    yield valid("the latest expiry", expires=MAX_EXPIRES, now=MAX_EXPIRES - 1)


def invalid_vectors():
    good = token()

    yield invalid("length", "no token at all", "")
    yield invalid("length", "one symbol", "a")
    yield invalid("length", "one symbol less than the shortest", "a" * 44)
    yield invalid("length", "1024 symbols", token(user="x" * (MAX_CLAIM_BYTES + 1), id=""))
    yield invalid("length", "10000 symbols", "a" * 10_000)

    yield invalid("encoding", "upper case", good.upper())
    yield invalid("encoding", "one upper-case symbol", "A" + good[1:])
    yield invalid("encoding", "padding", base32(signed(id="12345"), padding=True))
    yield invalid("encoding", "a digit outside the alphabet", good[:20] + "1" + good[21:])
    yield invalid("encoding", "a space at the end", good + " ")
    yield invalid("encoding", "a hyphen", good[:20] + "-" + good[20:])
    yield invalid("encoding", "not ASCII", good[:20] + "é" + good[21:])
    for id in ["12345", "123456", "1234567", "12345678"]:
        bits = -8 * len(signed(id=id)) % 5
        yield invalid("encoding", f"trailing bits ({bits}), one of them set", trailing(token(id=id)))
    assert len(good) % 8 == 0
    yield invalid("encoding", "a ninth symbol, which completes no byte", good + "a")

    yield invalid("version", "version 0", token(version=0))
    yield invalid("version", "version 2", token(version=2))
    yield invalid("version", "found before an unknown key", token(version=2, kid=2))

    yield invalid("unknown-key", "another key id, the same secret", token(kid=2))
    yield invalid("unknown-key", "found before the expiry", token(kid=2, expires=0))

    data = signed()
    yield invalid("signature", "first bit of the tag", base32(flip(data, -16, 0x80)))
    yield invalid("signature", "last bit of the tag", base32(flip(data, -1, 0x01)))
    yield invalid("signature", "a bit of the kind", base32(flip(data, 1, 0x02)))
    yield invalid("signature", "a bit of the expiry", base32(flip(data, 7, 0x01)))
    yield invalid("signature", "a bit of the user's length", base32(flip(data, 9, 0x01)))
    yield invalid("signature", "a bit of the user", base32(flip(data, 10, 0x01)))
    yield invalid("signature", "a bit of the id", base32(flip(data, -17, 0x01)))
    yield invalid("signature", "the last byte cut off", base32(data[:-1]))
    yield invalid("signature", "the whole tag of 32 bytes", base32(signed(tag_bytes=32)))
    yield invalid("signature", "another address asked", token(asked="node@" + ASKED))
    yield invalid("signature", "another component", token(asked="proxy.other.example"))
    yield invalid("signature", "another resource of the peer", token(peer=PEER[:-1] + "b"))
    yield invalid("signature", "another peer", token(peer="some-user@other.example/a"))
    yield invalid("signature", "asked and peer cut elsewhere",
                  token(asked=ASKED + PEER[:1], peer=PEER[1:]))
    yield invalid("signature", "another key of the same id", token(secret=OTHER_SECRET))
    yield invalid("signature", "another purpose of the key", token(purpose=b"jat-proxy/v2"))
    yield invalid("signature", "found before the expiry",
                  base32(flip(signed(expires=0), -1, 0x01)))

    # A reader that forgets to check the lengths takes this tag's first byte for text.
    letter = field(USER) + field("c", 2)
    assert signed(body=letter)[-16] < 0x80
    for name, body in [
        ("the resource's length reaches into the tag", letter),
        ("the user's length leaves the token", field(USER, 1000)),
        ("the user's length reaches into the tag", field(USER, len(USER) + 1)),
        ("no room for the resource's length", field(USER)),
        ("one byte of the resource's length", field(USER) + b"\0"),
        ("the resource's length leaves the token", field(USER) + field("r", 0xFFFF) + b"1234"),
        ("the user is not UTF-8", field(b"user\xff") + field("") + b"1234"),
        ("the resource is not UTF-8", field(USER) + field(b"\xc0\x80") + b"1234"),
        ("the id is not UTF-8", field(USER) + field("") + b"\xed\xa0\x80"),
        ("a character cut in two by the lengths", field(b"\xc3") + field(b"\xa9") + b"1234"),
    ]:
        yield invalid("malformed", name, token(body=body))
    yield invalid("malformed", "found before the kind", token(kind=2, body=field(USER)))

    yield invalid("kind", "kind 0", token(kind=0))
    yield invalid("kind", "kind 2", token(kind=2))
    yield invalid("kind", "found before the expiry", token(kind=2, expires=0))

    yield invalid("expired", "at the exact second", good, now=EXPIRES)
    yield invalid("expired", "long ago", good, now=EXPIRES + 86_400 * 365)
    yield invalid("expired", "expiry 0 at second 0", token(expires=0), now=0)
    yield invalid("expired", "the latest expiry at that second", token(expires=MAX_EXPIRES),
                  now=MAX_EXPIRES)


def token(**claims):
    return base32(signed(**claims))


def signed(user=USER, resource="", id="1234", expires=EXPIRES, version=1, kind=1, kid=KID,
           secret=SECRET, asked=ASKED, peer=PEER, purpose=b"jat-proxy/v1", tag_bytes=16, body=None):
    """The bytes of a token; `body` replaces what follows the expiry."""
    if body is None:
        body = field(user) + field(resource) + id.encode()
    data = bytes([version, kind, kid]) + expires.to_bytes(5, "big") + body
    message = pae(purpose, data, asked.encode(), peer.encode())
    return data + hmac.new(secret, message, hashlib.sha256).digest()[:tag_bytes]


def field(text, length=None):
    """A two-byte length, perhaps a wrong one, and the text."""
    data = text if isinstance(text, bytes) else text.encode()
    return (len(data) if length is None else length).to_bytes(2, "big") + data


def pae(*pieces):
    """PASETO's pre-authentication encoding."""
    out = len(pieces).to_bytes(8, "little")
    for piece in pieces:
        out += len(piece).to_bytes(8, "little") + piece
    return out


def base32(data, padding=False):
    text = base64.b32encode(data).decode().lower()
    return text if padding else text.rstrip("=")


def flip(data, at, bits):
    changed = bytearray(data)
    changed[at] ^= bits
    return bytes(changed)


def trailing(text):
    """Sets the last bit of the last symbol, which lies behind the last byte."""
    value = SYMBOLS.index(text[-1])
    assert value & 1 == 0
    return text[:-1] + SYMBOLS[value | 1]


def valid(name, user=USER, resource="", id="1234", expires=EXPIRES, kid=KID, secret=SECRET,
          asked=ASKED, peer=PEER, now=NOW):
    text = token(user=user, resource=resource, id=id, expires=expires, kid=kid, secret=secret,
                 asked=asked, peer=peer)
    return table("valid", name=name, secret=secret, kid=kid, asked=asked, peer=peer, now=now,
                 token=text, user=user, resource=resource, id=id, expires=expires)


def invalid(error, name, text, now=NOW):
    return table("invalid", name=f"{error}: {name}", secret=SECRET, kid=KID, asked=ASKED,
                 peer=PEER, now=now, token=text, error=error)


def table(kind, **fields):
    lines = [f"{key} = {toml(value)}\n" for key, value in fields.items()]
    return f"\n[[{kind}]]\n" + "".join(lines)


def toml(value):
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\u{ord(c):04x}" for c in escaped) + '"'


if __name__ == "__main__":
    main()
