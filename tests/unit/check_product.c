/* Games' files: the example, defaults, every mistake with its line, and folders of them. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/product/product.h"
#include "lib/rules/rules.h"
#include "tests/unit/unit.h"

#define WHY_MAX 8192

static const char *
text(const struct buf *b)
{
    return b->len > 0 ? b->data : "";
}

static int
parse(const char *json, struct product **ret_product, struct buf *why)
{
    return product_parse_one(json, strlen(json), "f", ret_product, why);
}

/* A file with the required keys and whatever else. */
#define GAME(more)                                                                       \
    "{\"product_id\": \"p\", \"game_server_url\": \"http://h:1\", \"game_socket_url\": " \
    "\"ws://h:2/\"" more "}"

START_TEST(the_example)
{
    const char *srcdir = getenv("srcdir");
    struct products *products = NULL;
    const struct product *p;
    char games[PATH_MAX];
    struct buf why;

    buf_init(&why, WHY_MAX);
    (void)snprintf(games, sizeof(games), "%s/games", srcdir != NULL ? srcdir : ".");
    ck_assert_msg(products_load(games, &products, &why) == 0, "%s", text(&why));
    p = products_find(products, "exrps", 5);
    ck_assert_ptr_nonnull(p);
    ck_assert_str_eq(p->id, "exrps");
    ck_assert_str_eq(p->title, "Rock Paper Scissors Apocalypse");
    ck_assert_str_eq(p->servers[0].url, "http://127.0.0.1:8085");
    ck_assert_str_eq(p->servers[0].socket_url, "ws://127.0.0.1:8086/");
    ck_assert_int_eq(p->players_max, 2);
    ck_assert_int_eq(p->timeouts.creator_joined, 900000);
    ck_assert_uint_eq(rules_board_count(p->rules), 2);
    ck_assert_str_eq(rules_board_at(p->rules, 0)->title, "Online wins");
    ck_assert_ptr_nonnull(strstr(p->stats_json, "\"rock_selection_count\":{\"title\":\"Rock\"}"));
    products_free(products);
}
END_TEST

START_TEST(defaults)
{
    struct product *p = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_msg(parse(GAME(""), &p, &why) == 0, "%s", text(&why));
    ck_assert_str_eq(p->id, "p");
    ck_assert_str_eq(p->title, "p");
    ck_assert_str_eq(p->file, "f");
    ck_assert_int_eq(p->players_min, 2);
    ck_assert_int_eq(p->players_max, 2);
    ck_assert_int_eq(p->timeouts.created, 60000);
    ck_assert_int_eq(p->timeouts.seat, 60000);
    ck_assert_int_eq(p->timeouts.creator_joined, 900000);
    ck_assert_int_eq(p->timeouts.all_players_joined, 600000);
    ck_assert_int_eq(p->timeouts.in_progress, 1200000);
    ck_assert_int_eq(p->timeouts.ended, 300000);
    ck_assert_int_eq(p->matches, 20);
    ck_assert(p->head_to_head);
    ck_assert_str_eq(p->stats_json, "{}");
    ck_assert_uint_eq(rules_board_count(p->rules), 0);
    product_free(p);
    product_free(NULL);
}
END_TEST

START_TEST(values)
{
    struct product *p = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_msg(
        parse("{\"product_id\": \"A_b-9\", \"title\": \"T \xc3\xa9\","
              " \"game_server_url\": \"https://[::1]:8443/a/b//\","
              " \"game_socket_url\": \"wss://h/x?y=1\", \"players\": {\"min\": 1, \"max\": 64},"
              " \"timeouts\": {\"created\": 1, \"ended\": 86400}, \"matches\": 100,"
              " \"head_to_head\": false, \"stats\": [{\"on\": {\"type\": "
              "\"x\"}, \"player\": \"q\", \"add\": {\"a\": 1, \"b\": 2}}],"
              " \"titles\": {\"b\": \"The \\\"b\\\"\"}}",
              &p, &why) == 0,
        "%s", text(&why));
    ck_assert_str_eq(p->id, "A_b-9");
    ck_assert_str_eq(p->title, "T \xc3\xa9");
    ck_assert_str_eq(p->servers[0].url, "https://[::1]:8443/a/b");
    ck_assert_str_eq(p->servers[0].socket_url, "wss://h/x?y=1");
    ck_assert_int_eq(p->players_min, 1);
    ck_assert_int_eq(p->players_max, 64);
    ck_assert_int_eq(p->timeouts.created, 1000);
    ck_assert_int_eq(p->timeouts.ended, 86400000);
    ck_assert_int_eq(p->matches, 100);
    ck_assert(!p->head_to_head);
    ck_assert_str_eq(p->stats_json,
                     "{\"a\":{\"title\":\"a\"},\"b\":{\"title\":\"The \\\"b\\\"\"}}");
    product_free(p);
}
END_TEST

