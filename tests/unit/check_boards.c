/*
 * Boards from end to end without the programs: random events through batches into a real Redis, and
 * every page that comes out compared with a naive model: a list of scores, sorted. The model's
 * windows are the C library's, by TZ and strftime.
 */
#include <hiredis/hiredis.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/text.h"
#include "lib/boards/board.h"
#include "lib/product/product.h"
#include "lib/redis/redis.h"
#include "lib/rules/event.h"
#include "lib/rules/rules.h"
#include "tests/entry.h"
#include "tests/unit/functions.h"
#include "tests/unit/random.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/unit.h"
#include "worker/batch/batch.h"

#define ZONE "Europe/Berlin"
#define USERS 12
#define EVENTS 400
#define SCORES_MAX 40000

/* --- the game --------------------------------------------------------------------------------- */

static const struct kind {
    const char *id, *order, *ties, *op;
} kinds[] = {
    {"sum", "desc", "competition", "add"},    {"best", "desc", "competition", "max"},
    {"worst", "desc", "competition", "min"},  {"last", "desc", "competition", "set"},
    {"fewest", "asc", "competition", "add"},  {"fastest", "asc", "competition", "min"},
    {"dense-sum", "desc", "dense", "add"},    {"dense-best", "desc", "dense", "max"},
    {"dense-fewest", "asc", "dense", "add"},  {"dense-latest", "asc", "dense", "set"},
    {"first-sum", "desc", "first", "add"},    {"first-best", "desc", "first", "max"},
    {"first-fastest", "asc", "first", "min"}, {"first-latest", "asc", "first", "set"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const enum window_kind windows[] = {WINDOW_ALL, WINDOW_WEEKLY, WINDOW_DAILY, WINDOW_MONTHLY,
                                           WINDOW_YEARLY};

#define WINDOWS (sizeof(windows) / sizeof(windows[0]))

static struct product *product;
static struct batch *batch;
static redisContext *redis;
static char checkpoint[EVENT_ID_SIZE];

static void
load_product(void)
{
    struct buf json, why;

    buf_init(&json, 65536);
    buf_init(&why, 65536);
    buf_str(&json, "{\"product_id\": \"p\", \"game_server_url\": \"http://h\","
                   " \"game_socket_url\": \"ws://h\", \"timezone\": \"" ZONE "\", \"boards\": [");
    for (size_t i = 0; i < KINDS; i++)
        buf_printf(
            &json,
            "%s{\"id\": \"%s\", \"order\": \"%s\", \"ties\": \"%s\", \"windows\": [\"all\", "
            "\"weekly\","
            " \"daily\", \"monthly\", \"yearly\"], \"from\": [{\"on\": {\"type\": \"score\"},"
            " \"player\": \"user_id\", \"%s\": {\"field\": \"score\"}}]}",
            i > 0 ? ", " : "", kinds[i].id, kinds[i].order, kinds[i].ties, kinds[i].op);
    buf_str(&json, "]}");
    ck_assert_msg(product_parse_one(json.data, json.len, "p", &product, &why) == 0, "%s", why.data);
    buf_free(&json);
    buf_free(&why);
}

static void
setup(void)
{
    functions_setup();
    redis = redis_server_client(functions_server());
    checkpoint[0] = '\0';
    load_product();
    batch = batch_new();
    ck_assert_int_eq(setenv("TZ", ZONE, 1), 0);
    tzset();
}

static void
teardown(void)
{
    batch_free(batch);
    product_free(product);
    redisFree(redis);
    functions_teardown();
}

/* --- Redis ------------------------------------------------------------------------------------ */

/* Send the command, free a, and return the answer. */
static redisReply *
ask(struct redis_args *a)
{
    const char **argv = calloc(a->n, sizeof(*argv));
    size_t *lens = calloc(a->n, sizeof(*lens));
    char nkeys[24];
    redisReply *reply;

    ck_assert(!a->failed);
    (void)snprintf(nkeys, sizeof(nkeys), "%zu", a->nkeys);
    for (size_t i = 0; i < a->n; i++) {
        size_t from = i > 0 ? a->ends[i - 1] : 0;

        argv[i] = i == a->nkeys_at ? nkeys : a->bytes.data + from;
        lens[i] = i == a->nkeys_at ? strlen(nkeys) : a->ends[i] - from;
    }
    reply = redisCommandArgv(redis, (int)a->n, argv, lens);
    ck_assert_ptr_nonnull(reply);
    ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s", reply->str);
    free(argv);
    free(lens);
    redis_args_free(a);
    return reply;
}

static void
apply(struct event_id end)
{
    struct batch_span span = {.stream = "s", .checkpoint = checkpoint, .end = end};
    struct redis_args a;
    redisReply *reply;

    for (size_t i = 0; i < batch_reads(batch); i++) {
        redis_args_init(&a);
        batch_read_command(batch, i, &a);
        reply = ask(&a);
        ck_assert_int_eq(batch_read_reply(batch, i, reply), 0);
        freeReplyObject(reply);
    }
    batch_compute(batch);
    redis_args_init(&a);
    batch_apply_command(batch, &span, &a);
    reply = ask(&a);
    ck_assert_int_eq(reply->element[0]->integer, 1);
    freeReplyObject(reply);
    (void)event_id_format(end, checkpoint);
}

/* --- the model -------------------------------------------------------------------------------- */

struct score {
    size_t kind;
    char window[16];
    int user;
    double score;
    size_t reached; /* the event that brought it */
};

static struct score scores[SCORES_MAX];
static size_t nscores;

static void
name_window(enum window_kind window, wall_ms t, char *out, size_t size)
{
    time_t seconds = (time_t)(t / 1000);
    struct tm tm;

    ck_assert_ptr_nonnull(localtime_r(&seconds, &tm));
    if (window == WINDOW_ALL)
        (void)snprintf(out, size, "all");
    else if (window == WINDOW_WEEKLY)
        (void)strftime(out, size, "%G-W%V", &tm);
    else if (window == WINDOW_DAILY)
        (void)strftime(out, size, "%F", &tm);
    else if (window == WINDOW_MONTHLY)
        (void)strftime(out, size, "%Y-%m", &tm);
    else
        (void)strftime(out, size, "%Y", &tm);
}

static void
model_score(size_t kind, const char *window, int user, double score, size_t event)
{
    const char *op = kinds[kind].op;
    double new = score;
    size_t i = 0;

    while (i < nscores && !(scores[i].kind == kind && scores[i].user == user &&
                            strcmp(scores[i].window, window) == 0))
        i++;
    ck_assert_uint_lt(i, SCORES_MAX);
    if (i == nscores) {
        scores[nscores] = (struct score){.kind = kind, .user = user, .reached = SIZE_MAX};
        (void)snprintf(scores[nscores++].window, sizeof(scores[0].window), "%s", window);
    } else if (strcmp(op, "add") == 0) {
        new += scores[i].score;
    } else if (strcmp(op, "max") == 0 && scores[i].score > new) {
        new = scores[i].score;
    } else if (strcmp(op, "min") == 0 && scores[i].score < new) {
        new = scores[i].score;
    }
    if (scores[i].reached == SIZE_MAX || scores[i].score != new)
        scores[i].reached = event;
    scores[i].score = new;
}

/* Both better first; among equals, as Redis has them: by name, and read in reverse where high
 * scores lead. */
static int
compare(const void *a, const void *b)
{
    const struct score *x = a, *y = b;
    bool desc = strcmp(kinds[x->kind].order, "desc") == 0;
    int by_score = (x->score > y->score) - (x->score < y->score);
    int order = by_score != 0 ? by_score : (x->user > y->user) - (x->user < y->user);

    if (by_score == 0 && strcmp(kinds[x->kind].ties, "first") == 0)
        return x->reached < y->reached ? -1 : 1;
    return desc ? -order : order;
}

/* Who is on the board, in its order, with their ranks. */
struct entry {
    struct score score;
    int64_t rank;
};

static int64_t
model_board(size_t kind, const char *window, struct entry on[static USERS])
{
    struct score found[USERS];
    int64_t n = 0;

    for (size_t i = 0; i < nscores; i++)
        if (scores[i].kind == kind && strcmp(scores[i].window, window) == 0)
            found[n++] = scores[i];
    qsort(found, (size_t)n, sizeof(found[0]), compare);
    for (int64_t i = 0; i < n; i++) {
        bool same = i > 0 && found[i].score == found[i - 1].score;

        on[i].score = found[i];
        if (strcmp(kinds[kind].ties, "first") == 0)
            on[i].rank = i + 1;
        else if (same)
            on[i].rank = on[i - 1].rank;
        else if (strcmp(kinds[kind].ties, "dense") == 0)
            on[i].rank = i > 0 ? on[i - 1].rank + 1 : 1;
        else
            on[i].rank = i + 1;
    }
    return n;
}

static void
add_entry(const struct entry *e, struct buf *out)
{
    char text[TEXT_DOUBLE_SIZE];

    (void)text_format_double(e->score.score, text);
    buf_printf(out, " %lld %c %s", (long long)e->rank, 'a' + e->score.user, text);
}

static void
model_page(size_t kind, const struct board_page *page, struct buf *out)
{
    struct entry on[USERS];
    int64_t n = model_board(kind, page->window.name, on);

    buf_printf(out, "%lld:", (long long)n);
    for (int64_t i = page->offset; i < n && i < page->offset + page->limit; i++)
        add_entry(&on[i], out);
}

/* --- comparing -------------------------------------------------------------------------------- */

/* The entries of the JSON, as the model writes them. */
static void
add_entries(const char *at, struct buf *out)
{
    while ((at = strstr(at, "{\"rank\": ")) != NULL) {
        const char *user = strstr(at, "\"user_id\": \""), *score = strstr(at, "\"score\": ");
        size_t len = strcspn(score + strlen("\"score\": "), "}");

        buf_printf(out, " %ld %c %.*s", strtol(at + strlen("{\"rank\": "), NULL, 10),
                   user[strlen("\"user_id\": \"")], (int)len, score + strlen("\"score\": "));
        at = score;
    }
}

static void
real_page(const struct board_page *page, struct buf *out)
{
    struct redis_args a;
    struct buf json;
    redisReply *reply;

    redis_args_init(&a);
    board_page_command(&a, page);
    reply = ask(&a);
    buf_init(&json, 65536);
    ck_assert_int_eq(board_page_render(page, reply, &json), 0);
    freeReplyObject(reply);
    buf_printf(out, "%ld:", strtol(strstr(json.data, "\"total\": ") + 9, NULL, 10));
    add_entries(json.data, out);
    buf_free(&json);
}

/* A player's place and those around it, asked for by the page's offset and limit. */
static void
real_around(size_t kind, const struct board_page *page, struct buf *out)
{
    char user = (char)('a' + page->offset);
    struct redis_args a;
    struct buf json;
    redisReply *reply;
    bool found;

    (void)kind;
    redis_args_init(&a);
    board_around_command(&a, page, &user, 1, page->limit);
    reply = ask(&a);
    buf_init(&json, 65536);
    ck_assert_int_eq(board_around_render(page, reply, &json, &found), 0);
    freeReplyObject(reply);
    if (found) {
        const char *percentile = strstr(json.data, "\"percentile\": ");

        buf_printf(out, "%.*s", (int)strcspn(percentile, "["), percentile);
        add_entries(json.data, out);
    }
    buf_free(&json);
}

static void
model_around(size_t kind, const struct board_page *page, struct buf *out)
{
    struct entry on[USERS];
    int64_t n = model_board(kind, page->window.name, on), at = 0, better = 0, first, last;

    while (at < n && on[at].score.user != page->offset)
        at++;
    if (at == n)
        return;
    while (better < at &&
           (on[better].score.score != on[at].score.score || strcmp(kinds[kind].ties, "first") == 0))
        better++;
    buf_printf(out, "\"percentile\": %.0f, \"to_next\": ",
               ceil((double)(n - better - 1) / (double)n * 100));
    if (better == 0)
        buf_str(out, "null");
    else
        buf_json_number(out, fabs(on[better - 1].score.score - on[at].score.score));
    buf_str(out, ", \"neighbours\": ");
    first = at - page->limit;
    last = at + page->limit;
    for (; first < 0 && last < n - 1; first++)
        last++;
    for (; last > n - 1 && first > 0; last--)
        first--;
    for (int64_t i = first > 0 ? first : 0; i <= last && i < n; i++)
        add_entry(&on[i], out);
}

/* Three players by their ids, one of them twice. */
static void
real_players(size_t kind, const struct board_page *page, struct buf *out)
{
    struct redis_args a;
    struct buf json;
    redisReply *reply;
    char ids[8];

    (void)kind;
    (void)snprintf(ids, sizeof(ids), "%c,l,%c,a", 'a' + (int)page->offset, 'a' + (int)page->offset);
    redis_args_init(&a);
    ck_assert_int_eq(board_players_command(&a, page, ids, strlen(ids)), 0);
    reply = ask(&a);
    buf_init(&json, 65536);
    ck_assert_int_eq(board_page_render(page, reply, &json), 0);
    freeReplyObject(reply);
    add_entries(json.data, out);
    buf_free(&json);
}

static void
model_players(size_t kind, const struct board_page *page, struct buf *out)
{
    struct entry on[USERS];
    int64_t n = model_board(kind, page->window.name, on);

    for (int64_t i = 0; i < n; i++)
        if (on[i].score.user == page->offset || on[i].score.user == 'l' - 'a' ||
            on[i].score.user == 0)
            add_entry(&on[i], out);
}

/* How the scores are spread: the page's limit buckets, between the scores -2 and 4 where its offset
 * is odd. */
static struct board_division
division_of(const struct board_page *page)
{
    return (struct board_division){
        .buckets = page->limit + 1, .bounded = page->offset % 2 == 1, .from = -2, .to = 4};
}

static void
real_histogram(size_t kind, const struct board_page *page, struct buf *out)
{
    struct board_division division = division_of(page);
    struct redis_args a;
    struct buf json;
    redisReply *reply;

    (void)kind;
    redis_args_init(&a);
    board_histogram_command(&a, page, &division);
    reply = ask(&a);
    buf_init(&json, 65536);
    ck_assert_int_eq(board_histogram_render(page, reply, &json), 0);
    freeReplyObject(reply);
    buf_str(out, strstr(json.data, "\"total\""));
    buf_free(&json);
}

static void
add_number_or_null(const char *key, bool known, double v, struct buf *out)
{
    buf_printf(out, ", \"%s\": ", key);
    if (known)
        buf_json_number(out, v);
    else
        buf_str(out, "null");
}

static void
model_histogram(size_t kind, const struct board_page *page, struct buf *out)
{
    struct board_division d = division_of(page);
    double min = (double)INFINITY, max = -(double)INFINITY, edge[BOARD_BUCKETS_MAX + 1];
    int64_t below = 0, above = 0, count[BOARD_BUCKETS_MAX] = {0}, n, i, k;
    struct entry on[USERS];

    n = model_board(kind, page->window.name, on);
    for (i = 0; i < n; i++) {
        min = fmin(min, on[i].score.score);
        max = fmax(max, on[i].score.score);
    }
    if (!d.bounded) {
        d.from = min;
        d.to = max;
        d.buckets = n == 0 ? 0 : min == max ? 1 : d.buckets;
    }
    for (k = 0; k <= d.buckets && d.buckets > 0; k++)
        edge[k] = d.from + (d.to - d.from) * (double)k / (double)d.buckets;
    for (i = 0; i < n; i++) {
        below += on[i].score.score < d.from;
        above += on[i].score.score > d.to;
        for (k = d.buckets - 1; k >= 0 && on[i].score.score < edge[k]; k--)
            continue;
        if (k >= 0 && on[i].score.score <= d.to)
            count[k]++;
    }
    buf_printf(out, "\"total\": %lld", (long long)n);
    add_number_or_null("min", n > 0, min, out);
    add_number_or_null("max", n > 0, max, out);
    buf_printf(out, ", \"below\": %lld, \"above\": %lld, \"edges\": [", (long long)below,
               (long long)above);
    for (k = 0; k <= d.buckets && d.buckets > 0; k++) {
        buf_str(out, k > 0 ? ", " : "");
        buf_json_number(out, edge[k]);
    }
    buf_str(out, "], \"counts\": [");
    for (k = 0; k < d.buckets; k++)
        buf_printf(out, "%s%lld", k > 0 ? ", " : "", (long long)count[k]);
    buf_str(out, "]}");
}

typedef void write_fn(size_t kind, const struct board_page *page, struct buf *out);

static void
write_real_page(size_t kind, const struct board_page *page, struct buf *out)
{
    (void)kind;
    real_page(page, out);
}

static void
expect_same(size_t kind, const struct board_page *page, write_fn *model, write_fn *real)
{
    struct buf expected, found;

    buf_init(&expected, 65536);
    buf_init(&found, 65536);
    model(kind, page, &expected);
    real(kind, page, &found);
    ck_assert(buf_ok(&found) && buf_ok(&expected));
    buf_byte(&expected, '\n');
    buf_byte(&found, '\n');
    ck_assert_msg(strcmp(found.data, expected.data) == 0, "%s %s: %s, not %s", kinds[kind].id,
                  page->window.name, found.data, expected.data);
    buf_free(&expected);
    buf_free(&found);
}

/* What is beside a dense board agrees with it. */
static void
check_beside(size_t kind, const char *window)
{
    struct entry on[USERS];
    int64_t n = model_board(kind, window, on), different = n > 0 ? on[n - 1].rank : 0;
    char text[32];

    if (strcmp(kinds[kind].ties, "dense") != 0)
        return;
    (void)snprintf(text, sizeof(text), "%lld", (long long)different);
    ck_assert_str_eq(functions_command("ZCARD {p}:0:board:%s:%s:scores", kinds[kind].id, window),
                     text);
    ck_assert_str_eq(functions_command("HLEN {p}:0:board:%s:%s:counts", kinds[kind].id, window),
                     text);
}

static void
compare_boards(struct random_source *random, wall_ms t)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < WINDOWS; i++) {
            struct board_page page = board_page_first(product, kind, t);

            page.kind = windows[i];
            ck_assert(window_at(&rules_board_at(product->rules, kind)->windows, windows[i], t,
                                &page.window));
            page.offset = (int64_t)random_below(random, USERS);
            page.limit = 1 + (int64_t)random_below(random, USERS);
            expect_same(kind, &page, model_page, write_real_page);
            page.limit = (int64_t)random_below(random, USERS);
            expect_same(kind, &page, model_around, real_around);
            expect_same(kind, &page, model_players, real_players);
            expect_same(kind, &page, model_histogram, real_histogram);
            check_beside(kind, page.window.name);
        }
}

