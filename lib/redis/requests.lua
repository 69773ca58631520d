-- Requests that are sent twice: the first answer to a key that the client chose, kept for a while.

-- request_begin (request, requests): fingerprint, owner, pending ms, keep ms, how many keys one player may have in that
-- time. Answers {`new`}: it is to be done, and nobody else does it for pending ms; {`busy`}: somebody does;
-- {`other`}: the key was of another request; {`many`, ms}: too many keys; or {`again`, status, headers, body}.
register('request_begin', function(keys, args)
    local pending, keep, max = whole(args[3]), whole(args[4]), whole(args[5])
    local kept = redis.call('GET', keys[1])
    if kept then
        local first = cmsgpack.unpack(kept)
        if first.fingerprint ~= args[1] then return { 'other' } end
        if not first.status then return { 'busy' } end
        return { 'again', first.status, first.headers, first.body }
    end
    local n = whole(redis.call('GET', keys[2]) or '0')
    if n >= max then return { 'many', redis.call('PTTL', keys[2]) } end
    redis.call('SET', keys[1], cmsgpack.pack({ fingerprint = args[1], owner = args[2] }), 'PX', pending)
    if redis.call('INCR', keys[2]) == 1 then redis.call('PEXPIRE', keys[2], keep) end
    return { 'new' }
end)

-- request_end (request): owner, keep ms, status, headers, body. Status 0: the answer is not kept, and the key is as if it
-- had never come. Only where the request is still the owner's.
register('request_end', function(keys, args)
    local kept = redis.call('GET', keys[1])
    local first = kept and cmsgpack.unpack(kept)
    if not first or first.owner ~= args[1] or first.status then return 0 end
    local keep, status = whole(args[2]), whole(args[3])
    if status == 0 then
        redis.call('DEL', keys[1])
    else
        first.status, first.headers, first.body = args[3], args[4] or '', args[5] or ''
        redis.call('SET', keys[1], cmsgpack.pack(first), 'PX', keep)
    end
    return 1
end, { 'allow-oom' })
