"""The implementing client of services that need the same resource more than once: an ad-hoc
command of two steps, and in-band bytestreams, whose content it sends back as a message. It knows
nothing of a proxy.

    steps.py HOST PORT JID/RESOURCE PASSWORD
"""

from bot import Bot, report


class Steps(Bot):
    def __init__(self):
        super().__init__()
        self.auto_authorize = True
        self.auto_subscribe = False
        self.register_plugin("xep_0004")
        self.register_plugin("xep_0050")
        self.register_plugin("xep_0047", {"auto_accept": True})
        self.content = {}
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", self.said)
        self.add_event_handler("ibb_stream_data", self.received)
        self.add_event_handler("ibb_stream_end", self.ended)

    async def start(self, _):
        self["xep_0050"].add_command(node="steps", name="two steps", handler=self.first)
        self.send_presence()
        await self.get_roster()
        report("ready", jid=str(self.boundjid))

    def first(self, _, session):
        form = self["xep_0004"].make_form(ftype="form", title="how many?")
        form.add_field(var="number", ftype="text-single")
        session.update(payload=form, next=self.second, has_next=False, allow_complete=True)
        return session

    def second(self, form, session):
        number = form["values"]["number"]
        session.update(payload=None, next=None, has_next=False)
        session["notes"] = [("info", f"{number} at {self.boundjid.resource}")]
        return session

    def said(self, message):
        if message["type"] == "chat":
            message.reply(f"re: {message['body']}").send()

    def received(self, stream):
        self.content[stream.sid] = self.content.get(stream.sid, b"") + stream.read()

    def ended(self, stream):
        self.send_message(stream.peer_jid, self.content.pop(stream.sid).decode(), mtype="chat")


Steps.run()
