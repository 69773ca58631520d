/*
 * Random operations on a few games: whatever happens in whatever order, the keys stay consistent,
 * nothing is an error, no seat is given twice, and at the end nothing is left behind.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lobby/lobby.h"
#include "tests/unit/games.h"
#include "tests/unit/random.h"

#define GAMES 3
#define USERS 4
#define ROUNDS 10000

static struct random_source rnd;
static long long now;

static const char *const kinds[] = {"state",      "state", "state",  "connect",
                                    "disconnect", "over",  "removed"};
static const char *const states[] = {"creator_joined", "all_players_joined", "in_progress",
                                     "ended"};

static const char *const settings[] = {
    "{}", "{\"num_players\":2}",
    "{\"num_players\":4,\"map\":\"ice\",\"ranked\":true,\"teams\":[[1]]}"};
static const char *const terms[] = {"", "map=ice", "ranked=true\nmap=ice"};
static const char *const codes[] = {"", "|rejoin|4000", "|rejoin|4000|migrates|1", "|migrates|1",
                                    "|codes|AAAAAA BBBBBB CCCCCC DDDDDD EEEEEE"};

static const char *
game_id(size_t i)
{
    static char id[33];

    snprintf(id, sizeof id, "%032zx", i);
    return id;
}

/* The creator of game i is u<i>. */
static const char *
user(size_t i)
{
    static char name[USERS][8];

    snprintf(name[i], sizeof name[i], "u%zu", i);
    return name[i];
}

static const char *
random_user(void)
{
    return user(random_below(&rnd, USERS));
}

/* By its code, where it is a private game and has not lost it. */
static const char *
reserve(const char *id, const char *who)
{
    char code[LOBBY_CODE_LEN + 1] = "";
    const char *kept = functions_command("HGET {p}:game:%s code", id);

    if (strlen(kept) == LOBBY_CODE_LEN)
        memcpy(code, kept, sizeof code);
    return functions_game("seat_reserve", id, "%lld|%lld|%s|code|%s", now, now + 8000, who, code);
}

/* until as the C code gives it: did not, did, or may yet do. */
static long long
random_until(void)
{
    const long long until[] = {0, now, now + LATE};

    return until[random_below(&rnd, 3)];
}

static const char *
random_events(void)
{
    struct functions_event events[6];
    char ids[6][33];
    size_t n = 1 + random_below(&rnd, 2);

    for (size_t i = 0; i < n; i++) {
        struct functions_event *e = &events[i];

        /* One more than there are: unknown games. */
        snprintf(ids[i], sizeof ids[i], "%s", game_id(random_below(&rnd, GAMES + 1)));
        e->game = ids[i];
        e->time = now - (long long)random_below(&rnd, 300);
        e->kind = kinds[random_below(&rnd, sizeof kinds / sizeof kinds[0])];
        e->arg = "";
        if (e->kind[0] == 's')
            e->arg = states[random_below(&rnd, random_below(&rnd, 4) + 1)];
        else if (e->kind[0] == 'c' || e->kind[0] == 'd')
            e->arg = random_user();
    }
    return functions_events(events, n);
}

static const char *
random_operation(void)
{
    size_t i = random_below(&rnd, GAMES);
    const char *id = game_id(i), *who;

    switch (random_below(&rnd, 17)) {
    case 0:
        if (functions_command("EXISTS {p}:game:%s", id)[0] == '1')
            return "";
        return functions_game("create_intent", id, "%lld|%lld|%s|p|%s|N|%zu|%s|http://s|ws://s%s",
                              now, now + 8000, id, user(i), 1 + random_below(&rnd, 4),
                              settings[random_below(&rnd, 3)], codes[random_below(&rnd, 5)]);
    case 1:
        return functions_game("create_done", id, "%lld|tok|%d", now, FUNCTIONS_CREATED_MS);
    case 2:
        return random_below(&rnd, 4) > 0
                   ? ""
                   : functions_game("create_failed", id, "%lld|%lld", now, random_until());
    case 3:
    case 4:
        return reserve(id, random_user());
    case 5:
    case 6:
        who = random_user();
        /* A confirmation without a seat makes the player a leaving one; most are of a seat. */
        if (random_below(&rnd, 4) > 0)
            reserve(id, who);
        return functions_game("seat_confirm", id, "%lld|%s|tok|%d", now, who, FUNCTIONS_SEAT_MS);
    case 7:
        return functions_game("seat_release", id, "%lld|%lld|%s", now, random_until(),
                              random_user());
    case 8:
        return functions_game("expire", id, "%lld|%d|%d", now, LATE, RELIST);
    case 9:
        return functions_game("game_gone", id, "%lld", now);
    case 10:
        return functions_game("player_gone", id, "%lld|%s", now, random_user());
    case 11:
        return functions_game("seat_leave", id, "%lld|%d|%d|%s", now, LATE, RELIST, random_user());
    case 12:
        return random_below(&rnd, 4) > 0
                   ? ""
                   : functions_game("game_remove", id, "%lld|%s", now, random_user());
    case 13:
    case 14:
        if (functions_command("EXISTS {p}:game:%s", id)[0] == '1')
            return "";
        return functions_game(
            "quick_match", id, "%lld|%lld|%s|p|%s|N|%zu|%s|http://s|ws://s|terms|%s|listed|%zu",
            now, now + 8000, id, user(i), 1 + random_below(&rnd, 4),
            settings[random_below(&rnd, 3)], terms[random_below(&rnd, 3)], random_below(&rnd, 2));
    default:
        return random_events();
    }
}

/* Every deadline is acted on, every game server does as it is told: until nothing is left. */
static void
let_everything_end(void)
{
    const char *left;

    for (int i = 0; i < 1000; i++) {
        now += 5 * 60 * 1000;
        for (size_t g = 0; g < GAMES; g++) {
            functions_game("expire", game_id(g), "%lld|%d|%d", now, LATE, RELIST);
            functions_game("game_gone", game_id(g), "%lld", now);
            for (size_t u = 0; u < USERS; u++)
                functions_game("player_gone", game_id(g), "%lld|%s", now, user(u));
        }
        left = functions_command("KEYS {p}:game:*");
        if (left[0] == '\0')
            break;
    }
    CONSISTENT();
    ck_assert_str_eq(functions_command("EXISTS {p}:deadlines {p}:lobby {p}:public {p}:holders "
                                       "{p}:index {p}:codes"),
                     "0");
    ck_assert_str_eq(functions_command("HVALS {p}:counts"), "0 0 0");
}

START_TEST(test_random_operations)
{
    rnd = random_start();
    now = 1700000000000;
    for (int i = 0; i < ROUNDS; i++) {
        const char *answer = random_operation();

        ck_assert_msg(answer[0] != '!', "round %d: %s", i, answer);
        answer = functions_inconsistency();
        ck_assert_msg(answer[0] == '\0', "round %d: %s", i, answer);
        now += (long long)random_below(&rnd, random_below(&rnd, 50) == 0 ? 60000 : 300);
    }
    let_everything_end();
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *s = suite_create("random");
    TCase *tc = tcase_create("games");

    redis_server_require();
    tcase_add_checked_fixture(tc, functions_setup, functions_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_random_operations);
    suite_add_tcase(s, tc);
    return s;
}
