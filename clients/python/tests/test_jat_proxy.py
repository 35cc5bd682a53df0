"""The reader against the golden vectors, and against stanzas that the proxy has made.

They are in the file that JAT_PROXY_VECTORS names: `cargo test --test clients -- --ignored` writes
it and runs this.
"""

import json
import os
import random
import unittest

from jat_proxy import Mirror, Token, User, read_mirror, read_token, who_asks, who_writes

with open(os.environ["JAT_PROXY_VECTORS"], encoding="utf-8") as file:
    VECTORS = json.load(file)


class Vectors(unittest.TestCase):
    def test_tokens_are_read(self):
        for it in VECTORS["token"]["valid"]:
            said = Token(it["user"], it["resource"], it["id"], it["expires"])
            self.assertEqual(read_token(it["token"]), said, it["name"])

    def test_what_is_no_token_is_refused(self):
        refused = [it for it in VECTORS["token"]["invalid"] if it["error"] in VECTORS["seen"]]
        self.assertGreater(len(refused), 10)
        for it in refused:
            self.assertIsNone(read_token(it["token"]), it["name"])

    def test_mirrors_are_read(self):
        for it in VECTORS["addresses"]["mirror"]:
            _, slash, resource = it["mirror"].partition("/")
            said = Mirror(it["bare"] + slash + resource, it["face_read"], it["signed"])
            self.assertEqual(read_mirror(it["mirror"]), said, it["name"])

    def test_capitals_are_read_and_macs_are_left_to_the_proxy(self):
        for it in VECTORS["addresses"]["read"]:
            if it["node"].isascii():
                said = read_mirror(it["node"] + "@proxy.domain.example")
                self.assertEqual(said, Mirror(it["bare"], it["face"], False), it["name"])
        for it in VECTORS["addresses"]["forged"]:
            self.assertTrue(read_mirror(it["node"] + "@proxy.domain.example").signed, it["name"])

    def test_what_is_no_mirror_is_refused(self):
        nodes = VECTORS["addresses"]["malformed"]
        read = [it["name"] for it in nodes if read_mirror(it["node"] + "@proxy.domain.example")]
        self.assertCountEqual(read, VECTORS["not_seen"])


class Stanzas(unittest.TestCase):
    def test_who_asks_is_who_asked_whatever_the_settings(self):
        for it in VECTORS["requests"]:
            said = who_asks(it["sender"], it["id"], {"proxy.example"})
            if said is not None or not it["unclear"]:
                self.assertEqual(said, User(it["user"], it["face"]), it)

    def test_who_writes_is_who_wrote(self):
        for it in VECTORS["messages"]:
            said = who_writes(it["sender"], {"proxy.example"})
            self.assertEqual(said, User(it["user"], it["face"]), it)

    def test_nothing_is_believed_of_anybody_else(self):
        for it in VECTORS["requests"]:
            for proxies in [{"other.example"}, {"user@proxy.example"}, {"example"}, set()]:
                self.assertIsNone(who_asks(it["sender"], it["id"], proxies), it)
                self.assertIsNone(who_writes(it["sender"], proxies), it)


class AnyText(unittest.TestCase):
    def test_nothing_is_raised_for_any_text(self):
        numbers = random.Random(1)
        good = [(it["sender"], it["id"]) for it in VECTORS["requests"]]
        good += [(it["node"] + "@proxy.example/x", "") for it in VECTORS["addresses"]["malformed"]]
        read = 0
        for _ in range(5_000):
            sender, id = (damaged(text, numbers) for text in numbers.choice(good))
            for text in [sender, id, sender.partition("/")[2]]:
                token = read_token(text)
                self.assertIsInstance(token, (Token, type(None)))
                self.assertTrue(token is None or 45 <= len(text) <= 1023, text)
            self.assertIsInstance(read_mirror(sender), (Mirror, type(None)))
            users = [who_asks(sender, id, {"proxy.example"}), who_writes(sender, {"proxy.example"})]
            for user in users:
                self.assertIsInstance(user, (User, type(None)))
                self.assertTrue(user is None or user.address, sender)
                read += user is not None
        self.assertGreater(read, 500)


def damaged(text, numbers):
    """The text with up to two characters lost, doubled or replaced, or as it is."""
    for _ in range(numbers.randrange(3)):
        at = numbers.randrange(len(text) + 1)
        new = numbers.choice(["", text[at : at + 1] * 2, numbers.choice(DAMAGE), "\\40", "/"])
        text = text[:at] + new + text[at + 1 :]
    return text


DAMAGE = "\0\n\\/@aA27= \x7f\xdf\u0130\u2028\ud800\udfff\uffff\U0001f600"

if __name__ == "__main__":
    unittest.main()
