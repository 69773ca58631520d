-- Games: one hash each, and the keys of the product that must stay in step with it.
--
-- A function (lobby.lua) loads the game, changes the table, and saves it: save_game() is the only place
-- that writes, so the deadline, the listing, the public object, the counts and who holds a seat follow
-- from the game's state by construction. What can fail (a number that is none, a hash that is damaged)
-- fails in load_game() or pack_game(), before the first write: Redis does not roll back.
--
-- Keys of every function for one game: the game, then those that lobby_keys() names.
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
local PAUSE_FIRST, PAUSE_MAX = 1000, 60 * 1000
local PLAYERS_MAX = 64
-- So long a match goes on where all but one have gone.
local ALONE_MAX = 30 * 1000
-- Players whom a game server has yet to be told to remove, in one game: beyond it nobody can join.
local LEAVING_MAX = 64

-- What never changes, then what save_game() writes.
local FIXED = {
    'product', 'creator_id', 'creator_name', 'max', 'settings', 'server', 'socket', 'created_at',
}
-- What never changes and most games have not: there it is ``. code: that of a private game, which is not listed.
-- quick: 1 where others may have a seat by quick_match before the creator has joined. rejoin: for so many ms the
-- seat of a player who was disconnected is kept. migrates: 1 where another player can become the creator. matched: 1 where a
-- match made it, whose creator is but the first of its players. closed: 1 where that is for its players alone: nobody else
-- ever has a seat in it.
local OPTIONAL = { 'code', 'quick', 'rejoin', 'migrates', 'matched', 'closed' }
local MUTABLE = { 'state', 'due', 'published', 'until', 'attempts', 'owed_since', 'seats' }
local NUMBERS = { 'max', 'created_at', 'due', 'published', 'until', 'attempts', 'owed_since' }
-- While a library is loaded Lua's own functions are not there yet: no ipairs here.
local FIELDS = {}
for i = 1, #FIXED do FIELDS[i] = FIXED[i] end
for i = 1, #MUTABLE do FIELDS[#FIXED + i] = MUTABLE[i] end
local REQUIRED = #FIELDS
for i = 1, #OPTIONAL do FIELDS[REQUIRED + i] = OPTIONAL[i] end

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

local function product_of(key)
    return string.match(key, '^{(.-)}') or error('not a key of a product: ' .. key)
end

-- A command for each type that fails where a key is of another; of all there are these cost least.
local PROBES = {
    hash = 'HLEN', list = 'LLEN', set = 'SCARD', stream = 'XLEN', string = 'STRLEN', zset = 'ZCARD',
}

-- A write to a key of another type fails, and what was written before it would stay.
local function expect_type(key, wanted)
    redis.call(PROBES[wanted], key)
end

-- What a game server owes us an answer for, be it a game it has to remove or a player: `due` is when it is
-- told next, `until` the last moment at which it may still do what it was once asked to do. told: it was told
-- before, and may just be doing it.

local function owe(x, now, until_)
    x['until'], x.attempts = until_, 0
    x.owed_since = (x.owed_since or 0) > 0 and x.owed_since or now
    x.due = until_ > now and now + PAUSE_FIRST or now
end

-- It is told now: where that fails or nobody hears of it, again after a pause that grows.
local function attempt(x, now)
    x.attempts, x.told = x.attempts + 1, true
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

local SURE = { confirmed = true, connected = true, away = true }

-- Whether the seat's player has a token.
local function is_sure(seat)
    return seat and SURE[seat.status]
end

-- How many seats are taken; are sure (their players have a token); are connected; belong to players who leave.
local function count_seats(g)
    local n = { reserved = 0, confirmed = 0, connected = 0, away = 0, leaving = 0 }
    for _, seat in ipairs(g.seats) do n[seat.status] = n[seat.status] + 1 end
    local sure = n.confirmed + n.connected + n.away
    return n.reserved + sure, sure, n.connected, n.leaving
end

local function count_leaving(g)
    local _, _, _, leaving = count_seats(g)
    return leaving
end

local function is_listed(g)
    local taken, _, _, leaving = count_seats(g)
    return g.state == 'creator_joined' and g.code == '' and g.seats[1].status ~= 'away' and taken < g.max and leaving < LEAVING_MAX
end

-- Whether quick_match may give a seat in it before its creator has joined.
local function is_early(g)
    local taken, _, _, leaving = count_seats(g)
    return g.quick ~= '' and (g.state == 'creating' or g.state == 'created') and taken < g.max and
        leaving < LEAVING_MAX
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

-- While a full game waits for its players to connect, or to come back before it has begun, the players' own deadline
-- holds and not the game's: else a game that fills up late would be taken from players who are on their way.
local function wait_for_players(g, due)
    for _, seat in ipairs(g.seats) do
        if seat.status == 'confirmed' then seat.due = due end
    end
end

local function is_waiting(g)
    local _, sure = count_seats(g)
    local full = g.state == 'creator_joined' and sure == g.max
    for _, seat in ipairs(g.seats) do
        if seat.due and (seat.status == 'confirmed' or (full and seat.status == 'away')) then return true end
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