#define SERVER(url) \
    "{\"product_id\": \"p\", \"game_server_url\": \"" url "\", \"game_socket_url\": \"ws://h\"}"
#define SOCKET(url) \
    "{\"product_id\": \"p\", \"game_server_url\": \"http://h\", \"game_socket_url\": \"" url "\"}"
#define SERVERS(servers) "{\"product_id\": \"p\", \"game_servers\": [" servers "]}"
#define ENTRY(url) "{\"url\": \"" url "\", \"socket_url\": \"ws://h\"}"
#define ID(id)                                                                              \
    "{\"product_id\": \"" id "\", \"game_server_url\": \"http://h\", \"game_socket_url\": " \
    "\"ws://h\"}"

START_TEST(several_game_servers)
{
    struct product *p = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_msg(parse(SERVERS(ENTRY("http://a/x//") ", {\"url\": \"http://b\", \"socket_url\": "
                                                      "\"wss://b/\", \"weight\": 1000}"),
                        &p, &why) == 0,
                  "%s", text(&why));
    ck_assert_uint_eq(p->nservers, 2);
    ck_assert_str_eq(p->servers[0].url, "http://a/x");
    ck_assert_str_eq(p->servers[0].socket_url, "ws://h");
    ck_assert_int_eq(p->servers[0].weight, 1);
    ck_assert_str_eq(p->servers[1].url, "http://b");
    ck_assert_str_eq(p->servers[1].socket_url, "wss://b/");
    ck_assert_int_eq(p->servers[1].weight, 1000);
    ck_assert(!p->servers[0].drained);
    product_free(p);
}
END_TEST

