/**
 * Tells a client behind jat-proxy who asks and who writes, whatever the proxy's settings are.
 *
 * `whoAsks` and `whoWrites` are what a client needs: they look at the domain first, and believe
 * nothing that a user can choose. `readToken` and `readMirror` read one form each, wherever it is
 * from. No function throws for any text, and none needs a key: the proxy verifies tokens and
 * mirrors, and a client believes the proxy, whose domain its server vouches for.
 *
 * docs/token.md and docs/addresses.md of jat-proxy specify what is read here.
 *
 * @module
 */

/**
 * A user of the proxy.
 *
 * @typedef {object} User
 * @property {string} address The full address, such as `user@some-domain.example/abc`.
 * @property {string} face The node of the address that the user wrote to; empty for the proxy's
 *   domain itself.
 */

/**
 * What a token says.
 *
 * @typedef {object} Token
 * @property {string} user The user's full address, as the user's server stamped it.
 * @property {string} resource The resource of the address that the user wrote to; empty if there
 *   was none.
 * @property {string} id The id of the user's request.
 * @property {number} expires The Unix second from which on no reply is relayed.
 */

/**
 * What a mirror says.
 *
 * @typedef {object} Mirror
 * @property {string} user The user's address in normal form, with the resource that the mirror has.
 * @property {string} face The node of the face; empty for the proxy's domain itself.
 * @property {boolean} signed Whether there is a MAC, which only the proxy can verify.
 */

/**
 * The user who sent a request: an IQ of type `get` or `set`.
 *
 * @param {string} sender `from` of the request.
 * @param {string} id Its `id`.
 * @param {ReadonlySet<string>} proxies The domains of the proxies that are believed.
 * @returns {User | null} null if it is no request of a proxy's user: then `sender` is who asks.
 */
export function whoAsks(sender, id, proxies) {
  const { node, domain, resource } = split(sender);
  if (!proxies.has(domain)) return null;
  const inId = readToken(id);
  if (!inId) {
    const inResource = readToken(resource);
    return inResource && { address: inResource.user, face: node };
  }
  // Users choose their resource, and while only requests are relayed the id and the node that they
  // write to. So a token in the id is believed if the resource says the same. No user can arrange
  // that when the token is in the resource: it has the id in it, and would be in the id.
  if (resource === inId.user) return { address: inId.user, face: node };
  const mirror = readMirror(sender);
  if (mirror && resource === partition(inId.user, "/")[1])
    return { address: inId.user, face: mirror.face };
  return null;
}

/**
 * The user who sent a message, presence, or a reply to a request of the client's own. Not for
 * requests: see {@link whoAsks}.
 *
 * @param {string} sender `from` of the stanza.
 * @param {ReadonlySet<string>} proxies The domains of the proxies that are believed.
 * @returns {User | null} null if it is not from a proxy's user.
 */
export function whoWrites(sender, proxies) {
  const mirror = proxies.has(split(sender).domain) ? readMirror(sender) : null;
  return mirror && { address: mirror.user, face: mirror.face };
}

/**
 * Reads a token of version 1. Verifies neither tag nor expiry.
 *
 * @param {string} text
 * @returns {Token | null} null for any other text.
 */
export function readToken(text) {
  const raw = base32(text);
  if (!raw || raw.length < 28 || raw.length > 639 || raw[0] !== 1 || raw[1] !== 1) return null;
  const view = new DataView(raw.buffer);
  const idEnd = raw.length - 16;
  const userEnd = 10 + view.getUint16(8);
  if (userEnd + 2 > idEnd) return null;
  const resourceEnd = userEnd + 2 + view.getUint16(userEnd);
  if (resourceEnd > idEnd) return null;
  const user = utf8(raw.subarray(10, userEnd));
  const resource = utf8(raw.subarray(userEnd + 2, resourceEnd));
  const id = utf8(raw.subarray(resourceEnd, idEnd));
  if (user === null || resource === null || id === null) return null;
  return { user, resource, id, expires: raw[3] * 2 ** 32 + view.getUint32(4) };
}

/**
 * Reads a mirror, an address of the proxy that names a user.
 *
 * Verifies no MAC. Leaves it to the proxy to see that characters outside ASCII are in normal form,
 * and that what is in brackets is an IPv6 address.
 *
 * @param {string} address
 * @returns {Mirror | null} null for any other text.
 */
export function readMirror(address) {
  const { node, resource } = split(address);
  const lower = node.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const text = lower.startsWith("\\40\\40") ? opaque(lower.slice(6)) : clear(lower);
  const parts = PARTS.exec(text ?? "")?.groups;
  if (!parts) return null;
  const { user, domain, face = "", mac } = parts;
  if (face.includes("\\40") || (isAscii(domain) && domain.endsWith("."))) return null;
  if ([user, domain, face].some((part) => isAscii(part) && /[A-Z]/.test(part))) return null;
  const bare = user ? `${user}@${domain}` : domain;
  return { user: resource ? `${bare}/${resource}` : bare, face, signed: mac !== undefined };
}

/**
 * Each part that is missing is empty.
 *
 * @param {string} address
 */
function split(address) {
  const [bare, resource] = partition(address, "/");
  if (!bare.includes("@")) return { node: "", domain: bare, resource };
  const [node, domain] = partition(bare, "@");
  return { node, domain, resource };
}

/**
 * What is before the first separator, and what is behind it.
 *
 * @param {string} text
 * @param {string} separator
 */
function partition(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * The text of a node that is escaped by XEP-0106, no more than it needs.
 *
 * @param {string} node
 */
function clear(node) {
  const text = node.replace(ESCAPE, (_, code) => String.fromCharCode(parseInt(code, 16)));
  const again = text.replace(ESCAPED, (c) => "\\" + c.charCodeAt(0).toString(16));
  return again === node ? text : null;
}

/**
 * The text of a node in base32, which there is where escapes do not do: never for ASCII.
 *
 * @param {string} code
 */
function opaque(code) {
  const raw = base32(code);
  const text = raw && utf8(raw);
  return text === null || isAscii(text) ? null : text;
}

/**
 * What is encoded in lower case, without padding, and in the only way there is.
 *
 * @param {string} text
 */
function base32(text) {
  if (!/^[a-z2-7]+$/.test(text) || [1, 3, 6].includes(text.length % 8)) return null;
  const raw = new Uint8Array(Math.floor((text.length * 5) / 8));
  let [bits, value, at] = [0, 0, 0];
  for (const symbol of text) {
    value = (value << 5) | SYMBOLS.indexOf(symbol);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      raw[at++] = value >> bits;
      value &= (1 << bits) - 1;
    }
  }
  return value === 0 ? raw : null;
}

/** @param {Uint8Array} raw */
function utf8(raw) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    return null;
  }
}

/** @param {string} text */
function isAscii(text) {
  return /^[\0-\x7f]*$/.test(text);
}

const SYMBOLS = "abcdefghijklmnopqrstuvwxyz234567";
const ESCAPE = /\\(20|22|26|27|2f|3a|3c|3e|40|5c)/g;
const ESCAPED = /[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g;
const PARTS = new RegExp(
  "^(?<user>[^\\0-\\x20\"&'/:<>@\\x7f]*)" +
    "@(?<domain>\\[[0-9a-f:.]+\\]|[^\\0-\\x20\"&'/:<>@\\\\\\x7f]+)" +
    "(?:/(?<face>[^\\0-\\x20\"&'/:<>@\\x7f]*)(?:(?<!/)|/(?<mac>[a-z2-7]{16})))?$",
);