static void
add(struct event_id id, int user, int score, size_t event)
{
    char text[EVENT_ID_SIZE], name[2] = {(char)('a' + user), '\0'}, number[16], window[16];
    struct redisReply *entry;
    const char *why = "";
    struct event e;

    (void)event_id_format(id, text);
    (void)snprintf(number, sizeof(number), "%d", score);
    entry = ENTRY(text, "product_id", "p", "type", "score", "user_id", name, "score", number);
    ck_assert_msg(event_decode(entry, &e, &why) == 0, "%s", why);
    batch_add(batch, &e);
    entry_free(entry);
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < WINDOWS; i++) {
            name_window(windows[i], (wall_ms)id.ms, window, sizeof(window));
            model_score(kind, window, user, score, event);
        }
}

/* Some weeks around the day on which the clocks in Berlin go back, in batches of any size. */
START_TEST(boards_are_what_a_naive_model_says)
{
    struct random_source random = random_start();
    struct event_id id = {.ms = 1792000000000};
    size_t event = 0;

    nscores = 0;
    while (event < EVENTS) {
        size_t n = 1 + random_below(&random, 30);
        wall_ms before = (wall_ms)id.ms;

        batch_start(batch, "p", &GENERATION_FIRST, product);
        for (; n > 0; n--) {
            uint64_t ms = random_below(&random, 4) == 0 ? random_below(&random, 30000000) : 0;

            id = (struct event_id){.ms = id.ms + ms, .seq = ms > 0 ? 0 : id.seq + 1};
            add(id, (int)random_below(&random, USERS), (int)random_below(&random, 9) - 3, event++);
        }
        apply(id);
        compare_boards(&random, (wall_ms)id.ms);
        compare_boards(&random, before);
    }
}
END_TEST

