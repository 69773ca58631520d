/*
 * A game's file to a product: the plain keys by a table, `stats` and `boards` by the rules.
 */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/config/table.h"
#include "lib/product/gamesettings.h"
#include "lib/product/product.h"
#include "lib/product/product_servers.h"
#include "lib/product/queue.h"
#include "lib/rules/rules.h"

#define LINES_MAX (256 * 1024) /* of problems of one file */
#define STATS_MAX (1024 * 1024)
#define SECOND_MS 1000

/* What the table fills; the product takes its strings over. */
struct settings {
    char *product_id;
    char *title;
    char *game_server_url;
    char *game_socket_url;
    struct product_server *servers; /* of these two keys, or of game_servers */
    size_t nservers;
    int64_t players_min, players_max;
    struct product_timeouts timeouts;
    struct product_limits limits;
    int64_t matches;
    bool head_to_head;
    dur_ms rejoin;
    bool host_migration;
};

/* --- checks of single values ------------------------------------------------------------------ */

static const char *
check_id(const char *id)
{
    if (!text_is_product_id(id, strlen(id)))
        return "must be of the characters A-Z a-z 0-9 _ -, and not begin with -";
    /* /leaderboards/top_ten/… is a route of its own. */
    return strcmp(id, "top_ten") == 0 ? "is a reserved name" : NULL;
}

/* --- the table -------------------------------------------------------------------------------- */

#define FIELD(name) .offset = offsetof(struct settings, name)
#define TIMEOUT(name, seconds)                                                        \
    .key = "timeouts." #name, .type = TABLE_DURATION, FIELD(timeouts.name), .min = 1, \
    .max = 86400, .scale = SECOND_MS, .unit = "s", .fallback = seconds

