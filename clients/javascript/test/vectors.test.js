/**
 * The reader against the golden vectors, and against stanzas that the proxy has made. They are in
 * the file that JAT_PROXY_VECTORS names: `cargo test --test clients -- --ignored` writes it and
 * runs this.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { readMirror, readToken, whoAsks, whoWrites } from "jat-proxy";

const vectors = JSON.parse(readFileSync(process.env.JAT_PROXY_VECTORS, "utf8"));
const PROXIES = new Set(["proxy.example"]);

test("tokens are read", () => {
  for (const { name, token, user, resource, id, expires } of vectors.token.valid)
    assert.deepEqual(readToken(token), { user, resource, id, expires }, name);
});

test("what is no token is refused", () => {
  const refused = vectors.token.invalid.filter((it) => vectors.seen.includes(it.error));
  assert.ok(refused.length > 10);
  for (const { name, token } of refused) assert.equal(readToken(token), null, name);
});

test("mirrors are read", () => {
  for (const it of vectors.addresses.mirror) {
    const slash = it.mirror.indexOf("/");
    const user = it.bare + (slash < 0 ? "" : it.mirror.slice(slash));
    const said = { user, face: it.face_read, signed: it.signed };
    assert.deepEqual(readMirror(it.mirror), said, it.name);
  }
});

test("capitals are read, and MACs are left to the proxy", () => {
  for (const { name, node, bare, face } of vectors.addresses.read)
    if (/^[\0-\x7f]*$/.test(node)) {
      const said = { user: bare, face, signed: false };
      assert.deepEqual(readMirror(`${node}@proxy.domain.example`), said, name);
    }
  for (const { name, node } of vectors.addresses.forged)
    assert.ok(readMirror(`${node}@proxy.domain.example`)?.signed, name);
});

test("what is no mirror is refused", () => {
  const read = vectors.addresses.malformed.filter((it) => readMirror(`${it.node}@proxy.domain.example`));
  assert.deepEqual(read.map((it) => it.name).sort(), vectors.not_seen.sort());
});

test("who asks is who asked, whatever the settings", () => {
  for (const it of vectors.requests) {
    const said = whoAsks(it.sender, it.id, PROXIES);
    if (said !== null || !it.unclear)
      assert.deepEqual(said, { address: it.user, face: it.face }, JSON.stringify(it));
  }
});

test("who writes is who wrote", () => {
  for (const { sender, user, face } of vectors.messages)
    assert.deepEqual(whoWrites(sender, PROXIES), { address: user, face }, sender);
});

test("nothing is believed of anybody else", () => {
  for (const { sender, id } of vectors.requests)
    for (const other of [["other.example"], ["user@proxy.example"], ["example"], []]) {
      assert.equal(whoAsks(sender, id, new Set(other)), null, sender);
      assert.equal(whoWrites(sender, new Set(other)), null, sender);
    }
});

test("nothing is thrown for any text", () => {
  const random = numbers(1);
  const good = vectors.requests.map(({ sender, id }) => [sender, id]);
  good.push(...vectors.addresses.malformed.map(({ node }) => [`${node}@proxy.example/x`, ""]));
  let read = 0;
  for (let i = 0; i < 5_000; i++) {
    const [sender, id] = good[random(good.length)].map((text) => damaged(text, random));
    for (const text of [sender, id, sender.slice(sender.indexOf("/") + 1)])
      assert.ok(readToken(text) === null || (text.length >= 45 && text.length <= 1023), text);
    const mirror = readMirror(sender);
    assert.ok(mirror === null || mirror.user.length > 0, sender);
    for (const user of [whoAsks(sender, id, PROXIES), whoWrites(sender, PROXIES)]) {
      assert.ok(user === null || user.address.length > 0, sender);
      read += user === null ? 0 : 1;
    }
  }
  assert.ok(read > 500, `${read}`);
});

/** The text with up to two characters lost, doubled or replaced, or as it is. */
function damaged(text, random) {
  for (let left = random(3); left > 0; left--) {
    const at = random(text.length + 1);
    const lost = text.slice(at, at + 1);
    const all = ["", lost + lost, DAMAGE[random(DAMAGE.length)], "\\40", "/"];
    text = text.slice(0, at) + all[random(all.length)] + text.slice(at + 1);
  }
  return text;
}

/** Numbers below a bound, the same in each run: Math.random has no seed. */
function numbers(seed) {
  return (bound) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
}

// By code units, so that halves of an emoji are among them.
const DAMAGE = "\0\n\\/@aA27= \x7f\xdf\u0130\u2028\ud800\udfff\uffff\u{1f600}".split("");
