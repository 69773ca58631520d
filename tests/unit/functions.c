/* A blocking client of the function library, and the invariants of its keys, computed another
 * way. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "lib/base/buf.h"
#include "lib/redis/library.h"
#include "tests/unit/functions.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

struct list {
    char *item[FUNCTIONS_ARGS_MAX];
    size_t n;
};

static struct redis_server *server;
static redisContext *redis;
static struct buf text;
static char function_name[64];
static struct list keys, args;
static char checkpoint[32];
static unsigned checkpoints;

static void
list_clear(struct list *l)
{
    while (l->n > 0)
        free(l->item[--l->n]);
}

static void __attribute__((format(printf, 2, 0)))
list_add(struct list *l, const char *fmt, va_list ap)
{
    ck_assert_uint_lt(l->n, FUNCTIONS_ARGS_MAX);
    ck_assert_int_ge(vasprintf(&l->item[l->n++], fmt, ap), 0);
}

static void
load(void)
{
    const char *name = functions_command("FUNCTION LOAD REPLACE %b", library_text, library_len);

    ck_assert_msg(strncmp(name, "varcade_", 8) == 0, "%s", name);
}

void
functions_setup(void)
{
    buf_init(&text, 64 << 20);
    checkpoint[0] = '\0';
    checkpoints = 0;
    server = redis_server_start(NULL);
    redis = redis_server_client(server);
    load();
}

void
functions_restart(void)
{
    redisFree(redis);
    redis_server_restart(server);
    redis = redis_server_client(server);
    load();
}

void
functions_teardown(void)
{
    list_clear(&keys);
    list_clear(&args);
    buf_free(&text);
    redisFree(redis);
    redis_server_free(server);
}

struct redis_server *
functions_server(void)
{
    return server;
}

/* --- replies as text -------------------------------------------------------------------------- */

