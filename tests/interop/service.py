"""The implementing client: accepts the proxy's subscription and answers as an
ordinary client would, without knowing that a proxy stands in between.

    service.py HOST PORT JID/RESOURCE PASSWORD
"""

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from bot import Bot, element, report


class Service(Bot):
    def __init__(self):
        super().__init__()
        self.auto_authorize = True
        self.auto_subscribe = False
        self["xep_0030"].add_identity("component", "generic", name=self.requested_jid.resource)
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("presence_subscribe", self.subscription_requested)
        path = "{jabber:client}iq/{urn:example:who}who"
        self.register_handler(Callback("who", MatchXPath(path), self.asked))

    async def start(self, _):
        self.send_presence()
        await self.get_roster()
        report("ready", jid=str(self.boundjid))

    def subscription_requested(self, presence):
        report("subscription", **{"from": str(presence["from"])})

    def asked(self, iq):
        report(
            "request",
            **{"from": str(iq["from"]), "to": str(iq["to"]), "id": iq["id"], "type": iq["type"]},
        )
        reply = iq.reply()
        reply.append(element("{urn:example:who}who", resource=self.boundjid.resource))
        reply.send()


Service.run()
