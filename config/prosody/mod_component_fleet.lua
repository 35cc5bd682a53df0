-- mod_component_fleet: several connections for one component (XEP-0114).
--
-- Prosody accepts one connection for a component and refuses others. With this module it accepts
-- all that know the secret, and each stanza to the component goes to one of them: an IQ, and presence
-- to the domain itself, at random, messages and other presence of one sender to one address always to
-- the same, so that they stay in order (RFC 6120 section 10.1). One that does not read is left out as long as another does. When
-- the last one is gone, Prosody answers as it does without the module.
--
--     plugin_paths = { "/usr/share/jat-proxy/prosody" }    -- global: the folder of this file
--
--     Component "proxy.example"
--         modules_enabled = { "component_fleet" }
--         component_secret = "the content of proxy.secret"
--
-- Only components that name it in their modules_enabled are concerned; for them,
-- component_conflict_resolve has no effect. Streams, secrets and what components send stay with
-- mod_component; this module hooks its events and replaces none of it.
--
-- `module:reload` keeps all connections and loses no stanza. `module:unload` closes all of them;
-- the first that comes back is the one connection that Prosody accepts then.
--
-- Run with Prosody 0.12.3, 13.0.1 and 13.0.7, network_backend "epoll" and "select".
--
-- Part of jat-proxy. SPDX-License-Identifier: MIT OR Apache-2.0

-- Bytes that may wait in Prosody for one connection before others are preferred.
local MAX_WAITING = 32 * 1024;

