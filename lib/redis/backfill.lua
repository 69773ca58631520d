-- Backfill: a ticket whose players get seats in a game that is listed.
--
--   backfill_take -> game server join_game for each player -> backfill_done | backfill_failed
--
-- It is as a match of one ticket (match.lua), with a number of its own in place of a new game's. Its seats carry that
-- number until it is done: what else becomes of one of them meanwhile is left as it is.
--
-- Keys of every function but backfill_list: those of a match's functions; the game is the listed one, match that of the
-- number.

-- One list has no more games, nor goes on behind so many seats: Redis does nothing else meanwhile.
local GAMES_A_LIST, SEATS_A_LIST = 20, 150

local function backfill_keys(keys)
    local k = match_keys(keys)
    if #k.tickets ~= 1 then error('a backfill has one ticket') end
    local game = redis.call('HGET', k.match, 'game')
    if game and game ~= game_id_of(keys[1]) then error('the match has another game') end
    return k, string.match(k.match, '}:match:(.+)$') or error('not the key of a match: ' .. k.match)
end

-- Whether every player can have a seat. Whoever waits holds no seat in any game, so no limit is reached by one.
local function has_room_for(g, players)
    if not g or not is_listed(g) then return false end
    local taken, _, _, leaving = count_seats(g)
    if taken + #players > g.max or leaving + #players > LEAVING_MAX then return false end
    for _, player in ipairs(players) do
        if seat_refusal(g, player.user, '') then return false end
    end
    return true
end

