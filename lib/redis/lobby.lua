-- Games: one hash each, and the four keys that must stay in step with it.
--
-- A function here loads the game, changes the table, and saves it: save_game() is the only place
-- that writes, so the deadline, the listing, the public object and the counts follow from the
-- game's state by construction. What can fail (a number that is none, a hash that is damaged)
-- fails in load_game() or pack_game(), before the first write: Redis does not roll back.
--
-- Keys of every function for one game: game, deadlines, lobby, public, counts.
-- Times are milliseconds; a Lua number holds them exactly, and Redis prints it with %.17g.

local ORDER = {
    created = 1, creator_joined = 2, all_players_joined = 3, in_progress = 4, ended = 5,
}

-- How a game counts: what players see of `counts`. A game that is over counts no more.
local COUNTED_AS = {
    created = 'players_in_lobby', creator_joined = 'players_in_lobby',
    all_players_joined = 'players_in_game', in_progress = 'players_in_game',
}

local GIVE_UP_AFTER = 24 * 3600 * 1000
local PAUSE_FIRST, PAUSE_MAX = 1000, 300 * 1000
local PLAYERS_MAX = 64
-- Players whom a game server has yet to be told to remove, in one game: beyond it nobody can join.
local LEAVING_MAX = 64

-- What never changes, then what save_game() writes.
local FIXED = {
    'product', 'creator_id', 'creator_name', 'max', 'settings', 'server', 'socket', 'created_at',
}
local MUTABLE = { 'state', 'due', 'published', 'until', 'attempts', 'owed_since', 'seats' }
local NUMBERS = { 'max', 'due', 'published', 'until', 'attempts', 'owed_since' }
-- While a library is loaded Lua's own functions are not there yet: no ipairs here.
local FIELDS = {}
for i = 1, #FIXED do FIELDS[i] = FIXED[i] end
for i = 1, #MUTABLE do FIELDS[#FIXED + i] = MUTABLE[i] end

-- whole(s): s as a whole number from 0 to 2^53; anything else is the caller's fault.
local function whole(s)
    local n = tonumber(s)
    if not n or not (n >= 0 and n <= 9007199254740992) or n % 1 ~= 0 then
        error('not a whole number: ' .. tostring(s))
    end
    return n
end

local function game_id_of(key)
    return string.match(key, '}:game:(.+)$') or error('not the key of a game: ' .. key)
end

-- A write to a key of another type fails, and what was written before it would stay.
local function expect_type(key, wanted)
    local present = redis.call('TYPE', key).ok
    if present ~= wanted and present ~= 'none' then
        error('the key should be a ' .. wanted .. ' and is a ' .. present .. ': ' .. key)
    end
end

-- What a game server owes us an answer for, be it a game it has to remove or a player: `due` is when it is
-- told next, `until` the last moment at which it may still do what it was once asked to do.

local function owe(x, now, until_)
    x['until'], x.attempts = until_, 0
    x.owed_since = (x.owed_since or 0) > 0 and x.owed_since or now
    x.due = until_ > now and now + PAUSE_FIRST or now
end

-- It is told now: where that fails or nobody hears of it, again after a pause that grows.
local function attempt(x, now)
    x.attempts = x.attempts + 1
    x.due = now + math.min(PAUSE_FIRST * 2 ^ math.min(x.attempts - 1, 20), PAUSE_MAX)
end

-- It was told, by a call that began at now. Returns whether that settles it.
local function settle(x, now)
    if now >= x['until'] then return true end
    x.due, x.attempts = x['until'], 0
    return false
end

-- Seats, in the order of joining; the creator's is the first. A seat: user, status, since (when it was reserved),
-- token, due, and for a leaving one what owe() sets.

local function find_seat(g, user)
    for i, seat in ipairs(g.seats) do
        if seat.user == user then return seat, i end
    end
end

-- Whether the seat's player has a token.
local function is_sure(seat)
    return seat and (seat.status == 'confirmed' or seat.status == 'connected')
end

-- How many seats are taken; are sure (their players have a token); are connected; belong to players who leave.
local function count_seats(g)
    local n = { reserved = 0, confirmed = 0, connected = 0, leaving = 0 }
    for _, seat in ipairs(g.seats) do n[seat.status] = n[seat.status] + 1 end
    local sure = n.confirmed + n.connected
    return n.reserved + sure, sure, n.connected, n.leaving
end

local function is_listed(g)
    local taken, _, _, leaving = count_seats(g)
    return g.state == 'creator_joined' and taken < g.max and leaving < LEAVING_MAX
end

