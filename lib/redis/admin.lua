-- What varcadectl changes by hand. Every function has the product's audit stream as its first key, and who
-- does what to what as its first arguments, so that no change is without its line there.

local AUDIT_MAX = 10000

local function audit(key, args)
    redis.call('XADD', key, 'MAXLEN', '~', AUDIT_MAX, '*', 'who', args[1], 'what', args[2], 'about', args[3])
end

-- keys_set (audit, keys): who, what, about; then id and record each; the record '' is that of no key.
register('keys_set', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[2], 'hash')
    if #args < 5 or #args % 2 ~= 1 then error('no pairs of id and record') end
    audit(keys[1], args)
    for i = 4, #args, 2 do
        if args[i + 1] == '' then
            redis.call('HDEL', keys[2], args[i])
        else
            redis.call('HSET', keys[2], args[i], args[i + 1])
        end
    end
    return redis.status_reply('OK')
end)

-- letter_drop (audit, deadletters): who, what, the letter's id. Answers nil where it is gone already.
register('letter_drop', function(keys, args)
    expect_type(keys[1], 'stream')
    if #redis.call('XRANGE', keys[2], args[3], args[3]) == 0 then return false end
    audit(keys[1], args)
    redis.call('XDEL', keys[2], args[3])
    return args[3]
end)

-- letter_replay (audit, deadletters, stream): who, what, the letter's id: the event that it is of becomes the
-- newest of the stream. Answers its id there, or nil where the letter is gone already.
register('letter_replay', function(keys, args)
    expect_type(keys[1], 'stream')
    expect_type(keys[3], 'stream')
    local letter = redis.call('XRANGE', keys[2], args[3], args[3])[1]
    if not letter then return false end
    local fields = letter[2]
    if #fields < 6 then error('the event had no fields') end
    audit(keys[1], args)
    -- Behind reason and source_id.
    local id = redis.call('XADD', keys[3], '*', unpack(fields, 5))
    redis.call('XDEL', keys[2], args[3])
    return id
end)
