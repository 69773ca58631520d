-- Players' names, and the index by which players are found by the beginning of a name: a sorted set whose
-- members are the name with its letters folded, NUL, the user id, all of score 0. Whatever writes a name does it here, so
-- that the two are in step.

-- Letters beyond ASCII whose small one is another: first, last, how far away it is, how far they are from each other. Those of
-- two bytes in UTF-8: Latin, Greek, Cyrillic.
local CAPITALS = {
    { 0xC0, 0xD6, 32, 1 }, { 0xD8, 0xDE, 32, 1 }, { 0x100, 0x12E, 1, 2 }, { 0x132, 0x136, 1, 2 },
    { 0x139, 0x147, 1, 2 }, { 0x14A, 0x176, 1, 2 }, { 0x178, 0x178, -121, 1 }, { 0x179, 0x17D, 1, 2 },
    { 0x386, 0x386, 38, 1 }, { 0x388, 0x38A, 37, 1 }, { 0x38C, 0x38C, 64, 1 }, { 0x38E, 0x38F, 63, 1 },
    { 0x391, 0x3A1, 32, 1 }, { 0x3A3, 0x3AB, 32, 1 }, { 0x3C2, 0x3C2, 1, 1 }, { 0x400, 0x40F, 80, 1 },
    { 0x410, 0x42F, 32, 1 },
}

-- The character of two bytes as a small letter.
local function fold_pair(pair)
    local lead, trail = string.byte(pair, 1, 2)
    local code = (lead - 0xC0) * 64 + trail - 0x80
    for _, c in ipairs(CAPITALS) do
        if code >= c[1] and code <= c[2] and (code - c[1]) % c[4] == 0 then
            code = code + c[3]
            return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
        end
    end
end

local function fold(name)
    return (string.gsub(string.lower(name), '[\195-\197\206-\208][\128-\191]', fold_pair))
end

local function index_entry(user, name)
    return fold(name) .. '\0' .. user
end

-- The name is added though it be the same: a name from before there was an index comes into it so.
local function set_name(names, index, user, name)
    local before = redis.call('HGET', names, user)
    if before and before ~= name then redis.call('ZREM', index, index_entry(user, before)) end
    redis.call('HSET', names, user, name)
    redis.call('ZADD', index, 0, index_entry(user, name))
end

-- Whether there was a name.
local function forget_name(names, index, user)
    local name = redis.call('HGET', names, user)
    if name then
        redis.call('ZREM', index, index_entry(user, name))
        redis.call('HDEL', names, user)
    end
    return name
end

-- name_set (names, byname): user id, name.
register('name_set', function(keys, args)
    expect_type(keys[1], 'hash')
    expect_type(keys[2], 'zset')
    set_name(keys[1], keys[2], args[1], args[2])
    return redis.status_reply('OK')
end)

-- Entries of the index that one search looks at, at a time and at most: many hidden players do not make it long.
local LOOK_AT, LOOK_AT_MAX = 50, 400

-- names_find (generation, names, byname, hidden, stats, player): the generation, text, limit. Answers user id and name or
-- nil, of whoever has the text as user id (and a name, statistics or ratings), then of those whose names begin with
-- it, in the order of the folded names; hidden players are left out.
register_live('names_find', function(keys, args)
    local text, limit, answer = args[2], tonumber(args[3]), {}
    local name = redis.call('HGET', keys[2], text)
    if (name or redis.call('EXISTS', keys[5], keys[6]) > 0) and limit > 0
        and redis.call('SISMEMBER', keys[4], text) == 0 then
        answer = { text, name }
    end
    -- No byte of UTF-8 is as high as \255.
    local first, last, looked = '[' .. fold(text), '(' .. fold(text) .. '\255', 0
    while #answer < 2 * limit and looked < LOOK_AT_MAX do
        local some, ids = redis.call('ZRANGEBYLEX', keys[3], first, last, 'LIMIT', 0, LOOK_AT), {}
        if #some == 0 then break end
        for i, entry in ipairs(some) do ids[i] = string.sub(entry, string.find(entry, '\0', 1, true) + 1) end
        local hidden, names = redis.call('SMISMEMBER', keys[4], unpack(ids)), redis.call('HMGET', keys[2], unpack(ids))
        for i, id in ipairs(ids) do
            if hidden[i] == 0 and id ~= text and #answer < 2 * limit then
                answer[#answer + 1] = id
                answer[#answer + 1] = names[i]
            end
        end
        first, looked = '(' .. some[#some], looked + #some
    end
    return answer
end)