-- leave(g, user, now, until): the game server has yet to be told that user is not in the game.
local function leave(g, user, now, until_)
    local seat = find_seat(g, user)
    if not seat then
        seat = { user = user, since = now }
        g.seats[#g.seats + 1] = seat
    end
    seat.status, seat.token = 'leaving', nil
    owe(seat, now, until_)
    return seat
end

-- While a full game waits for its players to connect, the players' own deadline holds and not the
-- game's: else a game that fills up late would be taken from players who are on their way.
local function wait_for_players(g, due)
    for _, seat in ipairs(g.seats) do
        if seat.status == 'confirmed' then seat.due = due end
    end
end

local function is_waiting(g)
    for _, seat in ipairs(g.seats) do
        if seat.status == 'confirmed' and seat.due then return true end
    end
    return false
end

local function next_due(g)
    local due = is_waiting(g) and math.huge or g.due
    for _, seat in ipairs(g.seats) do
        if seat.due and seat.due < due then due = seat.due end
    end
    return due
end

-- The game is taken away: players see it no more, and the game server is told until it is settled.
local function remove(g, now, until_)
    g.state, g.seats = 'removing', {}
    owe(g, now, until_)
end

-- The game object of the API: with a token the player's own, without one the public one.
local function game_json(g, token)
    local players = {}
    for _, seat in ipairs(g.seats) do
        if is_sure(seat) then
            players[#players + 1] = cjson.encode(seat.user)
        end
    end
    local json = '{"game_id":"' .. g.id .. '","product_id":"' .. g.product ..
        '","creator_id":' .. cjson.encode(g.creator_id) ..
        ',"creator_name":' .. cjson.encode(g.creator_name) ..
        ',"players":[' .. table.concat(players, ',') .. '],"settings":' .. g.settings
    if token then
        json = json .. ',"token":' .. cjson.encode(token) .. ',"state":"' .. g.state ..
            '","target_game_server":' .. cjson.encode(g.socket)
    end
    return json .. '}'
end

-- What the game adds to `counts`.
local function tally(g)
    local t = { games = 0, players_in_lobby = 0, players_in_game = 0 }
    local name = not g.gone and COUNTED_AS[g.state]
    if name then
        local _, sure = count_seats(g)
        t.games, t[name] = 1, sure
    end
    return t
end

local function load_game(key)
    local values = redis.call('HMGET', key, unpack(FIELDS))
    if not values[1] then return nil end
    local g = { key = key, id = game_id_of(key) }
    for i, name in ipairs(FIELDS) do
        g[name] = values[i] or error('the game lacks its ' .. name .. ': ' .. key)
    end
    for _, name in ipairs(NUMBERS) do g[name] = whole(g[name]) end
    g.seats = cmsgpack.unpack(g.seats)
    g.was_listed, g.was = is_listed(g), tally(g)
    return g
end

-- pack_game(g): all that write_game() will write; whatever can fail fails here.
local function pack_game(g)
    if not g.gone then
        g.packed_seats = cmsgpack.pack(g.seats)
        g.next_due = next_due(g)
        g.public = is_listed(g) and game_json(g) or nil
    end
    g.now = tally(g)
end

-- check_keys(deadlines, lobby, public, counts): whether write_game() can write to them.
local function check_keys(deadlines, lobby, public, counts)
    expect_type(deadlines, 'zset')
    expect_type(lobby, 'zset')
    expect_type(public, 'hash')
    local values = redis.call('HMGET', counts, 'games', 'players_in_lobby', 'players_in_game')
    for _, n in ipairs(values) do
        if n and not string.find(n, '^%-?%d+$') then error('not a count: ' .. n) end
    end
end

-- write_game(g, deadlines, lobby, public, counts): after pack_game(g) and check_keys() alone.
local function write_game(g, deadlines, lobby, public, counts)
    if g.gone then
        redis.call('DEL', g.key)
        redis.call('ZREM', deadlines, g.id)
    else
        redis.call('HSET', g.key, 'state', g.state, 'due', g.due, 'published', g.published,
            'until', g['until'], 'attempts', g.attempts, 'owed_since', g.owed_since,
            'seats', g.packed_seats)
        redis.call('ZADD', deadlines, g.next_due, g.id)
    end
    if g.public then
        redis.call('ZADD', lobby, g.published, g.id)
        redis.call('HSET', public, g.id, g.public)
    elseif g.was_listed then
        redis.call('ZREM', lobby, g.id)
        redis.call('HDEL', public, g.id)
    end
    for name, n in pairs(g.now) do
        if n ~= g.was[name] then redis.call('HINCRBY', counts, name, n - g.was[name]) end
    end
end

local function save_game(g, keys)
    pack_game(g)
    check_keys(keys[2], keys[3], keys[4], keys[5])
    write_game(g, keys[2], keys[3], keys[4], keys[5])
end

-- new_game(g, keys, now): a game that the game server has yet to make, and its first write. g has what never changes
-- but created_at, its key and id, its state's deadline and its seats.
local function new_game(g, keys, now)
    if g.max < 1 or g.max > PLAYERS_MAX then error('max out of range') end
    if not string.find(g.settings, '^{') or not pcall(cjson.decode, g.settings) then
        error('settings are no object')
    end
    if redis.call('EXISTS', g.key) == 1 then error('the game exists') end
    g.created_at, g.state, g.published, g['until'], g.attempts, g.owed_since = now, 'creating', 0, 0, 0, 0
    local fixed = {}
    for _, name in ipairs(FIXED) do
        fixed[#fixed + 1] = name
        fixed[#fixed + 1] = g[name] or error('argument missing: ' .. name)
    end
    g.was = { games = 0, players_in_lobby = 0, players_in_game = 0 }
    pack_game(g)
    check_keys(keys[2], keys[3], keys[4], keys[5])
    redis.call('HSET', g.key, unpack(fixed))
    write_game(g, keys[2], keys[3], keys[4], keys[5])
end

-- create_intent: now, due, game_id, product, creator_id, creator_name, max, settings, server, socket
register('create_intent', function(keys, args)
    local now, due, max = whole(args[1]), whole(args[2]), whole(args[7])
    local id = game_id_of(keys[1])
    if id ~= args[3] then error('the key is of another game') end
    new_game({
        key = keys[1], id = id, product = args[4], creator_id = args[5], creator_name = args[6],
        max = max, settings = args[8], server = args[9], socket = args[10], due = due,
        seats = { { user = args[5], status = 'reserved', since = now } },
    }, keys, now)
    return { 'ok' }
end)

-- create_done: now, token, timeout of state created
register('create_done', function(keys, args)
    local now, token, timeout = whole(args[1]), args[2], whole(args[3])
    local g = load_game(keys[1])
    if not g or g.state ~= 'creating' then return { 'gone' } end
    g.state, g.due = 'created', now + timeout
    g.seats[1].status, g.seats[1].token = 'confirmed', token
    save_game(g, keys)
    return { 'ok', game_json(g, token) }
end)

-- create_failed: now, until. until 0: the game server did not make it, nothing is left of it. Else it
-- has made it or may do so as late as until, and is told to remove it; `gone` where nothing is known of it.
register('create_failed', function(keys, args)
    local now, until_ = whole(args[1]), whole(args[2])
    local g = load_game(keys[1])
    if not g and until_ > 0 then return { 'gone' } end
    if not g or (g.state ~= 'creating' and g.state ~= 'removing') then return { 'ok' } end
    if until_ == 0 then
        g.gone = true
    else
        remove(g, now, until_)
    end
    save_game(g, keys)
    return { 'ok' }
end, { 'allow-oom' })

-- Why user cannot have a seat in g, as the function answers it; nil where there is one to have.
local function seat_refusal(g, user)
    if not g or g.state == 'creating' or g.state == 'removing' then return { 'not_found' } end
    local taken, sure, _, leaving = count_seats(g)
    local mine = find_seat(g, user)
    if mine and mine.status ~= 'leaving' then return { 'state', g.state, 'already in it' } end
    if g.state ~= 'creator_joined' then return { 'state', g.state, '' } end
    if sure >= g.max then return { 'state', g.state, 'the game is full' } end
    if mine or taken >= g.max or leaving >= LEAVING_MAX then return { 'taken' } end
end

-- seat_reserve: now, due, user_id
register('seat_reserve', function(keys, args)
    local now, due, user = whole(args[1]), whole(args[2]), args[3]
    local g = load_game(keys[1])
    local refusal = seat_refusal(g, user)
    if refusal then return refusal end
    g.seats[#g.seats + 1] = { user = user, status = 'reserved', since = now, due = due }
    save_game(g, keys)
    return { 'ok', g.server }
end)

-- seat_confirm: now, user_id, token, seat timeout
register('seat_confirm', function(keys, args)
    local now, user, token, timeout = whole(args[1]), args[2], args[3], whole(args[4])
    local g = load_game(keys[1])
    if not g or g.state == 'creating' or g.state == 'removing' then return { 'gone' } end
    local seat = find_seat(g, user)
    if not is_sure(seat) then
        if not seat or seat.status == 'leaving' or g.state == 'ended' then
            leave(g, user, now, now)
            save_game(g, keys)
            return { 'gone' }
        end
        seat.status, seat.token, seat.due = 'confirmed', token, nil
        local _, sure = count_seats(g)
        if g.state == 'creator_joined' and sure == g.max then
            wait_for_players(g, now + timeout)
        end
        save_game(g, keys)
    end
    return { 'ok', game_json(g, token) }
end)

-- seat_release: now, until, user_id. until as in create_failed.
register('seat_release', function(keys, args)
    local now, until_, user = whole(args[1]), whole(args[2]), args[3]
    local g = load_game(keys[1])
    if not g or g.state == 'creating' or g.state == 'removing' then return { 'ok' } end
    local seat, i = find_seat(g, user)
    if is_sure(seat) then return { 'ok' } end
    if until_ > 0 then
        leave(g, user, now, until_)
    elseif seat then
        table.remove(g.seats, i)
    end
    save_game(g, keys)
    return { 'ok' }
end, { 'allow-oom' })

-- open_games (lobby, public): first, count. A last of first - 1 would be -1 for the first page: everything.
register('open_games', function(keys, args)
    local first, count = whole(args[1]), whole(args[2])
    local ids = count > 0 and redis.call('ZRANGE', keys[1], first, first + count - 1) or {}
    if #ids == 0 then return '[]' end
    return '[' .. table.concat(redis.call('HMGET', keys[2], unpack(ids)), ',') .. ']'
end, { 'no-writes' })

-- The game's own deadline passed. Answers as expire.
local function expire_game(g, now, late)
    local taken = 0
    if g.state ~= 'removing' then
        remove(g, now, g.state == 'creating' and now + late or now)
        taken = 1
    elseif now - g.owed_since > GIVE_UP_AFTER then
        g.gone = true
        return { 'none', g.server, 0, 1 }
    end
    attempt(g, now)
    return { 'game', g.server, taken, 0 }
end

-- Seats' deadlines passed. Answers as expire.
local function expire_seats(g, now, late, relist)
    local answer, kept, missing = { 'players', g.server, 0, 0 }, {}, false
    for _, seat in ipairs(g.seats) do
        local given_up = false
        if seat.due and seat.due <= now then
            if seat.status == 'leaving' then
                given_up = now - seat.owed_since > GIVE_UP_AFTER
            else
                missing = missing or seat.status == 'confirmed'
                answer[3] = answer[3] + 1
                leave(g, seat.user, now, seat.status == 'reserved' and now + late or now)
            end
            if given_up then
                answer[4] = answer[4] + 1
            else
                attempt(seat, now)
                answer[#answer + 1] = seat.user
            end
        end
        if not given_up then kept[#kept + 1] = seat end
    end
    g.seats = kept
    if missing then g.due = now + relist end
    return answer
end

-- expire: now, late limit of the game server, timeout of state creator_joined. Answers {what, server, taken, abandoned,
-- user…}: `game`: tell the game server to remove the game; `players`: to remove these players; `none`: nothing.
-- taken: games (or seats) whose time was up; abandoned: those the game server could not be told of for a day. The
-- deadline is already moved on: where the caller dies, the next one tells the game server again. `damaged` and what is
-- wrong instead of the server: the game cannot be read, and is put off, for others to be looked at.
register('expire', function(keys, args)
    local now, late, relist = whole(args[1]), whole(args[2]), whole(args[3])
    local readable, g = pcall(load_game, keys[1])
    if not readable then
        redis.call('ZADD', keys[2], now + PAUSE_MAX, game_id_of(keys[1]))
        return { 'damaged', type(g) == 'table' and g.err or g, 0, 0 }
    end
    if not g then
        redis.call('ZREM', keys[2], game_id_of(keys[1]))
        return { 'none', '', 0, 0 }
    end
    if next_due(g) > now then return { 'none', g.server, 0, 0 } end
    local answer
    if g.due <= now and not is_waiting(g) then
        answer = expire_game(g, now, late)
    else
        answer = expire_seats(g, now, late, relist)
    end
    save_game(g, keys)
    return answer
end, { 'allow-oom' })

-- game_gone: the time at which the game server was told, with success
register('game_gone', function(keys, args)
    local now = whole(args[1])
    local g = load_game(keys[1])
    if not g or g.state ~= 'removing' then return { 'ok' } end
    g.gone = settle(g, now)
    save_game(g, keys)
    return { 'ok' }
end, { 'allow-oom' })

-- player_gone: the time at which the game server was told, with success; user_id
register('player_gone', function(keys, args)
    local now, user = whole(args[1]), args[2]
    local g = load_game(keys[1])
    local seat, i
    if g then seat, i = find_seat(g, user) end
    if not seat or seat.status ~= 'leaving' then return { 'ok' } end
    if settle(seat, now) then table.remove(g.seats, i) end
    save_game(g, keys)
    return { 'ok' }
end, { 'allow-oom' })
