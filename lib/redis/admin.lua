-- What varcadectl changes by hand. Every function has the product's audit stream as its first key, and who
-- does what to what as its first arguments, so that no change is without its line there.

local AUDIT_MAX = 10000

local function audit(key, args)
    redis.call('XADD', key, 'MAXLEN', '~', AUDIT_MAX, '*', 'who', args[1], 'what', args[2], 'about', args[3])
end

-- Of two records of a key the one that ends earlier: who rotates keys may have read them before one was revoked.
local function earlier(before, record)
    local ended = tonumber(string.match(before or '', ' (%d+)$') or 0)
    local ends = tonumber(string.match(record, ' (%d+)$') or 0)
    return ended > 0 and (ends == 0 or ended < ends) and before or record
end

-- keys_set (audit, keys): who, what, about; then id and record each; the record '' is that of no key. What has ended ends no
-- later by it.
register('keys_set', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[2], 'hash')
    if #args < 5 or #args % 2 ~= 1 then error('no pairs of id and record') end
    audit(keys[1], args)
    for i = 4, #args, 2 do
        if args[i + 1] == '' then
            redis.call('HDEL', keys[2], args[i])
        else
            redis.call('HSET', keys[2], args[i], earlier(redis.call('HGET', keys[2], args[i]), args[i + 1]))
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
-- computed from figures read before is written behind the one it read, and so never. Where generations is given, a
-- rebuild that is under way does not come to be either: a later number than its own is given out.
local function restate(checkpoint, position, generations)
    local present = redis.call('GET', checkpoint)
    local id, mark = string.match(present or '0-0', '^(%d+%-%d+)/?(%d*)$')
    if not id then error('not a checkpoint: ' .. present) end
    local stated = id .. '/' .. ((tonumber(mark) or 0) + 1)
    if generations then redis.call('INCR', generations) end
    redis.call('SET', checkpoint, stated)
    if not present then
        redis.call('HSET', position, 'id', stated, 'entries', 0)
    elseif redis.call('HGET', position, 'id') == present then
        redis.call('HSET', position, 'id', stated)
    end
end

-- Take a player off a board, whatever its ties are or were. Answers his score, of a board with places `place:score`;
-- or nothing.
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
    return place or score
end

-- season_close (audit, checkpoint, position, generations, closed): who, what, about, `board:season`, now, at, to: the season
-- ends at this time, '' the next moment of which nothing has counted, and before `to`, its end by the file. Answers {'ok', the
-- time}, {'ended', when} where it has ended already, {'counted', until when} where later events count in it.
register('season_close', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[3], 'hash')
    expect_type(keys[5], 'hash')
    local now, to = whole(args[5]), whole(args[7])
    local counted = whole(string.match(redis.call('GET', keys[2]) or '0-0', '^(%d+)%-'))
    local at = args[6] == '' and math.max(now, counted + 1) or whole(args[6])
    local ends = math.min(to, tonumber(redis.call('HGET', keys[5], args[4]) or to))
    if ends <= math.max(now, counted) then return { 'ended', ends } end
    if at <= counted then return { 'counted', counted } end
    if at >= to then return { 'ended', to } end
    redis.call('HSET', keys[5], args[4], at)
    restate(keys[2], keys[3], keys[4])
    audit(keys[1], args)
    return { 'ok', at }
end)

-- A board, its scores, counts, members and hidden players.
local BOARD_KEYS = 5

local function expect_boards(keys, first)
    for i = first, #keys, BOARD_KEYS do
        expect_type(keys[i], 'zset')
        expect_type(keys[i + 1], 'zset')
        for j = 2, 4 do expect_type(keys[i + j], 'hash') end
    end
end

-- Move a player's score from a board to those of hidden players; whether there was one.
local function conceal(user, board, scores, counts, members, hidden)
    local score = leave_board(user, board, scores, counts, members)
    if score then redis.call('HSET', hidden, user, score) end
    return score
end

-- And back; ties: those of the board.
local function reveal(user, ties, board, scores, counts, members, hidden)
    local score = redis.call('HGET', hidden, user)
    if not score then return false end
    redis.call('HDEL', hidden, user)
    local place, behind = string.match(score, '^(' .. string.rep('%x', 16) .. '):(.+)$')
    score = behind or score
    if ties == 'first' then
        -- Without a place its ties were others then: behind all, or before them.
        place = place or string.rep('0', 16)
        redis.call('ZADD', board, score, place .. ':' .. user)
        redis.call('HSET', members, user, place .. ':' .. score)
        return true
    end
    redis.call('ZADD', board, score, user)
    score = string.format('%.17g', tonumber(score))
    if ties == 'dense' and redis.call('HINCRBY', counts, score, 1) == 1 then
        redis.call('ZADD', scores, score, score)
    end
    return true
end

local SANCTIONS = {
    hide = { hidden = 'SADD' },
    unhide = { hidden = 'SREM' },
    ban = { hidden = 'SADD', banned = 'SADD' },
    unban = { hidden = 'SREM', banned = 'SREM' },
}

