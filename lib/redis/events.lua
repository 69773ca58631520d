-- Events that came over HTTP, on the Redis that has the stream.

-- events_add (stream): for each event the number of its names and values together, then they. Answers the
-- ids. All or none: what could fail for one of them (another type of key) fails for the first.
register('events_add', function(keys, args)
    local events, at = {}, 1
    while at <= #args do
        local n = whole(args[at])
        if n < 2 or n % 2 ~= 0 or n > 128 or at + n > #args then error('count out of range') end
        events[#events + 1] = { first = at + 1, last = at + n }
        at = at + n + 1
    end
    local ids = {}
    for i, e in ipairs(events) do
        ids[i] = redis.call('XADD', keys[1], '*', unpack(args, e.first, e.last))
    end
    return ids
end)