-- Whether the game server and players have anything to do with the game as it is.
local function is_running(g)
    return ORDER[g.state] ~= nil
end

-- The game moves on to `state` at `time`; t: the timeouts.
local function enter(g, state, time, t)
    g.state, g.due = state, time + t[state]
    if state == 'creator_joined' then g.published = time end
    for i, seat in ipairs(g.seats) do
        local comes = seat.status == 'confirmed' and (i == 1 or ORDER[state] > ORDER.creator_joined)
        if comes or (seat.status == 'away' and state == 'all_players_joined') then
            seat.status, seat.due = 'connected', nil
        end
    end
    -- Players whom a match brought together all have their seats before the first one is there.
    local _, sure = count_seats(g)
    if state == 'creator_joined' and sure == g.max then wait_for_players(g, time + t.seat) end
end

-- A seat was given up in a game that is closed: it goes on without the player, or where it had not begun never will. Where one
-- player is left the game server has a moment to say who has won.
local function vacated_closed(g, time)
    local _, sure = count_seats(g)
    if ORDER[g.state] < ORDER.all_players_joined then
        remove(g, time, time)
    elseif g.state ~= 'ended' and sure < 2 then
        g.due = math.min(g.due, time + ALONE_MAX)
    end
end

-- A seat was given up; waited: is_waiting() before that. A game that had begun is listed again.
local function vacated(g, waited, time, t)
    if g.closed ~= '' then
        vacated_closed(g, time)
    elseif g.state == 'all_players_joined' or g.state == 'in_progress' then
        enter(g, 'creator_joined', time, t)
    elseif waited then
        wait_for_players(g, nil)
        g.due = time + t.creator_joined
    end
end

-- succeed(g): the creator is gone; the player who came first of those who are there takes the creator's place, and the
-- creator's seat goes to the end. Whether there is one. Before the creator has joined nobody is there.
local function succeed(g)
    if (g.migrates == '' and g.matched == '') or not ORDER[g.state] or g.state == 'created' or g.state == 'ended' then return false end
    for i, seat in ipairs(g.seats) do
        if i > 1 and seat.status == 'connected' then
            table.insert(g.seats, table.remove(g.seats, 1))
            table.insert(g.seats, 1, table.remove(g.seats, i - 1))
            local name = seat.name or ''
            g.creator_id, g.creator_name, g.has_heir = seat.user, name ~= '' and name or seat.user, true
            return true
        end
    end
    return false
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
        if g.code ~= '' then json = json .. ',"join_code":"' .. g.code .. '"' end
    end
    return json .. '}'
end

-- What the game adds to `counts`. seats_too_many: seats beyond its size; there are none, and who watches may see that.
local function tally(g)
    local t = { games = 0, players_in_lobby = 0, players_in_game = 0, seats_too_many = 0 }
    local name = not g.gone and COUNTED_AS[g.state]
    if name then
        local taken, sure = count_seats(g)
        t.games, t[name] = 1, sure
        t.seats_too_many = math.max(0, taken - g.max)
    end
    return t
end

-- Whether the game is neither over nor removed.
local function is_going(g)
    return not g.gone and g.state ~= 'removing' and g.state ~= 'ended'
end

-- Whom the game holds: user id -> `*` for its creator, else ``. A game that is over holds nobody.
local function held_by(g)
    local held = {}
    if not is_going(g) then return held end
    for _, seat in ipairs(g.seats) do
        if seat.status ~= 'leaving' then
            held[seat.user] = seat.user == g.creator_id and '*' or ''
        end
    end
    return held
end

-- games_of(holders, user): how many games hold the user, and how many of these the user created. The hash has, by user
-- id, the games' ids with blanks between them, and `*` behind those of the user's own.
local function games_of(holders, user)
    local held = redis.call('HGET', holders, user) or ''
    local _, all = string.gsub(held, '%S+', '')
    local _, created = string.gsub(held, '%*', '')
    return all, created
end

