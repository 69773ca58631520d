/*
 * The model of tickets and matches and the Redis functions do the same: see check_model_lobby.c.
 * Players get seats in games besides now and then, of which the model has no more than that.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/ticket_world.h"
#include "tests/unit/functions.h"
#include "tests/unit/model_fixture.h"
#include "tests/unit/random.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"

#define WALKS 60
#define STEPS 120
#define CHOICES 256
#define KEEP 600000
#define ID 33

/* One thing that the model could do next. */
struct choice {
    struct ticket_taken how;
    struct tickets to;
};

/* A walk, and what of it is not in the model. "": there is none (yet). */
static struct walk {
    struct tickets world;
    size_t patience;                             /* of so many ends that could be one is taken */
    char ticket[TICKET_PLAYERS][ID];             /* of each player the last one that he opened */
    char game[TICKET_MATCHES][ID];               /* of each match */
    char in[TICKET_MATCHES][TICKET_PLAYERS][ID]; /* the tickets that it was made of */
    char elsewhere[TICKET_PLAYERS][ID];          /* a game of another kind */
    long long told[TICKET_MATCHES];    /* when the curator began to tell the game server */
    long long removed[TICKET_MATCHES]; /* when the game server said that the game is gone */
    struct choice choice[CHOICES];
    size_t nchoices;
    char steps[STEPS * 48]; /* for who has to find out what went wrong */
    size_t steps_len;
} walk;

static const char *const users[TICKET_PLAYERS] = {"u0", "u1", "u2"};
static unsigned made;

static void
new_id(char id[static ID])
{
    snprintf(id, ID, "%032x", ++made);
}

static void
collect(void *cookie, const struct ticket_taken *how, const struct tickets *to)
{
    struct walk *w = cookie;

    ck_assert_uint_lt(w->nchoices, CHOICES);
    w->choice[w->nchoices++] = (struct choice){*how, *to};
}

/* --- what Redis has --------------------------------------------------------------------------- */

static const char ticket_script[] =
    "local v = redis.call('HMGET', '{p}:ticket:' .. ARGV[1], 'state', 'players', 'match')\n"
    "if not v[1] then return '-' end\n"
    "local active = { forming = true, waiting = true, starting = true }\n"
    "local text = active[v[1]] and v[1] or 'over'\n"
    "if v[1] == 'starting' then text = text .. ' in ' .. v[3] end\n"
    "if redis.call('ZSCORE', '{p}:tickets:due', 't:' .. ARGV[1]) then text = text .. ' due' end\n"
    "local users = {}\n"
    "for _, player in ipairs(active[v[1]] and cmsgpack.unpack(v[2]) or {}) do\n"
    "  users[#users + 1] = ' ' .. player.user\n"
    "end\n"
    "table.sort(users)\n"
    "local waits = redis.call('ZSCORE', '{p}:queue:q', ARGV[1])\n"
    "if (waits and true or false) ~= (v[1] == 'waiting') then return 'queued in vain' end\n"
    "return text .. table.concat(users)\n";

static const char *
text_of_ticket(size_t i)
{
    static const char *const states[] = {"-", "forming", "waiting", "starting", "over"};
    static char text[128];
    const struct ticket *t = &walk.world.ticket[i];
    int n = snprintf(text, sizeof text, "%s%s%s%s", states[t->state],
                     t->state == STARTING ? " in " : "",
                     t->state == STARTING ? walk.game[t->match] : "", t->due ? " due" : "");

    for (size_t u = 0; u < TICKET_PLAYERS; u++)
        if (t->members >> u & 1)
            n += snprintf(text + n, sizeof text - (size_t)n, " %s", users[u]);
    return text;
}

static const char match_script[] =
    "local v = redis.call('HMGET', '{p}:game:' .. ARGV[1], 'state', 'until', 'seats')\n"
    "local text, users = v[1] or '-', {}\n"
    "if v[1] == 'removing' and tonumber(v[2]) > tonumber(ARGV[2]) then text = text .. ' later' "
    "end\n"
    "for _, s in ipairs(v[3] and cmsgpack.unpack(v[3]) or {}) do\n"
    "  users[#users + 1] = ' ' .. s.user .. ':' .. s.status\n"
    "end\n"
    "table.sort(users)\n"
    "local record = redis.call('EXISTS', '{p}:match:' .. ARGV[1]) == 1 and ' match' or ''\n"
    "local due = redis.call('ZSCORE', '{p}:tickets:due', 'm:' .. ARGV[1]) and ' due' or ''\n"
    "return text .. table.concat(users) .. record .. due\n";

