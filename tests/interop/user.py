"""The user: asks the component who it is, COUNT times, then for its disco#info.

    user.py HOST PORT JID/RESOURCE PASSWORD COMPONENT COUNT
"""

from bot import Bot, element, report


class User(Bot):
    def __init__(self):
        super().__init__()
        self.add_event_handler("session_start", self.start)

    async def start(self, _):
        component, count = self.arguments[0], int(self.arguments[1])
        report("ready", jid=str(self.boundjid))
        for _ in range(count):
            iq = self.make_iq_get(ito=component)
            iq.append(element("{urn:example:who}who"))
            # slixmpp itself matches the reply by its id and its sender.
            reply = await iq.send(timeout=60)
            who = reply.xml.find("{urn:example:who}who")
            report(
                "reply",
                **{"from": str(reply["from"]), "to": str(reply["to"])},
                same_id=reply["id"] == iq["id"],
                id=iq["id"],
                resource=who.get("resource"),
            )
        info = await self["xep_0030"].get_info(jid=component, cached=False, timeout=60)
        names = [name for _, _, _, name in info["disco_info"]["identities"]]
        report("disco", **{"from": str(info["from"])}, names=names)
        await self.disconnect()
        self.over.set()


User.run()