/* The users a, b, … get these scores, one after another. */
static struct event_id
add_scores(struct event_id id, const int *score, int n)
{
    batch_start(batch, "p", &GENERATION_FIRST, product);
    for (int user = 0; user < n; user++) {
        id.seq++;
        add(id, user, score[user], 0);
    }
    apply(id);
    return id;
}

static void
expect_board(const char *id, int64_t offset, int64_t limit, const char *expected)
{
    int kind = rules_board_find(product->rules, id, strlen(id));
    struct board_page page = board_page_first(product, (size_t)kind, 0);
    struct buf found;

    page.offset = offset;
    page.limit = limit;
    buf_init(&found, 65536);
    real_page(&page, &found);
    ck_assert_str_eq(found.data, expected);
    buf_free(&found);
}

/* The ranks that agoragames/leaderboard documents: scores 50 50 30 30 10 are 1 1 3 3 5, or 1 1 2 2
 * 3; on the second page of three of 50 x4, 30 x4, 10 x2 they are 1 5 5, or 1 2 2. */
START_TEST(ties_are_ranked_as_is_usual)
{
    static const int five[] = {50, 50, 30, 30, 10};
    static const int ten[] = {50, 50, 50, 50, 30, 30, 30, 30, 10, 10};
    struct event_id id = {.ms = 1792000000000};

    nscores = 0;
    id = add_scores(id, five, 5);
    expect_board("best", 0, 9, "5: 1 b 50 1 a 50 3 d 30 3 c 30 5 e 10");
    expect_board("dense-best", 0, 9, "5: 1 b 50 1 a 50 2 d 30 2 c 30 3 e 10");
    expect_board("first-best", 0, 9, "5: 1 a 50 2 b 50 3 c 30 4 d 30 5 e 10");
    (void)add_scores(id, ten, 10);
    expect_board("best", 3, 3, "10: 1 a 50 5 h 30 5 g 30");
    expect_board("dense-best", 3, 3, "10: 1 a 50 2 h 30 2 g 30");
    expect_board("first-best", 0, 10,
                 "10: 1 a 50 2 b 50 3 c 50 4 d 50 5 e 30 6 f 30 7 g 30 8 h 30 9 i 10 10 j 10");
}
END_TEST

