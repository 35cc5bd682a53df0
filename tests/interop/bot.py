"""What both slixmpp scripts share: arguments, plain loopback connection, reports."""

import json
import sys

import slixmpp
from slixmpp.xmlstream import ET


def report(event, **fields):
    """One line of JSON for the test that started this script."""
    print(json.dumps({"event": event, **fields}), flush=True)


class Bot(slixmpp.ClientXMPP):
    def __init__(self):
        self.server_address = (sys.argv[1], int(sys.argv[2]))
        self.arguments = sys.argv[5:]
        super().__init__(
            sys.argv[3],
            sys.argv[4],
            plugin_config={"feature_mechanisms": {"unencrypted_plain": True}},
        )
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")

    def run(self):
        self.connect(self.server_address, force_starttls=False, disable_starttls=True)
        self.process(forever=True)


def element(name, **attributes):
    return ET.Element(name, attributes)
