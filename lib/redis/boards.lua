-- Reading boards: everything one answer tells, in one step, so that it fits together; each in
-- O(log n) and the entries it answers.
--
-- Keys of all: generation, board, names, scores, members; the last two are those beside a board with dense ties and
-- with `first`. Arguments of all: the generation that the keys are of, order (`asc` or `desc`) and ties
-- (`competition`, `dense` or `first`), then their own.
-- An entry is four values: rank, user id, score, name or nil.

local PLACE = 16 -- digits before the colon in a member of a board with ties `first`

-- `board:season`, of a season's key.
local function season_of(key)
    local board, season = string.match(key, ':([^:]+):s%-([^:]+)$')
    return board .. ':' .. season
end

-- The answer where the generation is not the live one (any more), which the key says; else nil.
local function moved(key, generation)
    local live = redis.call('GET', key) or '0'
    if live ~= generation then return redis.error_reply('GENERATION ' .. live) end
end

-- A function that reads keys of one generation: the first key says which one is live, the first argument which
-- one the others are of.
local function register_live(name, fn)
    register(name, function(keys, args)
        return moved(keys[1], args[1]) or fn(keys, args)
    end, { 'no-writes' })
end

-- One that reads a board: of a season, when it was ended by hand goes with the total.
local function register_read(name, fn)
    register_live(name, function(keys, args)
        local answer = fn(keys, args)
        local ended = keys[6] and redis.call('HGET', keys[6], season_of(keys[2]))
        if ended then answer[1] = { answer[1], tonumber(ended) } end
        return answer
    end)
end

-- read (generation, key): generation, command, and its arguments behind the key. Answers as the command does.
register_live('read', function(keys, args)
    return redis.call(args[2], keys[2], unpack(args, 3))
end)

local function open_board(keys, args)
    return {
        key = keys[2], names = keys[3], scores = keys[4], members = keys[5],
        descending = args[2] == 'desc', ties = args[3],
    }
end

-- How many of the sorted set are better than score.
local function count_better(b, key, score)
    if b.descending then return redis.call('ZCOUNT', key, '(' .. score, '+inf') end
    return redis.call('ZCOUNT', key, '-inf', '(' .. score)
end

-- The rank of whoever is at this position, from 0.
local function rank_of(b, position, score)
    if b.ties == 'first' then return position + 1 end
    return count_better(b, b.ties == 'dense' and b.scores or b.key, score) + 1
end

-- The entries' names, behind their other values, into answer.
local function add_entries(b, answer, entries)
    local ids = {}
    for i, entry in ipairs(entries) do ids[i] = entry.id end
    local names = #ids > 0 and redis.call('HMGET', b.names, unpack(ids)) or {}
    for i, entry in ipairs(entries) do
        answer[#answer + 1] = entry.rank
        answer[#answer + 1] = entry.id
        answer[#answer + 1] = entry.score
        answer[#answer + 1] = names[i]
    end
    return answer
end

local function range(b, offset, limit)
    -- A range that ends at -1 would be the whole board.
    if limit == 0 then return {} end
    return redis.call(b.descending and 'ZREVRANGE' or 'ZRANGE', b.key, offset, offset + limit - 1,
        'WITHSCORES')
end

local function read_page(b, offset, limit)
    local flat, entries, rank = range(b, offset, limit), {}, nil
    for i = 1, #flat, 2 do
        local position, score = offset + (i - 1) / 2, flat[i + 1]
        if i == 1 then
            rank = rank_of(b, position, score)
        elseif b.ties == 'first' or score ~= flat[i - 1] then
            rank = b.ties == 'dense' and rank + 1 or position + 1
        end
        local id = b.ties == 'first' and string.sub(flat[i], PLACE + 2) or flat[i]
        entries[#entries + 1] = { rank = rank, id = id, score = score }
    end
    return entries
end

-- A player's entry with its position, or nil.
local function find_player(b, id)
    local member = id
    if b.ties == 'first' then
        local place = redis.call('HGET', b.members, id)
        if not place then return nil end
        member = string.sub(place, 1, PLACE) .. ':' .. id
    end
    local score = redis.call('ZSCORE', b.key, member)
    if not score then return nil end
    local position = redis.call(b.descending and 'ZREVRANK' or 'ZRANK', b.key, member)
    return { id = id, score = score, position = position, rank = rank_of(b, position, score) }
end

-- board_page: offset, limit. Answers total, then the entries.
register_read('board_page', function(keys, args)
    local b = open_board(keys, args)
    local answer = { redis.call('ZCARD', b.key) }
    return add_entries(b, answer, read_page(b, tonumber(args[4]), tonumber(args[5])))
end)

-- board_players: ids. Answers total, then the entries of those who are on the board, in its order.
register_read('board_players', function(keys, args)
    local b = open_board(keys, args)
    local entries, seen = {}, {}
    for i = 4, #args do
        local entry = not seen[args[i]] and find_player(b, args[i])
        seen[args[i]] = true
        if entry then entries[#entries + 1] = entry end
    end
    table.sort(entries, function(x, y) return x.position < y.position end)
    return add_entries(b, { redis.call('ZCARD', b.key) }, entries)
end)

-- board_around: id, how many above and below. Answers total, how many are better, the next better score
-- or nil, the player's entry, then those around it and itself: the window is shifted at the ends of the board so that it
-- stays full. Who is not on the board: total alone.
register_read('board_around', function(keys, args)
    local b = open_board(keys, args)
    local around = tonumber(args[5])
    local total = redis.call('ZCARD', b.key)
    local player = find_player(b, args[4])
    if not player then return { total } end
    local better = b.ties == 'first' and player.position or count_better(b, b.key, player.score)
    local above = better > 0 and range(b, better - 1, 1)[2]
    local first = math.max(0, math.min(player.position - around, total - 2 * around - 1))
    local entries = read_page(b, first, 2 * around + 1)
    table.insert(entries, 1, player)
    return add_entries(b, { total, better, above }, entries)
end)

-- board_histogram: into how many buckets of one width, then from and to, both empty for the lowest and the highest
-- score. Answers total; and where there is something to be divided the lowest and the highest score or nil, how many
-- scores are below from and above to, then for each bucket its lower edge and how many scores it has, and to. A score
-- that is an edge counts above it, to itself below.
register_read('board_histogram', function(keys, args)
    local b = open_board(keys, args)
    local buckets, from, to = tonumber(args[4]), args[5], args[6]
    local total = redis.call('ZCARD', b.key)
    local low = redis.call('ZRANGE', b.key, 0, 0, 'WITHSCORES')[2] or false
    local high = redis.call('ZRANGE', b.key, -1, -1, 'WITHSCORES')[2] or false
    if from == '' then
        if total == 0 then return { total } end
        from, to = low, high
    end
    local start, width = tonumber(from), tonumber(to) - tonumber(from)
    if width == 0 then buckets = 1 end
    -- How many are below an edge, and not how many are between two: Redis finds the board's end sooner than an edge.
    local below = redis.call('ZCOUNT', b.key, '-inf', '(' .. from)
    local above = redis.call('ZCOUNT', b.key, '(' .. to, '+inf')
    local answer, edge = { total, low, high, below, above }, from
    for i = 1, buckets do
        local next_edge, next_below = to, total - above
        if i < buckets then
            next_edge = string.format('%.17g', start + width * i / buckets)
            next_below = redis.call('ZCOUNT', b.key, '-inf', '(' .. next_edge)
        end
        answer[#answer + 1] = edge
        answer[#answer + 1] = next_below - below
        edge, below = next_edge, next_below
    end
    answer[#answer + 1] = to
    return answer
end)
