-- What the worker does with a batch of events, in one step, once: apply, and the lease.

local DEADLETTERS_MAX = 100000
-- Values of one redis.call: Lua's stack holds 8000.
local CHUNK = 4000
local GAMES_AT_ONCE = 50

local STATE_EVENTS = {
    creator_joined = true, all_players_joined = true, in_progress = true, ended = true,
}

-- What each kind of event does to a game; they answer a note where it does not fit.
local EVENTS = {}

function EVENTS.state(g, time, state, t)
    if not is_running(g) or ORDER[state] <= ORDER[g.state] then return 'out_of_order' end
    enter(g, state, time, t)
end

function EVENTS.over(g, time, _, t)
    return EVENTS.state(g, time, 'ended', t)
end

-- A game server may answer remove_game with this event for a game that it has yet to make.
function EVENTS.removed(g, time)
    g.gone = g.state ~= 'removing' or g['until'] <= time
end

function EVENTS.connect(g, time, user, t)
    if not is_running(g) then return 'out_of_order' end
    local seat = find_seat(g, user)
    if not is_sure(seat) then return 'not_in_game' end
    local waited = is_waiting(g)
    seat.status, seat.due = 'connected', nil
    -- The players' deadline is met; the game's own holds again, and may have passed meanwhile.
    if waited and not is_waiting(g) then g.due = math.max(g.due, time + t.seat) end
end

-- A disconnect that is older than the seat is of an earlier stay of the same player.
function EVENTS.disconnect(g, time, user, t)
    if not is_running(g) then return 'out_of_order' end
    local seat, i = find_seat(g, user)
    if not is_sure(seat) or seat.since > time then return 'not_in_game' end
    local waited = is_waiting(g)
    if g.rejoin ~= '' and g.state ~= 'created' and g.state ~= 'ended' then
        if seat.status ~= 'away' then seat.status, seat.due = 'away', time + whole(g.rejoin) end
        return
    end
    if i == 1 and not succeed(g) then
        remove(g, time, time)
        return
    end
    table.remove(g.seats, select(2, find_seat(g, user)))
    vacated(g, waited, time, t)
end

-- The checkpoint, the dead letters, and the keys that follow from games.
local FIRST_KEYS = 2 + #LOBBY_KEYS

-- A cursor over the arguments; each step checks before anything is written.
local function reader(keys, args)
    local at = 0
    local r = { letters = keys[2] }
    function r.text()
        at = at + 1
        return args[at] or error('arguments end early')
    end
    -- whole() once more: there are too many of them for a call within a call.
    function r.whole()
        at = at + 1
        local n = tonumber(args[at])
        if n and n >= 0 and n <= 9007199254740992 and n % 1 == 0 then return n end
        error('not a whole number: ' .. tostring(args[at]))
    end
    -- A key that is not one of the first, which have their own names.
    function r.key()
        local i = r.whole()
        if i <= FIRST_KEYS or i > #keys then error('key index out of range') end
        return keys[i]
    end
    -- n values in a row; answers where they begin and end.
    function r.span(n)
        local first = at + 1
        at = at + n
        if n < 2 or n % 2 ~= 0 or at > #args then error('count out of range') end
        return first, at
    end
    -- n times size values in a row.
    function r.rows(n, size)
        local first = at + 1
        at = at + n * size
        if n < 1 or at > #args then error('count out of range') end
        return first, at
    end
    function r.at_end() return at == #args end
    return r
end

