"""Runs a program that uses slixmpp as it is printed, but against a server of the tests.

    loopback.py HOST PORT plain|tls PROGRAM
"""

import os
import runpy
import sys
import warnings

import slixmpp
from slixmpp import ClientXMPP


def connect(client, host, port, encrypted=False):
    # Debian 12 has slixmpp 1.8, which takes other arguments than 1.9 and newer.
    if not hasattr(client, "enable_plaintext"):
        clear = {} if encrypted else {"force_starttls": False, "disable_starttls": True}
        return ClientXMPP.connect(client, (host, port), **clear)
    if not encrypted:
        client.enable_plaintext = True
        client.enable_starttls = client.enable_direct_tls = False
    return ClientXMPP.connect(client, host, port)


def main():
    host, port, way, program = sys.argv[1:]

    class Client(ClientXMPP):
        def __init__(self, jid, password):
            plain = {"feature_mechanisms": {"unencrypted_plain": way == "plain"}}
            super().__init__(jid, password, plugin_config=plain)

        def connect(self):
            return connect(self, host, int(port), encrypted=way == "tls")

    slixmpp.ClientXMPP = Client
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    # What is printed is what new versions want.
    warnings.filterwarnings("error", category=DeprecationWarning, module="__main__")
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
