-- Matches: tickets whose players get a game together.
--
--   match_take -> game server create_game, join_game -> match_done | match_failed
--
-- match_take takes all the tickets or none, and makes the game's intent with all its seats taken in the same
-- step. The match has a deadline until match_done or match_failed ends it: whoever dies in between,
-- it is failed at that deadline, and its tickets wait again as if nothing had been. A ticket that is
-- cancelled meanwhile is so at once, and then match_done does nothing; so nobody is in a game that
-- he does not want, and nobody in two.
--
-- Keys of every function: those of a game, then match and waits, then those of ticket_keys() with one
-- queue, then the tickets.

local WAITS_MAX = 100
-- So often may a game server refuse a ticket's player before the ticket is cancelled.
local REFUSALS_MAX = 3

local function match_keys(keys)
    local n = 1 + #LOBBY_KEYS
    local last = n + 2 + #TICKET_KEYS_ORDER + 1
    local k = ticket_keys({ unpack(keys, n + 3, last) }, 1)
    k.match, k.waits, k.tickets = keys[n + 1], keys[n + 2], { unpack(keys, last + 1) }
    expect_type(k.match, 'hash')
    expect_type(k.waits, 'list')
    if #k.tickets == 0 then error('a match has tickets') end
    return k, game_id_of(keys[1])
end

