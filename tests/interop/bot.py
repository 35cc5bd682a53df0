"""What both slixmpp scripts share: arguments, plain loopback connection, reports."""

import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream import ET

import loopback


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

    @classmethod
    def run(cls):
        """Works until `over` is set."""

        async def main():
            bot = cls()
            bot.over = asyncio.Event()
            bot.connect_here()
            await bot.over.wait()

        asyncio.run(main())

    def connect_here(self):
        loopback.connect(self, *self.server_address)


def element(name, **attributes):
    return ET.Element(name, attributes)
