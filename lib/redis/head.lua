-- The first part of the function library: what the parts after it share.
--
-- The build puts `#!lua name=varcade_<version>` and `local PREFIX = 'varcade_<version>_'` before
-- this text, and the other parts behind it in the order of lib/lib.am: all parts are one Lua
-- chunk, so a local of one part is seen by those that follow.

-- register(name, fn [, flags]): make fn(keys, args) callable as varcade_<version>_<name>.
-- flags: a table such as {'no-writes'}.
local function register(name, fn, flags)
    redis.register_function{function_name = PREFIX .. name, callback = fn, flags = flags or {}}
end

-- ping: answers with the library's prefix. Keys: none. Arguments: none.
register('ping', function() return PREFIX end, {'no-writes'})