-- Those of the tickets that are in that state and match, and how many are not.
local function load_tickets(k, state, match)
    local tickets = {}
    for _, key in ipairs(k.tickets) do
        local t = load_ticket(key)
        if t and t.state == state and t.match == match then tickets[#tickets + 1] = t end
    end
    return tickets, #k.tickets - #tickets
end

local function match_text(k)
    local ids = {}
    for i, key in ipairs(k.tickets) do ids[i] = ticket_id_of(key) end
    return table.concat(ids, ' ')
end

-- A match whose tickets are not all given would leave some of them `starting` for ever.
local function check_match(k)
    local present = redis.call('HGET', k.match, 'tickets')
    if present and present ~= match_text(k) then error('the match has other tickets') end
end

local function end_match(k, id)
    redis.call('DEL', k.match)
    redis.call('ZREM', k.due, 'm:' .. id)
end

-- What keeps the tickets from being taken: a ticket that does not wait (any more), or whose player has got a game by another way or was
-- banned; the latter ends here. Answers the ids.
local function unusable_tickets(k, now, keep)
    local ids = {}
    for _, key in ipairs(k.tickets) do
        local t = load_ticket(key)
        local usable, reason = t and t.state == 'waiting' and k.queues[t.queue], nil
        for _, player in ipairs(usable and t.players or {}) do
            if held_game(k.holders, player.user) then reason = 'in_game' end
            if redis.call('SISMEMBER', k.banned, player.user) == 1 then reason = 'banned' end
        end
        if reason then end_ticket(t, k, 'cancelled', reason, now, keep) end
        if not usable or reason then ids[#ids + 1] = ticket_id_of(key) end
    end
    return ids
end

-- The named ones of the ticket's attributes, as a member of an object; `` for none.
local function match_attributes(t, names)
    local given, members = #names > 0 and cjson.decode(t.attributes) or {}, {}
    for _, name in ipairs(names) do
        if given[name] ~= nil then members[#members + 1] = cjson.encode(name) .. ':' .. cjson.encode(given[name]) end
    end
    return #members > 0 and '"attributes":{' .. table.concat(members, ',') .. '},' or ''
end

-- The settings that nobody chose, and what clients see of how the players were put together. team: of each ticket, counted from 0.
local function match_settings(tickets, team, region, members, names)
    local teams, n = {}, 0
    for i, t in ipairs(tickets) do
        local members = teams[team[i] + 1] or {}
        teams[team[i] + 1] = members
        for _, player in ipairs(t.players) do
            members[#members + 1] = cjson.encode(player.user)
            n = n + 1
        end
    end
    for i, members in ipairs(teams) do teams[i] = '[' .. table.concat(members, ',') .. ']' end
    return '{' .. match_attributes(tickets[1], names) .. '"num_players":' .. n .. members .. ',"queue":' .. cjson.encode(tickets[1].queue) ..
        (region ~= '' and ',"region":' .. cjson.encode(region) or '') ..
        ',"teams":[' .. table.concat(teams, ',') .. ']}'
end

-- match_take: now, due, keep, product, server, socket, region ('': none), rejoin, migrates and closed (as a game has them), members of the
-- game's settings, each with a comma in front; the team of each ticket, from 0; the names of
-- attributes that the game shows, those of the first ticket. Answers ok, the game's settings, then
-- user and name of each player, ticket after ticket, the creator first; or unusable and the ids of those that cannot be taken.
register('match_take', function(keys, args)
    local k, id = match_keys(keys)
    local now, due, keep = whole(args[1]), whole(args[2]), whole(args[3])
    local unusable = unusable_tickets(k, now, keep)
    if #unusable > 0 then return { 'unusable', unpack(unusable) } end
    local tickets = load_tickets(k, 'waiting', '')
    local seats, players, team = {}, {}, {}
    for i, t in ipairs(tickets) do
        team[i] = whole(args[11 + i])
        for _, player in ipairs(t.players) do
            seats[#seats + 1] = { user = player.user, name = player.name, status = 'reserved', since = now }
            players[#players + 1] = player.user
            players[#players + 1] = player.name
        end
    end
    local settings = match_settings(tickets, team, args[7], args[11], { unpack(args, 12 + #tickets) })
    new_game({
        key = keys[1], id = id, product = args[4], creator_id = players[1], creator_name = players[2],
        max = #seats, settings = settings, server = args[5], socket = args[6],
        due = due, seats = seats, rejoin = args[8], migrates = args[9], matched = '1', closed = args[10],
    }, keys, now)
    for _, t in ipairs(tickets) do
        t.state, t.match = 'starting', id
        save_ticket(t, k, nil)
    end
    redis.call('HSET', k.match, 'queue', tickets[1].queue, 'tickets', match_text(k))
    redis.call('ZADD', k.due, due, 'm:' .. id)
    return { 'ok', settings, unpack(players) }
end)

-- The ticket's players have their tokens in g.
local function end_matched(t, k, g, now, keep)
    t.state, t.match, t.waited = 'matched', g.id, math.max(now - t.since, 0)
    for _, player in ipairs(t.players) do
        redis.call('HSET', t.key, 'game:' .. player.user, game_json(g, find_seat(g, player.user).token))
    end
    save_ticket(t, k, now + keep)
    redis.call('LPUSH', k.waits, t.waited)
    redis.call('LTRIM', k.waits, 0, WAITS_MAX - 1)
end

-- Whether a player of the tickets, who have seats in one game for them, has got another one by another way meanwhile; such a ticket ends here.
local function end_engaged(tickets, k, now, keep)
    local ended = false
    for _, t in ipairs(tickets) do
        local engaged = false
        for _, player in ipairs(t.players) do engaged = engaged or games_of(k.holders, player.user) > 1 end
        if engaged then end_ticket(t, k, 'cancelled', 'in_game', now, keep) end
        ended = ended or engaged
    end
    return ended
end

-- match_done: now, timeout of state created, keep; the token of each seat. Answers ok and how long each ticket waited; or gone: a ticket
-- was cancelled (by this, where a player has another game), or the time is up, and the match has to be failed.
register('match_done', function(keys, args)
    local k, id = match_keys(keys)
    local now, timeout, keep = whole(args[1]), whole(args[2]), whole(args[3])
    check_match(k)
    local g = load_game(keys[1])
    local tickets, missing = load_tickets(k, 'starting', id)
    if not g or g.state ~= 'creating' or missing > 0 then return { 'gone' } end
    if #args - 3 ~= #g.seats then error('a token is missing') end
    if end_engaged(tickets, k, now, keep) then return { 'gone' } end
    g.state, g.due = 'created', now + timeout
    for i, seat in ipairs(g.seats) do
        seat.status, seat.token = 'confirmed', args[3 + i]
    end
    save_game(g, keys)
    local answer = { 'ok' }
    for i, t in ipairs(tickets) do
        end_matched(t, k, g, now, keep)
        answer[i + 1] = t.waited
    end
    end_match(k, id)
    return answer
end)

-- match_failed: now, until (as in create_failed), keep, the user whom the game server refused or '', the game server's URL or '':
-- not known. Answers ok and how many tickets wait again.
register('match_failed', function(keys, args)
    local k, id = match_keys(keys)
    local now, until_, keep, refused = whole(args[1]), whole(args[2]), whole(args[3]), args[4]
    check_match(k)
    disown(load_game(keys[1]), keys, now, until_, args[5])
    local tickets, again = load_tickets(k, 'starting', id), 0
    for _, t in ipairs(tickets) do
        if ticket_player(t, refused) then t.refused = t.refused + 1 end
        if t.refused >= REFUSALS_MAX then
            end_ticket(t, k, 'cancelled', 'game_server_refused', now, keep)
        else
            t.state, t.match, again = 'waiting', '', again + 1
            save_ticket(t, k, t.since + t.timeout)
        end
    end
    end_match(k, id)
    return { 'ok', again }
end, { 'allow-oom' })