/* Of twelve, the best is at 92 and the worst at 0, as agoragames/leaderboard has it. */
START_TEST(percentiles_and_neighbours)
{
    static const int twelve[] = {12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
    static const struct {
        int64_t user, around;
        const char *expected;
    } asked[] = {
        {0, 2,
         "\"percentile\": 92, \"to_next\": null, \"neighbours\":  1 a 12 2 b 11 3 c 10 4 d 9 5 e "
         "8"},
        {11, 1, "\"percentile\": 0, \"to_next\": 1, \"neighbours\":  10 j 3 11 k 2 12 l 1"},
        {10, 1, "\"percentile\": 9, \"to_next\": 1, \"neighbours\":  10 j 3 11 k 2 12 l 1"},
        {5, 1, "\"percentile\": 50, \"to_next\": 1, \"neighbours\":  5 e 8 6 f 7 7 g 6"},
        {5, 0, "\"percentile\": 50, \"to_next\": 1, \"neighbours\":  6 f 7"},
    };
    struct event_id id = {.ms = 1792000000000};

    nscores = 0;
    (void)add_scores(id, twelve, 12);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        int kind = rules_board_find(product->rules, "best", 4);
        struct board_page page = board_page_first(product, (size_t)kind, 0);
        struct buf found;

        page.offset = asked[i].user;
        page.limit = asked[i].around;
        buf_init(&found, 65536);
        real_around((size_t)kind, &page, &found);
        ck_assert_str_eq(found.data, asked[i].expected);
        buf_free(&found);
    }
}
END_TEST

