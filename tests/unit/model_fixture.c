/* Deadlines moved by hand, and games described: see model_fixture.h. */
#include "tests/unit/model_fixture.h"

#include <string.h>

#include "tests/unit/functions.h"
#include "tests/unit/unit.h"

long long model_now = 1000;

void
model_begin(void)
{
    functions_command("EVAL %s 0",
                      "for _, key in ipairs(redis.call('KEYS', '{p}:*')) do\n"
                      "  if key ~= '{p}:checkpoint:s' then redis.call('DEL', key) end\n"
                      "end\n");
}

static const char due_script[] =
    "local key, whose, now, far = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])\n"
    "local seats = cmsgpack.unpack(redis.call('HGET', key, 'seats'))\n"
    "local first, waits, sure, away = math.huge, false, 0, false\n"
    "for _, s in ipairs(seats) do\n"
    "  if s.token then sure = sure + 1 end\n"
    "  away = away or s.status == 'away'\n"
    "  if s.due then\n"
    "    s.due = (s.status == whose or s.user == whose) and now or far\n"
    "    first = math.min(first, s.due)\n"
    "    waits = waits or s.status == 'confirmed'\n"
    "  end\n"
    "end\n"
    "waits = waits or away and sure == tonumber(redis.call('HGET', key, 'max')) and\n"
    "  redis.call('HGET', key, 'state') == 'creator_joined'\n"
    "local due = whose == 'game' and now or far\n"
    "redis.call('HSET', key, 'due', due, 'seats', cmsgpack.pack(seats))\n"
    "redis.call('ZADD', '{p}:deadlines', waits and first or math.min(first, due), ARGV[4])\n"
    "return 'OK'\n";

void
model_due(const char *game, const char *whose)
{
    ck_assert_str_eq(functions_command("EVAL %s 1 {p}:game:%s %s %lld %lld %s", due_script, game,
                                       whose, model_now, model_now + MODEL_FAR, game),
                     "OK");
}

static const char until_script[] =
    "local seats = cmsgpack.unpack(redis.call('HGET', KEYS[1], 'seats'))\n"
    "for _, s in ipairs(seats) do\n"
    "  if s.user == ARGV[1] then s['until'] = tonumber(ARGV[2]) end\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'seats', cmsgpack.pack(seats))\n"
    "if ARGV[1] == 'game' then redis.call('HSET', KEYS[1], 'until', ARGV[2]) end\n"
    "return 'OK'\n";

void
model_until_passes(const char *game, const char *whose)
{
    ck_assert_str_eq(
        functions_command("EVAL %s 1 {p}:game:%s %s %lld", until_script, game, whose, model_now),
        "OK");
}

static const char game_script[] =
    "local v = redis.call('HMGET', KEYS[1], 'state', 'until', 'seats')\n"
    "if not v[1] then return '-' end\n"
    "local now, list = tonumber(ARGV[1]), {}\n"
    "for i, s in ipairs(cmsgpack.unpack(v[3])) do\n"
    "  local later = s.status == 'leaving' and s['until'] > now\n"
    "  list[#list + 1] = ' ' .. s.user .. ':' .. s.status .. (later and ' later' or '') ..\n"
    "    (i == 1 and '*' or '')\n"
    "end\n"
    "table.sort(list)\n"
    "local later = v[1] == 'removing' and tonumber(v[2]) > now\n"
    "return v[1] .. (later and ' later' or '') .. table.concat(list)\n";

const char *
model_game(const char *game)
{
    return functions_command("EVAL %s 1 {p}:game:%s %lld", game_script, game, model_now);
}