static const char *
text_of_match(size_t i)
{
    static const char *const states[] = {"-", "creating", "created", "removing"};
    static char text[128];
    const struct match *m = &walk.world.match[i];
    int n = snprintf(text, sizeof text, "%s%s", states[m->game], m->later ? " later" : "");

    for (size_t u = 0; u < TICKET_PLAYERS; u++)
        if ((m->game == CREATING || m->game == RUNNING) && (m->seats >> u & 1))
            n += snprintf(text + n, sizeof text - (size_t)n, " %s:%s", users[u],
                          m->game == CREATING ? "reserved" : "confirmed");
    snprintf(text + n, sizeof text - (size_t)n, "%s%s", m->record ? " match" : "",
             m->due ? " due" : "");
    return text;
}

/* The ticket that the user has, as `users` says it. */
static const char *
ticket_of(size_t u)
{
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        if (ticket_is_active(&walk.world.ticket[i]) && (walk.world.ticket[i].members >> u & 1))
            return walk.ticket[i];
    return "nil";
}

static void
equal(const char *step, const char *redis, const char *model)
{
    ck_assert_msg(strcmp(redis, model) == 0, "%s: the model has `%s`, Redis `%s`; in%s", step,
                  model, redis, walk.steps);
}

static void
compare(const char *step)
{
    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        equal(step, functions_command("EVAL %s 0 %s", ticket_script, walk.ticket[i]),
              text_of_ticket(i));
        equal(step, functions_command("HGET {p}:tickets:users %s", users[i]), ticket_of(i));
    }
    for (size_t i = 0; i < TICKET_MATCHES; i++)
        equal(step, functions_command("EVAL %s 0 %s %lld", match_script, walk.game[i], model_now),
              text_of_match(i));
    if (model_now % 8 != 0)
        return; /* what follows from games is the lobby's, and takes long */
    ck_assert_msg(functions_inconsistency()[0] == '\0', "%s: %s", step, functions_inconsistency());
}

/* --- the functions of tickets ----------------------------------------------------------------- */

static void
add_ticket_keys(void)
{
    functions_key("{p}:tickets:users");
    functions_key("{p}:tickets:due");
    functions_key("{p}:tickets:log");
    functions_key("{p}:tickets:codes");
    functions_key("{p}:holders");
    functions_key("{p}:banned");
    functions_key("{p}:queue:q");
}

static void
begin_ticket(const char *function, size_t ticket)
{
    functions_begin(function);
    functions_key("{p}:ticket:%s", walk.ticket[ticket]);
    add_ticket_keys();
    functions_arg("%lld", model_now);
}

static void
add_player(size_t u)
{
    functions_arg("%s", users[u]);
    functions_arg("name");
    functions_arg("1500");
    functions_arg("{}");
}

static const char *
open_ticket(size_t u, bool party)
{
    new_id(walk.ticket[u]);
    begin_ticket("ticket_open", u);
    functions_arg("%lld", model_now + MODEL_FAR);
    functions_arg("q");
    functions_arg("%lld", MODEL_FAR);
    functions_arg("%d", TICKET_SEATS);
    functions_arg("%s", party ? walk.ticket[u] : ""); /* as its code */
    functions_arg("{}");
    add_player(u);
    return functions_run();
}

static const char *
join_ticket(size_t ticket, size_t u)
{
    begin_ticket("ticket_join", ticket);
    functions_arg("%s", walk.ticket[ticket]);
    add_player(u);
    return functions_run();
}

static const char *
ready_ticket(size_t ticket)
{
    begin_ticket("ticket_ready", ticket);
    functions_arg("%s", users[ticket]);
    return functions_run();
}

static const char *
cancel_ticket(size_t ticket, size_t u)
{
    begin_ticket("ticket_cancel", ticket);
    functions_arg("%d", KEEP);
    functions_arg("%s", users[u]);
    return functions_run();
}

