"""Hands requests and messages of jat-proxy's users to a webhook, and answers with what it says.

docs/clients/webhook.md says how to run it, and what the webhook gets and may say.
"""

import asyncio
import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from jat_proxy import who_asks, who_writes
from slixmpp import ClientXMPP, Iq
from slixmpp.stanza import Error
from slixmpp.xmlstream import ET, tostring
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher.base import MatcherBase

PROXIES = os.environ["PROXIES"].split()
SECONDS, MAX_BYTES = 20, 100_000

class FromProxy(MatcherBase):
    def match(self, stanza):
        is_request = isinstance(stanza, Iq) and stanza["type"] in ("get", "set")
        return is_request and stanza["from"].domain in PROXIES

class Client(ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        self.auto_authorize = None      # slixmpp would let everybody in
        self.auto_subscribe = False
        self.register_handler(CoroutineCallback("request", FromProxy(None), self.request))
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("presence_subscribe", self.subscription)
        self.add_event_handler("message", self.message)

    async def start(self, event):
        self.send_presence()
        await self.get_roster()

    def subscription(self, presence):
        if presence["from"].domain in PROXIES:
            self.send_presence(pto=presence["from"].bare, ptype="subscribed")

    async def request(self, iq):
        user = who_asks(str(iq["from"]), iq["id"], PROXIES)
        if user is None:
            return iq.unhandled()
        xmlns, _, name = iq.xml[0].tag[1:].partition("}")
        answer = await ask(kind="request", user=user.address, face=user.face, type=iq["type"],
                           xmlns=xmlns, name=name, payload=tostring(iq.xml[0]))
        reply = iq.reply()
        if "payload" in answer:
            reply.append(answer["payload"])
        send(reply, answer)

    async def message(self, message):
        user = who_writes(str(message["from"]), PROXIES)
        if user is None or message["type"] not in ("chat", "normal") or not message["body"]:
            return
        answer = await ask(kind="message", user=user.address, face=user.face, body=message["body"])
        if answer.get("error") or answer.get("body"):
            reply = message.reply(answer.get("body"))
            reply["id"] = message["id"]
            send(reply, answer)

def send(reply, answer):
    if answer.get("error"):
        reply["error"]["condition"] = answer["error"]
        reply["error"]["type"] = "wait" if answer["error"] == "resource-constraint" else "cancel"
        reply["error"]["text"] = answer.get("text") or ""
    reply.send()

async def ask(**said):
    """What the webhook says; an error if it does not, since no user is to wait in vain."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(post, said), SECONDS)
    except HTTPError as error:
        return {"error": "internal-server-error", "text": f"The webhook failed: {error.code}"}
    except (OSError, asyncio.TimeoutError):
        return {"error": "resource-constraint", "text": "The webhook does not answer"}
    except Exception:
        return {"error": "internal-server-error", "text": "The webhook's answer can't be used"}

def post(said):
    headers = {"Content-Type": "application/json"}
    request = Request(os.environ["WEBHOOK"], json.dumps(said).encode(), headers)
    with urlopen(request, timeout=SECONDS) as response:
        answer = json.loads(response.read(MAX_BYTES) or b"{}")
    if answer.get("error") not in {None, *Error.conditions}:
        raise ValueError("unknown condition")
    # Over what is no XML, or a character that XML has not, the server would end the stream.
    for name in answer.keys() & {"body", "text"}:
        text = ET.Element(name)
        text.text = answer[name]
        ET.fromstring(ET.tostring(text))
    if "payload" in answer:
        answer["payload"] = ET.fromstring(answer["payload"])
        if not answer["payload"].tag.startswith("{"):
            raise ValueError("no namespace")
    return answer

async def main():
    client = Client(os.environ["JID"], os.environ["PASSWORD"])
    while True:
        client.connect()
        await client.disconnected
        await asyncio.sleep(5)

asyncio.run(main())