static void
flatten(const redisReply *reply, int depth)
{
    switch (reply->type) {
    case REDIS_REPLY_ARRAY:
        if (depth > 0)
            buf_byte(&text, '[');
        for (size_t i = 0; i < reply->elements; i++) {
            if (i > 0)
                buf_byte(&text, ' ');
            flatten(reply->element[i], depth + 1);
        }
        if (depth > 0)
            buf_byte(&text, ']');
        break;
    case REDIS_REPLY_INTEGER:
        buf_printf(&text, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        buf_str(&text, "nil");
        break;
    case REDIS_REPLY_ERROR:
        buf_str(&text, "! ");
        buf_add(&text, reply->str, reply->len);
        break;
    default:
        buf_add(&text, reply->str, reply->len);
    }
}

static const char *
reply_text(redisReply *reply)
{
    ck_assert_msg(reply != NULL, "connection lost: %s", redis->errstr);
    buf_reset(&text);
    flatten(reply, 0);
    freeReplyObject(reply);
    ck_assert(buf_ok(&text));
    return text.len > 0 ? text.data : "";
}

const char *
functions_command(const char *fmt, ...)
{
    va_list ap;
    redisReply *reply;

    va_start(ap, fmt);
    reply = redisvCommand(redis, fmt, ap);
    va_end(ap);
    return reply_text(reply);
}

/* --- calls ------------------------------------------------------------------------------------ */

void
functions_begin(const char *function)
{
    list_clear(&keys);
    list_clear(&args);
    snprintf(function_name, sizeof function_name, "varcade_%s_%s", library_version, function);
}

void
functions_key(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    list_add(&keys, fmt, ap);
    va_end(ap);
}

void
functions_arg(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    list_add(&args, fmt, ap);
    va_end(ap);
}

void
functions_arg_key(const char *fmt, ...)
{
    va_list ap;
    size_t i = keys.n;

    va_start(ap, fmt);
    list_add(&keys, fmt, ap);
    va_end(ap);
    while (i > 0 && strcmp(keys.item[i - 1], keys.item[keys.n - 1]) != 0)
        i--;
    if (i > 0)
        free(keys.item[--keys.n]);
    functions_arg("%zu", i > 0 ? i : keys.n);
}

/* How long `apply` took is no test's business; it stands behind the 1 in what it answers. */
static void
forget_time(redisReply *reply)
{
    const char *name = strrchr(function_name, '_');

    if (name == NULL || strcmp(name, "_apply") != 0 || reply == NULL ||
        reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->element[0]->integer != 1)
        return;
    ck_assert_int_eq(reply->element[1]->type, REDIS_REPLY_INTEGER);
    freeReplyObject(reply->element[1]);
    reply->elements--;
    memmove(&reply->element[1], &reply->element[2],
            (reply->elements - 1) * sizeof(reply->element[0]));
}

const char *
functions_run(void)
{
    size_t n = 0;
    const char **argv = calloc(3 + keys.n + args.n, sizeof *argv);
    char nkeys[24];
    redisReply *reply;

    ck_assert_ptr_nonnull(argv);
    snprintf(nkeys, sizeof nkeys, "%zu", keys.n);
    argv[n++] = "FCALL";
    argv[n++] = function_name;
    argv[n++] = nkeys;
    for (size_t i = 0; i < keys.n; i++)
        argv[n++] = keys.item[i];
    for (size_t i = 0; i < args.n; i++)
        argv[n++] = args.item[i];
    reply = redisCommandArgv(redis, (int)n, argv, NULL);
    free(argv);
    forget_time(reply);
    return reply_text(reply);
}

void
functions_lobby_keys(void)
{
    functions_key("{p}:deadlines");
    functions_key("{p}:lobby");
    functions_key("{p}:public");
    functions_key("{p}:counts");
    functions_key("{p}:holders");
    functions_key("{p}:index");
    functions_key("{p}:codes");
}

const char *
functions_game(const char *function, const char *game_id, const char *fmt, ...)
{
    va_list ap;
    char *list = NULL, *rest, *arg;

    functions_begin(function);
    functions_key("{p}:game:%s", game_id);
    functions_lobby_keys();
    va_start(ap, fmt);
    ck_assert_int_ge(vasprintf(&list, fmt, ap), 0);
    va_end(ap);
    rest = list;
    while ((arg = strsep(&rest, "|")) != NULL)
        functions_arg("%s", arg);
    free(list);
    return functions_run();
}

void
functions_begin_apply(void)
{
    functions_begin("apply");
    functions_key("{p}:checkpoint:s");
    functions_key("{p}:deadletters");
    functions_lobby_keys();
    functions_arg("%s", checkpoint);
    snprintf(checkpoint, sizeof checkpoint, "%u-0", ++checkpoints);
    functions_arg("%s", checkpoint);
    functions_arg("%d", FUNCTIONS_CREATED_MS);
    functions_arg("%d", FUNCTIONS_SEAT_MS);
    functions_arg("%d", FUNCTIONS_CREATOR_JOINED_MS);
    functions_arg("%d", FUNCTIONS_ALL_JOINED_MS);
    functions_arg("%d", FUNCTIONS_IN_PROGRESS_MS);
    functions_arg("%d", FUNCTIONS_ENDED_MS);
}

void
functions_arg_events(const struct functions_event *events, size_t n)
{
    functions_arg("%zu", n);
    for (size_t i = 0; i < n; i++) {
        functions_arg_key("{p}:game:%s", events[i].game);
        functions_arg("%s", events[i].game);
        functions_arg("%lld", events[i].time);
        functions_arg("%s", events[i].kind);
        functions_arg("%s", events[i].arg);
    }
}

const char *
functions_events(const struct functions_event *events, size_t n)
{
    functions_begin_apply();
    functions_arg_events(events, n);
    functions_arg("0");
    functions_arg("0");
    functions_arg("0");
    functions_arg("0");
    return functions_run();
}

const char *
functions_event(const char *game, long long time, const char *kind, const char *arg)
{
    return functions_events(&(struct functions_event){game, time, kind, arg}, 1);
}

/* --- invariants ------------------------------------------------------------------------------- */

/* Everything is recomputed from the hashes: what is listed, its object, the counts, the
 * deadlines. */
static const char invariants[] =
    "local index = {}\n"
    "local function add_terms(g, id, front, at)\n"
    "  at = string.char(0) .. string.format('%016.0f', tonumber(at)) .. id\n"
    "  if front ~= '' then index[front .. at] = true end\n"
    "  local settings, n = cjson.decode(g.settings), 0\n"
    "  for _ in pairs(settings) do n = n + 1 end\n"
    "  settings.teams = nil\n"
    "  for name, value in pairs(n > 1 and settings or {}) do\n"
    "    index[front .. name .. '=' .. tostring(value) .. at] = true\n"
    "  end\n"
    "end\n"
    "local games, lobby, playing, listed, held = 0, 0, 0, 0, {}\n"
    "local codes, hostless = {}, {}\n"
    "local keys = redis.call('KEYS', '{p}:game:*')\n"
    "for _, key in ipairs(keys) do\n"
    "  local id = string.sub(key, 10)\n"
    "  local g, flat = {}, redis.call('HGETALL', key)\n"
    "  for i = 1, #flat, 2 do g[flat[i]] = flat[i + 1] end\n"
    "  local max, sure, taken, due, wait = tonumber(g.max), 0, 0, tonumber(g.due), nil\n"
    "  local leaving, away = 0, false\n"
    "  local seen, players, first = {}, {}, math.huge\n"
    "  for i, s in ipairs(cmsgpack.unpack(g.seats)) do\n"
    "    if seen[s.user] then return id .. ': two seats of ' .. s.user end\n"
    "    seen[s.user] = true\n"
    "    if i == 1 and s.user ~= g.creator_id then return id .. ': creator not first' end\n"
    "    if s.status == 'confirmed' or s.status == 'connected' or s.status == 'away' then\n"
    "      if s.status == 'away' and not s.due then return id .. ': away for ever' end\n"
    "      if s.status == 'away' and i == 1 then hostless[id] = true end\n"
    "      sure = sure + 1\n"
    "      players[sure] = s.user\n"
    "      if not s.token then return id .. ': no token of ' .. s.user end\n"
    "    elseif not s.due and g.state ~= 'creating' then return id .. ': stranded ' .. s.user end\n"
    "    if s.status ~= 'leaving' then taken = taken + 1 else leaving = leaving + 1 end\n"
    "    if s.status ~= 'leaving' and g.state ~= 'ended' then\n"
    "      held[s.user] = held[s.user] or {}\n"
    "      table.insert(held[s.user], id .. (i == 1 and '*' or ''))\n"
    "    end\n"
    "    if s.due then first = math.min(first, s.due) end\n"
    "    if s.due and s.status == 'confirmed' then wait = true end\n"
    "    away = away or s.status == 'away'\n"
    "  end\n"
    "  if taken > max then return id .. ': too many seats taken' end\n"
    "  if wait and (sure < max or g.state ~= 'creator_joined') then return id .. ': waits' end\n"
    "  wait = wait or (away and sure == max and g.state == 'creator_joined')\n"
    "  if g.state == 'removing' and next(seen) then return id .. ': seats while removing' end\n"
    "  local expect = wait and first or math.min(first, due)\n"
    "  local score = redis.call('ZSCORE', '{p}:deadlines', id)\n"
    "  if not score or tonumber(score) ~= expect then return id .. ': deadline ' .. "
    "tostring(score) end\n"
    "  if g.state == 'created' or g.state == 'creator_joined' then\n"
    "    games, lobby = games + 1, lobby + sure\n"
    "  elseif g.state == 'all_players_joined' or g.state == 'in_progress' then\n"
    "    games, playing = games + 1, playing + sure\n"
    "  end\n"
    "  g.code = g.code or ''\n"
    "  if g.code ~= '' and g.state ~= 'ended' and g.state ~= 'removing' then codes[g.code] = id "
    "end\n"
    "  local open = g.state == 'creator_joined' and g.code == '' and not hostless[id] and taken < "
    "max and leaving < 64\n"
    "  local place = redis.call('ZSCORE', '{p}:lobby', id)\n"
    "  if g.quick and (g.state == 'creating' or g.state == 'created') and taken < max and\n"
    "      leaving < 64 then add_terms(g, id, '+', g.created_at) end\n"
    "  local public = redis.call('HGET', '{p}:public', id)\n"
    "  if open then\n"
    "    listed = listed + 1\n"
    "    add_terms(g, id, '', g.published)\n"
    "    if not place or not public then return id .. ': not listed' end\n"
    "    local o = cjson.decode(public)\n"
    "    if o.token or o.state or o.target_game_server then return id .. ': too much in public' "
    "end\n"
    "    if table.concat(o.players, ',') ~= table.concat(players, ',') then\n"
    "      return id .. ': players of public' end\n"
    "  elseif place or public then return id .. ': listed in state ' .. g.state end\n"
    "end\n"
    "if redis.call('ZCARD', '{p}:deadlines') ~= #keys then return 'deadlines without game' end\n"
    "if redis.call('ZCARD', '{p}:lobby') ~= listed then return 'listed without game' end\n"
    "if redis.call('HLEN', '{p}:public') ~= listed then return 'public without game' end\n"
    "local holders = redis.call('HGETALL', '{p}:holders')\n"
    "for i = 1, #holders, 2 do\n"
    "  local user, present = holders[i], {}\n"
    "  for game in string.gmatch(holders[i + 1], '[^ ]+') do table.insert(present, game) end\n"
    "  table.sort(present)\n"
    "  table.sort(held[user] or {})\n"
    "  if table.concat(present, ' ') ~= table.concat(held[user] or {}, ' ') then\n"
    "    return 'what ' .. user .. ' holds' end\n"
    "  held[user] = nil\n"
    "end\n"
    "if next(held) then return 'nobody knows what ' .. next(held) .. ' holds' end\n"
    "for _, member in ipairs(redis.call('ZRANGE', '{p}:index', 0, -1)) do\n"
    "  if not index[member] then return 'too much in the index: ' .. member end\n"
    "  index[member] = nil\n"
    "end\n"
    "if next(index) then return 'not in the index: ' .. next(index) end\n"
    "local flat = redis.call('HGETALL', '{p}:codes')\n"
    "for i = 1, #flat, 2 do\n"
    "  if codes[flat[i]] ~= flat[i + 1] then return 'whose code is ' .. flat[i] end\n"
    "  codes[flat[i]] = nil\n"
    "end\n"
    "if next(codes) then return 'code is missing: ' .. next(codes) end\n"
    "local function count(name, n)\n"
    "  return tonumber(redis.call('HGET', '{p}:counts', name) or '0') == n end\n"
    "if not count('games', games) then return 'count of games' end\n"
    "if not count('players_in_lobby', lobby) then return 'count of players in lobby' end\n"
    "if not count('players_in_game', playing) then return 'count of players in game' end\n"
    "return ''\n";

const char *
functions_inconsistency(void)
{
    return functions_command("EVAL %s 0", invariants);
}