static const char *
revoke_ticket(size_t ticket)
{
    functions_begin("ticket_revoke");
    functions_key("varcade:audit");
    functions_key("{p}:ticket:%s", walk.ticket[ticket]);
    add_ticket_keys();
    functions_arg("root");
    functions_arg("revoke");
    functions_arg("ticket");
    functions_arg("%lld", model_now);
    functions_arg("%d", KEEP);
    return functions_run();
}

static const char *
expire_ticket(size_t ticket)
{
    functions_command("ZADD {p}:tickets:due XX %lld t:%s", model_now, walk.ticket[ticket]);
    begin_ticket("ticket_expire", ticket);
    functions_arg("%d", KEEP);
    return functions_run();
}

static const char *
note_ticket(size_t ticket)
{
    functions_begin("tickets_note");
    functions_key("{p}:ticket:%s", walk.ticket[ticket]);
    functions_arg("[]");
    return functions_run();
}

/* --- those of matches ------------------------------------------------------------------------- */

static void
begin_match(const char *function, size_t match)
{
    functions_begin(function);
    functions_key("{p}:game:%s", walk.game[match]);
    functions_lobby_keys();
    functions_key("{p}:match:%s", walk.game[match]);
    functions_key("{p}:waits:q");
    add_ticket_keys();
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        if (walk.in[match][i][0] != '\0')
            functions_key("{p}:ticket:%s", walk.in[match][i]);
    functions_arg("%lld", model_now);
}

static const char *
take(size_t match, unsigned tickets)
{
    new_id(walk.game[match]);
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        snprintf(walk.in[match][i], ID, "%s", tickets >> i & 1 ? walk.ticket[i] : "");
    begin_match("match_take", match);
    functions_arg("%lld", model_now + MODEL_FAR);
    functions_arg("%d", KEEP);
    functions_arg("p");
    functions_arg("http://s");
    functions_arg("ws://s");
    functions_arg("%s", ""); /* region, rejoin, migrates */
    functions_arg("%s", "");
    functions_arg("%s", "");
    functions_arg("1");
    functions_arg("%s", ""); /* settings */
    for (size_t i = 0, team = 0; i < TICKET_PLAYERS; i++)
        if (tickets >> i & 1)
            functions_arg("%zu", team++);
    return functions_run();
}

static const char *
done(size_t match)
{
    begin_match("match_done", match);
    functions_arg("%lld", MODEL_FAR);
    functions_arg("%d", KEEP);
    for (size_t i = 0; i < TICKET_SEATS; i++)
        functions_arg("token");
    return functions_run();
}

/* Who makes it tells what it knows of the game server; who finds it due knows neither. */
static long long
until_at(enum making making)
{
    if (making == REFUSED || making == WAITS_REFUSED)
        return 0;
    return making == FAILING || making == WAITS_DONE ? model_now : model_now + MODEL_FAR;
}

/* The ticket that the game server has refused too often now, or TICKET_PLAYERS. */
static size_t
refused_ticket(const struct choice *c)
{
    for (size_t i = 0; i < TICKET_PLAYERS; i++)
        if (walk.world.ticket[i].state == STARTING && c->to.ticket[i].state == OVER)
            return i;
    return TICKET_PLAYERS;
}

static void
fail_match(const struct choice *c)
{
    size_t match = c->how.match, refused = refused_ticket(c);
    const struct match *from = &walk.world.match[match];
    bool process = from->making != c->to.match[match].making;

    if (refused < TICKET_PLAYERS)
        functions_command("HSET {p}:ticket:%s refused 2", walk.ticket[refused]);
    begin_match("match_failed", match);
    functions_arg("%lld", process ? until_at((enum making)from->making) : model_now + MODEL_FAR);
    functions_arg("%d", KEEP);
    functions_arg("%s", refused < TICKET_PLAYERS ? users[refused] : "");
    functions_arg("%s", process ? "http://s" : "");
    ck_assert_int_eq(strncmp(functions_run(), "ok", 2), 0);
}

/* --- a step ----------------------------------------------------------------------------------- */

