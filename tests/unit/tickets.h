/*
 * What the tests of the tickets' functions share: calls, and what must hold after each. Tickets are in the queue `q` of
 * the product `p`.
 */
#ifndef VARCADE_TESTS_TICKETS_H
#define VARCADE_TESTS_TICKETS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/games.h"

#define KEEP 600000
#define TIMEOUT 300000
#define G1 "11111111111111111111111111111111"

/* --- calls ------------------------------------------------------------------------------------ */

/* Those of a game whose file has no queue (any more). */
static inline void
add_keys_without_queue(void)
{
    functions_key("{p}:tickets:users");
    functions_key("{p}:tickets:due");
    functions_key("{p}:tickets:log");
    functions_key("{p}:tickets:codes");
    functions_key("{p}:holders");
    functions_key("{p}:banned");
}

static inline void
add_ticket_keys(void)
{
    add_keys_without_queue();
    functions_key("{p}:queue:q");
}

/* The arguments have | between them. */
static inline const char *__attribute__((format(printf, 1, 0))) run_with(const char *fmt, va_list ap)
{
    char *list = NULL, *rest, *arg;

    ck_assert_int_ge(vasprintf(&list, fmt, ap), 0);
    rest = list;
    while ((arg = strsep(&rest, "|")) != NULL)
        functions_arg("%s", arg);
    free(list);
    return functions_run();
}

static inline const char *__attribute__((format(printf, 3, 4)))
ticket(const char *function, const char *id, const char *fmt, ...)
{
    const char *answer;
    va_list ap;

    functions_begin(function);
    functions_key("{p}:ticket:%s", id);
    add_ticket_keys();
    va_start(ap, fmt);
    answer = run_with(fmt, ap);
    va_end(ap);
    return answer;
}

static inline void
begin_match(const char *function, const char *game, const char *number)
{
    functions_begin(function);
    functions_key("{p}:game:%s", game);
    functions_lobby_keys();
    functions_key("{p}:match:%s", number);
    functions_key("{p}:waits:q");
    add_ticket_keys();
}

/* number: the backfill's. */
static inline const char *__attribute__((format(printf, 5, 6)))
backfill(const char *function, const char *game, const char *number, const char *id,
         const char *fmt, ...)
{
    const char *answer;
    va_list ap;

    begin_match(function, game, number);
    functions_key("{p}:ticket:%s", id);
    va_start(ap, fmt);
    answer = run_with(fmt, ap);
    va_end(ap);
    return answer;
}

/* ids: with blanks between them. */
static inline const char *__attribute__((format(printf, 4, 5)))
match(const char *function, const char *game, const char *ids, const char *fmt, ...)
{
    char list[256], *rest = list, *id;
    const char *answer;
    va_list ap;

    begin_match(function, game, game);
    snprintf(list, sizeof list, "%s", ids);
    while ((id = strsep(&rest, " ")) != NULL)
        functions_key("{p}:ticket:%s", id);
    va_start(ap, fmt);
    answer = run_with(fmt, ap);
    va_end(ap);
    return answer;
}

static inline const char *
open_ticket(const char *id, const char *user, const char *code, long long now)
{
    return ticket("ticket_open", id, "%lld|%lld|q|%d|4|%s|{}|%s|name %s|1500|{}", now,
                  now + TIMEOUT, TIMEOUT, code, user, user);
}

static inline const char *
take(const char *game, const char *ids, long long now)
{
    return match("match_take", game, ids, "%lld|%lld|%d|p|http://s|ws://s||7000|1|1||0|1|0|1", now,
                 now + 8000, KEEP);
}

static inline const char *
field(const char *id, const char *name)
{
    return functions_command("HGET {p}:ticket:%s %s", id, name);
}

/* Everything is computed from the tickets' and games' hashes. */
static const char invariants[] =
    "local users, waiting, active, forming, taken = {}, 0, 0, 0, {}\n"
    "local keys = redis.call('KEYS', '{p}:ticket:*')\n"
    "for _, key in ipairs(keys) do\n"
    "  local id = string.sub(key, 12)\n"
    "  local t, flat = {}, redis.call('HGETALL', key)\n"
    "  for i = 1, #flat, 2 do t[flat[i]] = flat[i + 1] end\n"
    "  local live = t.state == 'forming' or t.state == 'waiting' or t.state == 'starting'\n"
    "  for _, p in ipairs(cmsgpack.unpack(t.players)) do\n"
    "    if live then\n"
    "      active = active + 1\n"
    "      if users[p.user] then return id .. ': two tickets of ' .. p.user end\n"
    "      users[p.user] = id\n"
    "      if redis.call('HGET', '{p}:tickets:users', p.user) ~= id then\n"
    "        return id .. ': not the ticket of ' .. p.user end\n"
    "    end\n"
    "    if t.state == 'matched' and not t['game:' .. p.user] then return id .. ': no game' end\n"
    "    if t.state ~= 'matched' and t['game:' .. p.user] then return id .. ': a game' end\n"
    "  end\n"
    "  local place = redis.call('ZSCORE', '{p}:queue:q', id)\n"
    "  if t.state == 'waiting' then\n"
    "    waiting = waiting + 1\n"
    "    if place ~= t.since then return id .. ': place in queue' end\n"
    "  elseif place then return id .. ': in the queue in state ' .. t.state end\n"
    "  local due = redis.call('ZSCORE', '{p}:tickets:due', 't:' .. id)\n"
    "  if t.state == 'starting' then\n"
    "    local m = redis.call('HGET', '{p}:match:' .. t.match, 'tickets')\n"
    "    if due or not m or not string.find(m, id, 1, true) then return id .. ': no match' end\n"
    "    if not redis.call('ZSCORE', '{p}:tickets:due', 'm:' .. t.match) then\n"
    "      return id .. ': match without deadline' end\n"
    "  elseif not due then return id .. ': stranded in state ' .. t.state end\n"
    "  local code = t.code ~= '' and redis.call('HGET', '{p}:tickets:codes', t.code)\n"
    "  if t.state == 'forming' then\n"
    "    forming = forming + 1\n"
    "    if code ~= id then return id .. ': code' end\n"
    "  elseif code == id then return id .. ': code in state ' .. t.state end\n"
    "end\n"
    "if redis.call('HLEN', '{p}:tickets:users') ~= active then return 'users without ticket' end\n"
    "if redis.call('ZCARD', '{p}:queue:q') ~= waiting then return 'queue without ticket' end\n"
    "if redis.call('HLEN', '{p}:tickets:codes') ~= forming then return 'codes without party' end\n"
    "for _, key in ipairs(redis.call('KEYS', '{p}:match:*')) do\n"
    "  local game = string.sub(key, 11)\n"
    "  if not redis.call('ZSCORE', '{p}:tickets:due', 'm:' .. game) then\n"
    "    return game .. ': stranded match' end\n"
    "end\n"
    "return ''\n";

static inline const char *
inconsistency(void)
{
    const char *games = functions_inconsistency();

    return games[0] != '\0' ? games : functions_command("EVAL %s 0", invariants);
}

#define SOUND() ck_assert_str_eq(inconsistency(), "")
#define TICKET(answer, ...)                            \
    do {                                               \
        ck_assert_str_eq(ticket(__VA_ARGS__), answer); \
        SOUND();                                       \
    } while (0)
#define MATCH(answer, ...)                            \
    do {                                              \
        ck_assert_str_eq(match(__VA_ARGS__), answer); \
        SOUND();                                      \
    } while (0)

#endif
