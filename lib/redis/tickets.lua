-- Tickets: players who want to be matched; match.lua has the matches that are made of them.
--
--   forming -> waiting -> starting -> matched, cancelled or expired -> (gone)
--
-- `forming` is a party whose opener is not ready; `starting` has a match whose game is being made. A
-- user has one ticket in these three states, in `users`. `due` (ms) has `t:<ticket>` by when it expires
-- or is forgotten, and `m:<match>` by when a match fails. Each change of state or players is told in
-- `log`: the matchmaker, and those who wait for an answer, read it.
--
-- Keys of every function for one ticket: the ticket, then those that ticket_keys() names, then
-- the product's queues, for which one the ticket is in is not known before.

local TICKET_LOG_MAX = 10000

-- What never changes, then what save_ticket() writes.
local TICKET_FIXED = { 'queue', 'opener', 'opened', 'code', 'max', 'attributes' }
local TICKET_MUTABLE = { 'state', 'since', 'timeout', 'players', 'match', 'refused', 'reason', 'waited' }
local TICKET_NUMBERS = { 'opened', 'max', 'since', 'timeout', 'refused', 'waited' }
local TICKET_FIELDS = {}
for i = 1, #TICKET_FIXED do TICKET_FIELDS[i] = TICKET_FIXED[i] end
for i = 1, #TICKET_MUTABLE do TICKET_FIELDS[#TICKET_FIXED + i] = TICKET_MUTABLE[i] end

local ACTIVE = { forming = true, waiting = true, starting = true }

local function ticket_id_of(key)
    return string.match(key, '}:ticket:(.+)$') or error('not the key of a ticket: ' .. key)
end

local function load_ticket(key)
    local values = redis.call('HMGET', key, unpack(TICKET_FIELDS))
    if not values[1] then return nil end
    local t = { key = key, id = ticket_id_of(key) }
    for i, name in ipairs(TICKET_FIELDS) do
        t[name] = values[i] or error('the ticket lacks its ' .. name .. ': ' .. key)
    end
    for _, name in ipairs(TICKET_NUMBERS) do t[name] = whole(t[name]) end
    t.players = cmsgpack.unpack(t.players)
    t.was = t.state
    return t
end

local function ticket_player(t, user)
    for i, player in ipairs(t.players) do
        if player.user == user then return player, i end
    end
end

local TICKET_KEYS = { users = 'hash', due = 'zset', log = 'stream', codes = 'hash', holders = 'hash', banned = 'set' }
local TICKET_KEYS_ORDER = { 'users', 'due', 'log', 'codes', 'holders', 'banned' }

-- The keys from keys[first] on; then those of queues, by queue's name.
local function ticket_keys(keys, first)
    local k = { queues = {} }
    for i, name in ipairs(TICKET_KEYS_ORDER) do
        k[name] = keys[first + i - 1] or error('a key is missing: ' .. name)
        expect_type(k[name], TICKET_KEYS[name])
    end
    for i = first + #TICKET_KEYS_ORDER, #keys do
        local queue = string.match(keys[i], '}:queue:(.+)$') or error('not the key of a queue: ' .. keys[i])
        expect_type(keys[i], 'zset')
        k.queues[queue] = keys[i]
    end
    return k
end

-- The key of the ticket's queue. That of one which the game's file does not have any more was not given: who leaves it
-- has to be out of it all the same, for it may be there again one day.
local function queue_of(t, k)
    local key = k.queues[t.queue]
    if not key then
        key = string.match(t.key, '^{.-}') .. ':queue:' .. t.queue
        expect_type(key, 'zset')
    end
    return key
end

-- save_ticket(t, k, due): due: when something is due for the ticket; nil while its match has the deadline.
local function save_ticket(t, k, due)
    local queue = queue_of(t, k)
    redis.call('HSET', t.key, 'state', t.state, 'since', t.since, 'timeout', t.timeout, 'players',
        cmsgpack.pack(t.players), 'match', t.match, 'refused', t.refused, 'reason', t.reason,
        'waited', t.waited)
    if t.state ~= 'waiting' then redis.call('HDEL', t.key, 'note') end
    if due then
        redis.call('ZADD', k.due, due, 't:' .. t.id)
    else
        redis.call('ZREM', k.due, 't:' .. t.id)
    end
    if t.state == 'waiting' then
        redis.call('ZADD', queue, t.since, t.id)
    elseif t.was == 'waiting' then
        redis.call('ZREM', queue, t.id)
    end
    if t.state ~= 'forming' and t.was == 'forming' then redis.call('HDEL', k.codes, t.code) end
    if not ACTIVE[t.state] then
        for _, player in ipairs(t.players) do redis.call('HDEL', k.users, player.user) end
    end
    redis.call('XADD', k.log, 'MAXLEN', '~', TICKET_LOG_MAX, '*', 'ticket', t.id, 'state', t.state)