/* clang-format off */
static const struct table_row rows[] = {
    {.key = "product_id", .type = TABLE_STRING, FIELD(product_id), .min = 1,
     .max = TEXT_PRODUCT_ID_MAX, .unit = "", .check = check_id,
     .help = "The game's name in every URL and event: A-Z a-z 0-9 _ -, not beginning with -. "
             "The file's name is the product_id plus .json."},
    {.key = "title", .type = TABLE_STRING, FIELD(title), .min = 0, .max = 200,
     .fallback = "\"\"", .unit = "",
     .help = "The game's name for people. Empty: the product_id."},
    {.key = "game_server_url", .type = TABLE_STRING, FIELD(game_server_url), .min = 0,
     .max = 1000, .fallback = "\"\"", .unit = "", .check = product_servers_check_url,
     .help = "Where varcade reaches the game server: http://host:port or https://host:port, with "
             "a path where there is one. Players never see it. Needed unless there are "
             "game_servers."},
    {.key = "game_socket_url", .type = TABLE_STRING, FIELD(game_socket_url), .min = 0,
     .max = 1000, .fallback = "\"\"", .unit = "", .check = product_servers_check_socket,
     .help = "Where the players' clients reach the game server (ws, wss, http or https); they "
             "get it as it stands here, as target_game_server. Needed unless there are "
             "game_servers."},
    {.key = "game_servers", .type = TABLE_OTHER, .choices = "array of game servers",
     .fallback = "", .unit = "",
     .help = "Several game servers, at most 16, in place of the two keys above, each {\"url\", "
             "\"socket_url\", \"weight\": 1}: the first two are what those keys are, the third "
             "is its share of the new games, 1 to 1000. New games are made on those that answer "
             "and that are not drained (varcadectl gameserver drain)."},
    {.key = "players.min", .type = TABLE_INT, FIELD(players_min), .min = 1,
     .max = PRODUCT_PLAYERS_MAX, .fallback = "2", .unit = "players",
     .help = "The fewest players that a match can have."},
    {.key = "players.max", .type = TABLE_INT, FIELD(players_max), .min = 1,
     .max = PRODUCT_PLAYERS_MAX, .fallback = "2", .unit = "players",
     .help = "The seats of a game; a game with all of them taken is listed no longer."},
    {TIMEOUT(created, "60"),
     .help = "A game whose creator has not connected to the game server by then is taken away."},
    {TIMEOUT(seat, "60"),
     .help = "All seats are taken, and a player has not connected to the game server by then: "
             "the seat is free again."},
    {TIMEOUT(creator_joined, "900"),
     .help = "A listed game that waited so long for players is taken away."},
    {TIMEOUT(all_players_joined, "600"),
     .help = "All players are there, and the match has not begun by then: the game is taken "
             "away."},
    {TIMEOUT(in_progress, "1200"),
     .help = "A match that has not ended by then is taken away."},
    {TIMEOUT(ended, "300"),
     .help = "A game that is over, and that the game server has not removed by then, is taken "
             "away."},
    {.key = "limits.open_games", .type = TABLE_INT, FIELD(limits.open_games), .min = 1,
     .max = 1000, .fallback = "100", .unit = "games",
     .help = "As many games, not yet over, one player can have made; the next one is refused with "
             "429. For players who are people, 3 is plenty."},
    {.key = "limits.seats", .type = TABLE_INT, FIELD(limits.seats), .min = 1, .max = 1000,
     .fallback = "100", .unit = "games",
     .help = "In as many games, not yet over, one player can have a seat, the games that they "
             "made among them."},
    {.key = "rejoin", .type = TABLE_DURATION, FIELD(rejoin), .min = 0, .max = 3600,
     .scale = SECOND_MS, .fallback = "0", .unit = "s",
     .help = "For so long the seat of a player whom the game server tells to be disconnected is "
             "kept, and the token with it: for game servers that let such a player come back. 0: "
             "the seat is free at once."},
    {.key = "host_migration", .type = TABLE_BOOL, FIELD(host_migration), .fallback = "false",
     .unit = "",
     .help = "Whether the game goes on when its creator goes: another player takes the creator's "
             "place. For game servers that do the same; else the game is removed."},
    {.key = "settings", .type = TABLE_OTHER, .choices = "object", .fallback = "", .unit = "",
     .help = "What players can choose for a game, at most 16: name to {\"type\": \"string\", "
             "\"values\": [TEXT, …], \"default\": TEXT}, {\"type\": \"integer\", \"min\", \"max\", "
             "\"default\"} or {\"type\": \"boolean\", \"default\"}. Without a default it is the "
             "first text, min, or false. The game server is told of them by create_game."},
    {.key = "stats", .type = TABLE_OTHER, .choices = "array of rules", .fallback = "", .unit = "",
     .help = "Which events change which statistics of which player. A rule has \"on\" (an object: "
             "every field that it names has this value in the event), \"player\" (the field that "
             "names the player) or \"players\" (one that names several, as a JSON array of user "
             "ids or of such arrays), and one or more of \"add\", \"max\", \"min\", \"set\" (each an "
             "object: statistic to a number or to {\"field\": NAME}) and \"count\" ({\"field\": "
             "NAME, \"as\": {VALUE: STATISTIC}, \"other\": STATISTIC}: the statistic that the "
             "field's value chooses grows by one) and \"streak\" (an object: statistic to true, "
             "it grows by one, to {\"longest\": STATISTIC}, which in addition is the most that "
             "it ever was, or to false, it is 0 again)."},
    {.key = "titles", .type = TABLE_OTHER, .choices = "object", .fallback = "", .unit = "",
     .help = "Statistic to its name for people, as the page shows it. A statistic without one is "
             "shown by its own name."},
    {.key = "boards", .type = TABLE_OTHER, .choices = "array of boards", .fallback = "", .unit = "",
     .help = "The leaderboards, at most 64, each with \"id\", \"title\" (default: the id), "
             "\"order\" (\"desc\", the default: the highest score leads; or \"asc\"), \"ties\" "
             "(\"competition\", the default: 1 2 2 4; \"dense\": 1 2 2 3; or \"first\": 1 2 3 "
             "4, whoever reached the score first being ahead) and \"from\": "
             "an array of rules as in stats, each with one of \"add\", \"max\", \"min\" and "
             "\"set\", which is a number or {\"field\": NAME}. Windows of time: \"windows\" "
             "(array of "
             "\"all\", the default, \"yearly\", \"monthly\", \"weekly\", \"daily\"), \"timezone\" "
             "(default: that of the file), \"week_start\" (\"monday\", the default, or "
             "\"sunday\"), \"keep\" (how many past windows of each kind can be read: 0 to 366, "
             "default 1) and \"seasons\" (array of {\"id\", \"from\", \"to\"}, times as RFC 3339 "
             "writes them). \"bounds\" ({\"min\", \"max\", \"max_step\", \"max_per_minute\"}, "
             "each optional) tells what scores may be; an event that would take one outside goes "
             "to quarantine. A board with \"rating\" in place of \"from\" shows "
             "how strong players are: {\"system\": \"elo\", \"glicko2\" or \"openskill\", "
             "\"on\", and either \"winner\" and \"loser\" or \"placements\" and \"ranks\" "
             "(names of "
             "fields)}, for elo with \"k\" (32; a number or steps), \"start\" (1500) and "
             "\"max_difference\", for glicko2 with \"tau\" (0.5), \"start\" ({\"rating\", "
             "\"deviation\", \"volatility\"}: 1500, 350, 0.06) and \"period_days\", for openskill "
             "with \"tau\" (0.0833), \"scale\" (1) and \"base\" (0)."},
    {.key = "queues", .type = TABLE_OTHER, .choices = "array of queues", .fallback = "", .unit = "",
     .help = "Where players ask to be matched, at most 16, each with \"id\", \"teams\" (2), "
             "\"team_size\" (1; a number or {\"min\": 1, \"max\", \"wait\": 10}: full teams "
             "alone for so many seconds, then smaller ones too), \"rating\" (the id of a board "
             "with a rating) and \"range\" (how far ratings may be apart: {\"start\": 100, "
             "\"per_second\": 10, \"max\"}, widening with waiting), \"latency\" "
             "({\"regions\": array of names, \"start\": 100, \"per_second\": 10, \"max\"}: the "
             "milliseconds that a player takes), \"equal\" (array of attributes that have to be "
             "equal), \"within\" (an object: attribute to how far its numbers may be apart), "
             "\"timeout\" (300: who waited so many seconds leaves the queue) and \"backfill\" "
             "(false; true: the free seats of listed games come before a match)."},
    {.key = "matches", .type = TABLE_INT, FIELD(matches), .min = 0, .max = PRODUCT_MATCHES_MAX,
     .fallback = "20", .unit = "matches",
     .help = "How many of a player's last matches are kept, as game_over tells them, for GET "
             "/players. They take most of the memory that a player takes, 200 bytes each, and "
             "much of the time that an event takes. 0: none."},
    {.key = "head_to_head", .type = TABLE_BOOL, FIELD(head_to_head), .fallback = "true",
     .unit = "",
     .help = "Whether it is kept who won how often against whom, for GET /players. It grows with "
             "every two who play for the first time, by 40 bytes for each of them."},
    {.key = "timezone", .type = TABLE_OTHER, .choices = "string", .fallback = "\"UTC\"", .unit = "",
     .help = "The time zone in which the boards' days, weeks, months and years begin, such as "
             "Europe/Berlin."},
    {.key = "grace", .type = TABLE_OTHER, .choices = "number", .fallback = "0", .unit = "s",
     .help = "How late an event may come, 0 to 86400, and still count in the windows of the time "
             "that its field \"time\" says (RFC 3339). Later ones, and all where it is 0, count "
             "when they come."},
    {.key = "top_ten", .type = TABLE_OTHER, .choices = "string", .fallback = "", .unit = "",
     .help = "The id of the board that GET /leaderboards/top_ten/{product_id} shows. Without it "
             "that is the first board."},
};
/* clang-format on */

