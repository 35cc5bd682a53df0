-- The tests' own: what goes away is told to nobody at this component.
module:hook("presence/host", function (event)
	return event.stanza.attr.type == "unavailable" or nil;
end, 100);
