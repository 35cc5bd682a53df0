"""A user that looks at a component as people's clients do: pings it, and asks what it is.

    browse.py HOST PORT JID/RESOURCE PASSWORD COMPONENT
"""

from slixmpp.exceptions import IqError

from bot import Bot, report


class Browser(Bot):
    def __init__(self):
        super().__init__()
        self.add_event_handler("session_start", self.start)

    async def start(self, _):
        component, disco = self.arguments[0], self["xep_0030"]
        pong = await self["xep_0199"].send_ping(component, timeout=60)
        report("pong", **{"from": str(pong["from"]), "type": pong["type"]})
        info = await disco.get_info(jid=component, cached=False, timeout=60)
        identities = [list(identity) for identity in info["disco_info"]["identities"]]
        report("info", identities=identities, features=sorted(info["disco_info"]["features"]))
        items = await disco.get_items(jid=component, timeout=60)
        report("items", items=[list(item) for item in items["disco_items"]["items"]])
        try:
            await disco.get_info(jid=component, node="a'<node>", cached=False, timeout=60)
        except IqError as error:
            report("node", condition=error.iq["error"]["condition"])
        await self.disconnect()
        self.over.set()


Browser.run()
