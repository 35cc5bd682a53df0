"""An implementing client that treats addresses as Jicofo does: `from` is the proxy's domain and
its resource the user's address, and the reply goes to the `from` and under the id of the request.
Like Smack without a setting, it refuses each subscription request that reaches it.

    jicofo.py HOST PORT JID/RESOURCE PASSWORD PROXY
"""

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from bot import Bot, element, report

FOCUS = "{http://jitsi.org/protocol/focus}"


class Jicofo(Bot):
    def __init__(self):
        super().__init__()
        self.proxy = self.arguments[0]
        self.auto_authorize = False
        self.auto_subscribe = False
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("disconnected", self.again)
        path = "{jabber:client}iq/" + FOCUS + "conference"
        self.register_handler(Callback("conference", MatchXPath(path), self.asked))

    async def start(self, _):
        self.send_presence()
        await self.get_roster()
        report("ready", jid=str(self.boundjid))

    def again(self, _):
        self.connect_here()

    def user_of(self, address):
        if address.bare == self.proxy and address.resource:
            try:
                return slixmpp.JID(address.resource)
            except slixmpp.InvalidJID:
                pass
        return address

    def asked(self, iq):
        user = self.user_of(iq["from"])
        report("request", user=str(user), id=iq["id"])
        reply = self.make_iq_result(id=iq["id"], ito=iq["from"])
        room = iq.xml.find(FOCUS + "conference").get("room")
        conference = element(FOCUS + "conference", room=room, ready="true")
        # Jicofo names the user in its log only; the test wants to see it.
        conference.append(element(FOCUS + "property", value=str(user)))
        reply.append(conference)
        reply.send()


Jicofo.run()
