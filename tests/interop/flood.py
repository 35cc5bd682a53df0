"""A user who sends more than the component takes: tells what becomes of each request, as slixmpp
says it.

    flood.py HOST PORT JID/RESOURCE PASSWORD COMPONENT COUNT
"""

from slixmpp.exceptions import IqError

from bot import Bot, element, report


class Flood(Bot):
    def __init__(self):
        super().__init__()
        self.add_event_handler("session_start", self.start)

    async def start(self, _):
        component, count = self.arguments[0], int(self.arguments[1])
        for _ in range(count):
            iq = self.make_iq_get(ito=component)
            iq.append(element("{urn:example:who}who"))
            try:
                await iq.send(timeout=60)
                report("served")
            except IqError as error:
                said = error.iq["error"]
                # slixmpp 1.8.3 does not know this condition, and gives none.
                report("refused", error=str(said), type=said["type"], text=said["text"])
        await self.disconnect()
        self.over.set()


Flood.run()
