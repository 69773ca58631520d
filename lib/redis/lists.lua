-- What players see of games: one of them, one's own, and the list.

-- games_view (games): user_id, `own` or `any`. Answers the games' objects: whole ones of those in which the user has a
-- token; of the others, where any will do, the public ones, but of private games none.
register('games_view', function(keys, args)
    local user, objects = args[1], {}
    for _, key in ipairs(keys) do
        local g = load_game(key)
        local known = is_known(g, user)
        local seat = known and find_seat(g, user)
        if is_sure(seat) then
            objects[#objects + 1] = game_json(g, seat.token)
        elseif known and args[2] == 'any' then
            objects[#objects + 1] = game_json(g)
        end
    end
    return objects
end, { 'no-writes' })

-- Games that are looked at for one page, at most, where several settings have to fit.
local SCAN_MAX, SCAN_CHUNK = 2000, 200

local function lex_range(index, head, newest, first, count)
    local low, high = '[' .. head, '(' .. string.sub(head, 1, -2) .. '\1'
    if newest then
        return redis.call('ZRANGE', index, high, low, 'BYLEX', 'REV', 'LIMIT', first, count)
    end
    return redis.call('ZRANGE', index, low, high, 'BYLEX', 'LIMIT', first, count)
end

-- The head of the rarest of some terms, and those of the others.
local function rarest(index, terms)
    local best, least, others = nil, math.huge, {}
    for _, term in ipairs(terms) do
        local head = index_head(term)
        local n = redis.call('ZLEXCOUNT', index, '[' .. head, '(' .. term .. '\1')
        if n < least then
            if best then others[#others + 1] = best end
            best, least = head, n
        else
            others[#others + 1] = head
        end
    end
    return best, others
end

-- Whether the game of that tail has all the others too.
local function has_all(index, others, tail)
    local members = {}
    for i, head in ipairs(others) do members[i] = head .. tail end
    for _, score in ipairs(redis.call('ZMSCORE', index, unpack(members))) do
        if not score then return false end
    end
    return true
end

-- find_listed(lobby, index, terms, newest, first, count): ids of listed games that have all terms. One term or none is a
-- range; of several, the games of the rarest are looked at one by one, and no more than SCAN_MAX of them.
local function find_listed(lobby, index, terms, newest, first, count)
    if #terms == 0 then
        if newest then return redis.call('ZREVRANGE', lobby, first, first + count - 1) end
        return redis.call('ZRANGE', lobby, first, first + count - 1)
    end
    local head, others = rarest(index, terms)
    local ids, skipped = {}, 0
    if #others == 0 then
        for i, member in ipairs(lex_range(index, head, newest, first, count)) do
            ids[i] = string.sub(member, #head + 17)
        end
        return ids
    end
    for start = 0, SCAN_MAX - 1, SCAN_CHUNK do
        local members = lex_range(index, head, newest, start, SCAN_CHUNK)
        for _, member in ipairs(members) do
            if has_all(index, others, string.sub(member, #head + 1)) then
                if skipped >= first then
                    ids[#ids + 1] = string.sub(member, #head + 17)
                    if #ids == count then return ids end
                end
                skipped = skipped + 1
            end
        end
        if #members < SCAN_CHUNK then break end
    end
    return ids
end

-- open_games (lobby, public, index): first, count, `oldest` or `newest`, terms that all have to fit.
register('open_games', function(keys, args)
    local first, count, newest, terms = whole(args[1]), whole(args[2]), args[3] == 'newest', {}
    for i = 4, #args do terms[i - 3] = args[i] end
    local ids = count > 0 and find_listed(keys[1], keys[3], terms, newest, first, count) or {}
    if #ids == 0 then return '[]' end
    return '[' .. table.concat(redis.call('HMGET', keys[2], unpack(ids)), ',') .. ']'
end, { 'no-writes' })
