-- Computing the figures of a product anew, in a generation of their own (worker/rebuild/rebuild.c).

-- rebuild_begin (generations, generation): answers a number that no generation has had, and the live one. Whoever
-- began before is superseded, and so is who began when figures are changed by hand (restate).
register('rebuild_begin', function(keys)
    local live = redis.call('GET', keys[2]) or '0'
    local last = redis.call('GET', keys[1]) or '0'
    if tonumber(last) < tonumber(live) then redis.call('SET', keys[1], live) end
    return { redis.call('INCR', keys[1]), live }
end)

-- rebuild_hold (generations, checkpoint, position, hold): number, ms: the worker applies nothing any more until
-- rebuild_swap, or this time has passed, or the key is gone; the batch in flight is refused. Answers the checkpoint, or nil
-- where the number is not the last one.
register('rebuild_hold', function(keys, args)
    if redis.call('GET', keys[1]) ~= args[1] then return false end
    if redis.call('EXISTS', keys[4]) == 0 then
        restate(keys[2], keys[3])
    end
    redis.call('SET', keys[4], args[1], 'PX', whole(args[2]))
    return redis.call('GET', keys[2])
end)

-- rebuild_swap (audit, generations, generation, checkpoint, position, hold, the new figures' checkpoint and position): who,
-- what, about, number: that generation becomes the live one, where it is the last one that was begun, and is where the
-- live one is. Answers 1, or 0 where it is further behind, or nil where it is not the last one.
register('rebuild_swap', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[4], 'string')
    expect_type(keys[5], 'hash')
    if redis.call('GET', keys[2]) ~= args[4] then return false end
    local live = string.match(redis.call('GET', keys[4]) or '0-0', '^[^/]+')
    if live ~= (redis.call('GET', keys[7]) or '0-0') then return 0 end
    audit(keys[1], args)
    redis.call('SET', keys[3], args[4])
    restate(keys[4], keys[5])
    redis.call('DEL', keys[6], keys[7], keys[8])
    return 1
end)

-- rebuild_forget (generation, then keys of the new figures as those of `erase` from the pace on): user id, generation,
-- number of own keys, number of hashes. Answers how many had something of him.
register('rebuild_forget', function(keys, args)
    if (redis.call('GET', keys[1]) or '0') == args[2] then error('the figures are live ones') end
    local own = 2 + whole(args[3])
    return #forget(args[1], keys, 2, own, own + whole(args[4]))
end)