static void
call_of_ticket(const struct choice *c)
{
    size_t ticket = c->how.ticket, u = c->how.player;

    switch (c->how.step) {
    case T_ticket_open:
        ck_assert_str_eq(open_ticket(ticket, c->to.ticket[ticket].state == FORMING), "ok");
        break;
    case T_ticket_join:
        ck_assert_str_eq(join_ticket(ticket, u), "ok");
        break;
    case T_ticket_ready:
        ck_assert_str_eq(ready_ticket(ticket), "ok");
        break;
    case T_ticket_cancel:
        cancel_ticket(ticket, u);
        break;
    case T_ticket_revoke:
        ck_assert_str_eq(revoke_ticket(ticket), "ok");
        break;
    case T_ticket_expire:
        ck_assert_str_ne(expire_ticket(ticket), "none");
        break;
    case T_tickets_note:
        ck_assert_str_eq(note_ticket(ticket), "OK");
        break;
    default:
        break;
    }
}

static void
call_of_match(const struct choice *c)
{
    size_t match = c->how.match;
    const struct match *from = &walk.world.match[match], *to = &c->to.match[match];
    const char *id = walk.game[match];

    switch (c->how.step) {
    case T_match_take:
        ck_assert_int_eq(strncmp(take(match, c->how.tickets), to->record ? "ok" : "unusable", 2),
                         0);
        break;
    case T_match_done:
        ck_assert_int_eq(strncmp(done(match), to->game == RUNNING ? "ok" : "gone", 2), 0);
        break;
    case T_match_failed:
        fail_match(c);
        break;
    case T_create_failed:
        functions_game("create_failed", id, "%lld|%lld|http://s", model_now,
                       until_at((enum making)from->making));
        break;
    case T_expire:
        model_due(id, "game");
        functions_game("expire", id, "%lld|%lld|%lld", model_now, MODEL_FAR, MODEL_FAR);
        walk.told[match] = model_now;
        break;
    case T_game_gone:
        functions_game("game_gone", id, "%lld", walk.told[match]);
        break;
    case T_event_game_removed:
        functions_event(id, walk.removed[match], "removed", "");
        break;
    case T_until_passes:
        model_until_passes(id, "game");
        break;
    case T_server_removes_game:
    case T_server_ends_game:
        if (to->event != from->event)
            walk.removed[match] = model_now;
        break;
    default:
        call_of_ticket(c);
    }
}

/* --- what is not in the model ----------------------------------------------------------------- */

/* The player gets a seat elsewhere, or gives it back: create_intent minds no tickets. */
static void
play_elsewhere(size_t u)
{
    bool free = tickets_held(&walk.world, u) == 0;

    if (walk.world.elsewhere[u]) {
        functions_game("create_failed", walk.elsewhere[u], "%lld|0|http://s", model_now);
        walk.world.elsewhere[u] = false;
        return;
    }
    new_id(walk.elsewhere[u]);
    ck_assert_str_eq(functions_game("create_intent", walk.elsewhere[u],
                                    "%lld|%lld|%s|p|%s|name|2|{\"num_players\":2}|http://s|ws://s|"
                                    "seats_max|1",
                                    model_now, model_now + MODEL_FAR, walk.elsewhere[u], users[u]),
                     free ? "ok" : "limit");
    walk.world.elsewhere[u] = free;
}

static bool
is_chosen(size_t step, size_t ticket, size_t u)
{
    for (size_t i = 0; i < walk.nchoices; i++) {
        const struct ticket_taken *how = &walk.choice[i].how;

        if (how->step == step && how->ticket == ticket && how->player == u)
            return true;
    }
    return false;
}

/* What the model does not let a client, or who cares for what is due, do. */
static void
try_in_vain(struct random_source *r)
{
    size_t ticket = random_below(r, TICKET_PLAYERS), u = random_below(r, TICKET_PLAYERS);
    char kept[ID];

    switch (random_below(r, 5)) {
    case 0:
        snprintf(kept, sizeof kept, "%s", walk.ticket[u]);
        if (!is_chosen(T_ticket_open, u, u))
            ck_assert_str_ne(open_ticket(u, random_below(r, 2) == 0), "ok");
        snprintf(walk.ticket[u], ID, "%s", kept);
        break;
    case 1:
        if (!is_chosen(T_ticket_join, ticket, u))
            join_ticket(ticket, u);
        break;
    case 2:
        if (!is_chosen(T_ticket_ready, ticket, ticket))
            ready_ticket(ticket);
        break;
    case 3:
        if (!is_chosen(T_ticket_cancel, ticket, u))
            cancel_ticket(ticket, u);
        break;
    default:
        if (!is_chosen(T_ticket_expire, ticket, ticket))
            ck_assert_str_eq(expire_ticket(ticket), "none");
    }
    model_now++;
    compare("in vain");
}