-- backfill_take: now, due, keep. Answers ok, the game's server, then user and name of each player; unusable and the ticket's id,
-- as match_take; refused: the game has no seats for them (any more).
register('backfill_take', function(keys, args)
    local k, id = backfill_keys(keys)
    local now, due, keep = whole(args[1]), whole(args[2]), whole(args[3])
    if redis.call('EXISTS', k.match) == 1 then error('the match exists') end
    local unusable = unusable_tickets(k, now, keep)
    if #unusable > 0 then return { 'unusable', unpack(unusable) } end
    local t, g = load_ticket(k.tickets[1]), load_game(keys[1])
    if not has_room_for(g, t.players) then return { 'refused' } end
    local answer = { 'ok', g.server }
    for _, player in ipairs(t.players) do
        g.seats[#g.seats + 1] = {
            user = player.user, name = player.name, status = 'reserved', since = now, due = due, match = id,
        }
        answer[#answer + 1] = player.user
        answer[#answer + 1] = player.name
    end
    save_game(g, keys)
    t.state, t.match = 'starting', id
    save_ticket(t, k, nil)
    redis.call('HSET', k.match, 'queue', t.queue, 'tickets', t.id, 'game', g.id)
    redis.call('ZADD', k.due, due, 'm:' .. id)
    return answer
end)

-- The seats of the ticket's players, as many as they are; nil where one of them is not what it was.
local function seats_of_backfill(g, t, id)
    if not g or not t or not ORDER[g.state] or g.state == 'ended' then return nil end
    local seats = {}
    for i, player in ipairs(t.players) do
        local seat = find_seat(g, player.user)
        if not seat or seat.status ~= 'reserved' or seat.match ~= id then return nil end
        seats[i] = seat
    end
    return seats
end

-- backfill_done: now, seat timeout, keep; the token of each player. Answers as match_done.
register('backfill_done', function(keys, args)
    local k, id = backfill_keys(keys)
    local now, timeout, keep = whole(args[1]), whole(args[2]), whole(args[3])
    check_match(k)
    local g, t = load_game(keys[1]), load_tickets(k, 'starting', id)[1]
    local seats = seats_of_backfill(g, t, id)
    if not seats then return { 'gone' } end
    if #args - 3 ~= #seats then error('a token is missing') end
    if end_engaged({ t }, k, now, keep) then return { 'gone' } end
    for i, seat in ipairs(seats) do
        confirm_seat(g, seat, args[3 + i], now + timeout)
        seat.match = nil
    end
    save_game(g, keys)
    end_matched(t, k, g, now, keep)
    end_match(k, id)
    return { 'ok', t.waited }
end)

-- A seat of the backfill, or who has none (any more), is given up; until as in create_failed. What somebody else asks the game
-- server for is left as it is. Who leaves already may just be told of to the game server, and has no seat before that is over.
local function give_up_seat(g, user, id, now, until_)
    local seat, i = find_seat(g, user)
    if seat and seat.match == id then
        if until_ > 0 or seat.status == 'leaving' then
            leave(g, user, now, math.max(until_, now))
        else
            table.remove(g.seats, i)
        end
    elseif until_ > 0 and (not seat or seat.status == 'leaving') then
        leave(g, user, now, math.max(until_, seat and seat['until'] or 0))
    end
end

local function users_of_backfill(g, id)
    local users = {}
    for _, seat in ipairs(g.seats) do
        if seat.match == id then users[#users + 1] = seat.user end
    end
    return users
end

-- backfill_failed: now, until (as in create_failed); the users for whom the game server was asked, or none: all that have seats.
-- Again for a user of whom its answer was late. Answers ok and how many tickets wait again.
register('backfill_failed', function(keys, args)
    local k, id = backfill_keys(keys)
    local now, until_ = whole(args[1]), whole(args[2])
    check_match(k)
    local g, t = load_game(keys[1]), load_tickets(k, 'starting', id)[1]
    if g and is_running(g) then
        for _, user in ipairs(args[3] and { unpack(args, 3) } or users_of_backfill(g, id)) do
            give_up_seat(g, user, id, now, until_)
        end
        save_game(g, keys)
    end
    if t then
        t.state, t.match = 'waiting', ''
        save_ticket(t, k, t.since + t.timeout)
    end
    end_match(k, id)
    return { 'ok', t and 1 or 0 }
end, { 'allow-oom' })

-- The game where it is listed: what is_listed() needs. load_game() does much more, for those who will save it.
local function peek_listed(key)
    local v = redis.call('HMGET', key, 'state', 'code', 'max', 'settings', 'seats')
    local g = { state = v[1], code = v[2] or '', max = whole(v[3]), settings = v[4], seats = cmsgpack.unpack(v[5]) }
    return is_listed(g) and g or nil
end

-- A listed game's row, and how many seats were looked at for it.
local function backfill_row(id, g, players, field)
    local taken, _, _, leaving = count_seats(g)
    local row = { id, math.min(g.max - taken, LEAVING_MAX - leaving), g.settings }
    for _, seat in ipairs(field ~= '' and g.seats or {}) do
        if seat.status ~= 'leaving' then row[#row + 1] = redis.call('HGET', players .. seat.user, field) or '' end
    end
    return row, #g.seats
end

-- backfill_list (lobby, generation, the head of games' keys): the place of the first, counted from 0; the field of a player's
-- rating or ''. Some of the listed games, the first one first: the place at which to go on, 0 at the end; then of each its
-- id, free seats, settings, and its players' ratings, `` for none.
register('backfill_list', function(keys, args)
    local generation, first, field = redis.call('GET', keys[2]) or '0', whole(args[1]), args[2]
    local players = string.match(keys[1], '^{.-}') .. ':' .. generation .. ':player:'
    local answer, seats, n = { 0 }, 0, 0
    local ids = redis.call('ZRANGE', keys[1], first, first + GAMES_A_LIST - 1)
    for i, id in ipairs(ids) do
        local readable, g = pcall(peek_listed, keys[3] .. id)
        if readable and g then
            answer[#answer + 1], n = backfill_row(id, g, players, field)
            seats = seats + n
        end
        if seats >= SEATS_A_LIST or i == GAMES_A_LIST then
            answer[1] = first + i
            break
        end
    end
    return answer
end, { 'no-writes' })