end

-- now: when it ended; keep: for how long it can be read.
local function end_ticket(t, k, state, reason, now, keep)
    t.state, t.reason, t.match = state, reason, ''
    t.waited = math.max(now - t.since, 0)
    save_ticket(t, k, now + keep)
end

-- The one of a user's games that he has had longest, or nil.
local function held_game(holders, user)
    return string.match(redis.call('HGET', holders, user) or '', '^[^%s*]+')
end

-- What keeps a user from another ticket, as the functions answer it; nil: nothing.
local function engagement(k, user)
    if redis.call('SISMEMBER', k.banned, user) == 1 then return { 'banned' } end
    local ticket = redis.call('HGET', k.users, user)
    if ticket then return { 'ticket', ticket } end
    local game = held_game(k.holders, user)
    if game then return { 'game', game } end
end

local function new_player(user, name, rating, latencies)
    return { user = user, name = name, rating = rating, latencies = latencies }
end

-- ticket_open: now, due, queue, timeout, max, code, attributes; user, name, rating, latencies. code '': no party, it waits at
-- once. Answers ok; ticket or game and its id: what the user has; banned; code: another party has that code.
register('ticket_open', function(keys, args)
    local k, now, due, code, user = ticket_keys(keys, 2), whole(args[1]), whole(args[2]), args[6], args[8]
    local other = engagement(k, user)
    if other then return other end
    if code ~= '' and redis.call('HEXISTS', k.codes, code) == 1 then return { 'code' } end
    if not k.queues[args[3]] then error('no such queue: ' .. args[3]) end
    if redis.call('EXISTS', keys[1]) == 1 then error('the ticket exists') end
    local state = code == '' and 'waiting' or 'forming'
    local t = {
        key = keys[1], id = ticket_id_of(keys[1]), queue = args[3], opener = user, opened = now, code = code,
        max = whole(args[5]), attributes = args[7], state = state, was = state, since = now,
        timeout = whole(args[4]), players = { new_player(user, args[9], args[10], args[11]) }, match = '',
        refused = 0, reason = '', waited = 0,
    }
    local fixed = {}
    for _, name in ipairs(TICKET_FIXED) do
        fixed[#fixed + 1] = name
        fixed[#fixed + 1] = t[name]
    end
    redis.call('HSET', t.key, unpack(fixed))
    redis.call('HSET', k.users, user, t.id)
    if code ~= '' then redis.call('HSET', k.codes, code, t.id) end
    save_ticket(t, k, due)
    return { 'ok' }
end)

-- ticket_join: now, code; user, name, rating, latencies. Answers ok; not_found; full; ticket, game or banned as ticket_open.
register('ticket_join', function(keys, args)
    local k, now, code, user = ticket_keys(keys, 2), whole(args[1]), args[2], args[3]
    local t = load_ticket(keys[1])
    if not t or t.state ~= 'forming' or t.code ~= code then return { 'not_found' } end
    if ticket_player(t, user) then return { 'ok' } end
    local other = engagement(k, user)
    if other then return other end
    if #t.players >= t.max then return { 'full' } end
    t.players[#t.players + 1] = new_player(user, args[4], args[5], args[6])
    redis.call('HSET', k.users, user, t.id)
    save_ticket(t, k, redis.call('ZSCORE', k.due, 't:' .. t.id) or now)
    return { 'ok' }
end)

-- ticket_ready: now, user. Answers ok; not_found; not_opener; state and which: it is over.
register('ticket_ready', function(keys, args)
    local k, now, user = ticket_keys(keys, 2), whole(args[1]), args[2]
    local t = load_ticket(keys[1])
    if not t or not ticket_player(t, user) then return { 'not_found' } end
    if t.opener ~= user then return { 'not_opener' } end
    if not ACTIVE[t.state] then return { 'state', t.state } end
    if t.state == 'forming' then
        t.state, t.since = 'waiting', now
        save_ticket(t, k, now + t.timeout)
    end
    return { 'ok' }
end)

-- A player leaves a party that is being formed; the others stay.
local function leave_ticket(t, k, user, now)
    local _, i = ticket_player(t, user)
    table.remove(t.players, i)
    redis.call('HDEL', k.users, user)
    save_ticket(t, k, redis.call('ZSCORE', k.due, 't:' .. t.id) or now)
end

-- ticket_cancel: now, keep, user. Answers ok; left; not_found; matched and the game's id. A match that has the ticket will not
-- be: match_done finds that it has not got all of its tickets.
register('ticket_cancel', function(keys, args)
    local k, now, keep, user = ticket_keys(keys, 2), whole(args[1]), whole(args[2]), args[3]
    local t = load_ticket(keys[1])
    if not t or not ticket_player(t, user) then return { 'not_found' } end
    if t.state == 'matched' then return { 'matched', t.match } end
    if t.state == 'forming' and t.opener ~= user then
        leave_ticket(t, k, user, now)
        return { 'left' }
    end
    if ACTIVE[t.state] then
        end_ticket(t, k, 'cancelled', t.opener == user and 'cancelled' or 'player_left', now, keep)
    end
    return { 'ok' }
end, { 'allow-oom' })

-- ticket_revoke (audit, the ticket, …): who, what, about; now, keep. By hand. Answers ok; nil: it is not active.
register('ticket_revoke', function(keys, args)
    local k, now, keep = ticket_keys(keys, 3), whole(args[4]), whole(args[5])
    local t = load_ticket(keys[2])
    expect_type(keys[1], 'stream')
    if not t or not ACTIVE[t.state] then return false end
    audit(keys[1], args)
    end_ticket(t, k, 'cancelled', 'by_hand', now, keep)
    return 'ok'
end, { 'allow-oom' })

-- ticket_expire: now, keep. What is due: an active ticket expires, another one is forgotten. Answers expired, dropped or none.
register('ticket_expire', function(keys, args)
    local k, now, keep, id = ticket_keys(keys, 2), whole(args[1]), whole(args[2]), ticket_id_of(keys[1])
    local due = redis.call('ZSCORE', k.due, 't:' .. id)
    if not due or tonumber(due) > now then return { 'none' } end
    local readable, t = pcall(load_ticket, keys[1])
    if readable and t and ACTIVE[t.state] then
        end_ticket(t, k, 'expired', 'timeout', now, keep)
        return { 'expired' }
    end
    redis.call('DEL', keys[1])
    redis.call('ZREM', k.due, 't:' .. id)
    for _, queue in pairs(k.queues) do redis.call('ZREM', queue, id) end
    return { 'dropped' }
end, { 'allow-oom' })

-- The value below which p hundredths of the sorted list lie.
local function percentile(list, p)
    return list[math.max(1, math.ceil(#list * p / 100))] or 0
end

-- How many wait, since when the first of them does (0: nobody); how long those of the last matches waited: of how many it is known,
-- p50, p90.
local function queue_figures(queue, waits)
    local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    local list = redis.call('LRANGE', waits, 0, -1)
    for i, ms in ipairs(list) do list[i] = whole(ms) end
    table.sort(list)
    return redis.call('ZCARD', queue), tonumber(first[2] or 0), #list, percentile(list, 50), percentile(list, 90)
end

-- queue_get (queue, waits): answers as queue_figures.
register('queue_get', function(keys)
    return { queue_figures(keys[1], keys[2]) }
end, { 'no-writes' })

-- ticket_get (ticket, then each queue of the product and its waits): user. Answers not_found; or ok and
-- state, queue, opener, code, opened, since, timeout, waited, reason, match, rating, the user's game, note; place, then
-- queue_figures; then the users.
register('ticket_get', function(keys, args)
    local t = load_ticket(keys[1])
    local player = t and ticket_player(t, args[1])
    if not player then return { 'not_found' } end
    local place, figures = 0, { 0, 0, 0, 0, 0 }
    for i = 2, #keys, 2 do
        if string.match(keys[i], '}:queue:(.+)$') == t.queue then
            figures = { queue_figures(keys[i], keys[i + 1]) }
            place = (redis.call('ZRANK', keys[i], t.id) or -1) + 1
        end
    end
    local more = redis.call('HMGET', t.key, 'game:' .. player.user, 'note')
    local answer = {
        'ok', t.state, t.queue, t.opener, t.state == 'forming' and t.code or '', t.opened, t.since, t.timeout,
        t.waited, t.reason, t.match, player.rating, more[1] or '', more[2] or '', place, unpack(figures),
    }
    for _, each in ipairs(t.players) do answer[#answer + 1] = each.user end
    return answer
end, { 'no-writes' })

-- tickets_read (tickets): of each nil, where there is none that can be read, or state, queue, since, opener, attributes, and of each player
-- rating and latencies.
register('tickets_read', function(keys)
    local answer = {}
    for i, key in ipairs(keys) do
        local readable, t = pcall(load_ticket, key)
        answer[i] = false
        if readable and t then
            local row = { t.state, t.queue, t.since, t.opener, t.attributes }
            for _, player in ipairs(t.players) do
                row[#row + 1] = player.rating
                row[#row + 1] = player.latencies
            end
            answer[i] = row
        end
    end
    return answer
end, { 'no-writes' })

-- tickets_note (tickets): for each what its players are told of why it waits, where it still does.
register('tickets_note', function(keys, args)
    for i, key in ipairs(keys) do
        if redis.call('HGET', key, 'state') == 'waiting' then redis.call('HSET', key, 'note', args[i]) end
    end
    return redis.status_reply('OK')
end)
