"""Tells a client behind jat-proxy who asks and who writes, whatever the proxy's settings are.

``who_asks`` and ``who_writes`` are what a client needs: they look at the domain first, and believe
nothing that a user can choose. ``read_token`` and ``read_mirror`` read one form each, wherever it is
from. No function raises anything for any text, and none needs a key: the proxy verifies tokens and
mirrors, and a client believes the proxy, whose domain its server vouches for.

docs/token.md and docs/addresses.md of jat-proxy specify what is read here.
"""

from __future__ import annotations

import base64
import re
from typing import Container, NamedTuple, Optional

__all__ = ["Mirror", "Token", "User", "read_mirror", "read_token", "who_asks", "who_writes"]


class User(NamedTuple):
    """A user of the proxy."""

    address: str
    """The full address, such as ``user@some-domain.example/abc``."""
    face: str
    """The node of the address that the user wrote to; empty for the proxy's domain itself."""


class Token(NamedTuple):
    """What a token says."""

    user: str
    """The user's full address, as the user's server stamped it."""
    resource: str
    """The resource of the address that the user wrote to; empty if there was none."""
    id: str
    """The id of the user's request."""
    expires: int
    """The Unix second from which on no reply is relayed."""


class Mirror(NamedTuple):
    """What a mirror says."""

    user: str
    """The user's address in normal form, with the resource that the mirror has."""
    face: str
    """The node of the face; empty for the proxy's domain itself."""
    signed: bool
    """Whether there is a MAC, which only the proxy can verify."""


def who_asks(sender: str, id: str, proxies: Container[str]) -> Optional[User]:
    """The user who sent a request: an IQ of type ``get`` or ``set``.

    ``sender`` and ``id`` are ``from`` and ``id`` of the request, ``proxies`` the domains of the
    proxies that are believed. None if it is no request of a proxy's user: then ``sender`` is who
    asks.
    """
    node, domain, resource = _split(sender)
    if domain not in proxies:
        return None
    in_id = read_token(id)
    if in_id is None:
        in_resource = read_token(resource)
        return in_resource and User(in_resource.user, node)
    # Users choose their resource, and while only requests are relayed the id and the node that
    # they write to. So a token in the id is believed if the resource says the same. No user can
    # arrange that when the token is in the resource: it has the id in it, and would be in the id.
    if resource == in_id.user:
        return User(in_id.user, node)
    mirror = read_mirror(sender)
    if mirror is not None and resource == in_id.user.partition("/")[2]:
        return User(in_id.user, mirror.face)
    return None


def who_writes(sender: str, proxies: Container[str]) -> Optional[User]:
    """The user who sent a message, presence, or a reply to a request of the client's own.

    Not for requests: see ``who_asks``. ``sender`` is ``from`` of the stanza. None if it is not from
    a proxy's user.
    """
    mirror = read_mirror(sender) if _split(sender)[1] in proxies else None
    return mirror and User(mirror.user, mirror.face)


def read_token(text: str) -> Optional[Token]:
    """Reads a token of version 1; None for any other text. Verifies neither tag nor expiry."""
    raw = _base32(text)
    if raw is None or not 28 <= len(raw) <= 639 or raw[:2] != b"\x01\x01":
        return None
    user_end = 10 + int.from_bytes(raw[8:10], "big")
    resource_end = user_end + 2 + int.from_bytes(raw[user_end : user_end + 2], "big")
    id_end = len(raw) - 16
    if resource_end > id_end:
        return None
    try:
        user, resource = raw[10:user_end].decode(), raw[user_end + 2 : resource_end].decode()
        return Token(user, resource, raw[resource_end:id_end].decode(), int.from_bytes(raw[3:8], "big"))
    except UnicodeDecodeError:
        return None


def read_mirror(address: str) -> Optional[Mirror]:
    """Reads a mirror, an address of the proxy that names a user; None for any other text.

    Verifies no MAC. Leaves it to the proxy to see that characters outside ASCII are in normal form,
    and that what is in brackets is an IPv6 address.
    """
    node, _, resource = _split(address)
    node = re.sub("[A-Z]+", lambda letters: letters[0].lower(), node)
    text = _opaque(node[6:]) if node.startswith(r"\40\40") else _clear(node)
    parts = text and _PARTS.fullmatch(text)
    if not parts:
        return None
    user, domain, face = parts["user"], parts["domain"], parts["face"] or ""
    if r"\40" in face or domain.isascii() and domain.endswith("."):
        return None
    if any(part.isascii() and part != part.lower() for part in (user, domain, face)):
        return None
    bare = f"{user}@{domain}" if user else domain
    return Mirror(f"{bare}/{resource}" if resource else bare, face, parts["mac"] is not None)


def _split(address: str) -> tuple[str, str, str]:
    """Node, domain and resource; each that is missing is empty."""
    bare, _, resource = address.partition("/")
    node, at, domain = bare.partition("@")
    return (node, domain, resource) if at else ("", bare, resource)


def _clear(node: str) -> Optional[str]:
    """The text of a node that is escaped by XEP-0106, no more than it needs."""
    text = re.sub(rf"\\({_CODES})", lambda code: chr(int(code[1], 16)), node)
    again = re.sub(rf"[ \"&'/:<>@]|\\(?={_CODES})", lambda found: f"\\{ord(found[0]):02x}", text)
    return text if again == node else None


def _opaque(code: str) -> Optional[str]:
    """The text of a node in base32, which there is where escapes do not do: never for ASCII."""
    try:
        text = (_base32(code) or b"").decode()
    except UnicodeDecodeError:
        return None
    return None if text.isascii() else text


def _base32(text: str) -> Optional[bytes]:
    """What is encoded in lower case, without padding, and in the only way there is."""
    if not re.fullmatch("[a-z2-7]+", text) or len(text) % 8 in (1, 3, 6):
        return None
    raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    return raw if base64.b32encode(raw).decode().rstrip("=").lower() == text else None


_CODES = "20|22|26|27|2f|3a|3c|3e|40|5c"

_PARTS = re.compile(
    r"""(?P<user>[^\0-\x20"&'/:<>@\x7f]*)
    @(?P<domain>\[[0-9a-f:.]+\]|[^\0-\x20"&'/:<>@\\\x7f]+)
    (?:/(?P<face>[^\0-\x20"&'/:<>@\x7f]*)(?:(?<!/)|/(?P<mac>[a-z2-7]{16})))?""",
    re.VERBOSE,
)
