-- Reading boards: a page with its ranks and names in one step, so that they fit together.

-- board_page (board, names): order ('asc' or 'desc'), offset, limit. Answers total, the rank of the first
-- entry (1224: one more than there are better scores), then id, score and name or nil of each.
register('board_page', function(keys, args)
    local board, names = keys[1], keys[2]
    local descending = args[1] == 'desc'
    local offset, limit = tonumber(args[2]), tonumber(args[3])
    local total = redis.call('ZCARD', board)
    local rows = {}
    -- A range that ends at -1 would be the whole board.
    if limit == 0 then return { total, 0 } end
    if descending then
        rows = redis.call('ZREVRANGE', board, offset, offset + limit - 1, 'WITHSCORES')
    else
        rows = redis.call('ZRANGE', board, offset, offset + limit - 1, 'WITHSCORES')
    end
    if #rows == 0 then return { total, 0 } end
    local better
    if descending then
        better = redis.call('ZCOUNT', board, '(' .. rows[2], '+inf')
    else
        better = redis.call('ZCOUNT', board, '-inf', '(' .. rows[2])
    end
    local ids = {}
    for i = 1, #rows, 2 do ids[#ids + 1] = rows[i] end
    local called = redis.call('HMGET', names, unpack(ids))
    local page = { total, better + 1 }
    for i, id in ipairs(ids) do
        page[#page + 1] = id
        page[#page + 1] = rows[2 * i]
        page[#page + 1] = called[i]
    end
    return page
end, { 'no-writes' })