-- mark nil: the game holds the user no longer.
local function hold(holders, user, id, mark)
    local games = {}
    for game in string.gmatch(redis.call('HGET', holders, user) or '', '%S+') do
        if game ~= id and game ~= id .. '*' then games[#games + 1] = game end
    end
    if mark then games[#games + 1] = id .. mark end
    if #games > 0 then
        redis.call('HSET', holders, user, table.concat(games, ' '))
    else
        redis.call('HDEL', holders, user)
    end
end

local function write_holders(g, holders)
    for user in pairs(g.held_before) do
        if not g.held[user] then hold(holders, user, g.id, nil) end
    end
    for user, mark in pairs(g.held) do
        if g.held_before[user] ~= mark then hold(holders, user, g.id, mark) end
    end
end

-- The index of listed games by their settings: a sorted set whose scores are all 0, so that a setting's games are a range
-- by their names, in the order of the list: `map=ice`, NUL, publish time, id. Nobody's text has a NUL in it.

-- What is in front of the terms of games by quick_match that are not listed yet; alone it is a term too.
local UNLISTED = '+'

local function index_head(term) return term .. '\0' end

-- index_terms(settings): a term for each setting of a JSON object, the teams and attributes of a match apart.
local function index_terms(settings)
    local terms = {}
    -- Of most games the number of players is all there is.
    if not string.find(settings, ',', 1, true) then return terms end
    for name, value in pairs(cjson.decode(settings)) do
        if type(value) == 'number' then value = string.format('%.0f', value) end
        if type(value) ~= 'table' then terms[#terms + 1] = name .. '=' .. tostring(value) end
    end
    return terms
end

-- What the index has of the game, as a set.
local function indexed(g)
    local members, front, at = {}, '', g.published
    if g.gone or not (is_listed(g) or is_early(g)) then return members end
    if is_early(g) then front, at = UNLISTED, g.created_at end
    local tail = string.format('%016.0f', at) .. g.id
    if front ~= '' then members[index_head(front) .. tail] = true end
    for _, term in ipairs(index_terms(g.settings)) do members[index_head(front .. term) .. tail] = true end
    return members
end

local function write_index(g, index)
    for member in pairs(g.indexed_before) do
        if not g.indexed[member] then redis.call('ZREM', index, member) end
    end
    for member in pairs(g.indexed) do
        if not g.indexed_before[member] then redis.call('ZADD', index, 0, member) end
    end
end

-- The product's keys that follow from its games; every function that changes games has them in this order, from
-- keys[first] on (lobby_add_keys() in C).
local LOBBY_KEYS = { 'deadlines', 'lobby', 'public', 'counts', 'holders', 'index', 'codes' }

local function lobby_keys(keys, first)
    local k = {}
    for i, name in ipairs(LOBBY_KEYS) do
        k[name] = keys[first + i - 1] or error('a key is missing: ' .. name)
    end
    return k
end

local function load_game(key)
    local values = redis.call('HMGET', key, unpack(FIELDS))
    if not values[1] then return nil end
    local g = { key = key, id = game_id_of(key) }
    for i, name in ipairs(FIELDS) do
        g[name] = values[i] or (i > REQUIRED and '') or error('the game lacks its ' .. name .. ': ' .. key)
    end
    for _, name in ipairs(NUMBERS) do g[name] = whole(g[name]) end
    g.seats = cmsgpack.unpack(g.seats)
    g.was_listed, g.was, g.held_before = is_listed(g), tally(g), held_by(g)
    g.indexed_before, g.had_code = indexed(g), is_going(g) and g.code ~= ''
    return g
end

-- pack_game(g): all that write_game() will write; whatever can fail fails here.
local function pack_game(g)
    if not g.gone then
        g.packed_seats = cmsgpack.pack(g.seats)
        g.next_due = next_due(g)
        g.public = is_listed(g) and game_json(g) or nil
    end
    g.now, g.held, g.indexed = tally(g), held_by(g), indexed(g)
end

-- check_keys(k): whether write_game() can write to them.
local function check_keys(k)
    expect_type(k.deadlines, 'zset')
    expect_type(k.lobby, 'zset')
    expect_type(k.public, 'hash')
    expect_type(k.holders, 'hash')
    expect_type(k.index, 'zset')
    expect_type(k.codes, 'hash')
    local values = redis.call('HMGET', k.counts, 'games', 'players_in_lobby', 'players_in_game')
    for _, n in ipairs(values) do
        if n and not string.find(n, '^%-?%d+$') then error('not a count: ' .. n) end
    end
end

-- write_game(g, k): after pack_game(g) and check_keys(k) alone.
local function write_game(g, k)
    if g.gone then
        redis.call('DEL', g.key)
        redis.call('ZREM', k.deadlines, g.id)
    else
        redis.call('HSET', g.key, 'state', g.state, 'due', g.due, 'published', g.published,
            'until', g['until'], 'attempts', g.attempts, 'owed_since', g.owed_since,
            'seats', g.packed_seats)
        if g.has_heir then
            redis.call('HSET', g.key, 'creator_id', g.creator_id, 'creator_name', g.creator_name)
        end
        redis.call('ZADD', k.deadlines, g.next_due, g.id)
    end
    if g.public then
        redis.call('ZADD', k.lobby, g.published, g.id)
        redis.call('HSET', k.public, g.id, g.public)
    elseif g.was_listed then
        redis.call('ZREM', k.lobby, g.id)
        redis.call('HDEL', k.public, g.id)
    end
    for name, n in pairs(g.now) do
        if n ~= g.was[name] then redis.call('HINCRBY', k.counts, name, n - g.was[name]) end
    end
    write_holders(g, k.holders)
    write_index(g, k.index)
    if is_going(g) and g.code ~= '' and not g.had_code then
        redis.call('HSET', k.codes, g.code, g.id)
    elseif g.had_code and not is_going(g) then
        redis.call('HDEL', k.codes, g.code)
    end
end

-- save_game(g, keys): keys as the function was given them.
local function save_game(g, keys)
    local k = lobby_keys(keys, 2)
    pack_game(g)
    check_keys(k)
    write_game(g, k)
end