-- What waits in the kernel is seen by nobody, and by itself a connection takes megabytes there:
-- thousands of stanzas, before it is known that nobody reads them
-- (docs/servers.md#unread-connection of jat-proxy).
local SEND_BUFFER = 32 * 1024;

-- Seconds after which a connection that reads nothing at all loses its order of messages, too.
local PATIENCE = 10;

local random, time = math.random, os.time;
local sha1 = require "util.hashes".sha1;
local jid_bare = require "util.jid".bare;
local hosts = prosody.hosts;

local kind = module:get_option_string("component_module");
if kind ~= "component" and kind ~= "component_fleet" then
	error("mod_component_fleet belongs in the modules_enabled of an external component", 0);
end
module:depends("component");

-- The sessions that are logged in, in no order.
local members = {};

-- What mod_component wants to be called when it has no connection any more.
local on_last_gone;

-- Since when each session that does not read has been seen so, and which of them were logged.
local behind = setmetatable({}, { __mode = "k" });
-- How much waited for each of them, and since when that has not become less.
local amount = setmetatable({}, { __mode = "k" });
local stuck = setmetatable({}, { __mode = "k" });
local logged = setmetatable({}, { __mode = "k" });

local function report()
	module:set_status(#members > 0 and "info" or "warn", #members.." connections");
end

local function leave(session, reason)
	for i = #members, 1, -1 do
		if members[i] == session then
			members[i] = members[#members];
			members[#members] = nil;
		end
	end
	session.on_destroy = nil;
	report();
	if #members == 0 and on_last_gone then
		on_last_gone(session, reason);
	end
end

local function join(session)
	on_last_gone = session.on_destroy or on_last_gone;
	session.on_destroy = leave;
	pcall(session.conn.setoption, session.conn, "send-buffer-size", SEND_BUFFER);
	members[#members + 1] = session;
	report();
end

-- How many bytes Prosody holds for a connection, and in what amount that can be compared with
-- another time. Each network backend keeps its own account.
local function waiting(conn)
	if type(conn.bufferlen) == "function" then -- select
		local bytes = conn:bufferlen();
		return bytes, bytes;
	elseif type(conn.writebufferlen) == "number" then -- event
		return conn.writebufferlen, conn.writebufferlen;
	end
	local buffer = conn.writebuffer; -- epoll
	if type(buffer) == "string" then
		return #buffer, #buffer;
	elseif type(buffer) ~= "table" then
		return 0, 0;
	elseif type(buffer.length) == "function" then -- since 13.0
		local bytes = buffer:length();
		return bytes, bytes;
	end
	local bytes = 0;
	for _, data in ipairs(buffer) do
		bytes = bytes + #data;
		if bytes > MAX_WAITING then break; end
	end
	return bytes, #buffer;
end

local function reads(session)
	-- epoll of 0.12 keeps a connection that the other side has closed until its last bytes are out.
	local closing = session.conn._connected == false;
	local bytes, now = waiting(session.conn);
	if not closing and bytes <= MAX_WAITING then
		if logged[session] then
			session.log("info", "This connection of %s reads again", module.host);
		end
		behind[session], logged[session], amount[session], stuck[session] = nil, nil, nil, nil;
		return true;
	end
	-- In a burst as much may wait all the time, and be read all the same.
	if not amount[session] or now < amount[session] then
		stuck[session] = time();
	end
	amount[session] = now;
	-- A burst is not worth a line.
	local since = behind[session] or time();
	behind[session] = since;
	if not logged[session] and time() - since > 1 then
		session.log("warn", "This connection of %s does not read, others are preferred", module.host);
		logged[session] = true;
	end
	return false;
end

local function choose()
	if #members < 2 then
		return members[1];
	end
	-- Those that do not read go to the end, so that the others are equally likely.
	for last = #members, 1, -1 do
		local i = random(last);
		local session = members[i];
		if reads(session) then
			return session;
		end
		members[i], members[last] = members[last], session;
	end
	return members[random(#members)];
end

-- By rendezvous: a connection that leaves moves only those whose stanzas it had. Who has a burst
-- to read keeps them, since what comes later would overtake it elsewhere.
local function choose_for(way)
	local chosen, highest;
	for _, session in ipairs(members) do
		if reads(session) or time() - stuck[session] <= PATIENCE then
			local weight = sha1(way..session.streamid);
			if not highest or weight > highest then
				chosen, highest = session, weight;
			end
		end
	end
	return chosen or choose();
end

local function next_for(stanza)
	local from, to = stanza.attr.from, jid_bare(stanza.attr.to);
	-- What a component sends to itself tells it whether others share its domain, if it is spread.
	if #members < 2 or stanza.name == "iq" or not from or from == module.host then
		return choose();
	end
	-- Presence to the domain itself tells who is online: each connection gets some of it.
	if stanza.name == "presence" and to == module.host then
		return choose();
	end
	return choose_for(from.." "..to.." ");
end

local function deliver(event)
	local stanza = event.stanza;
	local session = next_for(stanza);
	while session do
		stanza.attr.xmlns = nil; -- as mod_component does
		session.send(stanza);
		-- Some backends find out while they write that a connection is no more.
		if not session.destroyed then
			return true;
		end
		session = next_for(stanza);
	end
	-- Nobody is connected: mod_component answers.
end

-- Behind whatever comes before mod_component, which has -1.
for _, name in ipairs({ "iq", "message", "presence" }) do
	for _, to in ipairs({ "host", "bare", "full" }) do
		module:hook(name.."/"..to, deliver, -0.5);
	end
end

-- mod_component checks each login as if it were the first.
module:wrap_event("stanza/jabber:component:accept:handshake", function (handlers, name, event)
	local session = event.origin;
	if session.type == "component_unauthed" and session.host ~= module.host then
		-- Its stream is for another component, and only its handshake is addressed to this one.
		session:close("not-authorized");
		return true;
	end
	local component = hosts[module.host].modules.component;
	component.connected = false;
	local handled = handlers(name, event);
	component.connected = #members > 0;
	return handled;
end);

module:hook("component-authenticated", function (event)
	join(event.session);
end);

-- Loaded while Prosody runs: the one connection that is there goes on.
function module.load()
	local session = hosts[module.host].modules.component.session;
	if session and not session.destroyed and not module.reloading then
		join(session);
	end
end

function module.save()
	return { members = members };
end

function module.restore(saved)
	for _, session in ipairs(saved.members or {}) do
		join(session);
	end
end

function module.unload()
	local leaving = {};
	for i, session in ipairs(members) do
		session.on_destroy = on_last_gone;
		leaving[i] = session;
	end
	if module.reloading then
		return;
	end
	for _, session in ipairs(leaving) do
		session:close({ condition = "reset", text = "mod_component_fleet was unloaded" });
	end
end