static const struct {
    const char *json, *reasons;
} bad[] = {
    {"{", "f: line 1, column 2: the text ends too early"},
    {GAME(", \"players\": {\"max\": 3, \"max\": 3}"),
     "f: line 1, column 108: the key \"max\" stands here twice"},
    {"{}", "f: product_id: is missing\nf: game_server_url: is missing\n"
           "f: game_socket_url: is missing"},
    {ID(""), "f: product_id: must not be empty"},
    {ID("-a"), "f: product_id: must be of the characters A-Z a-z 0-9 _ -, and not begin with -"},
    {ID("a b"), "f: product_id: must be of the characters A-Z a-z 0-9 _ -, and not begin with -"},
    {ID("{p}"), "f: product_id: must be of the characters A-Z a-z 0-9 _ -, and not begin with -"},
    {ID("12345678901234567890123456789012345678901234567890123456789012345"),
     "f: product_id: is longer than 64 bytes"},
    {SERVER("ws://h"), "f: game_server_url: must begin with http:// or https://"},
    {SERVER("h:80"), "f: game_server_url: must begin with http:// or https://"},
    {SERVER("http://"), "f: game_server_url: names no host"},
    {SERVER("http:///x"), "f: game_server_url: names no host"},
    {SERVER("http://:80"), "f: game_server_url: names no host"},
    {SERVER("http://h?x"), "f: game_server_url: must not have a query (?…): varcade adds to its "
                           "path"},
    {SERVER("http://h/#x"), "f: game_server_url: must not have a fragment (#…)"},
    {SERVER("http://u:p@h"), "f: game_server_url: must not hold a user name or password"},
    {SERVER("http://h:65536"), "f: game_server_url: is no valid URL"},
    {SERVER("http://h:0"), "f: game_server_url: the port must not be 0"},
    {SERVER("http://h o"), "f: game_server_url: is no valid URL"},
    {SOCKET("ftp://h"), "f: game_socket_url: must begin with ws://, wss://, http:// or https://"},
    {SOCKET("ws://u@h"), "f: game_socket_url: must not hold a user name or password"},
    {SOCKET("ws://h\\n"), "f: game_socket_url: holds a control character"},
    {SERVERS(ENTRY("http://h") "], \"game_server_url\": \"http://h\", \"x\": ["),
     "f: x: unknown key\nf: game_servers: stands beside game_server_url or game_socket_url, in whose "
     "place it is"},
    {SERVERS(""), "f: game_servers: is not an array of 1 to 16 game servers"},
    {SERVERS("3"), "f: game_servers[0]: is not an object"},
    {SERVERS(ENTRY("http://h") "," ENTRY("http://h/")),
     "f: game_servers[1].url: is that of game_servers[0] too"},
    {SERVERS("{\"url\": \"h\", \"weight\": 0, \"port\": 1}"),
     "f: game_servers[0].port: unknown key\n"
     "f: game_servers[0].url: must begin with http:// or https://\n"
     "f: game_servers[0].socket_url: is missing\nf: game_servers[0].weight: 0 is less than 1"},
    {SERVERS("{\"url\": \"\", \"socket_url\": \"\", \"weight\": 1001}"),
     "f: game_servers[0].url: must not be empty\nf: game_servers[0].socket_url: must not be empty\n"
     "f: game_servers[0].weight: 1001 is more than 1000"},
    {"{\"product_id\": \"p\", \"game_server_url\": \"http://h\"}",
     "f: game_socket_url: is missing"},
    {GAME(", \"title\": 3"), "f: title: must be a string, is a number"},
    {GAME(", \"title\": \"a\\tb\""), "f: title: holds a control character"},
    {GAME(", \"players\": {\"max\": 65}"), "f: players.max: 65 is more than 64"},
    {GAME(", \"players\": {\"min\": 0}"), "f: players.min: 0 is less than 1"},
    {GAME(", \"players\": {\"min\": 3}"), "f: players.min: 3 is more than players.max, 2"},
    {GAME(", \"players\": 2"), "f: players: must be an object, is a number"},
    {GAME(", \"players\": {\"most\": 2}"), "f: players.most: unknown key"},
    {GAME(", \"timeouts\": {\"created\": 0}"), "f: timeouts.created: 0 is less than 1"},
    {GAME(", \"timeouts\": {\"ended\": 86401}"), "f: timeouts.ended: 86401 is more than 86400"},
    {GAME(", \"timeouts\": {\"seat\": 1.5}"), "f: timeouts.seat: must be an integer, is 1.5"},
    {GAME(", \"timeouts\": {\"seat\": \"60\"}"),
     "f: timeouts.seat: must be an integer, is a string"},
    {GAME(", \"ratings\": []"), "f: ratings: unknown key"},
    {GAME(", \"stats\": [{\"on\": {\"type\": \"x\"}, \"player\": \"q\", \"add\": {\"a\": true}}]"),
     "f: stats[0].add.a: neither a number nor {\"field\": NAME}"},
    {GAME(", \"boards\": [{\"id\": \"b\", \"window\": \"all\", \"from\": [{\"on\": {\"type\": "
          "\"x\"}, \"player\": \"q\", \"add\": 1}]}]"),
     "f: boards[0].window: unknown key"},
    {GAME(", \"timezone\": \"Mars/Olympus\""),
     "f: timezone: not the name of a time zone, as \"Europe/Berlin\" is one"},
    /* what is wrong in the plain keys, across them and in the rules: all at once */
    {GAME(", \"x\": 1, \"players\": {\"min\": 9}, \"stats\": 3"),
     "f: x: unknown key\nf: players.min: 9 is more than players.max, 2\nf: stats: not an array"},
};

START_TEST(mistakes)
{
    struct product *p = NULL;
    struct buf why;

    buf_init(&why, WHY_MAX);
    ck_assert_int_eq(parse(bad[_i].json, &p, &why), -1);
    ck_assert_str_eq(text(&why), bad[_i].reasons);
    ck_assert_ptr_null(p);
    buf_free(&why);
}
END_TEST

/* --- folders ---------------------------------------------------------------------------------- */

static char folder[64];
static struct buf why;