#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* --- one file --------------------------------------------------------------------------------- */

/* The statistics and their titles as GET /products shows them. NULL: out of memory. */
static char *
stats_json(const struct rules *rules)
{
    struct buf b;
    char *json;

    buf_init(&b, STATS_MAX);
    buf_byte(&b, '{');
    for (size_t i = 0; i < rules_stat_count(rules); i++) {
        const char *name = rules_stat_name(rules, i), *title = rules_stat_title(rules, i);

        buf_str(&b, i > 0 ? "," : "");
        buf_json_string(&b, name, strlen(name));
        buf_str(&b, ":{\"title\":");
        buf_json_string(&b, title, strlen(title));
        buf_byte(&b, '}');
    }
    buf_byte(&b, '}');
    json = buf_steal(&b);
    buf_free(&b);
    return json;
}

/* Move a string of the settings, so that one owner frees it. */
static char *
take(char **s)
{
    char *taken = *s;

    *s = NULL;
    return taken;
}

/* A product from settings and rules, which it takes over also where it fails. NULL: out of
 * memory. */
static struct product *
assemble(struct settings *s, struct rules *rules, const char *file)
{
    struct product *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        rules_free(rules);
        return NULL;
    }
    p->rules = rules;
    memcpy(p->id, s->product_id, strlen(s->product_id) + 1);
    p->title = s->title[0] != '\0' ? take(&s->title) : take(&s->product_id);
    p->servers = s->servers;
    p->nservers = s->nservers;
    s->servers = NULL;
    p->players_min = s->players_min;
    p->players_max = s->players_max;
    p->timeouts = s->timeouts;
    p->limits = s->limits;
    p->matches = s->matches;
    p->head_to_head = s->head_to_head;
    p->rejoin = s->rejoin;
    p->host_migration = s->host_migration;
    p->stats_json = stats_json(rules);
    p->file = strdup(file);
    p->generation = malloc(sizeof(*p->generation));
    if (p->stats_json == NULL || p->file == NULL || p->generation == NULL) {
        product_free(p);
        return NULL;
    }
    *p->generation = GENERATION_FIRST;
    return p;
}