-- The games of these keys by key. Of events long past most are gone: one EXISTS tells so of many.
local function load_games(keys)
    local games, order = {}, {}
    for first = 1, #keys, GAMES_AT_ONCE do
        local last = math.min(first + GAMES_AT_ONCE - 1, #keys)
        local some = redis.call('EXISTS', unpack(keys, first, last)) > 0
        for i = first, some and last or 0 do
            local g = not games[keys[i]] and load_game(keys[i])
            if g then games[keys[i]], order[#order + 1] = g, g end
        end
    end
    return games, order
end

local function read_game_events(r)
    local events, keys = {}, {}
    for i = 1, r.whole() do
        local key, id, time, kind, arg = r.key(), r.text(), r.whole(), r.text(), r.text()
        if not EVENTS[kind] or (kind == 'state' and not STATE_EVENTS[arg]) then
            error('unknown kind of event')
        end
        if game_id_of(key) ~= id then error('the key is of another game') end
        events[i], keys[i] = { time = time, kind = kind, arg = arg }, key
    end
    local games, order = load_games(keys)
    for i, e in ipairs(events) do e.game = games[keys[i]] end
    return events, order
end

-- Lua takes numbers with blanks at either end, Redis does not.
local function check_score(text)
    local score = tonumber(text)
    if not score or score ~= score or string.byte(text) <= 32 or string.byte(text, -1) <= 32 then
        error('not a score: ' .. text)
    end
end

-- Hashes or sorted sets: key, and where its pairs are.
local function read_figures(r, args, scored)
    local list = {}
    for i = 1, r.whole() do
        local key = r.key()
        local first, last = r.span(2 * r.whole())
        for j = first, scored and last or 0, 2 do
            check_score(args[j])
        end
        list[i] = { key = key, first = first, last = last }
    end
    return list
end

-- Boards whose ties are told apart. Everything that can fail is done here, before anything is written.
local RANKED = {}

-- How the counts of the scores change. Scores as the board writes them: 17 digits, whatever came.
function RANKED.dense(item, args)
    redis.call('ZCARD', item.beside)
    redis.call('HLEN', item.counts)
    item.changes = {}
    local function change(score, by)
        if not score then return end
        score = string.format('%.17g', tonumber(score))
        item.changes[score] = (item.changes[score] or 0) + by
    end
    for i = item.first, item.last, 3 do
        change(redis.call('ZSCORE', item.board, args[i + 1]), -1)
        change(args[i], 1)
    end
end

-- Which members go: a player has another one with every change.
function RANKED.first(item, args)
    redis.call('ZCARD', item.board)
    item.old = {}
    for i = item.first, item.last, 3 do
        if not string.find(args[i + 2], '^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$') then
            error('not a place')
        end
        local place = redis.call('HGET', item.beside, args[i + 1])
        if place then item.old[#item.old + 1] = string.sub(place, 1, 17) .. args[i + 1] end
    end
end

local function read_ranked(r, args)
    local list = {}
    for i = 1, r.whole() do
        local item = { ties = r.text(), board = r.key(), beside = r.key(), counts = r.key() }
        item.first, item.last = r.rows(r.whole(), 3)
        for j = item.first, item.last, 3 do check_score(args[j]) end
        if not RANKED[item.ties] then error('unknown kind of ties') end
        RANKED[item.ties](item, args)
        list[i] = item
    end
    return list
end

local function write_dense(item, args)
    for i = item.first, item.last, 3 do
        redis.call('ZADD', item.board, args[i], args[i + 1])
    end
    for score, by in pairs(item.changes) do
        local n = by ~= 0 and redis.call('HINCRBY', item.counts, score, by)
        if n == 0 then
            redis.call('HDEL', item.counts, score)
            redis.call('ZREM', item.beside, score)
        elseif n then
            redis.call('ZADD', item.beside, score, score)
        end
    end
end

local function write_first(item, args)
    for _, member in ipairs(item.old) do redis.call('ZREM', item.board, member) end
    for i = item.first, item.last, 3 do
        local score, player, place = args[i], args[i + 1], args[i + 2]
        redis.call('ZADD', item.board, score, place .. ':' .. player)
        redis.call('HSET', item.beside, player, place .. ':' .. score)
    end
end

local function write_ranked(list, args)
    for _, item in ipairs(list) do
        if item.ties == 'dense' then write_dense(item, args) else write_first(item, args) end
    end
end

local function read_dead_letters(r)
    local list = {}
    for i = 1, r.whole() do
        local n = r.whole()
        if n > CHUNK then error('dead letter too long') end
        local first, last = r.span(n)
        list[i] = { first = first, last = last }
    end
    return list
end

local function write_figures(command, list, args)
    for _, item in ipairs(list) do
        for first = item.first, item.last, CHUNK do
            redis.call(command, item.key,
                unpack(args, first, math.min(first + CHUNK - 1, item.last)))
        end
    end
end

-- What is done to keys beside figures, until the arguments end.
local OPERATIONS = {}

-- push: key, how many the list keeps, number of elements, they, oldest first.
function OPERATIONS.push(r)
    local op = { key = r.key(), type = 'list', keep = r.whole() }
    local n = r.whole()
    if op.keep < 1 or n > CHUNK then error('count out of range') end
    op.first, op.last = r.rows(n, 1)
    function op.write(args)
        local n = redis.call('LPUSH', op.key, unpack(args, op.first, op.last))
        if n > op.keep then redis.call('LTRIM', op.key, 0, op.keep - 1) end
    end
    return op
end

-- table: index of a key, number of keys, number of fields, the fields, then a value for each of them for each of so many
-- keys in a row, which are hashes. To look at each key's type before anything is written would cost as much as to write it, and who
-- made the batch has read them all. So where one became something else since, the others are written, and a note tells of it.
function OPERATIONS.table(r, args, keys)
    local first, n, width = r.whole(), r.whole(), r.whole()
    local last = first + n - 1
    if first <= FIRST_KEYS or n < 1 or last > #keys then error('key index out of range') end
    if 2 * width > CHUNK then error('count out of range') end
    local fields, values = r.rows(width, 1), r.rows(n, width)
    local op = { key = keys[first], type = 'hash' }
    function op.write(_, answer)
        local row, at = {}, values
        for i = 1, width do row[2 * i - 1] = args[fields + i - 1] end
        for i = first, last do
            for j = 2, 2 * width, 2 do
                row[j] = args[at]
                at = at + 1
            end
            if type(redis.pcall('HSET', keys[i], unpack(row, 1, 2 * width))) ~= 'number' then
                answer[#answer + 1] = { -1, 'damaged', keys[i] }
            end
        end
    end
    return op
end

-- forget: key, score: what is in the sorted set below it goes.
function OPERATIONS.forget(r)
    local op = { key = r.key(), type = 'zset', score = r.whole() }
    function op.write()
        redis.call('ZREMRANGEBYSCORE', op.key, '-inf', '(' .. string.format('%.0f', op.score))
    end
    return op
end

-- mark: key, score, number of pairs, score and member each: they go into the sorted set, and what is below
-- the first score goes.
function OPERATIONS.mark(r, args)
    local op = { key = r.key(), type = 'zset', score = r.whole() }
    op.first, op.last = r.span(2 * r.whole())
    for i = op.first, op.last, 2 do check_score(args[i]) end
    function op.write()
        write_figures('ZADD', { op }, args)
        redis.call('ZREMRANGEBYSCORE', op.key, '-inf', '(' .. string.format('%.0f', op.score))
    end
    return op
end

-- hold: key of the quarantine, the event's id, number of names and values together, then they: the first 12
-- say why. Where the quarantine has later ones (the stream is another one), it becomes a dead letter.
function OPERATIONS.hold(r, args)
    local op = { key = r.key(), type = 'stream', id = r.text() }
    op.first, op.last = r.span(r.whole())
    if not string.find(op.id, '^%d+%-%d+$') then error('not a stream id') end
    expect_type(r.letters, 'stream')
    function op.write()
        local put = redis.pcall('XADD', op.key, 'MAXLEN', '~', DEADLETTERS_MAX, op.id,
            unpack(args, op.first, op.last))
        if type(put) == 'table' and put.err then
            local reason, why, source, id = unpack(args, op.first, op.first + 3)
            redis.call('XADD', r.letters, 'MAXLEN', '~', DEADLETTERS_MAX, '*', reason, why, source, id,
                unpack(args, op.first + 12, op.last))
        end
    end
    return op
end

-- settle: key of the quarantine, id of an event in it, which goes.
function OPERATIONS.settle(r)
    local op = { key = r.key(), type = 'stream', id = r.text() }
    function op.write() redis.call('XDEL', op.key, op.id) end
    return op
end

-- names: keys of the names and of their index, number of players, user id and name each.
function OPERATIONS.names(r, args)
    local op = { key = r.key(), type = 'hash', index = r.key() }
    op.first, op.last = r.span(2 * r.whole())
    expect_type(op.index, 'zset')
    function op.write()
        for i = op.first, op.last, 2 do set_name(op.key, op.index, args[i], args[i + 1]) end
    end
    return op
end

local function read_operations(r, args, keys)
    local list = {}
    while not r.at_end() do
        local kind = OPERATIONS[r.text()]
        if not kind then error('unknown operation') end
        list[#list + 1] = kind(r, args, keys)
    end
    return list
end

local function play(events, t)
    local answer = { 1, 0 }
    for i, e in ipairs(events) do
        local g = e.game
        local before, note = '', 'unknown_game'
        if g and not g.gone then
            before = g.state
            note = EVENTS[e.kind](g, e.time, e.arg, t)
        end
        if note then answer[#answer + 1] = { i - 1, note, before } end
    end
    return answer
end

-- apply (checkpoint, deadletters, those of lobby_keys(), any…): arguments and answer as in
-- docs/ARCHITECTURE.md. The checkpoint moves last: were a write to fail, the batch would be done again.
register('apply', function(keys, args)
    local began = redis.call('TIME')
    local present = redis.call('GET', keys[1]) or ''
    local r = reader(keys, args)
    if present ~= r.text() then return { 0, present } end
    local checkpoint = r.text()
    if not string.find(checkpoint, '^%d+%-%d+$') then error('not a stream id') end
    local t = {}
    for _, name in ipairs({ 'created', 'seat', 'creator_joined', 'all_players_joined',
        'in_progress', 'ended' }) do
        t[name] = r.whole()
    end
    local events, games = read_game_events(r)
    local hashes = read_figures(r, args, false)
    local sets = read_figures(r, args, true)
    local letters = read_dead_letters(r)
    local ranked = read_ranked(r, args)
    local operations = read_operations(r, args, keys)

    local answer = play(events, t)
    for _, g in ipairs(games) do pack_game(g) end
    local k = lobby_keys(keys, 3)
    if #games > 0 then check_keys(k) end
    for _, item in ipairs(hashes) do expect_type(item.key, 'hash') end
    for _, item in ipairs(sets) do expect_type(item.key, 'zset') end
    if #letters > 0 then expect_type(keys[2], 'stream') end
    for _, op in ipairs(operations) do expect_type(op.key, op.type) end

    for _, g in ipairs(games) do write_game(g, k) end
    write_figures('HSET', hashes, args)
    write_figures('ZADD', sets, args)
    write_ranked(ranked, args)
    for _, op in ipairs(operations) do op.write(args, answer) end
    for _, letter in ipairs(letters) do
        redis.call('XADD', keys[2], 'MAXLEN', '~', DEADLETTERS_MAX, '*',
            unpack(args, letter.first, letter.last))
    end
    redis.call('SET', keys[1], checkpoint)
    local now = redis.call('TIME')
    answer[2] = (now[1] - began[1]) * 1000000 + now[2] - began[2]
    return answer
end)

-- lease (lease): owner, ms. A function, not SET NX: whoever holds it makes it last longer.
register('lease', function(keys, args)
    local owner, ms = args[1], whole(args[2])
    if ms < 1 then error('a lease lasts at least 1 ms') end
    local holder = redis.call('GET', keys[1])
    if holder and holder ~= owner then return 0 end
    redis.call('SET', keys[1], owner, 'PX', ms)
    return 1
end)

-- windows_drop (windows, key…): remove the boards of past windows, and what is beside them, from
-- Redis and from the list of windows. Answers how many were in it.
register('windows_drop', function(keys)
    local n = 0
    for i = 2, #keys do
        redis.call('UNLINK', keys[i])
        n = n + redis.call('ZREM', keys[1], keys[i])
    end
    return n
end)