-- sanction (audit, checkpoint, position, generations, generation, hidden, banned, then boards as of `erase`): who, `hide`,
-- `unhide`, `ban` or `unban`, user id, generation, then the ties of each board. Answers {whether it changed what the player
-- is, on how many boards he was moved}, nil where the generation is another one, `banned` where only `unban` will do.
register('sanction', function(keys, args)
    local user, s = args[3], SANCTIONS[args[2]] or error('no such sanction')
    expect_type(keys[1], 'stream')
    expect_type(keys[2], 'string')
    expect_type(keys[3], 'hash')
    expect_type(keys[6], 'set')
    expect_type(keys[7], 'set')
    expect_boards(keys, 8)
    if (redis.call('GET', keys[5]) or '0') ~= args[4] then return false end
    local banned = redis.call('SISMEMBER', keys[7], user) == 1
    if banned and not s.banned and s.hidden == 'SREM' then return 'banned' end
    -- What is not banned is not unbanned either, whoever is hidden.
    if args[2] == 'unban' and not banned and redis.call('SISMEMBER', keys[6], user) == 1 then return { 0, 0 } end
    local changed, moved = redis.call(s.hidden, keys[6], user), 0
    if s.banned then changed = redis.call(s.banned, keys[7], user) end
    for i = 8, #keys, BOARD_KEYS do
        local was
        if s.hidden == 'SADD' then
            was = conceal(user, unpack(keys, i, i + 4))
        else
            was = reveal(user, args[5 + (i - 8) / BOARD_KEYS], unpack(keys, i, i + 4))
        end
        if was then moved = moved + 1 end
    end
    if changed + moved > 0 then
        restate(keys[2], keys[3], keys[4])
        audit(keys[1], args)
    end
    return { changed, moved }
end)

-- Take a player out of keys: the pace is the first of them, then those of his own to own, hashes with a field of his to
-- hashes, then boards. Answers those that had something of him.
local function forget(user, keys, first, own, hashes)
    local had, paced = {}, 0
    expect_type(keys[first], 'zset')
    for i = first + 1, hashes do
        local n = i <= own and redis.call('UNLINK', keys[i]) or redis.call('HDEL', keys[i], user)
        if n > 0 then had[#had + 1] = keys[i] end
    end
    for i = hashes + 1, #keys, BOARD_KEYS do
        local hidden = redis.call('HDEL', keys[i + 4], user) > 0
        if leave_board(user, unpack(keys, i, i + 3)) or hidden then had[#had + 1] = keys[i] end
        local board = string.match(keys[i], ':board:([^:]+):')
        paced = paced + redis.call('ZREM', keys[first], board .. ':' .. user)
    end
    if paced > 0 then had[#had + 1] = keys[first] end
    return had
end

-- erase (audit, checkpoint, position, generations, generation, versus, names, byname, pace, then the player's own keys, then
-- hashes with a field of his, then boards, each with its scores, counts, members and hidden players): who, what, user id, generation, number of own
-- keys, number of hashes, number of his opponents, 1 where it is told in the audit whatever is found. Answers the checkpoint up to
-- which he is forgotten, and the keys that had something of him; nil where the generation or the opponents are others by now.
register('erase', function(keys, args)
    local user, own = args[3], 9 + whole(args[5])
    local hashes = own + whole(args[6])
    expect_type(keys[1], 'stream')
    expect_type(keys[2], 'string')
    expect_type(keys[3], 'hash')
    if (redis.call('GET', keys[5]) or '0') ~= args[4] then return false end
    if redis.call('HLEN', keys[6]) ~= whole(args[7]) then return false end
    expect_type(keys[7], 'hash')
    expect_type(keys[8], 'zset')
    for i = own + 1, hashes do expect_type(keys[i], 'hash') end
    expect_boards(keys, hashes + 1)
    restate(keys[2], keys[3], keys[4])
    local had = forget(user, keys, 9, own, hashes)
    if forget_name(keys[7], keys[8], user) then had[#had + 1] = keys[7] end
    if #had > 0 or args[8] == '1' then audit(keys[1], args) end
    table.insert(had, 1, redis.call('GET', keys[2]))
    return had
end)

-- game_end (audit, a game's): who, what, about; now, late limit. As if the game's deadline had passed: players see it no
-- more, and the game server is told by whoever looks after deadlines. Answers the state it was in, or nil where it is gone.
register('game_end', function(keys, args)
    local now, late, game_keys = whole(args[4]), whole(args[5]), { unpack(keys, 2) }
    local g = load_game(game_keys[1])
    expect_type(keys[1], 'stream')
    if not g or g.state == 'removing' then return false end
    local state = g.state
    remove(g, now, state == 'creating' and now + late or now)
    save_game(g, game_keys)
    audit(keys[1], args)
    return state
end, { 'allow-oom' })

-- games_read (games): of each nil where it is gone, `damaged` and why where it cannot be read, else its id, state, server,
-- socket, created_at, when something is due in it, creator, settings, join code, then each player and how far they are.
register('games_read', function(keys)
    local games = {}
    for i, key in ipairs(keys) do
        local readable, g = pcall(load_game, key)
        if not readable then
            games[i] = { game_id_of(key), 'damaged', tostring(g) }
        elseif not g then
            games[i] = false
        else
            games[i] = { g.id, g.state, g.server, g.socket, tostring(g.created_at), string.format('%.0f', next_due(g)),
                g.creator_id, g.settings, g.code }
            for _, seat in ipairs(g.seats) do
                games[i][#games[i] + 1] = seat.user
                games[i][#games[i] + 1] = seat.status
            end
        end
    end
    return games
end, { 'no-writes' })