static int
read_settings(struct json_object *object, struct settings *s, struct buf *lines)
{
    int ret = table_read(rows, NROWS, object, "", s, lines);

    if (product_servers_read(object, s->game_server_url, s->game_socket_url, &s->servers,
                             &s->nservers, lines) != 0)
        ret = -1;
    if (s->players_max > 0 && s->players_min > s->players_max) {
        table_problem(lines, "players.min: %d is more than players.max, %d", (int)s->players_min,
                      (int)s->players_max);
        ret = -1;
    }
    return ret;
}

int
product_parse_one(const char *json, size_t len, const char *file, struct product **ret_product,
                  struct buf *why)
{
    struct json_object *object = NULL;
    struct settings settings = {0};
    struct rules *rules = NULL;
    struct product *product;
    struct buf lines, rules_lines, queue_lines, settings_lines;
    struct gamesettings *chosen = NULL;
    struct queue *queues = NULL;
    size_t nqueues = 0;
    int ret = -1, read, compiled, queued, chose;

    buf_init(&lines, LINES_MAX);
    buf_init(&rules_lines, LINES_MAX);
    buf_init(&queue_lines, LINES_MAX);
    buf_init(&settings_lines, LINES_MAX);
    if (table_parse(json, len, &object, &lines) != 0) {
        goto out;
    }
    /* All of them, whatever the first one says: every problem is told at once. */
    read = read_settings(object, &settings, &lines);
    compiled = rules_compile(object, &rules, &rules_lines);
    queued = queue_compile(object, rules, settings.players_min, settings.players_max, &queues,
                           &nqueues, &queue_lines);
    chose = gamesettings_compile(object, &chosen, &settings_lines);
    if (read != 0 || compiled != 0 || queued != 0 || chose != 0) {
        goto out;
    }
    product = assemble(&settings, rules, file);
    rules = NULL;
    if (product == NULL) {
        table_problem(&lines, "out of memory");
        goto out;
    }
    product->queues = queues;
    product->nqueues = nqueues;
    queues = NULL;
    product->settings = chosen;
    chosen = NULL;
    *ret_product = product;
    ret = 0;
out:
    table_prefix(file, &lines, why);
    table_prefix(file, &rules_lines, why);
    buf_free(&lines);
    table_prefix(file, &queue_lines, why);
    table_prefix(file, &settings_lines, why);
    buf_free(&rules_lines);
    buf_free(&queue_lines);
    buf_free(&settings_lines);
    free(queues);
    gamesettings_free(chosen);
    rules_free(rules);
    product_servers_free(settings.servers, settings.nservers);
    table_free(rows, NROWS, &settings);
    json_object_put(object);
    return ret;
}

