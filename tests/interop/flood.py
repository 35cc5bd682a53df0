"""A user who sends more than the component takes: tells what becomes of each request.

    flood.py HOST PORT JID/RESOURCE PASSWORD COMPONENT COUNT
"""

import asyncio

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from bot import Bot, element, report


class Flood(Bot):
    def __init__(self):
        super().__init__()
        self.asked, self.answer = None, None
        # slixmpp has no such condition: 1.8 tells whoever waits for the reply none, and from 1.10 on
        # nobody hears of it.
        self.register_handler(Callback("replies", MatchXPath("{jabber:client}iq"), self.hear))
        self.add_event_handler("session_start", self.start)

    def hear(self, iq):
        if iq["id"] == self.asked and not self.answer.done():
            self.answer.set_result(iq)

    async def start(self, _):
        component, count = self.arguments[0], int(self.arguments[1])
        for number in range(count):
            iq = self.make_iq_get(ito=component)
            iq.append(element("{urn:example:who}who"))
            iq["id"] = self.asked = f"flood-{number}"
            self.answer = asyncio.get_running_loop().create_future()
            self.send(iq)
            answer = await asyncio.wait_for(self.answer, 60)
            if answer["type"] == "result":
                report("served")
            else:
                said = answer["error"]
                report("refused", error=str(said), type=said["type"], text=said["text"])
        await self.disconnect()
        self.over.set()


Flood.run()
