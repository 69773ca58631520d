-- What varcadectl changes by hand. Every function has the product's audit stream as its first key, and who
-- does what to what as its first arguments, so that no change is without its line there.

local AUDIT_MAX = 10000

local function audit(key, args)
    redis.call('XADD', key, 'MAXLEN', '~', AUDIT_MAX, '*', 'who', args[1], 'what', args[2], 'about', args[3])
end

-- keys_set (audit, keys): who, what, about; then id and record each; the record '' is that of no key.
register('keys_set', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[2], 'hash')
    if #args < 5 or #args % 2 ~= 1 then error('no pairs of id and record') end
    audit(keys[1], args)
    for i = 4, #args, 2 do
        if args[i + 1] == '' then
            redis.call('HDEL', keys[2], args[i])
        else
            redis.call('HSET', keys[2], args[i], args[i + 1])
        end
    end
    return redis.status_reply('OK')
end)

-- letter_drop (audit, deadletters): who, what, the letter's id. Answers nil where it is gone already.
register('letter_drop', function(keys, args)
    expect_type(keys[1], 'stream')
    if #redis.call('XRANGE', keys[2], args[3], args[3]) == 0 then return false end
    audit(keys[1], args)
    redis.call('XDEL', keys[2], args[3])
    return args[3]
end)

-- letter_replay (audit, deadletters, stream): who, what, the letter's id: the event that it is of becomes the
-- newest of the stream. Answers its id there, or nil where the letter is gone already.
register('letter_replay', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[3], 'stream')
    local letter = redis.call('XRANGE', keys[2], args[3], args[3])[1]
    if not letter then return false end
    local fields = letter[2]
    if #fields < 6 then error('the event had no fields') end
    audit(keys[1], args)
    -- Behind reason and source_id.
    local id = redis.call('XADD', keys[3], '*', unpack(fields, 5))
    redis.call('XDEL', keys[2], args[3])
    return id
end)

-- quarantine_settle (audit, quarantine[, stream]): who, what, id of the event in quarantine, then names and
-- values of the event that says what becomes of it, which goes to the stream: without one it is there already.
-- Answers the id, or nil where nothing of that id is in quarantine.
register('quarantine_settle', function(keys, args)
    expect_type(keys[1], 'stream')
    if #redis.call('XRANGE', keys[2], args[3], args[3]) == 0 then return false end
    if keys[3] then
        expect_type(keys[3], 'stream')
        redis.call('XADD', keys[3], '*', unpack(args, 4))
    end
    audit(keys[1], args)
    return args[3]
end)

-- A checkpoint that says the same place in other words: `<id>` becomes `<id>/1`, that `<id>/2`. What the worker
-- computed from figures read before is written behind the one it read, and so never. Nor does a rebuild that is
-- under way come to be: a later generation than its own is given out.
local function restate(checkpoint, position, generations)
    local present = redis.call('GET', checkpoint)
    local id, mark = string.match(present or '0-0', '^(%d+%-%d+)/?(%d*)$')
    if not id then error('not a checkpoint: ' .. present) end
    local stated = id .. '/' .. ((tonumber(mark) or 0) + 1)
    redis.call('INCR', generations)
    redis.call('SET', checkpoint, stated)
    if not present then
        redis.call('HSET', position, 'id', stated, 'entries', 0)
    elseif redis.call('HGET', position, 'id') == present then
        redis.call('HSET', position, 'id', stated)
    end
end

-- Take a player off a board, whatever its ties are or were; whether he was there.
local function leave_board(user, board, scores, counts, members)
    local place = redis.call('HGET', members, user)
    local member = place and string.sub(place, 1, 17) .. user or user
    local score = redis.call('ZSCORE', board, member)
    redis.call('HDEL', members, user)
    redis.call('ZREM', board, member)
    score = score and string.format('%.17g', tonumber(score))
    if score and redis.call('HEXISTS', counts, score) == 1 and redis.call('HINCRBY', counts, score, -1) <= 0 then
        redis.call('HDEL', counts, score)
        redis.call('ZREM', scores, score)
    end
    return score or place
end

-- erase (audit, checkpoint, position, generations, generation, versus, then the player's own keys, then hashes with a
-- field of his, then boards, each with its scores, counts and members): who, what, user id, generation, number of own
-- keys, number of hashes, number of his opponents. Answers the keys that had something of him; nil where
-- the generation or the opponents are others by now.
register('erase', function(keys, args)
    local user, own = args[3], 6 + whole(args[5])
    local hashes = own + whole(args[6])
    expect_type(keys[1], 'stream')
    expect_type(keys[2], 'string')
    expect_type(keys[3], 'hash')
    if (redis.call('GET', keys[5]) or '0') ~= args[4] then return false end
    if redis.call('HLEN', keys[6]) ~= whole(args[7]) then return false end
    for i = own + 1, hashes do expect_type(keys[i], 'hash') end
    for i = hashes + 1, #keys, 4 do
        expect_type(keys[i], 'zset')
        expect_type(keys[i + 1], 'zset')
        expect_type(keys[i + 2], 'hash')
        expect_type(keys[i + 3], 'hash')
    end
    restate(keys[2], keys[3], keys[4])
    local had = {}
    for i = 7, hashes do
        local n = i <= own and redis.call('UNLINK', keys[i]) or redis.call('HDEL', keys[i], user)
        if n > 0 then had[#had + 1] = keys[i] end
    end
    for i = hashes + 1, #keys, 4 do
        if leave_board(user, unpack(keys, i, i + 3)) then had[#had + 1] = keys[i] end
    end
    if #had > 0 then audit(keys[1], args) end
    return had
end)
