-- What is done to games on behalf of players, and by the curator when their time is up. games.lua has what a game is.

-- new_game(g, keys, now, until): a game that the game server has yet to make, and its first write. g has what never changes
-- but created_at, its key and id, its state's deadline and its seats. until: nil, or it is to be removed at once.
local function new_game(g, keys, now, until_)
    if g.max < 1 or g.max > PLAYERS_MAX then error('max out of range') end
    if not string.find(g.settings, '^{') or not pcall(cjson.decode, g.settings) then
        error('settings are no object')
    end
    if redis.call('EXISTS', g.key) == 1 then error('the game exists') end
    for _, name in ipairs(OPTIONAL) do g[name] = g[name] or '' end
    g.created_at, g.state, g.published, g['until'], g.attempts, g.owed_since = now, 'creating', 0, 0, 0, 0
    if until_ then remove(g, now, until_) end
    local fixed = {}
    for _, name in ipairs(FIXED) do
        fixed[#fixed + 1] = name
        fixed[#fixed + 1] = g[name] or error('argument missing: ' .. name)
    end
    for _, name in ipairs(OPTIONAL) do
        if g[name] ~= '' then
            fixed[#fixed + 1] = name
            fixed[#fixed + 1] = g[name]
        end
    end
    g.was = { games = 0, players_in_lobby = 0, players_in_game = 0, seats_too_many = 0 }
    g.held_before, g.indexed_before, g.had_code = {}, {}, false
    local k = lobby_keys(keys, 2)
    pack_game(g)
    check_keys(k)
    redis.call('HSET', g.key, unpack(fixed))
    write_game(g, k)
end

-- adopt(keys, now, until, server): of a game that its game server has, or may have as late as until, nothing is known any
-- more; from now on it is one to be removed. server: nil or '' where it is not known who could be told.
local function adopt(keys, now, until_, server)
    if not server or server == '' then return end
    new_game({
        key = keys[1], id = game_id_of(keys[1]), product = product_of(keys[1]), creator_id = '', creator_name = '',
        max = 1, settings = '{}', server = server, socket = '', due = now, seats = {},
    }, keys, now, until_)
end

-- disown(g, keys, now, until, server): whoever asked for the game does not want it (any more); as create_failed has it.
local function disown(g, keys, now, until_, server)
    if not g and until_ > 0 then
        adopt(keys, now, until_, server)
    elseif g and (g.state == 'creating' or g.state == 'removing') then
        if until_ == 0 then g.gone = true else remove(g, now, until_) end
        save_game(g, keys)
    end
end

-- Pairs of name and value from args[first] on, of the names in known, whose values, numbers or texts, stand for those
-- that are left out.
local function read_options(args, first, known)
    local options = {}
    for name, fallback in pairs(known) do options[name] = fallback end
    for i = first, #args, 2 do
        local name, value = args[i], args[i + 1]
        if not known[name] or not value then error('unknown option, or one without a value') end
        options[name] = type(known[name]) == 'number' and whole(value) or value
    end
    return options
end

-- Whether one more seat is more than the user may have; created: as creator. 0 is no limit.
local function is_over_limit(holders, user, options, created)
    local all, own = games_of(holders, user)
    return (options.seats_max > 0 and all >= options.seats_max) or
        (created and options.games_max > 0 and own >= options.games_max)
end

-- Whether the user cannot play; the key behind the lobby's is the set of those, where the caller has one.
local function is_banned(keys, user)
    local banned = keys[2 + #LOBBY_KEYS]
    return banned and redis.call('SISMEMBER', banned, user) == 1
end

-- The first of some codes, with blanks between them, that no game has; `` for none.
local function free_code(k, codes)
    for code in string.gmatch(codes, '%S+') do
        if redis.call('HEXISTS', k.codes, code) == 0 then return code end
    end
    return ''
end

-- create_intent: now, due, game_id, product, creator_id, creator_name, max, settings, server, socket, then pairs:
-- games_max, seats_max: how many games may be the creator's, and hold them, this one too; codes: the game is private,
-- and has one of these; rejoin, migrates: see OPTIONAL.
register('create_intent', function(keys, args)
    local now, due, max = whole(args[1]), whole(args[2]), whole(args[7])
    local id, k = game_id_of(keys[1]), lobby_keys(keys, 2)
    local options = read_options(args, 11, { games_max = 0, seats_max = 0, codes = '', rejoin = '', migrates = '' })
    local code = free_code(k, options.codes)
    if id ~= args[3] then error('the key is of another game') end
    if is_banned(keys, args[5]) then return { 'banned' } end
    if is_over_limit(k.holders, args[5], options, true) then return { 'limit' } end
    if code == '' and options.codes ~= '' then return { 'taken' } end
    new_game({
        key = keys[1], id = id, product = args[4], creator_id = args[5], creator_name = args[6],
        max = max, settings = args[8], server = args[9], socket = args[10], due = due, code = code,
        rejoin = options.rejoin, migrates = options.migrates,
        seats = { { user = args[5], status = 'reserved', since = now } },
    }, keys, now)
    return { 'ok' }
end)

-- create_done: now, token, timeout of state created, the game server's URL. Answers gone where its time is up: then the game
-- server is told to remove it.
register('create_done', function(keys, args)
    local now, token, timeout = whole(args[1]), args[2], whole(args[3])
    local g = load_game(keys[1])
    if not g or g.state ~= 'creating' then
        disown(g, keys, now, now, args[4])
        return { 'gone' }
    end
    g.state, g.due = 'created', now + timeout
    g.seats[1].status, g.seats[1].token = 'confirmed', token
    save_game(g, keys)
    return { 'ok', game_json(g, token) }
end)

-- create_failed: now, until, the game server's URL. until 0: the game server did not make it, nothing is left of it. Else it
-- has made it or may do so as late as until, and is told to remove it, where nothing is known of it too.
register('create_failed', function(keys, args)
    disown(load_game(keys[1]), keys, whole(args[1]), whole(args[2]), args[3])
    return { 'ok' }
end, { 'allow-oom' })

-- Nobody but those who are in a game sees whether it is being removed, and whether there is a private one.
local function is_known(g, user)
    return g and is_running(g) and (g.code == '' or find_seat(g, user) ~= nil)
end

-- Why user cannot have a seat in g, as the function answers it; nil where there is one to have. code: what the user says a
-- private game's is, or ''.
local function seat_refusal(g, user, code)
    if not is_known(g, user) and not (g and is_running(g) and code == g.code) then return { 'not_found' } end
    local taken, sure, _, leaving = count_seats(g)
    local mine = find_seat(g, user)
    if mine and mine.status ~= 'leaving' then return { 'state', g.state, 'already in it' } end
    if g.seats[1].status == 'away' then return { 'taken' } end
    if g.state ~= 'creator_joined' then return { 'state', g.state, '' } end
    if sure >= g.max then return { 'state', g.state, 'the game is full' } end
    if mine or taken >= g.max or leaving >= LEAVING_MAX then return { 'taken' } end
end

-- seat_reserve: now, due, user_id, then pairs: seats_max as in create_intent, name, code: that of a private game.
register('seat_reserve', function(keys, args)
    local now, due, user = whole(args[1]), whole(args[2]), args[3]
    local g = load_game(keys[1])
    local options = read_options(args, 4, { seats_max = 0, name = '', code = '' })
    if is_banned(keys, user) then return { 'banned' } end
    local refusal = seat_refusal(g, user, options.code)
    if refusal then return refusal end
    if is_over_limit(lobby_keys(keys, 2).holders, user, options, false) then return { 'limit' } end
    g.seats[#g.seats + 1] = { user = user, name = options.name, status = 'reserved', since = now, due = due }
    save_game(g, keys)
    return { 'ok', g.server }
end)

-- The player has a token; due: by when those of a game that is full now have to connect.
local function confirm_seat(g, seat, token, due)
    seat.status, seat.token, seat.due = 'confirmed', token, nil
    local _, sure = count_seats(g)
    if g.state == 'creator_joined' and sure == g.max then wait_for_players(g, due) end
end

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
        confirm_seat(g, seat, token, now + timeout)
        save_game(g, keys)
    end
    return { 'ok', game_json(g, token) }
end)

-- seat_release: now, until, user_id. until as in create_failed; but whom the game server was told to remove has no seat before
-- that is over, for he would be thrown out of it.
register('seat_release', function(keys, args)
    local now, until_, user = whole(args[1]), whole(args[2]), args[3]
    local g = load_game(keys[1])
    if not g or g.state == 'creating' or g.state == 'removing' then return { 'ok' } end
    local seat, i = find_seat(g, user)
    if is_sure(seat) then return { 'ok' } end
    if until_ > 0 or (seat and seat.told) then
        leave(g, user, now, math.max(until_, now))
    elseif seat then
        table.remove(g.seats, i)
    end
    save_game(g, keys)
    return { 'ok' }
end, { 'allow-oom' })

-- seat_leave: now, late limit of the game server, timeout of state creator_joined, user_id. The creator's game is removed, and a
-- closed one that has not begun.
-- Where the game server is being asked for the seat, it may yet give it.
register('seat_leave', function(keys, args)
    local now, late, relist, user = whole(args[1]), whole(args[2]), whole(args[3]), args[4]
    local g = load_game(keys[1])
    if not is_known(g, user) then return { 'not_found' } end
    local seat, i = find_seat(g, user)
    if not seat or seat.status == 'leaving' then return { 'not_in_game' } end
    local answer = 'left'
    if i == 1 and not succeed(g) then
        remove(g, now, now)
        answer = 'removed'
    else
        local waited, sure = is_waiting(g), is_sure(seat)
        leave(g, user, now, sure and now or now + late)
        if sure then vacated(g, waited, now, { creator_joined = relist }) end
        if g.state == 'removing' then answer = 'removed' end
    end
    save_game(g, keys)
    return { 'ok', answer }
end, { 'allow-oom' })

-- game_remove: now, user_id, who has to be its creator. What a match made is nobody's to take from the others.
register('game_remove', function(keys, args)
    local now, user = whole(args[1]), args[2]
    local g = load_game(keys[1])
    if not is_known(g, user) then return { 'not_found' } end
    if g.creator_id ~= user or g.matched ~= '' then return { 'not_creator' } end
    remove(g, now, now)
    save_game(g, keys)
    return { 'ok', 'removed' }
end, { 'allow-oom' })

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

-- A player who was disconnected has not come back. Whether the game goes on.
local function expire_away(g, now, relist)
    for _, seat in ipairs({ unpack(g.seats) }) do
        if seat.status == 'away' and seat.due <= now then
            if seat == g.seats[1] and not succeed(g) then return false end
            local waited = is_waiting(g)
            leave(g, seat.user, now, now)
            vacated(g, waited, now, { creator_joined = relist })
            if g.state == 'removing' then return false end
        end
    end
    return true
end

-- Whether one of those for whom a closed game waits has not come in time.
local function is_missed(g, now)
    for _, seat in ipairs(g.seats) do
        if g.closed ~= '' and seat.status == 'confirmed' and seat.due and seat.due <= now then return true end
    end
    return false
end

-- Seats' deadlines passed. Answers as expire.
local function expire_seats(g, now, late, relist)
    local before = count_leaving(g)
    if is_missed(g, now) or not expire_away(g, now, relist) then
        remove(g, now, now)
        attempt(g, now)
        return { 'game', g.server, 1, 0 }
    end
    local answer, kept, missing = { 'players', g.server, count_leaving(g) - before, 0 }, {}, false
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