static void
setup(void)
{
    buf_init(&why, WHY_MAX);
    (void)snprintf(folder, sizeof(folder), "/tmp/varcade-games-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void
teardown(void)
{
    static const char *const names[] = {"a.json",      "b.json",  "ab.json", "a-b.json",
                                        "schema.json", ".c.json", "d.json~", "e.json"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(names[i]);
    }
    (void)rmdir("e.json");
    ck_assert_int_eq(rmdir(folder), 0);
    buf_free(&why);
}

static void
write_file(const char *name, const char *json)
{
    FILE *f = fopen(name, "we");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(json, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* By id, a is before a-b; by file name, a-b.json is before a.json. */
START_TEST(a_folder)
{
    struct products *p = NULL;

    write_file("b.json", ID("b"));
    write_file("a-b.json", ID("a-b"));
    write_file("a.json", ID("a"));
    write_file("schema.json", "not a game");
    write_file(".c.json", "not a game");
    write_file("d.json~", "not a game");
    ck_assert_msg(products_load(".", &p, &why) == 0, "%s", text(&why));
    ck_assert_uint_eq(products_count(p), 3);
    ck_assert_str_eq(products_at(p, 0)->id, "a");
    ck_assert_str_eq(products_at(p, 1)->id, "a-b");
    ck_assert_str_eq(products_at(p, 2)->id, "b");
    ck_assert_str_eq(products_at(p, 2)->file, "./b.json");
    ck_assert_ptr_eq(products_find(p, "a", 1), products_at(p, 0));
    ck_assert_ptr_eq(products_find(p, "a-b", 3), products_at(p, 1));
    ck_assert_ptr_eq(products_find(p, "a-bc", 3), products_at(p, 1));
    ck_assert_ptr_eq(products_find(p, "b", 1), products_at(p, 2));
    ck_assert_ptr_null(products_find(p, "", 0));
    ck_assert_ptr_null(products_find(p, "a-bc", 4));
    ck_assert_ptr_null(products_find(p, "c", 1));
    ck_assert_ptr_null(products_find(p, "a\0", 2));
    products_free(p);
    products_free(NULL);
}
END_TEST

START_TEST(bad_folders)
{
    struct products *p = NULL;

    ck_assert_int_eq(products_load("none", &p, &why), -1);
    ck_assert_str_eq(text(&why), "none: cannot read the folder: No such file or directory");
    buf_reset(&why);
    write_file("schema.json", "{}");
    ck_assert_int_eq(products_load(".", &p, &why), -1);
    ck_assert_str_eq(text(&why), ".: holds no game's file (PRODUCT_ID.json)");
    ck_assert_ptr_null(p);
}
END_TEST

/* The problems of all files, and nothing is loaded where one of them is bad. */
START_TEST(bad_files)
{
    static const char expected[] =
        "./ab.json: product_id: is \"b\", so the file's name must be b.json\n"
        "./b.json: line 1, column 20: expected a key in double quotes\n"
        "./e.json: cannot read it: ";
    struct products *p = NULL;

    write_file("a.json", ID("a"));
    write_file("ab.json", ID("b"));
    write_file("b.json", "{\"product_id\": \"b\",}");
    ck_assert_int_eq(mkdir("e.json", 0700), 0);
    ck_assert_int_eq(products_load(".", &p, &why), -1);
    ck_assert_ptr_null(p);
    ck_assert_uint_ge(why.len, sizeof(expected) - 1);
    why.data[sizeof(expected) - 1] = '\0';
    ck_assert_str_eq(why.data, expected);
}
END_TEST

START_TEST(pages)
{
    char *s = NULL;
    size_t len;
    FILE *out = open_memstream(&s, &len);

    ck_assert_ptr_nonnull(out);
    product_print_help(out);
    product_print_man(out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_ptr_nonnull(strstr(s, "\n  players.max                      integer, 1 to 64 "
                                    "players, default 2\n"));
    ck_assert_ptr_nonnull(strstr(s, "\n.It Sy timeouts.seat\n(integer, 1 to 86400 s, default 60)"));
    free(s);
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("product");
    TCase *tcase = tcase_create("file");

    tcase_add_test(tcase, the_example);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, values);
    tcase_add_test(tcase, several_game_servers);
    tcase_add_loop_test(tcase, mistakes, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tcase, pages);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("folder");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_folder);
    tcase_add_test(tcase, bad_folders);
    tcase_add_test(tcase, bad_files);
    suite_add_tcase(suite, tcase);
    return suite;
}
