"""How the cases write stanzas, and what stands in most of them."""

from two_way.addresses import D, NAME_KEYS

BARE_U = "user@some-domain.example"
U = f"{BARE_U}/abc"
HELPER = f"helper@{D}"
STRANGER = "u@else.example/x"

BODY = "<body>x</body>"
QUERY = "<query xmlns='jabber:iq:version'/>"
VCARD = "<vCard xmlns='vcard-temp'/>"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
BOUNCE = f"<error type='cancel'><service-unavailable xmlns='{STANZAS}'/></error>"
SUBSCRIBE = "type='subscribe'"


def message(to, source, attributes="", payload=BODY):
    return stanza("message", to, source, attributes, payload)


def presence(to, source, attributes, payload=""):
    return stanza("presence", to, source, attributes, payload)


def iq(to, source, type_, id_, payload=QUERY):
    return stanza("iq", to, source, f"type='{type_}' id='{id_}'", payload)


def error(name, condition, to, source, id_=None):
    """One of our own, without its text."""
    type_ = {"bad-request": "modify", "policy-violation": "modify", "forbidden": "auth"}
    payload = (f"<error type='{type_.get(condition, 'cancel')}' by='{D}'>"
               f"<{condition} xmlns='{STANZAS}'/></error>")
    attributes = "type='error'" + ("" if id_ is None else f" id='{id_}'")
    return stanza(name, to, source, attributes, payload)


def stanza(name, to, source, attributes, payload):
    space = " " if attributes else ""
    head = f"<{name}{space}{attributes} to='{escaped(to)}' from='{escaped(source)}'"
    return f"{head}>{payload}</{name}>" if payload else f"{head}/>"


def escaped(text):
    for char, reference in [("&", "&amp;"), ("'", "&apos;"), ('"', "&quot;"), ("<", "&lt;")]:
        text = text.replace(char, reference)
    return text


def case(name, given, out, traffic, reason, **settings):
    """A case; the settings are those that differ from the defaults."""
    stanza_, way = traffic.split()
    settings = {name.replace("_", "-"): value for name, value in settings.items()}
    rest = {"in": given, "out": out, "stanza": stanza_, "way": way, "reason": reason}
    return {"name": name} | settings | rest


def key(id_):
    """The name key with this id."""
    return {"id": id_, "secret": NAME_KEYS[id_]}