/* Sending an equal score again, or a worse one, does not move the time that breaks the tie; losing
 * the score and coming back to it does. */
START_TEST(who_was_first_stays_first)
{
    static const int one[] = {5, 5}, again[] = {5}, worse[] = {3}, better[] = {5, 6};
    struct event_id id = {.ms = 1792000000000};

    nscores = 0;
    id = add_scores(id, one, 2);
    id = add_scores(id, again, 1);
    expect_board("first-best", 0, 9, "2: 1 a 5 2 b 5");
    expect_board("first-latest", 0, 9, "2: 1 a 5 2 b 5");
    id = add_scores(id, worse, 1);
    expect_board("first-best", 0, 9, "2: 1 a 5 2 b 5");
    expect_board("first-latest", 0, 9, "2: 1 a 3 2 b 5");
    id = add_scores(id, again, 1);
    expect_board("first-latest", 0, 9, "2: 1 b 5 2 a 5");
    (void)add_scores(id, better, 2);
    expect_board("first-best", 0, 9, "2: 1 b 6 2 a 5");
}
END_TEST

Suite *
unit_suite(void)
{
    Suite *suite = suite_create("boards");
    TCase *tc = tcase_create("boards");

    redis_server_require();
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, boards_are_what_a_naive_model_says);
    tcase_add_test(tc, ties_are_ranked_as_is_usual);
    tcase_add_test(tc, percentiles_and_neighbours);
    tcase_add_test(tc, who_was_first_stays_first);
    suite_add_tcase(suite, tc);
    return suite;
}
