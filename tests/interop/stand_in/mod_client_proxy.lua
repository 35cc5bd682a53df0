-- Stands in for Prosody's community module mod_client_proxy, which no package of Debian 12 has:
-- the same option, the same addresses, the same subscription. Written for these tests, from what
-- the module's README and docs/migrating-from-mod_client_proxy.md say of it.
-- MOD_CLIENT_PROXY=folder makes the tests use the real one.

local split, bare = require "util.jid".split, require "util.jid".bare;
local st = require "util.stanza";

local host = module:get_host();
local target = module:get_option_string("target_address");
local online = {};

local function refuse(stanza, condition)
	if stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		module:send(st.error_reply(stanza, "cancel", condition));
	end
end

local function readdress(stanza, from, to)
	stanza.attr.from, stanza.attr.to = from, to;
	module:send(stanza);
end

local function forward(iq)
	local resources = {};
	for resource in pairs(online) do
		table.insert(resources, resource);
	end
	if #resources == 0 then
		return refuse(iq, "service-unavailable");
	end
	readdress(iq, host.."/"..iq.attr.from, target.."/"..resources[math.random(#resources)]);
end

local function route(event)
	local stanza, kind = event.stanza, event.stanza.attr.type;
	local _, _, encoded = split(stanza.attr.to);
	local _, _, resource = split(stanza.attr.from);
	local of_target = bare(stanza.attr.from) == target;
	if of_target and stanza.name == "presence" then
		if resource and (not kind or kind == "unavailable") then
			online[resource] = not kind or nil;
		end
	elseif of_target and encoded and (kind == "result" or kind == "error") then
		readdress(stanza, host, encoded);
	elseif not of_target and stanza.name == "iq" and (kind == "get" or kind == "set") then
		forward(stanza);
	else
		refuse(stanza, "feature-not-implemented");
	end
	return true;
end

for _, name in ipairs { "iq", "message", "presence" } do
	for _, form in ipairs { "bare", "full", "host" } do
		module:hook(name.."/"..form, route, -1);
	end
end

module:send(st.presence({ type = "subscribe", from = host, to = target }));
