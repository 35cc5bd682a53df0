-- Prosody's side of jat-proxy: put these lines at the end of the main
-- configuration, or into a file of conf.d, and restart Prosody.

-- The domain that users write to. One connection at a time may have it; a
-- second jat-proxy for the same domain waits until the first one has gone.
Component "proxy.domain.example"
    component_secret = "the content of proxy.secret"

-- Several at a time need mod_component_fleet, from the folder prosody beside this
-- file or where the Debian package has it, and a presence-domain for each, which
-- is an ordinary component (docs/replicas.md). The first line belongs into the
-- global section, before the first VirtualHost or Component:
--
-- plugin_paths = { "/usr/share/jat-proxy/prosody" }
--
-- Component "proxy.domain.example"
--     modules_enabled = { "component_fleet" }
--     component_secret = "the content of proxy.secret"
-- Component "a.proxy.domain.example"
--     component_secret = "the content of proxy.secret"
-- Component "b.proxy.domain.example"
--     component_secret = "the content of proxy.secret"
-- Component "c.proxy.domain.example"
--     component_secret = "the content of proxy.secret"

-- Leave these at their defaults, or agree on them with jat-proxy. They belong
-- into the global section, before the first VirtualHost or Component.
--
-- component_ports = { 5347 }                  -- [server] address
-- component_interfaces = { "127.0.0.1", "::1" }
--     The link is not encrypted: keep it on this machine or a private network, or add
--     "net_multiplex" to modules_enabled, say ssl_ports = { 5348 }, and connect there
--     with `tls = true` (docs/tls.md).
-- component_stanza_size_limit = 512 * 1024
--     Prosody closes the connection of a component that sends more. Keep
--     max-stanza-bytes below it.
--
-- Not needed: the account of the implementing client is an ordinary one, and
-- it accepts jat-proxy's presence subscription itself.