void
product_free(struct product *p)
{
    if (p != NULL) {
        free(p->title);
        product_servers_free(p->servers, p->nservers);
        rules_free(p->rules);
        free(p->queues);
        gamesettings_free(p->settings);
        free(p->stats_json);
        free(p->file);
        free(p->generation);
        free(p);
    }
}

/* --- for people ------------------------------------------------------------------------------- */

void
product_print_help(FILE *out)
{
    fputs("A game's file, PRODUCT_ID.json in games.dir (players.max is {\"players\": {\"max\": "
          "…}}):\n",
          out);
    table_print_help(rows, NROWS, out);
}

void
product_print_man(FILE *out)
{
    fputs(".Dd January 1, 2026\n"
          ".Dt VARCADE.GAME 5\n"
          ".Os\n"
          ".Sh NAME\n"
          ".Nm varcade.game\n"
          ".Nd a game's file for varcade\n"
          ".Sh DESCRIPTION\n"
          "One JSON file describes one game:\n"
          "where its game server is, how many play,\n"
          "how long anything may last,\n"
          "and which of its events change which statistics and leaderboards.\n"
          "The files are in the folder that\n"
          ".Sy games.dir\n"
          "of\n"
          ".Xr varcade.conf 5\n"
          "names;\n"
          "a file's name is its\n"
          ".Sy product_id\n"
          "plus\n"
          ".Sy .json .\n",
          out);
    table_print_mdoc(rows, NROWS, out);
    fputs(".Sh EXAMPLES\n"
          ".Bd -literal\n"
          "{\n"
          "  \"product_id\": \"tanks\",\n"
          "  \"title\": \"Tank Duel\",\n"
          "  \"game_server_url\": \"http://127.0.0.1:9000\",\n"
          "  \"game_socket_url\": \"wss://tanks.example.org/play\",\n"
          "  \"players\": {\"min\": 2, \"max\": 2},\n"
          "  \"stats\": [\n"
          "    {\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\",\n"
          "     \"add\": {\"games\": 1, \"wins\": 1}},\n"
          "    {\"on\": {\"type\": \"game_over\"}, \"player\": \"loser_id\", \"add\": {\"games\": "
          "1}}\n"
          "  ],\n"
          "  \"boards\": [\n"
          "    {\"id\": \"wins\", \"title\": \"Wins\",\n"
          "     \"from\": [{\"on\": {\"type\": \"game_over\"}, \"player\": \"winner_id\", \"add\": "
          "1}]}\n"
          "  ]\n"
          "}\n"
          ".Ed\n"
          ".Sh SEE ALSO\n"
          ".Xr varcade.conf 5\n",
          out);
}
