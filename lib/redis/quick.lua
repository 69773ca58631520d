-- quick_match: the best open game for a player, or a new one, decided in one step: of those who ask at the same moment, no two make
-- games where one of them could have joined the other's.

-- Open games that are looked at, at most.
local CANDIDATES_MAX = 50

-- The key of another game of the product, which is not known before: of the same form, so in the same slot.
local function sibling(key, id)
    return string.sub(key, 1, -1 - #game_id_of(key)) .. id
end

-- Whether the user cannot have a seat in it.
local function refuses(g, user)
    if g and (g.state == 'creating' or g.state == 'created') then
        return not is_early(g) or find_seat(g, user)
    end
    return seat_refusal(g, user, '')
end

-- How far the game's creator is from the rating; without one all are the same.
local function distance(g, board, rating)
    local other = rating and redis.call('ZSCORE', board, g.creator_id)
    return other and math.abs(tonumber(other) - rating) or math.huge
end

-- The best of some games in the order in which they are preferred: the nearest, and of those the first.
local function best_game(key, ids, user, board, rating)
    local best, least = nil, nil
    for _, id in ipairs(ids) do
        local g = load_game(sibling(key, id))
        if not refuses(g, user) then
            local far = distance(g, board, rating)
            if not best or far < least then best, least = g, far end
            if not rating then break end
        end
    end
    return best
end

local function lines(text)
    local list = {}
    for line in string.gmatch(text, '[^\n]+') do list[#list + 1] = line end
    return list
end

-- The terms by which games are found that are not listed yet.
local function unlisted(terms)
    local list = {}
    for i, term in ipairs(terms) do list[i] = UNLISTED .. term end
    if #list == 0 then list[1] = UNLISTED end
    return list
end

-- quick_match (a game's, banned, then generation and a board, or none): as create_intent, the pairs terms: lines, all of which have to
-- fit; listed 1: only games that their creators have joined; generation: that of the board. Answers {`join`, id, state, server}: a seat is reserved; {`create`}: the intent is
-- made; {`limit`}, {`banned`}.
register('quick_match', function(keys, args)
    local now, due, user, max = whole(args[1]), whole(args[2]), args[5], whole(args[7])
    local k, generation, board = lobby_keys(keys, 2), keys[3 + #LOBBY_KEYS], keys[4 + #LOBBY_KEYS]
    local options = read_options(args, 11, {
        games_max = 0, seats_max = 0, terms = '', listed = 0, rejoin = '', migrates = '', generation = '',
    })
    if game_id_of(keys[1]) ~= args[3] then error('the key is of another game') end
    local other = board and moved(generation, options.generation)
    if other then return other end
    if is_banned(keys, user) then return { 'banned' } end
    if is_over_limit(k.holders, user, options, false) then return { 'limit' } end
    local rating = board and tonumber(redis.call('ZSCORE', board, user) or nil)
    local terms = lines(options.terms)
    local g = best_game(keys[1], find_listed(k.lobby, k.index, terms, false, 0, CANDIDATES_MAX), user, board, rating)
    if not g and options.listed == 0 then
        local ids = find_listed(k.lobby, k.index, unlisted(terms), false, 0, CANDIDATES_MAX)
        g = best_game(keys[1], ids, user, board, rating)
    end
    if g then
        -- Whoever gets a seat of a game that is being made has to wait for that first.
        local wait = g.state == 'creating' and due - now or 0
        g.seats[#g.seats + 1] = { user = user, name = args[6], status = 'reserved', since = now, due = due + wait }
        save_game(g, keys)
        return { 'join', g.id, g.state, g.server }
    end
    if is_over_limit(k.holders, user, options, true) then return { 'limit' } end
    new_game({
        key = keys[1], id = args[3], product = args[4], creator_id = user, creator_name = args[6],
        max = max, settings = args[8], server = args[9], socket = args[10], due = due, quick = '1',
        rejoin = options.rejoin, migrates = options.migrates,
        seats = { { user = user, status = 'reserved', since = now } },
    }, keys, now)
    return { 'create' }
end)