/* Tickets one of which does not wait, or is another's by now. */
static void
take_in_vain(struct random_source *r)
{
    unsigned tickets = 1 + (unsigned)random_below(r, (1U << TICKET_PLAYERS) - 1);
    struct walk kept = walk;
    bool waits = true;

    for (size_t i = 0; i < TICKET_PLAYERS; i++) {
        if (!(tickets >> i & 1))
            continue;
        waits = waits && walk.world.ticket[i].state == WAITING;
        for (size_t u = 0; u < TICKET_PLAYERS; u++)
            if ((walk.world.ticket[i].members >> u & 1) && tickets_held(&walk.world, u) > 0)
                return; /* it would be cancelled */
    }
    if (waits)
        return;
    ck_assert_int_eq(strncmp(take(0, tickets), "unusable", 8), 0);
    walk = kept;
    model_now++;
    compare("taken in vain");
}

/* --- walks ------------------------------------------------------------------------------------ */

/* Whatever ends things is possible at any time: it is taken more rarely, so that there is something
 * to end. */
static bool
is_end(size_t step)
{
    return step == T_process_dies || step == T_server_restarts || step == T_expire ||
           step == T_ticket_cancel || step == T_ticket_revoke || step == T_ticket_expire ||
           step == T_match_failed || step == T_server_ends_game || step == T_tickets_note ||
           step == T_server_refuses;
}

static const struct choice *
choose(struct random_source *r)
{
    const struct choice *c;

    do
        c = &walk.choice[random_below(r, walk.nchoices)];
    while (is_end(c->how.step) && random_below(r, walk.patience) != 0);
    return c;
}

static void
step(struct random_source *r, const char *const *names, bool *taken)
{
    const struct choice *c;

    if (random_below(r, 16) == 0) {
        model_now++;
        play_elsewhere(random_below(r, TICKET_PLAYERS));
        compare("elsewhere");
    }
    walk.nchoices = 0;
    tickets_next(&walk.world, NO_BUG, collect, &walk);
    if (random_below(r, 2) == 0)
        try_in_vain(r);
    if (random_below(r, 4) == 0)
        take_in_vain(r);
    if (walk.nchoices == 0)
        return; /* all play elsewhere */
    c = choose(r);
    model_now++;
    call_of_match(c);
    walk.world = c->to;
    walk.steps_len += (size_t)snprintf(
        walk.steps + walk.steps_len, sizeof walk.steps - walk.steps_len, " %s(%zu %zu %zu)",
        names[c->how.step], c->how.ticket, c->how.player, c->how.match);
    taken[c->how.step] = true;
    compare(names[c->how.step]);
}

START_TEST(every_step_does_in_redis_what_it_does_in_the_model)
{
#define NAMED(name, kind) #name,
    static const char *const names[] = {TICKET_STEPS(NAMED)};
#undef NAMED
    struct random_source r = random_start();
    bool taken[TICKET_NSTEPS] = {false};

    for (int i = 0; i < WALKS; i++) {
        model_begin();
        walk = (struct walk){.patience = 2 + random_below(&r, 8)};
        walk.world.matches = TICKET_MATCHES;
        walk.world.chances = TICKET_UNBOUNDED;
        for (size_t u = 0; u < TICKET_PLAYERS; u++)
            new_id(walk.ticket[u]); /* which nobody has opened */
        for (int n = 0; n < STEPS; n++)
            step(&r, names, taken);
    }
    for (size_t i = 0; i < TICKET_NSTEPS; i++)
        ck_assert_msg(taken[i] || i == T_answer_is_lost, "%s is in no walk", names[i]);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("model: tickets");
    TCase *tc = tcase_create("walks");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_step_does_in_redis_what_it_does_in_the_model);
    suite_add_tcase(s, tc);
    return s;
}
