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
export function whoAsks(sender: string, id: string, proxies: ReadonlySet<string>): User | null;
/**
 * The user who sent a message, presence, or a reply to a request of the client's own. Not for
 * requests: see {@link whoAsks}.
 *
 * @param {string} sender `from` of the stanza.
 * @param {ReadonlySet<string>} proxies The domains of the proxies that are believed.
 * @returns {User | null} null if it is not from a proxy's user.
 */
export function whoWrites(sender: string, proxies: ReadonlySet<string>): User | null;
/**
 * Reads a token of version 1. Verifies neither tag nor expiry.
 *
 * @param {string} text
 * @returns {Token | null} null for any other text.
 */
export function readToken(text: string): Token | null;
/**
 * Reads a mirror, an address of the proxy that names a user.
 *
 * Verifies no MAC. Leaves it to the proxy to see that characters outside ASCII are in normal form,
 * and that what is in brackets is an IPv6 address.
 *
 * @param {string} address
 * @returns {Mirror | null} null for any other text.
 */
export function readMirror(address: string): Mirror | null;
/**
 * A user of the proxy.
 */
export type User = {
    /**
     * The full address, such as `user@some-domain.example/abc`.
     */
    address: string;
    /**
     * The node of the address that the user wrote to; empty for the proxy's
     * domain itself.
     */
    face: string;
};
/**
 * What a token says.
 */
export type Token = {
    /**
     * The user's full address, as the user's server stamped it.
     */
    user: string;
    /**
     * The resource of the address that the user wrote to; empty if there
     * was none.
     */
    resource: string;
    /**
     * The id of the user's request.
     */
    id: string;
    /**
     * The Unix second from which on no reply is relayed.
     */
    expires: number;
};
/**
 * What a mirror says.
 */
export type Mirror = {
    /**
     * The user's address in normal form, with the resource that the mirror has.
     */
    user: string;
    /**
     * The node of the face; empty for the proxy's domain itself.
     */
    face: string;
    /**
     * Whether there is a MAC, which only the proxy can verify.
     */
    signed: boolean;
};
